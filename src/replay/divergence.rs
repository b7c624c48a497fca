//! Decisions side by side, and where they part.

use serde::Serialize;

use crate::events::job::{Decided, JobEvent, ProgressDecided};
use crate::qos::units::{Cpus, Timestamp};

/// A decision, as far as a comparison shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecisionView {
    /// How many iterations were done; of a long-running job, how many looks came before.
    pub after: u32,
    /// Seconds from where the deadline counts.
    pub at_s: f64,
    /// CPU before.
    pub from: f64,
    /// CPU that was decided on.
    pub to: f64,
    /// Why.
    pub reason: String,
    #[serde(skip)]
    pub(super) decided_on: Cpus,
}

impl DecisionView {
    pub(super) fn of_iterations(decided: &Decided, iterations: u32, t0: Timestamp) -> Self {
        DecisionView {
            after: iterations.saturating_sub(decided.inputs.remaining),
            at_s: decided.inputs.at.since(t0).seconds(),
            from: decided.from.as_f64(),
            to: decided.to.as_f64(),
            reason: decided.reason.clone(),
            decided_on: decided.to,
        }
    }

    pub(super) fn of_progress(decided: &ProgressDecided, looks: u32) -> Self {
        DecisionView {
            after: looks,
            at_s: decided.inputs.at.since(decided.inputs.started_at).seconds(),
            from: decided.from.as_f64(),
            to: decided.to.as_f64(),
            reason: decided.reason.clone(),
            decided_on: decided.to,
        }
    }

    /// The decisions among `events` of a job with so many iterations whose deadline counts from `t0`.
    pub(super) fn all<'a>(
        events: impl IntoIterator<Item = &'a JobEvent>,
        iterations: u32,
        t0: Timestamp,
    ) -> Vec<DecisionView> {
        let mut views = Vec::new();
        for event in events {
            match event {
                JobEvent::Decided(decided) => views.push(DecisionView::of_iterations(decided, iterations, t0)),
                JobEvent::ProgressDecided(decided) => {
                    let looks = u32::try_from(views.len()).unwrap_or(u32::MAX);
                    views.push(DecisionView::of_progress(decided, looks));
                }
                _ => {}
            }
        }
        views
    }
}

/// Where two courses of the same job part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Divergence {
    /// How many iterations were done; of a long-running job, how many looks came before.
    pub after: u32,
    /// Seconds from where the deadline counts, in fact or in the replay, whichever was decided.
    pub at_s: f64,
    /// The CPU from there on in fact.
    pub recorded_cpus: f64,
    /// Why; none when nothing was decided there.
    pub recorded_reason: Option<String>,
    /// The CPU from there on under the change.
    pub replayed_cpus: f64,
    /// Why; none when nothing was decided there.
    pub replayed_reason: Option<String>,
}

/// The first place where the CPU is another. Of several decisions at the same place the last one counts; where nothing was decided the CPU
/// stays as it was. `submitted` is what both begin with, in fact and under the change.
pub(super) fn first_divergence(
    submitted: (Cpus, Cpus),
    recorded: &[DecisionView],
    replayed: &[DecisionView],
    upto: u32,
) -> Option<Divergence> {
    let (mut was, mut would) = submitted;
    let mut places: Vec<u32> = recorded.iter().chain(replayed).map(|decision| decision.after).collect();
    places.push(0);
    places.sort_unstable();
    places.dedup();
    for after in places.into_iter().take_while(|after| *after <= upto) {
        let last = |decisions: &[DecisionView]| decisions.iter().rev().find(|one| one.after == after).cloned();
        let (fact, other) = (last(recorded), last(replayed));
        was = fact.as_ref().map_or(was, |one| one.decided_on);
        would = other.as_ref().map_or(would, |one| one.decided_on);
        if was != would {
            return Some(Divergence {
                after,
                at_s: other.as_ref().or(fact.as_ref()).map_or(0.0, |one| one.at_s),
                recorded_cpus: was.as_f64(),
                recorded_reason: fact.map(|one| one.reason),
                replayed_cpus: would.as_f64(),
                replayed_reason: other.map(|one| one.reason),
            });
        }
    }
    None
}
