// One decision in a few words: how the job stood, what was decided, for which CPU its prediction is, and what became of it.

import { milli, span, FRAMEWORK, PERFORMANCE } from "./format.js";
import { sharing, because } from "./sharing.js";

/** The CPU, in thousandths, that its prediction is for; null where the policy predicts the same for every CPU. */
export function predictedWith({ data }) {
  // These go by the declared duration alone.
  if (["step", "fixed"].includes(data.policy.policy.name)) return null;
  // Controllers go by what was measured with the CPU before.
  if (data.from === data.to || !data.model || data.model.finish === undefined) return data.from;
  // What is only recommended leaves the CPU as it was.
  if (data.policy.dry_run) return data.from;
  if (data.fold >= 4) return data.to;
  // Older decisions: what is wished for is what has this end, and what is held back leaves the CPU as it was.
  if (data.model.finish !== data.prediction) return data.from;
  return data.wish === undefined || data.wish === null ? data.to : data.wish;
}

const isPredictive = decision => decision.data.policy.policy.name === "predictive";

/** Whether it was decided by how sure it was to be on time, and not by when it would end. */
export const wasUnsure = decision => isPredictive(decision) && decision.data.performance === "UNDER_PERFORMANT";

/** How the job stood, in words. A policy that asks for a probability finds an early job not sure enough: it is not too slow. */
export function stood(decision) {
  const { data, longRunning } = decision, found = PERFORMANCE[data.performance];
  if (!wasUnsure(decision)) return found;
  const cpus = longRunning ? null : predictedWith(decision), late = data.prediction > data.bounds.upper;
  // With less CPU it would end later still, and with more sooner.
  if (cpus !== null && late && cpus >= data.from) return found;
  return { kind: found.kind, word: cpus !== null && !late && cpus <= data.from ? "early, but not sure enough" : "not sure to be on time" };
}

/** The decision in a few words. */
export function headline(decision) {
  const { from, to } = decision.data, shared = sharing(decision);
  if (decision.data.policy.dry_run && from !== to) return "would change " + milli(from) + " to " + milli(to) + ", and only recommends it";
  // A raise is not because of the others: that it is no greater one is.
  const why = shared ? (to < from ? ", as " : " instead of " + milli(shared.wish) + ", as ") + because(shared) : "";
  if (from === to) return "keep " + milli(to) + (why || bound(decision));
  return (to > from ? "raise " : "lower ") + milli(from) + " to " + milli(to) + why;
}

/** Why nothing changes although the job is not on plan: a bound of the policy. */
export function bound(decision) {
  const { to, performance, policy: { policy } } = decision.data;
  if (performance === "UNDER_PERFORMANT" && policy.cpu_max !== undefined && to >= policy.cpu_max) return ", the most that the policy gives";
  if (performance === "OVER_PERFORMANT" && policy.cpu_min !== undefined && to <= policy.cpu_min) return ", the least that the policy leaves";
  return "";
}

/** What became of it: `became` is one word of the sum in `changes.js`. */
export function outcomeOf(decision, history, job) {
  const { from, to, policy } = decision.data;
  if (from === to) return { became: "none", word: "nothing to change", kind: "soft" };
  if (policy.dry_run) return { became: "recommended", word: "recommended only (dry run)", kind: "soft" };
  const last = decision.outcomes[decision.outcomes.length - 1];
  if (!last && decision.replaced) {
    return { became: "replaced", word: "replaced by the next decision", kind: "soft",
      whole: "It was replaced by the next decision before anything came of it (" + decision.replaced.name.replace("Decision", "decision") + ")." };
  }
  if (!last && decision.intended && history.ended) return { became: "ended", word: "asked for; the job ended first", kind: "soft" };
  if (!last && !decision.intended && decision.already) {
    return { became: "repeated", word: "asked for already", kind: "soft", whole: "The same was asked for already, by " + decision.already.name.replace("Decision", "decision") + "." };
  }
  if (!last) return decision.intended ? { became: "open", word: "asked for, no answer yet", kind: "over" } : { became: "never", word: "not carried out", kind: "soft" };
  const after = span((last.at - decision.at) / 1e6) + " later";
  if (last.what === "applied") return { became: "applied", word: "in force " + after, kind: "plan", whole: inForce(job, last, after, decision) };
  return { became: "failed", word: last.what, kind: "under", whole: "It was " + last.what + " " + after + ": " + (last.data.reason || "no reason given") + "." };
}

function inForce(job, last, after, decision) {
  const cpu = milli(last.data.cpus);
  if (last.inPlace) return "The job’s agent had " + cpu + " in force " + after + ", while the job ran on.";
  return FRAMEWORK[job.framework] + " had " + cpu + " " + after
    + (decision.longRunning ? ": the job was stopped, and went on with it from where it was." : ", for the iterations that follow.");
}
