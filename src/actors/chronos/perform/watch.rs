//! Watches what becomes of a start, and records the verdict.

use super::steer::let_go;
use crate::actors::chronos::session::{Look, Session};
use crate::actors::performer::{Absence, Stopped, Submitted};
use crate::events::job::{Activity, Origin};
use crate::qos::job::command::FrameworkFacts;
use crate::qos::job::judge::{Baseline, Observation, Patience, Verdict, judge};
use crate::qos::job::{Attempt, Command, JobState, Work};
use crate::qos::units::Cpus;

/// What a watch ended with.
pub enum Watched {
    /// The start was dropped: another may be attempted.
    Dropped,
    /// It is active; only looked for when the caller wants to know.
    Active,
    /// The job has moved on.
    Over,
}

/// Watches `attempt` until it is judged; with `until_active`, a run that goes on is an answer too.
pub async fn watch(
    session: &Session,
    state: &JobState,
    attempt: &Attempt,
    until_active: bool,
) -> Result<Watched, Stopped> {
    let baseline = Baseline {
        success_count: attempt.success_count,
        error_count: attempt.error_count,
        started: matches!(state.work, Work::Running(_)),
    };
    // The first run of an adopted job is started by Chronos itself.
    let first_of_adopted = state.registered.origin == Origin::Adopted && attempt.iteration == 1 && attempt.number == 1;
    let between_reads = if first_of_adopted { session.patience.settle_time } else { session.patience.judge_interval };
    let supervision = &state.registered.supervision;
    // A task that was told to go on and has ended cannot have anything more to report than that it began.
    let told = matches!(&state.work, Work::Running(run) if !run.announced);
    let longest = if told { supervision.chain_start } else { supervision.callback_window };
    let patience = Patience { between_reads, for_report: supervision.callback_window.min(longest) };
    let mut reads: Vec<Observation> = Vec::new();
    let mut absence = Absence::default();
    // For the node that was planned, as long as nobody has looked whether it waits for one.
    let mut may_wait = true;
    loop {
        let (observation, facts) = match session.look().await? {
            Look::Busy(activity) => {
                absence.present();
                if activity == Activity::Queued
                    && may_wait
                    && session.now() >= attempt.at + session.patience.resize_patience
                {
                    may_wait = let_go(session).await?;
                }
                busy(session, attempt, activity)
            }
            Look::Idle(facts, _) => {
                absence.present();
                (observation(session, &facts), facts)
            }
            Look::Absent => {
                if session.removed_outside(&mut absence, session.patience.removed_after).await? {
                    return Ok(Watched::Over);
                }
                continue;
            }
        };
        // Only the reads since the job was last busy count.
        if observation.activity != Activity::Idle {
            reads.clear();
        }
        reads.push(observation);
        let verdict = judge(baseline, &reads, patience);
        let judged = Command::Judged { iteration: attempt.iteration, attempt: attempt.number, verdict, facts };
        match verdict {
            Verdict::Unclear => {}
            Verdict::Active(_) if !until_active => {}
            Verdict::Active(_) => return submitted(session, judged, Watched::Active).await,
            Verdict::Dropped { .. } => {
                tracing::info!(job = %session.job, iteration = attempt.iteration, attempt = attempt.number, "Chronos dropped the start");
                return submitted(session, judged, Watched::Dropped).await;
            }
            Verdict::Lost(_) => return submitted(session, judged, Watched::Over).await,
        }
    }
}

async fn submitted(session: &Session, judged: Command, then: Watched) -> Result<Watched, Stopped> {
    Ok(match session.submit(judged).await? {
        Submitted::Done => then,
        Submitted::Overtaken => Watched::Over,
    })
}

fn observation(session: &Session, facts: &FrameworkFacts) -> Observation {
    Observation {
        at: session.now(),
        activity: facts.activity,
        success_count: facts.success_count,
        error_count: facts.error_count,
    }
}

/// Counts are not read while the job is busy; they cannot matter then.
fn busy(session: &Session, attempt: &Attempt, activity: Activity) -> (Observation, FrameworkFacts) {
    let facts = FrameworkFacts {
        cpus: session.entry.state.load().as_ref().and_then(|state| state.cpus).unwrap_or(Cpus::from_milli(0)),
        success_count: attempt.success_count,
        error_count: attempt.error_count,
        activity,
    };
    (observation(session, &facts), facts)
}
