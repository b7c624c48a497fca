//! Asks Chronos what became of a run whose report is overdue.

use super::watch::watch;
use crate::actors::chronos::session::Session;
use crate::actors::performer::Stopped;

pub async fn perform(session: &Session, iteration: u32, attempt: u32) -> Result<(), Stopped> {
    let state = session.state()?;
    if let Some(current) = state.attempt().filter(|a| a.iteration == iteration && a.number == attempt) {
        watch(session, &state, current, true).await?;
    }
    Ok(())
}
