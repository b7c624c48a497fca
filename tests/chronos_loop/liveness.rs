//! A job always goes on: whatever was lost, dropped or late, something is pending or somebody is told.

use std::sync::Arc;
use std::time::Duration;

use mesos_qos::clock::{Clock, ManualClock, SystemClock};
use mesos_qos::qos::units::Span;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::faults::Faults;
use crate::helpers::{legacy_registration, now, on_actix, report};
use crate::world::{VERSIONS, World};

#[test]
fn a_report_is_found_overdue_by_a_clock_that_is_slower_than_the_alarm() {
    on_actix(async {
        let clock = ManualClock::at(SystemClock.now());
        let settings = [("supervisor", "overdue_factor", "1")];
        let world = World::start_at(VERSIONS[1], Arc::new(clock.clone()), &settings).await;
        let qos = json!({"duration": 0.1, "deadline": 600, "desv_deadline": 0.9});
        let uuid = world.launch("slow", "sleep 1000", 1, qos).await.uuid.to_string();
        world.wait_for_state(&uuid, "running").await;
        // The alarm rings after 0.4 s, when the wall clock has not moved yet.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        clock.advance(Span::from_secs(5));
        world.wait_for(&uuid, |job| flags(job).contains(&json!("overdue"))).await;
        world.stop().await;
    });
}

/// The first run dies and is run again, and then its report comes after all, as from a node that was cut off; the second run dies
/// in silence.
#[test]
fn a_late_report_does_not_hide_that_the_second_run_died() {
    on_actix(async {
        let world = World::start_with(VERSIONS[1], &[("supervisor", "overdue_factor", "1.5")]).await;
        let dir = world.app.data.path().display().to_string();
        // Runs 1 and 2 kill the shell that would report them: at once, and when they are told to.
        let command = format!(
            "echo x >>{dir}/runs; run=$(wc -l <{dir}/runs); \
             if test $run -eq 2; then while ! test -e {dir}/die; do sleep 0.05; done; fi; \
             if test $run -le 2; then kill -9 $PPID; fi"
        );
        let qos = json!({"duration": 0.5, "deadline": 600, "desv_deadline": 0.9});
        let uuid = world.launch("twice", &command, 2, qos).await.uuid.to_string();
        let first = started_run(&world, &uuid, 1).await;
        started_run(&world, &uuid, 2).await;
        let mut late = report(&uuid, now() - 2.0, now() - 1.0);
        late["run"] = first;
        late["index"] = json!(0);
        let (status, reply) = world.app.post("/updateTask", late).await;
        assert_eq!(status, StatusCode::OK, "{reply}");
        assert_eq!(world.app.job(&uuid).await["remaining"], 1);
        std::fs::write(format!("{dir}/die"), "").unwrap();
        world.wait_for_state(&uuid, "completed").await;
        world.stop().await;
    });
}

#[test]
fn a_job_that_reports_but_is_not_in_its_framework_fails() {
    on_actix(async {
        let settings = [("supervisor", "submit_timeout", "1"), ("auth", "mode", "off")];
        let world = World::start_with(VERSIONS[0], &settings).await;
        let uuid = uuid::Uuid::new_v4().to_string();
        world.app.post("/initTask", legacy_registration(&uuid, "elsewhere")).await;
        world.app.post("/updateTask", report(&uuid, now() - 1.0, now())).await;
        let job = world.wait_for_state(&uuid, "failed").await;
        assert!(job["reason"].as_str().unwrap().starts_with("removed outside"), "{job}");
        world.wait_until_settled(&uuid).await;
        world.stop().await;
    });
}

#[test]
fn a_job_that_chronos_drops_again_and_again_is_asked_for_less_and_less_often() {
    on_actix(async {
        let faults = Faults::default();
        let settings = [("chronos", "judge_interval", "0.05")];
        let world = World::start_behind(VERSIONS[1], &faults, &settings).await;
        let qos = json!({"duration": 0.5, "deadline": 600, "desv_deadline": 0.9});
        // Accepted and forgotten, as Chronos does with the starts of a disabled job.
        faults.answer("PUT", "/job/", 204, usize::MAX);
        let uuid = world.launch("ignored", "true", 1, qos).await.uuid.to_string();
        faults.wait_for("PUT", "/job/", 4).await;
        let before = faults.count("PUT", "/job/");
        tokio::time::sleep(Duration::from_secs(4)).await;
        // One each 0.1 s would be forty.
        let asked = faults.count("PUT", "/job/") - before;
        assert!(asked <= 8, "{asked} starts of a job whose starts are all dropped");
        faults.heal();
        world.wait_for_state(&uuid, "completed").await;
        world.stop().await;
    });
}

#[test]
fn a_deletion_that_shows_late_is_not_asked_for_in_a_hot_loop() {
    on_actix(async {
        let faults = Faults::default();
        let world = World::start_behind(VERSIONS[1], &faults, &[]).await;
        let qos = json!({"duration": 0.5, "deadline": 600, "desv_deadline": 0.9});
        faults.answer("DELETE", "/job/", 204, usize::MAX);
        let uuid = world.launch("sticky", "true", 1, qos).await.uuid.to_string();
        faults.wait_for("DELETE", "/job/", 1).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let asked = faults.count("DELETE", "/job/");
        assert!(asked <= 10, "{asked} deletions in two seconds");
        faults.heal();
        world.wait_until_settled(&uuid).await;
        assert!(world.chronos.find("sticky").await.unwrap().is_none());
        world.stop().await;
    });
}

#[test]
fn a_finished_job_is_shown_even_when_its_prediction_lay_beyond_the_calendar() {
    on_actix(async {
        let world = World::start(VERSIONS[1]).await;
        let qos = json!({"duration": 1e9, "deadline": 1e9, "desv_deadline": 0.2});
        let uuid = world.launch("eternal", "sleep 0.3", 1000, qos).await.uuid.to_string();
        let job = world.wait_for(&uuid, |job| job["prediction"].is_string()).await;
        let path = format!("/api/v1/jobs/{uuid}");
        world.app.send(reqwest::Method::DELETE, &path, Some(&world.app.operator), None).await;
        world.wait_until_settled(&uuid).await;
        let (status, finished) = world.app.get(&path).await;
        assert_eq!((status, finished["state"].as_str()), (StatusCode::OK, Some("cancelled")), "was {job}");
        world.stop().await;
    });
}

fn flags(job: &Value) -> &[Value] {
    job["flags"].as_array().unwrap()
}

/// The run id of the `n`th start report.
async fn started_run(world: &World, uuid: &str, n: usize) -> Value {
    for _ in 0..600 {
        let (_, page) = world.app.get(&format!("/api/v1/jobs/{uuid}/events?limit=1000")).await;
        let mut started = page["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "IterationStarted");
        if let Some(event) = started.nth(n - 1) {
            return event["data"]["key"]["run"]["run"].clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no start number {n}: {:?}", world.app.kinds(uuid).await);
}
