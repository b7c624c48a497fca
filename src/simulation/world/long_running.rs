//! A long-running job: segments, looks, and restarts between them.

use super::work::{Pace, Work};
use super::{SimulationError, Stage, World, seconds};
use crate::events::job::SegmentEnd;
use crate::qos::job::Command;
use crate::qos::job::command::{ExecutionFacts, LookFacts, SampleFacts, SegmentEndFacts, SegmentStartFacts};
use crate::qos::units::{Cpus, Span};
use crate::simulation::model::FirstLook;

/// The simulated executions' name; one job has one.
const EXECUTION: &str = "simulated";

impl World<'_> {
    /// Its container begins: the first time, or from its checkpoint.
    pub(super) fn begin_segment(&mut self, job: usize, work: f64) -> Result<(), SimulationError> {
        let restored = self.jobs[job].segment > 0;
        if restored {
            self.jobs[job].stood_still(self.now);
            // Before it runs: otherwise the resize that has just been made would be made again.
            self.submit(job, Command::CpusApplied(self.jobs[job].held()))?;
        } else {
            self.begin_execution(job)?;
        }
        let speed = libm::exp(self.scenario.noise * self.luck(job).noise);
        let running = &mut self.jobs[job];
        let held = running.held();
        running.segment += 1;
        running.stage = Stage::Running;
        running.work = Some(Work::new(work - running.base, Pace::Segment { speed }, self.now, running.generation));
        let facts = SegmentStartFacts {
            segment: u64::from(running.segment),
            at: self.now,
            sent_at: Some(self.now),
            execution: Some(EXECUTION.to_owned()),
            base: cpu_time(running.base),
            generation: restored.then(|| u64::from(running.segment)),
            runtime: None,
            limit: Some(held),
            checkpoints: Some(true),
            container: None,
            task: None,
            last_told: None,
            hostname: Some(self.hostname(job)),
        };
        self.submit(job, Command::SegmentStart(Box::new(facts)))?;
        self.jobs[job].node.into_iter().for_each(|node| self.share(node));
        Ok(())
    }

    fn begin_execution(&mut self, job: usize) -> Result<(), SimulationError> {
        let facts = ExecutionFacts {
            started_at: self.now,
            sent_at: Some(self.now),
            execution: Some(EXECUTION.to_owned()),
            hostname: Some(self.hostname(job)),
        };
        let period = self.candidate.defaults.monitoring_period.seconds();
        let ahead = match self.scenario.first_look {
            FirstLook::Random => period * self.jobs[job].luck.phase,
            FirstLook::Period => 0.0,
        };
        let looked_at = self.now - seconds(ahead);
        let begun = self.jobs[job].supervised.begin_execution(Command::MarathonStart(facts), self.now, looked_at);
        let events = begun.map_err(|rejection| self.refused(job, rejection))?.events;
        self.follow_up(job, events)
    }

    /// What its supervisor looks with: its agent's newest sample, which is of this instant, and what its node has left.
    pub(super) fn look_facts(&mut self, job: usize) -> LookFacts {
        let now = self.now;
        let free = self.jobs[job].node.map(|node| self.beyond_reservation(job, node));
        let chains = self.scenario.chains();
        let (segment, job) = (Some(self.segment(job)), &mut self.jobs[job]);
        let (limit, base) = (Some(job.held()), job.base);
        let sample = job.work.as_mut().map(|work| {
            work.advance(now);
            let cpu = cpu_time(if chains { base + work.used() } else { work.done() });
            SampleFacts { segment, at: now, cpu, limit }
        });
        LookFacts { sample, free, ..LookFacts::default() }
    }

    /// The number that its agent gives to what runs: a segment of a long-running job, or a task of a chained one.
    pub(super) fn segment(&self, job: usize) -> u64 {
        u64::from(if self.scenario.chains() { self.jobs[job].task.0 } else { self.jobs[job].segment })
    }

    /// CPU of its node that its framework has reserved for nobody.
    pub(super) fn beyond_reservation(&self, job: usize, node: usize) -> Cpus {
        let reserved = self.jobs[job].supervised.state().and_then(|state| state.cpus).unwrap_or(Cpus::from_milli(0));
        self.cluster.node(node).room_for(job).saturating_sub(reserved)
    }

    /// Its framework ends it and starts it with another CPU; its agent writes a checkpoint and restores it.
    pub(super) fn restart(&mut self, job: usize, cpus: Cpus) -> Result<(), SimulationError> {
        if self.jobs[job].stage != Stage::Running {
            return Ok(());
        }
        let Some(work) = self.jobs[job].end_work(self.now) else { return Ok(()) };
        self.jobs[job].base += work.done();
        self.leave_node(job);
        self.ask_for_a_node(job, cpus);
        let ended = SegmentEndFacts { reason: SegmentEnd::Checkpointed, ..self.segment_end(job, work.done()) };
        self.submit(job, Command::SegmentEnd(ended)).map(|_| ())
    }

    pub(super) fn finish_execution(&mut self, job: usize) -> Result<(), SimulationError> {
        let Some(work) = self.jobs[job].end_work(self.now) else { return Ok(()) };
        self.leave_node(job);
        let ended = self.segment_end(job, work.done());
        self.submit(job, Command::SegmentEnd(ended))?;
        let end = Command::MarathonEnd { finished_at: self.now, sent_at: Some(self.now), exit_code: 0 };
        self.submit(job, end)?;
        self.place();
        Ok(())
    }

    fn segment_end(&self, job: usize, cpu: f64) -> SegmentEndFacts {
        SegmentEndFacts {
            segment: u64::from(self.jobs[job].segment),
            execution: Some(EXECUTION.to_owned()),
            at: self.now,
            sent_at: Some(self.now),
            cpu: cpu_time(cpu),
            reason: SegmentEnd::Exited,
            generation: None,
            dump: None,
        }
    }
}

/// CPU-seconds as agents tell them: no finer than a microsecond.
pub(super) fn cpu_time(seconds: f64) -> Span {
    Span::from_micros((seconds * 1e6).round() as i64)
}
