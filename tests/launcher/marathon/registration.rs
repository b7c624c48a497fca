//! An app at the supervisor, before Marathon hears of it.

use mesos_qos::launcher::{JobSource, LaunchError, launch_app};
use serde_json::json;

use super::{Marathon, agent, app, marathon_at};
use crate::world::*;

#[tokio::test]
async fn an_invalid_app_reaches_nobody() {
    let world = World::new(Registers("feasible"), Marathon::new("1.4.1")).await;
    let mut app = app();
    app["qos"] = json!({});
    assert!(matches!(world.launch_app(app).await, Err(LaunchError::JobFile(_))));
    assert!(world.asked().await.is_empty());
    assert!(world.framework.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_supervisor_that_is_down_or_refuses_leaves_no_app_behind() {
    let marathon = Marathon::new("1.4.1");
    let world = World::new(says(409, json!({"detail": "supervised already"})), marathon.clone()).await;
    let error = world.launch_app(app()).await.unwrap_err();
    assert!(error.to_string().contains("supervised already"), "{error}");
    let supervisor = supervisor_at(&dead_url(), "operator");
    let client = marathon_at(&world.framework.uri());
    let launched = launch_app(JobSource::Json(app()), &client, &supervisor, &agent(), options()).await;
    assert!(launched.unwrap_err().to_string().contains("nothing was submitted"));
    assert!(marathon.stored().is_empty() && world.changes().await.is_empty());
}

#[tokio::test]
async fn a_marathon_that_is_down_changes_nothing() {
    let world = World::new(Registers("feasible"), Marathon::new("1.4.1")).await;
    let supervisor = supervisor_at(&world.supervisor.uri(), "operator");
    let client = marathon_at(&dead_url());
    let launched = launch_app(JobSource::Json(app()), &client, &supervisor, &agent(), options()).await;
    assert!(launched.unwrap_err().to_string().contains("nothing was changed"));
    assert!(world.asked().await.is_empty());
}

#[tokio::test]
async fn an_infeasible_job_is_not_submitted_when_only_a_feasible_one_is_wanted() {
    let marathon = Marathon::new("1.4.1");
    let mut world = World::new(Registers("infeasible"), marathon.clone()).await.withdrawal(200).await;
    world.options.require_feasible = true;
    let error = world.launch_app(app()).await.unwrap_err();
    assert!(error.to_string().contains("needs 1.1 CPU of 2.0"), "{error}");
    assert_eq!(world.asked().await, ["/api/v1/admission", "/initTask", "withdraw"]);
    assert!(marathon.stored().is_empty());
}
