//! Jobs that share a cluster: what they are told, when they use it, and when they are reckoned with.

use super::*;
use crate::events::job::{Decided, GrantReceived, LossReason};
use crate::qos::arbitration::{Aim, Nodes, Standing};
use crate::qos::job::judge::Verdict;
use crate::qos::job::{Effect, EffectKey, FOLD_VERSION, Outlooks, next_to_begin, recompute, round, round_with};

fn shared(more: serde_json::Value) -> Registered {
    let mut body = serde_json::json!({
        "uuid": JobId::from_bytes([7; 16]), "name": "openmpLinpack1", "framework": "chronos", "job_duration": 400, "deadline": 1800,
        "desv_deadline": 0.2, "iterations": 4, "cpus": 1.0, "arguments_version": 1
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let defaults = Defaults { policies: Policies::defaults(PolicyName::Predictive), ..defaults() };
    validate(&serde_json::from_value(body).unwrap(), T0, &defaults).unwrap()
}

fn grant(round: u64, milli: u32) -> Command {
    Command::Grant(GrantReceived {
        round,
        cap: Some(Cpus::from_milli(milli)),
        standing: Standing::GivesWay,
        place: None,
        node: None,
    })
}

/// A job whose first iteration is under way with the CPU that it wished for.
fn running() -> Job {
    let mut job = Job::seen(shared(serde_json::json!({})));
    let wished = job.state().resizing_to.unwrap();
    job.run(2, Command::CpusApplied(wished)).unwrap();
    job.start(40, "ct:1");
    job
}

fn keys(job: &Job) -> Vec<EffectKey> {
    let added = job.effects.iter().filter_map(|change| match change {
        EffectChange::Add(effect) => Some(effect.key()),
        _ => None,
    });
    added.collect()
}

#[test]
fn an_iteration_that_failed_runs_again_under_the_grant_that_came_meanwhile() {
    let mut job = running();
    assert_eq!(job.run(100, grant(1, 300)).unwrap().0, ["GrantReceived"]);
    let (kinds, _) = job.run(300, Command::ReportFinish(finish(40, 300, "ct:1", 1))).unwrap();
    assert_eq!(kinds, ["IterationFinished", "Decided", "Rescaled"]);
    assert_eq!(job.state().resizing_to, Some(Cpus::from_milli(300)));
    assert_eq!(keys(&job), [EffectKey::Cpus, EffectKey::Start], "the CPU comes before the start");
    // The same grant again changes nothing more.
    job.run(310, Command::CpusApplied(Cpus::from_milli(300))).unwrap();
    job.start(340, "ct:2");
    assert_eq!(job.run(400, Command::ReportFinish(finish(340, 400, "ct:2", 1))).unwrap().0, ["IterationFinished"]);
}

#[test]
fn an_iteration_that_was_lost_and_a_start_that_was_dropped_use_it_too() {
    let mut job = running();
    job.run(100, grant(1, 300)).unwrap();
    job.run(2000, Command::ReportAwaited { due: at(2000) }).unwrap();
    let lost = |verdict| Command::Judged { iteration: 1, attempt: 1, verdict, facts: idle(0, 1) };
    let (kinds, _) = job.run(2001, lost(Verdict::Lost(LossReason::RunFailed))).unwrap();
    assert_eq!(kinds, ["IterationLost", "Decided", "Rescaled"]);

    let mut job = Job::seen(shared(serde_json::json!({})));
    let wished = job.state().resizing_to.unwrap();
    job.run(2, Command::CpusApplied(wished)).unwrap();
    let facts = FrameworkFacts { cpus: wished, ..idle(0, 0) };
    job.run(40, Command::AttemptStart(facts)).unwrap();
    assert_eq!(job.run(41, grant(1, 300)).unwrap().0, ["GrantReceived"], "a start is under way");
    let dropped = Verdict::Dropped { first_idle_at: at(50), last_idle_at: at(60) };
    assert_eq!(job.run(61, lost(dropped)).unwrap().0, ["StartDropped", "Decided", "Rescaled"]);
    assert!(
        job.log
            .iter()
            .any(|recorded| matches!(&recorded.event, JobEvent::Decided(Decided { to, .. }) if to.milli() == 300))
    );
}

#[test]
fn what_is_predicted_is_the_end_with_the_cpu_that_is_left_to_it() {
    let newest = |job: &Job| {
        let decided = job.log.iter().rev().find_map(|recorded| match &recorded.event {
            JobEvent::Decided(decided) => Some(decided.clone()),
            _ => None,
        });
        decided.unwrap()
    };
    let mut job = running();
    job.run(500, Command::ReportFinish(finish(40, 500, "ct:1", 0))).unwrap();
    let free = newest(&job);
    job.run(501, grant(1, 300)).unwrap();
    let capped = newest(&job);
    assert_eq!((capped.to.milli(), capped.fold), (300, FOLD_VERSION));
    assert!(capped.from > capped.to && capped.wish > Some(capped.to));
    let late = |decided: &Decided| decided.prediction > job.state().deadline_at();
    assert!(!late(&free) && late(&capped), "{:?} and {:?}", free.prediction, capped.prediction);
    // As it was recorded before version 4: the end with the CPU before.
    let at = job.log.iter().rposition(|recorded| matches!(&recorded.event, JobEvent::Decided(_))).unwrap();
    let mut before = None;
    job.log[..at].iter().for_each(|recorded| assert!(JobState::follow(&mut before, recorded)));
    let older = recompute(&before.unwrap(), &Decided { fold: 3, ..capped.clone() }).unwrap();
    assert!(!late(&older) && older.to == capped.to);
}

#[test]
fn no_start_is_asked_for_while_another_cpu_is_on_its_way() {
    let mut job = Job::seen(shared(serde_json::json!({})));
    let pending = job.state().resizing_to.unwrap();
    assert!(matches!(job.run(2, Command::AttemptStart(idle(0, 0))), Err(Rejection::Stale(_))));
    job.run(3, Command::CpusApplied(pending)).unwrap();
    let facts = FrameworkFacts { cpus: pending, ..idle(0, 0) };
    assert_eq!(job.run(4, Command::AttemptStart(facts)).unwrap().0, ["StartAttempted"]);
}

#[test]
fn a_new_cpu_goes_before_a_start_that_waits_and_behind_everything_else() {
    use EffectKey::{Await, Cpus, Delete, LookUp, Start};
    let place = |key: EffectKey, waiting: &[EffectKey]| key.place_among(waiting.iter().copied());
    assert_eq!(place(Cpus, &[Start]), 0);
    assert_eq!(place(Cpus, &[Await, Start]), 1);
    assert_eq!([place(Cpus, &[Await]), place(Cpus, &[Delete]), place(Cpus, &[])], [1, 1, 0]);
    assert_eq!([place(Start, &[Cpus]), place(LookUp, &[Start]), place(Delete, &[Cpus, Start])], [1, 1, 2]);
    // A grant between two iterations, while the start waits for its pause.
    let mut job = running();
    job.run(500, Command::ReportFinish(finish(40, 500, "ct:1", 0))).unwrap();
    let before = job.state().resizing_to;
    job.run(501, grant(1, 100)).unwrap();
    assert_ne!(job.state().resizing_to, before);
    assert!(
        job.effects.iter().all(|change| matches!(change, EffectChange::Add(Effect::SetCpus { .. }))),
        "{:?}",
        job.effects
    );
}

const NODES: Nodes = Nodes { count: 1, cpus: Cpus::from_milli(2000) };

#[test]
fn a_job_that_starts_later_is_reckoned_with_from_its_start_on() {
    let later = shared(serde_json::json!({"start_at": at(5000).epoch_seconds()}));
    let mut job = Job::seen(later);
    let input = |job: &Job, now| round(Aim::MostOnTime, NODES, 1, now, &[job.state()]).inputs[0].clone();
    let early = input(&job, at(4000));
    assert_eq!((early.wish, early.occupied), (None, None), "it neither contends nor keeps room");
    assert_eq!(next_to_begin(at(4000), [job.state()]), Some(at(4955)), "a deployment before its start");
    assert!(input(&job, at(4955)).wish.is_some());
    assert_eq!(next_to_begin(at(4955), [job.state()]), None);
    // What it was told before is lifted meanwhile.
    job.run(10, grant(1, 300)).unwrap();
    let lifted = round(Aim::MostOnTime, NODES, 2, at(4000), &[job.state()]).grants;
    assert_eq!((lifted.len(), lifted[0].cap), (1, None));
}

#[test]
fn a_start_that_was_asked_for_counts_as_the_iteration_that_it_is() {
    let mut job = Job::seen(shared(serde_json::json!({"iterations": 2, "deadline": 900})));
    let wished = job.state().resizing_to.unwrap();
    job.run(2, Command::CpusApplied(wished)).unwrap();
    let late = |job: &Job, now| {
        let mut outlooks = Outlooks::default();
        outlooks.look_at(job.state(), now, Aim::MostOnTime);
        let contender = outlooks.contender(job.state().registered.job)?;
        Some((contender.late_with(contender.floor), contender.late_with(contender.most())))
    };
    let (slow_before, _) = late(&job, at(3)).unwrap();
    let facts = FrameworkFacts { cpus: wished, ..idle(0, 0) };
    job.run(3, Command::AttemptStart(facts)).unwrap();
    let (slow, fast) = late(&job, at(3)).unwrap();
    // The first iteration has the CPU that it was asked for with: only the second would be slow.
    assert!(slow < slow_before / 1.5 && slow > fast, "{slow_before} {slow} {fast}");
    // Another one's last iteration is a fact that nobody decides about any more.
    let mut last = Job::seen(shared(serde_json::json!({"iterations": 1})));
    let wished = last.state().resizing_to;
    wished.into_iter().for_each(|cpus| drop(last.run(2, Command::CpusApplied(cpus)).unwrap()));
    let cpus = last.state().cpus.unwrap();
    last.run(3, Command::AttemptStart(FrameworkFacts { cpus, ..idle(0, 0) })).unwrap();
    let input = round(Aim::MostOnTime, NODES, 1, at(4), &[last.state()]).inputs[0].clone();
    assert_eq!((input.wish, input.occupied), (None, Some(cpus)));
}

#[test]
fn what_is_remembered_of_the_jobs_makes_the_same_rounds() {
    let mut outlooks = Outlooks::default();
    let mut job = running();
    for seconds in [41, 41, 200, 900, 1500] {
        let known = round_with(&mut outlooks, Aim::MostOnTime, NODES, 1, at(seconds), &[job.state()]);
        assert_eq!(known, round(Aim::MostOnTime, NODES, 1, at(seconds), &[job.state()]), "{seconds}");
    }
    job.run(1600, Command::ReportFinish(finish(40, 1600, "ct:1", 0))).unwrap();
    let known = round_with(&mut outlooks, Aim::MostOnTime, NODES, 1, at(1601), &[job.state()]);
    assert_eq!(known, round(Aim::MostOnTime, NODES, 1, at(1601), &[job.state()]));
}
