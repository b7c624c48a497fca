// Figures for people, each with its unit.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const date = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });

/** Microseconds since 1970, of an RFC 3339 text. */
export const micros = text => Date.parse(text) * 1000;

/** A time of day, with the date where it is another day than today. */
export function time(micros) {
  const when = new Date(micros / 1000);
  if (Number.isNaN(when.getTime())) return "beyond the calendar";
  if (when.getUTCFullYear() > 9000) return "never";
  return (when.toDateString() === new Date().toDateString() ? "" : date.format(when) + ", ") + clock.format(when);
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

/** A margin, of seconds before the deadline. */
export const margin = seconds => Math.abs(seconds) < 0.05 ? "just on time" : span(seconds) + (seconds < 0 ? " late" : " early");

export const cpus = value => value === null || value === undefined ? "unknown" : number(value, 3) + " CPU";
export const milli = value => cpus(value / 1000);
export const percent = share => number(share * 100, 0) + " %";
export const plural = (count, one, many) => number(count, 0) + " " + (count === 1 ? one : many || one + "s");

export const FRAMEWORK = { chronos: "Chronos", marathon: "Marathon" };
export const PERFORMANCE = {
  UNDER_PERFORMANT: { word: "too slow", kind: "under" },
  ON_PLAN: { word: "on plan", kind: "plan" },
  OVER_PERFORMANT: { word: "faster than needed", kind: "over" },
};
const MEANINGS = {
  infeasible: "the deadline could not be kept even with the most CPU",
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
export const flag = name => ({ name: name.replaceAll("_", " "), meaning: MEANINGS[name] || "" });
