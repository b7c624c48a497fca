//! Reads a source again and again, while there are jobs to measure.

use std::sync::Arc;
use std::time::Duration;

use super::{CpuSource, Nodes, Recorded, RunningJob};
use crate::actors::directory::Directory;
use crate::actors::performer::FrameworkStatus;
use crate::actors::sample::Sample;
use crate::clock::Clock;
use crate::qos::ids::Framework;
use crate::qos::job::JobState;
use crate::qos::job::command::SampleFacts;

/// Reads in each of so many parts of a monitoring period: one that is lost does not leave a look without data.
const READS_A_PERIOD: u32 = 4;

/// No source is asked more often.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);

/// Reads for as long as its runtime lives.
pub struct Poll {
    /// What is read.
    pub source: Box<dyn CpuSource>,
    /// How it does.
    pub status: Arc<FrameworkStatus>,
    /// Told of each job's node.
    pub nodes: Nodes,
    /// The jobs.
    pub directory: Directory,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Between two looks at a job.
    pub monitoring_period: Duration,
}

impl Poll {
    /// Reads, and hands each reading to its job.
    pub async fn run(mut self) {
        let pause = (self.monitoring_period / READS_A_PERIOD).max(SHORTEST_PAUSE);
        loop {
            tokio::time::sleep(pause).await;
            let states = self.directory.states();
            let jobs: Vec<RunningJob> = states.iter().filter_map(|state| running(state)).collect();
            if jobs.is_empty() {
                continue;
            }
            // Measured at this moment or later, unless the source knows it better: a reading is never taken for newer than it is.
            let at = self.clock.now();
            match self.source.read(&jobs).await {
                Ok(readings) => {
                    if self.status.worked() {
                        tracing::info!("{} answers again", self.source.name());
                    }
                    for reading in readings.iter().filter(|reading| self.directory.get(reading.job).is_some()) {
                        if let Some(node) = &reading.node {
                            self.nodes.measured(reading.job, node, reading.free);
                        }
                    }
                    for reading in readings {
                        let at = reading.at.unwrap_or(at);
                        let facts = SampleFacts { segment: Some(reading.segment), at, cpu: reading.cpu, limit: None };
                        if let Some(entry) = self.directory.get(reading.job) {
                            entry.actor.do_send(Sample::Read { facts, since: reading.since });
                        }
                    }
                }
                Err(error) => {
                    if self.status.failed(&error.to_string(), self.clock.now()) {
                        tracing::warn!(%error, "{} does not say CPU times; waiting for it", self.source.name());
                    }
                }
            }
        }
    }
}

fn running(state: &JobState) -> Option<RunningJob> {
    let execution = state.execution.as_ref().filter(|_| state.ending().is_none())?;
    if state.registered.framework != Framework::Marathon {
        return None;
    }
    let (job, name) = (state.registered.job, state.registered.name.clone());
    let (segment, since, task, recorded) = match &execution.segment {
        Some(segment) if !segment.running => return None,
        Some(segment) => {
            let recorded = Recorded { at: segment.sampled_at, cpu: segment.cpu };
            (segment.number, segment.known_since, segment.task.clone(), Some(recorded))
        }
        None => (0, execution.looked_at, None, None),
    };
    Some(RunningJob { job, name, segment, since, task, recorded })
}
