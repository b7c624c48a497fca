//! Long-running jobs: executions, segments, looks.

use super::*;
use crate::events::job::{Removal, SegmentEnd};
use crate::qos::job::command::{ExecutionFacts, LookFacts, SampleFacts, SegmentEndFacts, SegmentStartFacts};
use crate::qos::job::{Effect, EffectKey, Ending, Flag, report_due};
use crate::qos::performance::Performance;

/// The published case III.
pub fn case_iii(rescale: RescaleMode) -> Job {
    let mut registered = registration(serde_json::json!({
        "uuid": JobId::from_bytes([8; 16]), "name": "/openmplinpack1", "framework": "marathon", "job_duration": "400",
        "deadline": "480", "desv_deadline": "0.1", "cpus": 1, "arguments_version": 1
    }));
    registered.supervision.rescale = rescale;
    Job::registered(registered)
}

/// The same with its first segment running since second 10.
pub fn running(rescale: RescaleMode) -> Job {
    let mut job = case_iii(rescale);
    job.run(1, Command::Seen(idle(0, 0))).unwrap();
    job.run(10, begins("e1", 10)).unwrap();
    job.run(10, segment(1, 10, 0)).unwrap();
    job
}

pub fn begins(execution: &str, seconds: i64) -> Command {
    Command::MarathonStart(ExecutionFacts {
        started_at: at(seconds),
        sent_at: Some(at(seconds)),
        execution: Some(execution.into()),
        hostname: None,
    })
}

pub fn segment(number: u64, seconds: i64, base: i64) -> Command {
    Command::SegmentStart(Box::new(segment_facts(number, seconds, base)))
}

pub fn segment_facts(number: u64, seconds: i64, base: i64) -> SegmentStartFacts {
    SegmentStartFacts {
        segment: number,
        at: at(seconds),
        sent_at: Some(at(seconds)),
        execution: Some("e1".into()),
        hostname: Some("node1".into()),
        base: Span::from_secs(base),
        generation: (base > 0).then_some(1),
        runtime: Some("docker".into()),
        limit: Some(Cpus::from_milli(1000)),
        checkpoints: Some(true),
        container: None,
        task: None,
        last_told: None,
    }
}

pub fn segment_end(number: u64, seconds: i64, cpu: i64, reason: SegmentEnd) -> Command {
    Command::SegmentEnd(SegmentEndFacts {
        segment: number,
        execution: Some("e1".into()),
        at: at(seconds),
        sent_at: Some(at(seconds)),
        cpu: Span::from_secs(cpu),
        reason,
        generation: None,
        dump: None,
    })
}

pub fn look(number: u64, seconds: i64, cpu: i64) -> Command {
    look_with_limit(number, seconds, cpu, None)
}

pub fn look_with_limit(number: u64, seconds: i64, cpu: i64, limit: Option<Cpus>) -> Command {
    let cpu = Span::from_secs(cpu);
    let sample = SampleFacts { segment: Some(number), at: at(seconds), cpu, limit };
    Command::Look(LookFacts { sample: Some(sample), ..LookFacts::default() })
}

pub fn end(seconds: i64, exit_code: i32) -> Command {
    Command::MarathonEnd { finished_at: at(seconds), sent_at: Some(at(seconds)), exit_code }
}

pub fn cpu_current(job: &Job) -> i64 {
    job.state().execution.as_ref().unwrap().cpu_current().micros() / 1_000_000
}

#[test]
fn a_job_runs_from_its_registration_to_its_removal() {
    let mut job = case_iii(RescaleMode::Restart);
    assert_eq!(job.effects, [EffectChange::Add(Effect::AwaitJob)]);
    assert!(matches!(job.run(1, end(1, 0)), Err(Rejection::TooLate(_))), "an end before any start");
    assert_eq!(job.run(1, Command::Seen(idle(0, 0))).unwrap().0, ["SeenInFramework"]);
    assert_eq!(job.effects, [EffectChange::Resolve(EffectKey::Await)]);
    assert_eq!(job.run(10, begins("e1", 10)).unwrap().0, ["MarathonStarted"]);
    assert_eq!(job.state().state_name(), "running");
    assert_eq!(job.run(410, end(410, 0)).unwrap().0, ["MarathonEnded", "Completed"]);
    // Deadline 480 s from second 10, done at 410.
    let Some(Ending::Completed { on_time: true, margin, .. }) = job.state().ending() else { panic!("{:?}", job.state) };
    assert_eq!(*margin, Span::from_secs(80));
    // Otherwise Marathon would start it again.
    assert_eq!(job.effects[1], EffectChange::Add(Effect::DeleteJob { when_idle: false }));
    job.run(411, Command::JobRemoved(Removal::Deleted)).unwrap();
    assert!(job.state().is_finished());
    let report = Command::ReportFinish(finish(2, 4, "ct:1", 0));
    assert!(matches!(job.run(402, report), Err(Rejection::WrongFramework { .. })));
}

