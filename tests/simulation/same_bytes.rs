//! The same scenario, candidate and seed give the same events, to the byte.

use mesos_qos::events::job::JobEvent;
use mesos_qos::published::Case;
use mesos_qos::qos::job::{JobState, Recorded};
use mesos_qos::simulation::outcome::Batch;
use mesos_qos::simulation::{NoArbiter, Scenario, simulate, simulate_recorded};

use crate::support::{step, step_in_place};

/// When each job of seed 1 was done, in microseconds after its registration. When a rule or the model is changed on purpose, this is
/// what changes; on no other machine and by no other number of threads does it.
const FINISHES: [(Case, &[i64]); 3] = [
    (Case::One, &[1_767_539_119, 1_761_086_963, 2_349_468_854, 2_043_571_449, 2_197_219_246, 1_595_928_323]),
    (Case::Two, &[1_932_753_693, 1_730_468_354, 2_315_793_394, 1_989_780_188, 2_238_898_062, 1_818_294_029]),
    (Case::Three, &[479_083_798]),
];

#[test]
fn a_run_is_the_same_every_time_and_on_every_machine() {
    for (case, expected) in FINISHES {
        let scenario = Scenario::published(case);
        let recorded = simulate_recorded(&scenario, &step(), &NoArbiter, 1).unwrap();
        assert_eq!(simulate_recorded(&scenario, &step(), &NoArbiter, 1).unwrap(), recorded);
        let outcome = simulate(&scenario, &step(), &NoArbiter, 1).unwrap();
        assert_eq!(outcome, recorded.0, "recording changes nothing");
        let finishes: Vec<i64> = outcome.jobs.iter().map(|job| (job.finished_s * 1e6).round() as i64).collect();
        assert_eq!(finishes, expected, "{case:?}");
        assert_ne!(simulate(&scenario, &step(), &NoArbiter, 2).unwrap(), outcome);
    }
}

#[test]
fn the_events_of_a_run_replay_to_jobs_that_are_done() {
    for (case, candidate) in [(Case::Two, step()), (Case::Three, step()), (Case::Three, step_in_place())] {
        let (outcome, batches) = simulate_recorded(&Scenario::published(case), &candidate, &NoArbiter, 7).unwrap();
        let mut done = 0;
        let first = |batch: &&Batch| matches!(batch.events.first(), Some(JobEvent::Registered(_)));
        for job in batches.iter().filter(first).map(|batch| batch.job) {
            let events = batches.iter().filter(|batch| batch.job == job);
            let stamped = events.flat_map(|batch| batch.events.iter().map(|event| (batch.at, event.clone())));
            let stream = (1..).zip(stamped).map(|(version, (at, event))| Recorded { version, at, event });
            let state = JobState::replay(stream).unwrap();
            assert!(state.is_finished(), "{:?}", state.phase);
            done += 1;
        }
        assert_eq!(done, outcome.jobs.len());
    }
}

#[test]
fn instants_never_go_back() {
    let (_, batches) = simulate_recorded(&Scenario::published(Case::One), &step(), &NoArbiter, 3).unwrap();
    assert!(batches.windows(2).all(|pair| pair[0].at <= pair[1].at));
}
