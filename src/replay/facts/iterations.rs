//! The iterations of a repeated job.

use crate::events::job::{IterationFinished, JobEvent, Outcome as RunOutcome, RunKey};
use crate::qos::job::{Ending, JobState};
use crate::qos::model::Observation;
use crate::qos::units::{Cpus, Span, Timestamp};
use crate::replay::history::JobHistory;

/// A counted iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct IterationFact {
    /// The CPU that it had.
    pub cpus: Cpus,
    /// How long it ran.
    pub duration: Span,
    /// From the end of the one before to the request for a node, without the planned pause: reports, the setting of CPUs, and all runs that
    /// came to nothing.
    pub before: Span,
    /// From the request to the first instruction, with the wait for a node as far as that is not known.
    pub deploy: Span,
    /// What of that was a wait for a node, as far as it is known.
    pub wait: Span,
    /// When the request was made.
    pub asked_at: Timestamp,
    /// When it began.
    pub began_at: Timestamp,
    /// Where it ran.
    pub host: String,
    /// It followed in the task of the one before: nothing was asked for, and `deploy` is what came between the two.
    pub follows: bool,
}

/// What a log says about a repeated job.
#[derive(Debug, Clone, PartialEq)]
pub struct RepeatedFacts {
    /// Its counted iterations, in order.
    pub iterations: Vec<IterationFact>,
    /// The CPU that it was submitted with.
    pub submitted: Cpus,
    /// Runs that came to nothing; the time that they took is in `before`.
    pub failed_runs: u32,
    /// The job as the log ends.
    pub state: JobState,
}

impl RepeatedFacts {
    /// The facts of `history`; none when no framework has ever shown its CPU.
    pub fn of(history: &JobHistory) -> Option<RepeatedFacts> {
        let mut events = history.events().iter();
        let mut state = JobState::new(history.registered().clone(), events.next()?);
        let (mut iterations, mut asked_at, mut failed_runs) = (Vec::new(), None, 0);
        for recorded in events {
            match &recorded.event {
                JobEvent::StartAttempted(_) => asked_at = Some(recorded.at),
                JobEvent::IterationLost(_) => failed_runs += 1,
                JobEvent::IterationFinished(finished) => match finished.outcome {
                    RunOutcome::Counted => iterations.extend(counted(&state, finished, asked_at.take())),
                    RunOutcome::Failed => failed_runs += 1,
                    RunOutcome::Surplus => {}
                },
                _ => {}
            }
            state.apply(recorded);
        }
        let submitted = history.registered().cpus.or(iterations.first().map(|one| one.cpus)).or(state.cpus)?;
        Some(RepeatedFacts { iterations, submitted, failed_runs, state })
    }

    /// What the law is fitted to.
    pub fn observations(&self) -> Vec<Observation> {
        let seen = |one: &IterationFact| Observation { cpus: one.cpus, duration: one.duration };
        self.iterations.iter().map(seen).collect()
    }

    /// CPU-seconds that were kept for its counted iterations.
    pub fn cpu_seconds(&self) -> f64 {
        let kept = |one: &IterationFact| one.cpus.as_f64() * (one.deploy + one.duration).seconds();
        self.iterations.iter().map(kept).sum()
    }

    /// When it was done, if it was.
    pub fn finished_at(&self) -> Option<Timestamp> {
        match self.state.ending()? {
            Ending::Completed { finished_at, .. } => Some(*finished_at),
            _ => None,
        }
    }
}

/// `finished` as a fact; `state` is that before it.
fn counted(state: &JobState, finished: &IterationFinished, asked_at: Option<Timestamp>) -> Option<IterationFact> {
    let cpus = state.history.run_cpus().or(state.cpus)?;
    let follows = matches!(finished.key, RunKey::Run { index: 1.., .. });
    // In a task there is no pause.
    let pause = if follows { Span::ZERO } else { state.policy.sleeping_time };
    let ready = state.last.map_or(state.registered_at.max(state.registered.t0), |last| last.finished_at + pause);
    let began_at = finished.finished_at - finished.duration;
    let asked_at = asked_at.unwrap_or(ready).min(began_at).max(ready.min(began_at));
    Some(IterationFact {
        cpus,
        duration: finished.duration,
        before: asked_at.since(ready).max(Span::ZERO),
        deploy: began_at.since(asked_at).max(Span::ZERO),
        wait: Span::ZERO,
        asked_at,
        began_at,
        host: finished.hostname.clone(),
        follows,
    })
}
