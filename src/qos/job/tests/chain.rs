//! Several iterations in one task.

use super::marathon::segment_facts;
use super::*;
use crate::events::job::{ChainNext, LossReason};
use crate::qos::job::command::{LookFacts, SampleFacts};
use crate::qos::job::judge::Verdict;
use crate::qos::job::{Effect, EffectKey, Ending, Work, report_due};
use crate::qos::policy::Policies;

/// The job that is chained, decided about by `policy`: `iterations` of 100 s at one CPU, within `deadline`.
pub(super) fn chained(policy: &str, iterations: u32, deadline: u32) -> Registered {
    let request = serde_json::json!({
        "uuid": JobId::from_bytes([9; 16]), "name": "chained", "framework": "chronos", "job_duration": 100, "deadline": deadline,
        "desv_deadline": 0.2, "iterations": iterations, "cpus": 1.0, "arguments_version": 1, "chain": true, "policy": policy
    });
    let defaults = Defaults { policies: Policies::defaults(PolicyName::Step), ..defaults() };
    validate(&serde_json::from_value(request).unwrap(), T0, &defaults).unwrap()
}

/// Its first iteration runs since second 40, in the task `ct:1`.
pub(super) fn running(registered: Registered) -> Job {
    let mut job = Job::seen(registered);
    let facts = FrameworkFacts { cpus: job.state().cpus.unwrap(), ..idle(0, 0) };
    job.run(2, Command::AttemptStart(facts)).unwrap();
    job.run(40, Command::ReportStart(start(40, "ct:1"))).unwrap();
    job
}

/// Whatever was to be put in force is.
fn carried_out(job: &mut Job, seconds: i64) {
    if let Some(cpus) = job.state().resizing_to {
        job.run(seconds, Command::LimitInForce { segment: Some(1), cpus }).unwrap();
    }
}

fn link(run: &str, index: u32) -> RunKey {
    RunKey::Run { run: run.into(), index }
}

fn begins(index: u32, seconds: i64) -> Command {
    Command::ReportStart(StartFacts { key: link("ct:1", index), ..start(seconds, "ct:1") })
}

fn ends(index: u32, from: i64, to: i64, exit_code: i32) -> Command {
    Command::ReportFinish(FinishFacts { key: link("ct:1", index), ..finish(from, to, "ct:1", exit_code) })
}

fn answered(job: &Job) -> ChainNext {
    let answer = job.log.iter().rev().find_map(|one| match &one.event {
        JobEvent::ChainAnswered(answer) => Some(answer.next),
        _ => None,
    });
    answer.unwrap()
}

fn judged(job: &Job, verdict: Verdict) -> Command {
    let attempt = job.state().attempt().unwrap();
    Command::Judged { iteration: attempt.iteration, attempt: attempt.number, verdict, facts: idle(1, 0) }
}

#[test]
fn a_job_on_plan_runs_all_its_iterations_in_one_task() {
    let mut job = running(chained("fixed", 3, 2000));
    let (events, reply) = job.run(140, ends(0, 40, 140, 0)).unwrap();
    assert_eq!((events, reply), (vec!["IterationFinished", "Decided", "ChainAnswered"], Reply::go_on()));
    assert!(!job.effects.iter().any(|effect| matches!(effect, EffectChange::Add(_))), "{:?}", job.effects);
    assert_eq!(job.run(141, begins(1, 141)).unwrap().0, ["IterationStarted"]);
    assert_eq!(job.run(240, ends(1, 141, 240, 0)).unwrap().1, Reply::go_on());
    job.run(241, begins(2, 241)).unwrap();
    let (events, reply) = job.run(340, ends(2, 241, 340, 0)).unwrap();
    assert_eq!(
        (events, reply),
        (vec!["IterationFinished", "Completed"], Reply::exit()),
        "after the last one there is no next"
    );
    // What was measured: one deployment, and how long the task takes from one iteration to the next.
    let history = &job.state().history;
    assert_eq!((history.gaps.len(), history.chain_gaps.as_slice()), (1, &[Span::from_secs(1), Span::from_secs(1)][..]));
}

#[test]
fn a_failed_iteration_ends_the_task_and_runs_again_in_another() {
    let mut job = running(chained("fixed", 3, 2000));
    job.run(140, ends(0, 40, 140, 0)).unwrap();
    job.run(141, begins(1, 141)).unwrap();
    let (events, reply) = job.run(150, ends(1, 141, 150, 7)).unwrap();
    assert_eq!((events, reply), (vec!["IterationFinished"], Reply::exit()));
    assert!(matches!(job.effects.last(), Some(EffectChange::Add(Effect::StartIteration { iteration: 2, .. }))));
    assert_eq!((job.state().done, job.state().failures_in_row), (1, 1));
}

