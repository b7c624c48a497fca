//! The Chronos interface of the local cluster as a client sees it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod local_support;

use local_support::{BOTH, Cluster, NEVER, options};
use mesos_qos::local::ChronosVersion::{V2_4, V3_0};
use mesos_qos::local::{LocalCluster, OptionError};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HOST};
use serde_json::{Value, json};

#[tokio::test]
async fn each_version_has_its_routes_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    for (version, other) in [(V2_4, "/v1/scheduler"), (V3_0, "/scheduler")] {
        let chronos = Cluster::in_dir(&dir, version);
        assert_eq!(chronos.get("/jobs").await, json!([]));
        assert_eq!(chronos.root(&format!("{other}/jobs")).send().await.unwrap().status(), 404);
        let ping = chronos.root("/ping").send().await.unwrap();
        assert_eq!((ping.status().as_u16(), ping.text().await.unwrap().as_str()), (200, "pong\n"));
        let metrics: Value = chronos.root("/metrics").send().await.unwrap().json().await.unwrap();
        for key in ["version", "gauges", "counters", "histograms", "meters", "timers"] {
            assert!(metrics.get(key).is_some(), "{key}");
        }
        chronos.create("a", "true", json!({})).await;
        let v3 = version == V3_0;
        let status = async |method, path| chronos.send(method, path).await.status().as_u16();
        assert_eq!(status(Method::GET, "/job/a").await, if v3 { 200 } else { 405 });
        assert_eq!(status(Method::GET, "/jobs/summary").await, if v3 { 200 } else { 404 });
        assert_eq!(status(Method::GET, "/leader").await, if v3 { 200 } else { 404 });
        assert_eq!(status(Method::DELETE, "/task/all").await, if v3 { 404 } else { 204 });
        assert_eq!(status(Method::PUT, "/job/success/a").await, if v3 { 200 } else { 404 });
        let put =
            chronos.request(Method::PUT, "/iso8601").json(&json!({"name": "b", "command": "true", "schedule": NEVER}));
        assert_eq!(put.send().await.unwrap().status(), if v3 { 405 } else { 204 });
        let put = chronos
            .request(Method::PUT, "/dependency")
            .json(&json!({"name": "c", "command": "true", "parents": ["a"]}));
        assert_eq!(put.send().await.unwrap().status(), if v3 { 405 } else { 204 });
        let cors = chronos.send(Method::GET, "/jobs").await.headers().get("access-control-allow-origin").cloned();
        assert_eq!(cors.is_some(), v3);
        for name in ["a", "b", "c"] {
            chronos.send(Method::DELETE, &format!("/job/{name}")).await;
        }
        chronos.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn nobody_gets_in_without_the_password_or_by_another_name() {
    let dir = tempfile::tempdir().unwrap();
    let chronos = Cluster::in_dir(&dir, V2_4);
    let anonymous = chronos.anonymous(Method::GET, "/jobs").send().await.unwrap();
    assert_eq!(anonymous.status(), 401);
    let realm = anonymous.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert_eq!(realm.to_lowercase(), "basic realm=\"mesosphere\"");
    assert!(anonymous.text().await.unwrap().starts_with("<html>"));
    let wrong = chronos.anonymous(Method::GET, "/jobs").basic_auth("a", Some("b")).send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    let rebound = chronos.request(Method::GET, "/jobs").header(HOST, "rebound.example.org").send().await.unwrap();
    assert_eq!(rebound.status(), 421);
}

#[tokio::test]
async fn bodies_must_be_json_and_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let chronos = Cluster::in_dir(&dir, V3_0);
    let job = json!({"name": "a", "command": "true", "schedule": NEVER}).to_string();
    let send = async |kind: Option<&str>, body: &str| {
        let mut request = chronos.request(Method::POST, "/iso8601").body(body.to_owned());
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(send(None, &job).await, 415);
    assert_eq!(send(Some("text/plain"), &job).await, 415);
    assert_eq!(send(Some("application/json; charset=utf-8"), &job).await, 204);
    assert_eq!(send(Some("application/json"), "{").await, 400);
    assert_eq!(send(Some("application/json"), "[]").await, 500);
    assert_eq!(send(Some("application/json"), &"x".repeat(2 << 20)).await, 413);
}

#[tokio::test]
async fn refusals_look_as_in_their_version() {
    for version in BOTH {
        let dir = tempfile::tempdir().unwrap();
        let chronos = Cluster::in_dir(&dir, version);
        let answer = async |method, path: &str| {
            let response = chronos.send(method, path).await;
            (response.status().as_u16(), response.text().await.unwrap())
        };
        let start = answer(Method::PUT, "/job/nobody").await;
        let delete = answer(Method::DELETE, "/job/nobody").await;
        let kill = answer(Method::DELETE, "/task/kill/nobody").await;
        let stat = answer(Method::GET, "/job/stat/nobody").await;
        let schedule = chronos.post("/iso8601", json!({"name": "a", "command": "true", "schedule": "R4/PT5M"})).await;
        let name = chronos.post("/iso8601", json!({"name": "a/b", "command": "true", "schedule": NEVER})).await;
        match version {
            V2_4 => {
                let text = "requirement failed: Job 'nobody' not found".to_owned();
                assert_eq!((start, delete, stat), ((400, text.clone()), (400, text.clone()), (400, text)));
                assert_eq!((kill, schedule), ((500, String::new()), (400, String::new())));
                assert!(name.1.contains(r"the job's name is invalid. Allowed names: '([\w\s#_-]+)'"), "{}", name.1);
            }
            V3_0 => {
                let message = |(status, body): (u16, String)| {
                    let body: Value = serde_json::from_str(&body).unwrap();
                    assert_eq!((status, &body["status"]), (400, &json!("Bad Request")));
                    body["message"].as_str().unwrap().to_owned()
                };
                assert!(message(start).contains("requirement failed: Job 'nobody' not found"));
                assert!(message(stat).contains("Job 'nobody' not found"));
                assert!(message(delete).contains("JobSchedule 'nobody' not found"));
                assert!(message(kill).contains("JobSchedule 'nobody' not found"));
                assert_eq!(message(schedule), "Cannot parse schedule 'R4/PT5M'");
                assert!(message(name).contains(r"the job's name is invalid. Allowed names: '([\w\.-]+)'"));
            }
        }
        chronos.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn searches_and_summaries_answer_with_lists() {
    let dir = tempfile::tempdir().unwrap();
    let chronos = Cluster::in_dir(&dir, V3_0);
    for n in 1..=11 {
        chronos.create(&format!("job{n}"), "true", json!({})).await;
    }
    let names = async |query: &str| {
        let found = chronos.get(&format!("/jobs/search?{query}")).await;
        found.as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("name=JOB1").await, ["job1", "job10", "job11"]);
    assert_eq!(names("name=nothing").await, Vec::<String>::new());
    assert_eq!((names("").await.len(), names("limit=100").await.len()), (10, 11));
    let summary = chronos.get("/jobs/summary").await;
    let line = json!({"name": "job1", "status": "fresh", "state": "idle", "schedule": NEVER, "parents": [], "disabled": false});
    assert_eq!(summary["jobs"][0], line);
    assert_eq!(chronos.get("/job/job1").await["name"], "job1");
    assert_eq!(chronos.get("/stats/median").await.as_array().unwrap().len(), 11);
}

#[tokio::test]
async fn version_2_takes_names_that_must_be_encoded() {
    let dir = tempfile::tempdir().unwrap();
    let chronos = Cluster::in_dir(&dir, V2_4);
    chronos.create("job with #1", "true", json!({})).await;
    chronos.run("job%20with%20%231").await;
    chronos.until_idle("job with #1", "success").await;
    assert_eq!(chronos.send(Method::DELETE, "/job/job%20with%20%231").await.status(), 204);
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut outside = options(dir.path(), V3_0);
    outside.listen = [0, 0, 0, 0].into();
    let error = LocalCluster::start(outside).err().unwrap();
    assert!(matches!(error.downcast_ref(), Some(OptionError::NotLoopback(_))), "{error}");
}
