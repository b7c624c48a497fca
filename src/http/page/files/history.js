// A job's events, folded into what the charts and the reasons need. Instants are microseconds since 1970, spans microseconds, CPUs
// thousandths, as in the log.

const OUTCOMES = {
  RescaleApplied: "applied", RescaleFailed: "failed", RescaleUnanswered: "unanswered", RescaleTakenBack: "taken back",
};

export class History {
  constructor() {
    this.events = new Map();
    this.lastAt = null;
    this.registered = null;
    this.t0 = this.deadline = null;
    this.decisions = [];
    this.iterations = [];
    this.cpus = [];
    this.progress = [];
    this.segments = [];
    this.ended = null;
    this.grant = null;
    this.running = null;
    this.wanted = [];
    this.skipped = null;
    this.tasks = [];
    this.limited = false;
    this.done = 0;
  }

  /** The history that `events` tell, as far as they are loaded. */
  static of(events) {
    const history = new History();
    events.first.forEach(event => history.take(event));
    if (events.gap) history.skip(events.gap, events.newest[0]);
    events.newest.forEach(event => history.take(event));
    return history;
  }

  /** Events are not loaded: nothing that they may have changed is known from there on. */
  skip({ from, to }, next) {
    this.skipped = { from, to, after: this.lastAt, before: Date.parse(next.at) * 1000 };
    this.cpus.push({ at: this.lastAt, cpus: null });
    this.running = this.grant = null;
    this.wanted = [];
  }

  /** An agent that can change the job's CPU runs its container: it has told of a segment's beginning, and not of its end. */
  get agent() {
    const last = this.segments[this.segments.length - 1];
    return Boolean(last) && last.ended === null;
  }

  /** Takes the next event. */
  take(event) {
    const fact = { version: event.version, kind: event.kind, at: Date.parse(event.at) * 1000, data: event.data, seq: event.seq };
    this.lastAt = fact.at;
    this.events.set(event.version, fact);
    const fold = this[event.kind];
    if (fold) fold.call(this, fact, event.data);
    else if (event.kind in OUTCOMES) this.outcome(fact, OUTCOMES[event.kind]);
  }

  get cpu() {
    return this.cpus.length ? this.cpus[this.cpus.length - 1].cpus : null;
  }

  setCpu(at, cpus) {
    if (cpus !== null && cpus !== undefined && cpus !== this.cpu) this.cpus.push({ at, cpus });
  }

  Registered(fact, data) {
    this.registered = data;
    this.t0 = data.t0;
    this.deadline = data.deadline_at;
    this.setCpu(data.t0, data.cpus);
  }

  /** The least and the most CPU in force between two instants. */
  cpusBetween(from, to) {
    const inForce = [];
    for (let index = this.cpus.length - 1; index >= 0; index--) {
      const { at, cpus } = this.cpus[index];
      if (at < to && cpus !== null) inForce.push(cpus);
      if (at <= from) break;
    }
    return inForce.length ? { least: Math.min(...inForce), most: Math.max(...inForce) } : null;
  }

  /** CPU-seconds that were granted between two instants: the CPU in force times how long it was. */
  granted(from, to) {
    let sum = 0;
    for (let index = this.cpus.length - 1, until = to; index >= 0 && until > from; index--) {
      const { at, cpus } = this.cpus[index];
      if (at >= until) continue;
      sum += (until - Math.max(at, from)) * (cpus || 0) / 1e9;
      until = at;
    }
    return sum;
  }

  SeenInFramework(fact, data) { if (!this.limited) this.setCpu(fact.at, data.cpus); }
  CpuObserved(fact, data) { if (!this.limited) this.setCpu(fact.at, data.cpus); }
  GrantReceived(fact, data) { this.grant = { at: fact.at, ...data }; }

  IterationStarted(fact, data) {
    this.running = { iteration: data.iteration, at: data.started_at, cpus: this.cpu };
  }

  /** Which of the job's tasks a run belongs to, counted from 1 among those that are loaded; and its place in it. */
  taskOf(key) {
    if (!key || !key.run) return null;
    let task = this.tasks.find(one => one.run === key.run.run);
    if (!task) this.tasks.push(task = { run: key.run.run, number: this.tasks.length + 1 });
    return { number: this.skipped ? null : task.number, run: task.run, index: key.run.index };
  }