#[test]
fn a_resize_that_is_worth_its_deployment_ends_the_task_and_another_is_not_made() {
    // One iteration is left, and late: 1.4 CPU would win 29 s of it, and the deployment takes 38 s.
    let mut job = running(chained("step", 2, 240));
    let (events, reply) = job.run(140, ends(0, 40, 140, 0)).unwrap();
    assert_eq!((events, reply), (vec!["IterationFinished", "Decided", "ChainAnswered"], Reply::go_on()));
    let JobEvent::Decided(decided) = &job.log[job.log.len() - 2].event else { unreachable!() };
    assert_eq!(decided.to, decided.from);
    assert!(decided.reason.contains("a new task for 1.4 CPU would cost more than it gains"), "{}", decided.reason);
    // With ten left it pays.
    let mut job = running(chained("step", 11, 500));
    let (events, reply) = job.run(140, ends(0, 40, 140, 0)).unwrap();
    assert_eq!(events, ["IterationFinished", "Decided", "Rescaled", "ChainAnswered"]);
    assert_eq!((reply, answered(&job)), (Reply::exit(), ChainNext::Exit));
    let wanted: Vec<_> = job.effects.iter().filter(|effect| matches!(effect, EffectChange::Add(_))).collect();
    assert!(matches!(
        wanted[..],
        [EffectChange::Add(Effect::SetCpus { .. }), EffectChange::Add(Effect::StartIteration { iteration: 2, .. })]
    ));
}

#[test]
fn less_cpu_is_given_only_while_the_deployment_leaves_the_job_in_time() {
    // Far ahead: 3 x 167 s and the deployment fit.
    let mut job = running(chained("step", 4, 3000));
    assert_eq!(job.run(140, ends(0, 40, 140, 0)).unwrap().1, Reply::exit());
    assert_eq!(job.state().resizing_to, Some(Cpus::from_milli(600)));
}

#[test]
fn reports_that_come_again_or_late_change_nothing() {
    let mut job = running(chained("fixed", 4, 3000));
    job.run(140, ends(0, 40, 140, 0)).unwrap();
    job.run(141, begins(1, 141)).unwrap();
    job.run(240, ends(1, 141, 240, 0)).unwrap();
    let before = job.state().clone();
    for (late, reply) in [
        (begins(0, 40), Reply::duplicate()),
        (begins(1, 141), Reply::duplicate()),
        (ends(0, 40, 140, 0), Reply::duplicate()),
        (ends(1, 141, 240, 0), Reply::duplicate()),
    ] {
        assert_eq!(job.run(242, late).unwrap(), (vec![], reply));
    }
    // A link that nobody asked for, and a task that nobody started.
    assert_eq!(job.run(243, begins(7, 243)).unwrap(), (vec![], Reply::exit()));
    assert_eq!(job.run(243, Command::ReportStart(start(243, "other"))).unwrap(), (vec![], Reply::exit()));
    assert_eq!(*job.state(), before);
    let (events, reply) = job.run(250, ends(7, 243, 250, 0)).unwrap();
    assert_eq!((events, reply, job.state().done), (vec!["IterationFinished"], Reply::exit(), 2), "surplus");
}

#[test]
fn the_end_of_a_link_whose_start_report_was_lost_counts_and_goes_on() {
    let mut job = running(chained("fixed", 3, 2000));
    job.run(140, ends(0, 40, 140, 0)).unwrap();
    let (events, reply) = job.run(240, ends(1, 141, 240, 0)).unwrap();
    assert_eq!((events, reply), (vec!["IterationFinished", "Decided", "ChainAnswered"], Reply::go_on()));
    assert_eq!(job.state().done, 2);
    // And so does that of the first, and of one after its start was judged overdue.
    let mut job = Job::seen(chained("fixed", 3, 2000));
    job.run(2, Command::AttemptStart(idle(0, 0))).unwrap();
    assert_eq!(job.run(140, ends(0, 40, 140, 0)).unwrap().1, Reply::go_on());
}

