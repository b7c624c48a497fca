use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::helpers::*;

async fn legacy_job(app: &TestApp) -> String {
    let uuid = new_uuid();
    let (status, reply) = app.post("/initTask", legacy_registration(&uuid, "openmpLinpack1")).await;
    assert_eq!(status, StatusCode::OK, "{reply}");
    uuid
}

#[test]
fn an_iteration_is_counted_once_however_often_it_is_reported() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = legacy_job(&app).await;
        let body = report(&uuid, now() - 10.0, now());
        let (status, reply) = app.post("/updateTask", body.clone()).await;
        assert_eq!((status, reply), (StatusCode::OK, json!({"next": "exit"})));
        for _ in 0..4 {
            let (status, reply) = app.post("/updateTask", body.clone()).await;
            assert_eq!((status, reply), (StatusCode::OK, json!({"duplicate": true, "next": "exit"})));
        }
        assert_eq!(app.job(&uuid).await["remaining"], 3);
        assert_eq!(app.kinds(&uuid).await, ["Registered", "IterationFinished"]);
    });
}

#[test]
fn at_once_from_many_connections_the_same_report_still_counts_once() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = legacy_job(&app).await;
        let body = report(&uuid, now() - 10.0, now());
        let answers = futures_util::future::join_all((0..32).map(|_| app.post("/updateTask", body.clone()))).await;
        let counted = answers.iter().filter(|(_, reply)| reply.get("duplicate").is_none()).count();
        assert_eq!(counted, 1);
        assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK));
        assert_eq!(app.job(&uuid).await["remaining"], 3);
    });
}

#[test]
fn the_first_body_of_a_report_stands() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = legacy_job(&app).await;
        let started = now() - 10.0;
        app.post("/updateTask", report(&uuid, started, started + 5.0)).await;
        let (status, reply) = app.post("/updateTask", report(&uuid, started, started + 9.0)).await;
        assert_eq!((status, reply["duplicate"].as_bool()), (StatusCode::OK, Some(true)));
        assert_eq!(app.job(&uuid).await["last_duration_seconds"], 5.0);
    });
}

#[test]
fn all_iterations_reported_complete_the_job_and_later_reports_are_ignored() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = legacy_job(&app).await;
        for iteration in 0..4 {
            let started = now() - 100.0 + f64::from(iteration) * 10.0;
            app.post("/updateTask", report(&uuid, started, started + 9.0)).await;
        }
        let job = app.job(&uuid).await;
        assert_eq!((job["state"].as_str(), job["on_time"].as_bool()), (Some("completed"), Some(true)), "{job}");
        assert!(job["margin_seconds"].as_f64().unwrap() > 1700.0);
        let before = app.kinds(&uuid).await;
        let (status, reply) = app.post("/updateTask", report(&uuid, now(), now())).await;
        assert_eq!((status, reply), (StatusCode::OK, json!({"ignored": "completed", "next": "exit"})));
        assert_eq!(app.kinds(&uuid).await, before);
    });
}

#[test]
fn a_report_of_an_unknown_job_is_not_found_and_nothing_is_kept() {
    on_actix(async {
        let app = TestApp::start().await;
        for path in ["/updateTask", "/startTask"] {
            let mut body = report(&new_uuid(), now() - 1.0, now());
            body["run"] = json!("ct:1:0:a:");
            let (status, problem) = app.post(path, body).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");
        }
        assert_eq!(app.supervising.supervisor.log().stats().events, 0);
    });
}

#[test]
fn every_malformed_report_is_told_why_and_changes_nothing() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = legacy_job(&app).await;
        let cases: Vec<(&str, Value)> = vec![
            ("uuid", json!(["x"])),
            ("uuid", json!(7)),
            ("finished_at", json!("abc")),
            ("finished_at", json!(1.9e12)),
            ("started_at", json!(-5)),
            ("started_at", Value::Null),
            ("sent_at", json!("later")),
            ("exit_code", json!(1.5)),
            ("exit_code", json!(70000)),
            ("run", json!("")),
            ("run", json!("r".repeat(600))),
            ("index", json!(-1)),
            ("hostname", Value::Null),
        ];
        for (field, value) in cases {
            let mut body = report(&uuid, now() - 10.0, now());
            body[field] = value.clone();
            let (status, problem) = app.post("/updateTask", body).await;
            assert_eq!(
                (status, problem["field"].as_str()),
                (StatusCode::UNPROCESSABLE_ENTITY, Some(field)),
                "{problem}"
            );
        }
        for body in ["", "[]", "null", "{", "not json", "{\"uuid\":"] {
            let response = app
                .client
                .post(format!("{}/updateTask", app.url))
                .bearer_auth(&app.operator)
                .header("content-type", "application/json")
                .body(body)
                .send()
                .await
                .unwrap();
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{body:?}");
        }
        let (status, _) = app.post("/updateTask", json!({"uuid": uuid, "name": "x".repeat(70_000)})).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(app.kinds(&uuid).await, ["Registered"]);
    });
}

