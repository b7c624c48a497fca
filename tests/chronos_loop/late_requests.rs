//! A request to set a job's CPU that was never answered, and that Chronos carries out after the job's deletion: it makes the job anew.

use std::time::Duration;

use mesos_qos::local::ChronosVersion;
use reqwest::Method;
use serde_json::{Value, json};

use crate::faults::Faults;
use crate::helpers::{legacy_registration, on_actix};
use crate::world::{VERSIONS, World};

/// Chronos may be late for as long as the deletion is watched over, and not much longer.
const SETTINGS: [(&str, &str, &str); 3] =
    [("auth", "mode", "off"), ("chronos", "request_timeout", "3"), ("chronos", "late_request_margin", "1")];

/// Late from the start, so that the first iteration is followed by a resize.
fn late() -> Value {
    json!({"duration": 10, "deadline": 20, "desv_deadline": 0.2})
}

/// A world in which a job was cancelled and deleted while no request to set its CPU is answered.
async fn deleted_with_requests_held(version: ChronosVersion, faults: &Faults) -> (World, String) {
    let world = World::start_behind(version, faults, &SETTINGS).await;
    faults.hold("POST", "/iso8601", usize::MAX);
    let uuid = world.launch("late", "sleep 0.1", 3, late()).await.uuid.to_string();
    faults.wait_for("POST", "/iso8601", 1).await;
    let path = format!("/api/v1/jobs/{uuid}");
    world.app.send(Method::DELETE, &path, Some(&world.app.operator), None).await;
    faults.wait_for("DELETE", "/job/late", 1).await;
    wait_until_gone(&world, "late").await;
    (world, uuid)
}

async fn wait_until_gone(world: &World, name: &str) {
    while world.chronos.find(name).await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Carries out what was held, and sees the job come back.
async fn come_back(world: &World, faults: &Faults, name: &str) {
    assert!(faults.release().await >= 1);
    while world.chronos.find(name).await.unwrap().is_none() {
        // The supervisor may be as quick as this test.
        if faults.count("DELETE", &format!("/job/{name}")) >= 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_job_made_anew_by_a_late_request_is_deleted_again() {
    on_actix(async {
        for version in VERSIONS {
            let faults = Faults::default();
            let (world, uuid) = deleted_with_requests_held(version, &faults).await;
            come_back(&world, &faults, "late").await;
            world.wait_until_settled(&uuid).await;
            assert!(world.chronos.find("late").await.unwrap().is_none(), "{version}");
            let job = world.app.job(&uuid).await;
            assert_eq!(job["state"], "cancelled", "{version}: {job}");
            let kinds = world.app.kinds(&uuid).await;
            assert_eq!(kinds.iter().filter(|kind| *kind == "RescaleUnanswered").count(), 1, "{version}: {kinds:?}");
            assert_eq!(kinds.last().map(String::as_str), Some("Removed"), "{version}: {kinds:?}");
            world.stop().await;
        }
    });
}

#[test]
fn a_supervisor_that_is_restarted_after_the_deletion_still_watches_for_the_jobs_return() {
    on_actix(async {
        let faults = Faults::default();
        let (world, uuid) = deleted_with_requests_held(VERSIONS[1], &faults).await;
        let world = world.restart_supervisor(Duration::from_millis(100)).await;
        come_back(&world, &faults, "late").await;
        world.wait_until_settled(&uuid).await;
        assert!(world.chronos.find("late").await.unwrap().is_none());
        world.stop().await;
    });
}

/// The supervisor ends between the request and its answer, and finds its effect on disk.
#[test]
fn a_resize_that_was_under_way_when_the_supervisor_ended_may_be_carried_out_late() {
    on_actix(async {
        let faults = Faults::default();
        let world = World::start_behind(VERSIONS[0], &faults, &SETTINGS).await;
        faults.answer("GET", "/jobs/search", 500, 0);
        let uuid = world.launch("late", "sleep 0.1", 3, late()).await.uuid.to_string();
        // No look at Chronos works after the first report: the resize waits.
        world.wait_for(&uuid, |job| job["state"] == "running").await;
        faults.answer("GET", "/graph/csv", 500, usize::MAX);
        let world = loop {
            if world.app.kinds(&uuid).await.contains(&"Rescaled".to_owned()) {
                break world.restart_supervisor(Duration::from_millis(100)).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!(world.app.kinds(&uuid).await.contains(&"RescaleUnanswered".to_owned()));
        world.stop().await;
    });
}

/// Its own schedule would run it for ever.
#[test]
fn a_job_of_the_2017_launcher_does_not_come_back_to_life() {
    on_actix(async {
        let faults = Faults::default();
        let world = World::start_behind(VERSIONS[1], &faults, &SETTINGS).await;
        faults.hold("POST", "/iso8601", usize::MAX);
        let uuid = uuid::Uuid::new_v4().simple().to_string();
        let job = world.legacy_job("legacy", &uuid, 1.1, "R//PT5M");
        world.chronos.post_job(&job).await.unwrap();
        let mut registration = legacy_registration(&uuid, "legacy");
        registration["deadline"] = json!(crate::helpers::now() + 60.0);
        world.app.post("/initTask", registration).await;
        faults.wait_for("POST", "/iso8601", 1).await;
        let path = format!("/api/v1/jobs/{uuid}");
        world.app.send(Method::DELETE, &path, Some(&world.app.operator), None).await;
        faults.wait_for("DELETE", "/job/legacy", 1).await;
        wait_until_gone(&world, "legacy").await;
        come_back(&world, &faults, "legacy").await;
        world.wait_until_settled(&uuid).await;
        assert!(world.chronos.find("legacy").await.unwrap().is_none());
        world.stop().await;
    });
}
