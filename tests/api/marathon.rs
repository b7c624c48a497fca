//! What the agents of long-running jobs report.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::helpers::*;

/// The uuid and the token of a job that is registered.
async fn registered(app: &TestApp) -> (String, String) {
    let uuid = new_uuid();
    let body = json!({"uuid": uuid, "name": format!("/app-{uuid}"), "framework": "marathon", "job_duration": 400,
        "deadline": 480, "desv_deadline": 0.1, "cpus": 1, "arguments_version": 1});
    let (status, reply) = app.post("/initTask", body).await;
    assert_eq!(status, StatusCode::OK, "{reply}");
    (uuid, reply["callback_token"].as_str().unwrap().to_owned())
}

fn sample(segment: u64, seconds: f64) -> Value {
    json!({"at": now(), "sent_at": now(), "user_seconds": seconds, "system_seconds": 0.5, "segment": segment})
}

fn with(mut report: Value, more: Value) -> Value {
    let fields = more.as_object().unwrap().clone();
    report.as_object_mut().unwrap().extend(fields);
    report
}

#[test]
fn an_execution_is_recorded_from_its_first_start_to_its_end() {
    on_actix(async {
        let app = TestApp::start().await;
        let (uuid, _) = registered(&app).await;
        let samples = format!("/api/v1/jobs/{uuid}/cpu-samples");
        let (status, problem) = app.post("/endMarathonApp", json!({"uuid": uuid, "finished_at": now()})).await;
        assert_eq!(status, StatusCode::CONFLICT, "{problem}");

        let begin =
            json!({"uuid": uuid, "started_at": now(), "sent_at": now(), "execution": "e1", "hostname": "node1"});
        assert_eq!(app.post("/initMarathonApp", begin.clone()).await.1.get("duplicate"), None);
        assert_eq!(app.post("/initMarathonApp", begin).await.1["duplicate"], true);
        let start =
            with(sample(1, 0.0), json!({"kind": "start", "base_cpu_seconds": 0, "limit": 1, "runtime": "docker"}));
        let (status, reply) = app.post(&samples, start.clone()).await;
        assert_eq!((status, &reply), (StatusCode::OK, &json!({"cpus": 1.0, "rescale": "restart"})));
        assert_eq!(app.post(&samples, start).await.1["duplicate"], true);
        let (status, reply) = app.post(&samples, sample(1, 3.0)).await;
        assert_eq!((status, &reply["cpus"]), (StatusCode::OK, &json!(1.0)));

        let checkpointed = json!({"kind": "end", "reason": "checkpointed", "generation": 1, "duration_ms": 412.5});
        app.post(&samples, with(sample(1, 9.5), checkpointed)).await;
        assert_eq!(app.job(&uuid).await["cpu_seconds"], 10.0);
        let restored = json!({"kind": "start", "base_cpu_seconds": 10.0, "restored_generation": 1});
        app.post(&samples, with(sample(2, 0.0), restored)).await;
        app.post(&samples, with(sample(2, 4.5), json!({"kind": "end", "reason": "exited"}))).await;
        let end = json!({"uuid": uuid, "finished_at": now(), "exit_code": 0});
        let (status, _) = app.post("/endMarathonApp", end.clone()).await;
        assert_eq!(status, StatusCode::OK);
        let job = app.job(&uuid).await;
        assert_eq!(
            (&job["state"], &job["on_time"], &job["cpu_seconds"]),
            (&json!("completed"), &json!(true), &json!(15.0))
        );
        assert_eq!(app.post("/endMarathonApp", end).await.1["ignored"], "completed");
        assert_eq!(app.post(&samples, sample(2, 5.0)).await.1["ignored"], "completed");

        let (_, events) = app.get(&format!("/api/v1/jobs/{uuid}/events")).await;
        let kinds: Vec<_> =
            events["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
        assert_eq!(
            kinds,
            [
                "Registered",
                "MarathonStarted",
                "SegmentStarted",
                "SegmentEnded",
                "SegmentStarted",
                "SegmentEnded",
                "MarathonEnded",
                "Completed"
            ]
        );
    });
}

#[test]
fn a_report_that_cannot_be_right_names_its_field() {
    on_actix(async {
        let app = TestApp::start().await;
        let (uuid, _) = registered(&app).await;
        let samples = format!("/api/v1/jobs/{uuid}/cpu-samples");
        for (wrong, field) in [
            (with(sample(1, -1.0), json!({})), "user_seconds"),
            (with(sample(1, 1.0), json!({"at": 1e15})), "at"),
            (with(sample(1, 1.0), json!({"limit": -2})), "limit"),
            (with(sample(1, 1.0), json!({"kind": "end"})), "reason"),
            (with(sample(0, 1.0), json!({"kind": "start"})), "segment"),
            (with(sample(1, 1.0), json!({"kind": "start", "base_cpu_seconds": -1})), "base_cpu_seconds"),
            (with(sample(1, 1.0), json!({"kind": "start", "execution": "e".repeat(600)})), "execution"),
            (with(sample(1, 1.0), json!({"segment": "one"})), "segment"),
        ] {
            let (status, problem) = app.post(&samples, wrong.clone()).await;
            assert_eq!(
                (status, problem["field"].as_str()),
                (StatusCode::UNPROCESSABLE_ENTITY, Some(field)),
                "{wrong}: {problem}"
            );
        }
        let (status, _) = app.post(&format!("/api/v1/jobs/{}/cpu-samples", new_uuid()), sample(1, 1.0)).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(app.job(&uuid).await["version"], 1);
    });
}

#[test]
fn samples_are_for_long_running_jobs_and_need_the_jobs_own_token() {
    on_actix(async {
        let app = TestApp::start().await;
        let batch = app.registered("batch").await;
        let (status, problem) = app.post(&format!("/api/v1/jobs/{batch}/cpu-samples"), sample(1, 1.0)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");

        let (mine, others) = (registered(&app).await, registered(&app).await);
        let samples = format!("/api/v1/jobs/{}/cpu-samples", mine.0);
        for (token, expected) in [
            (None, 401),
            (Some(others.0.as_str()), 401),
            (Some(mine.1.as_str()), 200),
            (Some(app.operator.as_str()), 200),
        ] {
            let answer = app.send(Method::POST, &samples, token, Some(sample(1, 1.0))).await;
            assert_eq!(answer.status(), expected);
        }
    });
}

/// Marathon takes them for the same app.
#[test]
fn an_app_has_one_job_however_its_id_is_written() {
    on_actix(async {
        let app = TestApp::start().await;
        let register = async |name: &str| {
            let uuid = new_uuid();
            let body = json!({"uuid": uuid, "name": name, "framework": "marathon", "job_duration": 400, "deadline": 480,
                "desv_deadline": 0.1});
            (app.post("/initTask", body).await.0.as_u16(), uuid)
        };
        let (status, uuid) = register("group/x").await;
        assert_eq!((status, &app.job(&uuid).await["name"]), (200, &json!("/group/x")));
        for same in ["/group/x", "//group/x", "group/x", "/group/x/", "group//x"] {
            assert_eq!(register(same).await.0, 409, "{same}");
        }
        for none in ["/", "//"] {
            assert_eq!(register(none).await.0, 422, "{none}");
        }
        assert_eq!(register("/group/y").await.0, 200);

        let mut start = with(sample(1, 0.0), json!({"kind": "start", "container": "/mesos-qos-1"}));
        start["sent_at"] = json!(now());
        assert_eq!(app.post(&format!("/api/v1/jobs/{uuid}/cpu-samples"), start).await.0, 200);
        let (_, page) = app.get(&format!("/api/v1/jobs/{uuid}/events")).await;
        let started = page["items"].as_array().unwrap().iter().find(|event| event["kind"] == "SegmentStarted").unwrap();
        assert_eq!(started["data"]["container"], "mesos-qos-1", "{started}");
        app.stop().await;
    });
}

/// What a sample says is not on disk before the next look, two minutes on; the node is lost before that.
#[test]
fn what_the_running_segments_agent_said_last_counts_and_nobody_elses_word() {
    on_actix(async {
        let app = TestApp::start().await;
        let (uuid, _) = registered(&app).await;
        let samples = format!("/api/v1/jobs/{uuid}/cpu-samples");
        let of =
            |execution: &str, segment, seconds: f64| with(sample(segment, seconds), json!({"execution": execution}));
        let start = |execution: &str, segment, base: f64| {
            with(of(execution, segment, 0.0), json!({"kind": "start", "base_cpu_seconds": base}))
        };
        let post = async |report: Value| {
            let (status, reply) = app.post(&samples, report).await;
            assert_eq!(status, StatusCode::OK, "{reply}");
            reply
        };
        post(start("e1", 1, 0.0)).await;
        // 49.5 s and half a second in the kernel.
        post(of("e1", 1, 49.5)).await;
        // A straggler of another execution, with the same number.
        post(of("e0", 1, 400.0)).await;
        post(start("e1", 2, 10.0)).await;
        assert_eq!(app.job(&uuid).await["cpu_seconds_wasted"], 40.0);
        // The shared directory is lost: it begins anew, and so do the numbers.
        post(of("e1", 2, 4.5)).await;
        assert_eq!(post(start("e2", 1, 0.0)).await.get("duplicate"), None);
        assert_eq!(app.job(&uuid).await["cpu_seconds_wasted"], 55.0);
        assert_eq!(post(start("e2", 1, 0.0)).await["duplicate"], true);
        let late = with(of("e1", 2, 9.0), json!({"kind": "end", "reason": "lost"}));
        assert_eq!(post(late).await["duplicate"], true);
        app.stop().await;
    });
}

#[test]
fn the_name_of_a_job_that_is_over_is_refused_with_when_it_will_be_free() {
    on_actix(async {
        let app = TestApp::start_with(&[("supervisor", "submit_timeout", "1000")]).await;
        let again = async |uuid: &str| {
            let body = json!({"uuid": new_uuid(), "name": format!("/app-{uuid}"), "framework": "marathon", "job_duration": 400,
                "deadline": 480, "desv_deadline": 0.1, "cpus": 1, "arguments_version": 1});
            let (status, problem) = app.post("/initTask", body).await;
            assert_eq!(status, StatusCode::CONFLICT, "{problem}");
            problem.to_string()
        };
        let (uuid, _) = registered(&app).await;
        assert!(again(&uuid).await.contains("already registered"));
        let cancel = async |uuid: &str| {
            let path = format!("/api/v1/jobs/{uuid}");
            assert_eq!(app.send(Method::DELETE, &path, Some(&app.operator), None).await.status(), StatusCode::ACCEPTED);
            let (_, page) = app.get(&format!("{path}/events")).await;
            let ended = page["items"].as_array().unwrap().last().unwrap()["at"].as_str().unwrap().to_owned();
            chrono::DateTime::parse_from_rfc3339(&ended).unwrap()
        };
        let free = cancel(&uuid).await.to_utc() + chrono::TimeDelta::seconds(1000);
        let free = free.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let problem = again(&uuid).await;
        assert!(problem.contains("cancelled") && problem.contains("submit_timeout"), "{problem}");
        assert!(problem.contains(free.trim_end_matches('Z')), "{problem} and not {free}");
        // One that has reported is there, and is only to be removed.
        let (uuid, _) = registered(&app).await;
        let begin =
            json!({"uuid": uuid, "started_at": now(), "sent_at": now(), "execution": "e1", "hostname": "node1"});
        assert_eq!(app.post("/initMarathonApp", begin).await.0, StatusCode::OK);
        cancel(&uuid).await;
        let problem = again(&uuid).await;
        assert!(problem.contains("when marathon has removed it") && !problem.contains("submit_timeout"), "{problem}");
        app.stop().await;
    });
}
