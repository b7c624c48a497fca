//! Who gets a node, and how those that run on one share it.

use super::{SimulationError, Stage, What, World, seconds};
use crate::qos::job::{Command, JobState};
use crate::qos::units::Cpus;
use crate::simulation::cluster::{Request, shares};
use crate::simulation::model::amdahl::MOST_USABLE;
use crate::simulation::model::luck::within;
use crate::simulation::model::scenario::BEFORE_REQUEST;
use crate::simulation::model::{Kind, Limits, Luck};

impl World<'_> {
    /// The luck of the job's next iteration or segment.
    pub(super) fn luck(&self, job: usize) -> Luck {
        Luck::of(self.seed, job as u32, self.jobs[job].segment)
    }

    /// Queues the job, and places whoever has room.
    pub(super) fn ask_for_a_node(&mut self, job: usize, cpus: Cpus) {
        self.jobs[job].stage = Stage::Waiting;
        let grant = self.jobs[job].supervised.state().and_then(|state| state.grant.as_ref());
        let wish = grant.and_then(|grant| grant.node.clone());
        self.cluster.request(Request { job, cpus, draw: self.luck(job).node, wish });
        self.place();
    }

    /// Places whoever has room.
    pub(super) fn place(&mut self) {
        for (request, node) in self.cluster.place() {
            let until_begin = self.seconds_to_begin(request.job);
            let job = &mut self.jobs[request.job];
            job.stage = Stage::Deploying;
            job.node = Some(node);
            job.since = self.now;
            job.hold(Some(request.cpus), self.now);
            self.agenda.plan(self.now + seconds(until_begin), (request.job, What::Begin));
        }
    }

    /// Seconds from the placement of a task to its first instruction.
    fn seconds_to_begin(&self, job: usize) -> f64 {
        match self.jobs[job].model.kind {
            Kind::Repeated { .. } => self.gap(job) * (1.0 - BEFORE_REQUEST),
            // The deadline of an execution counts from its begin; only a restart costs it time.
            Kind::LongRunning { .. } if self.jobs[job].segment == 0 => 0.0,
            Kind::LongRunning { .. } => within(self.scenario.restart_s, self.luck(job).restart),
        }
    }

    /// Seconds from one iteration's end to the next one's begin, without the wait for a node.
    pub(super) fn gap(&self, job: usize) -> f64 {
        let luck = self.luck(job);
        match self.scenario.chain_gap_s {
            // A new task is deployed as any other.
            Some(_) if self.scenario.chains() && self.jobs[job].task.1 == 0 => within(self.scenario.gap_s, luck.gap),
            Some(chained) if self.scenario.chains() => within(chained, luck.gap),
            // The same task goes on, unless it has to be made anew for its new CPU.
            Some(chained) if self.scenario.in_place || !self.jobs[job].resized => within(chained, luck.gap),
            _ => within(self.scenario.gap_s, luck.gap),
        }
    }

    /// The job's container has gone.
    pub(super) fn leave_node(&mut self, job: usize) {
        self.jobs[job].hold(None, self.now);
        if let Some(node) = self.jobs[job].node.take() {
            self.cluster.node_mut(node).release(job);
            self.share(node);
        }
    }

    /// Divides the node anew among those that run on it.
    pub(super) fn share(&mut self, node: usize) {
        let running: Vec<usize> = (0..self.jobs.len())
            .filter(|at| self.jobs[*at].node == Some(node) && self.jobs[*at].work.is_some())
            .collect();
        let weights: Vec<f64> = running.iter().map(|at| self.jobs[*at].held().as_f64()).collect();
        let capacity = self.cluster.node(node).capacity().as_f64();
        let given = match self.scenario.limits {
            // One that comes may find the others with more than they have reserved, until they make room.
            Limits::Hard if weights.iter().sum::<f64>() <= capacity + 1e-9 => {
                weights.iter().map(|weight| weight.min(MOST_USABLE)).collect()
            }
            Limits::Hard | Limits::Soft => shares(capacity, &weights, MOST_USABLE),
        };
        for (at, share) in running.into_iter().zip(given) {
            let end = self.jobs[at].work.as_mut().and_then(|work| work.give(share, self.now));
            if let Some((end, generation)) = end {
                self.agenda.plan(end, (at, What::Done { generation }));
            }
        }
    }

    /// Where the job's agent sets limits while it runs, it does so at once, as far as its node has room.
    pub(super) fn resize_in_place(&mut self, job: usize) -> Result<(), SimulationError> {
        let in_place = |state: &&JobState| state.resizes_in_place() && state.ending().is_none();
        let wanted = self.jobs[job].supervised.state().filter(in_place).and_then(|state| state.resizing_to);
        let (Some(cpus), Some(node), Stage::Running) = (wanted, self.jobs[job].node, self.jobs[job].stage) else {
            return Ok(());
        };
        if self.cluster.node(node).room_for(job) < cpus {
            return Ok(());
        }
        let held = self.jobs[job].held();
        match self.scenario.reservations_stay {
            true => self.cluster.node_mut(node).limit(job, cpus),
            false => self.cluster.node_mut(node).reserve(job, cpus),
        }
        self.jobs[job].hold(Some(cpus), self.now);
        self.share(node);
        let (segment, less) = (Some(self.segment(job)), cpus < held);
        self.submit(job, Command::LimitInForce { segment, cpus })?;
        if less {
            // Tasks that wait for room come before neighbours that want more.
            self.place();
            self.resize_on(node)?;
        }
        Ok(())
    }
}
