//! Waits until Chronos shows a registered job: it is registered first and submitted afterwards.

use crate::actors::chronos::session::{Session, Stopped, facts};
use crate::events::job::Activity;
use crate::qos::job::Command;

pub async fn perform(session: &Session) -> Result<(), Stopped> {
    // What is left of its time; never more than that, though the wall clock be set back.
    let submit_timeout = session.patience.submit_timeout;
    let left = (session.state()?.registered_at + submit_timeout).since(session.now()).min(submit_timeout);
    let give_up = session.now() + left;
    loop {
        match session.find().await? {
            Some(job) if job.carries(session.job) => {
                session.submit(Command::Seen(facts(&job, Activity::Idle))).await?;
                return Ok(());
            }
            Some(_) => {
                tracing::debug!(job = %session.job, name = session.name, "Chronos has another job of this name");
            }
            None => {}
        }
        if session.now() >= give_up {
            session.submit(Command::NeverSeen).await?;
            return Ok(());
        }
        session.sleep(session.patience.poll_interval.to_std()).await?;
    }
}
