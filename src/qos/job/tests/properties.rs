use proptest::prelude::*;

use super::*;
use crate::events::job::*;
use crate::qos::chronos::Bounds;
use crate::qos::job::command::{LookFacts, SampleFacts};
use crate::qos::job::judge::Verdict;
use crate::qos::job::{Effect, EffectKey, Work, report_due};
use crate::qos::performance::Performance;

fn chained() -> Registered {
    Registered { chain: true, ..native() }
}

fn instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![any::<i64>().prop_map(Timestamp::from_micros), (0i64..5000).prop_map(at)]
}

fn span() -> impl Strategy<Value = Span> {
    any::<i64>().prop_map(Span::from_micros)
}

fn run_key() -> impl Strategy<Value = RunKey> {
    let link = |(n, index)| RunKey::Run { run: format!("ct:{n}"), index };
    prop_oneof![(0u8..4, 0u32..3).prop_map(link), instant().prop_map(RunKey::StartedAt)]
}

fn cpus() -> impl Strategy<Value = Cpus> {
    any::<u32>().prop_map(Cpus::from_milli)
}

/// Any event at all, with any numbers: a log may be damaged, or come from a version with other habits.
fn any_event() -> impl Strategy<Value = JobEvent> {
    let outcome = prop_oneof![Just(Outcome::Counted), Just(Outcome::Failed), Just(Outcome::Surplus)];
    let reason = prop_oneof![Just(LossReason::RunFailed), Just(LossReason::ReportLost), Just(LossReason::Vanished)];
    let number = prop_oneof![any::<u32>(), 0u32..5];
    prop_oneof![
        prop_oneof![Just(native()), Just(adopted()), Just(chained())].prop_map(JobEvent::Registered),
        (cpus(), any::<u64>(), any::<u64>()).prop_map(|(cpus, success_count, error_count)| SeenInFramework {
            cpus,
            success_count,
            error_count
        }
        .into()),
        (number.clone(), number.clone()).prop_map(|(iteration, attempt)| StartAttempted {
            iteration,
            attempt,
            starter: Starter::Supervisor,
            success_count: 0,
            error_count: 0,
            activity: Activity::Idle
        }
        .into()),
        (number.clone(), number.clone(), instant()).prop_map(|(iteration, attempt, at)| StartDropped {
            iteration,
            attempt,
            first_idle_at: at,
            last_idle_at: at
        }
        .into()),
        (number.clone(), run_key(), instant()).prop_map(|(iteration, key, at)| IterationStarted {
            iteration,
            key,
            hostname: String::new(),
            started_at: at,
            received_at: at
        }
        .into()),
        (number.clone(), run_key(), instant(), span(), outcome, any::<bool>()).prop_map(
            |(iteration, key, at, duration, outcome, clock_skew)| IterationFinished {
                iteration,
                key,
                hostname: String::new(),
                started_at: at,
                finished_at: at,
                reported_finished_at: at,
                received_at: at,
                duration,
                exit_code: 0,
                outcome,
                clock_skew
            }
            .into()
        ),
        (number.clone(), number.clone(), reason).prop_map(|(iteration, attempt, reason)| IterationLost {
            iteration,
            attempt,
            reason,
            success_count: 0,
            error_count: 0
        }
        .into()),
        (number.clone(), instant(), span()).prop_map(|(iteration, since, allowed)| Overdue {
            iteration,
            since,
            allowed
        }
        .into()),
        (number.clone(), any::<bool>(), 0u32..3).prop_map(|(iteration, on, index)| ChainAnswered {
            iteration,
            run: "ct:1".into(),
            index,
            next: if on { ChainNext::Continue } else { ChainNext::Exit },
            decision: None,
            reason: String::new()
        }
        .into()),
        (number.clone()).prop_map(|iteration| LookedUp { iteration, activity: Activity::Queued }.into()),
        (instant(), cpus(), cpus()).prop_map(|(at, from, to)| Decided {
            inputs: DecisionInputs { event: 0, at, remaining: 0, ceiling: None },
            policy: PolicySettings::default(),
            fold: 1,
            prediction: at,
            bounds: Bounds { lower: at, upper: at },
            performance: Performance::OnPlan,
            from,
            to,
            wish: None,
            reason: String::new(),
            model: None,
        }
        .into()),
        (cpus(), cpus()).prop_map(|(from, to)| Rescaled { from, to, decision: None }.into()),
        cpus().prop_map(|cpus| RescaleApplied { cpus }.into()),
        (cpus(), any::<bool>())
            .prop_map(|(cpus, no_room)| RescaleFailed { cpus, reason: String::new(), no_room }.into()),
        cpus().prop_map(|cpus| RescaleUnanswered { cpus, reason: String::new() }.into()),
        cpus().prop_map(|cpus| CpuObserved { cpus }.into()),
        (instant(), span()).prop_map(|(finished_at, margin)| Completed { finished_at, on_time: true, margin }.into()),
        Just(Failed { reason: String::new() }.into()),
        Just(Cancelled { reason: String::new() }.into()),
        any::<bool>().prop_map(|may_come| Withdrawn { reason: String::new(), may_come }.into()),
        Just(Removed { how: Removal::Deleted }.into()),
        instant().prop_map(|at| {
            MarathonStarted { started_at: at, received_at: at, execution: None, hostname: None }.into()
        }),
        (0u64..3, instant(), span(), cpus()).prop_map(|(segment, at, base, cpus)| SegmentStarted {
            segment,
            execution: Some("e".into()),
            started_at: at,
            received_at: at,
            hostname: None,
            base,
            discarded: Span::ZERO,
            generation: None,
            runtime: None,
            limit: Some(cpus),
            checkpoints: Some(false),
            container: None,
            task: None
        }
        .into()),
        (0u64..3, instant(), span()).prop_map(|(segment, at, cpu)| CpuSample { segment, at, cpu, limit: None }.into()),
        (0u64..3, instant(), span()).prop_map(|(segment, at, cpu)| SegmentEnded {
            segment,
            ended_at: at,
            received_at: at,
            cpu,
            reason: SegmentEnd::Checkpointed,
            generation: Some(1),
            dump: None
        }
        .into()),
        instant().prop_map(|since| TelemetryLost { since, reason: None }.into()),
        (instant(), span(), cpus(), cpus()).prop_map(|(at, cpu, from, to)| ProgressDecided {
            inputs: ProgressInputs { event: 0, at, started_at: at, cpu_current: cpu, cpu_desired: cpu, ceiling: None },
            policy: PolicySettings::default(),
            fold: 1,
            ratio_millionths: 1_000_000,
            performance: Performance::OnPlan,
            from,
            to,
            wish: None,
            reason: String::new(),
            model: None,
        }
        .into()),
        instant().prop_map(|deadline_at| DeadlinePassed { deadline_at }.into()),
        instant().prop_map(|at| MarathonEnded { finished_at: at, received_at: at, exit_code: 0 }.into()),
    ]
}

