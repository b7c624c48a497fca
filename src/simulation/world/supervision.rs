//! What a supervisor does for a job: hands commands to the rules, performs effects, sets alarms.

use super::job::Stage;
use super::{EPOCH, SimulationError, What, World};
use crate::events::job::{Activity, JobEvent, Removal};
use crate::qos::job::command::FrameworkFacts;
use crate::qos::job::judge::Verdict;
use crate::qos::job::{Command, Effect, JobState, Rejection, Reply, asks_for_a_round, awaited_report, is_time_to_look};
use crate::qos::units::{Cpus, Span, Timestamp};
use crate::simulation::model::Kind;
use crate::simulation::outcome::Batch;

/// An alarm that rang and led to nothing rings again after this time, as in production.
const RING_AGAIN: Span = Span::from_secs(1);

impl World<'_> {
    /// Hands a command to the rules, then does what follows: records, performs effects, asks the arbiter, sets the alarm.
    pub(super) fn submit(&mut self, job: usize, command: Command) -> Result<Reply, SimulationError> {
        let outcome = self.jobs[job].supervised.submit(command, self.now);
        let outcome = outcome.map_err(|rejection| self.refused(job, rejection))?;
        let reply = outcome.reply;
        self.follow_up(job, outcome.events)?;
        Ok(reply)
    }

    pub(super) fn follow_up(&mut self, job: usize, events: Vec<JobEvent>) -> Result<(), SimulationError> {
        let asks_for_a_round = self.jobs[job].supervised.state().is_some_and(|state| asks_for_a_round(state, &events));
        if let Some(recorded) = self.recorded.as_mut().filter(|_| !events.is_empty()) {
            recorded.push(Batch { job: self.jobs[job].id, at: self.now, events });
        }
        if asks_for_a_round {
            self.arbitrate()?;
        }
        self.resize_in_place(job)?;
        self.perform(job)?;
        self.set_alarm(job);
        Ok(())
    }

    /// A round, and another one when what it told has changed what rounds are about: never one within another.
    fn arbitrate(&mut self) -> Result<(), SimulationError> {
        self.another_round = true;
        if std::mem::replace(&mut self.in_a_round, true) {
            return Ok(());
        }
        let cluster = Cpus::from_milli(self.scenario.node_cpus.milli().saturating_mul(self.scenario.nodes));
        while std::mem::take(&mut self.another_round) {
            let states: Vec<&JobState> = self
                .jobs
                .iter()
                .filter_map(|job| job.supervised.state())
                .filter(|state| !state.is_finished())
                .collect();
            for (id, command) in self.arbiter.arbitrate(self.now, cluster, &states) {
                if let Some(job) = self.jobs.iter().position(|job| job.id == id) {
                    self.submit(job, command)?;
                }
            }
        }
        self.in_a_round = false;
        Ok(())
    }

    /// Performs effects in their order until one has to wait.
    pub(super) fn perform(&mut self, job: usize) -> Result<(), SimulationError> {
        let Some(effect) = self.jobs[job].supervised.next_effect().cloned() else { return Ok(()) };
        let command = match effect {
            Effect::AwaitJob => Command::Seen(self.facts(job)),
            Effect::SetCpus { cpus } => match self.jobs[job].model.kind {
                // As long as its task has not been asked for.
                Kind::Repeated { .. } if matches!(self.jobs[job].stage, Stage::Idle | Stage::Planned) => {
                    self.jobs[job].resized = true;
                    Command::CpusApplied(cpus)
                }
                Kind::Repeated { .. } => return Ok(()),
                Kind::LongRunning { .. } => return self.restart(job, cpus),
            },
            Effect::StartIteration { not_before, .. } => {
                self.plan_request(job, not_before);
                return Ok(());
            }
            Effect::LookUp { iteration, attempt } => {
                let facts = self.facts(job);
                Command::Judged { iteration, attempt, verdict: Verdict::Active(facts.activity), facts }
            }
            Effect::DeleteJob { .. } => {
                self.jobs[job].stage = Stage::Over;
                Command::JobRemoved(Removal::Deleted)
            }
        };
        self.submit(job, command).map(|_| ())
    }

    /// What the framework says of the job.
    pub(super) fn facts(&self, job: usize) -> FrameworkFacts {
        let job = &self.jobs[job];
        let state = job.supervised.state();
        FrameworkFacts {
            cpus: state.and_then(|state| state.cpus).unwrap_or(self.scenario.submitted),
            success_count: state.map_or(0, |state| u64::from(state.done)),
            error_count: 0,
            activity: match job.stage {
                Stage::Idle | Stage::Planned | Stage::Over => Activity::Idle,
                Stage::Waiting | Stage::Deploying => Activity::Queued,
                Stage::Running => Activity::Running,
            },
        }
    }

    fn set_alarm(&mut self, job: usize) {
        let due = self.jobs[job].supervised.state().and_then(awaited_report).map(|report| report.due);
        if due != self.jobs[job].alarm {
            self.jobs[job].alarm = due;
            if let Some(due) = due {
                self.agenda.plan(due.max(self.now), (job, What::Alarm { due }));
            }
        }
    }

    pub(super) fn ring(&mut self, job: usize, due: Timestamp) -> Result<(), SimulationError> {
        // Alarms ring for ever; nothing else will happen when whoever is left waits for room that nobody can free.
        if self.jobs.iter().all(|job| job.is_over() || job.stage == Stage::Waiting) {
            return Err(self.stuck());
        }
        let command = match self.jobs[job].model.kind {
            Kind::Repeated { .. } if !self.looks_at(job) => Command::ReportAwaited { due },
            Kind::Repeated { .. } => Command::Look(self.look_facts(job)),
            Kind::LongRunning { .. } => Command::Look(self.look_facts(job)),
        };
        self.submit(job, command)?;
        if self.jobs[job].alarm == Some(due) {
            self.agenda.plan(self.now + RING_AGAIN, (job, What::Alarm { due }));
        }
        Ok(())
    }

    /// The alarm is for a look at a chained job, and not for a report that is missing.
    fn looks_at(&self, job: usize) -> bool {
        self.jobs[job].supervised.state().is_some_and(|state| is_time_to_look(state, self.now))
    }

    pub(super) fn refused(&self, job: usize, rejection: Rejection) -> SimulationError {
        let name = self.jobs[job].model.name;
        SimulationError::Refused { name, seconds: self.now.since(EPOCH).seconds(), rejection }
    }
}
