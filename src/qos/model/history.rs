//! What the events of a job say about its speed, in a fixed amount of memory.

use serde::{Deserialize, Serialize};

use super::recent::Recent;
use crate::qos::units::{Cpus, Span, Timestamp};

/// Observations that are kept. Older ones would hardly count any more.
const OBSERVATIONS: usize = 32;

/// Gaps, downtimes and changes that are kept.
const FEW: usize = 15;

/// How long a piece of work took, and with which CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The CPU that it had all the time.
    pub cpus: Cpus,
    /// Wall time: of an iteration, or of one CPU-second of a long-running job.
    pub duration: Span,
}

/// A change of CPU that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Before.
    pub from: Cpus,
    /// After.
    pub to: Cpus,
    /// When it was in force.
    pub at: Timestamp,
    /// Iterations done by then.
    pub done: u32,
}

/// Since when the present iteration has had a CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spell {
    /// The CPU.
    pub cpus: Cpus,
    /// Since when.
    pub since: Timestamp,
}

/// What a controller remembers from one decision to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controller {
    /// The last error, in millionths.
    pub error: i64,
    /// The sum of the errors, held within its bounds, in millionths.
    pub integral: i64,
}

/// Where a long-running job was when it was last measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    segment: u64,
    at: Timestamp,
    cpu: Span,
    limit: Option<Cpus>,
}

/// The measured past of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Counted iterations.
    pub iterations: Recent<Observation>,
    /// From the end of an iteration to the start of the next, without the planned pause.
    pub gaps: Recent<Span>,
    /// The same within one task, where the next iteration follows without a deployment.
    pub chain_gaps: Recent<Span>,
    /// The CPUs that the iteration of a chained job that is under way has had, oldest first; empty between two iterations.
    pub spells: Recent<Spell>,
    /// Of a long-running job: wall time of one CPU-second, by the limit that was in force.
    pub rates: Recent<Observation>,
    /// Of a long-running job: from a checkpoint's end to the next start.
    pub downtimes: Recent<Span>,
    /// Changes of CPU that were made.
    pub changes: Recent<Change>,
    /// What the controller of the policy `pid` remembers.
    pub controller: Option<Controller>,
    /// The CPU of the run that is under way.
    run_cpus: Option<Cpus>,
    /// When the run that is under way was first asked for; none when it was asked for again.
    asked_at: Option<Timestamp>,
    /// The run that is under way follows another in the same task.
    continued: bool,
    /// The last measurement of the running segment.
    mark: Option<Mark>,
    /// When the last checkpoint was written, until the next start.
    down_since: Option<Timestamp>,
}

impl Default for History {
    fn default() -> Self {
        History {
            iterations: Recent::of(OBSERVATIONS),
            gaps: Recent::of(FEW),
            chain_gaps: Recent::of(FEW),
            spells: Recent::of(FEW),
            rates: Recent::of(OBSERVATIONS),
            downtimes: Recent::of(FEW),
            changes: Recent::of(FEW),
            controller: None,
            run_cpus: None,
            asked_at: None,
            continued: false,
            mark: None,
            down_since: None,
        }
    }
}

impl History {
    /// The CPU of the run that is under way, or was asked for last.
    pub const fn run_cpus(&self) -> Option<Cpus> {
        self.run_cpus
    }

    /// A start was asked for while the framework had `cpus` for the job; `first` when nothing else was tried for its iteration.
    pub fn asked(&mut self, first: bool, cpus: Option<Cpus>, at: Timestamp) {
        self.run_cpus = cpus;
        // What a dropped start or a failed run cost is no deployment time.
        self.asked_at = first.then_some(at);
        self.continued = false;
        self.spells.clear();
    }

    /// The task of the iteration before runs the next one, with `cpus`; it was told so at `at`.
    pub fn continued(&mut self, cpus: Option<Cpus>, at: Timestamp) {
        self.run_cpus = cpus;
        self.asked_at = None;
        self.continued = true;
        self.spell(cpus, at, true);
    }

    /// From `since` on the iteration that is under way has `cpus`; `first` when it has just begun.
    pub fn spell(&mut self, cpus: Option<Cpus>, since: Timestamp, first: bool) {
        if first {
            self.spells.clear();
        }
        if let Some(cpus) = cpus {
            self.run_cpus = Some(cpus);
            self.spells.push(Spell { cpus, since });
        }
    }

    /// Nothing is under way any more.
    pub fn run_over(&mut self) {
        self.spells.clear();
        self.continued = false;
    }

    /// An iteration was counted that ran from `started_at` for `duration`. `before` is the end of the one before it, `pause` what was
    /// planned between the two, `cpus` what the framework has for the job now.
    pub fn counted(
        &mut self,
        started_at: Timestamp,
        duration: Span,
        before: Option<Timestamp>,
        pause: Span,
        cpus: Option<Cpus>,
    ) {
        // What had several CPUs says nothing about either.
        let resized = self.spells.len() > 1;
        if let Some(cpus) = self.run_cpus.take().or(cpus)
            && duration > Span::ZERO
            && !resized
        {
            self.iterations.push(Observation { cpus, duration });
        }
        if let Some(asked_at) = self.asked_at.take() {
            let gap = before.map_or(started_at.since(asked_at), |before| started_at.since(before) - pause);
            self.gaps.push(gap.max(Span::ZERO));
        } else if let Some(before) = before.filter(|_| self.continued) {
            self.chain_gaps.push(started_at.since(before).max(Span::ZERO));
        }
        self.run_over();
    }

