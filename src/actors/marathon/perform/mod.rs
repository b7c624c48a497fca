//! One file an effect. A performer ends when its effect's outcome is recorded, or when it is stopped.

mod await_app;
mod delete;
mod set_cpus;

use super::session::Session;
use crate::actors::performer::Stopped;
use crate::qos::job::Effect;

/// Performs `effect` until its outcome is an event.
pub async fn perform(session: &Session, effect: &Effect) -> Result<(), Stopped> {
    match effect {
        Effect::AwaitJob => await_app::perform(session).await,
        Effect::SetCpus { cpus } => set_cpus::perform(session, *cpus).await,
        Effect::DeleteJob { .. } => delete::perform(session).await,
        Effect::StartIteration { .. } | Effect::LookUp { .. } => {
            // Only jobs with iterations have these; it stays in the outbox, where people see it.
            tracing::error!(job = %session.job, ?effect, "not an effect of a Marathon job");
            std::future::pending().await
        }
    }
}