#[test]
fn the_content_type_is_judged_by_what_it_is() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = legacy_job(&app).await;
        let send = async |kind: &str, started: f64| {
            app.client
                .post(format!("{}/updateTask", app.url))
                .bearer_auth(&app.operator)
                .header("content-type", kind)
                .body(report(&uuid, started, started + 1.0).to_string())
                .send()
                .await
                .unwrap()
                .status()
        };
        assert_eq!(send("application/json; charset=utf-8", now() - 50.0).await, StatusCode::OK);
        assert_eq!(send("APPLICATION/JSON", now() - 40.0).await, StatusCode::OK);
        assert_eq!(send("text/plain", now() - 30.0).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(send("application/x-www-form-urlencoded", now() - 20.0).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(app.job(&uuid).await["remaining"], 2);
    });
}

#[test]
fn a_forged_finish_does_not_make_a_late_job_punctual() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = new_uuid();
        let mut body = legacy_registration(&uuid, "a");
        body["deadline"] = json!(now() + 0.2);
        body["iterations"] = json!(1);
        app.post("/initTask", body).await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        // Sent a moment after a finish that claims to lie in 1970.
        let mut forged = report(&uuid, 0.0, 1.0);
        forged["sent_at"] = json!(1.0);
        app.post("/updateTask", forged).await;
        let job = app.job(&uuid).await;
        assert_eq!(job["on_time"], false, "{job}");
    });
}

#[test]
fn a_report_with_another_jobs_name_touches_only_its_own_job() {
    on_actix(async {
        let app = TestApp::start().await;
        let victim = app.registered("victim").await;
        let uuid = legacy_job(&app).await;
        let mut body = report(&uuid, now() - 10.0, now());
        body["name"] = json!("victim");
        app.post("/updateTask", body).await;
        assert_eq!(app.job(&uuid).await["remaining"], 3);
        assert_eq!(app.kinds(&victim).await, ["Registered"]);
    });
}

#[test]
fn a_failing_job_fails_after_three_runs_and_says_why() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = legacy_job(&app).await;
        for run in 0..3 {
            let mut body = report(&uuid, now() - 10.0 + f64::from(run), now());
            body["exit_code"] = json!(3);
            app.post("/updateTask", body).await;
        }
        let job = app.job(&uuid).await;
        assert_eq!((job["state"].as_str(), job["remaining"].as_u64()), (Some("failed"), Some(4)));
        assert_eq!(job["reason"], "3 failed iterations in a row; the last, iteration 1, ended with exit code 3");
    });
}

#[test]
fn a_native_job_counts_only_runs_that_somebody_asked_for() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = app.registered("a").await;
        let mut body = report(&uuid, now() - 10.0, now());
        body["run"] = json!("ct:by-hand");
        let (status, _) = app.post("/updateTask", body).await;
        assert_eq!(status, StatusCode::OK);
        let job = app.job(&uuid).await;
        assert_eq!((job["remaining"].as_u64(), &job["flags"]), (Some(4), &json!(["surplus_run"])));
    });
}

#[test]
fn a_chronos_report_for_a_marathon_job_is_refused() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = new_uuid();
        let body = json!({"uuid": uuid, "name": "/a", "framework": "marathon", "job_duration": 1, "deadline": 2, "desv_deadline": 0});
        app.post("/initTask", body).await;
        let (status, _) = app.post("/updateTask", report(&uuid, now(), now())).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let response = app.send(Method::GET, "/updateTask", Some(&app.operator), None).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    });
}

/// Whoever can report for a job can invent run ids; nobody asked for these.
#[test]
fn reports_of_runs_that_nobody_asked_for_do_not_fill_the_log() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = app.registered("a").await;
        let surplus = |n: u32| {
            let mut body = report(&uuid, now() - 10.0, now());
            body["run"] = json!(format!("by-hand-{n}"));
            body
        };
        for n in 0..130 {
            let (status, reply) = app.post("/updateTask", surplus(n)).await;
            assert_eq!((status, reply), (StatusCode::OK, json!({"next": "exit"})), "{n}");
        }
        let job = app.job(&uuid).await;
        assert_eq!(
            (&job["remaining"], &job["surplus_runs"], &job["flags"]),
            (&json!(4), &json!(100), &json!(["surplus_run"]))
        );
        // The registration, and the first hundred of them.
        assert_eq!(job["version"], 101);
        let response = app.send(Method::GET, "/metrics", Some(&app.operator), None).await;
        let metrics = response.text().await.unwrap();
        assert!(metrics.contains("mesos_qos_surplus_reports_not_recorded_total 30\n"), "{metrics}");
        let recorded = metrics.lines().find(|line| line.starts_with("mesos_qos_surplus_runs{")).unwrap();
        assert!(recorded.ends_with(" 100.0"), "{recorded}");
    });
}
