//! Waits until Chronos shows a registered job.

use crate::actors::chronos::session::{Session, facts};
use crate::actors::performer::{Stopped, await_job};
use crate::events::job::Activity;

pub async fn perform(session: &Session) -> Result<(), Stopped> {
    let patience = session.patience;
    await_job(session, patience.submit_timeout, patience.poll_interval, async || {
        let found = session.find().await?;
        if found.as_ref().is_some_and(|job| !job.carries(session.job)) {
            tracing::debug!(job = %session.job, name = session.name, "Chronos has another job of this name");
        }
        Ok(found.filter(|job| job.carries(session.job)).map(|job| facts(&job, Activity::Idle)))
    })
    .await
}
