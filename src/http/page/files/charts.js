// The four published charts of a job, and the outlook of one decision.

import { h, s } from "./dom.js";
import { chart, extent, TIME_STEPS } from "./chart.js";
import { span, time, milli, number, plural, PERFORMANCE } from "./format.js";
import { headline, taskName } from "./reason.js";

const REGIONS = { under: "too slow: needs CPU", plan: "on plan", over: "faster than needed: can give CPU" };
const signed = seconds => seconds === 0 ? "0" : (seconds < 0 ? "−" : "+") + span(seconds);
const cpuFigure = value => number(value, 2);
// More than these cannot be told apart, nor reached by keyboard: then only changes of CPU are marked.
const MOST_MARKS = 250;

/** The charts of `uuid`; `now()` gives the history, the job and the present instant. */
export function jobCharts(uuid, now) {
  const since = at => (at - now().history.t0) / 1e6;
  const href = version => "#/job/" + uuid + "/decision/" + version;
  const elapsed = domain => ({ domain, label: "time since the job began", format: value => span(value) === "0 s" ? "0" : span(value), steps: TIME_STEPS });

  /** From the beginning to the end, or to the deadline or the present, whichever is later. */
  function lifetime() {
    const { history, present } = now();
    const known = Math.max(history.deadline || 0, history.ended ? history.ended.at : 0,
      ...history.decisions.slice(-1).map(one => one.at), ...history.iterations.slice(-1).map(one => one.finished));
    // A job that nothing is heard of any more does not shrink what was heard.
    const shown = history.ended ? known : Math.min(Math.max(known, present), history.t0 + (known - history.t0) * 1.3);
    return [0, Math.max(1, since(shown)) * 1.02];
  }

  const numberOf = decision => decision.number === null ? "event " + decision.version : decision.number;

  const deadlineRule = () => ({ x: since(now().history.deadline), label: "deadline" });

  function markOf(decision, x, y) {
    const performance = PERFORMANCE[decision.data.performance];
    return { id: decision.version, x, y, kind: performance.kind, changed: decision.data.from !== decision.data.to, href: href(decision.version),
      label: decision.name + ", " + time(decision.at) + ": " + performance.word + ", " + headline(decision) + ". Open its reason." };
  }

  /** The decisions as marks, placed by `place(decision)`, which gives x and y; and what is to be said of those that are left out. */
  function marked(place) {
    const { history } = now();
    const all = history.decisions, some = all.length <= MOST_MARKS ? all : all.filter(one => one.data.from !== one.data.to).slice(-MOST_MARKS);
    return { marks: some.map(one => markOf(one, ...place(one))),
      said: some.length === all.length ? null : "of " + plural(all.length, "decision") + " only " + number(some.length, 0) + " that changed the CPU are marked; the list below has all" };
  }

  /** Points of what is loaded, with a break where something is not. */
  function apart(list, point) {
    const { skipped } = now().history;
    return list.flatMap((one, index) => skipped && index > 0 && one.version > skipped.to && list[index - 1].version < skipped.from
      ? [null, point(one)] : [point(one)]);
  }

  /** The time of which nothing is loaded. */
  function unloaded() {
    const { skipped } = now().history;
    return skipped && [since(skipped.after), since(skipped.before)];
  }

  /** Where a decision is marked on a line that is known at other instants. */
  function valueAt(points, x) {
    const known = points.filter(point => point !== null);
    let low = 0, high = known.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (known[middle][0] <= x + 1e-6) low = middle + 1;
      else high = middle;
    }
    return known.length ? known[Math.max(0, low - 1)][1] : 0;
  }

  /** The ended runs, each in a place of its own: that of its iteration, or the next one that is free, as a failed one runs again. */
  function slots() {
    let last = 0;
    return now().history.iterations.filter(one => one.outcome !== "surplus").map(one => ({ ...one, slot: last = Math.max(last + 1, one.iteration) }));
  }

  /** When a long-running job would end at the CPU that it has, if it uses all of it. */
  function reckoned(decision, declared) {
    const left = Math.max(0, declared.duration - decision.data.inputs.cpu_current);
    return decision.data.inputs.at + left / (Math.max(1, decision.data.to) / 1000);
  }

  function prediction() {
    const { history } = now(), declared = history.registered && history.registered.declared;
    if (!declared || history.decisions.length === 0) return { empty: "No decision yet" };
    const points = history.decisions.map(one => {
      const at = since(one.data.inputs.at);
      const end = one.longRunning ? reckoned(one, declared) : one.data.prediction;
      const spread = declared.deadline * declared.deviation_ppm / 1e12;
      const bounds = one.longRunning ? { upper: 0, lower: -spread }
        : { upper: (one.data.bounds.upper - history.deadline) / 1e6, lower: (one.data.bounds.lower - history.deadline) / 1e6 };
      return { one, version: one.version, at, value: (end - history.deadline) / 1e6, ...bounds };
    });
    const byVersion = new Map(points.map(point => [point.version, point]));
    const [x0, x1] = lifetime();
    const values = points.map(point => point.value), bounds = points.flatMap(point => [point.upper, point.lower]);
    // A prediction out of all proportion is held at the edge, so that the others can be told apart.
    const most = declared.deadline / 1e6 * 1.5;
    const [low, high] = extent(values.map(value => Math.max(-most, Math.min(most, value))), 0, ...bounds), room = (high - low) * 0.15;
    const domain = [low - room, high + room];
    const strips = points.map((point, index) => ({ ...point, x0: index === 0 ? x0 : point.at, x1: index + 1 < points.length ? points[index + 1].at : x1 }));
    const region = (kind, from, to) => ({ kind, label: REGIONS[kind],
      pieces: strips.map(strip => ({ x0: strip.x0, x1: strip.x1, from: from(strip), to: to(strip) })) });
    const latest = points[points.length - 1];
    return {
      x: elapsed([x0, x1]), y: { domain, label: "", format: signed, steps: TIME_STEPS },
      regions: [region("under", strip => strip.upper, () => domain[1]), region("plan", strip => strip.lower, strip => strip.upper),
        region("over", () => domain[0], strip => strip.lower)],
      rules: [{ y: 0, label: "the deadline" }, deadlineRule()],
      lines: [{ kind: "ink", points: apart(points, point => [point.at, point.value]) }], gap: unloaded(),
      ...marked(one => { const point = byVersion.get(one.version); return [point.at, point.value]; }),
      summary: "At the last of " + plural(points.length, "decision") + " the predicted end was " + signed(latest.value) + " against the deadline.",
      heads: ["Decision", "Time", "Predicted end minus deadline", "On plan from", "On plan to", "State"],
      rows: points.map(point => [numberOf(point.one), time(point.one.at), signed(point.value), signed(point.lower), signed(point.upper),
        PERFORMANCE[point.one.data.performance].word]),
    };
  }

  function durations() {
    const { history } = now();
    const done = slots();
    if (done.length === 0) return { empty: "No iteration has ended yet" };
    const [, most] = extent(done.map(one => one.seconds), history.registered ? history.registered.declared.duration / 1e6 : 0), chained = history.registered.chain;
    return {
      x: { domain: [0.5, Math.max(done[done.length - 1].slot, history.registered.iterations) + 0.5], label: "iteration", format: value => number(value, 0), steps: [1, 2, 5, 10, 20, 50, 100, 200, 500] },
      y: { domain: [0, most * 1.12], label: "", format: value => value === 0 ? "0" : span(value), steps: TIME_STEPS },
      bars: done.map(one => ({ kind: one.outcome === "failed" ? "under" : "duration", label: "duration of the iteration", x0: one.slot - 0.38, x1: one.slot + 0.38, y: one.seconds,
        title: "Iteration " + one.iteration + ": " + span(one.seconds) + (one.cpus ? ", " + milli(one.cpus) : "") + (one.outcome === "failed" ? ", failed" : "") })),
      rules: [{ y: history.registered.declared.duration / 1e6, label: "declared" }], gap: unloadedSlots(done),
      summary: plural(done.length, "iteration") + " ended; the last took " + span(done[done.length - 1].seconds) + ".",
      heads: ["Iteration", "Ended at", "Duration", "CPU", "Outcome", "Node", ...(chained ? ["Task"] : [])],
      rows: done.map(one => [one.iteration, time(one.finished), span(one.seconds), one.cpus ? milli(one.cpus) : "unknown", one.outcome, one.hostname,
        ...(chained ? [taskName(one.task)] : [])]),
    };
  }

  /** The iterations of which nothing is loaded. */
  function unloadedSlots(done) {
    const { skipped } = now().history, at = skipped ? done.findIndex(one => one.version > skipped.to) : -1;
    return at < 0 ? null : [(at > 0 ? done[at - 1].slot : 0) + 0.5, done[at].slot - 0.5];
  }

  /** Of which iteration a decision is: it comes after it. */
  const iterationOf = (decision, places) => {
    const trigger = decision.trigger;
    return trigger && trigger.kind === "IterationFinished" && places.get(trigger.version) || 0;
  };

  function iterationCpus() {
    const { history } = now();
    const done = slots(), places = new Map(done.map(one => [one.version, one.slot])), last = done.length ? done[done.length - 1].slot : 0;
    if (done.length === 0 && history.decisions.length === 0) return { empty: "No iteration has ended yet" };
    const points = apart(done, one => [one.slot - 0.5, (one.cpus || 0) / 1000]);
    const latest = history.cpu === null ? null : history.cpu / 1000;
    if (latest !== null && !history.ended) points.push([last + 0.5, latest]);
    if (points.length) points.push([points[points.length - 1][0] + 1, points[points.length - 1][1]]);
    const [, high] = extent([...points.map(point => point && point[1]), ...history.decisions.map(one => one.data.to / 1000)]);
    return {
      x: { domain: [0.5, Math.max(last, history.registered.iterations) + 0.5], label: "iteration", format: value => number(value, 0), steps: [1, 2, 5, 10, 20, 50, 100, 200, 500] },
      y: { domain: [0, high * 1.25], label: "", format: cpuFigure },
      lines: [{ kind: "cpu", step: true, points, label: "CPU reserved for the iteration, in CPUs" }],
      gap: unloadedSlots(done), ...marked(one => [iterationOf(one, places) + 0.5, one.data.to / 1000]),
      summary: "It has " + (history.cpu === null ? "an unknown CPU" : milli(history.cpu)) + ".",
      heads: ["Decision", "After iteration", "CPU before", "CPU after"],
      rows: history.decisions.map(one => [numberOf(one), iterationOf(one, places) || "registration", milli(one.data.from), milli(one.data.to)]),
    };
  }

  function longRunningCpus() {
    const { history, present } = now();
    if (history.cpus.length === 0) return { empty: "No CPU is known yet" };
    const end = history.ended ? history.ended.at : present;
    const points = [];
    let held = null;
    for (const { at, cpus } of history.cpus) {
      points.push(...(cpus !== null ? [[since(at), cpus / 1000]] : held === null ? [] : [[since(at), held], null]));
      held = cpus === null ? null : cpus / 1000;
    }
    if (held !== null) points.push([since(end), held]);
    const [, high] = extent([...points.map(point => point && point[1]), ...history.decisions.map(one => one.data.to / 1000)], 0);
    return {
      x: elapsed(lifetime()), y: { domain: [0, high * 1.25], label: "", format: cpuFigure },
      lines: [{ kind: "cpu", step: true, points, label: "CPU in force, in CPUs" }],
      rules: [deadlineRule()], gap: unloaded(),
      ...marked(one => [since(one.at), one.data.to / 1000]),
      summary: history.cpu === null ? "" : "It has " + milli(history.cpu) + ".",
      heads: ["From", "CPU"], rows: history.cpus.map(one => [time(one.at), one.cpus === null ? "not loaded" : milli(one.cpus)]),
    };
  }

  /** Of a repeated job: iterations done over iterations due, at the end of each. */
  function repeatedProgress(history) {
    const declared = history.registered.declared;
    return history.counted().map(one => {
      const share = Math.min(1, Math.max(1e-9, (one.finished - history.t0) / declared.deadline));
      return { version: one.version, at: since(one.finished), ratio: one.iteration / (share * history.registered.iterations), done: one.iteration, due: share * history.registered.iterations };
    });
  }

  function progress() {
    const { history } = now();
    if (!history.registered) return { empty: "Nothing is known yet" };
    const longRunning = history.registered.framework === "marathon", deviation = history.registered.declared.deviation_ppm / 1e6;
    const known = longRunning ? history.progress.map(one => ({ version: one.version, at: since(one.at), ratio: one.ratio, done: one.used, due: one.due })) : repeatedProgress(history);
    if (known.length === 0) return { empty: longRunning ? "No CPU time was measured yet" : "No iteration has ended yet" };
    const points = apart(known, one => [one.at, Math.min(one.ratio, 4)]);
    const [low, high] = extent(known.map(one => Math.min(one.ratio, 4)), 1 - deviation, 1 + deviation), room = (high - low) * 0.15;
    const [x0, x1] = lifetime(), domain = [Math.max(0, low - room), high + room];
    const region = (kind, from, to, label) => ({ kind, label, pieces: [{ x0, x1, from, to }] });
    return {
      x: elapsed([x0, x1]), y: { domain, label: "", format: cpuFigure },
      regions: longRunning ? [region("under", domain[0], 1 - deviation, REGIONS.under), region("plan", 1 - deviation, 1 + deviation, REGIONS.plan),
        region("over", 1 + deviation, domain[1], REGIONS.over)] : [],
      rules: [{ y: 1, label: "as due" }, deadlineRule()],
      lines: [{ kind: "ink", points, dots: !longRunning }], gap: unloaded(),
      ...marked(one => [since(one.data.inputs.at), valueAt(points, since(one.data.inputs.at))]),
      summary: "The last ratio was " + number(known[known.length - 1].ratio, 2) + ".",
      heads: longRunning ? ["Time", "Ratio", "CPU-seconds used", "CPU-seconds due"] : ["Time", "Ratio", "Iterations done", "Iterations due"],
      rows: known.map(one => [time(history.t0 + one.at * 1e6), number(one.ratio, 3), number(one.done, 1), number(one.due, 1)]),
    };
  }

  function consumption() {
    const { history, present } = now();
    if (!history.registered) return { empty: "Nothing is known yet" };
    const { declared, iterations, cpus } = history.registered, longRunning = history.registered.framework === "marathon";
    if (!longRunning && history.skipped) return { empty: "A sum over all iterations: load the earlier events to see it" };
    const used = [[0, 0]];
    if (longRunning) {
      used.push(...apart(history.progress, one => [since(one.at), one.used]));
      const last = history.segments[history.segments.length - 1];
      if (history.ended && last && last.cpu !== null) used.push([since(last.ended), (last.base + last.cpu) / 1e6]);
    } else {
      for (const one of history.iterations) if (one.outcome !== "surplus") used.push([since(one.finished), used[used.length - 1][1] + one.seconds * (one.cpus || 0) / 1000]);
    }
    if (used.length === 1) return { empty: longRunning ? "No CPU time was measured yet" : "No iteration has ended yet" };
    const whole = longRunning ? declared.duration / 1e6 : iterations * declared.duration / 1e6 * (cpus || 1000) / 1000;
    const [x0, x1] = lifetime(), end = declared.deadline / 1e6;
    const due = [[0, 0], [end, whole], ...(x1 > end ? [[x1, whole]] : [])];
    const known = used.filter(point => point !== null);
    const dueAt = at => Math.min(1, Math.max(0, at / end)) * whole;
    return {
      x: elapsed([x0, x1]), y: { domain: [0, extent(known.map(point => point[1]), whole)[1] * 1.12], label: "", format: value => number(value, whole < 20 ? 1 : 0) },
      lines: [{ kind: "due", points: due, label: "due, to end at the deadline" }, { kind: "cpu", points: used, dots: true, label: longRunning ? "used" : "reserved while it ran" }],
      rules: [deadlineRule()], gap: unloaded(),
      ...marked(one => [since(one.data.inputs.at), valueAt(used, since(one.data.inputs.at))]),
      summary: number(used[used.length - 1][1], 0) + " of " + number(whole, 0) + " CPU-seconds.",
      heads: ["Time", longRunning ? "CPU-seconds used" : "CPU-seconds reserved", "CPU-seconds due"],
      rows: known.map(([x, y]) => [time(history.t0 + x * 1e6), number(y, 1), number(dueAt(x), 1)]),
    };
  }

  const longRunning = now().job.framework === "marathon";
  const shown = [
    chart("Predicted end minus deadline", longRunning
      ? "Reckoned from the CPU time left at the CPU decided. Below zero it ends in time. ◆ is a change of CPU, ● a decision to keep it."
      : "Below zero it ends in time. ◆ is a change of CPU, ● a decision to keep it; each opens its reason.", prediction),
    ...(longRunning ? [chart("CPU", "CPUs in force over time.", longRunningCpus)]
      : [chart("CPU of each iteration", "CPUs reserved; each change is by the decision before the iteration.", iterationCpus),
        chart("Duration of each iteration", "Seconds that the job’s own work took, against what was declared.", durations)]),
    chart("Progress ratio", longRunning ? "CPU time used over CPU time due by then. 1 is exactly on time; the regions are what is decided by."
      : "Iterations done over iterations due by then. 1 is exactly on time.", progress),
    chart("CPU time: used against due", longRunning ? "CPU-seconds used, and what must be used by then to end at the deadline."
      : "CPU-seconds reserved so far, and what the declared work needs by then to end at the deadline.", consumption),
  ];
  return {
    element: h("section", { class: "charts" + (longRunning ? "" : " five"), "aria-label": "Charts" }, shown.map(one => one.element)),
    redraw: () => shown.forEach(one => one.redraw()),
    leave: () => shown.forEach(one => one.leave()),
  };
}