#[test]
fn a_link_that_does_not_begin_in_time_is_looked_for() {
    let mut job = running(chained("fixed", 3, 2000));
    job.run(140, ends(0, 40, 140, 0)).unwrap();
    let due = report_due(job.state()).unwrap();
    assert_eq!(due, at(140) + Span::from_secs(60), "the configured bound");
    assert_eq!(job.run(201, Command::ReportAwaited { due }).unwrap().0, ["Overdue"]);
    assert!(matches!(job.effects[..], [EffectChange::Add(Effect::LookUp { iteration: 2, attempt: 1 })]));
    // Still running by Chronos: the answer, or the start report, may be late.
    let running = judged(&job, Verdict::Active(Activity::Running));
    assert_eq!(job.run(202, running).unwrap().0, ["LookedUp"]);
    assert!(report_due(job.state()).unwrap() > at(400), "as long as an iteration may take");
    assert_eq!(job.run(230, begins(1, 230)).unwrap().0, ["IterationStarted"]);
    let Work::Running(run) = &job.state().work else { unreachable!() };
    assert_eq!((run.announced, run.attempt.overdue), (true, 0));
}

#[test]
fn a_task_that_ended_without_going_on_costs_no_failure_and_its_iteration_runs_in_another() {
    for verdict in [Verdict::Lost(LossReason::ReportLost), Verdict::Lost(LossReason::Vanished)] {
        let mut job = running(chained("fixed", 3, 2000));
        job.run(140, ends(0, 40, 140, 0)).unwrap();
        job.run(201, Command::ReportAwaited { due: report_due(job.state()).unwrap() }).unwrap();
        let gone = judged(&job, verdict);
        assert_eq!(job.run(260, gone).unwrap().0, ["IterationLost"]);
        let JobEvent::IterationLost(lost) = &job.log.last().unwrap().event else { unreachable!() };
        assert_eq!((lost.reason, job.state().failures_in_row), (LossReason::ChainBroken, 0));
        assert!(matches!(job.effects.last(), Some(EffectChange::Add(Effect::StartIteration { iteration: 2, .. }))));
        job.start(300, "ct:2");
        // What the first task was told is answered the same for ever; should it live on, its work counts, and it ends.
        let (events, reply) = job.run(400, ends(1, 141, 240, 0)).unwrap();
        assert_eq!((events[0], reply, job.state().done), ("IterationFinished", Reply::exit(), 2));
    }
}

#[test]
fn when_the_counted_run_was_repeated_meanwhile_the_next_start_waits_for_the_repetition_to_end() {
    let mut job = running(chained("fixed", 3, 2000));
    let gone = judged(&job, Verdict::Lost(LossReason::Vanished));
    job.run(60, gone).unwrap();
    job.start(80, "ct:2");
    // The first task lives on after all, and its iteration counts.
    job.run(140, ends(0, 40, 140, 0)).unwrap();
    assert_eq!(job.state().done, 1);
    let next = |effects: &[EffectChange]| {
        effects.iter().any(|one| matches!(one, EffectChange::Add(Effect::StartIteration { iteration: 2, .. })))
    };
    assert!(next(&job.effects), "{:?}", job.effects);
    assert!(job.run(150, Command::AttemptStart(idle(1, 0))).is_err(), "the repetition runs");
    job.run(190, Command::ReportFinish(finish(90, 190, "ct:2", 0))).unwrap();
    assert_eq!((job.state().done, &job.state().work), (1, &Work::None));
    assert_eq!(job.run(191, Command::AttemptStart(idle(2, 0))).unwrap().0, ["StartAttempted"]);
}

#[test]
fn a_change_in_place_that_ends_with_its_agent_holds_up_no_start() {
    let (mut job, ..) = in_place(1600, 1000);
    assert!(job.state().resizing_to.is_some());
    let ended = crate::qos::job::command::SegmentEndFacts {
        segment: 1,
        at: at(195),
        sent_at: None,
        cpu: Span::from_secs(1),
        execution: segment_facts(1, 40, 0).execution,
        reason: crate::events::job::SegmentEnd::Killed,
        generation: None,
        dump: None,
    };
    assert_eq!(job.run(195, Command::SegmentEnd(ended)).unwrap().0, ["SegmentEnded"]);
    let gone = judged(&job, Verdict::Lost(LossReason::Vanished));
    job.run(260, gone).unwrap();
    assert_eq!(job.state().resizing_to, None);
    let facts = FrameworkFacts { cpus: job.state().cpus.unwrap(), ..idle(1, 0) };
    assert_eq!(job.run(270, Command::AttemptStart(facts)).unwrap().0, ["StartAttempted"]);
}

