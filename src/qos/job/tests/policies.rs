//! Jobs under the other policies, and under a policy that only recommends.

use super::*;
use crate::events::job::{Decided, RescaleApplied, Rescaled};
use crate::qos::job::{Effect, EffectKey};
use crate::qos::policy::{Policy, PolicyChoice};

fn under(policies: &Policies, more: serde_json::Value) -> Registered {
    let mut body = serde_json::json!({
        "uuid": JobId::from_bytes([7; 16]), "name": "openmpLinpack1", "framework": "chronos", "job_duration": 400, "deadline": 1800,
        "desv_deadline": 0.2, "iterations": 4, "cpus": 1.0, "arguments_version": 1
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let defaults = Defaults { policies: policies.clone(), ..defaults() };
    validate(&serde_json::from_value(body).unwrap(), T0, &defaults).unwrap()
}

fn predictive() -> Policies {
    Policies::defaults(PolicyName::Predictive)
}

fn decided(job: &Job) -> Vec<&Decided> {
    let decisions = job.log.iter().filter_map(|recorded| match &recorded.event {
        JobEvent::Decided(decided) => Some(decided),
        _ => None,
    });
    decisions.collect()
}

/// Runs one iteration to its end, after the CPU that was decided on is in force.
fn iterate(job: &mut Job, from: i64, to: i64, run: &str) -> Vec<&'static str> {
    if let Some(cpus) = job.state().resizing_to {
        job.run(from - 30, Command::CpusApplied(cpus)).unwrap();
    }
    job.start(from, run);
    job.run(to, Command::ReportFinish(finish(from, to, run, 0))).unwrap().0
}

#[test]
fn a_job_is_decided_about_at_its_registration() {
    let mut job = Job::new();
    let (kinds, _) = job.run(0, Command::Register(Box::new(under(&predictive(), serde_json::json!({}))))).unwrap();
    assert_eq!(kinds, ["Registered", "Decided", "Rescaled"]);
    let first = decided(&job)[0];
    assert_eq!((first.inputs.event, first.inputs.at, first.inputs.remaining), (1, T0, 4));
    assert!(first.to > first.from && first.model.is_some(), "{first:?}");
    // First the framework has to show the job; the CPU is set before the first start.
    let key = |change: &EffectChange| match change {
        EffectChange::Add(effect) => effect.key(),
        other => panic!("{other:?}"),
    };
    let keys: Vec<_> = job.effects.iter().map(key).collect();
    assert_eq!(keys, [EffectKey::Await, EffectKey::Cpus]);
    // The published policy waits for the first iteration, as ever.
    let mut job = Job::new();
    let step = Policies::defaults(PolicyName::Step);
    assert_eq!(job.run(0, Command::Register(Box::new(under(&step, serde_json::json!({}))))).unwrap().0, ["Registered"]);
}

#[test]
fn what_was_measured_is_what_the_next_decision_uses() {
    let mut job = Job::seen(under(&predictive(), serde_json::json!({"deadline": 4000, "job_duration": 800})));
    // Declared as 800 s, it takes 400 s: there is time enough, and after two iterations of its own it says so.
    iterate(&mut job, 40, 440, "ct:1");
    iterate(&mut job, 470, 870, "ct:2");
    let last = decided(&job).last().copied().unwrap().clone();
    let Some(crate::qos::policy::ModelValues::Iterations { observations, gap, .. }) = last.model else {
        panic!("{last:?}")
    };
    assert_eq!((observations, gap), (2, Span::from_secs(30)), "{last:?}");
    assert!(last.to < last.from, "{last:?}");
    assert!(last.reason.contains("2 iterations of") && last.reason.contains(" CPU"), "{}", last.reason);
}

#[test]
fn a_policy_that_only_recommends_says_what_it_would_do_and_does_nothing() {
    let mut job = Job::new();
    let advised = under(&predictive(), serde_json::json!({"dry_run": true}));
    assert_eq!(advised.choice, Some(PolicyChoice { policy: None, dry_run: true }));
    let (kinds, _) = job.run(0, Command::Register(Box::new(advised))).unwrap();
    assert_eq!(kinds, ["Registered", "Decided"]);
    job.run(1, Command::Seen(idle(0, 0))).unwrap();
    let kinds = iterate(&mut job, 40, 520, "ct:1");
    assert_eq!(kinds, ["IterationFinished", "Decided"]);
    let said = decided(&job).last().copied().unwrap().clone();
    assert!(
        said.to > said.from && said.reason.ends_with("would be right; it is only recommended (dry_run)"),
        "{said:?}"
    );
    assert_eq!(
        (job.state().recommended(), job.state().resizing_to, job.state().cpus),
        (Some(said.to), None, Some(said.from))
    );
    assert!(job.effects.iter().all(|change| !matches!(change, EffectChange::Add(Effect::SetCpus { .. }))));
}

#[test]
fn dry_run_switched_on_takes_a_pending_resize_back() {
    let mut job = Job::seen(under(&predictive(), serde_json::json!({})));
    assert!(job.state().resizing_to.is_some());
    let advice = Policies { dry_run: true, ..predictive() };
    let (kinds, _) = job.run(2, Command::SetPolicy(advice.settings(PolicyChoice::default()))).unwrap();
    assert_eq!(kinds, ["PolicyChanged", "RescaleUnanswered", "RescaleFailed"]);
    assert_eq!((job.state().resizing_to, job.state().unanswered), (None, true));
    assert!(job.effects.contains(&EffectChange::Resolve(EffectKey::Cpus)));
}

#[test]
fn no_more_resizes_are_made_than_a_job_may_have() {
    let policies = Policies { max_rescales: Some(1), ..Policies::defaults(PolicyName::Step) };
    let mut job = Job::seen(under(&policies, serde_json::json!({"deadline": 900})));
    assert_eq!(iterate(&mut job, 40, 440, "ct:1"), ["IterationFinished", "Decided", "Rescaled"]);
    assert_eq!(iterate(&mut job, 480, 880, "ct:2"), ["IterationFinished", "Decided"]);
    let held = decided(&job).last().copied().unwrap();
    assert!(held.reason.ends_with("its CPU was changed 1 times, as often as it may, 1.4 CPU stay"), "{}", held.reason);
}

#[test]
fn each_policy_can_be_chosen_by_the_job() {
    for name in PolicyName::ALL {
        let registered = under(&Policies::defaults(PolicyName::Step), serde_json::json!({"policy": name.as_str()}));
        assert_eq!(registered.policy.policy.which(), name);
        let mut job = Job::seen(registered);
        iterate(&mut job, 40, 520, "ct:1");
        let last = decided(&job).last().copied().unwrap();
        assert_eq!(last.policy.policy.which(), name);
        assert!(name != PolicyName::Fixed || last.from == last.to);
    }
}

#[test]
fn the_history_is_a_part_of_the_state_that_the_log_alone_gives() {
    let mut job = Job::seen(under(&predictive(), serde_json::json!({})));
    iterate(&mut job, 40, 520, "ct:1");
    iterate(&mut job, 560, 960, "ct:2");
    let replayed = JobState::replay(job.log.clone()).unwrap();
    assert_eq!(&replayed, job.state());
    assert_eq!((replayed.history.iterations.len(), replayed.history.gaps.len()), (2, 2));
    let applied = job.log.iter().filter(|r| matches!(r.event, JobEvent::RescaleApplied(RescaleApplied { .. }))).count();
    assert_eq!(replayed.history.changes.len(), applied);
    // The same log, the same decisions, to the byte.
    for (place, recorded) in job.log.iter().enumerate() {
        let JobEvent::Decided(decided) = &recorded.event else { continue };
        let before = JobState::replay(job.log[..place].iter().cloned()).unwrap();
        let again = crate::qos::job::recompute(&before, decided).unwrap();
        assert_eq!(JobEvent::from(again).encode().unwrap(), recorded.event.encode().unwrap());
        let next = job.log.get(place + 1).map(|next| &next.event);
        let follows = matches!(next, Some(JobEvent::Rescaled(Rescaled { to, .. })) if *to == decided.to);
        assert_eq!(follows, decided.from != decided.to);
    }
    assert!(matches!(replayed.policy.policy, Policy::Predictive(_)));
}
