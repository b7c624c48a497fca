// The decisions about a job, the newest first; each opens its reason.

import { h } from "./dom.js";
import { time, moment, plural } from "./format.js";
import { headline, outcomeOf, stood } from "./decision.js";
import { changesInWords } from "./changes.js";
import { explain } from "./reason.js";
import { sharing, whoElse } from "./sharing.js";

const SHOWN = 100;

/** The list; `open(version)` is told which one is opened, null when it is closed. `answers` knows what a decision does not say itself. */
export function decisionList(open, answers) {
  const items = h("ol", { class: "decisions", reversed: true });
  const said = h("p", { class: "soft" });
  const more = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => { shown += SHOWN; draw(); } }, "Show older decisions");
  const only = h("input", { type: "checkbox", id: "only-changes", onchange: () => draw() });
  let history = null, job = null, opened = null, shown = SHOWN, drawn = "";

  function item(decision) {
    const isOpen = decision.version === opened, panel = "why-" + decision.version, outcome = outcomeOf(decision, history, job);
    const { word, kind } = stood(decision), changed = decision.data.from !== decision.data.to;
    // Of a change that others made necessary, who they were.
    const shared = changed ? sharing(decision) : null, others = shared ? whoElse(shared, job.uuid, answers) : "";
    return h("li", { value: decision.number, class: changed ? "changed" : "", id: "decision-" + decision.version },
      h("button", { type: "button", class: "decision", "aria-expanded": String(isOpen), "aria-controls": panel,
        onclick: () => open(isOpen ? null : decision.version) },
        h("time", { class: "when", datetime: new Date(decision.at / 1000).toISOString(), title: moment(decision.at) }, time(decision.at)),
        h("span", { class: "state " + kind }, word),
        h("span", { class: "what" }, headline(decision), others ? h("small", { class: "others" }, "shared with " + others) : null),
        h("span", { class: "outcome soft" }, outcome.word),
        h("span", { class: "whyhint", "aria-hidden": "true" }, isOpen ? "Close" : "Why?")),
      h("div", { id: panel, hidden: !isOpen }, isOpen ? explain(decision, history, job, answers) : null));
  }

  function draw() {
    const all = [...history.decisions].reverse();
    const wanted = all.filter(one => one.version === opened || !only.checked || one.data.from !== one.data.to);
    said.textContent = all.length === 0 ? "None yet: the first one follows the first report."
      : plural(all.length, "decision") + (history.skipped ? " loaded" : "") + ", " + changesInWords(history, job) + ". The newest first; each opens its reason.";
    const at = wanted.findIndex(one => one.version === opened);
    const visible = wanted.slice(0, Math.max(shown, at + 1));
    more.hidden = visible.length === wanted.length;
    const focused = document.activeElement && items.contains(document.activeElement) && document.activeElement.closest("li").id;
    const isButton = focused && document.activeElement.classList.contains("decision");
    items.replaceChildren(...visible.map(item));
    if (isButton) {
      const again = items.querySelector("#" + focused + " button.decision");
      if (again) again.focus({ preventScroll: true });
    }
  }

  return {
    element: h("section", { class: "card", "aria-labelledby": "decisions-title" }, h("div", { class: "head" },
      h("h2", { id: "decisions-title" }, "Decisions"),
      h("label", { class: "soft", for: "only-changes" }, only, " changes of CPU only")), said, items, more),
    /** Shows what is known now. What has not changed is not drawn again, so that nobody loses what they read. */
    show(newHistory, newJob, version) {
      const told = newHistory.decisions.map(one => one.outcomes.length + (one.answer ? "a" : "") + (one.replaced ? "r" : "")).join();
      const state = [newHistory.decisions.length, told, version, newJob.deadline_at, newHistory.skipped && newHistory.skipped.to, newHistory.ended && newHistory.ended.kind, answers.count].join();
      history = newHistory;
      job = newJob;
      if (state === drawn) return;
      drawn = state;
      opened = version;
      draw();
    },
    reveal(version) {
      const found = items.querySelector("#decision-" + version);
      if (!found) return;
      found.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
      found.querySelector("button").focus({ preventScroll: true });
    },
  };
}
