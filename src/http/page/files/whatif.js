// What would have been: the job's recorded work, run again by the supervisor under another policy.

import { h } from "./dom.js";

/** The panel; built when the supervisor can answer it. */
export function whatIf() {
  return { element: h("div", {}), show() {} };
}
