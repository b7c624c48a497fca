//! Removes an app from Marathon, if it is ours.

use crate::actors::marathon::session::Session;
use crate::actors::performer::{LONGEST_PAUSE, Stopped, backoff};
use crate::clients::marathon::{AppId, Locks};
use crate::events::job::Removal;
use crate::qos::job::Command;

/// Asks for the removal until Marathon no longer shows the app, or shows one that is not ours, and its tasks are over.
///
/// A late request for another CPU does not make an app anew. But the submission of an app that was never seen may still be under way:
/// it is looked for until `submit_timeout` has passed, and removed whenever it comes. A restart of the supervisor begins that anew.
pub async fn perform(session: &Session) -> Result<(), Stopped> {
    let how = removal(session).await?;
    if how != Removal::NotOurs {
        tasks_are_over(session).await?;
    }
    session.submit(Command::JobRemoved(how)).await?;
    Ok(())
}

/// What became of the app, once it is gone and cannot come any more.
async fn removal(session: &Session) -> Result<Removal, Stopped> {
    let state = session.state()?;
    let came = !state.may_still_come();
    let look_until = session.now() + session.patience.submit_timeout;
    let (mut pauses, mut asked) = (backoff(), false);
    let mut deleted = false;
    loop {
        let found = session.find().await?;
        let Some(app) = found.as_ref().filter(|app| app.carries(session.job)) else {
            if came || session.id.is_none() || session.now() >= look_until {
                return Ok(match found {
                    _ if deleted => Removal::Deleted,
                    Some(_) => Removal::NotOurs,
                    None => Removal::AlreadyGone,
                });
            }
            session.sleep(session.patience.poll_interval.to_std()).await?;
            continue;
        };
        if asked {
            // It failed, or does not show yet.
            session.sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await?;
        }
        asked = true;
        // A deployment that holds the app must not hinder its end: the next task would start the job again.
        match session.client.delete(&app.id, Locks::Override).await {
            Ok(_) => deleted = true,
            Err(error) if error.is_not_found() => {}
            Err(error) => session.failed("delete", &error),
        }
        // The read that follows tells whether it is gone.
    }
}

/// Waits until no deployment touches the app and Marathon shows no task of it: the app goes at once, its tasks with the deployment,
/// whose number is not known when the answer to the deletion was lost. No longer than `removal_patience`.
async fn tasks_are_over(session: &Session) -> Result<(), Stopped> {
    let Some(id) = &session.id else { return Ok(()) };
    let until = session.now() + session.patience.removal_patience;
    let mut pauses = backoff();
    while let Err(left) = nothing_is_left(session, id).await {
        if session.now() >= until {
            let (job, name) = (session.job, &session.name);
            tracing::warn!(%job, name, ?left, "the app is removed, and its tasks are not known to be over");
            break;
        }
        let pause = match left {
            Left::Tasks => session.patience.poll_interval.to_std(),
            Left::NoAnswer => pauses.next().unwrap_or(LONGEST_PAUSE),
        };
        session.sleep(pause).await?;
    }
    Ok(())
}

#[derive(Debug)]
enum Left {
    Tasks,
    NoAnswer,
}

async fn nothing_is_left(session: &Session, id: &AppId) -> Result<(), Left> {
    let failed = |call, error| {
        session.failed(call, &error);
        Left::NoAnswer
    };
    let deployments = session.client.deployments().await.map_err(|error| failed("deployments", error))?;
    let tasks = session.client.all_tasks().await.map_err(|error| failed("tasks", error))?;
    let removing = deployments.iter().any(|one| one.affected_apps.contains(id));
    let running = tasks.iter().any(|task| task.app_id.as_ref() == Some(id));
    if removing || running { Err(Left::Tasks) } else { Ok(()) }
}
