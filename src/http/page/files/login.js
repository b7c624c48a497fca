// The way in: the operator token for a cookie that no script can read.

import { h, at } from "./dom.js";
import { send, Refused } from "./api.js";

/** Asks for the token in place of the content; `entered` is called when it was right. */
export function showLogin(why, entered) {
  const field = h("input", { id: "token", type: "password", autocomplete: "current-password", spellcheck: "false", required: true,
    "aria-describedby": "token-help token-error" });
  const error = h("p", { id: "token-error", class: "error", role: "alert" }, why || "");
  const button = h("button", { type: "submit" }, "Log in");
  const form = h("form", { class: "login card", onsubmit: submit },
    h("h1", {}, "Log in"),
    h("label", { for: "token" }, "Operator token"), field, error, button,
    h("p", { id: "token-help", class: "soft" }, "It stands in ", h("code", {}, "operator.token"), " in the supervisor’s data directory. ",
      "This browser gets a cookie for twelve hours; the token itself is not kept."));

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    error.textContent = "";
    try {
      await send("POST", "/api/v1/session", { token: field.value.trim() });
      entered();
    } catch (problem) {
      error.textContent = problem instanceof Refused
        ? "This is not the operator token of this supervisor." : "That did not work: " + problem.message + ".";
      field.setAttribute("aria-invalid", "true");
      field.select();
    } finally {
      button.disabled = false;
    }
  }

  at("main").replaceChildren(form);
  document.title = "Log in – mesos-qos";
  field.focus();
}
