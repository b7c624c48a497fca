// Why a job was late: what the log tells of what it needed, what it got, and where its time went. What the log does not tell is not guessed.

import { h } from "./dom.js";
import { milli, span, margin, moment, micros, number, plural, ADMISSION } from "./format.js";
import { predictedWith } from "./decision.js";
import { sharing, whoElse } from "./sharing.js";
import { cpusOf } from "./reason.js";

const LONGEST = 3;

const link = (uuid, decision, words) => h("a", { href: "#/job/" + uuid + "/decision/" + decision.version }, words);
const lowerFirst = text => text[0].toLowerCase() + text.slice(1);

/** The first decision that expected it to end after its deadline. */
function firstLate(history, uuid) {
  const foretold = history.decisions.filter(one => !one.longRunning), late = foretold.find(one => one.data.prediction > history.deadline);
  if (late) {
    const cpus = predictedWith(late);
    return ["First expected to be late at " + moment(late.at) + ", with " + plural(late.data.inputs.remaining, "iteration") + " left: by "
      + span((late.data.prediction - history.deadline) / 1e6) + (cpus === null ? "" : " with " + milli(cpus)) + " (", link(uuid, late, lowerFirst(late.name)), ")."];
  }
  const last = foretold[foretold.length - 1];
  if (!last) return null;
  return ["No decision expected it to be late. The last one, at " + moment(last.at) + " with " + plural(last.data.inputs.remaining, "iteration") + " left, expected its end "
    + span((history.deadline - last.data.prediction) / 1e6) + " before the deadline (", link(uuid, last, lowerFirst(last.name)), "): what came after it took longer than expected."];
}

/** What was due of a long-running job, and when it first was behind. */
function firstBehind(history, uuid) {
  const tolerance = history.registered ? history.registered.declared.deviation_ppm : 0;
  const behind = history.decisions.find(one => one.longRunning && one.data.ratio_millionths < 1e6 - tolerance);
  return behind ? ["First behind its plan at " + moment(behind.at) + ": it had used " + number(behind.data.ratio_millionths / 1e4, 0) + " % of the CPU time that was due by then (",
    link(uuid, behind, lowerFirst(behind.name)), ")."] : null;
}

function wanted(history, job) {
  const most = history.decisions.reduce((found, one) => Math.max(found, one.data.wish || one.data.to), 0), first = history.decisions[0];
  const { admission } = job, begins = admission ? "Reckoned at its registration, the deadline " + ADMISSION[admission.verdict].replace("can", "could") + " (" + admission.reason + "). " : "";
  const told = begins + (first && !history.skipped ? "The first decision wished for " + milli(first.data.wish || first.data.to) + "; the most that any wished for was " + milli(most) + "." : "");
  return told ? [told] : null;
}

/** That it had all that its policy gives, and needed more. */
function atTheMost(history) {
  const most = history.decisions.filter(({ data }) => data.performance === "UNDER_PERFORMANT" && data.from === data.to && data.to >= data.policy.policy.cpu_max);
  return most.length ? ["In " + plural(most.length, "decision") + " it had the most that its policy gives, " + milli(most[0].data.to) + ", and that was not enough."] : null;
}

/** What was wished for, and went to others. */
function notGranted(history, job, answers) {
  const short = history.decisions.filter(one => sharing(one));
  if (history.decisions.length === 0 && !history.skipped) return ["Nothing was decided about its CPU."];
  if (short.length === 0) return history.skipped ? null : ["In no decision it got less than its policy wished for because other jobs needed the room."];
  const worst = short.reduce((found, one) => one.data.wish - one.data.to > found.data.wish - found.data.to ? one : found), found = sharing(worst), names = whoElse(found, job.uuid, answers);
  return ["In " + number(short.length, 0) + " of " + plural(history.decisions.length, "decision") + " it got less than its policy wished for, as the cluster had not enough for all. The most was missing at "
    + moment(worst.at) + ": " + milli(found.cap) + " of " + milli(found.wish) + (names ? ", the room being shared with " + names : "") + " (", link(job.uuid, worst, lowerFirst(worst.name)), ")."];
}

/** Where the time went: in iterations, in runs that came to nothing, and between them. */
function timeSpent(history) {
  const done = history.counted(), { registered } = history;
  if (history.skipped || done.length === 0 || !registered) return null;
  const last = done[done.length - 1].finished, all = (last - history.t0) / 1e6, ran = done.reduce((sum, one) => sum + one.seconds, 0);
  const failed = history.iterations.filter(one => one.outcome === "failed"), lost = failed.reduce((sum, one) => sum + one.seconds, 0);
  const waits = done.map((one, index) => ({ one, seconds: (one.started - (index === 0 ? history.t0 : done[index - 1].finished)) / 1e6 })), longest = waits.reduce((most, one) => one.seconds > most.seconds ? one : most);
  return ["Of " + span(all) + " from its beginning to its end, its " + plural(done.length, "iteration") + " ran " + span(ran) + (failed.length ? ", " + plural(failed.length, "run") + " that failed " + span(lost) : "")
    + ", and it waited " + span(Math.max(0, all - ran - lost)) + " before and between them; the longest of these waits, " + span(longest.seconds) + ", was before iteration " + longest.one.iteration + "."];
}

function longestIterations(history) {
  const done = [...history.counted()].sort((one, other) => other.seconds - one.seconds).slice(0, LONGEST), { registered } = history;
  if (done.length === 0 || !registered) return null;
  return [(history.skipped ? "The longest iterations that are loaded: " : "The longest iterations: ") + done.map(one => "number " + one.iteration + " took " + span(one.seconds) + " with " + cpusOf(one) + " on " + one.hostname).join("; ")
    + ". Declared were " + span(registered.declared.duration / 1e6) + (registered.cpus ? " with " + milli(registered.cpus) : "") + "."];
}

/** The answer, for a job that was late; null for any other. */
export function whyLate(history, job, answers) {
  if (job.state !== "completed" || job.on_time !== false) return null;
  const longRunning = job.framework === "marathon";
  const answer = [wanted(history, job), longRunning ? firstBehind(history, job.uuid) : firstLate(history, job.uuid), atTheMost(history), notGranted(history, job, answers),
    ...(longRunning ? [job.cpu_seconds_wasted ? [number(job.cpu_seconds_wasted, 0) + " CPU-seconds of its work were lost with a container and done again."] : null]
      : [timeSpent(history), longestIterations(history)])];
  return h("section", { class: "card whylate", "aria-labelledby": "late-title" }, h("h2", { id: "late-title" }, "Why was it late?"),
    h("p", {}, "It ended at " + moment(micros(job.finished_at)) + ", " + margin(job.margin_seconds) + "; it was due at " + moment(micros(job.deadline_at)) + "."),
    h("ul", {}, answer.filter(Boolean).map(parts => h("li", {}, parts))),
    history.skipped ? h("p", { class: "soft" }, "Not all its events are loaded: what happened in those that are not is not told here.") : null);
}
