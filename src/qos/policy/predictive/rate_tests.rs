//! Decisions about long-running jobs: the published case III needs 400 CPU-seconds within 480 s.

use proptest::prelude::*;

use super::*;
use crate::qos::declared::Declared;
use crate::qos::marathon::{desired_cpu, progress_ratio};
use crate::qos::model::History;
use crate::qos::performance::Performance;
use crate::qos::policy::ModelValues;
use crate::qos::units::Timestamp;

const T0: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn span(seconds: f64) -> Span {
    Span::try_from_seconds(seconds).unwrap()
}

fn cpus(cpus: f64) -> Cpus {
    Cpus::try_from_f64(cpus).unwrap()
}

/// A job that has used `share` of what its limit allows for `now` seconds.
#[derive(Debug)]
struct Job {
    history: History,
    declared: Declared,
    now: f64,
    used: f64,
    from: f64,
    restarts: bool,
}

impl Job {
    fn new(work: f64, deadline: f64, from: f64, share: f64, now: f64) -> Self {
        let limit = Some(cpus(from));
        let mut history = History::default();
        history.segment_began(1, T0, limit);
        let used = from * share * now;
        for part in 1..=4 {
            let part = f64::from(part) / 4.0;
            history.measured(1, T0 + span(now * part), span(used * part), limit);
        }
        Job { history, declared: Declared::new(work, deadline, 0.1).unwrap(), now, used, from, restarts: false }
    }

    fn by_restart(mut self, downtime: f64) -> Self {
        self.restarts = true;
        self.history.segment_over(T0, true);
        self.history.segment_began(2, T0 + span(downtime), None);
        self
    }

    fn decided(&self) -> Wish {
        self.decided_by(&Predictive::default())
    }

    fn decided_by(&self, policy: &Predictive) -> Wish {
        let (elapsed, cpu_current) = (span(self.now), span(self.used));
        let cpu_desired = desired_cpu(elapsed, &self.declared);
        policy.long_running(&LongRunning {
            at: T0 + elapsed,
            started_at: T0,
            cpu_current,
            cpu_desired,
            ratio: progress_ratio(cpu_current, cpu_desired),
            from: cpus(self.from),
            submitted: cpus(1.0),
            declared: &self.declared,
            history: &self.history,
            restarts: self.restarts,
            period: span(120.0),
        })
    }
}

#[test]
fn the_published_case_is_left_alone() {
    let wish = Job::new(400.0, 480.0, 1.0, 1.0, 60.0).decided();
    assert_eq!((wish.cpus, wish.performance), (cpus(1.0), Performance::OnPlan), "{wish:?}");
    assert!(wish.grounds.starts_with("needs ") && wish.grounds.contains("340 CPU-seconds left"), "{wish:?}");
}

#[test]
fn a_job_that_needs_more_than_its_limit_is_given_it_in_place() {
    let wish = Job::new(1000.0, 800.0, 1.0, 1.0, 60.0).decided();
    assert!(wish.cpus >= cpus(1.4) && wish.performance == Performance::UnderPerformant, "{wish:?}");
    let Some(ModelValues::Rate { observations, margin, .. }) = wish.model else { panic!("{wish:?}") };
    assert!(observations == 4 && margin > Span::ZERO, "{wish:?}");
}

#[test]
fn a_job_that_does_not_use_its_limit_is_measured_by_what_it_uses() {
    let busy = Job::new(1000.0, 2000.0, 1.0, 1.0, 100.0).decided().cpus;
    let waiting = Job::new(1000.0, 2000.0, 1.0, 0.5, 100.0).decided().cpus;
    assert!(waiting > busy, "{waiting} {busy}");
}

#[test]
fn a_restart_is_made_only_where_it_gains_more_than_it_costs() {
    // Ahead of its plan: less CPU for the same CPU-seconds saves nothing, and the restart costs.
    let ahead = Job::new(400.0, 900.0, 2.0, 1.0, 60.0);
    assert!(ahead.decided().cpus < cpus(2.0));
    let kept = ahead.by_restart(15.0).decided();
    assert_eq!((kept.cpus, kept.stays), (cpus(2.0), Some("a restart would cost more than it gains")), "{kept:?}");
    // Late beyond help, and nearly done: a restart would only make it later.
    let late = Job::new(400.0, 401.0, 1.0, 1.0, 390.0).by_restart(15.0).decided();
    assert_eq!((late.cpus, late.performance), (cpus(1.0), Performance::UnderPerformant), "{late:?}");
    // Late, and early enough to be saved.
    let saved = Job::new(1000.0, 800.0, 1.0, 1.0, 60.0).by_restart(15.0).decided();
    assert!(saved.cpus > cpus(1.4), "{saved:?}");
}

fn any_job() -> impl Strategy<Value = Job> {
    (1.0..5000.0f64, 10.0..5000.0f64, 0.1..2.0f64, 0.05..1.0f64, 1.0..6000.0f64, any::<bool>()).prop_map(
        |(work, deadline, from, share, now, restarts)| {
            let job = Job::new(work, deadline, from, share, now);
            if restarts { job.by_restart(15.0) } else { job }
        },
    )
}

proptest! {
    #[test]
    fn the_limits_are_never_left(job in any_job(), min in 100u32..1000, more in 0u32..3000) {
        let (cpu_min, cpu_max) = (Cpus::from_milli(min), Cpus::from_milli(min + more));
        let mut job = job;
        job.from = cpus(job.from).clamp(cpu_min, cpu_max).as_f64();
        let wish = job.decided_by(&Predictive { cpu_min, cpu_max, ..Predictive::default() });
        prop_assert!(wish.cpus >= cpu_min && wish.cpus <= cpu_max, "{:?}", wish);
    }

    #[test]
    fn a_later_deadline_never_needs_more_cpu_in_place(job in any_job(), more in 0.0..5000.0f64) {
        let mut job = job;
        job.restarts = false;
        let sooner = job.decided().cpus;
        job.declared = Declared::new(job.declared.duration.seconds(), job.declared.deadline.seconds() + more, 0.1).unwrap();
        prop_assert!(job.decided().cpus <= sooner);
    }

    #[test]
    fn with_restarts_a_job_is_not_predicted_to_end_later_than_if_it_were_left_alone_and_late(job in any_job()) {
        let policy = Predictive::default();
        let wish = job.decided_by(&policy);
        let Some(ModelValues::Rate { finish, .. }) = wish.model else { panic!("{wish:?}") };
        let deadline = T0 + job.declared.deadline;
        // Whoever is restarted ends sooner than before, or by the deadline.
        let mut alone = job;
        alone.restarts = false;
        let alone_forecast = RateForecast::of(&policy, &LongRunning {
            at: T0 + span(alone.now), started_at: T0, cpu_current: span(alone.used), cpu_desired: span(1.0), ratio: 1.0,
            from: cpus(alone.from), submitted: cpus(1.0), declared: &alone.declared, history: &alone.history,
            restarts: false, period: span(120.0),
        });
        prop_assert!(finish <= alone_forecast.finish(cpus(alone.from)) || finish <= deadline, "{wish:?}");
    }
}
