//! The verdict at registration: can the deadline be kept, and with how much CPU?
//!
//! First version: `need = cpus n D / (0.95 L - n (sleeping_time + deployment_time))`, infinite when the bracket is not positive;
//! compared with the most CPU that a job may get. It takes an iteration's time as inversely proportional to its CPU.

use serde::{Deserialize, Serialize};

use super::declared::Declared;
use super::model::History;
use super::policy::{
    Forecast, IterationForecast, LongRunning, Policy, PolicySettings, Predictive, RateForecast, Repeated,
};
use super::units::{Cpus, Span, Timestamp};

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

/// The least deadline, in whole seconds, that a Chronos job keeps as surely as its policy wants it to, by what is known at its registration;
/// none when no deadline is long enough. Never one with which it would be called infeasible.
///
/// Under a policy that forecasts nothing: the least with which it is not called infeasible.
pub fn least_chronos_deadline(
    declared: &Declared,
    iterations: u32,
    cpus: Cpus,
    policy: &PolicySettings,
) -> Option<Span> {
    let gaps = (policy.sleeping_time + policy.deployment_time) * i64::from(iterations);
    let work = i128::from(cpus.milli()) * i128::from(iterations) * i128::from(declared.duration.micros());
    let least = least_deadline(work, policy.policy.cpu_max(cpus), gaps)?;
    let Policy::Predictive(predictive) = &policy.policy else { return Some(least) };
    let (at, history) = (Timestamp::from_micros(0), History::default());
    let job = Repeated {
        at,
        remaining: iterations,
        done: 0,
        from: cpus,
        submitted: cpus,
        t0: at,
        declared,
        history: &history,
        sleeping_time: policy.sleeping_time,
        deployment_time: policy.deployment_time,
        gaps: &[],
        gap: policy.deployment_time,
        ahead: Span::ZERO,
        in_place: None,
        spells: &[],
        resize_cost: Span::ZERO,
    };
    surely_kept(predictive, &IterationForecast::of(predictive, &job), cpus, least)
}

/// The same for a Marathon job; `restarts` says whether another CPU costs it a restart.
pub fn least_marathon_deadline(
    declared: &Declared,
    cpus: Cpus,
    policy: &PolicySettings,
    restarts: bool,
) -> Option<Span> {
    let work = i128::from(declared.duration.micros()) * 1000;
    let least = least_deadline(work, policy.policy.cpu_max(cpus), Span::ZERO)?;
    let Policy::Predictive(predictive) = &policy.policy else { return Some(least) };
    let (at, history) = (Timestamp::from_micros(0), History::default());
    let job = LongRunning {
        at,
        started_at: at,
        cpu_current: Span::ZERO,
        cpu_desired: Span::ZERO,
        ratio: 1.0,
        from: cpus,
        submitted: cpus,
        declared,
        history: &history,
        restarts,
        period: Span::ZERO,
    };
    surely_kept(predictive, &RateForecast::of(predictive, &job), cpus, least)
}

/// The least number of whole seconds, not less than `least`, that are kept with the policy's confidence, by the most CPU or by that which
/// was submitted and costs no restart.
fn surely_kept(policy: &Predictive, forecast: &impl Forecast, submitted: Cpus, least: Span) -> Option<Span> {
    let kept = |seconds: i64| {
        let by = forecast.at() + Span::from_secs(seconds).per_million(policy.target);
        let chance = forecast.chance(policy.cpu_max, by).max(forecast.chance(submitted.min(policy.cpu_max), by));
        chance >= f64::from(policy.confidence) / 1e6
    };
    let least = least.micros() / 1_000_000;
    if kept(least) {
        return Some(Span::from_secs(least));
    }
    // More time never lowers the chance.
    let mut short = least;
    let mut long = std::iter::successors(Some(least.max(1)), |seconds| seconds.checked_mul(2))
        .take_while(|seconds| *seconds < LONGEST)
        .find(|seconds| kept(*seconds))?;
    while long - short > 1 {
        let middle = short.midpoint(long);
        if kept(middle) {
            long = middle;
        } else {
            short = middle;
        }
    }
    Some(Span::from_secs(long))
}

/// No deadline is so many seconds long.
const LONGEST: i64 = 100_000_000_000;

