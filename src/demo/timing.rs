//! How the time of a job was spent: whether the experiment ran at the pace that it should have.

use super::evidence::Evidence;
use super::scaling::Speed;
use crate::events::job::JobEvent;
use crate::workload::published::Times;

/// Mean time from the end of an iteration to the start of the next, s, by the containers' own clock; `None` with fewer than two.
pub fn mean_gap(evidence: &Evidence) -> Option<f64> {
    let mut ended = None;
    let mut gaps = Vec::new();
    for event in &evidence.events {
        match event {
            JobEvent::IterationStarted(started) => {
                gaps.extend(ended.take().map(|ended| started.started_at.since(ended).seconds()));
            }
            JobEvent::IterationFinished(finished) => ended = Some(finished.finished_at),
            _ => {}
        }
    }
    mean(&gaps)
}

/// Mean time from the end of a task to the placement of the next, s: the supervisor's part of the gap, and the wait for a node
/// with enough free CPU.
pub fn mean_wait(evidence: &Evidence) -> Option<f64> {
    let pairs = evidence.usage.launches.windows(2);
    mean(&pairs.filter_map(|pair| Some(pair[1].placed_at.since(pair[0].ended_at?).seconds())).collect::<Vec<_>>())
}

/// How much longer the iterations took than the published machine would have taken with the same CPU, at this speed; 1 is the
/// same. More than that means that this machine did not give the jobs what they were limited to.
pub fn slowdown(evidence: &Evidence, speed: Speed) -> Option<f64> {
    let (mut took, mut expected) = (0.0, 0.0);
    for launch in &evidence.usage.launches {
        for own in evidence.own_figures.get(&launch.seq).into_iter().flatten() {
            took += own.wall_s;
            expected += Times::of_order(own.order).at(launch.cpus.as_f64()) / speed.get();
        }
    }
    if expected > 0.0 { Some(took / expected) } else { None }
}

fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
}