/** One decision's prediction on a line of time: what is too early, on plan, too late. */
export function outlook(decision, deadline) {
  const { prediction, bounds } = decision.data;
  const WIDTH = 640, MIDDLE = 44;
  const known = [prediction, bounds.lower, bounds.upper, deadline];
  const room = Math.max(1e6, (Math.max(...known) - Math.min(...known)) * 0.16), low = Math.min(...known) - room, high = Math.max(...known) + room;
  const x = at => (at - low) / (high - low) * WIDTH;
  const kind = prediction > bounds.upper ? "under" : prediction < bounds.lower ? "over" : "plan";
  const strip = (name, from, to) => s("rect", { class: "region strong " + name, x: x(from), y: MIDDLE - 9, width: Math.max(0, x(to) - x(from)), height: 18 });
  const label = (at, y, text, more) => {
    const place = x(at);
    return s("text", { class: "outlookname " + (more || "") + (place < 90 ? " start" : place > WIDTH - 90 ? " end" : ""), x: place, y }, text);
  };
  return s("svg", { class: "outlook", viewBox: `0 0 ${WIDTH} 92`, role: "img",
    "aria-label": "On a line of time: on plan from " + time(bounds.lower) + " to " + time(bounds.upper) + ", deadline " + time(deadline) + ", predicted end " + time(prediction) },
    strip("over", low, bounds.lower), strip("plan", bounds.lower, bounds.upper), strip("under", bounds.upper, high),
    s("line", { class: "deadline", x1: x(deadline), x2: x(deadline), y1: MIDDLE - 16, y2: MIDDLE + 18 }), label(deadline, MIDDLE + 34, "deadline " + time(deadline)),
    s("path", { class: "pin " + kind, d: `M${x(prediction)} ${MIDDLE + 1}l-8 -16h16z` }),
    label(prediction, MIDDLE - 22, "predicted end " + time(prediction), "strong"));
}
