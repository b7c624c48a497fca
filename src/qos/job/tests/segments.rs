//! Segments of several executions, and what of their CPU time was lost.

use super::marathon::*;
use super::*;
use crate::events::job::SegmentEnd;
use crate::qos::job::command::{LookFacts, SampleFacts, SegmentEndFacts, SegmentStartFacts};

fn segment_of(execution: &str, number: u64, seconds: i64) -> Command {
    let facts = SegmentStartFacts { execution: Some(execution.into()), ..segment_facts(number, seconds, 0) };
    Command::SegmentStart(Box::new(facts))
}

fn restored(number: u64, seconds: i64, base: i64, last_told: Option<i64>) -> Command {
    let last_told = last_told.map(Span::from_secs);
    Command::SegmentStart(Box::new(SegmentStartFacts { last_told, ..segment_facts(number, seconds, base) }))
}

fn wasted(job: &Job) -> i64 {
    job.state().execution.as_ref().unwrap().wasted.micros() / 1_000_000
}

/// The shared directory was lost, and with it what counts the segments.
#[test]
fn the_first_segment_of_another_execution_is_no_repetition() {
    for begins_first in [true, false] {
        let mut job = running(RescaleMode::Restart);
        job.run(100, segment_of("e1", 3, 100)).unwrap();
        job.run(130, look(3, 130, 60)).unwrap();
        if begins_first {
            job.run(140, begins("e2", 140)).unwrap();
        }
        assert_eq!(job.run(140, segment_of("e2", 1, 140)).unwrap().0, ["SegmentStarted"]);
        assert_eq!(job.run(260, look(1, 260, 70)).unwrap().0[0], "CpuSample");
        assert_eq!((cpu_current(&job), wasted(&job)), (70, 60));
        // Within the new one the numbers count again.
        assert_eq!(job.run(261, segment_of("e2", 1, 140)).unwrap().1, Reply::duplicate());
    }
}

#[test]
fn what_comes_late_of_an_execution_that_is_over_is_no_news_whatever_its_number() {
    let mut job = running(RescaleMode::Restart);
    job.run(100, segment_of("e1", 3, 100)).unwrap();
    job.run(140, segment_of("e2", 1, 140)).unwrap();
    let end = |execution: &str| {
        let Command::SegmentEnd(facts) = segment_end(1, 150, 9, SegmentEnd::Killed) else { unreachable!() };
        Command::SegmentEnd(SegmentEndFacts { execution: Some(execution.into()), ..facts })
    };
    for late in [segment_of("e1", 4, 145), begins("e1", 10), end("e1")] {
        assert_eq!(job.run(150, late).unwrap(), (vec![], Reply::duplicate()));
    }
    assert_eq!(job.run(151, end("e2")).unwrap().0, ["SegmentEnded"]);
    assert_eq!(JobState::replay(job.log.clone()), job.state);
}

#[test]
fn work_that_was_done_since_the_last_look_and_is_lost_with_the_node_is_wasted_too() {
    let mut job = running(RescaleMode::Restart);
    job.run(130, look(1, 130, 100)).unwrap();
    // 90 more were told in between, and never looked at.
    job.run(220, restored(2, 220, 40, Some(190))).unwrap();
    assert_eq!((cpu_current(&job), wasted(&job)), (40, 150));
    // Nothing was heard of the second: what the log holds is all that is known.
    job.run(400, restored(3, 400, 40, None)).unwrap();
    assert_eq!(wasted(&job), 150);
}

/// Mesos measures the agent along with its container; a checkpoint holds the container's part.
#[test]
fn what_mesos_measures_beside_the_container_is_not_wasted() {
    let mut job = running(RescaleMode::Restart);
    job.run(130, look(1, 130, 105)).unwrap();
    job.run(140, segment_end(1, 140, 100, SegmentEnd::Checkpointed)).unwrap();
    job.run(145, restored(2, 145, 100, None)).unwrap();
    assert_eq!(wasted(&job), 0);
    // A crash without a word.
    job.run(265, look(2, 265, 110)).unwrap();
    job.run(300, restored(3, 300, 100, Some(120))).unwrap();
    assert_eq!(wasted(&job), 120);
}

#[test]
fn a_supervisor_that_was_away_for_long_listens_for_a_period_before_it_speaks_of_silence() {
    let mut job = running(RescaleMode::InPlace);
    assert_eq!(job.run(130, look(1, 130, 115)).unwrap().0[2], "Rescaled");
    let since = |sample| Command::Look(LookFacts { sample, listening_since: Some(at(5000)), ..LookFacts::default() });
    assert!(job.run(5000, since(None)).unwrap().0.is_empty());
    assert!(job.run(5119, since(None)).unwrap().0.is_empty());
    // The agent speaks: it has not yet been told its new limit by this process.
    let limit = Some(Cpus::from_milli(1000));
    let deaf = |seconds| SampleFacts { segment: Some(1), at: at(seconds), cpu: Span::from_secs(116), limit };
    assert_eq!(job.run(5060, since(Some(deaf(5060)))).unwrap().0, ["CpuSample"]);
    assert_eq!(job.run(5180, since(Some(deaf(5180)))).unwrap().0, ["CpuSample", "RescaleFailed"]);
    assert!(job.run(5539, since(None)).unwrap().0.is_empty());
    assert_eq!(job.run(5540, since(None)).unwrap().0, ["TelemetryLost"]);

    let mut silent = running(RescaleMode::Restart);
    assert!(silent.run(5119, since(None)).unwrap().0.is_empty());
    assert_eq!(silent.run(5120, since(None)).unwrap().0, ["TelemetryLost"]);
}
