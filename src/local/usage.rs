//! What jobs reserved and what they used, kept from the lines of the journal.

use std::collections::BTreeMap;

use super::executor::CpuUsage;
use super::journal::{Entry, TaskEnd};
use crate::qos::units::{Cpus, Span, Timestamp};

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchUsage {
    /// Counts all placements of the cluster.
    pub seq: u64,
    /// Task id.
    pub task: String,
    /// Where.
    pub node: String,
    /// Reserved, in virtual CPUs.
    pub cpus: Cpus,
    /// 0, or which retry.
    pub attempt: u32,
    /// The CPU is reserved from here on.
    pub placed_at: Timestamp,
    /// The process was started; `None` when that did not come to pass.
    pub launched_at: Option<Timestamp>,
    /// The CPU is free again.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub end: Option<TaskEnd>,
    /// Seconds of real cores in user mode, from the kernel; so far, while it runs.
    pub user_seconds: f64,
    /// Seconds of real cores in the kernel; so far, while it runs.
    pub system_seconds: f64,
}

impl LaunchUsage {
    /// Virtual CPU-seconds reserved until its end, or `now`.
    pub fn reserved_cpu_seconds(&self, now: Timestamp) -> f64 {
        self.cpus.as_f64() * self.ended_at.unwrap_or(now).since(self.placed_at).max(Span::ZERO).seconds()
    }

    /// Seconds of real cores used.
    pub fn used_core_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }
}

/// All runs of one job, over restarts of the cluster too.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobUsage {
    /// In the order of their placement.
    pub launches: Vec<LaunchUsage>,
    /// Virtual CPU-seconds: CPUs times the time from placement to end, summed.
    pub reserved_cpu_seconds: f64,
    /// Seconds of real cores used, by runs that go on too.
    pub used_core_seconds: f64,
}

/// The runs of all jobs.
#[derive(Debug, Default)]
pub struct Ledger(BTreeMap<String, Vec<LaunchUsage>>);

impl Ledger {
    /// Takes a line of the journal into account.
    pub fn note(&mut self, entry: &Entry) {
        match entry {
            Entry::Placed { at, seq, job, task, node, milli_cpus, attempt } => {
                self.0.entry(job.clone()).or_default().push(LaunchUsage {
                    seq: *seq,
                    task: task.clone(),
                    node: node.clone(),
                    cpus: *milli_cpus,
                    attempt: *attempt,
                    placed_at: *at,
                    launched_at: None,
                    ended_at: None,
                    end: None,
                    user_seconds: 0.0,
                    system_seconds: 0.0,
                });
            }
            Entry::Launch { at, seq, job, .. } => {
                if let Some(launch) = self.find(job, *seq) {
                    launch.launched_at = Some(*at);
                }
            }
            Entry::End { at, seq, job, end, user_seconds, system_seconds, .. } => {
                if let Some(launch) = self.find(job, *seq) {
                    launch.ended_at = Some(*at);
                    launch.end = Some(end.clone());
                    launch.user_seconds = *user_seconds;
                    launch.system_seconds = *system_seconds;
                }
            }
            Entry::Submitted { .. } | Entry::Deleted { .. } | Entry::Requested { .. } | Entry::Dropped { .. } => {}
        }
    }

    fn find(&mut self, job: &str, seq: u64) -> Option<&mut LaunchUsage> {
        self.0.get_mut(job)?.iter_mut().rev().find(|launch| launch.seq == seq)
    }

    /// The usage of each job; runs that go on are counted up to `now`, and `so_far` tells their CPU time.
    pub fn usage(&self, now: Timestamp, so_far: impl Fn(u64) -> Option<CpuUsage>) -> BTreeMap<String, JobUsage> {
        let up_to_now = |launch: &LaunchUsage| {
            let mut launch = launch.clone();
            if let Some(usage) = so_far(launch.seq).filter(|_| launch.end.is_none()) {
                launch.user_seconds = usage.user.as_secs_f64();
                launch.system_seconds = usage.system.as_secs_f64();
            }
            launch
        };
        let of_job = |launches: Vec<LaunchUsage>| JobUsage {
            reserved_cpu_seconds: launches.iter().map(|launch| launch.reserved_cpu_seconds(now)).sum(),
            used_core_seconds: launches.iter().map(LaunchUsage::used_core_seconds).sum(),
            launches,
        };
        self.0.iter().map(|(job, launches)| (job.clone(), of_job(launches.iter().map(up_to_now).collect()))).collect()
    }

    /// All runs that have ended, with the names of their jobs.
    pub fn ended(&self) -> impl Iterator<Item = (&str, &LaunchUsage)> {
        self.0
            .iter()
            .flat_map(|(job, launches)| launches.iter().map(move |launch| (job.as_str(), launch)))
            .filter(|(_, launch)| launch.end.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn reservations_count_from_placement_to_end() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let text = |text: &str| text.to_owned();
        let placed = |seq, from| Entry::Placed {
            at: at(from),
            seq,
            job: text("a"),
            task: text("t"),
            node: text("node1"),
            milli_cpus: Cpus::from_milli(1400),
            attempt: 0,
        };
        let end = |seq, to| Entry::End {
            at: at(to),
            seq,
            job: text("a"),
            task: text("t"),
            end: TaskEnd::Code(0),
            user_seconds: 2.5,
            system_seconds: 0.5,
        };
        let mut ledger = Ledger::default();
        for entry in [placed(1, 0), end(1, 10), placed(2, 20)] {
            ledger.note(&entry);
        }
        let so_far = |seq| (seq == 2).then_some(CpuUsage { user: Duration::from_secs(1), system: Duration::ZERO });
        let usage = &ledger.usage(at(25), so_far)["a"];
        assert_eq!((usage.launches.len(), usage.used_core_seconds), (2, 4.0));
        assert!((usage.reserved_cpu_seconds - 1.4 * 15.0).abs() < 1e-9);
    }
}
