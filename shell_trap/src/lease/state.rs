//! Who may run a job: pure decisions over what was read and when. Instants are times since boot.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What stands in the file of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Rises with each start; also the number of the segment.
    pub epoch: u64,
    /// Who holds it.
    pub holder: Holder,
    /// Valid for so long after its last renewal.
    pub lease_ms: u64,
    /// Rises with each renewal, so that a watcher sees life without comparing clocks.
    pub renewals: u64,
    /// Given back: the next may take it at once.
    pub released: bool,
    /// The first epoch since which only this node has held the job, without giving it back: what an agent of one of
    /// these epochs left running here nobody has overtaken. 0 in records of agents that did not write it.
    #[serde(default)]
    pub held_since: u64,
}

impl Record {
    /// The `held_since` of whoever on `node` takes `epoch` after this one.
    pub fn held_since_on(&self, node: &str, epoch: u64) -> u64 {
        match (self.released || self.holder.node != node, self.held_since) {
            (true, _) => epoch,
            (false, 0) => self.epoch,
            (false, since) => since,
        }
    }
}

/// A process that holds a lease.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The boot of the machine and the container engine on it: containers of the same node can be seen and removed.
    pub node: String,
    /// For the reader.
    pub hostname: String,
    /// The framework's task.
    pub task: String,
    /// Number of the process.
    pub pid: u32,
    /// When it was started, in ticks since boot: numbers are given again.
    pub pid_started: u64,
    /// In which numbering.
    pub pid_namespace: String,
}

/// What a watcher may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Try to take this epoch.
    Take(u64),
    /// Look again after this.
    Wait(Duration),
}

/// Somebody who wants a lease, and what was seen so far.
#[derive(Debug)]
pub struct Watcher {
    grace: Duration,
    poll: Duration,
    seen: Option<(u64, u64, Duration)>,
}

impl Watcher {
    /// Takes another's lease only when it has not changed for its length and `grace`; looks every `poll`.
    pub fn new(grace: Duration, poll: Duration) -> Self {
        Watcher { grace, poll, seen: None }
    }

    /// Decides over what was read just now. `dead_here` says that the holder is a process of this very node that is
    /// gone, and whatever it left is in our reach.
    pub fn judge(&mut self, record: Option<&Record>, now: Duration, dead_here: bool) -> Verdict {
        let Some(record) = record else { return Verdict::Take(1) };
        let next = record.epoch.saturating_add(1);
        if record.released || dead_here {
            return Verdict::Take(next);
        }
        let since = match self.seen {
            Some((epoch, renewals, since)) if (epoch, renewals) == (record.epoch, record.renewals) => since,
            _ => now,
        };
        self.seen = Some((record.epoch, record.renewals, since));
        let quiet = Duration::from_millis(record.lease_ms).saturating_add(self.grace);
        match quiet.checked_sub(now.saturating_sub(since)) {
            Some(left) if !left.is_zero() => Verdict::Wait(left.min(self.poll)),
            _ => Verdict::Take(next),
        }
    }
}

/// When a holder's container must stand still, if no renewal succeeds after the one BEGUN at `renewed_at`. A fifth of
/// the lease is left for the pausing itself.
pub fn pause_at(renewed_at: Duration, lease: Duration) -> Duration {
    renewed_at + lease * 4 / 5
}

/// How often a holder renews.
pub fn renewal_interval(lease: Duration) -> Duration {
    lease / 5
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEASE: Duration = Duration::from_secs(10);
    const GRACE: Duration = Duration::from_secs(3);
    const POLL: Duration = Duration::from_secs(1);

    fn record(epoch: u64, renewals: u64) -> Record {
        Record { epoch, holder: Holder::default(), lease_ms: 10_000, renewals, released: false, held_since: epoch }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_free_given_back_or_dead_here_is_taken_at_once() {
        let mut watcher = Watcher::new(GRACE, POLL);
        assert_eq!(watcher.judge(None, at(0), false), Verdict::Take(1));
        assert_eq!(watcher.judge(Some(&Record { released: true, ..record(4, 1) }), at(0), false), Verdict::Take(5));
        assert_eq!(watcher.judge(Some(&record(4, 1)), at(0), true), Verdict::Take(5));
    }

    #[test]
    fn a_silent_holder_is_waited_out_for_lease_and_grace() {
        let mut watcher = Watcher::new(GRACE, POLL);
        assert_eq!(watcher.judge(Some(&record(4, 1)), at(100), false), Verdict::Wait(POLL));
        assert_eq!(watcher.judge(Some(&record(4, 2)), at(105), false), Verdict::Wait(POLL));
        assert!(matches!(watcher.judge(Some(&record(4, 2)), at(117), false), Verdict::Wait(_)));
        assert_eq!(watcher.judge(Some(&record(4, 2)), at(118), false), Verdict::Take(5));
    }

    #[test]
    fn a_new_holder_starts_the_wait_again() {
        let mut watcher = Watcher::new(GRACE, POLL);
        watcher.judge(Some(&record(4, 1)), at(100), false);
        assert!(matches!(watcher.judge(Some(&record(5, 1)), at(200), false), Verdict::Wait(_)));
    }

    proptest! {
        /// A holder that renews at some instants, perhaps dying, and a watcher that looks at others: whenever the
        /// watcher takes, the holder's container has stood still for a while already.
        #[test]
        fn a_lease_is_never_taken_while_its_holder_s_container_runs(
            gaps in prop::collection::vec(0u64..20_000, 1..20),
            delays in prop::collection::vec(0u64..3_000, 20),
            looks in prop::collection::vec(1u64..4_000, 1..200),
        ) {
            // Renewal i begins at `begun` and is visible `delays[i]` later; the holder's timer counts from `begun`, and
            // a renewal that comes after the pause does not count (the container stands still by then).
            let mut renewals = Vec::new();
            let mut begun = 0u64;
            for (gap, delay) in gaps.iter().zip(&delays) {
                renewals.push((begun, begun + delay));
                begun += gap.max(delay);
            }
            let runs_at = |t: u64| renewals.iter().any(|(begun, visible)| {
                *visible <= t && t < begun + 8_000
            });
            let mut watcher = Watcher::new(GRACE, POLL);
            let mut now = 0u64;
            for look in looks {
                now += look;
                let visible = renewals.iter().filter(|(_, visible)| *visible <= now).count() as u64;
                if let Verdict::Take(_) = watcher.judge(Some(&record(1, visible)), Duration::from_millis(now), false) {
                    prop_assert!(!runs_at(now), "taken at {now} of {renewals:?}");
                    break;
                }
            }
            prop_assert_eq!(pause_at(Duration::ZERO, LEASE), Duration::from_millis(8_000));
        }
    }
}
