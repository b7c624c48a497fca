//! One round of the arbitration over all jobs.

use super::outlook::{contender, occupies};
use super::state::JobState;
use crate::events::job::{GrantReceived, JobEvent};
use crate::qos::arbitration::{Aim, Nodes, Share, Sizes, Standing, share};
use crate::qos::ids::JobId;
use crate::qos::units::{Cpus, Timestamp};

/// What round `number` tells which jobs, in the order of `jobs`: all that are registered and not over, by their registration. Only jobs for
/// which something changes are told.
pub fn round(aim: Aim, nodes: Nodes, number: u64, now: Timestamp, jobs: &[&JobState]) -> Vec<(JobId, GrantReceived)> {
    let mut others = Sizes::default();
    let mut contenders = Vec::new();
    let mut unconcerned = Vec::new();
    for state in jobs {
        match contender(state, now) {
            Some(contender) => contenders.push(contender),
            None => {
                occupies(state).into_iter().for_each(|cpus| others.add(cpus));
                unconcerned.push(state);
            }
        }
    }
    let shares = share(aim, nodes, &others, &contenders);
    let granted = contenders.iter().zip(shares).map(|(one, share)| (one.job, share));
    // Who is no contender any more keeps what it has; its cap would be out of date when it becomes one again.
    let lifted = unconcerned.iter().filter(|state| state.ending().is_none()).map(|state| (state.registered.job, FREE));
    let known =
        |job: JobId| jobs.iter().find(|state| state.registered.job == job).and_then(|state| state.grant.as_ref());
    granted
        .chain(lifted)
        .map(|(job, share)| (job, GrantReceived { round: number, cap: cap(share), standing: share.standing }))
        .filter(|(job, grant)| match known(*job) {
            Some(known) => (known.cap, known.standing) != (grant.cap, grant.standing),
            None => grant.standing != Standing::Unlimited,
        })
        .collect()
}

/// Whether what was recorded of a job calls for a new round: its wish is another, or it is over. What follows from a grant does not.
pub fn asks_for_a_round(events: &[JobEvent]) -> bool {
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
        )
    };
    !from_a_grant && events.iter().any(changes)
}

const FREE: Share = Share { cpus: Cpus::MAX, standing: Standing::Unlimited };

fn cap(share: Share) -> Option<Cpus> {
    (share.standing != Standing::Unlimited).then_some(share.cpus)
}
