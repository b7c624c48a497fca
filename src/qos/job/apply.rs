//! The fold: one event, one change of state. Total: no list of events makes it panic.

use std::collections::BTreeSet;

use rpds::RedBlackTreeMapSync;

use super::execution::Execution;
use super::state::{Attempt, Ending, Flag, JobState, LatestDecision, Phase, Recorded, Work};
use crate::events::job::{Completed, JobEvent, Origin, Registered, Removal, SegmentEnd, SegmentStarted, Starter};
use crate::qos::admission::Verdict;
use crate::qos::ids::Framework;
use crate::qos::model::{Controller, History};
use crate::qos::policy::ModelValues;
use crate::qos::units::Timestamp;

impl JobState {
    /// The state after a job's first event.
    pub fn new(registered: Registered, first: &Recorded) -> Self {
        let mut flags = BTreeSet::new();
        if registered.admission.verdict == Verdict::Infeasible {
            flags.insert(Flag::Infeasible);
        }
        if registered.origin == Origin::Adopted {
            flags.insert(Flag::Adopted);
        }
        JobState {
            version: first.version,
            registered_at: first.at,
            policy: registered.policy.clone(),
            phase: Phase::Registered,
            ended_at: None,
            work: Work::None,
            seen: false,
            cpus: registered.cpus,
            limit: None,
            resizing_to: None,
            taking_back: false,
            no_room: None,
            unanswered: false,
            rescales: 0,
            done: 0,
            last_attempt: (0, 0),
            failures_in_row: 0,
            runs: RedBlackTreeMapSync::new_sync(),
            surplus_runs: 0,
            last: None,
            decision: None,
            grant: None,
            flags,
            removed: false,
            execution: None,
            answering: None,
            history: History::default(),
            registered,
        }
    }

    /// Folds a whole stream; `None` when it does not begin with a registration.
    pub fn replay(stream: impl IntoIterator<Item = Recorded>) -> Option<JobState> {
        let mut state: Option<JobState> = None;
        for recorded in stream {
            JobState::follow(&mut state, &recorded);
        }
        state
    }

    /// Takes the next event of a stream into account, of which `state` is what came of those before. False, and nothing has changed, when
    /// there is no state and the event is no registration.
    pub fn follow(state: &mut Option<JobState>, recorded: &Recorded) -> bool {
        match (&mut *state, &recorded.event) {
            (Some(state), _) => state.apply(recorded),
            (none, JobEvent::Registered(registered)) => *none = Some(JobState::new(registered.clone(), recorded)),
            (None, _) => return false,
        }
        true
    }

