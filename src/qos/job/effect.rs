//! What must happen outside, always as an absolute target and never as a difference: a repeated effect does no harm.

use serde::{Deserialize, Serialize};

use super::state::{JobState, Run, Work};
use crate::events::job::{JobEvent, Outcome};
use crate::qos::ids::Framework;
use crate::qos::units::{Cpus, Timestamp};

/// Work for a framework's client. Stored with the events that call for it, performed until its outcome is an event too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Wait until the framework shows the job.
    AwaitJob,
    /// Give the next run this CPU.
    SetCpus {
        /// The target.
        cpus: Cpus,
    },
    /// Start an iteration, once the job is idle.
    StartIteration {
        /// Which one, from 1.
        iteration: u32,
        /// Not before this instant.
        not_before: Timestamp,
    },
    /// Ask what became of an iteration whose report is overdue.
    LookUp {
        /// Which one.
        iteration: u32,
        /// Which attempt at it.
        attempt: u32,
    },
    /// Remove the job from its framework.
    DeleteJob {
        /// Not before its last run is over: removal kills a task that still waits for the answer to its report.
        when_idle: bool,
    },
}

/// A job has at most one pending effect of a kind; a newer one takes the older one's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EffectKey {
    /// [`Effect::AwaitJob`]
    Await,
    /// [`Effect::LookUp`]
    LookUp,
    /// [`Effect::SetCpus`]
    Cpus,
    /// [`Effect::StartIteration`]
    Start,
    /// [`Effect::DeleteJob`]
    Delete,
}

impl EffectKey {
    /// Every key.
    pub const ALL: [EffectKey; 5] =
        [EffectKey::Await, EffectKey::LookUp, EffectKey::Cpus, EffectKey::Start, EffectKey::Delete];

    /// The key with this name in the outbox.
    pub fn named(name: &str) -> Option<Self> {
        EffectKey::ALL.into_iter().find(|key| key.as_str() == name)
    }

    /// The place of an effect with this key among those that `waiting`, in their order.
    ///
    /// A new CPU is for the next start: it goes before one that waits, which has not been asked for yet, since no CPU is decided on while
    /// a start is under way. Everything else goes behind what waits.
    pub fn place_among(self, waiting: impl Iterator<Item = EffectKey>) -> usize {
        let mut behind = 0;
        for (place, key) in waiting.enumerate() {
            if self == EffectKey::Cpus && key == EffectKey::Start {
                return place;
            }
            behind = place + 1;
        }
        behind
    }

    /// The name in the outbox.
    pub const fn as_str(self) -> &'static str {
        match self {
            EffectKey::Await => "await",
            EffectKey::LookUp => "look_up",
            EffectKey::Cpus => "cpus",
            EffectKey::Start => "start",
            EffectKey::Delete => "delete",
        }
    }
}

impl Effect {
    /// The effect's place among the job's pending effects.
    pub const fn key(&self) -> EffectKey {
        match self {
            Effect::AwaitJob => EffectKey::Await,
            Effect::SetCpus { .. } => EffectKey::Cpus,
            Effect::StartIteration { .. } => EffectKey::Start,
            Effect::LookUp { .. } => EffectKey::LookUp,
            Effect::DeleteJob { .. } => EffectKey::Delete,
        }
    }
}

/// A change of a job's pending effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectChange {
    /// Pending from now on, behind the others or where [`EffectKey::place_among`] says; takes the place of one with the same key.
    Add(Effect),
    /// Done, or overtaken.
    Resolve(EffectKey),
    /// The job is over: nothing that was pending is wanted any more.
    ResolveAll,
}

/// The changes that `events` (recorded together) make, given the state after them, in the order in which they are made.
///
/// Within one batch a new CPU comes before the start that it is for.
pub fn react(state: &JobState, events: &[JobEvent]) -> Vec<EffectChange> {
    let mut settled = Vec::new();
    let mut wanted = Vec::new();
    for event in events {
        react_to(state, event, &mut settled, &mut wanted);
    }
    wanted.sort_by_key(Effect::key);
    settled.extend(wanted.into_iter().map(EffectChange::Add));
    settled
}

