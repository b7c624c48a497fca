// The event log as it grows, by server-sent events. It begins after a place in the log that was known before anything was read, and is taken
// up after the last event that came: between what is read and what is heard nothing is lost.

const SILENCE_MS = 25000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15000;
// Who comes back after so many events reads what it shows again, instead of hearing all that was said.
const MOST_BEHIND = 2000;

/**
 * Follows the log after the event `after` until the function that is returned is called. `on.event(event)`, `on.state("live" | "lost" | "over")`,
 * `on.missed()` when what is shown must be read again from where it is, `on.reset()` when it is another log.
 */
export function follow(after, on) {
  let source = null, seen = after, timer = null, silence = null, pause = FIRST_PAUSE_MS, stopped = false, broken = false;

  function heard(message) {
    if (message.lastEventId) seen = Number(message.lastEventId);
    pause = FIRST_PAUSE_MS;
    clearTimeout(silence);
    silence = setTimeout(again, SILENCE_MS);
    on.state("live");
    // What no event tells, such as whether a framework answers, may have changed meanwhile.
    if (broken) on.missed();
    broken = false;
  }

  function begin(message) {
    heard(message);
    const { seq, head } = JSON.parse(message.data);
    if (head - seq <= MOST_BEHIND) return;
    source.close();
    seen = head;
    open();
    on.missed();
  }

  function again() {
    if (stopped) return;
    broken = true;
    close();
    on.state("lost");
    timer = setTimeout(open, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }

  function open() {
    if (stopped) return;
    const opened = source = new EventSource("/api/v1/events" + (seen === null ? "" : "?after=" + seen));
    // A stream that was given up says nothing more.
    const listen = (name, hear) => opened.addEventListener(name, message => { if (source === opened && !stopped) hear(message); });
    listen("message", message => {
      heard(message);
      on.event(JSON.parse(message.data));
    });
    listen("begin", begin);
    listen("heart-beat", heard);
    listen("reset", message => { heard(message); on.reset(); });
    listen("over", () => { stop(); on.state("over"); });
    listen("error", again);
  }

  function close() {
    clearTimeout(timer);
    clearTimeout(silence);
    if (source) source.close();
  }

  function stop() {
    stopped = true;
    close();
  }

  // A tab that nobody looks at holds none of the few connections that a browser has for one address. It goes on from where it was.
  function visibility() {
    if (stopped) return;
    if (document.hidden) close();
    else if (source.readyState === EventSource.CLOSED) open();
  }
  document.addEventListener("visibilitychange", visibility);
  open();
  return () => {
    document.removeEventListener("visibilitychange", visibility);
    stop();
  };
}
