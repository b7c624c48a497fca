// Figures for people, each with its unit.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const date = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const whole = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  hourCycle: "h23", timeZoneName: "short" });

/** Microseconds since 1970, of an RFC 3339 text. */
export const micros = text => Date.parse(text) * 1000;

function words(micros, told) {
  const when = new Date(micros / 1000);
  if (Number.isNaN(when.getTime())) return "beyond the calendar";
  return when.getUTCFullYear() > 9000 ? "never" : told(when);
}

/** A time of day, with the date where it is another day than today: where many stand together. */
export const time = micros => words(micros, when => (when.toDateString() === new Date().toDateString() ? "" : date.format(when) + ", ") + clock.format(when));

/** An instant that leaves no question: with its date and its time zone. */
export const moment = micros => words(micros, when => whole.format(when));

/** The time zone that all times are shown in. */
export function zone() {
  const short = whole.formatToParts(new Date()).find(part => part.type === "timeZoneName").value, { timeZone } = whole.resolvedOptions();
  return short === timeZone ? short : timeZone + " (" + short + ")";
}

export const number = (value, digits = 2) =>
  value.toLocaleString("en", { maximumFractionDigits: digits, useGrouping: true });

/** A length of time, of seconds: to a tenth below 20 s, in two units at most. */
export function span(seconds) {
  const total = Math.abs(seconds);
  if (!Number.isFinite(total)) return "no end";
  if (total < 1 && total > 0) return Math.max(1, Math.round(total * 1000)) + " ms";
  if (total < 20) return number(total, 1) + " s";
  const whole = Math.round(total);
  if (whole < 60) return whole + " s";
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => whole >= size);
  const [unit, size] = units[first], next = units[first + 1];
  const head = Math.floor(whole / size) + " " + unit;
  const rest = next ? Math.floor(whole % size / next[1]) : 0;
  return rest ? head + " " + rest + " " + next[0] : head;
}

/** A margin, of seconds before the deadline. The log counts microseconds: one of them is late, and less is the error of a sum. */
export const margin = seconds => Math.abs(seconds) < 5e-7 ? "just on time" : span(seconds) + (seconds < 0 ? " late" : " early");

export const cpus = value => value === null || value === undefined ? "unknown" : number(value, 3) + " CPU";
export const milli = value => cpus(value / 1000);
export const percent = (share, digits = 0) => number(share * 100, digits) + " %";

/** A probability: never certainty, which no estimate gives. */
export function chance(share) {
  if (share > 0.9995) return "more than 99.9 %";
  if (share < 0.0005) return "less than 0.1 %";
  return percent(share, 1);
}
export const plural = (count, one, many) => number(count, 0) + " " + (count === 1 ? one : many || one + "s");

export const FRAMEWORK = { chronos: "Chronos", marathon: "Marathon" };
export const PERFORMANCE = {
  UNDER_PERFORMANT: { word: "too slow", kind: "under" },
  ON_PLAN: { word: "on plan", kind: "plan" },
  OVER_PERFORMANT: { word: "faster than needed", kind: "over" },
};
const MEANINGS = {
  infeasible: "reckoned at its registration, the deadline could not be kept even with the most CPU",
  adopted: "a job of the 2017 launcher",
  overdue: "a report is late; its framework has been asked",
  report_lost: "a run was counted by the framework whose report never came",
  clock_skew: "the clock of a node is wrong; a finish had to be held within bounds",
  rescale_failed: "the last change of CPU did not get through",
  cpu_changed_outside: "somebody changed its CPU in the framework",
  surplus_run: "a run that nobody had asked for; it was not counted",
  not_ours: "the framework has another job of this name; it was left alone",
  telemetry_lost: "no CPU times come; nothing is decided until they do",
  over_declared: "it has used all the CPU time that it declared; its CPU is held",
  no_checkpoints: "its agent cannot write checkpoints, so it is not restarted for another CPU",
  late: "nobody had said by its deadline that it is done",
};
/** Whether the deadline could be kept, as it was reckoned at the registration. */
export const ADMISSION = { feasible: "can be kept", tight: "can be kept, but only just", infeasible: "cannot be kept" };
export const flag = name => ({ name: name.replaceAll("_", " "), meaning: MEANINGS[name] || "" });