    /// Another CPU is in force.
    pub fn changed(&mut self, from: Option<Cpus>, to: Cpus, at: Timestamp, done: u32) {
        if let Some(from) = from.filter(|from| *from != to) {
            self.changes.push(Change { from, to, at, done });
        }
    }

    /// A segment began: what it uses counts from here, and how long nothing ran is known.
    pub fn segment_began(&mut self, segment: u64, started_at: Timestamp, limit: Option<Cpus>) {
        if let Some(since) = self.down_since.take() {
            self.downtimes.push(started_at.since(since).max(Span::ZERO));
        }
        self.mark = Some(Mark { segment, at: started_at, cpu: Span::ZERO, limit });
    }

    /// The running segment has used `cpu` by `at`, and `limit` is in force.
    pub fn measured(&mut self, segment: u64, at: Timestamp, cpu: Span, limit: Option<Cpus>) {
        let now = Mark { segment, at, cpu, limit };
        let Some(before) = self.mark.replace(now).filter(|before| before.segment == segment) else { return };
        let (wall, used) = (at.since(before.at), cpu - before.cpu);
        // An interval with two limits says nothing about either.
        let Some(cpus) = limit.filter(|limit| before.limit == Some(*limit)) else { return };
        if wall > Span::ZERO && used > Span::ZERO {
            let a_cpu_second = i128::from(wall.micros()) * 1_000_000 / i128::from(used.micros());
            let duration = Span::from_micros(i64::try_from(a_cpu_second).unwrap_or(i64::MAX));
            self.rates.push(Observation { cpus, duration });
        }
    }

    /// The running segment ended; `checkpointed` when it will be continued from there.
    pub fn segment_over(&mut self, at: Timestamp, checkpointed: bool) {
        self.mark = None;
        self.down_since = checkpointed.then_some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(0) + Span::from_secs(seconds)
    }

    const ONE: Option<Cpus> = Some(Cpus::from_milli(1000));

    #[test]
    fn an_iteration_is_remembered_with_the_cpu_that_it_was_started_with() {
        let mut history = History::default();
        history.asked(true, ONE, at(0));
        history.counted(at(30), Span::from_secs(100), None, Span::ZERO, Some(Cpus::from_milli(1400)));
        let expected = Observation { cpus: Cpus::from_milli(1000), duration: Span::from_secs(100) };
        assert_eq!(
            (history.iterations.as_slice(), history.gaps.as_slice()),
            (&[expected][..], &[Span::from_secs(30)][..])
        );
        // A planned pause is no deployment, and a run that had to be asked for twice tells nothing of it.
        history.asked(true, ONE, at(140));
        history.counted(at(175), Span::from_secs(100), Some(at(130)), Span::from_secs(5), ONE);
        history.asked(false, ONE, at(900));
        history.counted(at(930), Span::from_secs(100), Some(at(275)), Span::ZERO, ONE);
        assert_eq!(history.gaps.as_slice(), [Span::from_secs(30), Span::from_secs(40)]);
        assert_eq!(history.iterations.len(), 3);
    }

    #[test]
    fn a_rate_is_of_one_limit_alone() {
        let two = Some(Cpus::from_milli(2000));
        let mut history = History::default();
        history.segment_began(1, at(0), ONE);
        history.measured(1, at(100), Span::from_secs(80), ONE);
        history.measured(1, at(200), Span::from_secs(200), two);
        history.measured(1, at(300), Span::from_secs(360), two);
        history.measured(2, at(400), Span::from_secs(1), two);
        let seen: Vec<_> = history.rates.as_slice().iter().map(|o| (o.cpus.milli(), o.duration.micros())).collect();
        assert_eq!(seen, [(1000, 1_250_000), (2000, 625_000)]);
    }

    #[test]
    fn a_downtime_reaches_from_the_checkpoint_to_the_next_start() {
        let mut history = History::default();
        history.segment_began(1, at(0), ONE);
        history.segment_over(at(100), true);
        history.segment_began(2, at(117), ONE);
        // After a kill nothing is known about what a resize costs.
        history.segment_over(at(200), false);
        history.segment_began(3, at(900), ONE);
        assert_eq!(history.downtimes.as_slice(), [Span::from_secs(17)]);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut history = History::default();
        for n in 0..1000 {
            history.asked(true, ONE, at(n));
            history.counted(at(n), Span::from_secs(1), None, Span::ZERO, ONE);
            history.changed(ONE, Cpus::from_milli(2000), at(n), 1);
        }
        assert_eq!((history.iterations.len(), history.gaps.len(), history.changes.len()), (OBSERVATIONS, FEW, FEW));
    }
}
