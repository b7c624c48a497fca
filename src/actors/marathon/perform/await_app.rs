//! Waits until Marathon shows a registered app.

use crate::actors::marathon::session::{Session, facts};
use crate::actors::performer::{Stopped, await_job};

pub async fn perform(session: &Session) -> Result<(), Stopped> {
    let patience = session.patience;
    await_job(session, patience.submit_timeout, patience.poll_interval, async || {
        let found = session.find().await?;
        if found.as_ref().is_some_and(|app| !app.carries(session.job)) {
            tracing::debug!(job = %session.job, name = session.name, "Marathon has another app of this id");
        }
        Ok(found.as_ref().filter(|app| app.carries(session.job)).map(facts))
    })
    .await
}
