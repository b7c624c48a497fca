use proptest::prelude::*;

use super::valid::dimension_value;
use super::*;
use crate::events::job::*;
use crate::qos::admission::{Admission, Verdict};
use crate::qos::chronos::Bounds;
use crate::qos::declared::Declared;
use crate::qos::ids::{Framework, JobId};
use crate::qos::job::{FOLD_VERSION, Recorded};
use crate::qos::performance::Performance;
use crate::qos::policy::{Policy, PolicySettings, Step};
use crate::qos::units::{Cpus, Span, Timestamp};

const T0: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn policy() -> PolicySettings {
    let cpus = Cpus::from_milli;
    let step = Step { increment: cpus(400), decrement: cpus(400), cpu_min: cpus(100), cpu_max: cpus(2000) };
    PolicySettings::newest(Policy::Step(step), Span::ZERO, Span::ZERO)
}

fn registered(framework: Framework) -> JobEvent {
    let declared = Declared::new(400.0, 1600.0, 0.2).unwrap();
    JobEvent::Registered(Registered {
        job: JobId::from_bytes([7; 16]),
        name: "a,b".into(),
        framework,
        origin: Origin::Native,
        declared,
        iterations: if framework == Framework::Chronos { 4 } else { 0 },
        cpus: Some(Cpus::from_milli(1000)),
        t0: T0,
        deadline_at: T0 + declared.deadline,
        policy: policy(),
        choice: None,
        supervision: Supervision {
            max_failures: 3,
            overdue_factor_milli: 3000,
            callback_window: Span::from_secs(600),
            monitoring_period: Span::from_secs(120),
            rescale: RescaleMode::Restart,
            chain_start: Supervision::CHAIN_START,
        },
        chain: false,
        admission: Admission {
            verdict: Verdict::Feasible,
            needed: None,
            available: Cpus::from_milli(2000),
            reason: String::new(),
        },
    })
}

fn finished(at: Timestamp, outcome: Outcome, run: u64) -> JobEvent {
    JobEvent::IterationFinished(IterationFinished {
        iteration: 1,
        key: RunKey::Run { run: run.to_string(), index: 0 },
        hostname: "n".into(),
        started_at: at - Span::from_secs(30),
        finished_at: at,
        reported_finished_at: at,
        received_at: at,
        duration: Span::from_secs(30),
        exit_code: 0,
        outcome,
        clock_skew: false,
    })
}

fn decided(late_by: i64) -> JobEvent {
    let deadline = T0 + Span::from_secs(1600);
    JobEvent::Decided(Decided {
        inputs: DecisionInputs { event: 2, at: T0, remaining: 3, ceiling: None },
        policy: policy(),
        fold: FOLD_VERSION,
        prediction: deadline + Span::from_secs(late_by),
        bounds: Bounds { lower: T0, upper: deadline },
        performance: Performance::UnderPerformant,
        from: Cpus::from_milli(1000),
        to: Cpus::from_milli(1400),
        wish: None,
        reason: String::new(),
        model: None,
    })
}

/// The points of a job with these events, each at its instant.
fn measure(events: Vec<(Timestamp, JobEvent)>) -> Vec<Point> {
    let mut recorded = (1..).zip(events).map(|(version, (at, event))| Recorded { version, at, event });
    let (mut job, mut points) = Measured::begin(&recorded.next().unwrap()).unwrap();
    recorded.for_each(|recorded| points.extend(job.advance(&recorded)));
    points
}

fn values(points: &[Point]) -> Vec<(&'static str, f64)> {
    points.iter().map(|point| (point.name, point.value)).collect()
}

#[test]
fn a_chronos_job_is_measured_at_registration_reports_decisions_and_resizes() {
    let at = |seconds| T0 + Span::from_secs(seconds);
    let points = measure(vec![
        (T0, registered(Framework::Chronos)),
        (at(50), finished(at(49), Outcome::Counted, 1)),
        (at(50), decided(-20)),
        (at(50), Rescaled { from: Cpus::from_milli(1000), to: Cpus::from_milli(1400), decision: None }.into()),
        (at(51), RescaleApplied { cpus: Cpus::from_milli(1400) }.into()),
        (at(90), finished(at(89), Outcome::Failed, 2)),
    ]);
    let start = T0.epoch_seconds();
    let expected = [
        ("deadline", start + 1600.0),
        ("remaining_iterations", 4.0),
        ("remaining_iterations", 3.0),
        ("timestamp_finished", start + 49.0),
        ("last_job_duration", 30.0),
        ("prediction_deadline", start + 1580.0),
        ("prediction_vs_deadline", -20.0),
        ("upper_bound_vs_deadline", 0.0),
        ("lower_bound_vs_deadline", -1600.0),
        ("current_cpu", 1.0),
        ("current_cpu", 1.4),
    ];
    assert_eq!(values(&points), expected);
    assert!(points.iter().all(|point| point.jobname == "a_b" && point.framework == Framework::Chronos));
    assert_eq!(points[2].timestamp, 1_800_000_050_000);
}

