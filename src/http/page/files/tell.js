// Events in words.

import { milli, span, time, margin, plural, number } from "./format.js";
import { headline } from "./decision.js";

const cpuTime = micros => number(micros / 1e6, 1) + " CPU-seconds";
const within = key => key && key.run ? " (" + (key.run.index === 0 ? "the first" : "number " + (key.run.index + 1)) + " in task " + key.run.run + ")" : "";
const LOST = {
  run_failed: "the framework counts a failed run, and no report came", report_lost: "the framework counts a good run, but its report never came",
  vanished: "the run was killed: the framework shows the job idle, and no report came",
  chain_broken: "the task was told to run the next iteration, and ended without beginning it",
};
const SEGMENT_ENDS = { checkpointed: "its state is in a checkpoint", exited: "the program ended by itself", killed: "it was ended without a checkpoint",
  lost: "its agent ended without a word" };
const REMOVED = { deleted: "from its framework", already_gone: "before, by somebody else", not_touched: "from here; its framework knows no such job",
  not_ours: "from here; its framework has another job of this name" };

const TOLD = {
  Registered: data => "Registered: " + (data.iterations ? plural(data.iterations, "iteration") + " of " + span(data.declared.duration / 1e6) : cpuTime(data.declared.duration))
    + ", to be done within " + span(data.declared.deadline / 1e6) + (data.chain ? "; iterations may share a task" : "") + ".",
  SeenInFramework: data => "Its framework shows it, with " + milli(data.cpus) + ".",
  StartAttempted: data => "Iteration " + data.iteration + (data.attempt > 1 ? ", attempt " + data.attempt : "") + ": a start is asked for.",
  StartDropped: data => "The framework dropped the start of iteration " + data.iteration + "; it is asked for again.",
  IterationStarted: (data, chain) => "Iteration " + data.iteration + " began on " + data.hostname + (chain ? within(data.key) : "") + ".",
  IterationFinished: (data, chain) => "Iteration " + data.iteration + " ended on " + data.hostname + (chain ? within(data.key) : "") + " after " + span(data.duration / 1e6)
    + (data.outcome === "failed" ? ", and failed with exit code " + data.exit_code : data.outcome === "surplus" ? "; nobody had asked for it, it does not count" : "") + ".",
  ChainAnswered: data => "Task " + data.run + " was told to " + (data.next === "continue" ? "go on" : "end") + ": " + data.reason + ".",
  IterationLost: data => "Iteration " + data.iteration + " is lost: " + (LOST[data.reason] || data.reason) + ".",
  Overdue: data => "The report of iteration " + data.iteration + " is overdue; the framework is asked.",
  LookedUp: data => "The framework shows it " + data.activity + ".",
  Rescaled: data => "A change from " + milli(data.from) + " to " + milli(data.to) + " is asked for.",
  RescaleApplied: data => milli(data.cpus) + " is in force.",
  RescaleFailed: data => milli(data.cpus) + " was not to be had: " + data.reason + ".",
  RescaleUnanswered: data => "Whether it gets " + milli(data.cpus) + " is not known: " + data.reason + ".",
  RescaleTakenBack: data => "The change is taken back, to " + milli(data.cpus) + ": " + data.reason + ".",
  CpuObserved: data => "Somebody else has set " + milli(data.cpus) + ".",
  PolicyChanged: data => "From now on the policy " + data.policy.policy.name + " decides.",
  Completed: data => "Done at " + time(data.finished_at) + ", " + margin(data.margin / 1e6) + ".",
  Failed: data => "Given up: " + data.reason + ".",
  Cancelled: data => "Cancelled: " + data.reason + ".",
  Withdrawn: data => "Taken back: " + data.reason + ".",
  Removed: data => "Removed " + (REMOVED[data.how] || data.how) + ".",
  MarathonStarted: data => "It began" + (data.hostname ? " on " + data.hostname : "") + ". Its deadline counts from its first beginning.",
  MarathonEnded: data => "The program ended with exit code " + data.exit_code + ".",
  SegmentStarted: data => "Its agent began run " + data.segment + (data.hostname ? " on " + data.hostname : "") + (data.base ? ", with " + cpuTime(data.base) + " of work from a checkpoint" : "")
    + (data.limit ? ", limited to " + milli(data.limit) : "") + ".",
  CpuSample: data => "Run " + data.segment + " has used " + cpuTime(data.cpu) + ".",
  SegmentEnded: data => "Run " + data.segment + " ended after " + cpuTime(data.cpu) + ": " + (SEGMENT_ENDS[data.reason] || data.reason) + ".",
  TelemetryLost: data => "No CPU time has come since " + time(data.since) + (data.reason ? ": " + data.reason : "") + ". Nothing is decided until one comes.",
  GrantReceived: data => "The cluster leaves it " + (data.cap ? "at most " + milli(data.cap) : "all that it wishes for") + " (sharing number " + data.round + ").",
  DeadlinePassed: data => "Its deadline at " + time(data.deadline_at) + " has passed, and nobody had said that it is done.",
};

/** What an event says. One of a kind that is not known here is left to its facts. */
export function tell(fact, history) {
  const decision = fact.kind === "Decided" || fact.kind === "ProgressDecided" ? history.decision(fact.version) : null;
  if (decision) return decision.name + ": " + headline(decision) + ". " + fact.data.reason + ".";
  return fact.kind in TOLD ? TOLD[fact.kind](fact.data, history.registered && history.registered.chain) : fact.kind;
}
