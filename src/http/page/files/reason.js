// Why: one decision, told so that somebody who sees it for the first time understands it.

import { h, table } from "./dom.js";
import { milli, span, time, moment, micros, margin, plural, number, percent, chance, cpus } from "./format.js";
import { outlook } from "./outlook.js";
import { headline, outcomeOf, predictedWith, stood, wasUnsure, bound } from "./decision.js";
import { sharing, told as sharers } from "./sharing.js";
import { facts } from "./figures.js";

/** Which task of a chained job a run was in. */
export function taskName(task) {
  if (!task) return "unknown";
  const place = "iteration " + (task.index + 1) + " of it";
  return task.number === null ? task.run + ", " + place : "task " + task.number + ", " + place;
}

/** The CPU of an iteration, which may have changed while it ran. */
export const cpusOf = ({ cpus, had }) => !cpus ? "unknown" : had && had.least !== had.most ? number(had.least / 1000, 3) + " to " + milli(had.most) : milli(cpus);

/** What the task of a chained job was told, once it had reported. */
function told(answer) {
  if (!answer) return "";
  return answer.next === "continue" ? " The task was told to go on: " + answer.reason + "." : " The task was told to end: " + answer.reason + ".";
}

const early = seconds => seconds === 0 ? "exactly at" : span(seconds) + (seconds > 0 ? " after" : " before");

function observed(decision, history) {
  const trigger = decision.trigger, data = trigger && trigger.data;
  if (!trigger) return "The facts that it used are in event " + decision.data.inputs.event + ".";
  if (trigger.kind === "IterationFinished") {
    const iteration = history.iterations.find(one => one.iteration === data.iteration && one.finished === data.finished_at);
    const of = history.registered ? " of " + history.registered.iterations : "";
    return "Iteration " + data.iteration + of + " ended at " + moment(data.finished_at) + " on " + data.hostname + ", after "
      + span(data.duration / 1e6) + (iteration && iteration.cpus ? " with " + cpusOf(iteration) : "")
      + (history.registered ? " (declared: " + span(history.registered.declared.duration / 1e6) + ")." : ".")
      + (history.registered && history.registered.chain && iteration ? " It ran in " + taskName(iteration.task) + "." : "");
  }
  if (trigger.kind === "Registered") return "The job was registered at " + moment(trigger.at) + ". Nothing was measured yet.";
  if (trigger.kind === "CpuSample") {
    return "Its used CPU time was measured at " + moment(data.at) + (data.limit ? ", under a limit of " + milli(data.limit) : "") + ".";
  }
  if (trigger.kind === "GrantReceived") {
    return "The cluster was shared anew at " + moment(trigger.at) + ", which left this job " + (data.cap ? "at most " + milli(data.cap) : "all that it wishes for")
      + (decision.during ? ", in the middle of iteration " + decision.during : "") + ".";
  }
  return "It followed from " + trigger.kind + " at " + moment(trigger.at) + ".";
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
  const with_ = predictedWith(decision);
  return plural(data.inputs.remaining, "iteration") + (data.inputs.remaining === 1 ? " remains" : " remain") + ". "
    + (with_ === null ? "By what was declared, whatever its CPU, the last one" : "With " + milli(with_) + " the last one")
    + " is expected to end at " + moment(data.prediction) + ": " + against + ", and " + early((data.prediction - deadline) / 1e6) + " the deadline (" + time(deadline) + ").";
}

/** What counts as on plan for a long-running job. */
function tolerated(history) {
  if (!history.registered) return "";
  const share = history.registered.declared.deviation_ppm / 1e4;
  return " (on plan is " + number(100 - share, 1) + " to " + number(100 + share, 1) + " %)";
}

function verdict(decision, uuid, answers) {
  const { from, to, performance, policy: { policy } } = decision.data, { word, kind } = stood(decision), shared = sharing(decision), kept = bound(decision);
  const parts = ["With the " + milli(from) + " that it had, the job " + (decision.longRunning ? "was " : "is "), h("strong", { class: kind }, word), "."];
  if (wasUnsure(decision)) {
    parts.push(" The policy adds CPU when the probability to be on time is below " + percent(policy.enough / 1e6, 1) + ", and then as much as makes it " + percent(policy.confidence / 1e6, 1) + ".");
  }
  if (shared) return [...parts, " The decision was to " + headline(decision) + ".", sharers(shared, uuid, answers)];
  if (from === to) {
    parts.push(kept ? " It keeps " + milli(to) + kept + "." : performance === "ON_PLAN" ? " So it keeps " + milli(to) + "."
      : " It keeps " + milli(to) + " all the same: the supervisor’s own words below say why.");
  } else if (performance === "UNDER_PERFORMANT" && to > from) parts.push(" So it gets more: " + milli(from) + " becomes " + milli(to) + ".");
  else if (performance === "OVER_PERFORMANT" && to < from) parts.push(" So it can give some away: " + milli(from) + " becomes " + milli(to) + ".");
  // What is not for the obvious reason is told by the policy's own words, below.
  else parts.push(" The policy decided to " + headline(decision) + ".");
  return parts;
}

/** When it would have ended with which CPU, and how surely on time: why one CPU was enough and another not. */
function weighed(decision, uuid, answers, deadline) {
  const found = decision.longRunning ? null : answers.weighed(uuid, decision.version);
  if (!found || found.with.length === 0) return null;
  const role = one => { const milli = Math.round(one.cpus * 1000), { from, to, wish } = decision.data;
    return [milli === from && "before", milli === to && "decided", milli === wish && "wished for"].filter(Boolean).join(", "); };
  return table("What was weighed", ["CPU", "Expected end", "On time with a probability of"],
    found.with.map(one => [cpus(one.cpus) + " (" + role(one) + ")", time(micros(one.finish)) + ", " + margin((deadline - micros(one.finish)) / 1e6), chance(one.chance_on_time)]), "plain weighed");
}

/** The whole explanation. */
export function explain(decision, history, job, answers) {
  const deadline = history.deadline || Date.parse(job.deadline_at) * 1000;
  const outcome = outcomeOf(decision, history, job);
  return h("div", { class: "reason" },
    h("ol", { class: "steps" },
      h("li", {}, h("b", {}, "What happened. "), observed(decision, history)),
      h("li", {}, h("b", {}, "What was expected. "), expected(decision, history, deadline)),
      h("li", {}, h("b", {}, "What was decided. "), verdict(decision, job.uuid, answers)),
      h("li", {}, h("b", {}, "What came of it. "), outcome.whole || outcome.word[0].toUpperCase() + outcome.word.slice(1) + ".",
        told(decision.answer))),
    weighed(decision, job.uuid, answers, deadline),
    decision.longRunning ? null : outlook(decision, deadline),
    h("blockquote", {}, h("p", {}, decision.data.reason), h("footer", {}, "the supervisor’s own words")),
    h("details", {}, h("summary", {}, "All figures that it used"), facts(decision, deadline)));
}
