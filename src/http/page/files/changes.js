// What became of all changes of CPU that were decided, and how they got to the job: by what the log tells of each.

import { plural, number } from "./format.js";
import { outcomeOf } from "./decision.js";

const BECAME = {
  applied: count => number(count, 0) + " came into force",
  replaced: count => number(count, 0) + (count === 1 ? " was" : " were") + " replaced by the next decision before that",
  repeated: count => number(count, 0) + (count === 1 ? " was" : " were") + " asked for already",
  ended: count => number(count, 0) + (count === 1 ? " was" : " were") + " asked for when the job ended",
  open: count => number(count, 0) + " without an answer yet",
  failed: count => number(count, 0) + " did not get through",
  recommended: count => number(count, 0) + " only recommended",
  never: count => number(count, 0) + " not carried out",
};

/** How many changes were decided, and how many of them became what. */
export function changes(history, job) {
  const became = {};
  let decided = 0;
  for (const one of history.decisions) {
    if (one.data.from === one.data.to) continue;
    const { became: what } = outcomeOf(one, history, job);
    became[what] = (became[what] || 0) + 1;
    decided += 1;
  }
  return { decided, became };
}

/** The same in words: why fewer changes came into force than were decided. */
export function changesInWords(history, job) {
  const { decided, became } = changes(history, job);
  if (decided === 0) return "none of them changes the CPU";
  const parts = Object.entries(BECAME).filter(([what]) => became[what]).map(([what, words]) => words(became[what]));
  return plural(decided, "change") + " of CPU decided" + (parts.length === 0 ? "" : ": " + parts.join(", "));
}

const times = count => count === 1 ? "once" : number(count, 0) + " times";

/** How changes of CPU got to the job; where none did yet, how one would. */
export function how(job, history) {
  const { registered } = history, applied = history.decisions.filter(one => outcomeOf(one, history, job).became === "applied");
  const inPlace = applied.filter(one => one.outcomes[one.outcomes.length - 1].inPlace).length, other = applied.length - inPlace;
  const otherwise = job.framework === "marathon" ? "by stopping it and going on from there"
    : registered && registered.chain ? "between two tasks, each of several iterations" : "between two iterations";
  if (inPlace && other) return "; " + times(inPlace) + " while it ran, " + times(other) + " " + otherwise;
  if (applied.length === 0) return history.ended ? "" : "; a change comes " + (job.in_place ? "while it runs" : otherwise);
  return "; changed " + (inPlace === 0 ? otherwise : history.ended ? "while it ran" : "while it runs");
}
