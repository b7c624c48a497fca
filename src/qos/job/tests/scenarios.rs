use super::*;
use crate::events::job::{LossReason, Removal};
use crate::qos::job::judge::Verdict;
use crate::qos::job::{Effect, EffectKey, Ending, Flag, Phase, Work, report_due};

#[test]
fn a_registered_job_waits_for_its_framework_and_then_starts() {
    let mut job = Job::registered(native());
    assert_eq!(job.effects, [EffectChange::Add(Effect::AwaitJob)]);
    let (events, _) = job.run(1, Command::Seen(idle(0, 0))).unwrap();
    assert_eq!(events, ["SeenInFramework"]);
    let start = Effect::StartIteration { iteration: 1, not_before: T0 };
    assert_eq!(job.effects, [EffectChange::Resolve(EffectKey::Await), EffectChange::Add(start)]);
}

#[test]
fn a_finished_iteration_is_counted_predicted_resized_and_followed_by_a_start() {
    let mut job = Job::seen(native());
    job.start(2, "ct:1");
    let (events, reply) = job.run(480, Command::ReportFinish(finish(10, 480, "ct:1", 0))).unwrap();
    // 480 + 3 * 445 = 1815 > 1710
    assert_eq!(events, ["IterationFinished", "Decided", "Rescaled"]);
    assert_eq!(reply, Reply::exit());
    assert_eq!(
        job.effects,
        [
            EffectChange::Resolve(EffectKey::Start),
            EffectChange::Resolve(EffectKey::LookUp),
            EffectChange::Add(Effect::SetCpus { cpus: Cpus::from_milli(1400) }),
            EffectChange::Add(Effect::StartIteration { iteration: 2, not_before: at(480) }),
        ]
    );
    // The wish names its decision.
    let JobEvent::Rescaled(rescaled) = &job.log.last().unwrap().event else { unreachable!() };
    assert!(matches!(&job.log[rescaled.decision.unwrap() as usize - 1].event, JobEvent::Decided(_)));
    // Only the outcome changes the job's CPU.
    assert_eq!(job.state().cpus, Some(Cpus::from_milli(1000)));
    job.run(481, Command::CpusApplied(Cpus::from_milli(1400))).unwrap();
    assert_eq!((job.state().cpus, job.state().rescales), (Some(Cpus::from_milli(1400)), 1));
}

#[test]
fn on_plan_nothing_is_resized() {
    let mut job = Job::seen(native());
    job.start(2, "ct:1");
    // 310 + 1335 = 1645, between 1440 and 1710
    let (events, _) = job.run(310, Command::ReportFinish(finish(10, 310, "ct:1", 0))).unwrap();
    assert_eq!(events, ["IterationFinished", "Decided"]);
}

#[test]
fn the_last_iteration_completes_and_deletes_the_job() {
    let mut job = Job::seen(native());
    for iteration in 0..3i64 {
        let (from, run) = (10 + iteration * 400, format!("ct:{iteration}"));
        job.start(from, &run);
        job.run(from + 390, Command::ReportFinish(finish(from, from + 390, &run, 0))).unwrap();
        let target = job.state().resizing_to;
        if let Some(cpus) = target {
            job.run(from + 391, Command::CpusApplied(cpus)).unwrap();
        }
    }
    job.start(1300, "ct:3");
    let (events, _) = job.run(1700, Command::ReportFinish(finish(1300, 1700, "ct:3", 0))).unwrap();
    assert_eq!(events, ["IterationFinished", "Completed"]);
    assert_eq!(job.effects, [EffectChange::ResolveAll, EffectChange::Add(Effect::DeleteJob { when_idle: true })]);
    let ending = Ending::Completed { finished_at: at(1700), on_time: true, margin: Span::from_secs(100) };
    assert_eq!(job.state().ending(), Some(&ending));
    assert!(!job.state().is_finished(), "the framework's job is still there");
    job.run(1710, Command::JobRemoved(Removal::Deleted)).unwrap();
    assert!(job.state().is_finished());
}

#[test]
fn the_same_report_counts_once() {
    let mut job = Job::seen(native());
    job.start(2, "ct:1");
    job.run(400, Command::ReportFinish(finish(10, 400, "ct:1", 0))).unwrap();
    for _ in 0..3 {
        let (events, reply) = job.run(401, Command::ReportFinish(finish(10, 400, "ct:1", 0))).unwrap();
        assert!(events.is_empty());
        assert_eq!(reply, Reply::duplicate());
    }
    assert_eq!(job.state().done, 1);
}

