// That a job got less than its policy wished for, as the cluster had not enough for all; and who the others were.

import { milli, number, plural } from "./format.js";

const NAMED = 3;

/** How the cluster was shared when this decision got less than was wished for; null when that was not why. */
export function sharing({ data, grant }) {
  const { to, wish } = data;
  if (wish === undefined || wish === null || wish <= to) return null;
  // Where it is not as much as was left to it, something else has held it, and the supervisor's own words say what.
  if (grant && grant.cap !== to) return null;
  return { cap: to, wish, round: grant ? grant.round : null, givesWay: Boolean(grant) && grant.standing === "gives_way", byNode: Boolean(grant) && Boolean(grant.place) };
}

/** Why it got no more, in a few words. */
export const because = ({ givesWay }) => givesWay ? "it gives way to others" : "others need the room";

/** The other jobs that wished for CPU then, the greatest wish first; null while that is not known. */
function others(found, uuid, answers) {
  const round = found.round === null ? null : answers.round(found.round);
  return round && round.jobs.filter(one => one.uuid !== uuid && one.wish !== null).sort((one, other) => other.wish - one.wish);
}

const nameOf = one => one.name === null ? "a job that is forgotten" : one.name;

/** The other jobs in a few words: names, as far as there is room. Empty while nobody knows. */
export function whoElse(found, uuid, answers) {
  const all = others(found, uuid, answers);
  if (!all || all.length === 0) return "";
  const rest = all.length - NAMED;
  return all.slice(0, NAMED).map(nameOf).join(", ") + (rest > 0 ? " and " + number(rest, 0) + " more" : "");
}

/** The same at length, for who wants to know it exactly. */
export function told(found, uuid, answers) {
  const all = others(found, uuid, answers), round = found.round === null ? null : answers.round(found.round);
  const left = " The policy alone wished for " + milli(found.wish) + "; the cluster left it at most " + milli(found.cap)
    + (found.givesWay ? ", as it gives way to jobs that can still be on time." : ".");
  if (!all) return left;
  if (all.length === 0) return left + " No other job wished for CPU then; what is left is taken by jobs that nobody could give another CPU.";
  const rest = all.length - NAMED;
  return left + " " + plural(all.length + 1, "job") + " shared " + plural(round.nodes, "node") + " of " + number(round.node_cpus, 3) + " CPU; the others: "
    + all.slice(0, NAMED).map(one => nameOf(one) + " (wished for " + number(one.wish, 3) + " CPU)").join(", ")
    + (rest > 0 ? " and " + number(rest, 0) + " more." : ".")
    + (found.byNode ? " It was planned node by node: what this job’s node has was divided among the jobs on it." : "");
}