#[test]
fn what_the_last_iterations_task_has_used_is_recorded_after_the_job_s_end() {
    let mut job = running(chained("predictive", 1, 2000));
    under_an_agent(&mut job, 1000);
    assert_eq!(job.run(140, Command::ReportFinish(finish(40, 140, "ct:1", 0))).unwrap().0[1], "Completed");
    let ended = |segment| {
        Command::SegmentEnd(crate::qos::job::command::SegmentEndFacts {
            segment,
            at: at(141),
            sent_at: None,
            cpu: Span::from_secs(90),
            execution: segment_facts(1, 40, 0).execution,
            reason: crate::events::job::SegmentEnd::Exited,
            generation: None,
            dump: None,
        })
    };
    assert_eq!(job.run(141, ended(2)).unwrap().0, [""; 0], "of another one nothing is known");
    assert_eq!(job.run(141, ended(1)).unwrap().0, ["SegmentEnded"]);
    assert_eq!(job.run(142, ended(1)).unwrap().0, [""; 0], "once");
    assert!(matches!(job.state().ending(), Some(Ending::Completed { .. })));
}

#[test]
fn a_later_link_is_no_proof_that_a_new_start_worked() {
    let mut job = running(chained("fixed", 4, 2000));
    job.run(140, ends(0, 40, 140, 0)).unwrap();
    let gone = judged(&job, Verdict::Lost(LossReason::Vanished));
    job.run(260, gone).unwrap();
    job.run(270, Command::AttemptStart(idle(1, 0))).unwrap();
    job.run(271, begins(2, 271)).unwrap();
    assert!(matches!(job.state().work, Work::Attempted(_)));
    assert_eq!(job.run(272, Command::ReportStart(start(272, "ct:2"))).unwrap().0, ["IterationStarted"]);
}

#[test]
fn who_cannot_chain_is_told_so() {
    let mut request = serde_json::json!({
        "uuid": JobId::from_bytes([9; 16]), "name": "a", "framework": "chronos", "job_duration": 100, "deadline": 1000,
        "desv_deadline": 0.2, "iterations": 3, "chain": true
    });
    let refused = |request: &serde_json::Value| {
        validate(&serde_json::from_value(request.clone()).unwrap(), T0, &defaults()).unwrap_err().field
    };
    assert_eq!(refused(&request), "chain", "a job of the 2017 launcher");
    request["framework"] = "marathon".into();
    request["cpus"] = 1.into();
    assert_eq!(refused(&request), "chain");
}

/// An agent with this limit runs the task.
pub(super) fn under_an_agent(job: &mut Job, limit: u32) {
    let facts = segment_facts(1, 40, 0);
    let facts = crate::qos::job::command::SegmentStartFacts {
        limit: Some(Cpus::from_milli(limit)),
        checkpoints: Some(false),
        ..facts
    };
    assert_eq!(job.run(40, Command::SegmentStart(Box::new(facts))).unwrap().0, ["SegmentStarted"]);
}

fn in_place(deadline: u32, free: u32) -> (Job, Vec<&'static str>, Reply) {
    let mut job = running(chained("predictive", 10, deadline));
    under_an_agent(&mut job, 1000);
    let facts = FinishFacts { free: Some(Cpus::from_milli(free)), ..finish(40, 190, "ct:1", 0) };
    let (events, reply) = job.run(190, Command::ReportFinish(facts)).unwrap();
    (job, events, reply)
}

#[test]
pub(super) fn under_an_agent_the_cpu_is_changed_in_the_same_task_up_to_what_its_node_has() {
    // Nine times 150 s do not fit into 1400 s.
    let (mut job, events, reply) = in_place(1600, 1000);
    assert_eq!((events, reply), (vec!["IterationFinished", "Decided", "Rescaled", "ChainAnswered"], Reply::go_on()));
    let to = job.state().resizing_to.unwrap();
    assert!(job.state().resizes_in_place() && to > Cpus::from_milli(1000) && to <= Cpus::from_milli(2000));
    assert!(
        !job.effects.iter().any(|effect| matches!(effect, EffectChange::Add(_))),
        "its agent learns it with its next answer"
    );
    job.run(191, begins(1, 191)).unwrap();
    job.run(192, Command::LimitInForce { segment: Some(1), cpus: to }).unwrap();
    let state = job.state();
    assert_eq!((state.limit, state.cpus, state.resizing_to), (Some(to), Some(Cpus::from_milli(1000)), None));
    assert_eq!(state.beyond_its_reservation(), to.saturating_sub(Cpus::from_milli(1000)));
    // A failure ends the task, and with it what its agent had in force.
    job.run(200, ends(1, 191, 200, 1)).unwrap();
    assert_eq!((job.state().limit, job.state().cpus_in_force()), (None, Some(Cpus::from_milli(1000))));
}

