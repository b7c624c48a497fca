// All jobs: figures of all of them, and a page of the list, narrowed by state, framework or text. Other pages come from the supervisor, so
// that ten thousand jobs are as quick as ten.

import { h, at, announce, notice } from "./dom.js";
import { get, query } from "./api.js";
import { micros, time, moment, margin, number, percent, plural, FRAMEWORK, PERFORMANCE, flag } from "./format.js";
import { TERMS } from "./terms.js";

const PAGE = 50;
const GATHER_MS = 700;
const STATES = [
  ["", "All"], ["running", "Running"], ["registered", "Waiting"], ["completed", "Completed"], ["failed", "Failed"],
  ["cancelled", "Cancelled"], ["withdrawn", "Withdrawn"],
];
// What a list can be ordered by: what the supervisor is asked for, and in words.
const ORDERS = {
  newest: { sort: "registered", order: "desc", words: "the newest first" },
  oldest: { sort: "registered", order: "asc", words: "the oldest first" },
  name: { sort: "name", order: "asc", words: "by name", head: "job", aria: "ascending" },
  nameDesc: { sort: "name", order: "desc", words: "by name, the last first", head: "job", aria: "descending" },
  latest: { sort: "margin", order: "asc", words: "the latest against its deadline first", head: "margin", aria: "ascending" },
  earliest: { sort: "margin", order: "desc", words: "the earliest against its deadline first", head: "margin", aria: "descending" },
};
// Kept while other views are shown.
const chosen = { state: "", search: "", framework: "", order: "newest", before: [] };

/** A job's state in words, with its performance while it runs. */
export function stateOf(job) {
  const words = { registered: "waiting to start", running: "running", completed: "completed", failed: "failed",
    cancelled: "cancelled", withdrawn: "withdrawn" };
  let kind = job.state, word = words[job.state] || job.state;
  if (job.state === "running" || job.state === "registered") {
    const performance = PERFORMANCE[job.performance];
    // A policy that asks for a probability adds CPU also when the job is expected in time: too slow it is only beyond its deadline.
    const unsure = performance && performance.kind === "under" && job.policy === "predictive" && !(job.expected_margin_seconds < 0);
    if (performance) { kind = performance.kind; word += ", " + (unsure ? "not sure to be on time" : performance.word); }
    if (job.flags.includes("late")) { kind = "under"; word = job.state + ", deadline passed"; }
  } else if (job.state === "completed") {
    kind = job.on_time === false ? "under" : "plan";
    word = job.on_time === false ? "completed, late" : "completed, on time";
  } else if (job.state === "failed") kind = "under";
  return { kind, word };
}

/** Seconds before the deadline at which a job ends, or is predicted to; null while nobody knows. */
export function marginOf(job) {
  if (job.margin_seconds !== undefined) return { seconds: job.margin_seconds, over: true };
  return job.expected_margin_seconds === undefined ? null : { seconds: job.expected_margin_seconds, over: false };
}

/** How much of a job is done, from 0 to 1, and in words. */
export function progressOf(job) {
  if (job.iterations) {
    const done = job.iterations - job.remaining;
    return { share: done / job.iterations, words: number(done, 0) + " of " + plural(job.iterations, "iteration") };
  }
  if (job.cpu_seconds === undefined) return null;
  const share = job.state === "completed" ? 1 : Math.min(1, job.cpu_seconds / job.qos.duration);
  return { share, words: number(job.cpu_seconds, 0) + " of " + number(job.qos.duration, 0) + " CPU-seconds used" };
}

/** CPU as it is shown everywhere: reserved, and the limit in force where that is another. */
export function cpuOf(job) {
  if (job.cpus === null) return { main: "unknown", more: "" };
  const limit = job.cpu_limit === undefined || job.cpu_limit === job.cpus ? null : job.cpu_limit;
  return {
    main: number(job.cpus, 3) + " / " + number(limit === null ? job.cpus : limit, 3) + " CPU",
    more: job.rescales ? "changed " + plural(job.rescales, "time") : "never changed",
  };
}

function bar(share, kind, label) {
  return h("progress", { max: "1", value: share.toFixed(4), class: kind, "aria-label": label });
}

function deadlineCell(job) {
  const found = marginOf(job);
  const due = h("small", { title: moment(micros(job.deadline_at)) }, (found && !found.over ? "expected; due " : "due ") + time(micros(job.deadline_at)));
  return [found ? h("span", { class: found.seconds < 0 ? "under" : "" }, margin(found.seconds)) : h("span", { class: "soft" }, "not known"), due];
}

