//! What each witness says in a run that is believed, and in some that are not.

use super::*;
use crate::demo::evidence::OwnFigures;
use crate::events::job::{
    JobEvent, MarathonEnded, MarathonStarted, RescaleApplied, Rescaled, SegmentEnded, SegmentStarted,
};
use crate::local::usage::JobUsage;
use crate::qos::units::{Span, Timestamp};

const FACTOR: f64 = 0.2;
const ONE: Cpus = Cpus::from_milli(1000);
const LESS: Cpus = Cpus::from_milli(600);

const fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_micros(milliseconds * 1000)
}

fn started(segment: u64, from: i64, limit: Cpus) -> SegmentStarted {
    let generation = (segment > 1).then_some(segment - 1);
    SegmentStarted {
        segment,
        execution: None,
        started_at: at(from),
        received_at: at(from),
        hostname: None,
        base: Span::ZERO,
        discarded: Span::ZERO,
        generation,
        runtime: Some("docker".into()),
        limit: Some(limit),
        checkpoints: Some(true),
        container: None,
        task: None,
    }
}

fn ended(segment: u64, to: i64, cpu: i64, reason: SegmentEnd, dump: Option<i64>) -> SegmentEnded {
    let dump = dump.map(|milliseconds| Span::from_micros(milliseconds * 1000));
    let cpu = Span::from_micros(cpu * 1000);
    SegmentEnded { segment, ended_at: at(to), received_at: at(to), cpu, reason, generation: None, dump }
}

fn launch(seq: u64, cpus: Cpus) -> LaunchUsage {
    LaunchUsage {
        seq,
        task: format!("task-{seq}"),
        node: "node1".into(),
        cpus,
        attempt: 0,
        placed_at: at(0),
        launched_at: Some(at(0)),
        ended_at: Some(at(0)),
        end: Some(TaskEnd::Code(0)),
        user_seconds: 0.1,
        system_seconds: 0.0,
    }
}

fn evidence(events: Vec<(i64, JobEvent)>, launches: Vec<LaunchUsage>, cpu_s: f64) -> Evidence {
    let last = launches.last().map_or(0, |launch| launch.seq);
    let (recorded_at, events) = events.into_iter().map(|(time, event)| (at(time), event)).unzip();
    Evidence {
        events,
        recorded_at,
        usage: JobUsage { launches, reserved_cpu_seconds: 20.0, used_core_seconds: 0.2 },
        replacements: Vec::new(),
        own_figures: [(last, vec![OwnFigures { order: 5641, wall_s: 14.0, cpu_s }])].into(),
        ..Evidence::default()
    }
}

fn begun() -> JobEvent {
    JobEvent::MarathonStarted(MarathonStarted {
        started_at: at(0),
        received_at: at(0),
        execution: None,
        hostname: None,
    })
}

fn over() -> JobEvent {
    JobEvent::MarathonEnded(MarathonEnded { finished_at: at(14_500), received_at: at(14_500), exit_code: 0 })
}

fn wish() -> JobEvent {
    JobEvent::Rescaled(Rescaled { from: ONE, to: LESS, decision: None })
}

/// 8 s at 1 CPU, a checkpoint, and 5 s at 0.6.
pub fn checkpointed() -> Evidence {
    let events = vec![
        (0, begun()),
        (0, started(1, 0, ONE).into()),
        (8000, wish()),
        (8500, ended(1, 8500, 8000, SegmentEnd::Checkpointed, Some(500)).into()),
        (9500, started(2, 9500, LESS).into()),
        (9600, RescaleApplied { cpus: LESS }.into()),
        (14_500, ended(2, 14_500, 3000, SegmentEnd::Exited, None).into()),
        (14_500, over()),
    ];
    let mut evidence = evidence(events, vec![launch(1, ONE), launch(2, LESS)], 11.0 * FACTOR);
    evidence.replacements = vec![LESS];
    evidence
}

