//! The CPU samples of a long-running job.

use crate::events::job::{JobEvent, SegmentEnd};
use crate::qos::job::{Ending, JobState};
use crate::qos::model::Observation;
use crate::qos::units::{Cpus, Span, Timestamp};
use crate::replay::history::JobHistory;

/// A part of the work: what a container has used from one measurement to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// The CPU limit that was in force, in the mean over the time.
    pub cpus: f64,
    /// How long it took, s.
    pub wall_s: f64,
    /// CPU-seconds that were used.
    pub cpu_s: f64,
}

/// What a log says about a long-running job.
#[derive(Debug, Clone, PartialEq)]
pub struct LongRunningFacts {
    /// Its work, in order.
    pub stretches: Vec<Stretch>,
    /// Stretches with one limit alone: what the law is fitted to.
    pub observations: Vec<Observation>,
    /// From a checkpoint's end to the next start.
    pub downtimes: Vec<Span>,
    /// When its execution began, and from when its first monitoring period counts.
    pub started_at: Timestamp,
    /// See `started_at`.
    pub looked_at: Timestamp,
    /// The limit in force at each look.
    pub in_force: Vec<Cpus>,
    /// What was free on its node at each decision, as (seconds since the start, CPU).
    pub free: Vec<(f64, Option<Cpus>)>,
    /// The CPU that it was submitted with.
    pub submitted: Cpus,
    /// Whether its agent can write checkpoints, as it said.
    pub checkpoints: Option<bool>,
    /// CPU-seconds that were kept for it.
    pub cpu_seconds: f64,
    /// The job as the log ends.
    pub state: JobState,
}

/// The last measurement.
struct Mark {
    at: Timestamp,
    cpu: Span,
    limit: Cpus,
    /// CPU times time since then with limits that are over, and whether there were any.
    held: f64,
    since: Timestamp,
    several: bool,
}

impl LongRunningFacts {
    /// The facts of `history`; none when it never began, or its CPU was never known.
    pub fn of(history: &JobHistory) -> Option<LongRunningFacts> {
        let mut events = history.events().iter();
        let mut reader = Reader {
            state: JobState::new(history.registered().clone(), events.next()?),
            mark: None,
            down: None,
            facts: Gathered::default(),
        };
        events.for_each(|recorded| reader.take(&recorded.event, recorded));
        let Reader { state, facts, .. } = reader;
        let submitted = history.registered().cpus.or(facts.in_force.first().copied()).or(state.cpus)?;
        Some(LongRunningFacts {
            stretches: facts.stretches,
            observations: facts.observations,
            downtimes: facts.downtimes,
            started_at: state.execution.as_ref()?.started_at,
            looked_at: facts.looked_at?,
            in_force: facts.in_force,
            free: facts.free,
            submitted,
            checkpoints: facts.checkpoints,
            cpu_seconds: facts.cpu_seconds,
            state,
        })
    }

    /// When it was done, if it was.
    pub fn finished_at(&self) -> Option<Timestamp> {
        match self.state.ending()? {
            Ending::Completed { finished_at, .. } => Some(*finished_at),
            _ => None,
        }
    }

    /// CPU-seconds that were recorded.
    pub fn work_s(&self) -> f64 {
        self.stretches.iter().map(|one| one.cpu_s).sum()
    }
}

#[derive(Default)]
struct Gathered {
    stretches: Vec<Stretch>,
    observations: Vec<Observation>,
    downtimes: Vec<Span>,
    looked_at: Option<Timestamp>,
    in_force: Vec<Cpus>,
    free: Vec<(f64, Option<Cpus>)>,
    checkpoints: Option<bool>,
    cpu_seconds: f64,
}

struct Reader {
    state: JobState,
    mark: Option<Mark>,
    down: Option<Timestamp>,
    facts: Gathered,
}

impl Reader {
    fn take(&mut self, event: &JobEvent, recorded: &crate::qos::job::Recorded) {
        match event {
            JobEvent::CpuSample(sample) => {
                self.facts.in_force.extend(self.state.cpus_in_force());
                self.measured(sample.at, sample.cpu);
            }
            JobEvent::SegmentEnded(ended) => {
                self.measured(ended.ended_at, ended.cpu);
                self.mark = None;
                self.down = (ended.reason == SegmentEnd::Checkpointed).then_some(ended.ended_at);
            }
            JobEvent::ProgressDecided(decided) => {
                let after = decided.inputs.at.since(decided.inputs.started_at).seconds();
                let free = decided.inputs.ceiling.zip(self.state.cpus).map(|(most, own)| most.saturating_sub(own));
                self.facts.free.push((after, free));
            }
            _ => {}
        }
        let before = self.state.cpus_in_force();
        self.state.apply(recorded);
        let now = self.state.cpus_in_force();
        match event {
            JobEvent::MarathonStarted(started) => {
                self.facts.looked_at.get_or_insert(started.received_at);
            }
            JobEvent::SegmentStarted(started) => {
                self.facts.looked_at.get_or_insert(started.received_at);
                self.facts.checkpoints = started.checkpoints.or(self.facts.checkpoints);
                if let Some(down) = self.down.take() {
                    let downtime = started.started_at.since(down).max(Span::ZERO);
                    self.facts.downtimes.push(downtime);
                    self.facts.cpu_seconds += downtime.seconds() * now.map_or(0.0, Cpus::as_f64);
                }
                let began = started.started_at;
                self.mark = now.map(|limit| Mark {
                    at: began,
                    cpu: Span::ZERO,
                    limit,
                    held: 0.0,
                    since: began,
                    several: false,
                });
            }
            _ if before != now => {
                if let (Some(mark), Some(limit)) = (&mut self.mark, now) {
                    mark.held += mark.limit.as_f64() * recorded.at.since(mark.since).seconds().max(0.0);
                    (mark.limit, mark.since, mark.several) = (limit, recorded.at, true);
                }
            }
            _ => {}
        }
    }

    fn measured(&mut self, at: Timestamp, cpu: Span) {
        let Some(mark) = &mut self.mark else { return };
        let (wall_s, cpu_s) = (at.since(mark.at).seconds(), (cpu - mark.cpu).seconds());
        if wall_s <= 0.0 || cpu_s < 0.0 {
            return;
        }
        let held = mark.held + mark.limit.as_f64() * at.since(mark.since).seconds().max(0.0);
        self.facts.cpu_seconds += held;
        if cpu_s > 0.0 {
            self.facts.stretches.push(Stretch { cpus: held / wall_s, wall_s, cpu_s });
            if let Some(duration) = Span::try_from_seconds(wall_s / cpu_s).ok().filter(|_| !mark.several) {
                self.facts.observations.push(Observation { cpus: mark.limit, duration });
            }
        }
        let limit = mark.limit;
        *mark = Mark { at, cpu, limit, held: 0.0, since: at, several: false };
    }
}
