// A job's events, folded into what the charts and the reasons need. Instants are microseconds since 1970, spans microseconds, CPUs
// thousandths, as in the log.

const OUTCOMES = {
  RescaleApplied: "applied", RescaleFailed: "failed", RescaleUnanswered: "unanswered", RescaleTakenBack: "taken back",
};

export class History {
  constructor() {
    this.events = new Map();
    this.last = 0;
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
    this.wanted = null;
  }

  /** Takes the next event; false when it is known already. */
  take(event) {
    if (event.version <= this.last) return false;
    this.last = event.version;
    const fact = { version: event.version, kind: event.kind, at: Date.parse(event.at) * 1000, data: event.data, seq: event.seq };
    this.events.set(event.version, fact);
    const fold = this[event.kind];
    if (fold) fold.call(this, fact, event.data);
    else if (event.kind in OUTCOMES) this.outcome(fact, OUTCOMES[event.kind]);
    return true;
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

  SeenInFramework(fact, data) { this.setCpu(fact.at, data.cpus); }
  CpuObserved(fact, data) { this.setCpu(fact.at, data.cpus); }
  GrantReceived(fact, data) { this.grant = { at: fact.at, ...data }; }

  IterationStarted(fact, data) {
    this.running = { iteration: data.iteration, at: data.started_at, cpus: this.cpu };
  }

  IterationFinished(fact, data) {
    const cpus = this.running && this.running.iteration === data.iteration ? this.running.cpus : this.cpu;
    this.running = null;
    this.iterations.push({ iteration: data.iteration, started: data.started_at, finished: data.finished_at,
      seconds: data.duration / 1e6, cpus, outcome: data.outcome, hostname: data.hostname });
  }

  MarathonStarted(fact, data) {
    // The deadline counts from the first beginning; a later one does not move it.
    if (this.begun) return;
    this.begun = true;
    this.t0 = data.started_at;
    if (this.registered) this.deadline = data.started_at + this.registered.declared.deadline;
  }

  SegmentStarted(fact, data) {
    this.segments.push({ segment: data.segment, started: data.started_at, ended: null, hostname: data.hostname, reason: null, cpu: null });
  }

  SegmentEnded(fact, data) {
    const segment = this.segments.find(one => one.segment === data.segment && one.ended === null);
    if (segment) Object.assign(segment, { ended: data.ended_at, reason: data.reason, cpu: data.cpu });
  }

  Decided(fact, data) { this.decide(fact, data, false); }

  ProgressDecided(fact, data) {
    this.decide(fact, data, true);
    this.progress.push({ at: data.inputs.at, ratio: data.ratio_millionths / 1e6, used: data.inputs.cpu_current / 1e6,
      due: data.inputs.cpu_desired / 1e6, version: fact.version });
  }

  decide(fact, data, longRunning) {
    this.decisions.push({ version: fact.version, number: this.decisions.length + 1, at: fact.at, data, longRunning,
      trigger: this.events.get(data.inputs.event) || null, grant: this.grant, intended: false, outcomes: [] });
  }

  Rescaled(fact, data) {
    const decisions = this.decisions;
    const decision = decisions.find(one => one.version === data.decision) || decisions[decisions.length - 1];
    this.wanted = decision || null;
    if (decision) decision.intended = true;
  }

  outcome(fact, what) {
    if (what === "applied") this.setCpu(fact.at, fact.data.cpus);
    if (this.wanted) this.wanted.outcomes.push({ what, at: fact.at, data: fact.data });
    if (what === "applied" || what === "failed") this.wanted = null;
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
    return this.decisions.find(one => one.version === version) || null;
  }
}
