//! One job of the world.

use super::work::Work;
use crate::published::Case;
use crate::qos::ids::JobId;
use crate::qos::job::Ending;
use crate::qos::units::{Cpus, Timestamp};
use crate::simulation::model::{JobLuck, JobModel};
use crate::simulation::outcome::JobOutcome;
use crate::simulation::supervised::Supervised;

/// What the framework does with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing.
    Idle,
    /// The next task's request is planned.
    Planned,
    /// It has asked for a node and none has room.
    Waiting,
    /// It has a node and does not work yet.
    Deploying,
    /// It works.
    Running,
    /// Nothing, any more.
    Over,
}

/// A job: what it is, how it is supervised, and where it is.
#[derive(Debug)]
pub struct Job {
    pub model: JobModel,
    pub id: JobId,
    pub luck: JobLuck,
    pub supervised: Supervised,
    pub stage: Stage,
    /// The node that keeps room for it.
    pub node: Option<usize>,
    /// What its running container does.
    pub work: Option<Work>,
    /// Generations of its work so far.
    pub generation: u64,
    /// When its supervisor's alarm rings.
    pub alarm: Option<Timestamp>,
    /// Its next task has another CPU than the one before.
    pub resized: bool,
    /// Segments, or iterations begun.
    pub segment: u32,
    /// When its container began, or its downtime.
    pub since: Timestamp,
    /// Tasks of a chained job so far, and iterations that the present one has ended.
    pub task: (u32, u32),
    /// CPU-seconds of the segments that are over, or that a chain's task had in its iterations.
    pub base: f64,
    held: Option<(Cpus, Timestamp)>,
    reserved: f64,
    used: f64,
    downtime: f64,
}

impl Job {
    /// Job `index` of `case` in the run with `seed`.
    pub fn new(model: JobModel, case: Case, seed: u64, index: u32) -> Self {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&seed.to_be_bytes());
        id[8..12].copy_from_slice(&index.to_be_bytes());
        id[12..12 + case.as_str().len()].copy_from_slice(case.as_str().as_bytes());
        // A version and a variant, as every UUID has.
        (id[6], id[8]) = (id[6] & 0x0f | 0x80, 0x80);
        Job {
            model,
            id: JobId::from_bytes(id),
            luck: JobLuck::of(seed, index),
            supervised: Supervised::default(),
            stage: Stage::Idle,
            node: None,
            work: None,
            generation: 0,
            alarm: None,
            resized: false,
            segment: 0,
            task: (1, 0),
            since: super::EPOCH,
            base: 0.0,
            held: None,
            reserved: 0.0,
            used: 0.0,
            downtime: 0.0,
        }
    }

    /// Nothing will happen to it any more.
    pub fn is_over(&self) -> bool {
        self.supervised.state().is_some_and(|state| state.is_finished())
    }

    /// Whether its present work ends with this generation.
    pub fn ends_with(&self, generation: u64) -> bool {
        self.work.as_ref().is_some_and(|work| work.generation() == generation)
    }

    /// The CPU that is kept for it from `now` on.
    pub fn hold(&mut self, cpus: Option<Cpus>, now: Timestamp) {
        if let Some((held, since)) = self.held {
            self.reserved += held.as_f64() * now.since(since).seconds();
        }
        self.held = cpus.map(|cpus| (cpus, now));
    }

    /// The CPU that is kept for it.
    pub fn held(&self) -> Cpus {
        self.held.map_or(Cpus::from_milli(0), |(cpus, _)| cpus)
    }

    /// Its container ends at `now`.
    pub fn end_work(&mut self, now: Timestamp) -> Option<Work> {
        let mut work = self.work.take()?;
        work.advance(now);
        self.used += work.used();
        self.generation = work.generation();
        Some(work)
    }

    /// It stood still until `now`.
    pub fn stood_still(&mut self, now: Timestamp) {
        self.downtime += now.since(self.since).seconds();
    }

    /// What became of it, by the rules' own word.
    pub fn outcome(&self) -> JobOutcome {
        let state = self.supervised.state();
        let (finished_s, on_time) = match state.map(|state| (state, state.ending())) {
            Some((state, Some(Ending::Completed { on_time, margin, .. }))) => {
                ((state.registered.declared.deadline - *margin).seconds(), *on_time)
            }
            _ => (f64::INFINITY, false),
        };
        JobOutcome {
            name: self.model.name,
            finished_s,
            deadline_s: self.model.deadline,
            on_time,
            reserved: self.reserved,
            used: self.used,
            rescales: state.map_or(0, |state| state.rescales),
            zigzags: self.supervised.zigzags(),
            downtime_s: self.downtime,
        }
    }
}
