use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::helpers::*;

#[test]
fn a_registration_is_answered_with_the_verdict_and_the_jobs_own_token() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = new_uuid();
        let (status, reply) = app.post("/initTask", registration(&uuid, "openmpLinpack1")).await;
        assert_eq!(status, StatusCode::OK, "{reply}");
        assert_eq!(reply["uuid"], uuid.as_str());
        assert_eq!(reply["admission"]["verdict"], "feasible");
        assert_eq!(reply["admission"]["needed_cpus"], 1.046);
        assert!(reply["callback_token"].as_str().unwrap().len() >= 32);
        let job = app.job(&uuid).await;
        assert_eq!(
            (job["state"].as_str(), job["remaining"].as_u64(), job["cpus"].as_f64()),
            (Some("registered"), Some(4), Some(1.0))
        );
    });
}

#[test]
fn the_same_registration_twice_is_one_and_another_body_is_refused() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = new_uuid();
        let (_, first) = app.post("/initTask", registration(&uuid, "a")).await;
        let (status, mut again) = app.post("/initTask", registration(&uuid, "a")).await;
        assert_eq!((status, again["duplicate"].as_bool()), (StatusCode::OK, Some(true)));
        again.as_object_mut().unwrap().remove("duplicate");
        assert_eq!(again, first);
        let (status, _) = app.post("/initTask", registration(&uuid, "b")).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert_eq!(app.kinds(&uuid).await, ["Registered"]);
    });
}

#[test]
fn a_registration_is_answered_again_when_its_deadline_has_passed() {
    on_actix(async {
        let app = TestApp::start().await;
        let mut body = legacy_registration(&new_uuid(), "a");
        body["deadline"] = json!(now() + 0.3);
        let (status, _) = app.post("/initTask", body.clone()).await;
        assert_eq!(status, StatusCode::OK);
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        let (status, again) = app.post("/initTask", body.clone()).await;
        assert_eq!((status, again["duplicate"].as_bool()), (StatusCode::OK, Some(true)));
        body["uuid"] = json!(new_uuid());
        let (status, _) = app.post("/initTask", body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "for another job it is too late");
    });
}

#[test]
fn a_name_is_registered_once_at_a_time() {
    on_actix(async {
        let app = TestApp::start().await;
        let first = app.registered("openmpLinpack1").await;
        let other = new_uuid();
        let (status, problem) = app.post("/initTask", registration(&other, "openmpLinpack1")).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(problem["detail"].as_str().unwrap().contains(&first), "{problem}");
        let (status, _) = app.get(&format!("/api/v1/jobs/{other}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "a refused registration leaves nothing");
        // A name that begins alike is another name.
        app.registered("openmpLinpack10").await;

        let (status, job) = app.post(&format!("/api/v1/jobs/{first}/withdraw"), json!({"reason": "test"})).await;
        assert_eq!((status, job["state"].as_str()), (StatusCode::OK, Some("withdrawn")));
        app.registered("openmpLinpack1").await;
    });
}

#[test]
fn a_withdrawn_uuid_is_never_used_again() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = app.registered("a").await;
        app.post(&format!("/api/v1/jobs/{uuid}/withdraw"), json!({})).await;
        let (status, reply) = app.post("/initTask", registration(&uuid, "a")).await;
        assert_eq!(
            (status, reply["duplicate"].as_bool()),
            (StatusCode::OK, Some(true)),
            "the same request, the same answer"
        );
        let (status, _) = app.post("/initTask", registration(&uuid, "other")).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert_eq!(app.job(&uuid).await["state"], "withdrawn");
    });
}

#[test]
fn every_field_that_cannot_be_accepted_is_named() {
    on_actix(async {
        let app = TestApp::start().await;
        let cases: Vec<(&str, Value)> = vec![
            ("framework", json!("kubernetes")),
            ("job_duration", json!(0)),
            ("job_duration", json!(-1)),
            ("job_duration", json!("soon")),
            ("deadline", json!("tomorrow")),
            ("deadline", json!(0)),
            ("deadline", json!(1.5e9)),
            ("deadline", json!(1.9e12)),
            ("desv_deadline", json!(5)),
            ("desv_deadline", json!(-0.1)),
            ("iterations", json!(0)),
            ("iterations", json!(2.5)),
            ("iterations", Value::Null),
            ("cpus", json!(0)),
            ("cpus", json!("many")),
            ("policy", json!("magic")),
            ("chain", json!("yes")),
            ("max_failures", json!(0)),
            ("name", json!(" ")),
            ("uuid", json!(["a", "list"])),
            ("uuid", json!(12)),
            ("uuid", json!("not-a-uuid")),
            ("start_at", json!(1e13)),
            ("callback_window", json!(-1)),
        ];
        for (field, value) in cases {
            let mut body = registration(&new_uuid(), "a");
            body[field] = value.clone();
            let (status, problem) = app.post("/initTask", body).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{field} = {value}: {problem}");
            assert_eq!(problem["field"], field, "{field} = {value}: {problem}");
        }
        for field in ["uuid", "name", "framework", "job_duration", "deadline", "desv_deadline", "iterations"] {
            let mut body = registration(&new_uuid(), "a");
            body.as_object_mut().unwrap().remove(field);
            let (status, problem) = app.post("/initTask", body).await;
            assert_eq!(
                (status, problem["field"].as_str()),
                (StatusCode::UNPROCESSABLE_ENTITY, Some(field)),
                "{problem}"
            );
        }
        let (_, page) = app.get("/api/v1/jobs").await;
        assert_eq!(page["items"], json!([]), "nothing was registered");
    });
}

