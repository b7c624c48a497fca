//! Where the next task is to start: a constraint of the job in Chronos, which is nothing but a preference here. What cannot be had is
//! not waited for.

use crate::actors::chronos::session::Session;
use crate::actors::performer::Stopped;
use crate::clients::chronos::{ApiVersion, ChronosJob};
use crate::qos::arbitration::NodeChoice;
use crate::qos::job::acting::Acting;

/// Has the next task start where the job's newest grant says. `job` is idle.
pub async fn steer(session: &Session, job: &ChronosJob) -> Result<(), Stopped> {
    let state = session.state()?;
    if let Some(acting) = Acting::of(&state.policy) {
        put(session, job, acting.node(&state)).await;
    }
    Ok(())
}

/// Lets a task that waits for its node start on any other one; whether there was anything to take back. Chronos looks at the job again
/// with each offer.
pub async fn let_go(session: &Session) -> Result<bool, Stopped> {
    let job = session.find().await?.filter(|job| job.carries(session.job));
    Ok(match job {
        Some(job) => put(session, &job, None).await,
        None => false,
    })
}

/// Whether Chronos was asked to change something.
async fn put(session: &Session, job: &ChronosJob, choice: Option<&NodeChoice>) -> bool {
    let Some(edited) = job.with_node(choice) else { return false };
    // Before version 3 a host name is no attribute: no node would do.
    if choice.is_some() && !matches!(session.client.api_version().await, Ok(ApiVersion::V1)) {
        return false;
    }
    match session.client.post_job(&edited).await {
        Ok(()) => {
            tracing::info!(job = %session.job, name = session.name, ?choice, "Chronos was told where the next task may start")
        }
        Err(error) => session.failed("set constraints", &error),
    }
    true
}
