//! Failures, their retries and their counts.

use super::*;

fn launched(sim: &mut Sim, retries: u32) {
    sim.create("a", NEVER, json!({"retries": retries}));
    sim.start("a").unwrap();
    sim.wait(1.0);
}

#[test]
fn a_failure_is_retried_after_a_minute_and_counted_at_the_last_attempt() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        launched(&mut sim, 2);
        for attempt in 0..3 {
            assert_eq!(sim.launches.len(), attempt + 1);
            let id = sim.launches.last().unwrap().task.clone();
            assert_eq!(id.split(':').nth(2), Some(attempt.to_string().as_str()), "{id}");
            assert_eq!(sim.job("a")["errorCount"], 0);
            sim.end_last(TaskEnd::Code(1));
            sim.wait(59.0);
            assert_eq!(sim.launches.len(), attempt + 1, "not before the minute is over");
            sim.wait(3.0);
        }
        let job = sim.job("a");
        assert_eq!((&job["errorCount"], &job["errorsSinceLastSuccess"]), (&json!(1), &json!(1)));
        assert_eq!(sim.csv("a"), "failure,idle");
        // After a failure that counted there is no retry, until the job has succeeded.
        sim.start("a").unwrap();
        sim.wait(1.0);
        sim.end_last(TaskEnd::Signal(9));
        sim.wait(62.0);
        assert_eq!((sim.launches.len(), &sim.job("a")["errorCount"]), (4, &json!(2)));
        sim.start("a").unwrap();
        sim.wait(1.0);
        sim.finish_last();
        assert_eq!(sim.job("a")["errorsSinceLastSuccess"], 0);
        sim.start("a").unwrap();
        sim.wait(1.0);
        sim.end_last(TaskEnd::Code(1));
        sim.wait(62.0);
        assert_eq!(sim.launches.len(), 7, "retried again");
    }
}

#[test]
fn without_retries_a_failure_counts_at_once() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        launched(&mut sim, 0);
        sim.end_last(TaskEnd::Code(3));
        sim.wait(0.6);
        let job = sim.job("a");
        assert_eq!((&job["errorCount"], &job["successCount"], &job["lastSuccess"]), (&json!(1), &json!(0), &json!("")));
        assert_eq!(
            job["lastError"],
            "2015-12-18T10:30:01.500Z".replace("01.500", if version == V3_0 { "01.700" } else { "01.500" })
        );
        sim.wait(120.0);
        assert_eq!(sim.launches.len(), 1);
    }
}

#[test]
fn a_task_that_cannot_be_started_is_a_failure() {
    let mut sim = Sim::new(V2_4);
    sim.create("a", NEVER, json!({"retries": 0, "executor": "/my/executor"}));
    sim.start("a").unwrap();
    sim.wait(2.0);
    assert!(sim.launches.is_empty());
    assert_eq!(sim.job("a")["errorCount"], 1);
    assert!(
        sim.journal
            .iter()
            .any(|e| matches!(e, Entry::End { end: TaskEnd::NotStarted(why), .. } if why.contains("executor")))
    );
}

#[test]
fn an_async_task_of_2_is_finished_by_its_report() {
    let mut sim = Sim::new(V2_4);
    sim.create("a", NEVER, json!({"async": true}));
    sim.start("a").unwrap();
    sim.wait(1.0);
    sim.finish_last();
    assert_eq!((&sim.job("a")["successCount"], sim.csv("a").as_str()), (&json!(0), "fresh,running"));
    let task = sim.launches[0].task.clone();
    sim.event(Event::Report { task, status_code: 0 }).unwrap();
    assert_eq!((&sim.job("a")["successCount"], sim.csv("a").as_str()), (&json!(1), "success,idle"));
    sim.event(Event::Report { task: "nonsense".into(), status_code: 0 }).unwrap();
}

#[test]
fn run_times_are_counted_from_the_due_instant() {
    let mut sim = Sim::new(V2_4);
    launched(&mut sim, 2);
    sim.wait(8.5);
    sim.finish_last();
    assert_eq!(sim.core.stats("mean"), json!([{"jobNameLabel": "a", "time": 10.0}]));
    assert_eq!(sim.core.job_stat("a").unwrap()["histogram"]["count"], 1);
    assert_eq!(sim.core.metrics()["counters"]["jobs.run.success.a"]["count"], 1);
    assert_eq!(sim.core.stats("12thPercentile"), json!([]));
}

#[test]
fn version_3_can_mark_a_job_successful() {
    let mut sim = Sim::new(V3_0);
    sim.create("a", NEVER, json!({}));
    sim.event(Event::MarkSuccessful("a".into())).unwrap();
    assert_eq!(sim.job("a")["successCount"], 1);
}
