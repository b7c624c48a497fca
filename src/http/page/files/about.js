// What a job is doing and why it has the CPU that it has, in words and figures.

import { h, table } from "./dom.js";
import { micros, milli, time, moment, margin, span, number, plural, flag, ADMISSION, PERFORMANCE } from "./format.js";
import { headline, predictedWith, stood } from "./decision.js";
import { sharing, told } from "./sharing.js";
import { changes, how } from "./changes.js";
import { stateOf, marginOf, progressOf, cpuOf } from "./list.js";
import { TERMS } from "./terms.js";
import { tell } from "./tell.js";

/** For which CPU the newest prediction is; empty where it is for none. */
function predictedFor(history) {
  const last = history.decisions[history.decisions.length - 1], cpus = last && !last.longRunning ? predictedWith(last) : null;
  return cpus === null ? "" : "with " + milli(cpus);
}

/** What the job is doing, in a sentence or two. */
export function story(job, history) {
  const parts = [], progress = progressOf(job), found = marginOf(job), due = moment(micros(job.deadline_at));
  const limited = job.cpu_limit !== undefined && job.cpu_limit !== job.cpus;
  const has = job.cpus === null ? "" : limited ? " It may use " + number(job.cpu_limit, 3) + " CPU, its limit; " + number(job.cpus, 3) + " are reserved for it."
    : " It has " + number(job.cpus, 3) + " CPU"
      + (job.cpus_submitted !== null && job.cpus_submitted !== job.cpus ? ", and was submitted with " + number(job.cpus_submitted, 3) + "." : ", as submitted.");
  if (job.state === "registered") parts.push("Registered, and not begun yet. It must be done by " + due + "." + has);
  else if (job.state === "running") {
    parts.push("Running" + (progress ? ": " + progress.words + " done." : "."));
    const cpus = predictedFor(history);
    if (found) parts.push((job.prediction ? " It is predicted to end" + (cpus && " " + cpus) + " at " : " With the CPU that it has it would end at ") + moment(micros(job.deadline_at) - found.seconds * 1e6) + ", " + margin(found.seconds) + " for its deadline at " + due + ".");
    else parts.push(" Its deadline is " + due + ".");
    if (job.progress_ratio !== undefined) parts.push(" At the last look it had used " + number(job.progress_ratio * 100, 0) + " % of the CPU time that was due by then.");
    parts.push(has);
  } else if (job.state === "completed") {
    const { decided } = changes(history, job), more = decided > job.rescales ? " (" + number(decided, 0) + " changes were decided; what became of each is said below)" : "";
    parts.push("Done at " + moment(micros(job.finished_at)) + ", " + margin(found.seconds) + " for its deadline at " + due + "."
      + (job.rescales ? " Its CPU was changed " + plural(job.rescales, "time") + more + "." : " Its CPU was never changed" + more + "."));
  } else parts.push(job.state[0].toUpperCase() + job.state.slice(1) + (job.reason ? ": " + job.reason + "." : "."));
  return parts.join("");
}

export function facts(job, history) {
  const { word, kind } = stateOf(job), found = marginOf(job), progress = progressOf(job), cpu = cpuOf(job);
  const fact = (name, value, more, which) => h("div", { class: which || "" }, h("dt", {}, name), h("dd", {}, value, more ? h("small", {}, more) : null));
  const { admission } = job;
  return h("dl", { class: "figures" },
    fact("State", word, job.failures_in_row ? plural(job.failures_in_row, "failure") + " in a row" : "", kind),
    fact(job.finished_at ? "Margin" : "Predicted margin", found ? margin(found.seconds) : "not known yet", (found && !found.over && job.prediction && predictedFor(history) ? predictedFor(history) + "; " : "") + "deadline " + moment(micros(job.deadline_at)), found && found.seconds < 0 ? "under" : ""),
    fact(TERMS.reserved.name + " / " + TERMS.limit.name, cpu.main, cpu.more + (job.cpus_submitted === null ? "" : ", submitted with " + number(job.cpus_submitted, 3)) + how(job, history)),
    fact("Progress", progress ? number(progress.share * 100, 0) + " %" : "not begun", progress ? progress.words : ""),
    fact("Declared", job.iterations ? span(job.qos.duration) + " an iteration" + (history.registered && history.registered.chain ? ", chained" : "") : number(job.qos.duration, 0) + " CPU-seconds",
      "deadline after " + span(job.qos.deadline) + ", tolerance " + number(job.qos.desv_deadline * 100, 0) + " %"),
    fact("Policy", job.policy + (job.dry_run ? " (dry run)" : ""),
      admission ? "At its registration: the deadline " + (ADMISSION[admission.verdict] || admission.verdict) + "; the job " + admission.reason : ""));
}

export function flags(job) {
  if (job.flags.length === 0) return null;
  return h("ul", { class: "flags", "aria-label": "What people should know" }, job.flags.map(name => {
    const { name: word, meaning } = flag(name);
    return h("li", {}, h("b", {}, word), meaning ? ": " + meaning : "");
  }));
}

/** Why the CPU was changed, where that is obvious. */
function because(decision) {
  const { performance, from, to } = decision.data;
  if (sharing(decision)) return "";
  if (performance === "UNDER_PERFORMANT" && to > from) return stood(decision).word !== PERFORMANCE[performance].word ? ", because it was not sure enough to be on time" : ", because it was too slow for its deadline";
  return performance === "OVER_PERFORMANT" && to < from ? ", because it was faster than needed" : "";
}

/** Why it has the CPU that it has: the newest decision that changed it. Of a job that is over it is why it ended with it. */
export function why(history, job, answers) {
  const asked = h("b", {}, history.ended ? "Why this CPU at its end? " : "Why this CPU? ");
  const changed = history.decisions.filter(one => one.data.from !== one.data.to && one.outcomes.some(outcome => outcome.what === "applied"));
  const last = changed[changed.length - 1];
  if (!last) {
    if (history.decisions.length === 0 || history.skipped) return null;
    return h("p", { class: "lastwhy" }, asked, "No decision has changed it" + (history.ended ? "" : " yet") + ": it is what the job was submitted with.");
  }
  const shared = sharing(last);
  return h("p", { class: "lastwhy" }, asked, "The last change, at " + moment(last.at) + ", was to " + headline(last) + because(last) + ".",
    shared ? told(shared, job.uuid, answers) : "", " In the supervisor’s words: “" + last.data.reason + "”. ",
    h("a", { href: "#/job/" + job.uuid + "/decision/" + last.version }, "The whole reason"));
}

/** The newest events, each in words, with its facts as they are in the log. */
export function logTable(history, shown) {
  const newest = [...history.events.values()].slice(-shown).reverse();
  return table("The newest events", ["Event", "When", "What happened", "Kind", "Facts"], newest.map(event =>
    [number(event.version, 0), h("time", { datetime: new Date(event.at / 1000).toISOString(), title: moment(event.at) }, time(event.at)), tell(event, history), event.kind,
      h("code", { class: "clip wide" }, JSON.stringify(event.data))]), "plain log");
}