fn facts() -> impl Strategy<Value = FrameworkFacts> {
    let activity = prop_oneof![Just(Activity::Idle), Just(Activity::Queued), Just(Activity::Running)];
    (activity, 0u64..4, 0u64..4).prop_map(|(activity, success_count, error_count)| FrameworkFacts {
        activity,
        ..idle(success_count, error_count)
    })
}

fn any_command() -> impl Strategy<Value = Command> {
    let verdict = prop_oneof![
        Just(Verdict::Unclear),
        Just(Verdict::Active(Activity::Running)),
        Just(Verdict::Dropped { first_idle_at: T0, last_idle_at: T0 }),
        Just(Verdict::Lost(LossReason::Vanished)),
        Just(Verdict::Lost(LossReason::RunFailed)),
    ];
    prop_oneof![
        2 => facts().prop_map(Command::Seen),
        6 => facts().prop_map(Command::AttemptStart),
        4 => run_key().prop_map(|key| Command::ReportStart(StartFacts { key, ..start(0, "") })),
        6 => (run_key(), 0i32..2, 0i64..2000).prop_map(|(key, exit, to)| {
            Command::ReportFinish(FinishFacts { key, free: Some(Cpus::from_milli(500)), ..finish(0, to, "", exit) })
        }),
        2 => (1u64..4).prop_map(|n| Command::SegmentStart(Box::new(super::marathon::segment_facts(n, 0, 0)))),
        1 => (100u32..2000).prop_map(|milli| Command::LimitInForce { segment: None, cpus: Cpus::from_milli(milli) }),
        3 => (1u32..5, 1u32..4, verdict, facts()).prop_map(|(iteration, attempt, verdict, facts)| {
            Command::Judged { iteration, attempt, verdict, facts }
        }),
        2 => (100u32..2000).prop_map(|milli| Command::CpusApplied(Cpus::from_milli(milli))),
        1 => Just(Command::CpusRefused { cpus: Cpus::from_milli(1), reason: String::new(), no_room: true }),
        1 => (100u32..3000).prop_map(|milli| Command::ObserveCpus(Cpus::from_milli(milli))),
        2 => (0i64..5000).prop_map(|due| Command::ReportAwaited { due: at(due) }),
        1 => Just(Command::CpusUnanswered { cpus: Cpus::from_milli(1), reason: String::new() }),
        1 => Just(Command::Cancel { reason: String::new() }),
        1 => Just(Command::Withdraw { reason: String::new(), never_submitted: false }),
        1 => Just(Command::RemovedOutside),
        1 => Just(Command::JobRemoved(Removal::Deleted)),
        4 => Just(Command::DeadlineReached),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn replaying_any_list_of_events_never_panics(events in prop::collection::vec(any_event(), 0..60)) {
        let stream: Vec<_> = events
            .iter()
            .enumerate()
            .map(|(n, event)| Recorded { version: n as u64 + 1, at: T0, event: event.clone() })
            .collect();
        if let Some(state) = JobState::replay(stream) {
            let _ = report_due(&state);
            let _ = react(&state, &events);
            let _ = decide(Some(&state), Command::ReportAwaited { due: at(1) }, at(1));
            let sample = SampleFacts { segment: None, at: at(100_000), cpu: Span::from_secs(1), limit: None };
            let _ = decide(Some(&state), Command::Look(LookFacts { sample: Some(sample), ..LookFacts::default() }), at(100_000));
            let _ = decide(Some(&state), Command::ReportFinish(finish(0, 1, "new", 0)), at(1));
            let _ = decide(Some(&state), Command::DeadlineReached, at(1));
        }
    }

    #[test]
    fn a_state_that_was_written_and_read_goes_on_as_if_nothing_had_happened(
        events in prop::collection::vec(any_event(), 1..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut whole = None;
        let mut read = None;
        for (n, event) in events.iter().enumerate() {
            let recorded = Recorded { version: n as u64 + 1, at: T0, event: event.clone() };
            JobState::follow(&mut whole, &recorded);
            JobState::follow(&mut read, &recorded);
            if n == cut.index(events.len()) {
                read = serde_json::from_slice(&serde_json::to_vec(&read).unwrap()).unwrap();
            }
        }
        prop_assert_eq!(read, whole);
    }

    #[test]
    fn every_event_survives_storage(event in any_event()) {
        let stored = event.encode().unwrap();
        prop_assert_eq!(JobEvent::decode(event.kind(), &stored).unwrap(), event);
    }

    #[test]
    fn whatever_happens_a_job_keeps_its_promises(
        commands in prop::collection::vec((0i64..40, any_command()), 0..80),
        which in 0u8..3,
    ) {
        let mut job = Job::registered([native(), adopted(), chained()][usize::from(which)].clone());
        let mut now = 0;
        let mut pending = std::collections::BTreeMap::from([(EffectKey::Await, Effect::AwaitJob)]);
        for (wait, command) in commands {
            now += wait;
            let before = job.state().clone();
            let Ok((kinds, reply)) = job.run(now, command) else { continue };
            let state = job.state();
            prop_assert!(state.done <= state.registered.iterations);
            prop_assert!(state.done >= before.done && state.done - before.done <= 1);
            prop_assert!(before.ending().is_none() || kinds.iter().all(|kind| *kind == "Removed"), "{kinds:?} after the end");
            // Who was told to go on is waited for, and nobody else is asked to begin the same.
            let goes_on = reply == Reply::go_on();
            let waits = matches!(&state.work, Work::Running(run) if !run.announced && run.attempt.iteration == state.done + 1);
            prop_assert!(state.answering.is_none() && (!goes_on || waits), "{state:?}");
            let starts = |change: &EffectChange| matches!(change, EffectChange::Add(Effect::StartIteration { .. }));
            prop_assert!(!(goes_on && job.effects.iter().any(starts)));
            for change in &job.effects {
                match change {
                    EffectChange::Add(effect) => { pending.insert(effect.key(), effect.clone()); }
                    EffectChange::Resolve(key) => { pending.remove(key); }
                    EffectChange::ResolveAll => pending.clear(),
                }
            }
            // A job that is not over always has something going on, or pending: it never stalls.
            if state.ending().is_none() {
                let awaited = pending.contains_key(&EffectKey::Await) || pending.contains_key(&EffectKey::Start);
                prop_assert!(awaited || report_due(state).is_some() || pending.contains_key(&EffectKey::LookUp), "stalled: {state:?}");
            } else if !state.is_finished() {
                prop_assert!(pending.contains_key(&EffectKey::Delete));
            }
            if pending.contains_key(&EffectKey::Cpus) {
                prop_assert!(state.resizing_to.is_some());
            }
        }
        // A deadline passes once, and not before it is reached.
        let passed: Vec<_> = job.log.iter().filter(|one| one.event.kind() == "DeadlinePassed").collect();
        prop_assert!(passed.len() <= 1 && passed.iter().all(|one| one.at > job.state().deadline_at()), "{passed:?}");
        // The log alone gives the same state.
        let replayed = JobState::replay(job.log.clone());
        prop_assert_eq!(replayed, job.state);
    }
}
