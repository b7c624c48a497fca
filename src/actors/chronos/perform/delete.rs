//! Removes a job from Chronos, if it is ours.

use crate::actors::chronos::session::{Look, Session};
use crate::actors::performer::{LONGEST_PAUSE, Stopped, backoff};
use crate::events::job::Removal;
use crate::qos::job::Command;

pub async fn perform(session: &Session, when_idle: bool) -> Result<(), Stopped> {
    if when_idle {
        wait_idle_or_grace(session).await?;
    }
    let how = remove(session).await?;
    if session.state()?.unanswered {
        watch_for_its_return(session).await?;
    }
    // Only now: until then a restart does all of it again.
    session.submit(Command::JobRemoved(how)).await?;
    Ok(())
}

/// Asks for the removal until Chronos no longer shows the job, or shows one that is not ours.
async fn remove(session: &Session) -> Result<Removal, Stopped> {
    let mut backoff = backoff();
    let (mut asked, mut deleted) = (false, false);
    loop {
        match session.find().await? {
            None if deleted => return Ok(Removal::Deleted),
            None => return Ok(Removal::AlreadyGone),
            Some(job) if !job.carries(session.job) => return Ok(Removal::NotOurs),
            Some(_) => {}
        }
        if asked {
            // It failed, or does not show yet.
            session.sleep(backoff.next().unwrap_or(LONGEST_PAUSE)).await?;
        }
        asked = true;
        match session.client.delete(&session.name).await {
            Ok(()) => deleted = true,
            Err(error) if error.is_not_found() => {}
            Err(error) => session.failed("delete", &error),
        }
        // The read that follows tells whether it is gone.
    }
}

/// A request to set the CPU is a whole job to Chronos: one that it carries out only after the deletion makes the job anew, and a job
/// of the 2017 launcher would then run by its own schedule for ever.
async fn watch_for_its_return(session: &Session) -> Result<(), Stopped> {
    let until = session.now() + session.patience.late_requests;
    tracing::info!(job = %session.job, name = session.name, "a request to set its CPU was never answered; watching for its return");
    loop {
        let left = until.since(session.now());
        session.sleep(left.min(session.patience.poll_interval).to_std()).await?;
        // The look that begins after the end is the last one.
        let over = session.now() >= until;
        if session.find().await?.is_some_and(|job| job.carries(session.job)) {
            tracing::warn!(job = %session.job, name = session.name, "a late request has made the job anew; removing it again");
            remove(session).await?;
        }
        if over {
            return Ok(());
        }
    }
}

/// Removal kills a running task: one whose last report still waits for its answer gets the time to end by itself, which is the
/// window in which it tries to report, and some more.
async fn wait_idle_or_grace(session: &Session) -> Result<(), Stopped> {
    let waiting = async {
        loop {
            match session.look().await? {
                Look::Idle(..) | Look::Absent => return Ok(()),
                Look::Busy(_) => {}
            }
        }
    };
    let grace = session.state()?.registered.supervision.callback_window + session.patience.delete_grace;
    match tokio::time::timeout(grace.to_std(), waiting).await {
        Ok(idle) => idle,
        Err(_) => {
            tracing::warn!(job = %session.job, name = session.name, "still busy after its last report; removed all the same");
            Ok(())
        }
    }
}