    /// Takes one event into account.
    pub fn apply(&mut self, recorded: &Recorded) {
        self.version = recorded.version;
        match &recorded.event {
            // A stream has one registration; a second one changes nothing.
            JobEvent::Registered(_) => {}
            JobEvent::SeenInFramework(seen) => {
                self.seen = true;
                self.cpus = Some(seen.cpus);
            }
            JobEvent::StartAttempted(start) => {
                self.last_attempt = (start.iteration, start.attempt);
                let first = start.attempt <= 1 && start.starter == Starter::Supervisor;
                self.answering = None;
                if let Some(segment) = self.execution.as_mut().and_then(|execution| execution.segment.as_mut()) {
                    // Of the task before: the new one has an agent of its own, which says so.
                    segment.running = false;
                }
                self.history.asked(first, self.cpus, recorded.at);
                self.work = Work::Attempted(Attempt {
                    iteration: start.iteration,
                    number: start.attempt,
                    success_count: start.success_count,
                    error_count: start.error_count,
                    at: recorded.at,
                    overdue: 0,
                    overdue_at: None,
                });
            }
            JobEvent::StartDropped(dropped) => self.drop_attempt(dropped.iteration, dropped.attempt),
            JobEvent::IterationStarted(started) => self.iteration_started(started),
            JobEvent::IterationFinished(finished) => self.iteration_finished(finished),
            JobEvent::IterationLost(lost) => self.iteration_lost(lost),
            JobEvent::ChainAnswered(answered) => self.chain_answered(answered, recorded.at),
            JobEvent::Overdue(_) => self.overdue(recorded.at),
            JobEvent::LookedUp(_) => {
                if let Work::Running(run) = &mut self.work {
                    run.looking_up = false;
                }
            }
            JobEvent::Decided(decided) => {
                self.remember_controller(decided.model.as_ref());
                self.decision = Some(LatestDecision {
                    performance: decided.performance,
                    prediction: decided.prediction,
                    bounds: decided.bounds,
                    wish: decided.wish.unwrap_or(decided.to),
                    to: decided.to,
                });
            }
            JobEvent::Rescaled(rescaled) => {
                self.resizing_to = Some(rescaled.to);
                self.taking_back = false;
                if let Some(execution) = &mut self.execution {
                    execution.resize_asked_at = Some(recorded.at);
                }
            }
            JobEvent::RescaleApplied(applied) => {
                let before = self.cpus_in_force();
                self.history.changed(before, applied.cpus, recorded.at, self.done);
                if self.resizes_in_place() {
                    self.limit = Some(applied.cpus);
                    if !self.history.spells.is_empty() {
                        self.history.spell(self.limit, recorded.at, false);
                    }
                } else {
                    self.cpus = Some(applied.cpus);
                }
                // While the framework was asked for this one, another may have been intended in its place.
                self.resizing_to = self.resizing_to.filter(|intended| *intended != applied.cpus);
                self.taking_back = false;
                // Marathon shows whether an earlier request was carried out after all; Chronos may still do so after a deletion.
                self.unanswered &= self.registered.framework == Framework::Chronos;
                // An intention that was given up again changes nothing.
                self.rescales = self.rescales.saturating_add(u32::from(before != Some(applied.cpus)));
                self.flags.remove(&Flag::RescaleFailed);
            }
            JobEvent::RescaleFailed(failed) => {
                self.resizing_to = None;
                self.taking_back = false;
                if failed.no_room {
                    self.no_room = Some((failed.cpus, recorded.at));
                }
                self.flags.insert(Flag::RescaleFailed);
            }
            JobEvent::RescaleUnanswered(_) => self.unanswered = true,
            JobEvent::RescaleTakenBack(_) => self.taking_back = true,
            JobEvent::CpuObserved(observed) => {
                self.cpus = Some(observed.cpus);
                self.flags.insert(Flag::CpuChangedOutside);
            }
            JobEvent::GrantReceived(grant) => self.grant = Some(grant.clone()),
            JobEvent::PolicyChanged(changed) => self.policy = changed.policy.clone(),
            JobEvent::Completed(completed) => {
                // Reported late, done in time.
                if completed.on_time {
                    self.flags.remove(&Flag::Late);
                }
                let Completed { finished_at, on_time, margin } = *completed;
                self.end(Ending::Completed { finished_at, on_time, margin }, recorded.at);
            }
            JobEvent::Failed(failed) => self.end(Ending::Failed { reason: failed.reason.clone() }, recorded.at),
            JobEvent::Cancelled(cancelled) => {
                self.end(Ending::Cancelled { reason: cancelled.reason.clone() }, recorded.at)
            }
            JobEvent::Withdrawn(withdrawn) => {
                self.end(Ending::Withdrawn { reason: withdrawn.reason.clone() }, recorded.at);
                self.removed |= !withdrawn.may_come;
            }
            JobEvent::Removed(removed) => {
                self.removed = true;
                if removed.how == Removal::NotOurs {
                    self.flags.insert(Flag::NotOurs);
                }
            }
            JobEvent::MarathonStarted(started) => {
                self.phase_running();
                self.execution_begins();
                self.execution = Some(Execution::started(self.execution.take(), started));
            }
            JobEvent::SegmentStarted(started) => {
                self.phase_running();
                self.segment_started(started);
            }
            JobEvent::CpuSample(sample) => {
                self.flags.remove(&Flag::TelemetryLost);
                let limit = sample.limit.or(self.cpus_in_force());
                self.history.measured(sample.segment, sample.at, sample.cpu, limit);
                if let Some(execution) = &mut self.execution {
                    execution.sampled(sample, recorded.at);
                }
                self.note_over_declared();
            }
            JobEvent::SegmentEnded(ended) => {
                self.history.segment_over(ended.ended_at, ended.reason == SegmentEnd::Checkpointed);
                if let Some(execution) = &mut self.execution {
                    execution.segment_ended(ended);
                }
                self.note_over_declared();
            }
            JobEvent::TelemetryLost(_) => {
                self.flags.insert(Flag::TelemetryLost);
            }
            JobEvent::ProgressDecided(decided) => {
                self.remember_controller(decided.model.as_ref());
                if let Some(execution) = &mut self.execution {
                    execution.decided(decided);
                }
            }
            JobEvent::MarathonEnded(ended) => {
                if let Some(execution) = &mut self.execution {
                    execution.finished_at = Some(ended.finished_at);
                }
            }
            JobEvent::DeadlinePassed(_) => {
                self.flags.insert(Flag::Late);
            }
        }
    }

    fn end(&mut self, ending: Ending, at: Timestamp) {
        // The first ending stands.
        if self.ending().is_none() {
            self.phase = Phase::Ended(ending);
            self.ended_at = Some(at);
            self.taking_back = false;
            self.work = Work::None;
            // Whoever has reported the last iteration is told to end.
            self.answering = None;
            // A request for another CPU may be under way at this moment.
            self.unanswered |= self.resizing_to.take().is_some();
        }
    }

    /// Before the first report of a long-running job, which moves its deadline: the one before was another.
    fn execution_begins(&mut self) {
        if self.execution.is_none() && self.registered.framework == Framework::Marathon {
            self.flags.remove(&Flag::Late);
        }
    }

    fn segment_started(&mut self, started: &SegmentStarted) {
        self.execution_begins();
        self.flags.remove(&Flag::TelemetryLost);
        if started.checkpoints == Some(false) {
            self.flags.insert(Flag::NoCheckpoints);
        } else {
            self.flags.remove(&Flag::NoCheckpoints);
        }
        // A fresh container has the reserved CPU again, or what its agent says.
        let resizable = self.registered.chain || self.resizes_in_place();
        self.limit = started.limit.filter(|_| resizable);
        self.history.segment_began(started.segment, started.started_at, self.cpus_in_force());
        self.execution = Some(Execution::segment_started(self.execution.take(), started));
    }

    /// A controller goes on from where its last decision left it.
    fn remember_controller(&mut self, model: Option<&ModelValues>) {
        self.history.controller = match model {
            Some(ModelValues::Controller { error, integral }) => {
                Some(Controller { error: *error, integral: *integral })
            }
            _ => None,
        };
    }

    fn note_over_declared(&mut self) {
        let used = self.execution.as_ref().filter(|_| self.is_long_running()).map(Execution::cpu_current);
        if used.is_some_and(|used| used >= self.registered.declared.duration) {
            self.flags.insert(Flag::OverDeclared);
        }
    }
}
