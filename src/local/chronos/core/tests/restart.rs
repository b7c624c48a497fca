//! What a stop of the cluster does to it.

use super::*;

/// A scheduler that takes up what another one had stored.
pub(super) fn restarted(sim: &Sim) -> Sim {
    let mut next = Sim::with(sim.core.settings.clone());
    next.nodes.count_on(&sim.journal);
    next.now = sim.now + Span::from_secs(5);
    let names = sim.core.jobs.keys().chain(sim.core.unseen.keys());
    let records = names.filter_map(|name| sim.core.stored(name)).collect();
    let actions = next.core.restore(records, &sim.journal, next.now);
    next.perform(actions);
    next
}

#[test]
fn jobs_counts_and_schedules_survive_in_their_order() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("b", NEVER, json!({"container": {"image": "debian", "type": "DOCKER"}}));
        sim.create("a", "R5/2015-12-18T10:30:30Z/PT5M", json!({}));
        sim.start("b").unwrap();
        sim.wait(1.0);
        sim.finish_last();
        let next = restarted(&sim);
        assert_eq!(next.core.list(), sim.core.list());
        assert_eq!(next.core.find("b").unwrap().success_count, 1);
        let mut next = next;
        next.wait(30.0);
        assert_eq!(next.launches.len(), 1, "what was planned before the stop runs once");
        assert_eq!(next.launches[0].seq, 2, "placements are counted on");
    }
}

#[test]
fn a_running_task_is_lost_and_counts_as_a_failure() {
    for (retries, errors, launches) in [(0, 1, 0), (2, 0, 1)] {
        for version in BOTH {
            let mut sim = Sim::new(version);
            sim.create("a", NEVER, json!({"retries": retries}));
            sim.start("a").unwrap();
            sim.wait(1.0);
            let mut next = restarted(&sim);
            assert!(next.journal.iter().any(|entry| matches!(entry, Entry::End { seq: 1, end: TaskEnd::Lost, .. })));
            assert_eq!(next.job("a")["errorCount"], errors);
            next.wait(70.0);
            assert_eq!(next.launches.len(), launches);
        }
    }
}

#[test]
fn an_end_that_was_not_processed_is_processed_after_the_stop() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("a", NEVER, json!({}));
        sim.start("a").unwrap();
        sim.wait(1.0);
        sim.end_last(TaskEnd::Code(0));
        assert_eq!(sim.job("a")["successCount"], 0);
        let next = restarted(&sim);
        assert_eq!(next.job("a")["successCount"], 1);
        assert!(next.journal.is_empty());
    }
}
