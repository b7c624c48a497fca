//! POST of an existing name.

use super::*;

#[test]
fn a_replacement_resets_what_it_does_not_name() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("a", NEVER, json!({"owner": "me", "retries": 0}));
        sim.start("a").unwrap();
        sim.wait(1.0);
        sim.finish_last();
        let seen = sim.job("a");
        assert_eq!(seen["successCount"], 1);
        sim.post("a", NEVER, json!({})).unwrap();
        let job = sim.job("a");
        assert_eq!(
            (&job["successCount"], &job["lastSuccess"], &job["owner"], &job["retries"]),
            (&json!(0), &json!(""), &json!(""), &json!(2))
        );
        // What was read and is posted again keeps its counts.
        let job = decode(&seen, version, sim.now).unwrap();
        sim.event(Event::Schedule(job)).unwrap();
        assert_eq!(sim.job("a"), seen);
    }
}

#[test]
fn a_running_task_is_left_alone_and_the_next_launch_has_the_new_cpu() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("a", NEVER, json!({"retries": 0}));
        sim.start("a").unwrap();
        sim.wait(1.0);
        sim.post("a", NEVER, json!({"cpus": 1.4, "command": "other"})).unwrap();
        assert_eq!((sim.kills.len(), sim.core.tasks().next().unwrap().cpus.milli()), (0, 1000));
        sim.finish_last();
        assert_eq!(sim.job("a")["successCount"], 1);
        sim.start("a").unwrap();
        sim.wait(1.0);
        let order = sim.launches.last().unwrap();
        assert_eq!((order.cpus.milli(), order.argv[2].as_str()), (1400, "other"));
    }
}

#[test]
fn the_definition_is_looked_up_when_an_offer_matches() {
    let mut sim = Sim::new(V2_4);
    sim.create("a", NEVER, json!({}));
    sim.start("a").unwrap();
    sim.post("a", NEVER, json!({"cpus": 0.5})).unwrap();
    sim.wait(1.0);
    assert_eq!(sim.launches[0].cpus.milli(), 500);
}

#[test]
fn in_2_an_empty_start_runs_again_and_stays_as_posted() {
    let mut sim = Sim::new(V2_4);
    sim.create("a", "R//PT5M", json!({}));
    assert_eq!(sim.job("a")["schedule"], "R/2015-12-18T10:35:00.000Z/PT5M");
    sim.wait(1.0);
    sim.finish_last();
    let seen = sim.job("a");
    // Posting what was read starts nothing.
    sim.event(Event::Schedule(decode(&seen, V2_4, sim.now).unwrap())).unwrap();
    sim.wait(30.0);
    assert_eq!(sim.launches.len(), 1);
    sim.post("a", "R//PT5M", json!({})).unwrap();
    assert_eq!(sim.job("a")["schedule"], "R//PT5M");
    sim.wait(1.0);
    assert_eq!(sim.launches.len(), 2);
    sim.finish_last();
    sim.wait(300.0);
    assert_eq!(sim.launches.len(), 3);
    assert_ne!(sim.job("a")["schedule"], "R//PT5M");
}

#[test]
fn in_3_the_text_is_stored_as_sent_until_a_launch() {
    let mut sim = Sim::new(V3_0);
    sim.create("a", "R4//PT5M", json!({}));
    assert_eq!(sim.job("a")["schedule"], "R4//PT5M");
    sim.wait(1.0);
    assert_eq!(sim.launches.len(), 1);
    assert_eq!(sim.job("a")["schedule"], "R3/2015-12-18T10:35:00.000Z/PT5M");
    sim.finish_last();
    // A replacement wakes nobody: it is noticed by the loop's next look.
    sim.post("a", "R4//PT5M", json!({})).unwrap();
    sim.wait(5.0);
    assert_eq!(sim.launches.len(), 1);
    sim.wait(60.0);
    assert_eq!(sim.launches.len(), 2);
}

#[test]
fn in_3_a_new_job_is_unknown_for_a_moment() {
    let mut sim = Sim::new(V3_0);
    sim.post("a", NEVER, json!({})).unwrap();
    assert!(sim.start("a").is_err());
    assert_eq!(sim.core.list(), json!([]));
    sim.wait(0.1);
    assert_eq!(sim.start("a"), Ok(()));
    let mut sim = Sim::new(V2_4);
    sim.post("a", NEVER, json!({})).unwrap();
    assert_eq!(sim.start("a"), Ok(()));
}
