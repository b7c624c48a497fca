//! When schedules make jobs run, and what becomes of their text.

use super::*;

fn run_times(sim: &Sim) -> Vec<i64> {
    let at = |entry: &Entry| match entry {
        Entry::Launch { at, .. } => Some(at.since(START).micros() / 1_000_000),
        _ => None,
    };
    sim.journal.iter().filter_map(at).collect()
}

/// Lets a scheduler run, ending each task two seconds after its launch.
fn run(sim: &mut Sim, seconds: u32) {
    for _ in 0..seconds {
        sim.wait(1.0);
        let old: Vec<u64> =
            sim.core.tasks().filter(|t| t.wanted.due + Span::from_secs(2) <= sim.now).map(|t| t.seq).collect();
        for seq in old {
            sim.event(Event::Ended { seq, end: TaskEnd::Code(0), cpu: (0.0, 0.0) }).unwrap();
        }
    }
}

#[test]
fn a_finite_schedule_runs_out_and_disables_its_job() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("a", "R3//PT2M", json!({}));
        run(&mut sim, 600);
        assert_eq!(run_times(&sim).len(), 3, "{version}: {:?}", run_times(&sim));
        let job = sim.job("a");
        assert_eq!((&job["successCount"], &job["disabled"]), (&json!(3), &json!(true)));
        assert!(job["schedule"].as_str().unwrap().starts_with("R0/"));
        sim.start("a").unwrap();
        sim.wait(3.0);
        assert_eq!(sim.drops(), ["the job is disabled"]);
    }
}

#[test]
fn occurrences_come_at_their_instants() {
    for (version, times) in [(V2_4, [10, 130, 250]), (V3_0, [11, 131, 251])] {
        let mut sim = Sim::new(version);
        sim.create("a", "R/2015-12-18T10:30:10Z/PT2M", json!({}));
        run(&mut sim, 300);
        // In 3.x a job is due only after its instant, so that the offer of that instant has passed.
        assert_eq!(run_times(&sim), times);
    }
}

#[test]
fn version_2_skips_what_was_missed_and_version_3_runs_it_once() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("a", "R5/2015-12-18T10:20:30Z/PT5M", json!({}));
        sim.wait(2.0);
        match version {
            V2_4 => {
                // 10:20:30 and 10:25:30 are gone; 10:30:30 is inside the horizon and planned already.
                assert_eq!(sim.job("a")["schedule"], "R2/2015-12-18T10:35:30.000Z/PT5M");
                assert!(sim.launches.is_empty());
                sim.wait(30.0);
                assert_eq!(sim.launches.len(), 1);
            }
            V3_0 => {
                assert_eq!(sim.launches.len(), 1);
                assert_eq!(sim.job("a")["schedule"], "R4/2015-12-18T10:30:30.000Z/PT5M");
            }
        }
    }
}

#[test]
fn no_recurrence_is_never_run_by_itself_whatever_its_date() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("myjob", "R0/2014-01-01T00:00:00Z/PT60M", json!({}));
        sim.wait(7200.0);
        assert!(sim.launches.is_empty());
        assert_eq!(sim.job("myjob")["schedule"], "R0/2014-01-01T00:00:00Z/PT60M");
        sim.start("myjob").unwrap();
        sim.wait(1.0);
        assert_eq!(sim.launches.len(), 1);
        // Counting below zero, 3.x makes it endless.
        let endless = sim.job("myjob")["schedule"].as_str().unwrap().starts_with("R/");
        assert_eq!(endless, version == V3_0);
    }
}

#[test]
fn an_overdue_schedule_of_3_fires_when_the_running_task_is_gone() {
    let mut sim = Sim::new(V3_0);
    sim.create("a", "R//PT1M", json!({}));
    sim.wait(1.0);
    sim.wait(100.0);
    assert_eq!(sim.launches.len(), 1);
    assert!(sim.drops().contains(&"the job is running"));
    sim.end_last(TaskEnd::Code(0));
    sim.wait(61.0);
    assert_eq!(sim.launches.len(), 2);
}

#[test]
fn a_short_period_of_2_is_planned_a_horizon_ahead() {
    let mut sim = Sim::new(V2_4);
    sim.create("a", "R//PT20S", json!({}));
    assert_eq!(sim.job("a")["schedule"], "R/2015-12-18T10:31:00.000Z/PT20S");
    run(&mut sim, 59);
    assert_eq!(run_times(&sim), [1, 20, 40]);
    // Killing cancels what is planned ahead.
    sim.wait(1.5);
    sim.event(Event::Kill("a".into())).unwrap();
    run(&mut sim, 58);
    assert_eq!(run_times(&sim), [1, 20, 40, 60]);
}

#[test]
fn a_period_of_nothing_neither_hangs_nor_floods() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("a", "R//PT0S", json!({}));
        sim.wait(3.0);
        assert_eq!(sim.launches.len(), 1);
    }
}

#[test]
fn a_far_future_schedule_is_only_moved_by_nothing() {
    for (version, text) in [(V2_4, NEVER), (V3_0, "R/2099-01-01T00:00:00.000Z/P1Y")] {
        let mut sim = Sim::new(version);
        sim.create("a", NEVER, json!({}));
        for run in 1..=3 {
            sim.start("a").unwrap();
            sim.wait(1.0);
            sim.finish_last();
            assert_eq!((sim.launches.len(), sim.job("a")["schedule"].as_str()), (run, Some(text)));
        }
        sim.wait(3600.0);
        assert_eq!((sim.launches.len(), &sim.job("a")["disabled"]), (3, &json!(false)));
    }
}

#[test]
fn without_quotas_a_task_may_use_its_node_and_still_reserves_its_own() {
    for (limit, milli, shared) in [(CpuLimit::Quota, 500, None), (CpuLimit::Node, 2000, Some(2000))] {
        let mut sim = Sim::with(Settings { limit, ..settings(V3_0) });
        sim.create("a", NEVER, json!({"cpus": 0.5}));
        sim.start("a").unwrap();
        sim.wait(2.0);
        let order = &sim.launches[0];
        assert_eq!((order.cpus.milli(), order.node.as_ref().map(|node| node.cpus.milli())), (milli, shared));
        assert_eq!(sim.nodes.iter().map(|node| node.used.milli()).sum::<u32>(), 500);
    }
}
