//! Forced starts that are answered and never run (1.7 of the wire contract).

use super::*;

#[test]
fn a_start_is_matched_at_the_next_offer_and_counts_as_running_until_the_end_is_processed() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("a", NEVER, json!({}));
        assert_eq!(sim.csv("a"), "fresh,idle");
        sim.start("a").unwrap();
        assert_eq!(sim.csv("a"), "fresh,queued");
        assert!(sim.launches.is_empty());
        sim.wait(1.0);
        assert_eq!(sim.launches.len(), 1);
        assert_eq!(sim.csv("a"), if version == V3_0 { "fresh,1 running" } else { "fresh,running" });
        // The process ends; the webhook that it called starts the next run at once, and that start is lost.
        sim.end_last(TaskEnd::Code(0));
        sim.start("a").unwrap();
        sim.now = sim.now + Span::from_micros(400_000);
        sim.core.offers.due_at(sim.now);
        sim.event(Event::Tick).unwrap();
        assert_eq!(sim.drops(), ["the job is running"]);
        sim.wait(0.2);
        assert_eq!(sim.csv("a"), "success,idle");
        assert_eq!(sim.job("a")["successCount"], 1);
        sim.start("a").unwrap();
        sim.wait(1.0);
        assert_eq!(sim.launches.len(), 2);
    }
}

#[test]
fn a_second_start_while_one_is_queued_is_dropped() {
    for (version, why) in
        [(V2_4, "the job was launched in the same round of offers"), (V3_0, "the job is queued already")]
    {
        let mut sim = Sim::new(version);
        sim.create("a", NEVER, json!({}));
        sim.start("a").unwrap();
        sim.start("a").unwrap();
        sim.wait(2.0);
        assert_eq!((sim.launches.len(), sim.drops()), (1, vec![why]));
    }
}

#[test]
fn a_disabled_or_deleted_job_is_dropped_and_ends_the_round() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("off", NEVER, json!({"disabled": true}));
        sim.create("gone", NEVER, json!({}));
        sim.create("good", NEVER, json!({}));
        sim.wait(0.9);
        for name in ["off", "gone", "good"] {
            sim.start(name).unwrap();
        }
        sim.event(Event::Delete("gone".into())).unwrap();
        sim.wait(1.0);
        assert_eq!(sim.drops(), ["the job is disabled"]);
        assert_eq!(sim.csv("off"), "fresh,idle");
        sim.wait(1.0);
        assert_eq!((sim.launches.len(), sim.drops().len()), (0, 2));
        sim.wait(1.0);
        assert_eq!(sim.launches.len(), 1);
    }
}

#[test]
fn concurrent_jobs_exist_in_3_only() {
    for (version, runs) in [(V2_4, 1), (V3_0, 2)] {
        let mut sim = Sim::new(version);
        sim.create("a", NEVER, json!({"concurrent": true}));
        for _ in 0..2 {
            sim.start("a").unwrap();
            sim.wait(1.0);
        }
        assert_eq!(sim.launches.len(), runs);
        if version == V3_0 {
            assert_eq!(sim.csv("a"), "fresh,2 running");
            sim.finish_last();
            assert_eq!(sim.csv("a"), "success,1 running");
        }
    }
}

#[test]
fn a_job_that_fits_nowhere_waits_without_blocking_the_others() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        for (name, cpus) in [("big", 1.2), ("big2", 1.2), ("big3", 1.2), ("small", 0.8)] {
            sim.create(name, NEVER, json!({"cpus": cpus}));
        }
        sim.wait(0.1);
        for name in ["big", "big2", "big3", "small"] {
            sim.start(name).unwrap();
        }
        sim.wait(1.0);
        assert_eq!(sim.launches.len(), 2, "the third fits on no node and ends the round");
        sim.wait(1.0);
        assert_eq!(sim.launches.len(), 3, "the small one, now at the head, fits beside a big one");
        assert!(sim.nodes.iter().all(|node| node.used <= node.total));
        sim.wait(5.0);
        assert_eq!(sim.csv("big3"), "fresh,queued");
        let first = sim.launches[0].seq;
        sim.event(Event::Ended { seq: first, end: TaskEnd::Code(0), cpu: (0.0, 0.0) }).unwrap();
        sim.wait(2.0);
        assert_eq!(sim.launches.last().unwrap().task.split(':').nth(3), Some("big3"));
    }
}

#[test]
fn high_priority_goes_first() {
    let mut sim = Sim::new(V2_4);
    sim.create("slow", NEVER, json!({}));
    sim.create("fast", NEVER, json!({"highPriority": true}));
    sim.start("slow").unwrap();
    sim.start("fast").unwrap();
    sim.wait(1.0);
    let order: Vec<_> = sim.launches.iter().map(|order| order.task.split(':').nth(3).unwrap()).collect();
    assert_eq!(order, ["fast", "slow"]);
}

#[test]
fn killing_changes_no_counter_and_leaves_the_job() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("a", NEVER, json!({}));
        sim.start("a").unwrap();
        sim.wait(1.0);
        sim.event(Event::Kill("a".into())).unwrap();
        assert_eq!(sim.kills, [1]);
        sim.end_last(TaskEnd::Signal(15));
        sim.wait(61.0);
        let job = sim.job("a");
        assert_eq!((&job["successCount"], &job["errorCount"], &job["lastError"]), (&json!(0), &json!(0), &json!("")));
        assert_eq!((sim.csv("a").as_str(), sim.launches.len()), ("fresh,idle", 1));
    }
}

#[test]
fn deleting_kills_and_an_image_in_deployment_is_never_started() {
    for version in BOTH {
        let mut options = settings(version);
        options.deployment_delay = (Span::from_secs(10), Span::from_secs(20));
        // The deployment ends before the kill has been processed.
        options.teardown_delay = (Span::from_secs(30), Span::from_secs(30));
        let mut sim = Sim::with(options);
        sim.create("a", NEVER, json!({}));
        sim.start("a").unwrap();
        sim.wait(5.0);
        assert_eq!(sim.nodes.iter().map(|node| node.used.milli()).sum::<u32>(), 1000, "reserved while it is deployed");
        assert_eq!(sim.csv("a"), "fresh,queued");
        sim.event(Event::Delete("a".into())).unwrap();
        sim.wait(60.0);
        assert!(sim.launches.is_empty());
        assert!(sim.journal.iter().any(|entry| matches!(entry, Entry::End { end: TaskEnd::Cancelled, .. })));
        assert_eq!(sim.nodes.iter().map(|node| node.used.milli()).sum::<u32>(), 0);
        assert_eq!(sim.core.tasks().count(), 0);
    }
}