#[test]
fn what_the_node_does_not_have_takes_a_new_task_when_that_is_worth_it() {
    let (job, events, reply) = in_place(1600, 0);
    assert_eq!((events, reply), (vec!["IterationFinished", "Decided", "Rescaled", "ChainAnswered"], Reply::exit()));
    assert!(job.effects.iter().any(|effect| matches!(effect, EffectChange::Add(Effect::SetCpus { .. }))));
    assert_eq!(job.state().limit, None);
}

#[test]
fn in_the_middle_of_an_iteration_that_takes_too_long_the_cpu_is_raised_in_place() {
    let mut job = running(chained("predictive", 2, 420));
    under_an_agent(&mut job, 1000);
    let end = |from, to| FinishFacts { free: Some(Cpus::from_milli(1000)), ..finish(from, to, "ct:1", 0) };
    assert_eq!(job.run(140, Command::ReportFinish(end(40, 140))).unwrap().1, Reply::go_on());
    job.run(141, begins(1, 141)).unwrap();
    carried_out(&mut job, 141);
    let look = |seconds: i64| {
        let sample = SampleFacts { segment: Some(1), at: at(seconds), cpu: Span::from_secs(seconds - 40), limit: None };
        Command::Look(LookFacts { sample: Some(sample), free: Some(Cpus::from_milli(1000)), ..LookFacts::default() })
    };
    let (events, _) = job.run(200, look(200)).unwrap();
    assert_eq!(events, ["CpuSample", "Decided"], "it is in time, and nothing is taken away meanwhile");
    carried_out(&mut job, 201);
    let (had, spells) = (job.state().cpus_in_force().unwrap(), job.state().history.spells.len());
    // It should have been done at 241.
    let (events, _) = job.run(380, look(380)).unwrap();
    assert_eq!(events, ["CpuSample", "Decided", "Rescaled"], "{had}");
    assert!(job.state().resizing_to.unwrap() > had);
    let JobEvent::Decided(decided) = &job.log[job.log.len() - 2].event else { unreachable!() };
    assert_eq!(decided.inputs.ceiling, Some(Cpus::from_milli(2000)));
    let state = JobState::replay(job.log[..job.log.len() - 2].iter().cloned()).unwrap();
    let again = crate::qos::job::recompute(&state, decided).unwrap();
    assert_eq!(again, *decided, "it follows from the log");
    // An iteration that had two CPUs says nothing about either.
    carried_out(&mut job, 381);
    assert_eq!(job.state().history.spells.len(), spells + 1);
    let measured = job.state().history.iterations.len();
    assert_eq!(
        job.run(390, Command::ReportFinish(FinishFacts { key: link("ct:1", 1), ..end(141, 390) })).unwrap().1,
        Reply::exit()
    );
    assert_eq!(job.state().history.iterations.len(), measured);
}

/// A run that was given up for lost reports its failure while the one in its place is looked for.
#[test]
fn a_late_failure_of_an_earlier_run_does_not_end_the_search_for_the_present_one() {
    let mut job = running(chained("fixed", 3, 2000));
    let overdue = |job: &mut Job| {
        let due = report_due(job.state()).unwrap();
        let seconds = due.since(T0).seconds() as i64 + 1;
        assert_eq!(job.run(seconds, Command::ReportAwaited { due }).unwrap().0, ["Overdue"]);
        seconds
    };
    let seconds = overdue(&mut job);
    let lost = judged(&job, Verdict::Lost(LossReason::Vanished));
    job.run(seconds, lost).unwrap();
    job.run(seconds + 1, Command::AttemptStart(idle(0, 0))).unwrap();
    job.run(seconds + 2, Command::ReportStart(start(seconds + 2, "ct:2"))).unwrap();
    let seconds = overdue(&mut job);
    assert_eq!(job.run(seconds + 1, ends(0, 40, 100, 7)).unwrap().0, ["IterationFinished"]);
    assert!(!job.effects.contains(&EffectChange::Resolve(EffectKey::LookUp)), "{:?}", job.effects);
    let active = judged(&job, Verdict::Active(Activity::Running));
    assert_eq!(job.run(seconds + 2, active).unwrap().0, ["LookedUp"]);
    assert!(report_due(job.state()).is_some(), "and its report is waited for");
}
