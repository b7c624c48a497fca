//! What became of a start, judged from what the framework shows and from nothing else.
//!
//! A start that was asked for is never blindly repeated: the framework accepts every start and silently drops some.

use crate::events::job::{Activity, LossReason};
use crate::qos::units::{Span, Timestamp};

/// The framework's counts before the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Baseline {
    /// Good runs.
    pub success_count: u64,
    /// Failed runs.
    pub error_count: u64,
    /// The run reported its start: it cannot have been dropped.
    pub started: bool,
}

/// One read of the framework.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// When.
    pub at: Timestamp,
    /// What the job is doing.
    pub activity: Activity,
    /// Good runs.
    pub success_count: u64,
    /// Failed runs.
    pub error_count: u64,
}

/// How long to wait before an absence means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Between the two idle reads that show a dropped start.
    pub between_reads: Span,
    /// For a report after the framework has counted a good run.
    pub for_report: Span,
}

/// What the reads add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not clear yet: read again.
    Unclear,
    /// Queued or running.
    Active(Activity),
    /// The start came to nothing.
    Dropped {
        /// First idle read.
        first_idle_at: Timestamp,
        /// Last idle read.
        last_idle_at: Timestamp,
    },
    /// The run is over, and its report did not come.
    Lost(LossReason),
}

/// Judges from all `reads` since the start was asked for, oldest first.
pub fn judge(baseline: Baseline, reads: &[Observation], patience: Patience) -> Verdict {
    let Some(last) = reads.last() else { return Verdict::Unclear };
    if last.activity != Activity::Idle {
        return Verdict::Active(last.activity);
    }
    if last.error_count > baseline.error_count {
        return Verdict::Lost(LossReason::RunFailed);
    }
    let idle = reads.iter().rev().take_while(|read| read.activity == Activity::Idle);
    if last.success_count > baseline.success_count {
        let counted = idle.take_while(|read| read.success_count > baseline.success_count).last().unwrap_or(last);
        return if last.at.since(counted.at) >= patience.for_report {
            Verdict::Lost(LossReason::ReportLost)
        } else {
            Verdict::Unclear
        };
    }
    let first = idle.last().unwrap_or(last);
    if last.at.since(first.at) < patience.between_reads {
        return Verdict::Unclear;
    }
    if baseline.started {
        Verdict::Lost(LossReason::Vanished)
    } else {
        Verdict::Dropped { first_idle_at: first.at, last_idle_at: last.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { between_reads: Span::from_secs(10), for_report: Span::from_secs(600) };
    const ASKED: Baseline = Baseline { success_count: 3, error_count: 1, started: false };

    fn read(at: i64, activity: Activity, success_count: u64, error_count: u64) -> Observation {
        let at = Timestamp::from_micros(0) + Span::from_secs(at);
        Observation { at, activity, success_count, error_count }
    }

    #[test]
    fn one_idle_read_proves_nothing() {
        assert_eq!(judge(ASKED, &[], PATIENCE), Verdict::Unclear);
        assert_eq!(judge(ASKED, &[read(0, Activity::Idle, 3, 1)], PATIENCE), Verdict::Unclear);
        let too_close = [read(0, Activity::Idle, 3, 1), read(9, Activity::Idle, 3, 1)];
        assert_eq!(judge(ASKED, &too_close, PATIENCE), Verdict::Unclear);
    }

    #[test]
    fn two_idle_reads_with_unchanged_counts_show_a_dropped_start() {
        let reads = [read(0, Activity::Idle, 3, 1), read(10, Activity::Idle, 3, 1)];
        assert!(matches!(judge(ASKED, &reads, PATIENCE), Verdict::Dropped { .. }));
        let started = Baseline { started: true, ..ASKED };
        assert_eq!(judge(started, &reads, PATIENCE), Verdict::Lost(LossReason::Vanished));
    }

    #[test]
    fn activity_between_two_idle_reads_starts_the_wait_anew() {
        let reads = [read(0, Activity::Idle, 3, 1), read(5, Activity::Queued, 3, 1), read(12, Activity::Idle, 3, 1)];
        assert_eq!(judge(ASKED, &reads, PATIENCE), Verdict::Unclear);
        assert_eq!(judge(ASKED, &reads[..2], PATIENCE), Verdict::Active(Activity::Queued));
    }

    #[test]
    fn a_counted_failure_is_a_failed_run() {
        assert_eq!(judge(ASKED, &[read(0, Activity::Idle, 3, 2)], PATIENCE), Verdict::Lost(LossReason::RunFailed));
    }

    #[test]
    fn a_counted_success_waits_for_its_report() {
        let waiting =
            [read(0, Activity::Running, 3, 1), read(5, Activity::Idle, 4, 1), read(600, Activity::Idle, 4, 1)];
        assert_eq!(judge(ASKED, &waiting, PATIENCE), Verdict::Unclear);
        let over = [read(5, Activity::Idle, 4, 1), read(605, Activity::Idle, 4, 1)];
        assert_eq!(judge(ASKED, &over, PATIENCE), Verdict::Lost(LossReason::ReportLost));
    }
}