/// `work` (thousandths of a CPU times microseconds) with the most CPU, and `gaps`, are to fit into 95 % of the deadline.
fn least_deadline(work: i128, most: Cpus, gaps: Span) -> Option<Span> {
    let most = i128::from(most.milli());
    if most == 0 {
        return None;
    }
    let needed = (work + most - 1) / most + i128::from(gaps.micros());
    // Rounded up to whole seconds; one of them covers what the deadline's 95 % loses by rounding down.
    let whole = needed * 100 / 95 / 1_000_000 + 1;
    i64::try_from(whole).ok().filter(|seconds| *seconds < LONGEST).map(Span::from_secs)
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
    use crate::qos::policy::{Policies, PolicyChoice, PolicyName};

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
    fn the_least_deadline_is_kept_as_surely_as_the_policy_wants() {
        let policy = Policies::defaults(PolicyName::Predictive).settings(PolicyChoice::default());
        let Policy::Predictive(predictive) = &policy.policy else { panic!("{policy:?}") };
        for (iterations, duration, cpus) in [(4, 400.0, 1000), (13, 130.0, 1000), (1, 0.001, 100), (14, 80.0, 1700)] {
            let (cpus, declared) = (Cpus::from_milli(cpus), Declared::new(duration, 1.0, 0.2).unwrap());
            let optimistic = {
                let step = Policies::defaults(PolicyName::Step).settings(PolicyChoice::default());
                least_chronos_deadline(&declared, iterations, cpus, &step).unwrap()
            };
            let least = least_chronos_deadline(&declared, iterations, cpus, &policy).unwrap();
            assert!(least >= optimistic, "{least:?} {optimistic:?}");
            // What the policy itself says at the registration of a job with this deadline, and with a second less.
            let chance = |deadline: Span| {
                let declared = Declared::new(duration, deadline.seconds(), 0.2).unwrap();
                let (at, history) = (Timestamp::from_micros(0), History::default());
                let job = Repeated {
                    at,
                    remaining: iterations,
                    done: 0,
                    from: cpus,
                    submitted: cpus,
                    t0: at,
                    declared: &declared,
                    history: &history,
                    sleeping_time: policy.sleeping_time,
                    deployment_time: policy.deployment_time,
                    gaps: &[],
                    gap: policy.deployment_time,
                    ahead: Span::ZERO,
                    in_place: None,
                    spells: &[],
                    resize_cost: Span::ZERO,
                };
                IterationForecast::of(predictive, &job).chance(predictive.cpu_max, at + deadline)
            };
            let second = Span::from_secs(1);
            assert!(chance(least) >= 0.993 && (chance(least - second) < 0.993 || least == optimistic), "{least:?}");
        }
        // 1000 CPU-seconds on two CPUs take 500 s at least; how far an unknown program uses them takes the rest.
        let work = Declared::new(1000.0, 1.0, 0.2).unwrap();
        let seconds =
            |restarts| least_marathon_deadline(&work, Cpus::from_milli(1000), &policy, restarts).unwrap().seconds();
        assert!(seconds(false) > 600.0 && seconds(true) > seconds(false), "{} {}", seconds(false), seconds(true));
    }

    #[test]
    fn the_least_deadline_of_the_published_policy_is_the_shortest_that_is_not_infeasible() {
        let policy = Policies::defaults(PolicyName::Step).settings(PolicyChoice::default());
        for (iterations, duration, cpus) in [(4, 400.0, 1000), (13, 130.0, 1000), (1, 0.001, 100), (14, 80.0, 1700)] {
            let cpus = Cpus::from_milli(cpus);
            let of = |deadline| Declared::new(duration, deadline, 0.2).unwrap();
            let least = least_chronos_deadline(&of(1.0), iterations, cpus, &policy).unwrap().seconds();
            let verdict = |deadline| chronos(&of(deadline), iterations, cpus, &policy).verdict;
            assert_ne!(verdict(least), Verdict::Infeasible, "{least}");
            assert_eq!(verdict(least - 1.1), Verdict::Infeasible, "{least}");
            let least = least_marathon_deadline(&of(1.0), cpus, &policy, false).unwrap().seconds();
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
