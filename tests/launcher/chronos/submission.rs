//! A registered job on its way to Chronos.

use mesos_qos::api::register::RegisterRequest;
use mesos_qos::launcher::{JobSource, LaunchError, launch};
use serde_json::{Value, json};
use wiremock::matchers::{path, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{Chronos, chronos_at, job};
use crate::world::*;

#[tokio::test]
async fn the_job_is_registered_then_submitted_then_seen() {
    let chronos = Chronos::default();
    let world = World::new(Registers("feasible"), chronos.clone()).await;
    let launched = world.launch_job(job()).await.unwrap();
    assert_eq!((launched.name.as_str(), launched.submitted), ("job1", true));
    assert_eq!(launched.admission.verdict, "feasible");

    let registered: RegisterRequest =
        serde_json::from_slice(&world.supervisor.received_requests().await.unwrap()[0].body).unwrap();
    let wished = json!({
        "uuid": launched.uuid, "name": "job1", "framework": "chronos", "job_duration": 400.0, "deadline": 1800.0,
        "desv_deadline": 0.2, "iterations": 4, "cpus": 1.0, "policy": "step", "max_failures": 2, "arguments_version": 1,
        "callback_window": 600.0
    });
    assert_eq!(serde_json::to_value(&registered).unwrap(), wished);

    let stored = &chronos.stored()[0];
    assert_eq!(stored["schedule"], "R/2099-01-01T00:00:00Z/P1Y");
    let variables = stored["environmentVariables"].as_array().unwrap();
    let value = |name: &str| variables.iter().find(|one| one["name"] == name).map(|one| one["value"].clone());
    assert_eq!(value("MESOS_QOS_UUID"), Some(json!(launched.uuid)));
    assert_eq!(value("MESOS_QOS_TOKEN"), Some(json!(TOKEN)));
    assert_eq!(value("MESOS_QOS_URL"), Some(json!(world.supervisor.uri())));
    assert!(!stored["command"].as_str().unwrap().contains(TOKEN), "the token is in the environment alone");
    let document = serde_json::to_value(&launched).unwrap();
    let keys: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["uuid", "framework", "name", "admission", "submitted"]);
}

#[tokio::test]
async fn a_name_that_chronos_has_is_refused_before_anything_is_changed_unless_replaced() {
    let chronos = Chronos::default();
    chronos.store(json!({"name": "job1", "cpus": 1, "command": "other"}));
    let mut world = World::new(Registers("feasible"), chronos.clone()).await;
    let error = world.launch_job(job()).await.unwrap_err();
    assert!(matches!(error, LaunchError::NameTaken(_)) && error.to_string().contains("--replace"), "{error}");
    assert_eq!((world.asked().await.len(), world.posts().await), (0, 0));

    world.options.replace = true;
    let launched = world.launch_job(job()).await.unwrap();
    assert!(chronos.stored()[0].to_string().contains(&launched.uuid.to_string()));
}

