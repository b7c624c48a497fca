//! The decision about a long-running job, from its CPU time.

use super::FOLD_VERSION;
use super::execution::Execution;
use super::state::{Flag, JobState};
use crate::events::job::{CpuSample, Origin, ProgressDecided, ProgressInputs};
use crate::qos::marathon::{classify, desired_cpu, progress_ratio};
use crate::qos::performance::Performance;
use crate::qos::policy::UnknownVersion;
use crate::qos::units::{Cpus, Span, Timestamp};

/// Why a job keeps its CPU, whatever its performance.
enum Hold {
    /// It has used all that it declared: it needs more than it said, and must not be starved for it.
    OverDeclared,
    /// A restart would lose its work.
    NoCheckpoints,
    /// No node had room for as much a short while ago, and the job stood still meanwhile.
    NoRoom(Cpus),
    /// Its node does not have as much any more.
    TakenBack(Cpus),
}

/// For so many monitoring periods a job does not ask again for a CPU for which no node had room.
const NO_ROOM_PERIODS: i64 = 10;

/// Decides for `state` as it will be after `sample`. `None` while the job's CPU is unknown.
pub fn decide_progress(
    state: &JobState,
    execution: &Execution,
    sample: &CpuSample,
    free: Option<Cpus>,
) -> Result<Option<ProgressDecided>, UnknownVersion> {
    let Some(from) = state.cpus_in_force() else { return Ok(None) };
    let declared = &state.registered.declared;
    let base = execution.segment.as_ref().map_or(Span::ZERO, |segment| segment.base);
    let cpu_current = base + sample.cpu;
    let cpu_desired = desired_cpu(sample.at.since(execution.started_at), declared);
    let ratio = progress_ratio(cpu_current, cpu_desired);
    let performance = classify(ratio, declared);
    let wished = state.policy.next_cpus(from, performance)?;
    let hold = if cpu_current >= declared.duration {
        Some(Hold::OverDeclared)
    } else if !state.resizes_in_place() && restart_loses_work(state) {
        Some(Hold::NoCheckpoints)
    } else {
        no_room(state, from, wished, sample.at).map(Hold::NoRoom)
    };
    let ceiling = ceiling(state, free);
    let kept = if hold.is_some() { from } else { wished };
    // What its node has no longer is taken back, whatever the job needs: somebody else has reserved it.
    let to = ceiling.map_or(kept, |ceiling| kept.min(ceiling));
    let taken_back = to < kept.min(from);
    let hold = if taken_back { Some(Hold::TakenBack(to)) } else { hold };
    let reason = reason(performance, (cpu_current - cpu_desired).seconds(), from, to, wished, hold.as_ref());
    Ok(Some(ProgressDecided {
        inputs: ProgressInputs {
            event: state.version + 1,
            at: sample.at,
            started_at: execution.started_at,
            cpu_current,
            cpu_desired,
            ceiling,
        },
        policy: state.policy.clone(),
        fold: FOLD_VERSION,
        ratio_millionths: (ratio * 1e6).round() as i64,
        performance,
        from,
        to,
        reason,
    }))
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

fn reason(performance: Performance, ahead: f64, from: Cpus, to: Cpus, wished: Cpus, hold: Option<&Hold>) -> String {
    let side = if ahead < 0.0 { "behind" } else { "ahead of" };
    let distance = ahead.abs();
    let action = match (hold, performance) {
        (Some(Hold::OverDeclared), _) => {
            format!("it has used all the CPU time that it declared, {from} CPU stay")
        }
        (Some(Hold::NoCheckpoints), _) => format!("a restart would lose its work, {from} CPU stay"),
        (Some(Hold::NoRoom(cpus)), _) => format!("no node had room for {cpus} CPU a short while ago, {from} CPU stay"),
        (Some(Hold::TakenBack(to)), _) => format!("its node has no more for it, {from} -> {to} CPU"),
        (None, Performance::OnPlan) => format!("{from} CPU stay"),
        (None, _) if from != to => format!("{from} -> {to} CPU"),
        (None, _) if wished != from => format!("{from} CPU is all that its node is known to have for it"),
        (None, Performance::UnderPerformant) => format!("{from} CPU is the most it may get"),
        (None, Performance::OverPerformant) => format!("{from} CPU is the least it may get"),
    };
    format!("{distance:.1} CPU-seconds {side} its plan: {action}")
}
