//! What would otherwise grow, or be waited for, without end.

use super::*;
use crate::qos::job::decide::MOST_SURPLUS_RUNS;
use crate::qos::job::{Flag, awaited_report, longest_wait_for_start, report_due};

#[test]
fn surplus_runs_are_recorded_up_to_a_limit_and_a_run_that_was_asked_for_still_counts() {
    let mut job = Job::seen(native());
    let surplus = |n: u32| Command::ReportFinish(finish(10, 50, &format!("by-hand-{n}"), 0));
    for n in 0..MOST_SURPLUS_RUNS {
        assert_eq!(job.run(50, surplus(n)).unwrap().0, ["IterationFinished"]);
    }
    let (events, runs) = (job.log.len(), job.state().runs.size());
    for n in 0..1000 {
        assert_eq!(job.run(50, surplus(MOST_SURPLUS_RUNS + n)), Err(Rejection::SurplusNotRecorded));
    }
    assert_eq!((job.log.len(), job.state().runs.size()), (events, runs));
    assert_eq!(job.state().surplus_runs, MOST_SURPLUS_RUNS);
    assert!(job.state().flags.contains(&Flag::SurplusRun));
    assert_eq!(job.run(51, surplus(0)).unwrap().1, Reply::duplicate(), "a recorded one is still recognised");

    job.start(60, "ct:1");
    assert_eq!(job.run(400, Command::ReportFinish(finish(60, 400, "ct:1", 0))).unwrap().0[0], "IterationFinished");
    assert_eq!(job.state().done, 1);
}

/// Allowed to take 3 x (15 + 45) s.
fn quick() -> Registered {
    registration(serde_json::json!({
        "uuid": JobId::from_bytes([7; 16]), "name": "quick", "framework": "chronos", "job_duration": 15, "deadline": 1e6,
        "desv_deadline": 0.2, "iterations": 4, "cpus": 1.0, "arguments_version": 1
    }))
}

/// The alarm rings when the report is due, and each time nothing has come: as while Chronos is away.
fn overdue_events(job: &mut Job, until: i64) -> Vec<i64> {
    let mut found = vec![];
    loop {
        let due = report_due(job.state()).unwrap();
        let seconds = due.since(T0).micros() / 1_000_000;
        if seconds > until {
            return found;
        }
        assert_eq!(job.run(seconds, Command::ReportAwaited { due }).unwrap().0, ["Overdue"]);
        found.push(seconds);
    }
}

#[test]
fn an_unconfirmed_start_is_found_overdue_ever_more_rarely() {
    let mut job = Job::seen(quick());
    job.run(0, Command::AttemptStart(idle(0, 0))).unwrap();
    let night = overdue_events(&mut job, 12 * 3600);
    assert_eq!(night[..6], [180, 360, 720, 1440, 2880, 5760]);
    assert!(night[6..].windows(2).all(|pair| pair[1] - pair[0] == 3600), "{night:?}");
    assert!(night.len() <= 17, "{night:?}");
    let attempt = job.state().attempt().unwrap();
    assert_eq!((attempt.overdue as usize, attempt.overdue_at), (night.len(), night.last().map(|last| at(*last))));
    // The pace is part of what is replayed: a restart does not begin anew.
    assert_eq!(JobState::replay(job.log.clone()).as_ref().and_then(report_due), report_due(job.state()));
}

#[test]
fn a_supervisor_that_was_away_for_a_night_finds_a_start_overdue_once_and_not_once_for_each_hour() {
    let mut job = Job::seen(native());
    job.run(0, Command::AttemptStart(idle(0, 0))).unwrap();
    let due = report_due(job.state()).unwrap();
    job.run(12 * 3600, Command::ReportAwaited { due }).unwrap();
    assert!(report_due(job.state()).unwrap() > at(12 * 3600));
}

#[test]
fn a_run_that_goes_on_is_looked_up_every_ten_minutes_or_as_often_as_it_is_allowed_to_take() {
    for (registered, expected) in [(quick(), [180, 180, 360, 600, 600]), (native(), [1335; 5])] {
        let mut job = Job::seen(registered);
        job.start(2, "ct:1");
        for wait in expected {
            let report = awaited_report(job.state()).unwrap();
            assert_eq!(report.wait, Span::from_secs(wait));
            let seconds = report.due.since(T0).micros() / 1_000_000;
            job.run(seconds, Command::ReportAwaited { due: report.due }).unwrap();
            let verdict = crate::qos::job::judge::Verdict::Active(Activity::Running);
            job.run(seconds, Command::Judged { iteration: 1, attempt: 1, verdict, facts: idle(0, 0) }).unwrap();
        }
    }
}

#[test]
fn a_report_that_was_waited_for_is_overdue_although_the_wall_clock_was_set_back() {
    let mut job = Job::seen(native());
    job.start(2, "ct:1");
    let due = report_due(job.state()).unwrap();
    // The wait for another report proves nothing.
    assert!(job.run(1, Command::ReportAwaited { due: at(5) }).unwrap().0.is_empty());
    assert_eq!(job.run(1, Command::ReportAwaited { due }).unwrap().0, ["Overdue"]);
}

#[test]
fn only_a_first_start_with_a_date_waits_for_the_calendar() {
    let job = Job::seen(native());
    assert_eq!(longest_wait_for_start(job.state()), Some(Span::ZERO), "the default pause");
    let mut dated = serde_json::json!({
        "uuid": JobId::from_bytes([7; 16]), "name": "later", "framework": "chronos", "job_duration": 400, "deadline": 1800,
        "desv_deadline": 0.2, "iterations": 4, "cpus": 1.0, "arguments_version": 1
    });
    dated["start_at"] = serde_json::json!(at(3600).epoch_seconds());
    let mut dated = Job::seen(registration(dated));
    assert_eq!(longest_wait_for_start(dated.state()), None);
    dated.start(3600, "ct:1");
    dated.run(3900, Command::ReportFinish(finish(3600, 3900, "ct:1", 0))).unwrap();
    assert_eq!(longest_wait_for_start(dated.state()), Some(Span::ZERO), "the date was that of the first start");
}

#[test]
fn a_request_for_another_cpu_that_was_never_answered_is_remembered_once() {
    let unanswered = || Command::CpusUnanswered { cpus: Cpus::from_milli(1400), reason: "no answer in time".into() };
    let mut job = Job::seen(native());
    assert!(matches!(job.run(1, unanswered()), Err(Rejection::Stale(_))), "nothing was asked for");
    job.start(2, "ct:1");
    job.run(480, Command::ReportFinish(finish(10, 480, "ct:1", 0))).unwrap();
    assert!(!job.state().unanswered);
    assert_eq!(job.run(490, unanswered()).unwrap().0, ["RescaleUnanswered"]);
    assert!(job.run(500, unanswered()).unwrap().0.is_empty());
    job.run(510, Command::CpusApplied(Cpus::from_milli(1400))).unwrap();
    assert!(job.state().unanswered, "the first request may still be carried out");
}

#[test]
fn a_job_that_ends_during_a_resize_leaves_a_request_of_unknown_outcome() {
    let mut job = Job::seen(native());
    job.start(2, "ct:1");
    job.run(480, Command::ReportFinish(finish(10, 480, "ct:1", 0))).unwrap();
    job.run(481, Command::Cancel { reason: "operator".into() }).unwrap();
    assert!(job.state().unanswered);

    let mut settled = Job::seen(native());
    settled.run(2, Command::Cancel { reason: "operator".into() }).unwrap();
    assert!(!settled.state().unanswered);
}
