//! The verdict at registration: can the deadline be kept, and with how much CPU?
//!
//! First version: `need = cpus n D / (0.95 L - n (sleeping_time + deployment_time))`, infinite when the bracket is not positive;
//! compared with the most CPU that a job may get. It takes an iteration's time as inversely proportional to its CPU.

use serde::{Deserialize, Serialize};

use super::declared::Declared;
use super::policy::PolicySettings;
use super::units::{Cpus, Span};

/// Share of the available CPU, in per cent, above which a feasible job is called tight.
const TIGHT_PERCENT: u64 = 90;

/// Whether a deadline can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// With CPU to spare.
    Feasible,
    /// With hardly any CPU to spare.
    Tight,
    /// Not even with the most CPU that the job may get; it is run and supervised all the same.
    Infeasible,
}

impl Verdict {
    /// The name in answers and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Feasible => "feasible",
            Verdict::Tight => "tight",
            Verdict::Infeasible => "infeasible",
        }
    }
}

/// The verdict with its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// Can the deadline be kept?
    pub verdict: Verdict,
    /// CPUs that the deadline needs; `None` when no amount is enough.
    pub needed: Option<Cpus>,
    /// The most CPU that the job may get.
    pub available: Cpus,
    /// One sentence for people.
    pub reason: String,
}

/// Judges a Chronos job of `iterations` iterations submitted with `cpus`.
pub fn chronos(declared: &Declared, iterations: u32, cpus: Cpus, policy: &PolicySettings) -> Admission {
    let gaps = (policy.sleeping_time + policy.deployment_time) * i64::from(iterations);
    let room = (declared.deadline.per_million(950_000) - gaps).micros();
    let work = i128::from(cpus.milli()) * i128::from(iterations) * i128::from(declared.duration.micros());
    let needed = needed_milli(work, room);
    verdict(needed, policy.policy.cpu_max(cpus), || {
        format!("{iterations} iterations leave no time beside their {} s of deployment", gaps.seconds())
    })
}

/// Judges a Marathon job submitted with `cpus`: CPU-seconds over wall seconds.
pub fn marathon(declared: &Declared, cpus: Cpus, policy: &PolicySettings) -> Admission {
    let needed =
        needed_milli(i128::from(declared.duration.micros()) * 1000, declared.deadline.per_million(950_000).micros());
    verdict(needed, policy.policy.cpu_max(cpus), || "the deadline leaves no time at all".into())
}

/// The least deadline, in whole seconds, with which a Chronos job is not called infeasible; none when no deadline is long enough.
pub fn least_chronos_deadline(
    declared: &Declared,
    iterations: u32,
    cpus: Cpus,
    policy: &PolicySettings,
) -> Option<Span> {
    let gaps = (policy.sleeping_time + policy.deployment_time) * i64::from(iterations);
    let work = i128::from(cpus.milli()) * i128::from(iterations) * i128::from(declared.duration.micros());
    least_deadline(work, policy.policy.cpu_max(cpus), gaps)
}

/// The same for a Marathon job.
pub fn least_marathon_deadline(declared: &Declared, cpus: Cpus, policy: &PolicySettings) -> Option<Span> {
    least_deadline(i128::from(declared.duration.micros()) * 1000, policy.policy.cpu_max(cpus), Span::ZERO)
}

/// `work` (thousandths of a CPU times microseconds) with the most CPU, and `gaps`, are to fit into 95 % of the deadline.
fn least_deadline(work: i128, most: Cpus, gaps: Span) -> Option<Span> {
    let most = i128::from(most.milli());
    if most == 0 {
        return None;
    }
    let needed = (work + most - 1) / most + i128::from(gaps.micros());
    // Rounded up to whole seconds; one of them covers what the deadline's 95 % loses by rounding down.
    let whole = needed * 100 / 95 / 1_000_000 + 1;
    i64::try_from(whole).ok().filter(|seconds| *seconds < 100_000_000_000).map(Span::from_secs)
}

/// `work / room` in thousandths, rounded up; `None` when there is no room or the need is beyond all measure.
fn needed_milli(work: i128, room: i64) -> Option<Cpus> {
    if room <= 0 {
        return None;
    }
    let room = i128::from(room);
    u32::try_from((work + room - 1) / room).ok().map(Cpus::from_milli).filter(|cpus| *cpus <= Cpus::MAX)
}

fn verdict(needed: Option<Cpus>, available: Cpus, no_room: impl FnOnce() -> String) -> Admission {
    let (verdict, reason) = match needed {
        None => (Verdict::Infeasible, format!("no amount of CPU is enough: {}", no_room())),
        Some(needed) if needed > available => {
            (Verdict::Infeasible, format!("needs {needed} CPU, a job may get {available}"))
        }
        Some(needed) if u64::from(needed.milli()) * 100 > u64::from(available.milli()) * TIGHT_PERCENT => {
            (Verdict::Tight, format!("needs {needed} of at most {available} CPU"))
        }
        Some(needed) => (Verdict::Feasible, format!("needs {needed} of at most {available} CPU")),
    };
    Admission { verdict, needed, available, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(iterations: u32, duration: f64, deadline: f64) -> Admission {
        let declared = Declared::new(duration, deadline, 0.2).unwrap();
        chronos(&declared, iterations, Cpus::from_milli(1000), &PolicySettings::default())
    }

    #[test]
    fn the_published_jobs() {
        // 1 * 4 * 400 / (1710 - 180) = 1.046
        assert_eq!(judge(4, 400.0, 1800.0).needed, Some(Cpus::from_milli(1046)));
        assert_eq!(judge(4, 400.0, 1800.0).verdict, Verdict::Feasible);
        // 13 * 130 / (1710 - 585) = 1.503
        assert_eq!(judge(13, 130.0, 1800.0).needed, Some(Cpus::from_milli(1503)));
    }

    #[test]
    fn the_least_deadline_is_the_shortest_that_is_not_infeasible() {
        let policy = PolicySettings::default();
        for (iterations, duration, cpus) in [(4, 400.0, 1000), (13, 130.0, 1000), (1, 0.001, 100), (14, 80.0, 1700)] {
            let cpus = Cpus::from_milli(cpus);
            let of = |deadline| Declared::new(duration, deadline, 0.2).unwrap();
            let least = least_chronos_deadline(&of(1.0), iterations, cpus, &policy).unwrap().seconds();
            let verdict = |deadline| chronos(&of(deadline), iterations, cpus, &policy).verdict;
            assert_ne!(verdict(least), Verdict::Infeasible, "{least}");
            assert_eq!(verdict(least - 1.1), Verdict::Infeasible, "{least}");
            let least = least_marathon_deadline(&of(1.0), cpus, &policy).unwrap().seconds();
            assert_ne!(marathon(&of(least), cpus, &policy).verdict, Verdict::Infeasible);
        }
        let endless = Declared::new(1e10, 1.0, 0.2).unwrap();
        assert_eq!(least_chronos_deadline(&endless, u32::MAX, Cpus::MAX, &policy), None);
    }

    #[test]
    fn says_how_much_is_missing() {
        let admission = judge(10, 100.0, 900.0);
        assert_eq!(admission.verdict, Verdict::Infeasible);
        assert_eq!(admission.reason, "needs 2.47 CPU, a job may get 2");
    }

    #[test]
    fn no_room_is_no_panic() {
        let admission = judge(100, 10.0, 1800.0);
        assert_eq!((admission.verdict, admission.needed), (Verdict::Infeasible, None));
        assert_eq!(judge(u32::MAX, 1e10, 1e10).needed, None);
    }
}
