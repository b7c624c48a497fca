//! Figures that are not the job's, and silence.

use super::marathon::*;
use super::*;
use crate::events::job::TelemetryLost;
use crate::qos::job::Flag;
use crate::qos::job::command::{LookFacts, SampleFacts, Witness};

fn measured(segment: u64, seconds: i64, cpu: i64) -> SampleFacts {
    SampleFacts { segment: Some(segment), at: at(seconds), cpu: Span::from_secs(cpu), limit: None }
}

fn witnessed(sample: SampleFacts, witness: Witness) -> Command {
    Command::Look(LookFacts { sample: Some(sample), witness, ..LookFacts::default() })
}

fn lost(job: &Job) -> &TelemetryLost {
    match &job.log.last().unwrap().event {
        JobEvent::TelemetryLost(lost) => lost,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_figure_far_below_what_the_agent_says_is_not_the_jobs_and_is_never_decided_with() {
    let mut job = running(RescaleMode::Restart);
    let look = |seconds| witnessed(measured(1, seconds, 1), Witness::Says(measured(1, seconds - 1, 90)));
    assert_eq!(job.run(130, look(130)).unwrap().0, ["TelemetryLost"], "at once: it is certain");
    assert!(lost(&job).reason.as_deref().unwrap().contains("not under the task's control group"));
    assert!(job.state().flags.contains(&Flag::TelemetryLost));
    assert!(job.run(250, look(250)).unwrap().0.is_empty(), "said once");
    assert_eq!(cpu_current(&job), 0);
    // The container was put where it belongs.
    let right = witnessed(measured(1, 370, 300), Witness::Says(measured(1, 369, 299)));
    assert_eq!(job.run(370, right).unwrap().0, ["CpuSample", "ProgressDecided"]);
    assert!(!job.state().flags.contains(&Flag::TelemetryLost));
}

#[test]
fn a_source_may_be_slower_or_coarser_than_the_agent() {
    for (source, agent) in [(50, 99), (100, 100), (100, 1)] {
        let mut job = running(RescaleMode::Restart);
        let look = witnessed(measured(1, 130, source), Witness::Says(measured(1, 129, agent)));
        assert_eq!(job.run(130, look).unwrap().0[0], "CpuSample", "{source} and {agent}");
    }
}

#[test]
fn a_figure_counts_only_after_the_agent_has_said_its_own() {
    let mut job = running(RescaleMode::Restart);
    assert!(job.run(130, witnessed(measured(1, 130, 1), Witness::Silent)).unwrap().0.is_empty());
    assert_eq!(job.run(370, witnessed(measured(1, 370, 3), Witness::Silent)).unwrap().0, ["TelemetryLost"]);
    assert_eq!(lost(&job).reason, None, "nobody has contradicted it");
}

#[test]
fn the_published_agent_never_says_a_figure_and_is_measured_all_the_same() {
    let mut job = case_iii(RescaleMode::Restart);
    job.run(10, begins("e1", 10)).unwrap();
    assert_eq!(job.run(130, witnessed(measured(0, 130, 100), Witness::Silent)).unwrap().0[0], "CpuSample");
    assert_eq!(job.run(250, witnessed(measured(0, 250, 200), Witness::Silent)).unwrap().0[0], "CpuSample");
}
