// What would have been: the job's recorded work, run again by the supervisor under another policy or with another CPU.

import { h, announce, table } from "./dom.js";
import { send } from "./api.js";
import { TERMS } from "./terms.js";
import { span, cpus, number, margin, chance, plural } from "./format.js";

const PATIENCE_MS = 40000;
const POLICIES = [
  ["predictive", "predictive: the least CPU that is predicted to be on time"], ["step", "step: fixed steps, as published"],
  ["proportional", "proportional: more, the later it would be"], ["pid", "pid: a controller with a memory"],
  ["fixed", "fixed: the submitted CPU, always"], ["", "one CPU from beginning to end …"],
];

/** Who comes off better; by how little is the same, nobody does. */
const better = (was, would) => Math.abs(was - would) < 1e-9 ? "" : would < was ? "better" : "worse";

function comparison(found) {
  const { recorded: was, replayed: would } = found;
  const finish = one => one.finish_s === null ? "not over" : span(one.finish_s) + " after its start, " + margin(found.deadline_s - one.finish_s);
  const onTime = one => one.on_time === null ? "not known yet" : one.on_time ? "yes" : "no";
  const cell = (kind, text) => h("span", { class: kind }, text);
  const finishes = was.finish_s !== null && would.finish_s !== null;
  return table("In fact, and under " + found.change, ["", "In fact (" + found.recorded_policy + ")", "Would have been (" + found.change + ")"], [
    ["End", finish(was), cell(finishes ? better(was.finish_s, would.finish_s) : "", finish(would))],
    ["On time", onTime(was), cell(was.on_time === would.on_time || was.on_time === null ? "" : would.on_time ? "better" : "worse", onTime(would))],
    [TERMS.reservedTime.name, number(was.cpu_seconds, 1) + " CPU-seconds",
      cell(was.complete ? better(was.cpu_seconds, would.cpu_seconds) : "", number(would.cpu_seconds, 1) + " CPU-seconds")],
    ["Changes of CPU", number(was.rescales, 0), number(would.rescales, 0)],
    ["CPU at the end", cpus(was.last_cpus), cpus(would.last_cpus)],
  ], "plain compare");
}

function verdict(found) {
  const { recorded: was, replayed: would } = found;
  if (would.finish_s === null) return "It would not have ended.";
  const saved = was.cpu_seconds - would.cpu_seconds;
  const cost = !was.complete ? "" : Math.abs(saved) < 0.5 ? ", with the same reserved CPU time"
    : ", with " + plural(Math.round(Math.abs(saved)), "CPU-second") + (saved > 0 ? " less" : " more") + " of reserved CPU time";
  return "It would have ended " + margin(found.deadline_s - would.finish_s) + (was.finish_s === null ? "" : " (in fact " + margin(found.deadline_s - was.finish_s) + ")") + cost + ".";
}

function parting(found) {
  const at = found.first_divergence;
  if (!at) return h("p", {}, "Every decision would have been the same.");
  const side = (value, why) => cpus(value) + (why ? ": “" + why + "”" : ", as nothing was decided");
  return h("p", {}, h("b", {}, "Where they part. "), (at.after === 0 && at.at_s < 0.05 ? "At the start, before anything was done" : span(at.at_s) + " after the start, with " + number(at.after, 0) + " done")
    + ". In fact " + side(at.recorded_cpus, at.recorded_reason)
    + ". Instead " + side(at.replayed_cpus, at.replayed_reason) + ".");
}

function answer(found) {
  return h("div", {},
    h("p", { class: "story" }, verdict(found)),
    h("p", { id: "what-alone" }, h("b", {}, "This job alone. "), "What other jobs needed is left out: it gets every CPU that is decided here, also where in fact it had to share the cluster with them."),
    comparison(found),
    parting(found),
    h("p", { class: "soft" }, (found.finish === null ? "How sure that is cannot be told of so long a job. "
      : "How sure: with a probability of 95 % it ends " + span(found.finish.low_s) + " to " + span(found.finish.high_s)
      + " after its start; another run of it is on time with a probability of " + chance(found.chance_on_time) + ". ") + found.model + "."),
    found.decisions.length ? h("details", {}, h("summary", {}, "The " + plural(found.decisions.length, "decision") + " that it would have made"),
      table("Decisions under the change", ["After", "At", "CPU before", "CPU after", "Why"],
        found.decisions.map(one => [one.after, span(one.at_s), cpus(one.from), cpus(one.to), one.reason]))) : null,
    found.notes.length ? h("details", {}, h("summary", {}, "What to know about these figures"), h("ul", {}, found.notes.map(note => h("li", {}, note)))) : null);
}

/** The panel about `uuid`. */
export function whatIf(uuid, job, failed) {
  const policy = h("select", { id: "what-policy", onchange: () => { fixed.hidden = policy.value !== ""; most.hidden = policy.value === "" || policy.value === "fixed"; } },
    POLICIES.map(([value, word]) => h("option", { value }, word)));
  const cpu = h("input", { id: "what-cpu", type: "number", min: "0.001", max: "100000", step: "any", value: "1" });
  const fixed = h("label", { for: "what-cpu", hidden: true }, "CPUs", cpu);
  const limit = h("input", { id: "what-most", type: "number", min: "0.1", max: "100000", step: "any", placeholder: "as it was" });
  const most = h("label", { for: "what-most" }, "The most CPU that it may get", limit);
  const button = h("button", { type: "submit" }, "Simulate");
  const said = h("div", { role: "status", "aria-live": "polite", id: "what-answer" });
  const form = h("form", { onsubmit: ask }, h("label", { for: "what-policy" }, "Under", policy), most, fixed, button);
  const element = h("section", { class: "card whatif", "aria-labelledby": "what-title" }, h("h2", { id: "what-title" }, "What if?"),
    h("p", { class: "soft" }, "The job’s recorded work, run again as if something else had decided. Nothing is changed by it."), form, said);

  async function ask(event) {
    event.preventDefault();
    const body = policy.value === "" ? { cpus: Number(cpu.value) }
      : { policy: policy.value, ...(limit.value && !most.hidden ? { set: { cpu_max_slave: limit.value } } : {}) };
    button.disabled = true;
    said.replaceChildren(h("p", { class: "soft" }, "Computing …"));
    try {
      const found = await send("POST", "/api/v1/jobs/" + uuid + "/what-if", body, PATIENCE_MS);
      said.replaceChildren(answer(found));
      announce(verdict(found));
    } catch (error) {
      failed(error);
      said.replaceChildren(h("p", { class: "error" }, "Not computed: " + error.message + "."));
    } finally {
      button.disabled = false;
    }
  }

  let drawn = null;
  return {
    element,
    /** Before anything was measured there is nothing to run again. */
    show() {
      const nothing = job().state === "registered" || (job().iterations !== null && job().remaining === job().iterations);
      if (drawn === nothing) return;
      drawn = nothing;
      button.disabled = nothing;
      said.replaceChildren(...(nothing ? [h("p", { class: "soft" }, "There is nothing to simulate before its first iteration, or measurement.")] : []));
    },
  };
}
