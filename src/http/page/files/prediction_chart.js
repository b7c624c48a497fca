// When the job was predicted to end, decision by decision, against its deadline.

import { milli, time, plural, number } from "./format.js";
import { robust, TIME_STEPS } from "./chart.js";
import { predictedWith, stood } from "./decision.js";
import { signed, numberOf } from "./plot.js";

export const REGIONS = { under: "too late: needs CPU", plan: "on plan", over: "earlier than needed: can give CPU" };

/** When a long-running job would end at the CPU that it gets, if it uses all of it. */
function reckoned(decision, declared) {
  const left = Math.max(0, declared.duration - decision.data.inputs.cpu_current);
  return decision.data.inputs.at + left / (Math.max(1, decision.data.to) / 1000);
}

function pointOf(one, declared, history, plot) {
  const spread = declared.deadline * declared.deviation_ppm / 1e12, { bounds } = one.data;
  const end = one.longRunning ? reckoned(one, declared) : one.data.prediction, cpus = one.longRunning ? one.data.to : predictedWith(one);
  return { one, version: one.version, at: plot.since(one.data.inputs.at), value: (end - history.deadline) / 1e6, cpus,
    upper: one.longRunning ? 0 : (bounds.upper - history.deadline) / 1e6, lower: one.longRunning ? -spread : (bounds.lower - history.deadline) / 1e6 };
}

const withCpu = cpus => cpus === null ? "whatever its CPU" : "with " + milli(cpus);

export function prediction(plot) {
  const { history } = plot.now(), declared = history.registered && history.registered.declared;
  if (!declared || history.decisions.length === 0) return { empty: "No decision yet" };
  const points = history.decisions.map(one => pointOf(one, declared, history, plot)), byVersion = new Map(points.map(point => [point.version, point]));
  const [x0, x1] = plot.lifetime();
  // One that is far beyond the others is marked at the edge, so that the others can be told apart.
  const domain = robust(points.map(point => point.value), [0, ...points.flatMap(point => [point.upper, point.lower])]);
  const beyond = points.filter(point => point.value < domain[0] || point.value > domain[1]).length;
  const strips = points.map((point, index) => ({ ...point, x0: index === 0 ? x0 : point.at, x1: index + 1 < points.length ? points[index + 1].at : x1 }));
  const region = (kind, from, to) => ({ kind, label: REGIONS[kind],
    pieces: strips.map(strip => ({ x0: strip.x0, x1: strip.x1, from: from(strip), to: to(strip) })) });
  const latest = points[points.length - 1], { marks, said } = plot.marked(one => { const point = byVersion.get(one.version);
    return { x: point.at, y: point.value, more: "predicted end " + withCpu(point.cpus) + " " + signed(point.value) + " against the deadline" }; });
  const clipped = beyond === 0 ? null : "▲ " + plural(beyond, "prediction") + " beyond this scale: the value is at the mark, and in the table";
  return {
    x: plot.elapsed(), y: { domain, label: "", format: signed, steps: TIME_STEPS },
    regions: [region("under", strip => strip.upper, () => domain[1]), region("plan", strip => strip.lower, strip => strip.upper),
      region("over", () => domain[0], strip => strip.lower)],
    rules: [{ y: 0, label: "the deadline" }, plot.deadlineRule()],
    lines: [{ kind: "ink", points: plot.apart(points, point => [point.at, point.value]) }], gap: plot.unloaded(),
    marks: marks.map(mark => ({ ...mark, value: signed(mark.y) })), said: [clipped, said].filter(Boolean).join("; "),
    summary: "At the last of " + plural(points.length, "decision") + " the predicted end was " + signed(latest.value) + " against the deadline."
      + (beyond ? " " + number(beyond, 0) + " are beyond the scale." : ""),
    heads: ["Decision", "Time", "Predicted end minus deadline", "With", "On plan from", "On plan to", "State"],
    rows: points.map(point => [numberOf(point.one), time(point.one.at), signed(point.value), point.cpus === null ? "any CPU" : milli(point.cpus), signed(point.lower), signed(point.upper),
      stood(point.one).word]),
  };
}