#[test]
fn a_failed_iteration_is_run_again_and_the_third_in_a_row_fails_the_job() {
    let mut job = Job::seen(native());
    for attempt in 0..2i64 {
        let run = format!("ct:{attempt}");
        job.start(10 * attempt + 2, &run);
        let (events, _) = job.run(10 * attempt + 5, Command::ReportFinish(finish(0, 5, &run, 3))).unwrap();
        assert_eq!(events, ["IterationFinished"]);
        assert!(matches!(job.effects.last(), Some(EffectChange::Add(Effect::StartIteration { iteration: 1, .. }))));
    }
    job.start(30, "ct:2");
    let (events, _) = job.run(35, Command::ReportFinish(finish(30, 35, "ct:2", 3))).unwrap();
    assert_eq!(events, ["IterationFinished", "Failed"]);
    assert_eq!(job.state().done, 0);
    let Phase::Ended(Ending::Failed { reason }) = &job.state().phase else { unreachable!() };
    assert_eq!(reason, "3 failed iterations in a row; the last, iteration 1, ended with exit code 3");
}

#[test]
fn a_good_iteration_forgives_the_failures_before_it() {
    let mut job = Job::seen(native());
    job.start(2, "a");
    job.run(5, Command::ReportFinish(finish(2, 5, "a", 1))).unwrap();
    job.start(6, "b");
    job.run(300, Command::ReportFinish(finish(6, 300, "b", 0))).unwrap();
    assert_eq!((job.state().failures_in_row, job.state().done), (0, 1));
}

#[test]
fn a_finish_without_its_start_report_counts() {
    let mut job = Job::seen(native());
    job.run(2, Command::AttemptStart(idle(0, 0))).unwrap();
    job.run(400, Command::ReportFinish(finish(10, 400, "ct:1", 0))).unwrap();
    assert_eq!((job.state().done, &job.state().work), (1, &Work::None));
}

#[test]
fn a_run_that_nobody_asked_for_is_recorded_and_not_counted() {
    let mut job = Job::seen(native());
    let (events, _) = job.run(50, Command::ReportFinish(finish(10, 50, "by-hand", 0))).unwrap();
    assert_eq!(events, ["IterationFinished"]);
    assert_eq!(job.state().done, 0);
    assert!(job.state().flags.contains(&Flag::SurplusRun));
}

#[test]
fn a_dropped_start_is_attempted_again_with_the_next_number() {
    let mut job = Job::seen(native());
    job.run(2, Command::AttemptStart(idle(0, 0))).unwrap();
    let verdict = Verdict::Dropped { first_idle_at: at(3), last_idle_at: at(13) };
    let judged = Command::Judged { iteration: 1, attempt: 1, verdict, facts: idle(0, 0) };
    assert_eq!(job.run(13, judged.clone()).unwrap().0, ["StartDropped"]);
    // The start stays pending: its performer goes on with the next attempt.
    assert!(job.effects.is_empty());
    job.run(14, Command::AttemptStart(idle(0, 0))).unwrap();
    assert_eq!(job.state().attempt().map(|a| (a.iteration, a.number)), Some((1, 2)));
    assert!(matches!(job.run(15, judged), Err(Rejection::Stale(_))), "a verdict on an older attempt is refused");
}

#[test]
fn a_start_judged_as_dropped_whose_report_came_in_the_meantime_is_running() {
    let mut job = Job::seen(native());
    job.start(2, "ct:1");
    let verdict = Verdict::Dropped { first_idle_at: at(3), last_idle_at: at(13) };
    let judged = Command::Judged { iteration: 1, attempt: 1, verdict, facts: idle(0, 0) };
    assert!(matches!(job.run(13, judged), Err(Rejection::Stale(_))));
    assert!(matches!(job.state().work, Work::Running(_)));
}

#[test]
fn two_starts_are_never_under_way() {
    let mut job = Job::seen(native());
    job.run(2, Command::AttemptStart(idle(0, 0))).unwrap();
    assert!(matches!(job.run(3, Command::AttemptStart(idle(0, 0))), Err(Rejection::Stale(_))));
}

#[test]
fn a_run_that_is_overdue_is_looked_up_and_a_vanished_one_started_again() {
    let mut job = Job::seen(native());
    job.start(2, "ct:1");
    let due = report_due(job.state()).unwrap();
    // 3 x (400 + 45) after the start report
    assert_eq!(due, at(2 + 1335));
    assert!(job.run(1336, Command::ReportAwaited { due: at(0) }).unwrap().0.is_empty());
    assert_eq!(job.run(1337, Command::ReportAwaited { due: at(0) }).unwrap().0, ["Overdue"]);
    assert_eq!(job.effects, [EffectChange::Add(Effect::LookUp { iteration: 1, attempt: 1 })]);
    assert_eq!(report_due(job.state()), None, "it is being looked into");

    let verdict = Verdict::Lost(LossReason::Vanished);
    job.run(1350, Command::Judged { iteration: 1, attempt: 1, verdict, facts: idle(0, 0) }).unwrap();
    assert!(matches!(job.effects.last(), Some(EffectChange::Add(Effect::StartIteration { iteration: 1, .. }))));
    assert_eq!(job.state().failures_in_row, 0, "a killed run is not the job's failure");
}

