// Which view is shown, who is logged in, and how the connection does.

import { h, at, notice } from "./dom.js";
import { get, send, Refused, Unreachable } from "./api.js";
import { moment, micros, zone } from "./format.js";
import { follow } from "./live.js";
import { showLogin } from "./login.js";
import { showList } from "./list.js";
import { showJob } from "./job.js";

let view = null, unfollow = null, session = null;

function connection(kind, text) {
  const shown = at("connection");
  if (shown.dataset.kind === kind && shown.textContent === text) return;
  shown.dataset.kind = kind;
  shown.textContent = text;
}

/** What to show when something could not be had; true when it was dealt with. */
export function failed(error) {
  if (error instanceof Refused) {
    leave();
    showLogin(session && session.operator ? "The session is over: log in again." : "", begin);
    session = null;
    return true;
  }
  if (error instanceof Unreachable) {
    connection("lost", "No answer from the supervisor. Trying again …");
    return true;
  }
  return false;
}

function leave() {
  if (unfollow) unfollow();
  if (view && view.leave) view.leave();
  unfollow = view = null;
  at("logout").hidden = true;
  connection("", "");
}

const LIVE = {
  event: event => view && view.event(event),
  missed: () => view && view.missed(),
  reset: () => view && view.reset(),
  state: state => {
    if (state === "live") connection("live", "Live");
    else if (state === "over") failed(new Refused());
    else {
      connection("lost", "No answer from the supervisor. Trying again …");
      ask();
    }
  },
};

/** A stream that breaks off does not say why: whether the supervisor answers, and still knows this session, is asked. */
async function ask() {
  const following = unfollow;
  const now = await get("/api/v1/session").catch(() => null);
  if (now === null || unfollow !== following || unfollow === null) return;
  if (!now.operator) failed(new Refused());
  else if (at("connection").dataset.kind === "lost") connection("lost", "Not live at the moment. Trying again …");
}

async function begin() {
  try {
    session = await get("/api/v1/session");
  } catch (error) {
    if (!failed(error)) throw error;
    at("main").replaceChildren(notice("bad", "The supervisor does not answer",
      h("p", {}, "This page tries again by itself every few seconds. Is ", h("code", {}, "mesos-qos supervisor"), " running?")));
    setTimeout(begin, 3000);
    return;
  }
  at("foot").replaceChildren(h("span", {}, "mesos-qos " + session.version),
    session.ends_at ? h("span", {}, "Logged in until " + moment(micros(session.ends_at))) : "", h("span", { id: "zone" }, "All times: " + zone()));
  if (!session.operator) {
    leave();
    showLogin("", begin);
    return;
  }
  at("logout").hidden = !session.login_required;
  route();
  if (unfollow) unfollow();
  // From before anything was read: what happens while it is read comes, too.
  unfollow = follow(session.seq, LIVE);
}

function route() {
  if (!session || !session.operator) return;
  const [, place, uuid, , version] = location.hash.match(/^#\/(job)\/([0-9a-f-]{36})(\/decision\/(\d+))?$/) || [];
  // The same job, another decision: what is there stays.
  if (view && place === "job" && view.uuid === uuid) {
    view.open(version ? Number(version) : null);
    return;
  }
  if (view && view.leave) view.leave();
  view = place === "job" ? showJob(uuid, version ? Number(version) : null, failed) : showList(failed);
  scrollTo(0, 0);
  at("main").focus({ preventScroll: true });
}

at("logout").addEventListener("click", async () => {
  // First, as the stream ends with the session, too.
  leave();
  await send("DELETE", "/api/v1/session").catch(() => {});
  session = null;
  showLogin("", begin);
});
addEventListener("hashchange", route);
connection("", "Connecting …");
begin();
