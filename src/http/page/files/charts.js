// The charts of a job, put together.

import { h } from "./dom.js";
import { chart, extent } from "./chart.js";
import { time, number } from "./format.js";
import { plotOf, cpuFigure } from "./plot.js";
import { prediction, REGIONS } from "./prediction_chart.js";
import { cpuOverTime } from "./cpu_chart.js";
import { durations } from "./durations_chart.js";
import { TERMS } from "./terms.js";

/** Of a repeated job: iterations done over iterations due, at the end of each. */
function repeatedProgress(history, since) {
  const declared = history.registered.declared;
  return history.counted().map(one => {
    const share = Math.min(1, Math.max(1e-9, (one.finished - history.t0) / declared.deadline));
    return { version: one.version, at: since(one.finished), ratio: one.iteration / (share * history.registered.iterations), done: one.iteration, due: share * history.registered.iterations };
  });
}

function progress(plot) {
  const { history } = plot.now(), { since } = plot;
  if (!history.registered) return { empty: "Nothing is known yet" };
  const longRunning = history.registered.framework === "marathon", deviation = history.registered.declared.deviation_ppm / 1e6;
  const known = longRunning ? history.progress.map(one => ({ version: one.version, at: since(one.at), ratio: one.ratio, done: one.used, due: one.due })) : repeatedProgress(history, since);
  if (known.length === 0) return { empty: longRunning ? "No CPU time was measured yet" : "No iteration has ended yet" };
  const points = plot.apart(known, one => [one.at, Math.min(one.ratio, 4)]);
  const [low, high] = extent(known.map(one => Math.min(one.ratio, 4)), 1 - deviation, 1 + deviation), room = (high - low) * 0.15;
  const [x0, x1] = plot.lifetime(), domain = [Math.max(0, low - room), high + room];
  const region = (kind, from, to, label) => ({ kind, label, pieces: [{ x0, x1, from, to }] });
  return {
    x: plot.elapsed(), y: { domain, label: "", format: cpuFigure },
    regions: longRunning ? [region("under", domain[0], 1 - deviation, "too slow: needs CPU"), region("plan", 1 - deviation, 1 + deviation, REGIONS.plan),
      region("over", 1 + deviation, domain[1], "faster than needed: can give CPU")] : [],
    rules: [{ y: 1, label: "as due" }, plot.deadlineRule()],
    lines: [{ kind: "ink", points, dots: !longRunning }], gap: plot.unloaded(),
    ...plot.marked(one => ({ x: since(one.data.inputs.at), y: plot.valueAt(points, since(one.data.inputs.at)) })),
    summary: "The last ratio was " + number(known[known.length - 1].ratio, 2) + ".",
    heads: longRunning ? ["Time", "Ratio", "CPU-seconds used", "CPU-seconds due"] : ["Time", "Ratio", "Iterations done", "Iterations due"],
    rows: known.map(one => [time(history.t0 + one.at * 1e6), number(one.ratio, 3), number(one.done, 1), number(one.due, 1)]),
  };
}

function consumption(plot) {
  const { history } = plot.now(), { since } = plot;
  if (!history.registered) return { empty: "Nothing is known yet" };
  const { declared, iterations, cpus } = history.registered, longRunning = history.registered.framework === "marathon";
  if (!longRunning && history.skipped) return { empty: "A sum over all iterations: load the earlier events to see it" };
  const used = [[0, 0]];
  if (longRunning) {
    used.push(...plot.apart(history.progress, one => [since(one.at), one.used]));
    const last = history.segments[history.segments.length - 1];
    if (history.ended && last && last.cpu !== null) used.push([since(last.ended), (last.base + last.cpu) / 1e6]);
  } else {
    for (const one of history.iterations) if (one.outcome !== "surplus") used.push([since(one.finished), used[used.length - 1][1] + history.granted(one.started, one.finished)]);
  }
  if (used.length === 1) return { empty: longRunning ? "No CPU time was measured yet" : "No iteration has ended yet" };
  const whole = longRunning ? declared.duration / 1e6 : iterations * declared.duration / 1e6 * (cpus || 1000) / 1000;
  const [x0, x1] = plot.lifetime(), end = declared.deadline / 1e6;
  const due = [[x0, 0], [end, whole], ...(x1 > end ? [[x1, whole]] : [])];
  const known = used.filter(point => point !== null);
  const dueAt = at => Math.min(1, Math.max(0, at / end)) * whole;
  return {
    x: plot.elapsed(), y: { domain: [0, extent(known.map(point => point[1]), whole)[1] * 1.12], label: "", format: value => number(value, whole < 20 ? 1 : 0) },
    lines: [{ kind: "due", points: due, label: "due, to end at the deadline" }, { kind: "cpu", points: used, dots: true, label: longRunning ? "used" : "granted while iterations ran" }],
    rules: [plot.deadlineRule()], gap: plot.unloaded(),
    ...plot.marked(one => ({ x: since(one.data.inputs.at), y: plot.valueAt(used, since(one.data.inputs.at)) })),
    summary: number(used[used.length - 1][1], 0) + " of " + number(whole, 0) + " CPU-seconds.",
    heads: ["Time", longRunning ? "CPU-seconds used" : "CPU-seconds granted", "CPU-seconds due"],
    rows: known.map(([x, y]) => [time(history.t0 + x * 1e6), number(y, 1), number(dueAt(x), 1)]),
  };
}

/** The charts of `uuid`; `now()` gives the history, the job and the present instant. */
export function jobCharts(uuid, now) {
  const longRunning = now().job.framework === "marathon", plot = plotOf(uuid, now), of = draw => () => draw(plot);
  const shown = [
    chart("Predicted end minus deadline", longRunning
      ? "Reckoned from the CPU time left at the CPU decided. Below zero it ends in time. ◆ is a change of CPU, ● a decision to keep it."
      : "Below zero it ends in time. Each prediction is for the CPU that its mark names. ◆ is a change of CPU, ● a decision to keep it; each opens its reason.", of(prediction)),
    chart("CPU over time", longRunning ? "CPUs in force: each change where it happened."
      : "CPUs in force: each change where it happened, also in the middle of an iteration. Marks are where it was decided.", of(cpuOverTime)),
    ...(longRunning ? [] : [chart("Duration of each iteration", "Seconds that the job’s own work took, against what was declared.", of(durations))]),
    chart("Progress ratio", longRunning ? "Used CPU time over CPU time due by then. 1 is exactly on time; the regions are what is decided by."
      : "Iterations done over iterations due by then. 1 is exactly on time.", of(progress)),
    longRunning ? chart(TERMS.usedTime.name + " against what is due", TERMS.usedTime.about + " And what must be used by then to end at the deadline.", of(consumption))
      : chart(TERMS.grantedTime.name + " against what is due", TERMS.grantedTime.about + " And what the declared work needs by then to end at the deadline.", of(consumption)),
  ];
  return {
    element: h("section", { class: "charts" + (longRunning ? "" : " five"), "aria-label": "Charts" }, shown.map(one => one.element)),
    redraw: () => shown.forEach(one => one.redraw()),
    leave: () => shown.forEach(one => one.leave()),
  };
}