fn react_to(state: &JobState, event: &JobEvent, settled: &mut Vec<EffectChange>, wanted: &mut Vec<Effect>) {
    let resolve = |key| EffectChange::Resolve(key);
    match event {
        JobEvent::Registered(_) => wanted.push(Effect::AwaitJob),
        JobEvent::SeenInFramework(_) => {
            settled.push(resolve(EffectKey::Await));
            wanted.extend(next_start(state, state.registered.t0));
        }
        JobEvent::IterationStarted(_) => {
            settled.push(resolve(EffectKey::Start));
            // The start of a link of a chain may be looked for.
            settled.extend(state.registered.chain.then(|| resolve(EffectKey::LookUp)));
        }
        JobEvent::IterationFinished(finished) if finished.outcome != Outcome::Surplus => {
            settled.push(resolve(EffectKey::Start));
            // In a chain the next one may be under way already. What runs may also be a repetition of the one that was counted just now.
            let next = next_start(state, finished.finished_at + state.policy.sleeping_time);
            let is_next = |run: &Run| state.registered.chain && run.attempt.iteration == state.next_iteration();
            // A late report of an earlier run says nothing of the one that is looked for.
            let looked_for = matches!(&state.work, Work::Running(run) if is_next(run) && run.looking_up);
            settled.extend((!looked_for).then(|| resolve(EffectKey::LookUp)));
            wanted.extend(next.filter(|_| !matches!(&state.work, Work::Running(run) if is_next(run))));
        }
        JobEvent::IterationLost(lost) => {
            settled.push(resolve(EffectKey::LookUp));
            if lost.iteration == state.next_iteration() {
                settled.push(resolve(EffectKey::Start));
                wanted.extend(next_start(state, state.registered.t0));
            }
        }
        JobEvent::Overdue(_) => {
            if let Work::Running(run) = &state.work {
                wanted.push(Effect::LookUp { iteration: run.attempt.iteration, attempt: run.attempt.number });
            }
        }
        JobEvent::LookedUp(_) => settled.push(resolve(EffectKey::LookUp)),
        // In place, the agent learns it with the answer to its next sample.
        JobEvent::Rescaled(_) if state.resizes_in_place() => {}
        JobEvent::Rescaled(rescaled) => wanted.push(Effect::SetCpus { cpus: rescaled.to }),
        JobEvent::RescaleApplied(_) if state.resizing_to.is_some() => {}
        JobEvent::RescaleApplied(_) | JobEvent::RescaleFailed(_) => settled.push(resolve(EffectKey::Cpus)),
        JobEvent::Completed(_) | JobEvent::Failed(_) | JobEvent::Cancelled(_) => {
            *settled = vec![EffectChange::ResolveAll];
            wanted.clear();
            // Chronos' last task may still wait for the answer to its report; a Marathon app would be started again at once.
            let when_idle =
                state.registered.framework == Framework::Chronos && !matches!(event, JobEvent::Cancelled(_));
            wanted.push(Effect::DeleteJob { when_idle });
        }
        JobEvent::Withdrawn(withdrawn) => {
            *settled = vec![EffectChange::ResolveAll];
            wanted.clear();
            wanted.extend(withdrawn.may_come.then_some(Effect::DeleteJob { when_idle: false }));
        }
        JobEvent::Removed(_) => settled.push(resolve(EffectKey::Delete)),
        JobEvent::StartAttempted(_)
        | JobEvent::StartDropped(_)
        | JobEvent::IterationFinished(_)
        | JobEvent::Decided(_)
        | JobEvent::GrantReceived(_)
        | JobEvent::RescaleUnanswered(_)
        | JobEvent::RescaleTakenBack(_)
        | JobEvent::CpuObserved(_)
        | JobEvent::PolicyChanged(_)
        | JobEvent::MarathonStarted(_)
        | JobEvent::MarathonEnded(_)
        | JobEvent::SegmentStarted(_)
        | JobEvent::CpuSample(_)
        | JobEvent::SegmentEnded(_)
        | JobEvent::TelemetryLost(_)
        | JobEvent::ProgressDecided(_)
        | JobEvent::ChainAnswered(_)
        | JobEvent::DeadlinePassed(_) => {}
    }
}

fn next_start(state: &JobState, not_before: Timestamp) -> Option<Effect> {
    let wanted = state.ending().is_none() && state.remaining() > 0;
    wanted.then(|| Effect::StartIteration { iteration: state.next_iteration(), not_before })
}