/** A job whose events cannot be understood: it is there, and nothing else is certain. */
function unreadable(job) {
  return h("tr", { class: "unreadable" }, h("th", { scope: "row" }, h("span", { class: "name" }, job.name), h("small", {}, FRAMEWORK[job.framework] + " · " + job.uuid)),
    h("td", { colspan: 4, "data-label": "State" }, h("div", {}, h("span", { class: "state under" }, "cannot be shown"), h("small", {}, job.problem))));
}

function row(job) {
  const { kind, word } = stateOf(job), progress = progressOf(job), cpu = cpuOf(job);
  const cell = (label, ...content) => h("td", { "data-label": label }, h("div", {}, ...content));
  return h("tr", { "data-job": job.uuid },
    h("th", { scope: "row" }, h("a", { href: "#/job/" + job.uuid, class: "name" }, job.name),
      h("small", {}, FRAMEWORK[job.framework] + " · " + job.uuid.slice(0, 8))),
    cell("State", h("span", { class: "state " + kind }, word),
      h("small", { class: "clip", title: job.reason || null },
        job.reason || job.flags.filter(name => name !== "late").map(name => flag(name).name).join(", "))),
    cell("Deadline", deadlineCell(job)),
    cell("CPU", h("span", { title: TERMS.reserved.name + " / " + TERMS.limit.name }, cpu.main), h("small", {}, cpu.more)),
    cell("Progress", progress ? [bar(progress.share, kind, progress.words), h("small", {}, percent(progress.share) + " · " + progress.words)]
      : h("span", { class: "soft" }, "not begun")));
}

const empty = () => notice("calm", "No jobs yet",
  h("p", {}, "The first one appears here by itself as soon as it is registered. To launch one:"),
  h("pre", {}, h("code", {}, "mesos-qos launch -j job.json -c chronos.json -i " + location.origin + " --token-file operator.token")),
  h("p", {}, "Or watch a whole experiment on this machine: ", h("code", {}, "mesos-qos demo")));

