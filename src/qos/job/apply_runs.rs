//! The fold of what is reported about runs: their starts, their ends, and how a chain goes on.

use super::state::{Attempt, Flag, JobState, LastIteration, Phase, ReportedRun, Run, Work};
use crate::events::job::{
    ChainAnswered, ChainNext, IterationFinished, IterationLost, IterationStarted, LossReason, Outcome, RunKey,
};
use crate::qos::ids::Framework;
use crate::qos::units::Timestamp;

impl JobState {
    pub(super) fn phase_running(&mut self) {
        if self.phase == Phase::Registered {
            self.phase = Phase::Running;
        }
    }

    pub(super) fn drop_attempt(&mut self, iteration: u32, attempt: u32) {
        if self.attempt().is_some_and(|a| a.iteration == iteration && a.number == attempt) {
            self.work = Work::None;
        }
    }

    pub(super) fn iteration_started(&mut self, started: &IterationStarted) {
        self.phase_running();
        self.runs.insert_mut(started.key.clone(), ReportedRun { iteration: started.iteration, finished: false });
        let attempt = match &self.work {
            Work::Attempted(attempt) => attempt.clone(),
            // It was told to begin, and has begun: whatever had been thought of it meanwhile.
            Work::Running(run) if run.key == started.key => {
                Attempt { overdue: 0, overdue_at: None, ..run.attempt.clone() }
            }
            Work::None | Work::Running(_) => return,
        };
        if self.registered.chain {
            self.history.spell(self.cpus_in_force(), started.received_at, true);
        }
        self.work = Work::Running(Run {
            attempt,
            key: started.key.clone(),
            since: started.received_at,
            looking_up: false,
            announced: true,
        });
    }

    pub(super) fn iteration_finished(&mut self, finished: &IterationFinished) {
        self.phase_running();
        let known = self.runs.contains_key(&finished.key);
        self.runs.insert_mut(finished.key.clone(), ReportedRun { iteration: finished.iteration, finished: true });
        let ended = match &self.work {
            Work::Attempted(attempt) if attempt.iteration == finished.iteration => Some(attempt.clone()),
            Work::Running(run) if run.key == finished.key => Some(run.attempt.clone()),
            Work::None | Work::Attempted(_) | Work::Running(_) => None,
        };
        // A run that was known before its attempt is of an earlier task, which the framework takes for over.
        let earlier_task = known && matches!(self.work, Work::Attempted(_));
        if ended.is_some() {
            self.forget_unmade();
            self.work = Work::None;
        }
        if finished.clock_skew {
            self.flags.insert(Flag::ClockSkew);
        }
        match finished.outcome {
            Outcome::Counted => {
                self.counted(finished);
                let may_continue = matches!(&finished.key, RunKey::Run { index, .. } if *index < u32::MAX);
                self.answering = ended.filter(|_| self.registered.chain && may_continue && !earlier_task);
            }
            Outcome::Failed => {
                self.failures_in_row = self.failures_in_row.saturating_add(1);
                self.flags.remove(&Flag::Overdue);
                self.task_over();
            }
            Outcome::Surplus => {
                self.surplus_runs = self.surplus_runs.saturating_add(1);
                self.flags.insert(Flag::SurplusRun);
            }
        }
    }

    fn counted(&mut self, finished: &IterationFinished) {
        self.history.counted(
            finished.started_at,
            finished.duration,
            self.last.map(|last| last.finished_at),
            self.policy.sleeping_time,
            self.cpus,
        );
        self.done = self.done.saturating_add(1);
        self.failures_in_row = 0;
        self.flags.remove(&Flag::Overdue);
        self.last = Some(LastIteration {
            finished_at: finished.finished_at,
            duration: finished.duration,
            cpus: self.cpus_in_force(),
        });
    }

    /// The task that has just reported was told what to do.
    pub(super) fn chain_answered(&mut self, answered: &ChainAnswered, at: Timestamp) {
        let task = self.answering.take();
        let (Some(task), ChainNext::Continue, None) = (task, answered.next, self.ending()) else {
            return self.task_over();
        };
        let (iteration, number) = (answered.iteration, 1);
        let key = RunKey::Run { run: answered.run.clone(), index: answered.index.saturating_add(1) };
        self.runs.insert_mut(key.clone(), ReportedRun { iteration, finished: false });
        self.last_attempt = (iteration, number);
        self.history.continued(self.cpus_in_force(), at);
        // The framework's counts stay those from before the task: it counts tasks.
        let attempt = Attempt { iteration, number, at, overdue: 0, overdue_at: None, ..task };
        self.work = Work::Running(Run { attempt, key, since: at, looking_up: false, announced: false });
    }

    pub(super) fn iteration_lost(&mut self, lost: &IterationLost) {
        self.forget_unmade();
        self.drop_attempt(lost.iteration, lost.attempt);
        self.task_over();
        match lost.reason {
            LossReason::RunFailed => self.failures_in_row = self.failures_in_row.saturating_add(1),
            LossReason::ReportLost => {
                self.failures_in_row = self.failures_in_row.saturating_add(1);
                self.flags.insert(Flag::ReportLost);
            }
            LossReason::Vanished | LossReason::ChainBroken => {}
        }
    }

    /// The task of a repeated job is over, or about to be: with it ends what its agent had in force.
    fn task_over(&mut self) {
        if self.registered.framework == Framework::Chronos {
            self.limit = None;
            self.history.run_over();
        }
    }

    /// What the agent of a repeated job has not put in force by the end of an iteration is decided anew.
    fn forget_unmade(&mut self) {
        let had_agent = self.execution.as_ref().is_some_and(|execution| execution.segment.is_some());
        // Whether or not it still lives: nobody else would ever apply it.
        if self.registered.framework == Framework::Chronos && self.in_chain() && had_agent {
            self.resizing_to = None;
        }
    }

    pub(super) fn overdue(&mut self, at: Timestamp) {
        self.flags.insert(Flag::Overdue);
        let attempt = match &mut self.work {
            Work::None => return,
            Work::Attempted(attempt) => attempt,
            Work::Running(run) => {
                run.looking_up = true;
                &mut run.attempt
            }
        };
        attempt.overdue = attempt.overdue.saturating_add(1);
        attempt.overdue_at = Some(at);
    }
}
