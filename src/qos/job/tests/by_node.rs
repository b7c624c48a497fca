//! A chained job whose share of its node is planned.

use super::chain::{chained, running, under_an_agent};
use super::*;
use crate::events::job::GrantReceived;
use crate::qos::arbitration::{Place, Standing};
use crate::qos::job::{Effect, Work, asks_for_a_round};

fn planned(round: u64, milli: u32, place: Place) -> Command {
    let (cap, standing) = (Some(Cpus::from_milli(milli)), Standing::Saved);
    Command::Grant(GrantReceived { round, cap, standing, place: Some(place), node: None })
}

#[test]
fn a_share_of_its_node_is_taken_at_once_also_in_the_middle_of_an_iteration() {
    let mut job = running(chained("predictive", 10, 1600));
    under_an_agent(&mut job, 1000);
    // After so long an iteration it is late: it takes what it gets, more than its framework has reserved for it.
    let events = ["GrantReceived", "Decided", "Rescaled"];
    assert_eq!(job.run(900, planned(1, 1250, Place::Stays)).unwrap().0, events);
    assert_eq!(job.state().resizing_to, Some(Cpus::from_milli(1250)));
    let confirmed = Command::LimitInForce { segment: Some(1), cpus: Cpus::from_milli(1250) };
    assert_eq!(job.run(901, confirmed).unwrap().0, ["RescaleApplied"]);
    let after = &job.log.last().unwrap().event;
    assert!(asks_for_a_round(job.state(), std::slice::from_ref(after)), "its node has other room now");
    // A neighbour needs some of it, and then gives it back: nobody is restless in place.
    assert_eq!(job.run(910, planned(2, 700, Place::Stays)).unwrap().0, events);
    assert_eq!(job.state().resizing_to, Some(Cpus::from_milli(700)));
    assert_eq!(job.run(920, planned(3, 1250, Place::Stays)).unwrap().0, events);
    for recorded in &job.log {
        if let JobEvent::Decided(decided) = &recorded.event {
            assert!(decided.inputs.ceiling.is_none_or(|ceiling| decided.to <= ceiling), "{decided:?}");
        }
    }
    // Without a plan by nodes the share waits for the next decision.
    let general = GrantReceived {
        round: 4,
        cap: Some(Cpus::from_milli(600)),
        standing: Standing::Saved,
        place: None,
        node: None,
    };
    assert_eq!(job.run(930, Command::Grant(general)).unwrap().0, ["GrantReceived"]);
}

#[test]
fn a_job_that_is_to_move_gets_a_new_task_after_its_iteration_whatever_its_cpu() {
    for (place, told) in [(Place::Stays, Reply::go_on()), (Place::Moves, Reply::exit())] {
        let mut job = running(chained("predictive", 10, 1600));
        under_an_agent(&mut job, 1000);
        job.run(100, planned(1, 1000, place)).unwrap();
        assert!(job.state().work != Work::None, "not in the middle of an iteration");
        assert_eq!(job.run(190, Command::ReportFinish(finish(40, 190, "ct:1", 0))).unwrap().1, told, "{place:?}");
        let JobEvent::ChainAnswered(answer) = &job.log.last().unwrap().event else { panic!("{:?}", job.log.last()) };
        assert_eq!(answer.reason.contains("node with more room"), place == Place::Moves, "{}", answer.reason);
        let starts =
            job.effects.iter().any(|change| matches!(change, EffectChange::Add(Effect::StartIteration { .. })));
        assert_eq!(starts, place == Place::Moves, "the next task is asked for");
    }
}
