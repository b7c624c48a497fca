//! What a change of CPUs does to the tasks, by upgrade strategy.

use super::*;

/// Number of starts and ends of tasks of `/a`, in their order: `+` and `-`.
fn course(sim: &Sim, from: usize) -> String {
    let sign = |entry: &Entry| match entry {
        Entry::Launch { .. } => Some('+'),
        Entry::End { .. } => Some('-'),
        _ => None,
    };
    sim.journal[from..].iter().filter_map(sign).collect()
}

/// An app of one instance that is running, and the length of the journal so far.
fn running(version: MarathonVersion, shares: (f64, f64)) -> (Sim, usize) {
    let mut sim = Sim::new(version);
    sim.stubborn = true;
    sim.create("/a", json!({"upgradeStrategy": strategy(shares)}));
    assert_eq!(sim.alive("/a"), [1]);
    let so_far = sim.journal.len();
    (sim, so_far)
}

#[test]
fn the_default_starts_the_new_task_first() {
    for version in ALL {
        for shares in [(1.0, 1.0), (1.0, 0.0)] {
            let (mut sim, from) = running(version, shares);
            sim.put("/a", json!({"cpus": 1.4}), false).unwrap();
            assert_eq!(sim.kills, [], "nothing is killed yet");
            sim.wait(2.0);
            assert_eq!(
                (sim.alive("/a").len(), sim.kills.len()),
                (2, 1),
                "the new one runs and the old one is asked to end"
            );
            assert_eq!((sim.kills[0].0, sim.deployments()), (1, 1));
            sim.end(1, TaskEnd::Signal(15));
            sim.wait(0.1);
            assert_eq!((course(&sim, from), sim.deployments()), ("+-".to_owned(), 0));
            assert_eq!(sim.launches[1].cpus, Cpus::from_milli(1400));
        }
    }
}

#[test]
fn nothing_over_and_nothing_healthy_is_stop_then_start() {
    for version in ALL {
        let (mut sim, from) = running(version, STOP_FIRST);
        sim.put("/a", json!({"cpus": 1.4}), false).unwrap();
        assert_eq!(sim.kills.len(), 1, "the old one is asked to end at once");
        sim.wait(60.0);
        assert_eq!((course(&sim, from).as_str(), sim.launches.len()), ("", 1), "nothing is launched while it lives");
        sim.end(1, TaskEnd::Code(0));
        sim.wait(2.0);
        assert_eq!((course(&sim, from), sim.deployments()), ("-+".to_owned(), 0));
        assert_eq!(sim.alive("/a").len(), 1);
    }
}

#[test]
fn half_a_strategy_kills_and_launches_at_once() {
    for version in ALL {
        let (mut sim, from) = running(version, (0.0, 1.0));
        sim.put("/a", json!({"cpus": 1.4}), false).unwrap();
        assert_eq!(sim.kills.len(), 1);
        sim.wait(2.0);
        assert_eq!(course(&sim, from), "+", "the new one runs while the old one is ending");
        assert_eq!(sim.deployments(), 1);
        sim.end(1, TaskEnd::Signal(15));
        sim.wait(0.1);
        assert_eq!(sim.deployments(), 0);
    }
}

#[test]
fn the_default_hangs_without_room_for_both() {
    let mut sim = Sim::new(V1_4);
    sim.nodes = Nodes::new(1, Cpus::from_milli(2000));
    sim.nodes.ports = Ports::imagined();
    sim.create("/a", json!({"cpus": 1.5}));
    sim.put("/a", json!({"cpus": 1.2}), false).unwrap();
    sim.wait(600.0);
    assert_eq!((sim.alive("/a"), sim.deployments(), sim.kills.len()), (vec![1], 1, 0), "the old one runs on");
    sim.put("/a", json!({"upgradeStrategy": strategy(STOP_FIRST)}), true).unwrap();
    sim.wait(2.0);
    assert_eq!((sim.alive("/a"), sim.deployments()), (vec![2], 0));
}

#[test]
fn many_instances_are_replaced_a_few_at_a_time() {
    let mut sim = Sim::new(V1_5);
    sim.create("/a", json!({"cpus": 0.1, "instances": 10, "upgradeStrategy": strategy((0.5, 0.2))}));
    sim.stubborn = true;
    sim.put("/a", json!({"mem": 64}), false).unwrap();
    assert_eq!(sim.kills.len(), 5);
    sim.wait(2.0);
    assert_eq!((sim.alive("/a").len(), sim.kills.len()), (12, 7), "two new ones run, and two more old ones may go");
    for seq in 1..=7 {
        sim.end(seq, TaskEnd::Signal(15));
    }
    sim.wait(2.0);
    assert_eq!(sim.alive("/a").len(), 12);
    sim.stubborn = false;
    for seq in sim.kills.clone().into_iter().map(|(seq, _)| seq).filter(|seq| *seq > 7) {
        sim.end(seq, TaskEnd::Signal(15));
    }
    sim.wait(2.0);
    assert_eq!((sim.alive("/a").len(), sim.deployments()), (10, 0));
    assert!(sim.alive("/a").iter().all(|seq| *seq > 10));
}

#[test]
fn a_new_task_that_fails_is_tried_again_within_the_deployment() {
    let (mut sim, _) = running(V1_5, STOP_FIRST);
    sim.put("/a", json!({"cpus": 1.4}), false).unwrap();
    sim.end(1, TaskEnd::Code(0));
    sim.core.settings.deployment_delay = (Span::from_secs(5), Span::from_secs(5));
    sim.wait(2.0);
    assert_eq!((sim.launches.len(), sim.deployments()), (1, 1));
    sim.end(2, TaskEnd::NotStarted("no image".into()));
    sim.wait(20.0);
    assert_eq!((sim.launches.len(), sim.deployments(), sim.alive("/a")), (2, 0, vec![3]));
}
