// How long each iteration took, against what was declared.

import { span, time, number, plural } from "./format.js";
import { extent, TIME_STEPS } from "./chart.js";
import { cpusOf, taskName } from "./reason.js";

/** The ended runs, each in a place of its own: that of its iteration, or the next one that is free, as a failed one runs again. */
function slots(history) {
  let last = 0;
  return history.iterations.filter(one => one.outcome !== "surplus").map(one => ({ ...one, slot: last = Math.max(last + 1, one.iteration) }));
}

/** The iterations of which nothing is loaded. */
function unloadedSlots(done, { skipped }) {
  const at = skipped ? done.findIndex(one => one.version > skipped.to) : -1;
  return at < 0 ? null : [(at > 0 ? done[at - 1].slot : 0) + 0.5, done[at].slot - 0.5];
}

export function durations(plot) {
  const { history } = plot.now(), done = slots(history);
  if (done.length === 0) return { empty: "No iteration has ended yet" };
  const [, most] = extent(done.map(one => one.seconds), history.registered ? history.registered.declared.duration / 1e6 : 0), chained = history.registered.chain;
  return {
    x: { domain: [0.5, Math.max(done[done.length - 1].slot, history.registered.iterations) + 0.5], label: "iteration", format: value => number(value, 0), steps: [1, 2, 5, 10, 20, 50, 100, 200, 500] },
    y: { domain: [0, most * 1.12], label: "", format: value => value === 0 ? "0" : span(value), steps: TIME_STEPS },
    bars: done.map(one => ({ kind: one.outcome === "failed" ? "under" : "duration", label: "duration of the iteration", x0: one.slot - 0.38, x1: one.slot + 0.38, y: one.seconds,
      title: "Iteration " + one.iteration + ": " + span(one.seconds) + (one.cpus ? ", " + cpusOf(one) : "") + (one.outcome === "failed" ? ", failed" : "") })),
    rules: [{ y: history.registered.declared.duration / 1e6, label: "declared" }], gap: unloadedSlots(done, history),
    summary: plural(done.length, "iteration") + " ended; the last took " + span(done[done.length - 1].seconds) + ".",
    heads: ["Iteration", "Ended at", "Duration", "CPU", "Outcome", "Node", ...(chained ? ["Task"] : [])],
    rows: done.map(one => [one.iteration, time(one.finished), span(one.seconds), cpusOf(one), one.outcome, one.hostname,
      ...(chained ? [taskName(one.task)] : [])]),
  };
}
