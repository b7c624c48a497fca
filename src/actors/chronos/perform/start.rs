//! Starts an iteration: wait until the job is idle, record the attempt, ask for the start, watch what becomes of it.
//!
//! A start that was asked for is never repeated before it is judged: an attempt that the log holds without an outcome, from before
//! a crash for instance, is watched and not asked for again.

use super::watch::{Watched, watch};
use crate::actors::chronos::session::{Session, Stopped, Submitted};
use crate::qos::job::{Command, Work};
use crate::qos::units::Timestamp;

pub async fn perform(session: &Session, iteration: u32, not_before: Timestamp) -> Result<(), Stopped> {
    loop {
        let state = session.state()?;
        match &state.work {
            // The outcome is recorded; the outbox will say so in a moment.
            Work::Running(_) => return Ok(()),
            Work::Attempted(attempt) => match watch(session, &state, attempt, false).await? {
                Watched::Dropped => {}
                Watched::Active | Watched::Over => return Ok(()),
            },
            Work::None => {
                session.sleep_until(not_before).await?;
                let Some((facts, _)) = super::wait_idle(session).await? else { return Ok(()) };
                match session.submit(Command::AttemptStart(facts)).await? {
                    Submitted::Overtaken => return Ok(()),
                    Submitted::Done => {}
                }
                session.status.start_asked_for();
                tracing::info!(job = %session.job, name = session.name, iteration, "asking Chronos for a start");
                // Whatever it answers, the watch tells what became of it.
                if let Err(error) = session.client.start(&session.name).await {
                    session.failed("start", &error);
                }
            }
        }
    }
}