#[test]
fn a_clock_that_was_set_during_a_run_does_not_put_off_the_next_alarm_for_decades() {
    let mut job = Job::seen(native());
    job.start(2, "ct:1");
    // The node began in 1970 and learned the time on the way.
    let facts = FinishFacts { started_at: Timestamp::from_micros(0), ..finish(2, 402, "ct:1", 0) };
    job.run(402, Command::ReportFinish(facts)).unwrap();
    job.start(410, "ct:2");
    // 3 x (402 + 45): the job was not known for longer than 402 s.
    assert_eq!(report_due(job.state()), Some(at(410 + 1341)));
}

#[test]
fn a_run_that_is_overdue_and_still_running_is_left_alone_for_as_long_again() {
    let mut job = Job::seen(native());
    job.start(2, "ct:1");
    job.run(1337, Command::ReportAwaited { due: at(0) }).unwrap();
    let verdict = Verdict::Active(Activity::Running);
    let judged = Command::Judged { iteration: 1, attempt: 1, verdict, facts: idle(0, 0) };
    assert_eq!(job.run(1340, judged).unwrap().0, ["LookedUp"]);
    assert_eq!(report_due(job.state()), Some(at(2 + 2 * 1335)));
    assert!(job.state().flags.contains(&Flag::Overdue));
}

#[test]
fn the_late_report_of_a_run_given_up_for_lost_still_counts_once() {
    let mut job = Job::seen(native());
    job.start(2, "first");
    let verdict = Verdict::Lost(LossReason::Vanished);
    job.run(1337, Command::ReportAwaited { due: at(0) }).unwrap();
    job.run(1350, Command::Judged { iteration: 1, attempt: 1, verdict, facts: idle(0, 0) }).unwrap();
    job.start(1360, "second");
    job.run(1400, Command::ReportFinish(finish(2, 1390, "first", 0))).unwrap();
    assert_eq!(job.state().done, 1);
    let (events, _) = job.run(1500, Command::ReportFinish(finish(1360, 1500, "second", 0))).unwrap();
    assert_eq!((events, job.state().done), (vec!["IterationFinished"], 1));
}

#[test]
fn reports_that_never_arrive_fail_the_job_in_the_end() {
    let mut job = Job::seen(native());
    for attempt in 1..=3 {
        job.run(attempt, Command::AttemptStart(idle(0, 0))).unwrap();
        let verdict = Verdict::Lost(LossReason::ReportLost);
        let facts = idle(1, 0);
        job.run(attempt, Command::Judged { iteration: 1, attempt: attempt as u32, verdict, facts }).unwrap();
    }
    assert_eq!(job.state().state_name(), "failed");
    assert_eq!(job.state().done, 0, "an unreported iteration is never counted");
}

#[test]
fn an_adopted_job_is_not_started_by_us_before_its_own_first_run_is_judged() {
    let mut job = Job::registered(adopted());
    assert!(job.state().flags.contains(&Flag::Adopted));
    let (events, _) = job.run(1, Command::Seen(idle(0, 0))).unwrap();
    assert_eq!(events, ["SeenInFramework", "StartAttempted"]);
    let facts = FinishFacts { key: RunKey::StartedAt(at(5)), sent_at: None, ..finish(5, 300, "", 0) };
    job.run(300, Command::ReportFinish(facts)).unwrap();
    assert_eq!(job.state().done, 1);
    assert!(job.state().decision.is_some());
}

#[test]
fn a_tick_of_an_adopted_jobs_own_schedule_counts() {
    let mut job = Job::seen(adopted());
    for (n, from) in [5i64, 310].into_iter().enumerate() {
        let facts = FinishFacts { key: RunKey::StartedAt(at(from)), sent_at: None, ..finish(from, from + 290, "", 0) };
        job.run(from + 290, Command::ReportFinish(facts)).unwrap();
        assert_eq!(job.state().done as usize, n + 1);
    }
}

#[test]
fn an_adopted_jobs_report_may_overtake_the_first_look() {
    let mut job = Job::registered(adopted());
    let facts = FinishFacts { key: RunKey::StartedAt(at(1)), sent_at: None, ..finish(1, 3, "", 0) };
    assert_eq!(job.run(3, Command::ReportFinish(facts)).unwrap().0, ["IterationFinished"]);
    assert_eq!(job.run(4, Command::Seen(idle(1, 0))).unwrap().0, ["SeenInFramework"]);
    assert!(matches!(job.effects.last(), Some(EffectChange::Add(Effect::StartIteration { iteration: 2, .. }))));
}

