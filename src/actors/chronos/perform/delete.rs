//! Removes a job from Chronos, if it is ours.

use std::time::Duration;

use crate::actors::chronos::session::{Look, Session, Stopped, backoff};
use crate::events::job::Removal;
use crate::qos::job::Command;

pub async fn perform(session: &Session, when_idle: bool) -> Result<(), Stopped> {
    if when_idle {
        wait_idle_or_grace(session).await?;
    }
    let mut backoff = backoff();
    let (mut asked, mut deleted) = (false, false);
    loop {
        let how = match session.find().await? {
            None if deleted => Removal::Deleted,
            None => Removal::AlreadyGone,
            Some(job) if !job.carries(session.job) => Removal::NotOurs,
            Some(_) => {
                if asked {
                    // It failed, or does not show yet.
                    session.sleep(backoff.next().unwrap_or(Duration::from_secs(30))).await?;
                }
                asked = true;
                match session.client.delete(&session.name).await {
                    Ok(()) => deleted = true,
                    Err(error) if error.is_not_found() => {}
                    Err(error) => session.failed("delete", &error),
                }
                // The read that follows tells whether it is gone.
                continue;
            }
        };
        session.submit(Command::JobRemoved(how)).await?;
        return Ok(());
    }
}

/// Removal kills a running task: one whose last report still waits for its answer gets the time to end by itself.
async fn wait_idle_or_grace(session: &Session) -> Result<(), Stopped> {
    let waiting = async {
        loop {
            match session.look().await? {
                Look::Idle(..) | Look::Absent => return Ok(()),
                Look::Busy(_) => {}
            }
        }
    };
    match tokio::time::timeout(session.patience.delete_grace.to_std(), waiting).await {
        Ok(idle) => idle,
        Err(_) => {
            tracing::warn!(job = %session.job, name = session.name, "still busy after its last report; removed all the same");
            Ok(())
        }
    }
}
