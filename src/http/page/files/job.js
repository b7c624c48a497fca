// One job: what it is doing and why it has the CPU that it has, its charts, its decisions, what would have been, and its log.

import { h, at, announce, notice, table } from "./dom.js";
import { get, send, query, Problem } from "./api.js";
import { micros, time, margin, span, number, plural, FRAMEWORK, flag } from "./format.js";
import { History } from "./history.js";
import { jobCharts } from "./charts.js";
import { decisionList } from "./decisions.js";
import { headline } from "./reason.js";
import { stateOf, marginOf, progressOf, cpuOf } from "./list.js";
import { whatIf } from "./whatif.js";

const PAGE = 1000;
const MOST_PAGES = 10;
const GATHER_MS = 400;
const LOG_SHOWN = 60;

/** All events of a job; of one with very many, the first and the newest. */
async function read(uuid) {
  const path = "/api/v1/jobs/" + uuid + "/events";
  const first = await get(query(path, { limit: 20 })), newest = [];
  let after = null;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page = await get(query(path, { limit: PAGE, order: "desc", after }));
    newest.push(...page.items);
    after = page.next;
    if (after === null) break;
  }
  const known = new Set(first.items.map(event => event.version));
  return [...first.items, ...newest.reverse().filter(event => !known.has(event.version))];
}

/** What the job is doing, in a sentence or two. */
function story(job, history) {
  const parts = [], progress = progressOf(job), found = marginOf(job), due = time(micros(job.deadline_at));
  const has = job.cpus === null ? "" : " It has " + cpuOf(job).main.split(" / ")[0] + " CPU"
    + (job.cpus_submitted !== null && job.cpus_submitted !== job.cpus ? ", and was submitted with " + number(job.cpus_submitted, 3) + "." : ", as submitted.");
  if (job.state === "registered") parts.push("Registered, and not begun yet. It must be done by " + due + "." + has);
  else if (job.state === "running") {
    parts.push("Running" + (progress ? ": " + progress.words + " done." : "."));
    if (found) parts.push(" It is predicted to end at " + time(micros(job.prediction)) + ", " + margin(found.seconds) + " for its deadline at " + due + ".");
    else if (job.progress_ratio !== undefined) parts.push(" It has done " + number(job.progress_ratio * 100, 0) + " % of what is due by now; its deadline is " + due + ".");
    else parts.push(" Its deadline is " + due + ".");
    parts.push(has);
  } else if (job.state === "completed") {
    parts.push("Done at " + time(micros(job.finished_at)) + ", " + margin(found.seconds) + " for its deadline at " + due + "."
      + (job.rescales ? " Its CPU was changed " + plural(job.rescales, "time") + "." : " Its CPU was never changed."));
  } else parts.push(job.state[0].toUpperCase() + job.state.slice(1) + (job.reason ? ": " + job.reason + "." : "."));
  return parts.join("");
}

function facts(job, history) {
  const { word, kind } = stateOf(job), found = marginOf(job), progress = progressOf(job), cpu = cpuOf(job);
  const fact = (name, value, more, which) => h("div", { class: which || "" }, h("dt", {}, name), h("dd", {}, value, more ? h("small", {}, more) : null));
  return h("dl", { class: "figures" },
    fact("State", word, job.failures_in_row ? plural(job.failures_in_row, "failure") + " in a row" : "", kind),
    fact(job.finished_at ? "Margin" : "Predicted margin", found ? margin(found.seconds) : "not known yet", "deadline " + time(micros(job.deadline_at)), found && found.seconds < 0 ? "under" : ""),
    fact("CPU reserved / limit", cpu.main, cpu.more + (job.cpus_submitted === null ? "" : ", submitted with " + number(job.cpus_submitted, 3))),
    fact("Progress", progress ? number(progress.share * 100, 0) + " %" : "not begun", progress ? progress.words : ""),
    fact("Declared", job.iterations ? span(job.qos.duration) + " an iteration" : number(job.qos.duration, 0) + " CPU-seconds",
      "deadline after " + span(job.qos.deadline) + ", tolerance " + number(job.qos.desv_deadline * 100, 0) + " %"),
    fact("Policy", job.policy + (job.dry_run ? " (dry run)" : ""), job.admission ? job.admission.verdict + ": " + job.admission.reason : ""));
}

