//! By which names the supervisor is asked for, and what a proxy in front says.

use reqwest::header::{HOST, ORIGIN, SET_COOKIE};
use serde_json::json;

use crate::helpers::*;

#[test]
fn where_nobody_needs_a_token_only_our_own_names_are_answered() {
    on_actix(async {
        let app = TestApp::start_with(&[("auth", "mode", "off"), ("auth", "hosts", "qos.example, other")]).await;
        let uuid = app.registered("a").await;
        let own = app.url.split_once("://").unwrap().1.to_owned();
        let ask = async |method: reqwest::Method, path: &str, host: &str| {
            let request = app.client.request(method, format!("{}{path}", app.url)).header(HOST, host);
            answer(request.header(ORIGIN, format!("http://{host}")).send().await.unwrap()).await
        };
        // A page that was loaded from evil.example, which now leads here: its requests are of its own site, as browsers see it.
        for rebound in ["evil.example", "evil.example:30000", "localhost.evil.example", "127.0.0.1.evil.example"] {
            for path in
                ["/", "/api/v1/jobs", "/api/v1/events?after=0", "/api/v1/summary", "/openapi.json", "/page/main.js"]
            {
                let (status, problem) = ask(reqwest::Method::GET, path, rebound).await;
                assert_eq!(status, 421, "{rebound} {path}");
                let detail = problem["detail"].as_str().unwrap();
                assert!(detail.contains(rebound) && detail.contains("auth.hosts"), "{detail}");
            }
            assert_eq!(ask(reqwest::Method::DELETE, &format!("/api/v1/jobs/{uuid}"), rebound).await.0, 421);
            // Machines, and jobs, know it by names of their own.
            for path in ["/healthz", "/readyz", "/metrics"] {
                assert_eq!(ask(reqwest::Method::GET, path, rebound).await.0, 200, "{path}");
            }
            for path in ["/startTask", "/updateTask", "/initMarathonApp", &format!("/api/v1/jobs/{uuid}/cpu-samples")] {
                let (status, problem) = ask(reqwest::Method::POST, path, rebound).await;
                assert!(status != 421 && status.is_client_error(), "an empty report: {status} {problem}");
            }
        }
        assert_eq!(app.job(&uuid).await["state"], "registered");
        for ours in [own.as_str(), "localhost", "LocalHost:30000", "[::1]:30000", "QOS.example:443", "other"] {
            assert_eq!(ask(reqwest::Method::GET, "/api/v1/jobs", ours).await.0, 200, "{ours}");
        }
        assert_eq!(ask(reqwest::Method::DELETE, &format!("/api/v1/jobs/{uuid}"), "qos.example").await.0, 202);
    });
}

#[test]
fn with_tokens_any_name_is_answered() {
    on_actix(async {
        let app = TestApp::start().await;
        let asked = app.client.get(format!("{}/api/v1/jobs", app.url)).bearer_auth(&app.operator);
        assert_eq!(asked.header(HOST, "any.example").send().await.unwrap().status(), 200);
    });
}

/// The cookie that a login with these headers is answered with.
async fn cookie(app: &TestApp, headers: &[(&str, &str)]) -> String {
    let mut login = app.client.post(format!("{}/api/v1/session", app.url)).json(&json!({"token": app.operator}));
    for (name, value) in headers {
        login = login.header(*name, *value);
    }
    let answer = login.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.headers()[SET_COOKIE].to_str().unwrap().to_owned()
}

#[test]
fn behind_a_proxy_that_ends_tls_the_cookie_is_secure_where_the_browser_or_a_trusted_proxy_says_so() {
    on_actix(async {
        let https = ("x-forwarded-proto", "https");
        let app = TestApp::start().await;
        assert!(!cookie(&app, &[]).await.contains("Secure"));
        assert!(!cookie(&app, &[https]).await.contains("Secure"), "anybody can say so");
        let browser = [("host", "qos.example"), ("origin", "https://qos.example")];
        assert!(cookie(&app, &browser).await.contains("; Secure"), "the browser itself says so");

        let app = TestApp::start_with(&[("auth", "trust_forwarded_proto", "true")]).await;
        assert!(cookie(&app, &[https]).await.contains("; Secure"));
        assert!(cookie(&app, &[("x-forwarded-proto", "HTTPS, http")]).await.contains("; Secure"));
        for other in ["http", "", "http, https"] {
            assert!(!cookie(&app, &[("x-forwarded-proto", other)]).await.contains("Secure"), "{other}");
        }
    });
}

#[test]
fn over_tls_the_cookie_never_goes_without_it() {
    on_actix(async {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
        let (certificate, key) = (path(&certificate), path(&key));
        let app =
            TestApp::start_with(&[("tls", "certificate", certificate.as_str()), ("tls", "key", key.as_str())]).await;
        assert!(app.url.starts_with("https://"));
        let set = cookie(&app, &[]).await;
        for attribute in ["; Secure", "; HttpOnly", "; SameSite=Strict"] {
            assert!(set.contains(attribute), "{set}");
        }
        // The one that removes it, too: a browser takes no other for it.
        let held = set.split(';').next().unwrap();
        let logged_out =
            app.client.delete(format!("{}/api/v1/session", app.url)).header("cookie", held).send().await.unwrap();
        assert!(logged_out.headers()[SET_COOKIE].to_str().unwrap().contains("; Secure"));
    });
}
