//! A log that an earlier version wrote, with events of schema 1: read by this version as if it had written it itself.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "api/helpers.rs"]
#[allow(dead_code, reason = "shared with the API tests, which use more of it")]
mod helpers;

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use helpers::*;
use mesos_qos::clock::{Clock, ManualClock};
use mesos_qos::events::store::{compact, verify};
use mesos_qos::qos::units::{Span, Timestamp};
use serde_json::{Value, json};

const HEAD: &str = "ade614685b6ec11b653b3c3de861e718892c7dffcf742056347e7b466a4d3462";

fn golden(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A moment after the old version was killed, for ever: its living job would be overdue by any later clock.
fn then() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_micros(1_795_178_462_500_000)))
}

/// What the old version answered.
fn then_shown() -> Value {
    serde_json::from_slice(&std::fs::read(golden("schema-1.jobs.json")).unwrap()).unwrap()
}

/// The answer without the fields that have come since, which are checked here: the old jobs are not chained.
fn as_the_old_version_shows(mut jobs: Value) -> Value {
    for job in jobs["items"].as_array_mut().unwrap() {
        let job = job.as_object_mut().unwrap();
        assert_eq!((job.remove("chain"), job.remove("in_place")), (Some(json!(false)), Some(json!(false))));
        job.remove("expected_margin_seconds");
    }
    jobs
}

/// A supervisor on a copy of the old log.
async fn on_the_old_log() -> TestApp {
    on_the_old_log_at(then()).await
}

async fn on_the_old_log_at(clock: Arc<ManualClock>) -> TestApp {
    let data = Arc::new(tempfile::tempdir().unwrap());
    let dir = data.path().join("data");
    std::fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
    std::fs::copy(golden("schema-1.db"), dir.join("events.db")).unwrap();
    TestApp::start_at(data, &[], clock).await
}

#[test]
fn the_old_log_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("events.db");
    std::fs::copy(golden("schema-1.db"), &copy).unwrap();
    let report = verify(&copy, Some(HEAD.parse().unwrap())).unwrap();
    assert_eq!(report.fault, None);
    assert_eq!(report.head.hash.to_string(), HEAD);
}

#[test]
fn every_job_is_shown_as_the_old_version_showed_it() {
    on_actix(async {
        let app = on_the_old_log().await;
        let (_, now) = app.get("/api/v1/jobs").await;
        assert_eq!(as_the_old_version_shows(now), then_shown());
    });
}

#[test]
fn every_job_is_shown_the_same_when_the_data_of_those_that_are_over_is_archived() {
    on_actix(async {
        let data = Arc::new(tempfile::tempdir().unwrap());
        let dir = data.path().join("data");
        std::fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
        std::fs::copy(golden("schema-1.db"), dir.join("events.db")).unwrap();
        let done = compact(&dir.join("events.db"), then().now(), then().now()).unwrap();
        assert!(done.jobs > 0 && dir.join("archive").is_dir());
        let app = TestApp::start_at(data, &[], then()).await;
        let (_, now) = app.get("/api/v1/jobs").await;
        assert_eq!(as_the_old_version_shows(now.clone()), then_shown());
        // Events of a job that is over come from its archive.
        let over = now["items"].as_array().unwrap().iter().find(|job| job["state"] == "completed").unwrap();
        let (_, page) = app.get(&format!("/api/v1/jobs/{}/events?limit=1000", over["uuid"].as_str().unwrap())).await;
        assert_eq!(page["items"][0]["kind"], "Registered");
        assert_eq!(page["items"][0]["data"]["name"], over["name"]);
    });
}

#[test]
fn old_events_are_brought_up_to_date_when_read_and_stay_as_they_are_on_disk() {
    on_actix(async {
        let app = on_the_old_log().await;
        let (_, page) = app.get("/api/v1/jobs?state=running").await;
        let living = page["items"][0]["uuid"].as_str().unwrap().to_owned();
        let before = app.job(&living).await;
        // The living job goes on: a run that the old version started reports its end.
        let (_, page) = app.get(&format!("/api/v1/jobs/{living}/events?limit=1000")).await;
        let old = page["items"].as_array().unwrap().clone();
        let started = old.iter().rfind(|event| event["kind"] == "IterationStarted").unwrap();
        let run = started["data"]["key"]["run"]["run"].as_str().unwrap();
        let mut body = report(&living, now() - 1.0, now());
        body["run"] = json!(run);
        let (status, reply) = app.post("/updateTask", body).await;
        assert_eq!((status.as_u16(), reply["next"].as_str()), (200, Some("exit")), "{reply}");
        let after = app.job(&living).await;
        assert_eq!(after["remaining"].as_u64(), before["remaining"].as_u64().map(|left| left - 1));

        let data = app.stop().await;
        let log = data.path().join("data/events.db");
        assert_eq!(verify(&log, Some(HEAD.parse().unwrap())).unwrap().fault, None, "the old chain goes on");
        let app = TestApp::start_at(data, &[], then()).await;
        let (_, page) = app.get(&format!("/api/v1/jobs/{living}/events?limit=1000")).await;
        assert_eq!(page["items"].as_array().unwrap()[..old.len()], old[..]);
        assert!(old.iter().any(|event| event["kind"] == "Rescaled" && event["schema"] == 1));
        assert_eq!(app.job(&living).await, after);
    });
}

#[test]
fn a_living_job_of_the_old_log_whose_deadline_has_passed_meanwhile_is_found_late_once() {
    on_actix(async {
        let later = || Arc::new(ManualClock::at(then().now() + Span::from_secs(30 * 86_400)));
        let app = on_the_old_log_at(later()).await;
        let (_, page) = app.get("/api/v1/jobs?state=running").await;
        let living = page["items"][0]["uuid"].as_str().unwrap().to_owned();
        let late =
            async |app: &TestApp| app.kinds(&living).await.into_iter().filter(|kind| kind == "DeadlinePassed").count();
        let patience = std::time::Instant::now() + Duration::from_secs(60);
        while late(&app).await == 0 {
            assert!(std::time::Instant::now() < patience, "{:?}", app.kinds(&living).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let data = app.stop().await;
        let log = data.path().join("data/events.db");
        assert_eq!(verify(&log, Some(HEAD.parse().unwrap())).unwrap().fault, None, "the old chain goes on");
        let app = TestApp::start_at(data, &[], later()).await;
        assert!(app.job(&living).await["flags"].as_array().unwrap().contains(&json!("late")));
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(late(&app).await, 1);
    });
}
