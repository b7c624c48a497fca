//! What the 2017 supervisor did with these inputs, over HTTP: lock up for good, count twice, answer 200. What must happen instead.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::helpers::*;

/// Each of these left the old supervisor's only lock held for ever. A healthy job is served before and after each.
#[test]
fn no_input_keeps_other_jobs_from_being_served() {
    on_actix(async {
        let app = TestApp::start().await;
        let healthy = new_uuid();
        let mut body = legacy_registration(&healthy, "healthy");
        body["iterations"] = json!(100);
        app.post("/initTask", body).await;
        let victim = new_uuid();
        app.post("/initTask", legacy_registration(&victim, "victim")).await;
        let poison: Vec<(&str, Value)> = vec![
            ("/updateTask", json!({"uuid": ["list"], "name": "a", "hostname": "h", "started_at": 1, "finished_at": 2})),
            ("/updateTask", json!({"uuid": 5})),
            ("/updateTask", json!([])),
            ("/updateTask", Value::Null),
            ("/updateTask", report(&victim, now(), now() - 100.0)),
            ("/initTask", json!({"uuid": new_uuid(), "name": "a", "framework": "unknown"})),
            ("/initTask", json!({"name": "a", "framework": "chronos"})),
            ("/initTask", json!({"uuid": ["x"], "name": "a", "framework": "chronos"})),
            ("/endMarathonApp", json!({"uuid": victim, "finished_at": 5})),
            ("/initMarathonApp", json!({"uuid": victim})),
            ("/initMarathonApp", json!({"uuid": new_uuid(), "started_at": 1})),
        ];
        for (n, (path, body)) in poison.into_iter().enumerate() {
            let (status, reply) = app.post(path, body.clone()).await;
            assert!(status != StatusCode::INTERNAL_SERVER_ERROR, "{path} {body}: {reply}");
            let started = now() - 1000.0 + n as f64;
            let (status, _) = app.post("/updateTask", report(&healthy, started, started + 0.5)).await;
            assert_eq!(status, StatusCode::OK);
        }
        assert_eq!(app.job(&healthy).await["remaining"], 100 - 11);
    });
}

#[test]
fn a_finish_before_its_start_has_no_negative_duration() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = new_uuid();
        app.post("/initTask", legacy_registration(&uuid, "a")).await;
        app.post("/updateTask", report(&uuid, now(), now() - 100.0)).await;
        let job = app.job(&uuid).await;
        assert_eq!(job["last_duration_seconds"], 0.0);
        assert!(job["flags"].as_array().unwrap().contains(&json!("clock_skew")), "{job}");
    });
}

#[test]
fn three_hundred_clients_that_never_send_their_body_stop_nobody() {
    use std::io::Write;
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = new_uuid();
        app.post("/initTask", legacy_registration(&uuid, "a")).await;
        let address = app.supervising.address;
        let silent: Vec<_> = (0..300)
            .map(|_| {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                let head = "POST /updateTask HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n";
                stream.write_all(head.as_bytes()).unwrap();
                stream
            })
            .collect();
        let (status, _) = app.post("/updateTask", report(&uuid, now() - 1.0, now())).await;
        assert_eq!((status, silent.len()), (StatusCode::OK, 300));
    });
}

#[test]
fn a_fifty_megabyte_body_is_refused_without_being_read() {
    on_actix(async {
        let app = TestApp::start().await;
        let sent = app
            .client
            .post(format!("{}/updateTask", app.url))
            .bearer_auth(&app.operator)
            .header("content-type", "application/json")
            .body(vec![b' '; 50_000_000])
            .send()
            .await;
        // The answer may come while the body is still being sent; then the client sees the closed connection.
        if let Ok(response) = sent {
            assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        }
        let (status, _) = app.get("/api/v1/jobs").await;
        assert_eq!(status, StatusCode::OK);
    });
}
