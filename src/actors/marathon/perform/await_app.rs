//! Waits until Marathon shows a registered app.

use crate::actors::marathon::session::Session;
use crate::actors::performer::{Stopped, await_job};
use crate::events::job::Activity;
use crate::qos::job::command::FrameworkFacts;

pub async fn perform(session: &Session) -> Result<(), Stopped> {
    let patience = session.patience;
    await_job(session, patience.submit_timeout, patience.poll_interval, async || {
        let found = session.find().await?;
        if found.as_ref().is_some_and(|app| !app.carries(session.job)) {
            tracing::debug!(job = %session.job, name = session.name, "Marathon has another app of this id");
        }
        Ok(found.filter(|app| app.carries(session.job)).map(|app| FrameworkFacts {
            cpus: app.cpus,
            // Marathon counts no runs.
            success_count: 0,
            error_count: 0,
            activity: if app.tasks_running > 0 { Activity::Running } else { Activity::Queued },
        }))
    })
    .await
}
