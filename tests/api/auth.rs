use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::helpers::*;

const OPERATOR_ROUTES: [(&str, &str); 14] = [
    ("POST", "/initTask"),
    ("GET", "/api/v1/jobs"),
    ("GET", "/api/v1/jobs/UUID"),
    ("GET", "/api/v1/jobs/UUID/events"),
    ("GET", "/api/v1/jobs/UUID/decisions"),
    ("GET", "/api/v1/jobs/UUID/decisions/2"),
    ("GET", "/api/v1/rounds/1"),
    ("POST", "/api/v1/jobs/UUID/withdraw"),
    ("DELETE", "/api/v1/jobs/UUID"),
    ("GET", "/metrics"),
    ("GET", "/api/v1/summary"),
    ("GET", "/api/v1/events"),
    ("POST", "/api/v1/replay"),
    ("POST", "/api/v1/jobs/UUID/what-if"),
];

#[test]
fn every_operator_route_refuses_strangers_and_jobs() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = new_uuid();
        let (_, reply) = app.post("/initTask", registration(&uuid, "a")).await;
        let job_token = reply["callback_token"].as_str().unwrap().to_owned();
        for (method, path) in OPERATOR_ROUTES {
            let path = path.replace("UUID", &uuid);
            let body = (method == "POST").then(|| registration(&new_uuid(), "b"));
            for token in [None, Some("wrong"), Some(job_token.as_str())] {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let (status, problem) = answer(app.send(method, &path, token, body.clone()).await).await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} with {token:?}: {problem}");
            }
        }
        assert_eq!(app.job(&uuid).await["state"], "registered");
    });
}

#[test]
fn a_jobs_token_opens_its_own_reports_and_no_others() {
    on_actix(async {
        let app = TestApp::start().await;
        let (mine, other) = (new_uuid(), new_uuid());
        let (_, reply) = app.post("/initTask", legacy_registration(&mine, "a")).await;
        app.post("/initTask", legacy_registration(&other, "b")).await;
        let token = reply["callback_token"].as_str().unwrap();
        let send = async |uuid: &str, token: Option<&str>| {
            let body = report(uuid, now() - 10.0, now());
            app.send(Method::POST, "/updateTask", token, Some(body)).await.status()
        };
        assert_eq!(send(&other, Some(token)).await, StatusCode::UNAUTHORIZED);
        assert_eq!(send(&mine, None).await, StatusCode::UNAUTHORIZED);
        assert_eq!(send(&mine, Some("wrong")).await, StatusCode::UNAUTHORIZED);
        // A stranger cannot tell a known uuid from an unknown one.
        assert_eq!(send(&new_uuid(), Some(token)).await, StatusCode::UNAUTHORIZED);
        assert_eq!(send(&mine, Some(token)).await, StatusCode::OK);
        assert_eq!(app.job(&other).await["remaining"], 4);
    });
}

#[test]
fn the_2017_launcher_works_with_open_callbacks_and_reads_stay_closed() {
    on_actix(async {
        let app = TestApp::start_with(&[("auth", "mode", "legacy-callbacks")]).await;
        let uuid = new_uuid();
        let body = legacy_registration(&uuid, "a");
        let response = app.send(Method::POST, "/initTask", None, Some(body)).await;
        assert_eq!(response.status(), StatusCode::OK);
        let body = report(&uuid, now() - 10.0, now());
        assert_eq!(app.send(Method::POST, "/updateTask", None, Some(body)).await.status(), StatusCode::OK);
        let unknown = report(&new_uuid(), now() - 10.0, now());
        assert_eq!(app.send(Method::POST, "/updateTask", None, Some(unknown)).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(app.send(Method::GET, "/api/v1/jobs", None, None).await.status(), StatusCode::UNAUTHORIZED);
    });
}

#[test]
fn with_authentication_off_nobody_needs_a_token() {
    on_actix(async {
        let app = TestApp::start_with(&[("auth", "mode", "off")]).await;
        let uuid = new_uuid();
        let response = app.send(Method::POST, "/initTask", None, Some(registration(&uuid, "a"))).await;
        let (status, reply) = answer(response).await;
        assert_eq!((status, reply.get("callback_token")), (StatusCode::OK, None));
        let response = app.send(Method::GET, &format!("/api/v1/jobs/{uuid}"), None, None).await;
        assert_eq!(response.status(), StatusCode::OK);
    });
}

#[test]
fn public_routes_are_public_and_unknown_ones_are_problems() {
    on_actix(async {
        let app = TestApp::start().await;
        let response = app.send(Method::GET, "/", None, None).await;
        assert_eq!(response.text().await.unwrap(), "Welcome");
        let page = app.client.get(&app.url).header("accept", "text/html").send().await.unwrap();
        assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
        let response = app.send(Method::GET, "/nothing", None, None).await;
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let (status, problem) = answer(response).await;
        assert_eq!((status, problem["status"].as_u64()), (StatusCode::NOT_FOUND, Some(404)));
        assert_ne!(problem, json!({}));
    });
}