#[tokio::test]
async fn an_invalid_job_reaches_nobody() {
    let world = World::new(Registers("feasible"), Chronos::default()).await;
    let mut job = job();
    job["qos"] = json!({});
    assert!(matches!(world.launch_job(job).await, Err(LaunchError::JobFile(_))));
    assert!(world.asked().await.is_empty());
    assert!(world.framework.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_submission_withdraws_the_registration() {
    let chronos = Chronos::scripted(&[Post::Status(400, false)]);
    let world = World::new(Registers("feasible"), chronos.clone()).await.withdrawal(200).await;
    let error = world.launch_job(job()).await.unwrap_err();
    assert!(error.to_string().contains("was not submitted") && error.to_string().contains("was withdrawn"), "{error}");
    assert_eq!(world.asked().await, ["/initTask", "withdraw"]);
    assert_eq!(world.posts().await, 1);
    let requests = world.supervisor.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&requests[1].body).unwrap();
    assert!(body["reason"].as_str().unwrap().contains("400"), "{body}");
}

#[tokio::test]
async fn a_submission_that_timed_out_but_arrived_is_a_success() {
    let chronos = Chronos::scripted(&[Post::StoredLate]);
    let world = World::new(Registers("feasible"), chronos.clone()).await.withdrawal(200).await;
    world.launch_job(job()).await.unwrap();
    assert_eq!(world.posts().await, 1);
    assert_eq!(world.asked().await, ["/initTask"]);
}

#[tokio::test]
async fn a_submission_of_unknown_outcome_that_did_not_arrive_is_sent_again() {
    let chronos = Chronos::scripted(&[Post::Status(500, false), Post::Status(500, false)]);
    let world = World::new(Registers("feasible"), chronos.clone()).await;
    world.launch_job(job()).await.unwrap();
    assert_eq!(world.posts().await, 3);
}

#[tokio::test]
async fn a_chronos_that_keeps_failing_ends_in_a_withdrawal_that_may_fail_too() {
    let chronos = Chronos::scripted(&[Post::Status(500, false); 3]);
    let world = World::new(Registers("feasible"), chronos.clone()).await.withdrawal(500).await;
    let error = world.launch_job(job()).await.unwrap_err();
    assert_eq!(world.posts().await, 3);
    assert!(error.to_string().contains("could not be withdrawn and will expire"), "{error}");
}

#[tokio::test]
async fn a_job_that_the_supervisor_has_started_in_the_meantime_is_launched() {
    let chronos = Chronos::scripted(&[Post::Status(500, false), Post::Status(500, false), Post::Status(500, false)]);
    let world = World::new(Registers("feasible"), chronos.clone()).await;
    let supervisor = MockServer::start().await;
    Mock::given(path("/initTask")).respond_with(Registers("feasible")).mount(&supervisor).await;
    let appears = chronos.clone();
    let started = move |request: &Request| {
        let uuid = request.url.path().split('/').nth(4).unwrap().to_owned();
        appears.store(json!({"name": "job1", "cpus": 1, "environmentVariables": [{"name": "U", "value": uuid}]}));
        ResponseTemplate::new(409)
    };
    Mock::given(path_regex("withdraw$")).respond_with(started).mount(&supervisor).await;
    let chronos_client = chronos_at(&world.framework.uri());
    launch(JobSource::Json(job()), &chronos_client, &supervisor_at(&supervisor.uri(), "operator"), options())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_job_that_shows_up_after_its_withdrawal_is_removed() {
    let chronos = Chronos::scripted(&[Post::Status(500, false); 3]);
    let world = World::new(Registers("feasible"), chronos.clone()).await;
    let appears = chronos.clone();
    let withdrawn = move |request: &Request| {
        let uuid = request.url.path().split('/').nth(4).unwrap().to_owned();
        appears.store(json!({"name": "job1", "cpus": 1, "environmentVariables": [{"name": "U", "value": uuid}]}));
        ResponseTemplate::new(200)
    };
    Mock::given(path_regex("withdraw$")).respond_with(withdrawn).mount(&world.supervisor).await;
    assert!(world.launch_job(job()).await.is_err());
    assert!(chronos.stored().is_empty());
}

#[tokio::test]
async fn an_accepted_job_that_does_not_show_up_keeps_its_registration() {
    let chronos = Chronos::scripted(&[Post::Status(204, false)]);
    let world = World::new(Registers("feasible"), chronos.clone()).await;
    let error = world.launch_job(job()).await.unwrap_err();
    assert!(matches!(error, LaunchError::Unconfirmed { .. }), "{error}");
    assert_eq!(world.asked().await, ["/initTask"]);
}

#[tokio::test]
async fn a_chronos_that_is_down_changes_nothing() {
    let world = World::new(Registers("feasible"), Chronos::default()).await;
    let supervisor = supervisor_at(&world.supervisor.uri(), "operator");
    let error = launch(JobSource::Json(job()), &chronos_at(&dead_url()), &supervisor, options()).await.unwrap_err();
    assert!(error.to_string().contains("nothing was changed"), "{error}");
    assert!(world.asked().await.is_empty());
}
