//! What a stop of the cluster does to it.

use super::*;

/// A scheduler that takes up what another one had stored.
fn restarted(sim: &Sim) -> Sim {
    let mut next = Sim::with(sim.core.settings.clone());
    next.now = sim.now + Span::from_secs(5);
    next.nodes.count_on(&sim.journal);
    let stored = sim.core.app_ids().filter_map(|id| sim.core.stored(id));
    // Through the form in which it is stored.
    let records = stored.map(|record| serde_json::from_value(serde_json::to_value(record).unwrap()).unwrap()).collect();
    let actions = next.core.restore(records, &sim.journal, next.now);
    next.perform(actions);
    next
}

#[test]
fn apps_and_their_versions_survive_and_lost_tasks_are_launched_again() {
    for version in ALL {
        let mut sim = Sim::new(version);
        sim.create("/b", json!({"cpus": 0.5, "container": {"docker": {"image": "debian"}}, "backoffSeconds": 300}));
        sim.create("/a", json!({"cpus": 0.5, "instances": 2}));
        sim.put("/a", json!({"cpus": 0.6}), false).unwrap();
        sim.wait(5.0);
        let mut next = restarted(&sim);
        for id in ["/a", "/b"] {
            assert_eq!(next.core.versions(id), sim.core.versions(id));
            assert_eq!(next.core.find(id), sim.core.find(id));
        }
        assert_eq!(next.core.app_ids().collect::<Vec<_>>(), ["/b", "/a"], "in their order");
        let lost = next.journal.iter().filter(|entry| matches!(entry, Entry::End { end: TaskEnd::Lost, .. }));
        assert_eq!(lost.count(), 3);
        next.wait(2.0);
        assert_eq!((next.alive("/a").len(), next.alive("/b").len(), next.deployments()), (2, 1, 0));
        assert!(next.launches.iter().all(|order| order.seq > 5), "placements are counted on");
    }
}

#[test]
fn an_upgrade_in_hand_is_finished_by_the_launch_of_what_shall_be() {
    let mut sim = Sim::new(V1_5);
    sim.create("/a", json!({"upgradeStrategy": strategy(STOP_FIRST)}));
    sim.stubborn = true;
    sim.put("/a", json!({"cpus": 1.4}), false).unwrap();
    let mut next = restarted(&sim);
    next.wait(2.0);
    assert_eq!((next.launches.len(), next.launches[0].cpus), (1, Cpus::from_milli(1400)));
    assert!(next.put("/a", json!({"cpus": 1}), false).is_ok(), "nothing holds it any more");
}
