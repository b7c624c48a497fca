//! From a run's events to what is drawn.

use std::collections::BTreeMap;

use crate::events::job::{JobEvent, ProgressDecided, Registered};
use crate::qos::ids::{Framework, JobId};
use crate::qos::performance::Performance;
use crate::qos::units::Timestamp;
use crate::simulation::outcome::Batch;

/// What is drawn of one job. Times are seconds from where its deadline counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// Its name.
    pub name: String,
    /// Its framework.
    pub framework: Framework,
    /// Its deadline.
    pub deadline: f64,
    /// How far before the deadline `lower` and `upper` lie, s.
    pub band: (f64, f64),
    /// Half-width of the band around a progress ratio of one.
    pub deviation: f64,
    /// (iteration, prediction minus deadline, state) of each decision.
    pub predictions: Vec<(f64, f64, Performance)>,
    /// (iteration, CPUs, duration) of each iteration.
    pub iterations: Vec<(f64, f64, f64)>,
    /// (time, ratio, CPU-seconds used, CPU-seconds desired) of each look.
    pub looks: Vec<(f64, f64, f64, f64)>,
    /// (time, CPUs) of each change.
    pub cpus: Vec<(f64, f64)>,
    /// The end.
    pub finished: f64,
    since: Timestamp,
    now: f64,
}

/// The curves of all jobs, in the order of their registration.
pub fn curves(batches: &[Batch]) -> Vec<Curves> {
    let mut places: BTreeMap<JobId, usize> = BTreeMap::new();
    let mut all: Vec<Curves> = Vec::new();
    for batch in batches {
        for event in &batch.events {
            if let JobEvent::Registered(registered) = event {
                places.insert(batch.job, all.len());
                all.push(Curves::begun(registered));
            } else if let Some(curves) = places.get(&batch.job).and_then(|at| all.get_mut(*at)) {
                curves.add(event, batch.at);
            }
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

impl Curves {
    fn begun(registered: &Registered) -> Self {
        let deadline = registered.declared.deadline.seconds();
        let cpus = registered.cpus.map_or(0.0, |cpus| cpus.as_f64());
        Curves {
            name: registered.name.clone(),
            framework: registered.framework,
            deadline,
            band: (-registered.declared.deviation() * deadline, -0.05 * deadline),
            deviation: registered.declared.deviation(),
            predictions: Vec::new(),
            iterations: Vec::new(),
            looks: Vec::new(),
            cpus: vec![(0.0, cpus)],
            finished: deadline,
            since: registered.t0,
            now: cpus,
        }
    }

    fn add(&mut self, event: &JobEvent, at: Timestamp) {
        let time = at.since(self.since).seconds();
        match event {
            JobEvent::MarathonStarted(started) => self.since = started.started_at,
            JobEvent::IterationFinished(finished) => {
                self.iterations.push((f64::from(finished.iteration), self.now, finished.duration.seconds()));
            }
            JobEvent::Decided(decided) => {
                let deadline = self.deadline;
                let after = decided.prediction.since(self.since).seconds() - deadline;
                let bound = |bound: Timestamp| bound.since(self.since).seconds() - deadline;
                self.band = (bound(decided.bounds.lower), bound(decided.bounds.upper));
                let iteration = self.iterations.last().map_or(0.0, |(iteration, _, _)| *iteration);
                self.predictions.push((iteration, after, decided.performance));
            }
            JobEvent::ProgressDecided(decided) => self.looked(decided),
            JobEvent::RescaleApplied(applied) => {
                self.now = applied.cpus.as_f64();
                self.cpus.push((time, self.now));
            }
            JobEvent::Completed(completed) => {
                self.finished = completed.finished_at.since(self.since).seconds();
                self.cpus.push((self.finished, self.now));
            }
            _ => {}
        }
    }

    fn looked(&mut self, decided: &ProgressDecided) {
        let inputs = &decided.inputs;
        let ratio = decided.ratio_millionths as f64 / 1e6;
        let time = inputs.at.since(self.since).seconds();
        self.looks.push((time, ratio, inputs.cpu_current.seconds(), inputs.cpu_desired.seconds()));
    }
}
