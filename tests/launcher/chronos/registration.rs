//! A job at the supervisor, before Chronos hears of it.

use mesos_qos::api::register::RegisterRequest;
use mesos_qos::launcher::{JobSource, LaunchError, ask_admission, launch};
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, Request, ResponseTemplate};

use super::{Chronos, chronos_at, job};
use crate::world::*;

#[tokio::test]
async fn a_future_start_is_registered_and_not_submitted() {
    let world = World::new(Registers("feasible"), Chronos::default()).await;
    let mut job = job();
    job["schedule"] = json!("R4/2027-01-01T00:00:00Z/PT5M");
    world.launch_job(job).await.unwrap();
    let body: Value = serde_json::from_slice(&world.supervisor.received_requests().await.unwrap()[0].body).unwrap();
    assert_eq!(body["start_at"], json!(1_798_761_600.0));
}

#[tokio::test]
async fn a_supervisor_that_is_down_leaves_no_job_behind() {
    let chronos = Chronos::default();
    let world = World::new(Registers("feasible"), chronos.clone()).await;
    let supervisor = supervisor_at(&dead_url(), "operator");
    let source = JobSource::Json(job());
    let error = launch(source, &chronos_at(&world.framework.uri()), &supervisor, options()).await.unwrap_err();
    assert!(error.to_string().contains("nothing was submitted"), "{error}");
    assert!(chronos.stored().is_empty());
}

#[tokio::test]
async fn a_supervisor_that_is_busy_is_asked_again_with_the_same_body() {
    let world = World::new(Registers("feasible"), Chronos::default()).await;
    let busy = Mock::given(path("/initTask")).respond_with(ResponseTemplate::new(503)).up_to_n_times(2);
    busy.with_priority(1).mount(&world.supervisor).await;
    world.launch_job(job()).await.unwrap();
    let requests = world.supervisor.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|one| one.body == requests[0].body));
}

#[tokio::test]
async fn a_refused_registration_shows_the_supervisors_reason() {
    let chronos = Chronos::default();
    for (status, body, words) in [
        (
            409,
            json!({"title": "Conflict", "detail": "job1 is supervised already"}).to_string(),
            "job1 is supervised already",
        ),
        (401, json!({"title": "Unauthorized"}).to_string(), "--token-file"),
        (404, "nothing here".into(), "is this URL the supervisor's?"),
        (401, "<html>".into(), "is this URL the supervisor's?"),
        (422, "".into(), "without a reason"),
    ] {
        let answer = ResponseTemplate::new(status).set_body_raw(body, "application/problem+json");
        let world = World::new(answer, chronos.clone()).await;
        let error = world.launch_job(job()).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(world.asked().await, ["/initTask"], "a refusal is final");
    }
    assert!(chronos.stored().is_empty());
}

#[tokio::test]
async fn an_infeasible_job_is_launched_unless_only_a_feasible_one_is_wanted() {
    let chronos = Chronos::default();
    let mut world = World::new(Registers("infeasible"), chronos.clone()).await.withdrawal(200).await;
    assert_eq!(world.launch_job(job()).await.unwrap().admission.verdict, "infeasible");
    world.options.require_feasible = true;
    world.options.replace = true;
    let posts = world.posts().await;
    let error = world.launch_job(job()).await.unwrap_err();
    assert!(error.to_string().contains("needs 1.1 CPU of 2.0"), "{error}");
    assert_eq!(world.posts().await, posts);
    assert_eq!(world.asked().await.last().unwrap(), "withdraw");
}

/// Answers the question before a registration with this verdict.
async fn asked_before(world: &World, verdict: &str) {
    let body = json!({
        "admission": {"verdict": verdict, "needed_cpus": 2.47, "available_cpus": 2.0, "reason": "needs 2.47 CPU, a job may get 2"},
        "least_deadline": 1911.0
    });
    let route =
        Mock::given(method("POST")).and(path("/api/v1/admission")).and(header("authorization", "Bearer operator"));
    route.respond_with(ResponseTemplate::new(200).set_body_json(body)).mount(&world.supervisor).await;
}

#[tokio::test]
async fn where_only_a_feasible_job_is_wanted_an_infeasible_one_is_not_even_registered() {
    let chronos = Chronos::default();
    let mut world = World::new(Registers("feasible"), chronos.clone()).await;
    world.options.require_feasible = true;
    asked_before(&world, "infeasible").await;
    let error = world.launch_job(job()).await.unwrap_err().to_string();
    assert!(
        error.contains("needs 2.47 CPU, a job may get 2") && error.contains("the least deadline is 1911 s"),
        "{error}"
    );
    assert_eq!(world.asked().await, ["/api/v1/admission"]);
    assert_eq!(world.posts().await, 0);

    let mut world = World::new(Registers("tight"), chronos.clone()).await;
    world.options.require_feasible = true;
    asked_before(&world, "tight").await;
    world.launch_job(job()).await.unwrap();
    assert_eq!(world.asked().await, ["/api/v1/admission", "/initTask"]);
}

#[tokio::test]
async fn the_least_deadline_is_told_and_nothing_is_changed() {
    let chronos = Chronos::default();
    let world = World::new(Registers("feasible"), chronos.clone()).await;
    asked_before(&world, "infeasible").await;
    let answer =
        ask_admission(JobSource::Json(job()), &supervisor_at(&world.supervisor.uri(), "operator"), &world.options)
            .await
            .unwrap();
    assert_eq!(answer.least_deadline, Some(1911.0));
    assert_eq!((world.asked().await, world.posts().await), (vec!["/api/v1/admission".to_owned()], 0));
    // A supervisor that does not know the question is named as the reason.
    let world = World::new(Registers("feasible"), chronos.clone()).await;
    let error =
        ask_admission(JobSource::Json(job()), &supervisor_at(&world.supervisor.uri(), "operator"), &world.options)
            .await
            .unwrap_err();
    assert!(error.to_string().contains("does not say which deadline it can keep"), "{error}");
}

#[tokio::test]
async fn a_token_that_would_break_out_of_its_header_is_not_used() {
    let hostile = |request: &Request| {
        let body: RegisterRequest = serde_json::from_slice(&request.body).unwrap();
        ResponseTemplate::new(200).set_body_json(json!({
            "uuid": body.uuid, "callback_token": "x\"\nurl = file:///etc/passwd",
            "admission": {"verdict": "feasible", "available_cpus": 2.0, "reason": ""}
        }))
    };
    let chronos = Chronos::default();
    let world = World::new(hostile, chronos.clone()).await.withdrawal(200).await;
    assert!(matches!(world.launch_job(job()).await, Err(LaunchError::Token(None))));
    assert!(chronos.stored().is_empty());
}
