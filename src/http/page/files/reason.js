// Why: one decision, told so that somebody who sees it for the first time understands it.

import { h, table } from "./dom.js";
import { milli, span, time, plural, number, FRAMEWORK, PERFORMANCE } from "./format.js";
import { outlook } from "./charts.js";

/** The decision in a few words. */
export function headline(decision) {
  const { from, to } = decision.data;
  if (decision.data.policy.dry_run && from !== to) return "would change " + milli(from) + " to " + milli(to) + ", and only recommends it";
  if (from === to) return "keep " + milli(to) + bound(decision);
  return (to > from ? "raise " : "lower ") + milli(from) + " to " + milli(to);
}

/** Why nothing changes although the job is not on plan: a bound of the policy. */
function bound(decision) {
  const { to, performance, policy: { policy } } = decision.data;
  if (performance === "UNDER_PERFORMANT" && policy.cpu_max !== undefined && to >= policy.cpu_max) return ", the most that the policy gives";
  if (performance === "OVER_PERFORMANT" && policy.cpu_min !== undefined && to <= policy.cpu_min) return ", the least that the policy leaves";
  return "";
}

/** What became of it. */
export function outcomeOf(decision, history, job) {
  const { from, to, policy } = decision.data;
  if (from === to) return { word: "nothing to change", kind: "soft" };
  if (policy.dry_run) return { word: "recommended only (dry run)", kind: "soft" };
  const last = decision.outcomes[decision.outcomes.length - 1];
  if (!last && decision.intended && history.ended) return { word: "asked for; the job ended first", kind: "soft" };
  if (!last) return decision.intended ? { word: "asked for, no answer yet", kind: "over" } : { word: "not carried out", kind: "soft" };
  const after = span((last.at - decision.at) / 1e6) + " later";
  if (last.what === "applied") return { word: "in force " + after, kind: "plan", whole: inForce(decision, history, job, last, after) };
  return { word: last.what, kind: "under", whole: "It was " + last.what + " " + after + ": " + (last.data.reason || "no reason given") + "." };
}

function inForce(decision, history, job, last, after) {
  const { registered } = history, cpu = milli(last.data.cpus);
  const inPlace = decision.answer ? decision.answer.next === "continue" : decision.longRunning && registered && registered.supervision.rescale === "in-place";
  if (inPlace) return "The job’s agent had " + cpu + " in force " + after + ", while the job ran on.";
  return FRAMEWORK[job.framework] + " had " + cpu + " " + after
    + (decision.longRunning ? ": the job was stopped, and went on with it from where it was." : ", for the iterations that follow.");
}

/** Which task of a chained job a run was in. */
export function taskName(task) {
  if (!task) return "unknown";
  const place = "iteration " + (task.index + 1) + " of it";
  return task.number === null ? task.run + ", " + place : "task " + task.number + ", " + place;
}

/** What the task of a chained job was told, once it had reported. */
function told(answer) {
  if (!answer) return "";
  return answer.next === "continue" ? " The task was told to go on: " + answer.reason + "." : " The task was told to end: " + answer.reason + ".";
}

const early = seconds => Math.abs(seconds) < 0.05 ? "exactly at" : span(seconds) + (seconds > 0 ? " after" : " before");

function observed(decision, history) {
  const trigger = decision.trigger, data = trigger && trigger.data;
  if (!trigger) return "The facts that it used are in event " + decision.data.inputs.event + ".";
  if (trigger.kind === "IterationFinished") {
    const iteration = history.iterations.find(one => one.iteration === data.iteration && one.finished === data.finished_at);
    const of = history.registered ? " of " + history.registered.iterations : "";
    return "Iteration " + data.iteration + of + " ended at " + time(data.finished_at) + " on " + data.hostname + ", after "
      + span(data.duration / 1e6) + (iteration && iteration.cpus ? " with " + milli(iteration.cpus) : "")
      + (history.registered ? " (declared: " + span(history.registered.declared.duration / 1e6) + ")." : ".")
      + (history.registered && history.registered.chain && iteration ? " It ran in " + taskName(iteration.task) + "." : "");
  }
  if (trigger.kind === "Registered") return "The job was registered. Nothing was measured yet.";
  if (trigger.kind === "CpuSample") {
    return "Its CPU time was measured at " + time(data.at) + (data.limit ? ", under a limit of " + milli(data.limit) : "") + ".";
  }
  if (trigger.kind === "GrantReceived") {
    return "The share of the cluster that is left to this job changed" + (data.cap ? ": at most " + milli(data.cap) : "") + ".";
  }
  return "It followed from " + trigger.kind + " at " + time(trigger.at) + ".";
}