#[test]
fn a_container_whose_clock_is_wrong_cannot_move_a_finish_before_its_start_or_after_its_report() {
    let mut job = Job::seen(native());
    job.start(100, "ct:1");
    let forged = FinishFacts { finished_at: Timestamp::from_micros(1), sent_at: None, ..finish(100, 0, "ct:1", 0) };
    job.run(500, Command::ReportFinish(forged)).unwrap();
    assert_eq!(job.state().last.unwrap().finished_at, at(100));
    assert!(job.state().flags.contains(&Flag::ClockSkew));

    job.start(600, "ct:2");
    // An hour ahead, and sent 7 s after the finish.
    let ahead = FinishFacts { sent_at: Some(at(4607)), ..finish(4200, 4600, "ct:2", 0) };
    job.run(1007, Command::ReportFinish(ahead)).unwrap();
    let last = job.state().last.unwrap();
    assert_eq!((last.finished_at, last.duration), (at(1000), Span::from_secs(400)));
}

#[test]
fn a_cpu_changed_by_hand_is_recorded_before_the_next_decision() {
    let mut job = Job::seen(native());
    let facts = FrameworkFacts { cpus: Cpus::from_milli(500), ..idle(0, 0) };
    assert_eq!(job.run(2, Command::AttemptStart(facts)).unwrap().0, ["CpuObserved", "StartAttempted"]);
    assert_eq!(job.state().cpus, Some(Cpus::from_milli(500)));
}

#[test]
fn a_resize_that_fails_leaves_the_old_cpu_and_the_start_pending() {
    let mut job = Job::seen(native());
    job.start(2, "ct:1");
    job.run(480, Command::ReportFinish(finish(10, 480, "ct:1", 0))).unwrap();
    let refused = Command::CpusRefused { cpus: Cpus::from_milli(1400), reason: "500".into(), no_room: false };
    job.run(540, refused.clone()).unwrap();
    assert_eq!(job.effects, [EffectChange::Resolve(EffectKey::Cpus)]);
    assert_eq!(job.state().cpus, Some(Cpus::from_milli(1000)));
    assert!(job.state().flags.contains(&Flag::RescaleFailed));
    assert!(matches!(job.run(541, refused), Err(Rejection::Stale(_))));
}

#[test]
fn a_registration_is_withdrawn_only_before_the_first_start() {
    let mut job = Job::seen(native());
    job.run(2, Command::Withdraw { reason: "submission failed".into(), never_submitted: true }).unwrap();
    assert!(job.state().is_finished());
    assert_eq!(job.effects, [EffectChange::ResolveAll]);
    assert_eq!(
        job.run(3, Command::Withdraw { reason: "again".into(), never_submitted: true }).unwrap().0,
        Vec::<&str>::new()
    );

    let mut started = Job::seen(native());
    started.start(2, "ct:1");
    assert!(matches!(
        started.run(3, Command::Withdraw { reason: "late".into(), never_submitted: true }),
        Err(Rejection::TooLate(_))
    ));
}

#[test]
fn a_report_to_an_ended_job_changes_nothing_and_says_so() {
    let mut job = Job::seen(native());
    job.start(2, "ct:1");
    job.run(3, Command::Cancel { reason: "operator".into() }).unwrap();
    assert_eq!(job.effects, [EffectChange::ResolveAll, EffectChange::Add(Effect::DeleteJob { when_idle: false })]);
    let (events, reply) = job.run(4, Command::ReportFinish(finish(2, 4, "ct:1", 0))).unwrap();
    assert_eq!((events.len(), reply), (0, Reply::ignored("cancelled")));
}

#[test]
fn a_policy_changed_by_configuration_is_an_event() {
    let mut job = Job::seen(native());
    let policy = PolicySettings { deployment_time: Span::from_secs(5), ..PolicySettings::default() };
    assert_eq!(job.run(2, Command::SetPolicy(policy.clone())).unwrap().0, ["PolicyChanged"]);
    assert!(job.run(3, Command::SetPolicy(policy)).unwrap().0.is_empty());
}

#[test]
fn a_decision_of_a_version_that_is_not_known_is_an_error_and_no_other_decision() {
    let mut job = Job::seen(native());
    let policy = PolicySettings { version: 99, ..PolicySettings::default() };
    job.run(2, Command::SetPolicy(policy)).unwrap();
    job.start(3, "ct:1");
    let report = Command::ReportFinish(finish(3, 400, "ct:1", 0));
    assert!(matches!(job.run(400, report), Err(Rejection::UnknownPolicyVersion(_))));
}
