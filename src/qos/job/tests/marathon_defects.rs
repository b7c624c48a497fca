//! What the 2017 tool did wrong with long-running jobs.

use super::marathon::*;
use super::*;
use crate::events::job::SegmentEnd;
use crate::qos::job::command::{ExecutionFacts, LookFacts, SampleFacts};
use crate::qos::job::{Effect, Flag};
use crate::qos::performance::Performance;

fn performance(job: &Job) -> Performance {
    job.state().execution.as_ref().unwrap().progress.unwrap().performance
}

/// A clock 30 s ahead made the progress negative, and the job got more CPU each period.
#[test]
fn a_node_whose_clock_is_ahead_is_judged_by_the_supervisors() {
    let mut job = case_iii(RescaleMode::Restart);
    for sent_at in [Some(at(40)), None] {
        let facts = ExecutionFacts { started_at: at(40), sent_at, execution: Some("e1".into()), hostname: None };
        job.run(10, Command::MarathonStart(facts)).unwrap();
    }
    assert_eq!(job.state().execution.as_ref().unwrap().started_at, at(10));
    job.run(10, segment(1, 10, 0)).unwrap();
    assert_eq!(job.run(130, look(1, 130, 100)).unwrap().0, ["CpuSample", "ProgressDecided"]);
    assert_eq!(performance(&job), Performance::OnPlan);
}

#[test]
fn a_node_whose_clock_was_never_set_does_not_make_its_job_late() {
    let mut job = case_iii(RescaleMode::Restart);
    let facts =
        ExecutionFacts { started_at: Timestamp::from_micros(0), sent_at: None, execution: None, hostname: None };
    job.run(10, Command::MarathonStart(facts)).unwrap();
    assert_eq!(job.state().execution.as_ref().unwrap().started_at, at(0), "not before its registration");
}

/// The window was opened anew with the decision, and the old container's last value fell into it.
#[test]
fn a_value_of_the_old_container_is_not_counted_again_after_a_resize() {
    let mut job = running(RescaleMode::Restart);
    job.run(130, look(1, 130, 80)).unwrap();
    job.run(135, segment_end(1, 135, 84, SegmentEnd::Checkpointed)).unwrap();
    job.run(140, segment(2, 140, 84)).unwrap();
    job.run(141, Command::CpusApplied(Cpus::from_milli(1400))).unwrap();
    // It comes late, again and again.
    for seconds in [260, 380] {
        assert!(job.run(seconds, look(1, seconds, 84)).unwrap().0.is_empty());
    }
    assert_eq!(cpu_current(&job), 84);
    // A counter that stands still is what it is: no progress, and nothing is added.
    job.run(390, look(2, 390, 50)).unwrap();
    job.run(520, look(2, 520, 50)).unwrap();
    assert_eq!(cpu_current(&job), 134);
}

/// 55 s of waiting, and then a CPU time of 0.
#[test]
fn a_job_that_ends_before_anything_was_measured_ends_at_once() {
    let mut job = running(RescaleMode::Restart);
    assert_eq!(job.run(15, end(15, 0)).unwrap().0, ["MarathonEnded", "Completed"]);
    assert_eq!(cpu_current(&job), 0);
}

/// Marathon starts everything that ends: the start reset all counters, and the job ran for ever.
#[test]
fn what_marathon_starts_after_the_end_is_not_a_new_execution() {
    let mut job = running(RescaleMode::Restart);
    job.run(400, end(400, 0)).unwrap();
    assert_eq!(job.effects.last(), Some(&EffectChange::Add(Effect::DeleteJob { when_idle: false })));
    for late in [begins("e2", 401), segment(2, 401, 0), end(402, 0)] {
        let (events, reply) = job.run(402, late).unwrap();
        assert_eq!((events.len(), reply), (0, Reply::ignored("completed")));
    }
    assert!(job.run(520, look(2, 520, 10)).unwrap().0.is_empty());
}

/// It took 0.95 for the threshold, whatever the job had declared.
#[test]
fn too_slow_is_below_one_less_the_declared_deviation() {
    let mut job = running(RescaleMode::Restart);
    job.run(130, look(1, 130, 91)).unwrap();
    assert_eq!(performance(&job), Performance::OnPlan);
    job.run(250, look(1, 250, 179)).unwrap();
    assert_eq!(performance(&job), Performance::UnderPerformant);
}

/// 450 CPU-seconds of declared 400 were too fast: 0.6, 0.2, 0.1 CPU.
#[test]
fn a_job_beyond_its_declaration_and_its_deadline_keeps_its_cpu() {
    let mut job = running(RescaleMode::Restart);
    for (seconds, cpu) in [(500, 450), (620, 560), (740, 680)] {
        assert_eq!(job.run(seconds, look(1, seconds, cpu)).unwrap().0, ["CpuSample", "ProgressDecided"]);
    }
    assert_eq!(job.state().cpus, Some(Cpus::from_milli(1000)));
    assert!(job.state().flags.contains(&Flag::OverDeclared));
}

#[test]
fn a_look_without_a_sample_is_not_a_look_at_zero() {
    let mut job = running(RescaleMode::Restart);
    let sample = SampleFacts { segment: Some(1), at: at(129), cpu: Span::from_secs(100), limit: None };
    for seconds in [130, 200, 250] {
        assert!(job.run(seconds, Command::Look(LookFacts::default())).unwrap().0.is_empty());
    }
    job.run(251, Command::Look(LookFacts { sample: Some(sample), ..LookFacts::default() })).unwrap();
    assert_eq!(performance(&job), Performance::OnPlan, "judged for the instant that was measured");
}
