// One job: what it is doing and why it has the CPU that it has, its charts, its decisions, what would have been, and its log.

import { h, at, announce, notice } from "./dom.js";
import { get, send, Problem } from "./api.js";
import { micros, moment, number, plural, FRAMEWORK } from "./format.js";
import { Events } from "./events.js";
import { History } from "./history.js";
import { jobCharts } from "./charts.js";
import { decisionList } from "./decisions.js";
import { Answers } from "./answers.js";
import { headline } from "./decision.js";
import { story, facts, flags, why, logTable } from "./about.js";
import { whyLate } from "./late.js";
import { glossary } from "./terms.js";
import { stateOf } from "./list.js";
import { whatIf } from "./whatif.js";

const GATHER_MS = 400;
const DRAW_MS = 100;
const AGAIN_MS = 3000;
const LOG_SHOWN = 60;
const EARLIER = 5000;

/** Shows a job; returns what the frame needs of a view. */
export function showJob(uuid, version, failed) {
  let events = new Events(uuid), history = null, job = null, opened = version, parts = null, timer = null, gone = false, fresh = [], shown = LOG_SHOWN;
  at("main").replaceChildren(h("p", { class: "loading" }, "Loading …"));

  let drawing = null;
  // Several come at once: they are drawn together.
  const answers = new Answers(() => { drawing ??= setTimeout(() => { drawing = null; if (!gone && history !== null) draw(); }, DRAW_MS); });

  // What is asked of the supervisor is asked in turn, so that each answer finds what the one before has left.
  let turn = Promise.resolve();
  const inTurn = task => { turn = turn.then(() => gone ? null : task()).catch(error => gone ? null : show(error)); };

  function build() {
    const charts = jobCharts(uuid, () => ({ history, job, present: Date.now() * 1000 }));
    const open = chosen => { location.hash = "#/job/" + uuid + (chosen === null ? "" : "/decision/" + chosen); };
    const older = h("button", { type: "button", class: "quiet", onclick: () => { shown *= 4; draw(); } }, "Show older events");
    parts = { head: h("div", {}), gap: h("div", {}), charts, decisions: decisionList(open, answers), whatIf: whatIf(uuid, () => job, failed), log: h("div", {}), older, logDetails: null, glossary: glossary() };
    parts.logDetails = h("details", { class: "card", id: "log", ontoggle: () => draw() }, h("summary", {}, h("h2", {}, "Event log")), parts.log, older);
    at("main").replaceChildren(h("p", { class: "crumbs" }, h("a", { href: "#/" }, "‹ All jobs")), parts.head, parts.gap, charts.element,
      parts.decisions.element, parts.whatIf.element, parts.logDetails);
  }

  function draw() {
    document.title = job.name + " – mesos-qos";
    const { word, kind } = stateOf(job);
    const living = job.state === "running" || job.state === "registered";
    const cancelling = parts.head.querySelector(".cancel");
    // Not while somebody is asked whether they mean it.
    if (!cancelling || !cancelling.dataset.sure) {
      parts.head.replaceChildren(
        h("div", { class: "title" }, h("h1", {}, job.name), h("span", { class: "state " + kind }, word),
          h("small", {}, FRAMEWORK[job.framework] + " · " + job.uuid), living ? cancelButton() : null),
        h("p", { class: "story" }, story(job, history)), whyLate(history, job, answers) || "", why(history, job, answers) || "", facts(job, history), flags(job) || "", parts.glossary);
    }
    parts.charts.redraw();
    parts.decisions.show(history, job, opened);
    parts.whatIf.show();
    if (parts.logDetails.open) parts.log.replaceChildren(logTable(history, shown));
    parts.older.hidden = shown >= events.count;
  }

  /** What is not loaded is said, and can be. */
  function drawGap() {
    const { gap } = events;
    if (!gap) {
      parts.gap.replaceChildren();
      return;
    }
    const missing = gap.to - gap.from + 1;
    const load = (count, words) => h("button", { type: "button", class: "quiet", onclick: event => { event.target.disabled = true; loadEarlier(count); } }, words);
    parts.gap.replaceChildren(h("div", { class: "notice", id: "gap", role: "note" },
      h("h2", {}, plural(missing, "earlier event") + (missing === 1 ? " is" : " are") + " not loaded"),
      h("p", {}, "The job has " + plural(events.last, "event") + ". Events " + number(gap.from, 0) + " to " + number(gap.to, 0) + ", from " + moment(history.skipped.after)
        + " to " + moment(history.skipped.before) + ", are left out in the charts, the decisions and the log below. Nothing of them is lost: they are in the supervisor’s log."),
      h("p", {}, load(EARLIER, missing > EARLIER ? "Load " + number(EARLIER, 0) + " earlier events" : "Load the earlier events"), " ",
        missing > EARLIER ? load(Infinity, "Load all " + number(missing, 0)) : null)));
  }

  function loadEarlier(count, upto) {
    inTurn(async () => {
      try {
        await events.earlier(count, upto);
      } finally {
        if (!gone) {
          fold();
          draw();
          announce(events.gap ? plural(events.gap.to - events.gap.from + 1, "earlier event") + " still not loaded" : "all events are loaded");
        }
      }
      if (upto !== undefined && opened === upto) parts.decisions.reveal(upto);
    });
  }

  /** The history, folded anew from all that is loaded. */
  function fold() {
    history = History.of(events);
    // The beginning of a long-running job, from which its deadline counts, may not be loaded.
    if (events.gap && !history.begun) history.deadline = micros(job.deadline_at);
    if (parts) drawGap();
  }

  function cancelButton() {
    const button = h("button", { type: "button", class: "quiet cancel", onclick: sure }, "Cancel job");
    async function sure() {
      if (!button.dataset.sure) {
        button.dataset.sure = "asked";
        button.textContent = "Really cancel? Its work is lost";
        button.classList.add("danger");
        setTimeout(() => { delete button.dataset.sure; if (!gone) draw(); }, 6000);
        return;
      }
      button.disabled = true;
      try {
        await send("DELETE", "/api/v1/jobs/" + uuid);
        announce("cancelled");
      } catch (error) {
        if (!failed(error)) announce("not cancelled: " + error.message);
      }
      delete button.dataset.sure;
      inTurn(renew);
    }
    return button;
  }

  function show(error) {
    const busy = error instanceof Problem && error.status === 503;
    if (failed(error) || busy) {
      if (!gone && timer === null) timer = setTimeout(() => { timer = null; inTurn(renew); }, AGAIN_MS);
      return;
    }
    const missing = error instanceof Problem && error.status === 404;
    at("main").replaceChildren(notice("bad", missing ? "There is no such job" : "The job could not be read", h("p", {}, error.message),
      h("p", {}, h("a", { href: "#/" }, "All jobs"))));
  }

  async function begin() {
    events = new Events(uuid);
    const [view] = await Promise.all([get("/api/v1/jobs/" + uuid), events.begin()]);
    if (gone) return;
    const begins = parts === null;
    job = view;
    if (begins) build();
    fold();
    await renewEvents();
    if (gone) return;
    draw();
    if (begins && opened !== null) reveal(opened);
  }

  /** Takes what has come by itself; where something is missing before it, reads that first. */
  async function renewEvents() {
    const come = fresh;
    fresh = [];
    let behind = job.version > events.last;
    for (const event of come) {
      const place = events.take(event);
      if (place === "next") history.take(event);
      behind ||= place === "ahead";
    }
    if (!behind) return;
    for (const event of await events.catchUp()) history.take(event);
  }

  async function renew() {
    if (history === null) return begin();
    const view = await get("/api/v1/jobs/" + uuid), before = history.decisions.length;
    if (gone) return;
    job = view;
    await renewEvents();
    if (gone) return;
    draw();
    const last = history.decisions[history.decisions.length - 1];
    if (history.decisions.length > before && last.data.from !== last.data.to) announce("New decision: " + headline(last));
  }

  function reveal(chosen) {
    const { gap } = events;
    if (gap && chosen >= gap.from && chosen <= gap.to) loadEarlier(0, chosen);
    else parts.decisions.reveal(chosen);
  }

  inTurn(begin);
  return {
    uuid,
    event(event) {
      if (event.job !== uuid) return;
      fresh.push(event);
      if (timer === null) timer = setTimeout(() => { timer = null; inTurn(renew); }, GATHER_MS);
    },
    missed: () => inTurn(renew),
    // Another log: nothing of what is shown need be in it.
    reset: () => inTurn(begin),
    open(chosen) {
      opened = chosen;
      if (parts === null || history === null) return;
      parts.decisions.show(history, job, opened);
      if (chosen !== null) reveal(chosen);
    },
    leave() {
      gone = true;
      clearTimeout(timer);
      if (parts) parts.charts.leave();
    },
  };
}