/** Shows the list; returns what the frame needs of a view. */
export function showList(failed) {
  document.title = "Jobs – mesos-qos";
  let timer = null, gone = false, generation = 0, next = null;

  const figures = h("dl", { class: "figures", "aria-label": "All jobs in figures" });
  const tabs = h("div", { class: "tabs", role: "group", "aria-label": "Only jobs in this state" }, STATES.map(([state, word]) =>
    h("button", { type: "button", "data-state": state, onclick: () => choose({ state }) }, word, h("span", { class: "count" }))));
  const search = h("input", { id: "search", type: "search", placeholder: "Name or uuid", value: chosen.search, maxlength: "200",
    oninput: () => later(() => choose({ search: search.value.trim() }), 250) });
  const framework = h("select", { id: "framework", onchange: () => choose({ framework: framework.value }) },
    [["", "Any framework"], ["chronos", "Chronos"], ["marathon", "Marathon"]].map(([value, word]) =>
      h("option", { value, selected: value === chosen.framework }, word)));
  const rows = h("tbody", {}), said = h("p", { class: "soft", id: "range" });
  // A heading that orders by what is under it: one way, and the other.
  const heading = (head, word, one, other) => h("th", { scope: "col", "data-head": head },
    h("button", { type: "button", class: "sort", onclick: () => choose({ order: chosen.order === one ? other : one }) }, word, h("span", { class: "arrow", "aria-hidden": "true" })));
  const headings = [heading("job", "Job", "name", "nameDesc"), h("th", { scope: "col" }, "State"), heading("margin", "Margin to the deadline", "latest", "earliest"),
    h("th", { scope: "col", title: TERMS.reserved.about + " " + TERMS.limit.about }, TERMS.reserved.name + " / " + TERMS.limit.name), h("th", { scope: "col" }, "Progress")];
  const caption = h("caption", { class: "hidden" });
  const list = h("table", { class: "jobs" }, caption, h("thead", {}, h("tr", {}, headings)), rows);
  // Every order, also where there is no heading for it, or no room for headings.
  const order = h("select", { id: "order", onchange: () => choose({ order: order.value }) },
    Object.entries(ORDERS).map(([value, { words }]) => h("option", { value }, words[0].toUpperCase() + words.slice(1))));
  const newer = h("button", { type: "button", onclick: () => { chosen.before.pop(); load(true); } }, "‹ Back");
  const older = h("button", { type: "button", onclick: () => { chosen.before.push(next); load(true); } }, "Next ›");
  const pager = h("nav", { class: "pager", "aria-label": "Pages" }, newer, said, older);
  const none = h("div", {});
  at("main").replaceChildren(h("h1", { class: "hidden" }, "Jobs"), figures,
    h("div", { class: "filters" }, tabs, h("div", { class: "search" }, h("label", { for: "search", class: "hidden" }, "Search"), search,
      h("label", { for: "framework", class: "hidden" }, "Framework"), framework,
      h("label", { for: "order", class: "hidden" }, "Order"), order)), none, list, pager);

  function later(what, pause) {
    clearTimeout(timer);
    timer = setTimeout(() => { timer = null; what(); }, pause);
  }

  function choose(change) {
    Object.assign(chosen, change, { before: [] });
    load(true);
  }

  function showFigures(summary) {
    const total = Object.values(summary.jobs).reduce((sum, count) => sum + count, 0);
    const figure = (word, value, kind, of) => h("div", { class: kind || "" }, h("dt", {}, word), h("dd", {}, value, of ? h("small", {}, of) : null));
    const away = Object.entries(summary.frameworks).filter(([, reachable]) => !reachable).map(([name]) => FRAMEWORK[name]);
    figures.replaceChildren(
      figure("Running", number(summary.jobs.running || 0, 0)),
      figure("Late now, or predicted to be", number(summary.late, 0), summary.late ? "under" : "", "of the jobs that are not over"),
      figure("Completed late", number(summary.late_completed, 0), "", "of " + number(summary.jobs.completed || 0, 0) + " completed"),
      figure(TERMS.reserved.name, number(summary.cpus, 1) + " CPU", "", "for the jobs that are not over"),
      figure("Frameworks", Object.keys(summary.frameworks).length === 0 ? "none configured"
        : away.length ? away.join(", ") + " unreachable" : "reachable", away.length ? "under" : ""));
    for (const button of tabs.children) {
      const state = button.dataset.state;
      button.setAttribute("aria-pressed", String(state === chosen.state));
      button.lastChild.textContent = number(state === "" ? total : summary.jobs[state] || 0, 0);
    }
    return total;
  }

  function showOrder() {
    const { head, aria, words } = ORDERS[chosen.order];
    caption.textContent = "Jobs, " + words;
    order.value = chosen.order;
    for (const heading of headings) {
      if (!heading.dataset.head) continue;
      if (heading.dataset.head === head) heading.setAttribute("aria-sort", aria);
      else heading.removeAttribute("aria-sort");
      heading.querySelector(".arrow").textContent = heading.dataset.head !== head ? "" : aria === "ascending" ? " ▲" : " ▼";
    }
  }

  function showRows(page, total) {
    showOrder();
    const focused = document.activeElement && document.activeElement.closest("tr[data-job]");
    const kept = focused && focused.dataset.job;
    const damaged = page.unreadable || [];
    rows.replaceChildren(...damaged.map(unreadable), ...page.items.map(row));
    if (kept) {
      const again = rows.querySelector(`tr[data-job="${kept}"] a`);
      if (again) again.focus({ preventScroll: true });
    }
    const count = page.items.length + damaged.length, nothing = count === 0, narrowed = chosen.state || chosen.search || chosen.framework;
    list.hidden = nothing;
    next = page.next;
    newer.disabled = chosen.before.length === 0;
    older.disabled = next === null;
    pager.hidden = nothing && chosen.before.length === 0;
    const from = chosen.before.length * PAGE;
    said.textContent = nothing ? "" : number(from + 1, 0) + "–" + number(from + count, 0)
      + (narrowed ? "" : " of " + number(total, 0)) + ", " + ORDERS[chosen.order].words;
    none.replaceChildren(...(!nothing ? [] : total === 0 ? [empty()] : [notice("calm", "No job is like that",
      h("button", { type: "button", onclick: () => { search.value = framework.value = ""; choose({ state: "", search: "", framework: "" }); } },
        "Show all jobs"))]));
  }

  async function load(byHand) {
    const mine = ++generation;
    try {
      const before = chosen.before[chosen.before.length - 1];
      const [summary, page] = await Promise.all([get("/api/v1/summary"), get(query("/api/v1/jobs", { sort: ORDERS[chosen.order].sort, order: ORDERS[chosen.order].order, limit: PAGE,
        state: chosen.state, search: chosen.search, framework: chosen.framework, after: before }))]);
      if (gone || mine !== generation) return;
      showRows(page, showFigures(summary));
      if (byHand) announce(said.textContent || "no jobs");
    } catch (error) {
      if (gone || mine !== generation) return;
      if (!failed(error)) none.replaceChildren(notice("bad", "The list could not be read", h("p", {}, error.message + ". Trying again …")));
      if (!gone) later(() => load(false), 3000);
    }
  }

  load(false);
  return {
    // Whatever has happened, the page that is shown is asked for again: at most once in a while.
    event: () => { if (timer === null) later(() => load(false), GATHER_MS); },
    missed: () => load(false),
    reset: () => choose({}),
    leave: () => { gone = true; clearTimeout(timer); },
  };
}
