//! Starts an iteration: wait until the job is idle, record the attempt, ask for the start, watch what becomes of it.
//!
//! A start that was asked for is never repeated before it is judged: an attempt that the log holds without an outcome, from before
//! a crash for instance, is watched and not asked for again.

use std::time::Duration;

use super::steer::steer;
use super::watch::{Watched, watch};
use crate::actors::chronos::session::Session;
use crate::actors::performer::{Stopped, Submitted};
use crate::qos::job::{Command, JobState, Work, longest_wait_for_start};
use crate::qos::units::{Span, Timestamp};

/// Attempts at one iteration that follow each other without a pause.
const FREE_ATTEMPTS: u32 = 3;

/// The pause between attempts grows to this power of two of the judge interval: 5 min 20 s by default.
const MOST_DOUBLINGS: u32 = 5;

pub async fn perform(session: &Session, iteration: u32, not_before: Timestamp) -> Result<(), Stopped> {
    loop {
        let state = session.state()?;
        match &state.work {
            // A run whose iteration was counted by another run's late report stands before this start: as the effects of a job are
            // performed in order, nobody else looks after it when it is overdue.
            Work::Running(run) if run.looking_up => return watch(session, &state, &run.attempt, true).await.map(drop),
            // The outcome is recorded; the outbox will say so in a moment.
            Work::Running(_) => return Ok(()),
            Work::Attempted(attempt) => match watch(session, &state, attempt, false).await? {
                Watched::Dropped => {}
                Watched::Active | Watched::Over => return Ok(()),
            },
            Work::None => {
                session.sleep_until(not_before, longest_wait_for_start(&state)).await?;
                session.sleep(pause_before(&state, iteration, session.patience.judge_interval)).await?;
                let Some((facts, job)) = super::wait_idle(session).await? else { return Ok(()) };
                steer(session, &job).await?;
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

/// A few dropped starts are Chronos' way; one after the other means that it takes none at present, as of a disabled job.
fn pause_before(state: &JobState, iteration: u32, judge_interval: Span) -> Duration {
    let dropped = match state.last_attempt {
        (last, number) if last == iteration => number,
        _ => 0,
    };
    match dropped.checked_sub(FREE_ATTEMPTS) {
        None | Some(0) => Duration::ZERO,
        Some(more) => judge_interval.to_std().saturating_mul(1 << more.min(MOST_DOUBLINGS)),
    }
}
