//! One file an effect. A performer ends when its effect's outcome is recorded, or when it is stopped.

mod await_job;
mod delete;
mod look_up;
mod set_cpus;
mod start;
mod steer;
mod watch;

use super::session::{Look, Session};
use crate::actors::performer::{Absence, Stopped};
use crate::clients::chronos::ChronosJob;
use crate::qos::job::Effect;
use crate::qos::job::command::FrameworkFacts;

/// Performs `effect` until its outcome is an event.
pub async fn perform(session: &Session, effect: &Effect) -> Result<(), Stopped> {
    match effect {
        Effect::AwaitJob => await_job::perform(session).await,
        Effect::SetCpus { cpus } => set_cpus::perform(session, *cpus).await,
        Effect::StartIteration { iteration, not_before } => start::perform(session, *iteration, *not_before).await,
        Effect::LookUp { iteration, attempt } => look_up::perform(session, *iteration, *attempt).await,
        Effect::DeleteJob { when_idle } => delete::perform(session, *when_idle).await,
    }
}

/// Waits until the job is idle. `None` when it is gone for good, which is recorded.
async fn wait_idle(session: &Session) -> Result<Option<(FrameworkFacts, Box<ChronosJob>)>, Stopped> {
    let mut absence = Absence::default();
    loop {
        match session.look().await? {
            Look::Busy(_) => absence.present(),
            Look::Idle(facts, job) => return Ok(Some((facts, job))),
            Look::Absent => {
                if session.removed_outside(&mut absence, session.patience.removed_after).await? {
                    return Ok(None);
                }
            }
        }
    }
}
