// What a job is doing and why it has the CPU that it has, in words and figures.

import { h, table } from "./dom.js";
import { micros, time, margin, span, number, plural, flag } from "./format.js";
import { headline } from "./reason.js";
import { stateOf, marginOf, progressOf, cpuOf } from "./list.js";
import { tell } from "./tell.js";

/** What the job is doing, in a sentence or two. */
export function story(job, history) {
  const parts = [], progress = progressOf(job), found = marginOf(job), due = time(micros(job.deadline_at));
  const limited = job.cpu_limit !== undefined && job.cpu_limit !== job.cpus;
  const has = job.cpus === null ? "" : limited ? " It may use " + number(job.cpu_limit, 3) + " of the " + number(job.cpus, 3) + " CPU that are reserved for it."
    : " It has " + number(job.cpus, 3) + " CPU"
      + (job.cpus_submitted !== null && job.cpus_submitted !== job.cpus ? ", and was submitted with " + number(job.cpus_submitted, 3) + "." : ", as submitted.");
  if (job.state === "registered") parts.push("Registered, and not begun yet. It must be done by " + due + "." + has);
  else if (job.state === "running") {
    parts.push("Running" + (progress ? ": " + progress.words + " done." : "."));
    if (found) parts.push((job.prediction ? " It is predicted to end at " : " With the CPU that it has it would end at ") + time(micros(job.deadline_at) - found.seconds * 1e6) + ", " + margin(found.seconds) + " for its deadline at " + due + ".");
    else parts.push(" Its deadline is " + due + ".");
    if (job.progress_ratio !== undefined) parts.push(" At the last look it had used " + number(job.progress_ratio * 100, 0) + " % of the CPU time that was due by then.");
    parts.push(has);
  } else if (job.state === "completed") {
    parts.push("Done at " + time(micros(job.finished_at)) + ", " + margin(found.seconds) + " for its deadline at " + due + "."
      + (job.rescales ? " Its CPU was changed " + plural(job.rescales, "time") + "." : " Its CPU was never changed."));
  } else parts.push(job.state[0].toUpperCase() + job.state.slice(1) + (job.reason ? ": " + job.reason + "." : "."));
  return parts.join("");
}

/** How a change of CPU gets to the job, by what it was registered with. */
function how(job, history) {
  const { registered } = history, inPlace = job.framework === "marathon" && registered ? registered.supervision.rescale === "in-place" : job.in_place;
  if (inPlace) return "; changed while it runs";
  if (job.framework === "marathon") return "; changed by stopping it and going on from there";
  return registered && registered.chain ? "; changed between two tasks, each of several iterations" : "; changed between two iterations";
}

export function facts(job, history) {
  const { word, kind } = stateOf(job), found = marginOf(job), progress = progressOf(job), cpu = cpuOf(job);
  const fact = (name, value, more, which) => h("div", { class: which || "" }, h("dt", {}, name), h("dd", {}, value, more ? h("small", {}, more) : null));
  return h("dl", { class: "figures" },
    fact("State", word, job.failures_in_row ? plural(job.failures_in_row, "failure") + " in a row" : "", kind),
    fact(job.finished_at ? "Margin" : "Predicted margin", found ? margin(found.seconds) : "not known yet", "deadline " + time(micros(job.deadline_at)), found && found.seconds < 0 ? "under" : ""),
    fact("CPU reserved / limit", cpu.main, cpu.more + (job.cpus_submitted === null ? "" : ", submitted with " + number(job.cpus_submitted, 3)) + how(job, history)),
    fact("Progress", progress ? number(progress.share * 100, 0) + " %" : "not begun", progress ? progress.words : ""),
    fact("Declared", job.iterations ? span(job.qos.duration) + " an iteration" + (history.registered && history.registered.chain ? ", chained" : "") : number(job.qos.duration, 0) + " CPU-seconds",
      "deadline after " + span(job.qos.deadline) + ", tolerance " + number(job.qos.desv_deadline * 100, 0) + " %"),
    fact("Policy", job.policy + (job.dry_run ? " (dry run)" : ""), job.admission ? job.admission.verdict + ": " + job.admission.reason : ""));
}

export function flags(job) {
  if (job.flags.length === 0) return null;
  return h("ul", { class: "flags", "aria-label": "What people should know" }, job.flags.map(name => {
    const { name: word, meaning } = flag(name);
    return h("li", {}, h("b", {}, word), meaning ? ": " + meaning : "");
  }));
}

const BECAUSE = { UNDER_PERFORMANT: ", because it was too slow for its deadline", OVER_PERFORMANT: ", because it was faster than needed" };

/** Why it has the CPU that it has: the newest decision that changed it. */
export function why(history, job, uuid) {
  const changes = history.decisions.filter(one => one.data.from !== one.data.to && one.outcomes.some(outcome => outcome.what === "applied"));
  const last = changes[changes.length - 1];
  if (!last) {
    if (history.decisions.length === 0 || history.skipped) return null;
    return h("p", { class: "lastwhy" }, h("b", {}, "Why this CPU? "), "No decision has changed it yet: it is what the job was submitted with.");
  }
  const obvious = (last.data.performance === "UNDER_PERFORMANT") === (last.data.to > last.data.from);
  return h("p", { class: "lastwhy" }, h("b", {}, "Why this CPU? "), "The last change, at " + time(last.at) + ", was to " + headline(last)
    + (obvious && BECAUSE[last.data.performance] || "") + ". In the supervisor’s words: “" + last.data.reason + "”. ",
    h("a", { href: "#/job/" + uuid + "/decision/" + last.version }, "The whole reason"));
}

/** The newest events, each in words, with its facts as they are in the log. */
export function logTable(history, shown) {
  const newest = [...history.events.values()].slice(-shown).reverse();
  return table("The newest events", ["Event", "When", "What happened", "Kind", "Facts"], newest.map(event =>
    [number(event.version, 0), time(event.at), tell(event, history), event.kind, h("code", { class: "clip wide" }, JSON.stringify(event.data))]), "plain log");
}
