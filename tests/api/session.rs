use reqwest::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::helpers::*;

/// Logs in as a browser does, and returns the cookie as it is sent back.
async fn cookie(app: &TestApp) -> String {
    let body = json!({"token": app.operator});
    let answer = app.send(Method::POST, "/api/v1/session", None, Some(body)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let set = answer.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Secure"), "over plain HTTP it would never come back: {set}");
    assert!(!set.contains(&app.operator), "{set}");
    set.split(';').next().unwrap().to_owned()
}

#[test]
fn a_session_opens_what_the_operator_token_opens_until_it_is_ended() {
    on_actix(async {
        let app = TestApp::start().await;
        let cookie = cookie(&app).await;
        let get = async |path: &str| {
            answer(app.client.get(format!("{}{path}", app.url)).header(COOKIE, &cookie).send().await.unwrap()).await
        };
        assert_eq!(get("/api/v1/jobs").await.0, 200);
        assert_eq!(get("/metrics").await.0, 200);
        assert!(get("/readyz").await.1["detail"].is_object(), "as to an operator");
        let (_, session) = get("/api/v1/session").await;
        assert_eq!((&session["operator"], &session["login_required"]), (&json!(true), &json!(true)));
        assert!(session["ends_at"].is_string(), "{session}");
        let logged_out = app.client.delete(format!("{}/api/v1/session", app.url)).header(COOKIE, &cookie);
        let logged_out = logged_out.send().await.unwrap();
        assert_eq!(logged_out.status(), StatusCode::NO_CONTENT);
        assert!(logged_out.headers()[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
        assert_eq!(get("/api/v1/jobs").await.0, 401);
        assert_eq!(get("/api/v1/session").await.1["operator"], false);
    });
}

#[test]
fn a_session_survives_a_restart() {
    on_actix(async {
        let app = TestApp::start().await;
        let cookie = cookie(&app).await;
        let app = TestApp::start_in(app.stop().await, &[]).await;
        let answer = app.client.get(format!("{}/api/v1/jobs", app.url)).header(COOKIE, &cookie).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    });
}

#[test]
fn with_a_session_only_pages_of_this_address_change_anything() {
    on_actix(async {
        let app = TestApp::start().await;
        let (cookie, uuid) = (cookie(&app).await, app.registered("a").await);
        let own = app.url.clone();
        let host = own.split_once("://").unwrap().1.to_owned();
        let delete = async |headers: &[(&str, &str)]| {
            let mut request = app.client.delete(format!("{}/api/v1/jobs/{uuid}", app.url)).header(COOKIE, &cookie);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(delete(&[]).await, 403, "no word of where it comes from");
        for foreign in ["http://evil.example", "null", "", "http://127.0.0.1:1", &format!("http://{host}.evil.example")]
        {
            assert_eq!(delete(&[(ORIGIN.as_str(), foreign)]).await, 403, "{foreign}");
        }
        assert_eq!(delete(&[("sec-fetch-site", "same-site")]).await, 403);
        assert_eq!(app.job(&uuid).await["state"], "registered");
        assert_eq!(delete(&[(ORIGIN.as_str(), &own)]).await, 202);
        // Behind a proxy that ends TLS and hands on the Host.
        let (host, origin) = ("qos.example", "https://qos.example");
        assert_eq!(delete(&[(HOST.as_str(), host), (ORIGIN.as_str(), origin)]).await, 409, "let in, and over already");
    });
}

#[test]
fn no_page_of_another_site_logs_in_and_a_wrong_token_is_no_session() {
    on_actix(async {
        let app = TestApp::start().await;
        let log_in = async |token: &str, origin: Option<&str>| {
            let mut request = app.client.post(format!("{}/api/v1/session", app.url)).json(&json!({"token": token}));
            if let Some(origin) = origin {
                request = request.header(ORIGIN, origin);
            }
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.headers().contains_key(SET_COOKIE))
        };
        assert_eq!(log_in("wrong", None).await, (401, false));
        assert_eq!(log_in(&app.operator, Some("http://evil.example")).await, (403, false));
        assert_eq!(log_in(&app.operator, Some(&app.url)).await, (200, true));
        // A token that came in a header is no matter of browsers.
        let uuid = app.registered("a").await;
        let delete = app.client.delete(format!("{}/api/v1/jobs/{uuid}", app.url)).bearer_auth(&app.operator);
        assert_eq!(delete.header(ORIGIN, "http://evil.example").send().await.unwrap().status(), 202);
    });
}

#[test]
fn where_nobody_needs_a_token_pages_of_other_sites_still_change_nothing() {
    on_actix(async {
        let app = TestApp::start_with(&[("auth", "mode", "off")]).await;
        let uuid = app.registered("a").await;
        let delete = async |origin: &str| {
            let request = app.client.delete(format!("{}/api/v1/jobs/{uuid}", app.url));
            request.header(ORIGIN, origin).send().await.unwrap().status().as_u16()
        };
        assert_eq!(delete("http://evil.example").await, 403);
        assert_eq!(delete(&app.url).await, 202);
    });
}