function flags(job) {
  if (job.flags.length === 0) return null;
  return h("ul", { class: "flags", "aria-label": "What people should know" }, job.flags.map(name => {
    const { name: word, meaning } = flag(name);
    return h("li", {}, h("b", {}, word), meaning ? ": " + meaning : "");
  }));
}

/** Why it has the CPU that it has: the newest decision that changed it. */
function why(history, job, uuid) {
  const changes = history.decisions.filter(one => one.data.from !== one.data.to && one.outcomes.some(outcome => outcome.what === "applied"));
  const last = changes[changes.length - 1];
  if (!last) return null;
  return h("p", { class: "lastwhy" }, h("b", {}, "Why this CPU? "), "The last change, at " + time(last.at) + ", was to " + headline(last) + ": “" + last.data.reason + "”. ",
    h("a", { href: "#/job/" + uuid + "/decision/" + last.version }, "The whole reason"));
}

function log(history) {
  const newest = [...history.events.values()].slice(-LOG_SHOWN).reverse();
  return table("The newest events", ["Event", "What", "When", "Facts"], newest.map(event =>
    [event.version, event.kind, time(event.at), h("code", { class: "clip wide" }, JSON.stringify(event.data))]));
}

/** Shows a job; returns what the frame needs of a view. */
export function showJob(uuid, version, failed) {
  let history = null, job = null, opened = version, parts = null, timer = null, gone = false, generation = 0, fresh = [];
  at("main").replaceChildren(h("p", { class: "loading" }, "Loading …"));

  function build() {
    const charts = jobCharts(uuid, () => ({ history, job, present: Date.now() * 1000 }));
    const open = chosen => { location.hash = "#/job/" + uuid + (chosen === null ? "" : "/decision/" + chosen); };
    parts = { head: h("div", {}), charts, decisions: decisionList(open), whatIf: whatIf(uuid, () => job, failed), log: h("div", {}), logDetails: null };
    parts.logDetails = h("details", { class: "card", ontoggle: () => draw() }, h("summary", {}, h("h2", {}, "Event log")), parts.log);
    at("main").replaceChildren(h("p", { class: "crumbs" }, h("a", { href: "#/" }, "‹ All jobs")), parts.head, charts.element,
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
        h("p", { class: "story" }, story(job, history)), why(history, job, uuid), facts(job, history), flags(job));
    }
    parts.charts.redraw();
    parts.decisions.show(history, job, opened);
    parts.whatIf.show();
    if (parts.logDetails.open) parts.log.replaceChildren(log(history));
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
      reload();
    }
    return button;
  }

  function show(error) {
    if (failed(error)) {
      if (job === null) timer = setTimeout(reload, 3000);
      return;
    }
    const missing = error instanceof Problem && error.status === 404;
    at("main").replaceChildren(notice("bad", missing ? "There is no such job" : "The job could not be read", h("p", {}, error.message),
      h("p", {}, h("a", { href: "#/" }, "All jobs"))));
  }

  async function reload() {
    const mine = ++generation;
    try {
      const [view, events] = await Promise.all([get("/api/v1/jobs/" + uuid), read(uuid)]);
      if (gone || mine !== generation) return;
      const all = new History();
      for (const event of [...events, ...fresh]) all.take(event);
      const begins = parts === null;
      [job, history, fresh] = [view, all, []];
      if (begins) build();
      draw();
      if (begins && opened !== null) parts.decisions.reveal(opened);
    } catch (error) {
      if (!gone && mine === generation) show(error);
    }
  }

  async function renew() {
    timer = null;
    try {
      const view = await get("/api/v1/jobs/" + uuid);
      if (gone) return;
      const before = history.decisions.length;
      job = view;
      fresh.forEach(event => history.take(event));
      fresh = [];
      draw();
      const last = history.decisions[history.decisions.length - 1];
      if (history.decisions.length > before && last.data.from !== last.data.to) announce("New decision: " + headline(last));
    } catch (error) {
      if (!gone) show(error);
    }
  }

  reload();
  return {
    uuid,
    event(event) {
      if (event.job !== uuid) return;
      fresh.push(event);
      if (timer === null && parts !== null) timer = setTimeout(renew, GATHER_MS);
    },
    reload,
    open(chosen) {
      opened = chosen;
      if (parts === null) return;
      parts.decisions.show(history, job, opened);
      if (chosen !== null) parts.decisions.reveal(chosen);
    },
    leave() {
      gone = true;
      clearTimeout(timer);
      if (parts) parts.charts.leave();
    },
  };
}