#[test]
fn a_marathon_job_is_measured_at_start_ticks_and_end() {
    let at = |seconds| T0 + Span::from_secs(seconds);
    let started = MarathonStarted { started_at: at(10), received_at: at(11), execution: None, hostname: None };
    let sample = CpuSample { segment: 0, at: at(410), cpu: Span::from_secs(50), limit: None };
    let points = measure(vec![
        (T0, registered(Framework::Marathon)),
        (at(11), started.into()),
        (at(412), sample.into()),
        (at(811), MarathonEnded { finished_at: at(810), received_at: at(811), exit_code: 0 }.into()),
    ]);
    let start = T0.epoch_seconds();
    let expected = [
        ("deadline", start + 1600.0),
        ("deadline", start + 1610.0),
        ("current_cputime_accumulated", 0.0),
        ("desired_cputime_accumulated", 0.0),
        ("marathon_ratio_progress", 1.0),
        ("marathon_cputime_current_vs_desired", 0.0),
        ("current_cputime_accumulated", 50.0),
        ("desired_cputime_accumulated", 100.0),
        ("marathon_ratio_progress", 0.5),
        ("marathon_cputime_current_vs_desired", 50.0),
        ("last_job_duration", 800.0),
        ("current_cputime_accumulated", 50.0),
        ("desired_cputime_accumulated", 200.0),
        ("marathon_ratio_progress", 0.25),
        ("marathon_cputime_current_vs_desired", 150.0),
    ];
    assert_eq!(values(&points), expected);
    let seen: Vec<&str> = points.iter().map(|point| point.name).collect();
    assert!(seen.iter().all(|name| NAMES.contains(name)));
}

fn any_event() -> impl Strategy<Value = JobEvent> {
    let cpus = (1u32..4000).prop_map(Cpus::from_milli);
    let outcomes = prop_oneof![Just(Outcome::Counted), Just(Outcome::Failed), Just(Outcome::Surplus)];
    let instant = any::<i64>().prop_map(Timestamp::from_micros);
    prop_oneof![
        (instant.clone(), outcomes, any::<u64>()).prop_map(|(at, outcome, run)| finished(at, outcome, run)),
        any::<i32>().prop_map(|late| decided(late.into())),
        cpus.clone().prop_map(|cpus| RescaleApplied { cpus }.into()),
        cpus.prop_map(|cpus| CpuObserved { cpus }.into()),
        instant.clone().prop_map(|at| {
            MarathonStarted { started_at: at, received_at: at, execution: None, hostname: None }.into()
        }),
        (any::<u64>(), instant.clone(), any::<i64>()).prop_map(|(segment, at, cpu)| {
            CpuSample { segment, at, cpu: Span::from_micros(cpu), limit: None }.into()
        }),
        instant.prop_map(|at| MarathonEnded { finished_at: at, received_at: at, exit_code: 0 }.into()),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_no_series_has_two_points_of_an_instant_and_time_never_goes_back(
        framework in prop_oneof![Just(Framework::Chronos), Just(Framework::Marathon)],
        steps in proptest::collection::vec((any_event(), -3_000_000i64..3_000_000), 0..40),
    ) {
        let mut at = T0;
        let mut events = vec![(T0, registered(framework))];
        for (event, step) in steps {
            at = at + Span::from_micros(step);
            events.push((at, event));
        }
        let points = measure(events.clone());
        prop_assert_eq!(&points, &measure(events), "the same log gives the same points");
        for name in NAMES {
            let instants: Vec<i64> = points.iter().filter(|point| point.name == name).map(|point| point.timestamp).collect();
            prop_assert!(instants.windows(2).all(|pair| pair[0] < pair[1]), "{}: {:?}", name, instants);
        }
        prop_assert!(points.iter().all(|point| point.value.is_finite()));
    }

    #[test]
    fn every_name_of_a_job_becomes_one_that_monasca_takes(text in any::<String>()) {
        let value = dimension_value(&text);
        prop_assert!((1..=255).contains(&value.chars().count()));
        prop_assert_eq!(value.trim(), value.as_str());
        prop_assert!(!value.chars().any(|c| c.is_control() || "<>={},\"\\;&|".contains(c)), "{:?}", value);
        prop_assert_eq!(dimension_value(&value), value.clone(), "what is valid stays");
    }
}

#[test]
fn a_name_that_is_valid_is_left_as_it_is() {
    for name in ["openmpLinpack1", "/group/steady", "a b:(c)", "ä"] {
        assert_eq!(dimension_value(name), name);
    }
    assert_eq!((dimension_value(" \n"), dimension_value("a\nb;c|")), ("_".to_owned(), "a_b_c_".to_owned()));
}
