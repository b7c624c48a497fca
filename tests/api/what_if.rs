use std::sync::Arc;

use reqwest::Method;
use serde_json::json;

use crate::helpers::*;

/// A supervisor on the log of a finished long-running job, and the job.
async fn finished() -> (TestApp, String) {
    let data = Arc::new(tempfile::tempdir().unwrap());
    std::fs::create_dir(data.path().join("data")).unwrap();
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/schema-2-marathon.db");
    std::fs::copy(log, data.path().join("data/events.db")).unwrap();
    let app = TestApp::start_in(data, &[]).await;
    let uuid = app.get("/api/v1/jobs").await.1["items"][0]["uuid"].as_str().unwrap().to_owned();
    (app, uuid)
}

#[test]
fn what_would_have_been_is_told_beside_what_was_and_changes_nothing() {
    on_actix(async {
        let (app, uuid) = finished().await;
        let before = app.get("/api/v1/summary").await.1["seq"].clone();
        let (status, found) = app.post(&format!("/api/v1/jobs/{uuid}/what-if"), json!({"cpus": 2})).await;
        assert_eq!(status, 200, "{found}");
        assert_eq!((&found["recorded_policy"], &found["recorded"]["on_time"]), (&json!("step"), &json!(true)));
        assert_eq!(found["replayed"]["last_cpus"], 2.0);
        let seconds = |one: &str| found[one]["finish_s"].as_f64().unwrap();
        assert!(seconds("replayed") < seconds("recorded"), "{found}");
        let (low, high) = (found["finish"]["low_s"].as_f64().unwrap(), found["finish"]["high_s"].as_f64().unwrap());
        assert!(low <= high, "{found}");
        // The same by the other name.
        let (status, same) = app.post("/api/v1/replay", json!({"job": uuid, "cpus": 2})).await;
        assert_eq!((status.as_u16(), same), (200, found));
        assert_eq!(app.get("/api/v1/summary").await.1["seq"], before);
    });
}

#[test]
fn what_cannot_be_computed_is_refused_with_the_field() {
    on_actix(async {
        let (app, uuid) = finished().await;
        for (body, field) in [
            (json!({"policy": "clairvoyant"}), Some("policy")),
            (json!({"cpus": 0}), Some("cpus")),
            (json!({"cpus": -1}), Some("cpus")),
            (json!({"cpus": 1, "policy": "step"}), Some("cpus")),
            (json!({"set": {"cpu_maxslave": "2"}}), Some("set")),
            (json!({"set": {"cpu_max_slave": "much"}}), Some("set")),
            (json!({"set": {"../x": "1"}}), Some("set")),
            (json!({"polizy": "step"}), None),
        ] {
            let (status, problem) = app.post(&format!("/api/v1/jobs/{uuid}/what-if"), body.clone()).await;
            assert_eq!(status, 422, "{body}: {problem}");
            if field.is_some() {
                assert_eq!(problem["field"].as_str(), field, "{body}: {problem}");
            }
        }
        let path = format!("/api/v1/jobs/{}/what-if", new_uuid());
        assert_eq!(app.post(&path, json!({})).await.0, 404);
        let waiting = app.registered("waiting").await;
        let (status, problem) = app.post(&format!("/api/v1/jobs/{waiting}/what-if"), json!({"policy": "fixed"})).await;
        assert_eq!(status, 422, "nothing to run again: {problem}");
        let answer = app.send(Method::GET, &path, Some(&app.operator), None).await;
        assert_eq!(answer.status(), 405);
    });
}

#[test]
fn so_little_cpu_that_it_would_take_ages_is_refused_by_its_field_with_what_is_enough() {
    on_actix(async {
        let (app, uuid) = finished().await;
        let ask = async |body: serde_json::Value| app.post(&format!("/api/v1/jobs/{uuid}/what-if"), body).await;
        let (status, problem) = ask(json!({"cpus": 0.001})).await;
        assert_eq!((status.as_u16(), problem["field"].as_str()), (422, Some("cpus")), "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("with 0.001 CPU") && detail.contains("looks"), "{detail}");
        let enough: f64 = detail.split("at least ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let (status, found) = ask(json!({"cpus": enough})).await;
        assert_eq!(status, 200, "what is said to be enough is: {found}");
        let (status, problem) =
            ask(json!({"set": {"cpu_max_slave": "0.001", "cpu_min_slave": "0.001", "cpu_decrement": "1"}})).await;
        assert_eq!((status.as_u16(), problem["field"].as_str()), (422, Some("set")), "{problem}");
    });
}

#[test]
fn of_several_at_once_each_is_answered_or_told_when_to_come_back() {
    on_actix(async {
        let (app, uuid) = finished().await;
        let path = format!("/api/v1/jobs/{uuid}/what-if");
        let ask = || app.send(Method::POST, &path, Some(&app.operator), Some(json!({"policy": "fixed"})));
        let answers = futures_util::future::join_all((0..12).map(|_| ask())).await;
        let answered = answers.iter().filter(|answer| answer.status() == 200).count();
        assert!(answered > 0);
        for answer in answers.iter().filter(|answer| answer.status() != 200) {
            assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "5"));
        }
    });
}
