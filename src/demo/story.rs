//! What the event log tells of a job under agents: its segments, its resizes, the decisions about it.

use crate::demo::evidence::Evidence;
use crate::events::job::{JobEvent, ProgressDecided, SegmentEnd, SegmentEnded, SegmentStarted};
use crate::qos::units::{Cpus, Span, Timestamp};

/// One run of the container or process, from its start or restore to its end or checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// How it began.
    pub start: SegmentStarted,
    /// How it ended.
    pub end: Option<SegmentEnded>,
    /// Limits in force, each from its instant on; CPUs of the cluster.
    pub limits: Vec<(Timestamp, Cpus)>,
}

/// A change of the job's CPU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resize {
    /// CPU before.
    pub from: Cpus,
    /// CPU after.
    pub to: Cpus,
    /// From the decision to its being in force, s.
    pub took_s: f64,
    /// How long the job stood still for it, s.
    pub lost_s: f64,
}

/// All of it, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Story {
    /// When the execution began.
    pub started_at: Option<Timestamp>,
    /// Its segments.
    pub segments: Vec<Segment>,
    /// Resizes that were applied.
    pub resizes: Vec<Resize>,
    /// Each with the instant of its sample.
    pub decisions: Vec<ProgressDecided>,
    /// Exit codes of the executions that ended.
    pub exit_codes: Vec<i32>,
}

impl Story {
    /// Reads it from the events of the job, which was resized in place or by checkpoints.
    pub fn of(evidence: &Evidence, in_place: bool) -> Self {
        let mut story = Story::default();
        // Decided, and not yet in force.
        let mut wished: Option<(Cpus, Timestamp)> = None;
        for (event, at) in evidence.events.iter().zip(&evidence.recorded_at) {
            match event {
                JobEvent::MarathonStarted(started) => {
                    story.started_at.get_or_insert(started.started_at);
                }
                JobEvent::MarathonEnded(ended) => story.exit_codes.push(ended.exit_code),
                JobEvent::SegmentStarted(start) => {
                    let limits = start.limit.map(|limit| (start.started_at, limit)).into_iter().collect();
                    story.segments.push(Segment { start: start.clone(), end: None, limits });
                }
                JobEvent::SegmentEnded(end) => {
                    // Each task of a chain counts its segments anew.
                    let of_it = |segment: &&mut Segment| segment.start.segment == end.segment && segment.end.is_none();
                    if let Some(segment) = story.segments.iter_mut().rev().find(of_it) {
                        segment.end = Some(end.clone());
                    }
                }
                JobEvent::ProgressDecided(decided) => story.decisions.push(decided.clone()),
                JobEvent::Rescaled(rescaled) => wished = Some((rescaled.from, *at)),
                JobEvent::RescaleApplied(applied) => {
                    let Some((from, asked_at)) = wished.take() else { continue };
                    let took_s = at.since(asked_at).seconds();
                    if let Some(running) = story.segments.last_mut().filter(|_| in_place) {
                        running.limits.push((*at, applied.cpus));
                    }
                    let lost_s = 0.0;
                    story.resizes.push(Resize { from, to: applied.cpus, took_s, lost_s });
                }
                _ => {}
            }
        }
        if !in_place {
            story.interruptions();
        }
        story
    }

    /// A resize by a checkpoint costs the time from the moment in which one segment was asked to end to the start of the next. The
    /// framework says that the CPU is set before or after the agent reports the new segment, so this is seen last.
    fn interruptions(&mut self) {
        let gaps: Vec<f64> = self
            .segments
            .windows(2)
            .filter_map(|pair| Some(pair[1].start.started_at.since(pair[0].stopped_at()?).seconds()))
            .collect();
        for (resize, gap) in self.resizes.iter_mut().zip(gaps) {
            resize.lost_s = gap;
        }
    }

    /// CPU-seconds of all segments, as the agent read them from the kernel at the end of each; in CPUs of the cluster.
    pub fn cpu_seconds(&self) -> f64 {
        self.segments.iter().filter_map(|segment| segment.end.as_ref()).map(|end| end.cpu.seconds()).sum()
    }

    /// The integral over the time in which the job ran of what `rate` makes of its limit.
    pub fn over_time(&self, rate: impl Fn(f64) -> f64) -> f64 {
        self.periods().map(|(from, to, cpus)| rate(cpus.as_f64()) * length(from, to)).sum()
    }

    /// The same over a part of that time.
    pub fn between(&self, (begin, end): (Timestamp, Timestamp), rate: impl Fn(f64) -> f64) -> f64 {
        let inside = |(from, to, cpus): (Timestamp, Timestamp, Cpus)| (from.max(begin), to.min(end), cpus);
        self.periods().map(inside).map(|(from, to, cpus)| rate(cpus.as_f64()) * length(from, to)).sum()
    }

    /// The times in which one limit was in force, each with it.
    fn periods(&self) -> impl Iterator<Item = (Timestamp, Timestamp, Cpus)> {
        self.segments.iter().filter_map(|segment| Some((segment, segment.stopped_at()?))).flat_map(|(segment, end)| {
            let ends = segment.limits.iter().skip(1).map(|(at, _)| *at).chain([end]);
            segment.limits.iter().zip(ends).map(|((from, cpus), to)| (*from, to, *cpus))
        })
    }
}

fn length(from: Timestamp, to: Timestamp) -> f64 {
    to.since(from).max(Span::ZERO).seconds()
}

impl Segment {
    /// When it did its last work.
    pub fn stopped_at(&self) -> Option<Timestamp> {
        let end = self.end.as_ref()?;
        // The time of a dump is from the signal to the finished checkpoint.
        let dump = end.dump.filter(|_| end.reason == SegmentEnd::Checkpointed).unwrap_or(Span::ZERO);
        Some(end.ended_at - dump)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::marathon::agreement::tests::{checkpointed, in_place};

    #[test]
    fn a_checkpoint_costs_the_time_from_the_signal_to_the_next_start() {
        let story = Story::of(&checkpointed(), false);
        assert_eq!((story.segments.len(), story.resizes.len(), story.exit_codes.as_slice()), (2, 1, &[0][..]));
        // Asked to end at 8 s, the next one runs at 9.5 s.
        assert!((story.resizes[0].lost_s - 1.5).abs() < 1e-9, "{:?}", story.resizes);
        assert!((story.cpu_seconds() - 11.0).abs() < 1e-9);
        // 8 s at 1 CPU and 5 s at 0.6 CPU.
        assert!((story.over_time(|cpus| cpus) - 11.0).abs() < 1e-9);
    }

    #[test]
    fn in_place_the_limit_changes_within_a_segment_and_no_time_is_lost() {
        let story = Story::of(&in_place(), true);
        assert_eq!((story.segments.len(), story.resizes.len()), (1, 1));
        assert_eq!((story.resizes[0].lost_s, story.resizes[0].took_s), (0.0, 0.5));
        // 8.5 s at 1 CPU and 5 s at 0.6 CPU.
        assert!((story.over_time(|cpus| cpus) - 11.5).abs() < 1e-9);
    }
}
