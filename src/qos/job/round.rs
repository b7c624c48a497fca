//! One round of the arbitration over all jobs.

use std::collections::BTreeMap;

use super::outlook::{Outlooks, counts_from, occupies};
use super::state::JobState;
use crate::events::cluster::{ArbitrationRound, RoundGrant, RoundInput};
use crate::events::job::{GrantReceived, JobEvent};
use crate::qos::arbitration::{Aim, Contender, Nodes, Share, Sizes, Standing, share};
use crate::qos::ids::{Framework, JobId};
use crate::qos::units::Timestamp;

/// Version of the rules that rounds are computed by, from the states of jobs to grants; a changed meaning is a new version.
pub const ROUND_RULES: u16 = 1;

/// Round `number` at `now` over `jobs`: all that are registered and not over, by their registration. Its grants are those that change
/// something.
pub fn round(aim: Aim, nodes: Nodes, number: u64, now: Timestamp, jobs: &[&JobState]) -> ArbitrationRound {
    round_with(&mut Outlooks::default(), aim, nodes, number, now, jobs)
}

/// As [`round`], with what is known of the jobs from the rounds before.
pub fn round_with(
    outlooks: &mut Outlooks,
    aim: Aim,
    nodes: Nodes,
    number: u64,
    now: Timestamp,
    jobs: &[&JobState],
) -> ArbitrationRound {
    let living: Vec<&&JobState> = jobs.iter().filter(|state| state.ending().is_none()).collect();
    living.iter().for_each(|state| outlooks.look_at(state, now, aim));
    outlooks.keep(&living.iter().map(|state| state.registered.job).collect());
    let contending: Vec<Option<&Contender>> =
        living.iter().map(|state| outlooks.contender(state.registered.job)).collect();
    let mut others = Sizes::default();
    let mut inputs = Vec::with_capacity(living.len());
    for (state, contender) in living.iter().zip(&contending) {
        let occupied = occupies(state, now).filter(|_| contender.is_none());
        occupied.into_iter().for_each(|cpus| others.add(cpus));
        inputs.push(RoundInput {
            job: state.registered.job,
            version: state.version,
            occupied,
            wish: contender.map(|one| one.wish),
            // A chance is at most 1.
            best_chance: contender.map(|one| (one.best_chance() * 1e6).round() as u32),
        });
    }
    let contenders: Vec<&Contender> = contending.into_iter().flatten().collect();
    let shares = share(aim, nodes, &others, &contenders);
    let shared: BTreeMap<JobId, Share> = contenders.iter().map(|one| one.job).zip(shares).collect();
    let grant = |state: &&&JobState| {
        let job = state.registered.job;
        // Who is no contender any more keeps what it has; its cap would be out of date when it becomes one again.
        let limits = |share: &Share| share.standing != Standing::Unlimited || share.place.is_some();
        let share = shared.get(&job).cloned().filter(limits);
        let (cap, standing, place, node) = share.map_or((None, Standing::Unlimited, None, None), |share| {
            (Some(share.cpus), share.standing, share.place, share.node)
        });
        let changes = match &state.grant {
            Some(known) => (known.cap, known.standing, known.place, &known.node) != (cap, standing, place, &node),
            None => cap.is_some(),
        };
        changes.then_some(RoundGrant { job, cap, standing, place, node })
    };
    let grants = living.iter().filter_map(grant).collect();
    ArbitrationRound { number, rules: ROUND_RULES, aim, nodes, since: None, inputs, over: vec![], grants }
}

/// When a job that is to start in the future has to be reckoned with, the first of those after `now`.
pub fn next_to_begin<'a>(now: Timestamp, jobs: impl IntoIterator<Item = &'a JobState>) -> Option<Timestamp> {
    let ahead = jobs.into_iter().filter(|state| state.ending().is_none()).map(counts_from).filter(|from| *from > now);
    ahead.min()
}

impl ArbitrationRound {
    /// What each job is told.
    pub fn told(&self) -> impl Iterator<Item = (JobId, GrantReceived)> + '_ {
        let of = |grant: &RoundGrant| {
            let RoundGrant { cap, standing, place, node, .. } = grant.clone();
            GrantReceived { round: self.number, cap, standing, place, node }
        };
        self.grants.iter().map(move |grant| (grant.job, of(grant)))
    }
}

/// Whether what was recorded of a job, which is now in `state`, calls for a new round: its wish is another, it is over, or its node has other
/// room. What follows from a grant does not.
pub fn asks_for_a_round(state: &JobState, events: &[JobEvent]) -> bool {
    let on_a_node = state.registered.framework == Framework::Chronos && state.resizes_in_place();
    let from_a_grant = events.iter().any(|event| matches!(event, JobEvent::GrantReceived(_)));
    let changes = |event: &JobEvent| {
        matches!(
            event,
            JobEvent::Registered(_)
                | JobEvent::Decided(_)
                | JobEvent::ProgressDecided(_)
                | JobEvent::PolicyChanged(_)
                | JobEvent::CpuObserved(_)
                | JobEvent::Completed(_)
                | JobEvent::Failed(_)
                | JobEvent::Cancelled(_)
                | JobEvent::Withdrawn(_)
        ) || on_a_node && matches!(event, JobEvent::IterationStarted(_) | JobEvent::RescaleApplied(_))
    };
    !from_a_grant && events.iter().any(changes)
}
