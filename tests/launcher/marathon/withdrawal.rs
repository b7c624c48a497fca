//! A registration that is taken back, and what happens meanwhile.

use serde_json::{Value, json};
use wiremock::matchers::path_regex;
use wiremock::{Mock, Request, ResponseTemplate};

use super::{Marathon, app};
use crate::world::*;

#[tokio::test]
async fn a_refused_submission_withdraws_the_registration() {
    let marathon = Marathon::scripted(&[Post::Status(422, false)]);
    let world = World::new(Registers("feasible"), marathon.clone()).await.withdrawal(200).await;
    let error = world.launch_app(app()).await.unwrap_err().to_string();
    assert!(error.contains("was not submitted") && error.contains("was withdrawn"), "{error}");
    assert_eq!(world.asked().await, ["/initTask", "withdraw"]);
    assert_eq!(world.changes().await.len(), 1, "what is not valid now will not be");
    let requests = world.supervisor.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&requests[1].body).unwrap();
    assert!(body["reason"].as_str().unwrap().contains("422"), "{body}");
    assert_eq!(body["submitted"], false, "the name need not be kept");
}

#[tokio::test]
async fn a_withdrawal_that_fails_is_said() {
    let marathon = Marathon::scripted(&[Post::Status(422, false)]);
    let world = World::new(Registers("feasible"), marathon.clone()).await.withdrawal(500).await;
    let error = world.launch_app(app()).await.unwrap_err().to_string();
    assert!(error.contains("was not submitted") && error.contains("could not be withdrawn"), "{error}");
}

/// A supervisor at which `withdrawn` happens when a registration is taken back.
async fn with_withdrawal(marathon: &Marathon, status: u16, carries: bool) -> World {
    let world = World::new(Registers("feasible"), marathon.clone()).await;
    let appears = marathon.clone();
    let withdrawn = move |request: &Request| {
        let uuid = request.url.path().split('/').nth(4).unwrap().to_owned();
        let env = if carries { json!({ "SHELL_TRAP_UUID": uuid }) } else { json!({}) };
        appears.store(json!({"id": "/openmplinpack1", "cpus": 1, "env": env}));
        ResponseTemplate::new(status)
    };
    Mock::given(path_regex("withdraw$")).respond_with(withdrawn).mount(&world.supervisor).await;
    world
}

#[tokio::test]
async fn a_job_that_has_reported_its_start_in_the_meantime_is_launched() {
    let marathon = Marathon::scripted(&[Post::Status(422, false)]);
    let world = with_withdrawal(&marathon, 409, true).await;
    world.launch_app(app()).await.unwrap();
    assert_eq!(marathon.stored().len(), 1);
}

#[tokio::test]
async fn our_app_that_shows_up_after_its_withdrawal_is_removed_and_anothers_is_not() {
    for (ours, left) in [(true, 0), (false, 1)] {
        let mut marathon = Marathon::scripted(&[Post::Status(422, false)]);
        // Its first deployment holds it.
        marathon.locked = true;
        let world = with_withdrawal(&marathon, 200, ours).await;
        assert!(world.launch_app(app()).await.is_err());
        assert_eq!(marathon.stored().len(), left);
    }
}
