//! A deadline that passes.

use super::marathon::{begins, case_iii, look, segment};
use super::*;
use crate::qos::job::{Flag, awaited_deadline};

/// Asks, `seconds` after the registration.
fn reached(job: &mut Job, seconds: i64) -> Vec<&'static str> {
    job.run(seconds, Command::DeadlineReached).unwrap().0
}

#[test]
fn a_silent_job_is_late_from_its_deadline_on_and_that_is_recorded_once() {
    let mut job = Job::seen(native());
    job.start(2, "a");
    assert_eq!(awaited_deadline(job.state()), Some(at(1800)));
    assert_eq!(reached(&mut job, 1799), [""; 0]);
    assert_eq!(reached(&mut job, 1800), [""; 0], "a job that ends at its deadline is in time");
    assert_eq!(reached(&mut job, 1801), ["DeadlinePassed"]);
    assert!(job.state().flags.contains(&Flag::Late) && awaited_deadline(job.state()).is_none());
    // Also by a supervisor that begins again with the log.
    job.state = JobState::replay(job.log.clone());
    assert_eq!(reached(&mut job, 1802), [""; 0]);
    assert!(job.effects.is_empty());
}

#[test]
fn a_job_that_is_over_has_no_deadline_any_more() {
    let mut job = Job::seen(native());
    job.run(10, Command::Cancel { reason: "x".into() }).unwrap();
    assert_eq!((awaited_deadline(job.state()), reached(&mut job, 5000)), (None, vec![]));
}

#[test]
fn a_job_whose_last_report_comes_late_but_that_was_in_time_is_not_late() {
    let mut job = Job::seen(native());
    for run in ["a", "b", "c"] {
        job.start(2, run);
        job.run(400, Command::ReportFinish(finish(2, 400, run, 0))).unwrap();
    }
    job.start(1000, "d");
    assert_eq!(reached(&mut job, 1801), ["DeadlinePassed"]);
    job.run(1900, Command::ReportFinish(FinishFacts { sent_at: None, ..finish(1000, 1790, "d", 0) })).unwrap();
    assert!(job.state().ending().is_some() && !job.state().flags.contains(&Flag::Late), "{:?}", job.state());
}

#[test]
fn the_deadline_of_a_long_running_job_counts_from_its_start_and_passes_once_in_its_execution() {
    let mut job = case_iii(RescaleMode::Restart);
    job.run(1, Command::Seen(idle(0, 0))).unwrap();
    // It has not begun by the deadline of its registration.
    assert_eq!(reached(&mut job, 481), ["DeadlinePassed"]);
    job.run(500, begins("e1", 500)).unwrap();
    job.run(500, segment(1, 500, 0)).unwrap();
    assert_eq!(awaited_deadline(job.state()), Some(at(980)));
    assert!(!job.state().flags.contains(&Flag::Late));
    assert_eq!(reached(&mut job, 980), [""; 0]);
    assert_eq!(reached(&mut job, 981), ["DeadlinePassed"]);
    job.run(1100, look(1, 1100, 50)).unwrap();
    job.run(1200, segment(2, 1200, 40)).unwrap();
    assert_eq!(reached(&mut job, 2000), [""; 0], "a segment is no new execution");
}
