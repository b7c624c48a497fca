// What the charts of a job have in common: its time, its decisions as marks, and what of it is not loaded.

import { span, time, number, plural } from "./format.js";
import { TIME_STEPS } from "./chart.js";
import { headline, stood } from "./decision.js";

// More than these cannot be told apart, nor reached by keyboard: then only changes of CPU are marked.
const MOST_MARKS = 250;

export const signed = seconds => seconds === 0 ? "0" : (seconds < 0 ? "−" : "+") + span(seconds);
export const cpuFigure = value => number(value, 2);
export const numberOf = decision => decision.number === null ? "event " + decision.version : decision.number;

/** For `uuid`; `now()` gives the history, the job and the present instant. */
export function plotOf(uuid, now) {
  const since = at => (at - now().history.t0) / 1e6;

  /** From the beginning to the end, or to the deadline or the present, whichever is later. */
  function lifetime() {
    const { history, present } = now();
    const known = Math.max(history.deadline || 0, history.ended ? history.ended.at : 0,
      ...history.decisions.slice(-1).map(one => one.at), ...history.iterations.slice(-1).map(one => one.finished));
    // A job that nothing is heard of any more does not shrink what was heard.
    const shown = history.ended ? known : Math.min(Math.max(known, present), history.t0 + (known - history.t0) * 1.3);
    return [0, Math.max(1, since(shown)) * 1.02];
  }

  function markOf(decision, { x, y, more }) {
    const { word, kind } = stood(decision);
    return { id: decision.version, x, y, kind, changed: decision.data.from !== decision.data.to, href: "#/job/" + uuid + "/decision/" + decision.version,
      label: decision.name + ", " + time(decision.at) + ": " + word + ", " + headline(decision) + (more ? "; " + more : "") + ". Open its reason." };
  }

  return {
    now, since, lifetime,
    elapsed: () => ({ domain: lifetime(), label: "time since the job began", format: value => span(value) === "0 s" ? "0" : span(value), steps: TIME_STEPS }),
    deadlineRule: () => ({ x: since(now().history.deadline), label: "deadline" }),

    /** The decisions as marks, placed by `place(decision)`, which gives x, y and what more is to be said; and what of them is left out. */
    marked(place) {
      const all = now().history.decisions, some = all.length <= MOST_MARKS ? all : all.filter(one => one.data.from !== one.data.to).slice(-MOST_MARKS);
      return { marks: some.map(one => markOf(one, place(one))),
        said: some.length === all.length ? null : "of " + plural(all.length, "decision") + " only " + number(some.length, 0) + " that changed the CPU are marked; the list below has all" };
    },

    /** Points of what is loaded, with a break where something is not. */
    apart(list, point) {
      const { skipped } = now().history;
      return list.flatMap((one, index) => skipped && index > 0 && one.version > skipped.to && list[index - 1].version < skipped.from
        ? [null, point(one)] : [point(one)]);
    },

    /** The time of which nothing is loaded. */
    unloaded() {
      const { skipped } = now().history;
      return skipped && [since(skipped.after), since(skipped.before)];
    },

    /** Where a decision is marked on a line that is known at other instants. */
    valueAt(points, x) {
      const known = points.filter(point => point !== null);
      let low = 0, high = known.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (known[middle][0] <= x + 1e-6) low = middle + 1;
        else high = middle;
      }
      return known.length ? known[Math.max(0, low - 1)][1] : 0;
    },
  };
}