#[test]
fn reports_may_be_repeated_and_come_in_any_order() {
    let mut job = case_iii(RescaleMode::Restart);
    // A fast agent is there before anything else was heard.
    assert_eq!(job.run(2, segment(1, 2, 0)).unwrap().0, ["SegmentStarted"]);
    assert_eq!(job.run(2, begins("e1", 2)).unwrap().0, ["MarathonStarted"]);
    for repeated in [segment(1, 2, 0), begins("e1", 2), segment_end(9, 3, 1, SegmentEnd::Exited)] {
        let (events, reply) = job.run(3, repeated).unwrap();
        assert_eq!((events.len(), reply), (0, Reply::duplicate()));
    }
    job.run(20, segment_end(1, 20, 15, SegmentEnd::Checkpointed)).unwrap();
    job.run(25, segment(2, 25, 15)).unwrap();
    // What comes late about a segment that is over is no news.
    assert!(job.run(26, segment_end(1, 20, 15, SegmentEnd::Checkpointed)).unwrap().0.is_empty());
    assert_eq!(cpu_current(&job), 15);
}

#[test]
fn cpu_time_is_summed_over_segments_and_rolled_back_with_an_older_checkpoint() {
    let mut job = running(RescaleMode::Restart);
    job.run(130, look(1, 129, 100)).unwrap();
    assert_eq!(cpu_current(&job), 100);
    job.run(140, segment_end(1, 140, 110, SegmentEnd::Checkpointed)).unwrap();
    assert_eq!(cpu_current(&job), 110);
    job.run(145, segment(2, 145, 110)).unwrap();
    assert_eq!(cpu_current(&job), 110);
    job.run(260, look(2, 259, 90)).unwrap();
    assert_eq!(cpu_current(&job), 200);
    // The node crashed; the checkpoint before is restored elsewhere.
    job.run(300, segment(3, 300, 110)).unwrap();
    assert_eq!(cpu_current(&job), 110);
    assert_eq!(job.state().execution.as_ref().unwrap().wasted, Span::from_secs(90));
    // All is lost: a fresh start is another execution, and the deadline stays where it was.
    job.run(350, segment(4, 350, 0)).unwrap();
    job.run(350, begins("e2", 350)).unwrap();
    let execution = job.state().execution.as_ref().unwrap();
    assert_eq!((execution.wasted, execution.started_at), (Span::from_secs(200), at(10)));
}

#[test]
fn a_look_decides_from_the_progress_and_at_most_once_a_period() {
    let mut job = running(RescaleMode::Restart);
    assert_eq!(report_due(job.state()), Some(at(130)));
    assert!(job.run(129, look(1, 128, 50)).unwrap().0.is_empty(), "too early");
    // 100 CPU-seconds were due after 120 s.
    assert_eq!(job.run(130, look(1, 130, 50)).unwrap().0, ["CpuSample", "ProgressDecided", "Rescaled"]);
    assert_eq!(job.effects, [EffectChange::Add(Effect::SetCpus { cpus: Cpus::from_milli(1400) })]);
    let JobEvent::ProgressDecided(decided) = job.log[job.log.len() - 2].event.clone() else { unreachable!() };
    assert_eq!((decided.performance, decided.ratio_millionths), (Performance::UnderPerformant, 500_000));
    assert_eq!(decided.reason, "50.0 CPU-seconds behind its plan: 1 -> 1.4 CPU");
    assert_eq!(decided.inputs.cpu_desired, Span::from_secs(100));
    // While it is under way nothing else is decided, though CPU time is noted.
    assert_eq!(job.run(250, look(1, 250, 100)).unwrap().0, ["CpuSample"]);
    assert_eq!(job.run(251, Command::CpusApplied(Cpus::from_milli(1400))).unwrap().0, ["RescaleApplied"]);
    assert_eq!(job.state().cpus, Some(Cpus::from_milli(1400)));
    // 300 due, 360 used: too fast.
    assert_eq!(job.run(370, look(1, 370, 360)).unwrap().0, ["CpuSample", "ProgressDecided", "Rescaled"]);
    assert_eq!(job.state().resizing_to, Some(Cpus::from_milli(1000)));
}

