//! An app that is there already.

use mesos_qos::launcher::LaunchError;
use serde_json::json;
use wiremock::matchers::method;
use wiremock::{Mock, Request, Respond, ResponseTemplate};

use super::{Marathon, app, other};
use crate::world::*;

#[tokio::test]
async fn an_app_that_is_there_is_refused_before_anything_is_changed() {
    let marathon = Marathon::new("1.4.1");
    marathon.store(other());
    let world = World::new(Registers("feasible"), marathon.clone()).await;
    let error = world.launch_app(app()).await.unwrap_err();
    assert!(matches!(error, LaunchError::AppExists(_)) && error.to_string().contains("--replace"), "{error}");
    assert!(world.asked().await.is_empty() && world.changes().await.is_empty());
    assert_eq!(marathon.stored(), [other()]);
}

#[tokio::test]
async fn an_app_is_replaced_as_a_whole_on_every_version() {
    for (version, changes) in [("1.1.1", vec!["DELETE", "POST"]), ("1.4.1", vec!["PUT"]), ("1.5.6", vec!["PUT"])] {
        let marathon = Marathon::new(version);
        marathon.store(other());
        let mut world = World::new(Registers("feasible"), marathon.clone()).await;
        world.options.replace = true;
        let launched = world.launch_app(app()).await.unwrap();
        assert_eq!(world.changes().await, changes, "{version}");
        let stored = &marathon.stored()[0];
        assert_eq!(stored["env"]["SHELL_TRAP_UUID"], json!(launched.uuid));
        let requests = world.framework.received_requests().await.unwrap();
        assert!(requests.iter().all(|one| !one.url.query().unwrap_or_default().contains("force=true")));
    }
}

#[tokio::test]
async fn the_new_app_is_not_submitted_before_the_old_one_is_gone() {
    let marathon = Marathon::new("1.1.1");
    marathon.store(other());
    let mut world = World::new(Registers("feasible"), marathon.clone()).await;
    world.options.replace = true;
    // The answer to the first deletion is lost.
    let lost = marathon.clone();
    let answer_is_lost = move |request: &Request| {
        lost.respond(request);
        ResponseTemplate::new(504)
    };
    let first = Mock::given(method("DELETE")).respond_with(answer_is_lost).up_to_n_times(1);
    first.with_priority(1).mount(&world.framework).await;
    world.launch_app(app()).await.unwrap();
    assert_eq!(world.changes().await, ["DELETE", "DELETE", "POST"]);
    let requests = world.framework.received_requests().await.unwrap();
    let looks = requests.iter().filter(|one| one.url.path() == "/v2/deployments").count();
    assert_eq!(looks, 3, "it waits for the deployment that ends the old one");
}

#[tokio::test]
async fn an_app_in_a_deployment_is_not_replaced() {
    for version in ["1.1.1", "1.5.6"] {
        let mut marathon = Marathon::new(version);
        marathon.locked = true;
        marathon.store(other());
        let mut world = World::new(Registers("feasible"), marathon.clone()).await.withdrawal(200).await;
        world.options.replace = true;
        let error = world.launch_app(app()).await.unwrap_err().to_string();
        assert!(error.contains("locked by the deployment d0") && error.contains("was withdrawn"), "{error}");
        assert_eq!(marathon.stored(), [other()]);
    }
}
