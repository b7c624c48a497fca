// The event log as it grows, by server-sent events. The browser comes back by itself after a break; where it gives up, this goes on.

const SILENCE_MS = 25000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15000;

/** Follows the log until `stop`. `on.event(event)`, `on.state("live" | "lost" | "over")`, `on.reset()` when something may have been missed. */
export function follow(on) {
  let source = null, seen = null, timer = null, silence = null, pause = FIRST_PAUSE_MS, stopped = false, broken = false;

  function heard(message) {
    if (message.lastEventId) seen = message.lastEventId;
    pause = FIRST_PAUSE_MS;
    clearTimeout(silence);
    silence = setTimeout(() => again("silence"), SILENCE_MS);
    if (broken) on.reset();
    broken = false;
    on.state("live");
  }

  function again() {
    if (stopped) return;
    broken = true;
    source.close();
    clearTimeout(silence);
    clearTimeout(timer);
    on.state("lost");
    timer = setTimeout(open, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }

  function open() {
    if (stopped) return;
    source = new EventSource("/api/v1/events" + (seen === null ? "" : "?after=" + encodeURIComponent(seen)));
    source.onmessage = message => {
      heard(message);
      on.event(JSON.parse(message.data));
    };
    source.addEventListener("begin", heard);
    source.addEventListener("heart-beat", heard);
    source.addEventListener("reset", message => { heard(message); on.reset(); });
    source.addEventListener("over", () => { stop(); on.state("over"); });
    source.onerror = again;
  }

  function stop() {
    stopped = true;
    clearTimeout(timer);
    clearTimeout(silence);
    if (source) source.close();
  }

  // A tab that nobody looks at holds none of the few connections that a browser has for one address.
  function visibility() {
    if (stopped) return;
    if (document.hidden) {
      clearTimeout(timer);
      clearTimeout(silence);
      source.close();
    } else if (source.readyState === EventSource.CLOSED) {
      open();
      on.reset();
    }
  }
  document.addEventListener("visibilitychange", visibility);
  open();
  return () => {
    document.removeEventListener("visibilitychange", visibility);
    stop();
  };
}
