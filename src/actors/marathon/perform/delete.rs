//! Removes an app from Marathon, if it is ours.

use crate::actors::marathon::session::Session;
use crate::actors::performer::{LONGEST_PAUSE, Stopped, backoff};
use crate::clients::marathon::Locks;
use crate::events::job::Removal;
use crate::qos::job::Command;

/// Asks for the removal until Marathon no longer shows the app, or shows one that is not ours, and its tasks are over.
///
/// Nothing has to be watched for afterwards: a late request for another CPU does not make an app anew.
pub async fn perform(session: &Session) -> Result<(), Stopped> {
    let mut pauses = backoff();
    let (mut asked, mut deployment) = (false, None);
    let how = loop {
        match session.find().await? {
            Some(app) if app.carries(session.job) => {}
            _ if deployment.is_some() => break Removal::Deleted,
            Some(_) => break Removal::NotOurs,
            None => break Removal::AlreadyGone,
        }
        if asked {
            // It failed, or does not show yet.
            session.sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await?;
        }
        asked = true;
        let Some(id) = &session.id else { break Removal::AlreadyGone };
        // A deployment that holds the app must not hinder its end: the next task would start the job again.
        match session.client.delete(id, Locks::Override).await {
            Ok(accepted) => deployment = Some(accepted.deployment),
            Err(error) if error.is_not_found() => {}
            Err(error) => session.failed("delete", &error),
        }
        // The read that follows tells whether it is gone.
    };
    // The app goes at once, its tasks with the deployment.
    if let Some(deployment) = deployment.flatten() {
        session.follow(&[deployment]).await?;
    }
    session.submit(Command::JobRemoved(how)).await?;
    Ok(())
}