/// 8.5 s at 1 CPU and 5 s at 0.6, in one segment.
pub fn in_place() -> Evidence {
    let events = vec![
        (0, begun()),
        (0, started(1, 0, ONE).into()),
        (8000, wish()),
        (8500, RescaleApplied { cpus: LESS }.into()),
        (13_500, ended(1, 13_500, 11_500, SegmentEnd::Exited, None).into()),
        (13_500, over()),
    ];
    evidence(events, vec![launch(1, ONE)], 11.5 * FACTOR)
}

fn disagreements(evidence: &Evidence, in_place: bool, kernel: Option<f64>) -> Vec<String> {
    let story = Story::of(evidence, in_place);
    let kernel = kernel.map(Duration::from_secs_f64);
    let claim = Claim {
        in_place,
        rescales: 1,
        submitted: ONE,
        cpu_factor: FACTOR,
        kernel,
        job_is_in_tasks: false,
        evidence,
        story: &story,
    };
    claim.disagreements()
}

#[test]
fn witnesses_that_agree_are_believed() {
    // A restore works for itself, too.
    assert_eq!(disagreements(&checkpointed(), false, Some(2.3)), Vec::<String>::new());
    assert_eq!(disagreements(&in_place(), true, Some(2.31)), Vec::<String>::new());
    assert_eq!(disagreements(&in_place(), true, None), Vec::<String>::new());
}

#[test]
fn each_disagreement_is_found() {
    let one = |change: &dyn Fn(&mut Evidence), word: &str| {
        for (mut evidence, in_place) in [(checkpointed(), false), (in_place(), true)] {
            change(&mut evidence);
            let found = disagreements(&evidence, in_place, Some(2.3));
            assert!(found.iter().any(|sentence| sentence.contains(word)), "{in_place} {word}: {found:?}");
        }
    };
    let last = |e: &Evidence| e.events.len() - 1;
    one(&|e| drop(e.events.pop()), "exit codes []");
    one(&|e| e.own_figures.clear(), "0 tasks have printed");
    one(&|e| drop(e.usage.launches.pop()), "the event log has");
    one(&|e| e.usage.launches[0].end = Some(TaskEnd::Code(75)), "had to end with 0");
    one(&|e| e.usage.launches[0].cpus = LESS, "tasks had to have");
    one(&|e| e.replacements.push(ONE), "the cluster had to be given");
    one(
        &|e| {
            let place = last(e) - 1;
            let JobEvent::SegmentEnded(end) = &mut e.events[place] else { panic!() };
            end.reason = SegmentEnd::Killed;
        },
        "its end had to be Exited",
    );
    one(
        &|e| {
            let place = last(e) - 1;
            let JobEvent::SegmentEnded(end) = &mut e.events[place] else { panic!() };
            end.cpu = end.cpu + Span::from_secs(1);
        },
        "the program measured",
    );
    one(
        &|e| {
            let JobEvent::SegmentStarted(start) = &mut e.events[1] else { panic!() };
            start.discarded = Span::from_secs(1);
        },
        "lost and done again",
    );
    one(
        &|e| {
            let JobEvent::SegmentStarted(start) = &mut e.events[1] else { panic!() };
            start.limit = Some(LESS);
        },
        "the limits had to be",
    );
    one(
        &|e| {
            let place = e.events.iter().position(|e| matches!(e, JobEvent::RescaleApplied(_))).unwrap();
            e.events.remove(place);
            e.recorded_at.remove(place);
        },
        "its event log has 0",
    );
    let kernel = |evidence: &Evidence, in_place, seconds| disagreements(evidence, in_place, Some(seconds)).join(" ");
    assert!(kernel(&in_place(), true, 2.4).contains("the kernel counted 2.400"));
    assert!(kernel(&checkpointed(), false, 2.1).contains("the kernel counted 2.100"));
    assert!(kernel(&checkpointed(), false, 4.0).contains("the kernel counted 4.000"));
}