function expected(decision, history, deadline) {
  const data = decision.data;
  if (decision.longRunning) {
    const ahead = (data.inputs.cpu_current - data.inputs.cpu_desired) / 1e6;
    return "To end by its deadline it should have used " + number(data.inputs.cpu_desired / 1e6, 1) + " CPU-seconds by now. It has used "
      + number(data.inputs.cpu_current / 1e6, 1) + ": " + number(Math.abs(ahead), 1) + (ahead < 0 ? " too few" : " more")
      + ", which is " + number(data.ratio_millionths / 1e4, 0) + " % of what is due" + tolerated(history) + ".";
  }
  const upper = (data.prediction - data.bounds.upper) / 1e6, lower = (data.prediction - data.bounds.lower) / 1e6;
  const against = upper > 0 ? early(upper) + " the latest end that is on plan (" + time(data.bounds.upper) + ")"
    : lower < 0 ? early(lower) + " the earliest end that is on plan (" + time(data.bounds.lower) + ")"
      : "between the earliest and the latest end that are on plan (" + time(data.bounds.lower) + " to " + time(data.bounds.upper) + ")";
  return plural(data.inputs.remaining, "iteration") + (data.inputs.remaining === 1 ? " remains" : " remain") + ". The last one is expected to end at "
    + time(data.prediction) + ": " + against + ", and " + early((data.prediction - deadline) / 1e6) + " the deadline (" + time(deadline) + ").";
}

/** What counts as on plan for a long-running job. */
function tolerated(history) {
  if (!history.registered) return "";
  const share = history.registered.declared.deviation_ppm / 1e4;
  return " (on plan is " + number(100 - share, 1) + " to " + number(100 + share, 1) + " %)";
}

function verdict(decision) {
  const { from, to, performance, wish } = decision.data, found = PERFORMANCE[performance];
  const state = h("strong", { class: found.kind }, found.word);
  const kept = bound(decision);
  const so = from === to ? kept ? " It keeps " + milli(to) + kept + "." : performance === "ON_PLAN" ? " So it keeps " + milli(to) + "."
    : " It keeps " + milli(to) + " all the same: the supervisor’s own words below say why." : to > from ? " So it gets more: " + milli(from) + " becomes " + milli(to) + "."
    : " So it can give some away: " + milli(from) + " becomes " + milli(to) + ".";
  // What is not for the obvious reason is told by the policy's own words, below.
  const obvious = from === to || (performance === "UNDER_PERFORMANT" && to > from) || (performance === "OVER_PERFORMANT" && to < from);
  const parts = [decision.longRunning ? "With the CPU it had, the job was " : "With the CPU it had, the job is ", state, ".",
    obvious ? so : " The policy decided to " + headline(decision) + "."];
  if (wish !== undefined && wish !== null && wish !== to) parts.push(" The policy alone would have wished for " + milli(wish) + ".");
  if (decision.grant && decision.grant.cap) {
    parts.push(" The cluster left it at most " + milli(decision.grant.cap) + " (round " + decision.grant.round + ").");
  }
  return parts;
}

function parameters(policy) {
  const shown = Object.entries(policy.policy).filter(([name]) => name !== "name")
    .map(([name, value]) => name + " = " + (typeof value === "number" && /cpu|increment|decrement/.test(name) ? milli(value) : JSON.stringify(value)));
  return [policy.policy.name + " (version " + policy.version + ")", ...shown].join(", ");
}

function facts(decision, history, deadline) {
  const data = decision.data, rows = [];
  const row = (name, value) => rows.push([name, value]);
  row("Decided at", time(decision.at));
  row("Asked for by", decision.trigger ? decision.trigger.kind + " (event " + data.inputs.event + " of the job)" : "event " + data.inputs.event);
  if (decision.longRunning) {
    row("CPU time used", number(data.inputs.cpu_current / 1e6, 2) + " CPU-seconds");
    row("CPU time due", number(data.inputs.cpu_desired / 1e6, 2) + " CPU-seconds");
    row("Progress ratio", number(data.ratio_millionths / 1e6, 3));
    if (data.inputs.ceiling) row("The most that could be had", milli(data.inputs.ceiling));
  } else {
    row("Iterations left", number(data.inputs.remaining, 0));
    row("Predicted end", time(data.prediction));
    row("On plan between", time(data.bounds.lower) + " and " + time(data.bounds.upper));
  }
  row("Deadline", time(deadline));
  row("CPU before", milli(data.from));
  row("CPU after", milli(data.to));
  if (data.wish !== undefined && data.wish !== null) row("CPU wished for by the policy", milli(data.wish));
  row("Policy", parameters(data.policy));
  for (const [name, value] of Object.entries(data.model || {})) {
    row("Learned: " + name.replaceAll("_", " "), typeof value === "number" ? number(value, 4) : JSON.stringify(value));
  }
  row("In the log", "event " + decision.version + " of the job");
  return table("The figures of: " + decision.name, ["Figure", "Value"], rows, "plain figures-table");
}

/** The whole explanation. */
export function explain(decision, history, job) {
  const deadline = history.deadline || Date.parse(job.deadline_at) * 1000;
  const outcome = outcomeOf(decision, history, job);
  return h("div", { class: "reason" },
    h("ol", { class: "steps" },
      h("li", {}, h("b", {}, "What happened. "), observed(decision, history)),
      h("li", {}, h("b", {}, "What was expected. "), expected(decision, history, deadline)),
      h("li", {}, h("b", {}, "What was decided. "), verdict(decision)),
      h("li", {}, h("b", {}, "What came of it. "), outcome.whole || outcome.word[0].toUpperCase() + outcome.word.slice(1) + ".",
        told(decision.answer))),
    decision.longRunning ? null : outlook(decision, deadline),
    h("blockquote", {}, h("p", {}, decision.data.reason), h("footer", {}, "the supervisor’s own words")),
    h("details", {}, h("summary", {}, "All figures that it used"), facts(decision, history, deadline)));
}