#[test]
fn missing_data_is_not_zero() {
    let mut job = running(RescaleMode::Restart);
    let nothing = Command::Look(LookFacts::default());
    assert!(job.run(130, nothing.clone()).unwrap().0.is_empty(), "one silent period decides nothing");
    // A sample of a segment that is not there, or one below the last, is no sample.
    assert!(job.run(200, look(7, 200, 500)).unwrap().0.is_empty());
    assert!(job.run(369, nothing.clone()).unwrap().0.is_empty());
    assert_eq!(job.run(370, nothing.clone()).unwrap().0, ["TelemetryLost"]);
    assert!(job.state().flags.contains(&Flag::TelemetryLost));
    assert!(job.run(371, nothing).unwrap().0.is_empty(), "said once");
    assert_eq!(job.run(372, look(1, 372, 300)).unwrap().0, ["CpuSample", "ProgressDecided"]);
    assert!(!job.state().flags.contains(&Flag::TelemetryLost));
    assert!(job.run(500, look(1, 500, 299)).unwrap().0.is_empty());
}

#[test]
fn a_job_that_needs_more_than_it_declared_is_never_starved() {
    let mut job = running(RescaleMode::Restart);
    assert_eq!(job.run(300, look(1, 300, 401)).unwrap().0, ["CpuSample", "ProgressDecided"]);
    assert!(job.state().flags.contains(&Flag::OverDeclared));
    let JobEvent::ProgressDecided(decided) = &job.log.last().unwrap().event else { unreachable!() };
    assert_eq!((decided.performance, decided.from), (Performance::OverPerformant, decided.to));
}

#[test]
fn a_job_without_checkpoints_is_not_restarted_for_another_cpu() {
    let mut job = case_iii(RescaleMode::Restart);
    job.run(10, begins("e1", 10)).unwrap();
    let facts = SegmentStartFacts { checkpoints: Some(false), ..segment_facts(1, 10, 0) };
    job.run(10, Command::SegmentStart(Box::new(facts))).unwrap();
    assert!(job.state().flags.contains(&Flag::NoCheckpoints));
    assert_eq!(job.run(130, look(1, 130, 10)).unwrap().0, ["CpuSample", "ProgressDecided"]);
    let JobEvent::ProgressDecided(decided) = &job.log.last().unwrap().event else { unreachable!() };
    assert!(decided.reason.contains("a restart would lose its work"), "{}", decided.reason);
}

#[test]
fn in_place_the_agent_sets_the_limit_and_its_report_is_the_outcome() {
    let mut job = running(RescaleMode::InPlace);
    // 100 due, 115 used: too fast.
    assert_eq!(job.run(130, look(1, 130, 115)).unwrap().0, ["CpuSample", "ProgressDecided", "Rescaled"]);
    assert_eq!(job.effects, [], "nothing for the framework");
    let in_force = |segment, milli| Command::LimitInForce { segment: Some(segment), cpus: Cpus::from_milli(milli) };
    assert!(job.run(131, in_force(1, 1000)).unwrap().0.is_empty());
    assert!(job.run(131, in_force(7, 600)).unwrap().0.is_empty(), "of a container that is not there");
    assert_eq!(job.run(132, in_force(1, 600)).unwrap().0, ["RescaleApplied"]);
    let state = job.state();
    assert_eq!((state.cpus, state.limit), (Some(Cpus::from_milli(1000)), Some(Cpus::from_milli(600))));
    // 200 due, 150 used: up again, as far as the reservation goes and no further.
    assert_eq!(job.run(250, look(1, 250, 150)).unwrap().0, ["CpuSample", "ProgressDecided", "Rescaled"]);
    assert_eq!(job.state().resizing_to, Some(Cpus::from_milli(1000)));
    let told = look_with_limit(1, 370, 200, Some(Cpus::from_milli(1000)));
    assert_eq!(job.run(370, told).unwrap().0, ["CpuSample", "RescaleApplied"]);
    assert_eq!(job.run(490, look(1, 490, 230)).unwrap().0, ["CpuSample", "ProgressDecided"]);
    let JobEvent::ProgressDecided(decided) = &job.log.last().unwrap().event else { unreachable!() };
    assert!(decided.reason.contains("all that its node is known to have"), "{}", decided.reason);
}

