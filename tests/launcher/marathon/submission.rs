//! A registered app on its way to Marathon.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesos_qos::launcher::LaunchError;
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, Request, Respond, ResponseTemplate};

use super::{Marathon, VERSIONS, app, other};
use crate::world::*;

#[tokio::test]
async fn the_job_is_registered_then_submitted_on_every_version() {
    for version in VERSIONS {
        let marathon = Marathon::new(version);
        let world = World::new(Registers("feasible"), marathon.clone()).await;
        let launched = world.launch_app(app()).await.unwrap();
        assert_eq!((launched.name.as_str(), launched.submitted), ("/openmplinpack1", true));

        let registered: Value =
            serde_json::from_slice(&world.supervisor.received_requests().await.unwrap()[0].body).unwrap();
        let wished = json!({
            "uuid": launched.uuid, "name": "/openmplinpack1", "framework": "marathon", "job_duration": 400.0,
            "deadline": 480.0, "desv_deadline": 0.1, "cpus": 1.0, "max_failures": 2, "arguments_version": 1
        });
        assert_eq!(registered, wished);

        assert_eq!(world.changes().await, ["POST"]);
        let stored = &marathon.stored()[0];
        assert_eq!(stored["cmd"], "exec /usr/local/bin/shell_trap");
        assert_eq!(stored["env"]["SHELL_TRAP_UUID"], json!(launched.uuid));
        assert_eq!(stored["env"]["SHELL_TRAP_TOKEN"], TOKEN);
        assert_eq!(stored["env"]["SHELL_TRAP_SUPERVISOR"], json!(world.supervisor.uri()));
        assert_eq!(stored.get("networks").is_some(), version == "1.5.6");
        let document = serde_json::to_value(&launched).unwrap();
        let keys: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["uuid", "framework", "name", "admission", "submitted"]);
        assert_eq!(document["framework"], "marathon");
    }
}

#[tokio::test]
async fn a_submission_that_timed_out_but_arrived_is_a_success() {
    let marathon = Marathon::scripted(&[Post::StoredLate]);
    let world = World::new(Registers("feasible"), marathon.clone()).await.withdrawal(200).await;
    world.launch_app(app()).await.unwrap();
    assert_eq!(world.changes().await, ["POST"]);
    assert_eq!(world.asked().await, ["/initTask"]);
}

#[tokio::test]
async fn a_submission_without_a_leader_is_looked_for_and_sent_again() {
    let marathon = Marathon::scripted(&[Post::Status(503, false), Post::Status(502, false)]);
    let world = World::new(Registers("feasible"), marathon.clone()).await;
    world.launch_app(app()).await.unwrap();
    assert_eq!(world.changes().await, ["POST"; 3]);
    let at = world.framework.received_requests().await.unwrap();
    let first = at.iter().position(|one| one.method.as_str() == "POST").unwrap();
    assert_eq!(at[first + 1].method.as_str(), "GET", "it looks before it submits again");
}

#[tokio::test]
async fn an_app_that_arrived_while_nobody_looked_is_recognised_when_it_is_in_the_way() {
    // The first answer is lost, and the app is not to be seen until the second submission is refused.
    let marathon = Marathon::scripted(&[Post::Status(503, false)]);
    let world = World::new(Registers("feasible"), marathon.clone()).await;
    let hidden = marathon.clone();
    let late = move |request: &Request| {
        let app: Value = serde_json::from_slice(&request.body).unwrap();
        let attempts = hidden.posts.lock().unwrap().len();
        if attempts == 0 && hidden.stored().is_empty() {
            hidden.store(app);
        }
        hidden.respond(request)
    };
    Mock::given(method("POST")).respond_with(late).with_priority(1).mount(&world.framework).await;
    world.launch_app(app()).await.unwrap();
    assert_eq!(world.changes().await, ["POST"; 2]);
    assert_eq!(world.asked().await, ["/initTask"]);
}

#[tokio::test]
async fn somebody_elses_app_that_came_in_between_is_left_alone() {
    let marathon = Marathon::new("1.4.1");
    let world = World::new(Registers("feasible"), marathon.clone()).await.withdrawal(200).await;
    let rival = marathon.clone();
    let taken = move |request: &Request| {
        rival.store(other());
        rival.respond(request)
    };
    Mock::given(method("POST")).respond_with(taken).with_priority(1).mount(&world.framework).await;
    let error = world.launch_app(app()).await.unwrap_err().to_string();
    assert!(error.contains("somebody else"), "{error}");
    assert_eq!(marathon.stored(), [other()]);
    assert_eq!(world.changes().await, ["POST"]);
}

#[tokio::test]
async fn a_submission_that_may_have_arrived_leaves_the_registration_and_says_what_was_found() {
    // The last attempt is refused for another reason; the first may be carried out all the same.
    for last in [Post::Status(503, false), Post::Status(422, false)] {
        let marathon = Marathon::scripted(&[Post::Status(503, false), Post::Status(503, false), last]);
        let world = World::new(Registers("feasible"), marathon.clone()).await.withdrawal(200).await;
        let error = world.launch_app(app()).await.unwrap_err();
        assert!(matches!(error, LaunchError::AppUnconfirmed { .. }), "{error}");
        let error = error.to_string();
        for words in
            ["not known whether", "503", "Marathon does not show it", "stays", "withdraws the registration otherwise"]
        {
            assert!(error.contains(words), "{words}: {error}");
        }
        assert_eq!(world.asked().await, ["/initTask"], "nothing is withdrawn");
        assert_eq!(world.changes().await, ["POST"; 3]);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_during_the_submission_leaves_the_registration() {
    let marathon = Marathon::new("1.4.1");
    let world = World::new(Registers("feasible"), marathon.clone()).await.withdrawal(200).await;
    // Too late for everybody, and not carried out before the launcher has given up.
    let never = Mock::given(method("POST")).respond_with(ResponseTemplate::new(201).set_delay(Duration::from_secs(60)));
    never.with_priority(1).mount(&world.framework).await;
    let error = world.launch_app(app()).await.unwrap_err().to_string();
    assert!(error.contains("no answer in time") && error.contains("Marathon does not show it"), "{error}");
    assert_eq!(world.asked().await, ["/initTask"]);
}

#[tokio::test]
async fn the_warnings_of_the_file_and_of_the_version_are_said() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let log = said.clone();
    let mut world = World::new(Registers("feasible"), Marathon::new("1.1.1")).await;
    world.options.progress = Arc::new(move |line| log.lock().unwrap().push(line.to_owned()));
    let mut app = app();
    app["instances"] = json!(4);
    world.launch_app(app).await.unwrap();
    let said = said.lock().unwrap().join("\n");
    for words in ["instances: becomes 1", "Marathon 1.1.1 ignores it", "registered", "submitted /openmplinpack1"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains(TOKEN) && !said.contains("operator"));
}
