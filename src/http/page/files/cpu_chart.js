// The CPU that was in force over time, each change where it happened, with the iterations behind it.

import { milli, time } from "./format.js";
import { extent } from "./chart.js";
import { outcomeOf } from "./decision.js";
import { cpuFigure, numberOf } from "./plot.js";

/** Where in the job's work a decision was made. */
function during(decision) {
  if (decision.longRunning) return "while it ran";
  if (decision.during) return "in iteration " + decision.during;
  return decision.done ? "after iteration " + decision.done : "before the first iteration";
}

/** Points of the line, with a break where nothing is loaded. */
function line(history, since, end) {
  const points = [];
  let held = null;
  for (const { at, cpus } of history.cpus) {
    points.push(...(cpus !== null ? [[since(at), cpus / 1000]] : held === null ? [] : [[since(at), held], null]));
    held = cpus === null ? null : cpus / 1000;
  }
  if (held !== null) points.push([since(end), held]);
  return points;
}

/** The times in which iterations ran. */
function iterations(history, since, present, top) {
  const runs = history.iterations.filter(one => one.outcome !== "surplus").map(one => [one.started, one.finished]);
  if (history.running && !history.ended) runs.push([history.running.at, present]);
  return { kind: "running", label: "an iteration runs", pieces: runs.map(([from, to]) => ({ x0: since(from), x1: since(to), from: 0, to: top })) };
}

export function cpuOverTime(plot) {
  const { history, job, present } = plot.now();
  if (history.cpus.length === 0) return { empty: "No CPU is known yet" };
  const points = line(history, plot.since, history.ended ? history.ended.at : present);
  const [, high] = extent([...points.map(point => point && point[1]), ...history.decisions.map(one => one.data.to / 1000)], 0), top = high * 1.25;
  return {
    x: plot.elapsed(), y: { domain: [0, top], label: "", format: cpuFigure },
    regions: job.framework === "marathon" ? [] : [iterations(history, plot.since, present, top)],
    lines: [{ kind: "cpu", step: true, points, label: "CPU in force, in CPUs" }],
    rules: [plot.deadlineRule()], gap: plot.unloaded(),
    ...plot.marked(one => ({ x: plot.since(one.at), y: one.data.to / 1000, more: during(one) })),
    summary: history.cpu === null ? "" : (history.ended ? "At its end it had " : "It has ") + milli(history.cpu) + ".",
    heads: ["Decision", "Time", "When", "CPU before", "CPU after", "What came of it"],
    rows: history.decisions.map(one => [numberOf(one), time(one.at), during(one), milli(one.data.from), milli(one.data.to), outcomeOf(one, history, job).word]),
  };
}