#[test]
fn in_place_more_than_the_reservation_needs_free_cpu_on_the_node() {
    let mut job = running(RescaleMode::InPlace);
    let sample = SampleFacts { segment: Some(1), at: at(130), cpu: Span::from_secs(10), limit: None };
    let free = Some(Cpus::from_milli(300));
    job.run(130, Command::Look(LookFacts { sample: Some(sample), free, ..LookFacts::default() })).unwrap();
    assert_eq!(job.state().resizing_to, Some(Cpus::from_milli(1300)));
}

#[test]
fn an_agent_that_does_not_follow_is_found_out() {
    let mut job = running(RescaleMode::InPlace);
    job.run(130, look(1, 130, 115)).unwrap();
    let deaf = |seconds| look_with_limit(1, seconds, 120, Some(Cpus::from_milli(1000)));
    assert_eq!(job.run(250, deaf(250)).unwrap().0, ["CpuSample"]);
    assert_eq!(job.run(490, deaf(490)).unwrap().0, ["CpuSample", "RescaleFailed"]);
    assert!(job.state().flags.contains(&Flag::RescaleFailed));
}

#[test]
fn the_published_agent_has_one_segment_without_a_number() {
    let mut job = case_iii(RescaleMode::Restart);
    let published = |seconds| {
        Command::MarathonStart(ExecutionFacts {
            started_at: at(seconds),
            sent_at: None,
            execution: None,
            hostname: None,
        })
    };
    job.run(10, published(10)).unwrap();
    assert!(job.run(11, published(10)).unwrap().0.is_empty());
    let sample = SampleFacts { segment: None, at: at(130), cpu: Span::from_secs(100), limit: None };
    job.run(130, Command::Look(LookFacts { sample: Some(sample), ..LookFacts::default() })).unwrap();
    assert_eq!(cpu_current(&job), 100);
}

#[test]
fn a_program_that_fails_fails_the_job() {
    let mut job = running(RescaleMode::Restart);
    job.run(60, segment_end(1, 60, 30, SegmentEnd::Exited)).unwrap();
    assert_eq!(job.run(60, end(60, 137)).unwrap().0, ["MarathonEnded", "Failed"]);
    assert!(matches!(job.state().ending(), Some(Ending::Failed { reason }) if reason.contains("137")));
    assert_eq!(job.run(61, segment(2, 61, 0)).unwrap().1, Reply::ignored("failed"));
}

#[test]
fn a_job_of_the_published_launcher_keeps_its_cpu_rather_than_lose_its_work() {
    let mut job = Job::registered(registration(serde_json::json!({
        "uuid": JobId::from_bytes([8; 16]), "name": "/openmplinpack1", "framework": "marathon", "job_duration": "400",
        "deadline": "480", "desv_deadline": "0.1"
    })));
    job.run(1, Command::Seen(idle(0, 0))).unwrap();
    let started = ExecutionFacts { started_at: at(10), sent_at: None, execution: None, hostname: None };
    job.run(10, Command::MarathonStart(started)).unwrap();
    let sample = SampleFacts { segment: None, at: at(130), cpu: Span::from_secs(10), limit: None };
    let look = Command::Look(LookFacts { sample: Some(sample), ..LookFacts::default() });
    assert_eq!(job.run(130, look).unwrap().0, ["CpuSample", "ProgressDecided"]);
    let JobEvent::ProgressDecided(decided) = &job.log.last().unwrap().event else { unreachable!() };
    assert_eq!((decided.performance, decided.from), (Performance::UnderPerformant, decided.to));
    assert!(decided.reason.contains("a restart would lose its work"), "{}", decided.reason);
}

