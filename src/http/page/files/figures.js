// All figures that a decision used, each with its unit.

import { table } from "./dom.js";
import { milli, span, moment, number, percent } from "./format.js";
import { predictedWith } from "./decision.js";

// How the log writes a policy's parameters: thousandths of a CPU, millionths of a whole, thousandths, microseconds.
const UNITS = [
  [/^(cpu_min|cpu_max|cpu_grid|least_reduction|increment|decrement)$/, milli],
  [/^(target|confidence|enough|stragglers|serial_share|spread)$/, value => percent(value / 1e6, 1)],
  [/^(gain|proportional|integral|derivative|integral_limit)$/, value => number(value / 1000, 3)],
  [/^(resize_downtime|sleeping_time|deployment_time)$/, value => span(value / 1e6)],
];
const WORDS = {
  cpu_min: "never below", cpu_max: "never above", cpu_grid: "in steps of", target: "share of the deadline to be used", confidence: "probability to be on time that it chooses for",
  enough: "probability below which it adds CPU", least_reduction: "takes away no less than", stragglers: "iterations expected to take much longer",
  serial_share: "assumed share that more CPU does not shorten", spread: "assumed scatter", own_history: "own measurements before it takes CPU away", soft: "limits are shares",
  resize_downtime: "assumed time of a restart", increment: "step up", decrement: "step down",
};
const LEARNED = {
  serial: ["what more than one CPU does not shorten", value => span(value / 1e6)], parallel: ["what all CPUs divide", value => span(value / 1e6)],
  spread: ["scatter", value => percent(value / 1e6, 1)], gap: ["between two iterations", value => span(value / 1e6)],
  downtime: ["a restart", value => span(value / 1e6)], margin: ["left before it has to end, with the CPU wished for", value => (value < 0 ? "−" : "") + span(value / 1e6)],
  finish: ["its end, with the CPU wished for", moment], observations: ["measurements", value => number(value, 0)],
  error: ["error", value => percent(value / 1e6, 1)], integral: ["sum of errors", value => number(value / 1e6, 3)],
};

function parameter(name, value) {
  const [, shown] = UNITS.find(([names]) => names.test(name)) || [];
  return (WORDS[name] || name.replaceAll("_", " ")) + " " + (typeof value === "number" ? (shown || (plain => number(plain, 3)))(value) : typeof value === "boolean" ? (value ? "yes" : "no") : JSON.stringify(value));
}

function parameters({ policy, version }) {
  const shown = Object.entries(policy).filter(([name]) => name !== "name").map(([name, value]) => parameter(name, value));
  return policy.name + " (version " + version + ")" + (shown.length ? ": " + shown.join(", ") : "");
}

export function facts(decision, deadline) {
  const { data } = decision, rows = [], row = (name, value) => rows.push([name, value]);
  row("Decided at", moment(decision.at));
  row("Asked for by", decision.trigger ? decision.trigger.kind + " (event " + data.inputs.event + " of the job)" : "event " + data.inputs.event);
  if (decision.longRunning) {
    row("Used CPU time", number(data.inputs.cpu_current / 1e6, 2) + " CPU-seconds");
    row("Due by then", number(data.inputs.cpu_desired / 1e6, 2) + " CPU-seconds");
    row("Progress ratio", number(data.ratio_millionths / 1e6, 3));
  } else {
    const cpus = predictedWith(decision);
    row("Iterations left", number(data.inputs.remaining, 0));
    row("Predicted end" + (cpus === null ? "" : " with " + milli(cpus)), moment(data.prediction));
    row("On plan between", moment(data.bounds.lower) + " and " + moment(data.bounds.upper));
  }
  if (data.inputs.ceiling) row("The most that could be had without a new task", milli(data.inputs.ceiling));
  row("Deadline", moment(deadline));
  row("CPU before", milli(data.from));
  row("CPU after", milli(data.to));
  if (data.wish !== undefined && data.wish !== null) row("CPU wished for by the policy", milli(data.wish));
  if (decision.grant) row("Sharing of the cluster", "number " + decision.grant.round + ": " + (decision.grant.cap ? "at most " + milli(decision.grant.cap) : "all that it wishes for"));
  row("Policy", parameters(data.policy));
  for (const [name, value] of Object.entries(data.model || {})) {
    if (name === "kind") continue;
    const [words, shown] = LEARNED[name] || [name.replaceAll("_", " "), plain => typeof plain === "number" ? number(plain, 4) : JSON.stringify(plain)];
    row("Learned: " + words, shown(value));
  }
  row("In the log", "event " + decision.version + " of the job");
  return table("The figures of: " + decision.name, ["Figure", "Value"], rows, "plain figures-table");
}