#[test]
fn admission_can_be_asked_for_and_nothing_is_registered() {
    on_actix(async {
        let app = TestApp::start().await;
        let mut body = registration(&new_uuid(), "a");
        body["deadline"] = json!(900);
        let (status, reply) = app.post("/api/v1/admission", body.clone()).await;
        assert_eq!(status, StatusCode::OK, "{reply}");
        assert_eq!(
            (reply["admission"]["verdict"].as_str(), reply["admission"]["needed_cpus"].as_f64()),
            (Some("infeasible"), Some(2.371))
        );
        // 4 x 400 s on 2 CPUs and 4 x 45 s between them are 980 s, which are to be 95 % of it.
        let least = reply["least_deadline"].as_f64().unwrap();
        assert_eq!(least, 1032.0);
        body["deadline"] = json!(least);
        let (_, reply) = app.post("/api/v1/admission", body.clone()).await;
        assert_eq!(reply["admission"]["verdict"], "tight", "{reply}");
        body["deadline"] = json!("never");
        let (status, problem) = app.post("/api/v1/admission", body.clone()).await;
        assert_eq!((status, problem["field"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("deadline")));
        let response = app.send(Method::POST, "/api/v1/admission", None, Some(registration(&new_uuid(), "a"))).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let (_, page) = app.get("/api/v1/jobs").await;
        assert_eq!(page["items"], json!([]));
    });
}

#[test]
fn a_job_can_choose_its_policy_and_ask_for_advice_only() {
    on_actix(async {
        let app = TestApp::start().await;
        let mut body = registration(&new_uuid(), "a");
        body["policy"] = json!("predictive");
        body["dry_run"] = json!(true);
        let (status, reply) = app.post("/initTask", body.clone()).await;
        assert_eq!(status, StatusCode::OK, "{reply}");
        let uuid = body["uuid"].as_str().unwrap();
        assert_eq!(app.kinds(uuid).await, ["Registered", "Decided"]);
        let job = app.job(uuid).await;
        assert_eq!(
            (job["policy"].as_str(), job["dry_run"].as_bool(), job["cpus"].as_f64()),
            (Some("predictive"), Some(true), Some(1.0))
        );
        assert!(job["recommended_cpus"].as_f64().unwrap() > 1.0, "{job}");
        let (_, page) = app.get(&format!("/api/v1/jobs/{uuid}/decisions")).await;
        let reason = page["items"][0]["data"]["reason"].as_str().unwrap();
        assert!(reason.contains("before the deadline (4 iterations of") && reason.ends_with("(dry_run)"), "{reason}");
        body["uuid"] = json!(new_uuid());
        body["policy"] = json!("predictve");
        let (status, problem) = app.post("/initTask", body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(problem["detail"].as_str().unwrap().contains("did you mean \"predictive\"?"), "{problem}");
    });
}

#[test]
fn numbers_may_come_as_text() {
    on_actix(async {
        let app = TestApp::start().await;
        let mut body = registration(&new_uuid(), "a");
        for (field, text) in [("job_duration", "130"), ("deadline", "1800"), ("iterations", "4"), ("cpus", "1")] {
            body[field] = json!(text);
        }
        let (status, reply) = app.post("/initTask", body).await;
        assert_eq!(status, StatusCode::OK, "{reply}");
    });
}

#[test]
fn a_framework_without_credentials_names_the_flag() {
    on_actix(async {
        let data = std::sync::Arc::new(tempfile::tempdir().unwrap());
        let settings = mesos_qos::config::Settings::load(
            vec![],
            vec![
                setting("supervisor", "listen", "127.0.0.1"),
                setting("supervisor", "port", "0"),
                setting("supervisor", "data_dir", data.path().to_str().unwrap()),
            ],
            None,
        )
        .unwrap();
        let clock = std::sync::Arc::new(mesos_qos::clock::SystemClock);
        let (supervising, server) = mesos_qos::supervise::start(&settings, clock).await.unwrap();
        actix_rt::spawn(server);
        let operator = std::fs::read_to_string(&supervising.token_file).unwrap();
        let response = reqwest::Client::new()
            .request(Method::POST, format!("http://{}/initTask", supervising.address))
            .bearer_auth(operator.trim())
            .json(&registration(&new_uuid(), "a"))
            .send()
            .await
            .unwrap();
        let (status, problem) = answer(response).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(problem["detail"].as_str().unwrap().contains("-c"), "{problem}");
        supervising.stop().await;
    });
}

#[test]
fn an_infeasible_job_is_taken_and_says_so() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = new_uuid();
        let mut body = registration(&uuid, "a");
        body["iterations"] = json!(20);
        let (_, reply) = app.post("/initTask", body).await;
        assert_eq!(reply["admission"]["verdict"], "infeasible");
        let reason = reply["admission"]["reason"].as_str().unwrap();
        assert!(reason.starts_with("needs ") && reason.ends_with("a job may get 2"), "{reason}");
        assert_eq!(app.job(&uuid).await["flags"], json!(["infeasible"]));
    });
}