#[test]
fn an_app_that_may_come_yet_is_looked_for_after_its_job_was_given_up() {
    let withdraw = |never_submitted| Command::Withdraw { reason: "no answer".into(), never_submitted };
    let deletion = [EffectChange::ResolveAll, EffectChange::Add(Effect::DeleteJob { when_idle: false })];
    for give_up in [withdraw(false), Command::NeverSeen] {
        let mut job = case_iii(RescaleMode::Restart);
        assert_eq!(job.run(2, give_up).unwrap().0, ["Withdrawn"]);
        assert_eq!(job.effects, deletion);
        assert!(!job.state().is_finished());
        job.run(300, Command::JobRemoved(Removal::AlreadyGone)).unwrap();
        assert!(job.state().is_finished());
    }
    let mut job = case_iii(RescaleMode::Restart);
    job.run(2, withdraw(true)).unwrap();
    assert_eq!((job.effects.as_slice(), job.state().is_finished()), (&[EffectChange::ResolveAll][..], true));
    // What is there is no matter of opinion.
    let mut job = case_iii(RescaleMode::Restart);
    job.run(1, Command::Seen(idle(0, 0))).unwrap();
    job.run(2, withdraw(true)).unwrap();
    assert_eq!(job.effects, deletion);
}

#[test]
fn a_cpu_for_which_no_node_has_room_is_not_asked_for_again_at_once() {
    let mut job = running(RescaleMode::Restart);
    assert_eq!(job.run(130, look(1, 130, 50)).unwrap().0, ["CpuSample", "ProgressDecided", "Rescaled"]);
    let taken_back =
        |milli| Command::CpusTakenBack { cpus: Cpus::from_milli(milli), reason: "no node had room".into() };
    assert!(job.run(200, taken_back(1500)).is_err(), "nobody has asked for that");
    assert_eq!(job.run(200, taken_back(1400)).unwrap().0, ["RescaleTakenBack"]);
    assert_eq!(job.run(201, taken_back(1400)).unwrap().0, [""; 0], "once");
    assert!(job.state().taking_back && JobState::replay(job.log.clone()) == job.state);
    let refused =
        Command::CpusRefused { cpus: Cpus::from_milli(1400), reason: "no node had room".into(), no_room: true };
    job.run(240, refused).unwrap();
    assert!(!job.state().taking_back && job.run(241, taken_back(1400)).is_err());
    // Ten periods of two minutes.
    for (seconds, kinds) in [(360, 2), (480, 2), (1400, 2), (1520, 3)] {
        let cpu = 50 + seconds / 100;
        assert_eq!(job.run(seconds, look(1, seconds, cpu)).unwrap().0.len(), kinds, "at {seconds}");
    }
    assert_eq!(job.state().resizing_to, Some(Cpus::from_milli(1400)));
    assert_eq!(JobState::replay(job.log.clone()), job.state);
}

#[test]
fn in_place_what_a_node_no_longer_has_free_is_taken_back() {
    let mut job = running(RescaleMode::InPlace);
    let looked = |seconds, cpu, free| {
        let sample = SampleFacts { segment: Some(1), at: at(seconds), cpu: Span::from_secs(cpu), limit: None };
        Command::Look(LookFacts { sample: Some(sample), free: Some(Cpus::from_milli(free)), ..LookFacts::default() })
    };
    let in_force = |milli| Command::LimitInForce { segment: Some(1), cpus: Cpus::from_milli(milli) };
    let given = |job: &Job| job.state().beyond_its_reservation().milli();
    job.run(130, looked(130, 10, 1000)).unwrap();
    assert_eq!(given(&job), 400, "promised");
    job.run(131, in_force(1400)).unwrap();
    assert_eq!(given(&job), 400);
    // Somebody has reserved most of it. Just as slow, the job gets less.
    assert_eq!(job.run(250, looked(250, 20, 100)).unwrap().0, ["CpuSample", "ProgressDecided", "Rescaled"]);
    assert_eq!(job.state().resizing_to, Some(Cpus::from_milli(1100)));
    assert_eq!(given(&job), 400, "until its agent has done it");
    let JobEvent::ProgressDecided(decided) = &job.log[job.log.len() - 2].event else { unreachable!() };
    assert!(decided.reason.contains("its node has no more for it, 1.4 -> 1.1 CPU"), "{}", decided.reason);
    job.run(251, in_force(1100)).unwrap();
    // Never less than its reservation, also when it is not to be decided for at all.
    assert_eq!(job.run(600, looked(600, 401, 0)).unwrap().0, ["CpuSample", "ProgressDecided", "Rescaled"]);
    assert_eq!(job.state().resizing_to, Some(Cpus::from_milli(1000)));
}