  IterationFinished(fact, data) {
    const cpus = this.running && this.running.iteration === data.iteration ? this.running.cpus : this.cpu;
    this.running = null;
    if (data.outcome === "counted") this.done = data.iteration;
    this.iterations.push({ version: fact.version, iteration: data.iteration, started: data.started_at, finished: data.finished_at,
      seconds: data.duration / 1e6, cpus, had: this.cpusBetween(data.started_at, data.finished_at), outcome: data.outcome, hostname: data.hostname, task: this.taskOf(data.key) });
  }

  /** What the task of a chained job was told, after the decision that it follows from. */
  ChainAnswered(fact, data) {
    const decision = this.decision(data.decision);
    if (decision) decision.answer = { at: fact.at, ...data };
  }

  MarathonStarted(fact, data) {
    // The deadline counts from the first beginning; a later one does not move it.
    if (this.begun) return;
    this.begun = true;
    this.t0 = data.started_at;
    if (this.registered) this.deadline = data.started_at + this.registered.declared.deadline;
  }

  SegmentStarted(fact, data) {
    this.segments.push({ segment: data.segment, started: data.started_at, ended: null, hostname: data.hostname, reason: null, cpu: null, base: data.base || 0 });
    // What its agent says is in force, whatever its framework has reserved.
    this.limited = data.limit !== null && data.limit !== undefined;
    this.setCpu(data.started_at, data.limit);
  }

  SegmentEnded(fact, data) {
    const segment = this.segments.find(one => one.segment === data.segment && one.ended === null);
    if (segment) Object.assign(segment, { ended: data.ended_at, reason: data.reason, cpu: data.cpu });
    this.limited = false;
  }

  Decided(fact, data) { this.decide(fact, data, false); }

  ProgressDecided(fact, data) {
    this.decide(fact, data, true);
    this.progress.push({ at: data.inputs.at, ratio: data.ratio_millionths / 1e6, used: data.inputs.cpu_current / 1e6,
      due: data.inputs.cpu_desired / 1e6, version: fact.version });
  }

  decide(fact, data, longRunning) {
    // After events that are not loaded a decision says the CPU that was in force before it.
    if (this.cpu === null) this.setCpu(fact.at, data.from);
    // Counted only where all before it are loaded.
    const number = this.skipped ? null : this.decisions.length + 1;
    this.decisions.push({ version: fact.version, number, name: number === null ? "Decision of event " + fact.version : "Decision " + number,
      at: fact.at, data, longRunning, trigger: this.events.get(data.inputs.event) || null, grant: this.grant, intended: false, outcomes: [], answer: null,
      replaced: null, already: this.wanted.find(one => one.data.to === data.to) || null, during: this.running && this.running.iteration, done: this.done });
  }

  Rescaled(fact, data) {
    const decisions = this.decisions;
    const named = data.decision !== null && data.decision !== undefined;
    const decision = named ? this.decision(data.decision) : decisions[decisions.length - 1];
    if (!decision) return;
    // What was intended before, and has not come into force, is not wished for any more.
    for (const earlier of this.wanted) earlier.replaced = decision;
    this.wanted.push(decision);
    decision.intended = true;
  }

  outcome(fact, what) {
    if (what === "applied") this.setCpu(fact.at, fact.data.cpus);
    // While the framework was asked for one CPU, another may have been intended in its place: the answer is for the one that it names.
    const named = this.wanted.findLastIndex(one => one.data.to === fact.data.cpus);
    const place = named < 0 ? this.wanted.length - 1 : named, decision = this.wanted[place];
    if (!decision) return;
    decision.outcomes.push({ what, at: fact.at, data: fact.data, inPlace: this.inPlace(decision) });
    if (what === "applied" || what === "failed") this.wanted.splice(0, place + 1);
  }

  /** Whether what has just come into force did so while the job ran. */
  inPlace(decision) {
    if (decision.longRunning) return Boolean(this.registered) && this.registered.supervision.rescale === "in-place";
    return this.agent && (this.running !== null || Boolean(decision.answer) && decision.answer.next === "continue");
  }

  Completed(fact, data) { this.ended = { kind: "completed", at: data.finished_at, data }; }
  Failed(fact, data) { this.ended = { kind: "failed", at: fact.at, data }; }
  Cancelled(fact, data) { this.ended = { kind: "cancelled", at: fact.at, data }; }
  Withdrawn(fact, data) { this.ended = { kind: "withdrawn", at: fact.at, data }; }

  /** Iterations that count. */
  counted() {
    return this.iterations.filter(one => one.outcome === "counted");
  }

  decision(version) {
    // The newest are asked for most.
    for (let at = this.decisions.length - 1; at >= 0; at--) if (this.decisions[at].version === version) return this.decisions[at];
    return null;
  }
}
