//! A repeated job: gap, request, node, iteration, report.

use super::work::{Pace, Work};
use super::{SimulationError, Stage, What, World, seconds};
use crate::events::job::RunKey;
use crate::qos::job::Command;
use crate::qos::job::command::{FinishFacts, StartFacts};
use crate::qos::units::Timestamp;
use crate::simulation::cluster;
use crate::simulation::model::Speedup;
use crate::simulation::model::jobs::time_factor;
use crate::simulation::model::scenario::BEFORE_REQUEST;

impl World<'_> {
    /// The next iteration may start: its request comes after the first part of the gap.
    pub(super) fn plan_request(&mut self, job: usize, not_before: Timestamp) {
        if self.jobs[job].stage == Stage::Idle {
            self.jobs[job].stage = Stage::Planned;
            let before = seconds(self.gap(job) * BEFORE_REQUEST);
            self.agenda.plan(self.now.max(not_before) + before, (job, What::Request));
        }
    }

    /// The start is recorded, then asked for.
    pub(super) fn request(&mut self, job: usize) -> Result<(), SimulationError> {
        let facts = self.facts(job);
        if self.jobs[job].stage == Stage::Planned {
            self.submit(job, Command::AttemptStart(facts))?;
        }
        self.ask_for_a_node(job, facts.cpus);
        Ok(())
    }

    pub(super) fn begin_iteration(
        &mut self,
        job: usize,
        order: u32,
        variation: u32,
        speedup: Speedup,
    ) -> Result<(), SimulationError> {
        let factor = time_factor(self.scenario, order, variation, &self.luck(job));
        let facts = StartFacts { key: self.run_key(job), hostname: self.hostname(job), started_at: self.now };
        let running = &mut self.jobs[job];
        running.stage = Stage::Running;
        running.since = self.now;
        running.resized = false;
        running.work = Some(Work::new(factor, Pace::Iteration(speedup), self.now, running.generation));
        if self.scenario.chains() && self.scenario.in_place && self.jobs[job].task.1 == 0 {
            self.begin_chain(job)?;
        }
        self.submit(job, Command::ReportStart(facts))?;
        self.jobs[job].node.into_iter().for_each(|node| self.share(node));
        Ok(())
    }

    pub(super) fn finish_iteration(&mut self, job: usize) -> Result<(), SimulationError> {
        let facts = FinishFacts {
            key: self.run_key(job),
            hostname: self.hostname(job),
            started_at: self.jobs[job].since,
            finished_at: self.now,
            sent_at: Some(self.now),
            exit_code: 0,
            ending: false,
            free: self.jobs[job].node.filter(|_| self.scenario.in_place).map(|node| self.beyond_reservation(job, node)),
        };
        let work = self.jobs[job].end_work(self.now);
        if self.scenario.chains() {
            return self.finish_link(job, facts, work.map_or(0.0, |work| work.used()));
        }
        self.leave_node(job);
        self.jobs[job].stage = Stage::Idle;
        self.jobs[job].segment += 1;
        self.submit(job, Command::ReportFinish(facts))?;
        self.place();
        Ok(())
    }

    pub(super) fn run_key(&self, job: usize) -> RunKey {
        if self.scenario.chains() {
            let (task, index) = self.jobs[job].task;
            return RunKey::Run { run: format!("simulated:{task}"), index };
        }
        RunKey::Run { run: format!("simulated:{}", self.jobs[job].segment + 1), index: 0 }
    }

    pub(super) fn hostname(&self, job: usize) -> String {
        self.jobs[job].node.map_or_else(String::new, cluster::name)
    }
}
