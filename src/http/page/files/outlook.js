// One decision's prediction on a line of time.

import { s } from "./dom.js";
import { milli, time } from "./format.js";
import { predictedWith } from "./decision.js";

const WIDTH = 640, HEIGHT = 152, MIDDLE = 82;
// As far from an edge a label of this page is whole when it is centred, also in the large letters of a narrow window.
const ROOM = 170;

/** What is too early, on plan, too late. */
export function outlook(decision, deadline) {
  const { prediction, bounds } = decision.data;
  const known = [prediction, bounds.lower, bounds.upper, deadline];
  const room = Math.max(1e6, (Math.max(...known) - Math.min(...known)) * 0.16), low = Math.min(...known) - room, high = Math.max(...known) + room;
  const x = at => (at - low) / (high - low) * WIDTH;
  const kind = prediction > bounds.upper ? "under" : prediction < bounds.lower ? "over" : "plan";
  const strip = (name, from, to) => s("rect", { class: "region strong " + name, x: x(from), y: MIDDLE - 9, width: Math.max(0, x(to) - x(from)), height: 18 });
  const label = (at, y, words, more) => {
    const place = x(at), side = place < ROOM ? " start" : place > WIDTH - ROOM ? " end" : "";
    return s("text", { class: "outlookname " + (more || "") + side, y }, words.map((text, line) => s("tspan", { x: place, dy: line === 0 ? 0 : "1.1em" }, text)));
  };
  const cpus = predictedWith(decision), predicted = ["predicted end" + (cpus === null ? "" : " with " + milli(cpus)), time(prediction)];
  return s("svg", { class: "outlook", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
    "aria-label": "On a line of time: on plan from " + time(bounds.lower) + " to " + time(bounds.upper) + ", deadline " + time(deadline) + ", " + predicted.join(" ") },
    strip("over", low, bounds.lower), strip("plan", bounds.lower, bounds.upper), strip("under", bounds.upper, high),
    s("line", { class: "deadline", x1: x(deadline), x2: x(deadline), y1: MIDDLE - 16, y2: MIDDLE + 18 }), label(deadline, MIDDLE + 38, ["deadline", time(deadline)]),
    s("path", { class: "pin " + kind, d: `M${x(prediction)} ${MIDDLE + 1}l-8 -16h16z` }),
    label(prediction, MIDDLE - 50, predicted, "strong"));
}
