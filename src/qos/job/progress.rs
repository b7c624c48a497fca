//! The decision about a long-running job, from its CPU time.

use super::execution::Execution;
use super::hold::{Hold, max_rescales, told};
use super::state::{Flag, JobState};
use crate::events::job::{CpuSample, Origin, ProgressDecided, ProgressInputs};
use crate::qos::marathon::{desired_cpu, progress_ratio};
use crate::qos::policy::{LongRunning, UnknownVersion};
use crate::qos::units::{Cpus, Span, Timestamp};

/// For so many monitoring periods a job does not ask again for a CPU for which no node had room.
const NO_ROOM_PERIODS: i64 = 10;

/// Decides for `state` as it is after `sample`, as version `fold` did. `None` while the job's CPU is unknown.
pub fn decide_progress(
    state: &JobState,
    sample: &CpuSample,
    free: Option<Cpus>,
    fold: u16,
) -> Result<Option<ProgressDecided>, UnknownVersion> {
    let Some(execution) = &state.execution else { return Ok(None) };
    let Some(job) = asked_about(state, execution, sample) else { return Ok(None) };
    let (from, policy) = (job.from, &state.policy);
    let wish = policy.rule()?.long_running(&job);
    let hold = if job.cpu_current >= job.declared.duration {
        Some(Hold::OverDeclared)
    } else if !state.resizes_in_place() && restart_loses_work(state) {
        Some(Hold::NoCheckpoints)
    } else {
        let no_room = no_room(state, from, wish.cpus, sample.at).map(Hold::NoRoom);
        no_room.or_else(|| max_rescales(state, from, wish.cpus))
    };
    let ceiling = ceiling(state, free);
    let kept = if hold.is_some() { from } else { wish.cpus };
    // What its node has no longer is taken back, whatever the job needs: somebody else has reserved it.
    // Version 1 left a job what it had.
    let least = if fold == 1 { from } else { Cpus::from_milli(0) };
    let to = ceiling.map_or(kept, |ceiling| kept.min(ceiling.max(least)));
    let taken_back = to < kept.min(from);
    let hold = if taken_back { Some(Hold::TakenBack(to)) } else { hold };
    Ok(Some(ProgressDecided {
        inputs: ProgressInputs {
            event: state.version,
            at: sample.at,
            started_at: execution.started_at,
            cpu_current: job.cpu_current,
            cpu_desired: job.cpu_desired,
            ceiling,
        },
        policy: policy.clone(),
        fold,
        ratio_millionths: (job.ratio * 1e6).round() as i64,
        performance: wish.performance,
        from,
        to,
        wish: None,
        reason: told(&wish, hold.as_ref(), from, to, policy.dry_run),
        model: wish.model,
    }))
}

/// What a policy is to know about `state` after `sample`; `None` while the job's CPU is unknown.
fn asked_about<'a>(state: &'a JobState, execution: &Execution, sample: &CpuSample) -> Option<LongRunning<'a>> {
    let from = state.cpus_in_force()?;
    let declared = &state.registered.declared;
    let base = execution.segment.as_ref().map_or(Span::ZERO, |segment| segment.base);
    let cpu_current = base + sample.cpu;
    let cpu_desired = desired_cpu(sample.at.since(execution.started_at), declared);
    Some(LongRunning {
        at: sample.at,
        started_at: execution.started_at,
        cpu_current,
        cpu_desired,
        ratio: progress_ratio(cpu_current, cpu_desired),
        from,
        submitted: state.registered.cpus.unwrap_or(from),
        declared,
        history: &state.history,
        restarts: !state.resizes_in_place(),
        period: state.registered.supervision.monitoring_period,
    })
}

/// The published agent's checkpoints cannot be restored by today's Docker, and its app starts the new task before the old one has ended.
fn restart_loses_work(state: &JobState) -> bool {
    state.registered.origin == Origin::Adopted || state.flags.contains(&Flag::NoCheckpoints)
}

/// The CPU for which there was no room, when this one is as much or more and that is not long ago.
fn no_room(state: &JobState, from: Cpus, wished: Cpus, at: Timestamp) -> Option<Cpus> {
    let (cpus, found_at) = state.no_room?;
    let until = found_at + state.registered.supervision.monitoring_period * NO_ROOM_PERIODS;
    (wished > from && wished >= cpus && at < until).then_some(cpus)
}

/// In place a job gets no more than its framework has reserved for it, and what is known to be free on its node.
fn ceiling(state: &JobState, free: Option<Cpus>) -> Option<Cpus> {
    let reserved = state.cpus.filter(|_| state.resizes_in_place())?;
    Some(reserved.saturating_add(free.unwrap_or(Cpus::from_milli(0))))
}
