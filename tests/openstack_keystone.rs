//! The login at Keystone, and the one token that everybody shares.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod openstack_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mesos_qos::credentials::OpenStackCredentials;
use mesos_qos::openstack::{Keystone, KeystoneError, Metric, MonascaError, TokenError};
use openstack_support::gate::{Fate, Gate};
use openstack_support::{Stack, kept_tokens, monasca, on_actix, transport};
use secrecy::ExposeSecret;
use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

fn at(keystone: &str) -> OpenStackCredentials {
    let url = "http://127.0.0.1:9".parse().unwrap();
    OpenStackCredentials {
        keystone_url: keystone.parse().unwrap(),
        monasca_url: url,
        username: "user".into(),
        password: "open sesame".into(),
        project_name: "project".into(),
    }
}

fn issued(seconds: i64) -> ResponseTemplate {
    let from = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let until = from + chrono::TimeDelta::seconds(seconds);
    let iso = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let token = json!({"issued_at": iso(from), "expires_at": iso(until), "project": {"id": "p", "name": "project"}});
    ResponseTemplate::new(201).insert_header("X-Subject-Token", "a token").set_body_json(json!({"token": token}))
}

#[test]
fn a_login_brings_a_token_for_its_lifetime_and_shows_it_to_nobody() {
    on_actix(async {
        let stack = Stack::with_tokens_of(Duration::from_secs(15));
        let credentials = stack.credentials("user");
        let login = Keystone::new(&credentials, &transport()).unwrap().login().await.unwrap();
        assert_eq!(login.lifetime, Duration::from_secs(15));
        let token = login.token.to_str().unwrap().to_owned();
        assert_eq!(stack.get(&token, "metrics").await.0, 200);
        let shown = format!("{login:?} {credentials:?} {:?}", Keystone::new(&credentials, &transport()).unwrap());
        assert!(!shown.contains(&token) && !shown.contains(credentials.password.expose_secret()), "{shown}");
    });
}

#[test]
fn each_of_the_four_faults_is_answered_by_naming_all_four() {
    on_actix(async {
        let stack = Stack::start();
        let good = stack.credentials("user");
        let faults = [
            OpenStackCredentials { password: "hunter2".into(), ..good.clone() },
            OpenStackCredentials { username: "who".into(), ..good.clone() },
            OpenStackCredentials { project_name: "where".into(), ..good.clone() },
            stack.credentials("nobody"),
        ];
        for credentials in faults {
            let error = Keystone::new(&credentials, &transport()).unwrap().login().await.unwrap_err();
            assert!(matches!(error, KeystoneError::Denied { .. }), "{error}");
            let text = error.to_string();
            for cause in ["password is wrong", "user is unknown", "project is unknown", "no role on the project"] {
                assert!(text.contains(cause), "{text}");
            }
            assert!(!text.contains(credentials.password.expose_secret()), "{text}");
        }
    });
}

#[tokio::test]
async fn the_address_may_hold_the_version_a_prefix_and_slashes() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/identity/v3/auth/tokens")).respond_with(issued(60)).mount(&server).await;
    for written in ["/identity", "/identity/", "/identity/v3", "/identity/v3/", "/identity/v3//"] {
        let credentials = at(&format!("{}{written}", server.uri()));
        let login = Keystone::new(&credentials, &transport()).unwrap().login().await;
        assert_eq!(login.map(|login| login.project), Ok("p".into()), "{written}");
    }
}

#[tokio::test]
async fn a_redirect_is_followed_on_the_same_host_and_the_password_goes_to_no_other() {
    let other = MockServer::start().await;
    Mock::given(method("POST")).respond_with(issued(60)).mount(&other).await;
    let server = MockServer::start().await;
    let away = format!("{}/v3/auth/tokens", other.uri());
    let go = |to: &str| ResponseTemplate::new(308).insert_header("Location", to);
    Mock::given(path("/v3/auth/tokens")).respond_with(go("/real/v3/auth/tokens")).mount(&server).await;
    Mock::given(path("/real/v3/auth/tokens")).respond_with(issued(60)).mount(&server).await;
    Mock::given(path("/away/v3/auth/tokens")).respond_with(go(&away)).mount(&server).await;
    Mock::given(path("/round/v3/auth/tokens")).respond_with(go("/round/v3/auth/tokens")).mount(&server).await;
    Mock::given(path("/lost/v3/auth/tokens")).respond_with(ResponseTemplate::new(307)).mount(&server).await;
    let login = async |prefix: &str| {
        Keystone::new(&at(&format!("{}{prefix}", server.uri())), &transport()).unwrap().login().await
    };
    assert!(login("").await.is_ok());
    let error = login("/away").await.unwrap_err();
    assert!(matches!(&error, KeystoneError::Elsewhere { location, .. } if *location == other.uri()), "{error}");
    assert!(login("/round").await.unwrap_err().to_string().contains("redirects in a row"));
    assert!(login("/lost").await.unwrap_err().to_string().contains("without a Location"));
    assert_eq!(other.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_no_login_is_an_error_that_says_what_is_wrong() {
    let body = json!({"token": {"issued_at": "x", "expires_at": "y", "project": {"id": "p"}}});
    let bare = || ResponseTemplate::new(201).insert_header("X-Subject-Token", "t");
    for (answer, said) in [
        (ResponseTemplate::new(201).set_body_json(&body), "X-Subject-Token is missing"),
        (bare().set_body_json(json!({"token": {}})), "not a token document"),
        (bare().set_body_json(&body), "expires_at = \"y\" is not an instant"),
        (issued(0), "expires before it is issued"),
        (
            ResponseTemplate::new(400).set_body_json(json!({"error": {"message": "no such thing"}})),
            "status 400: no such thing",
        ),
        (ResponseTemplate::new(503).set_body_string("<html>busy</html>"), "status 503"),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let error = Keystone::new(&at(&server.uri()), &transport()).unwrap().login().await.unwrap_err().to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
    let error = Keystone::new(&at("http://127.0.0.1:9"), &transport()).unwrap().login().await.unwrap_err();
    assert!(error.to_string().contains("no connection"), "{error}");
}

#[tokio::test]
async fn a_refusal_that_quotes_the_password_is_told_without_it() {
    // What must not be cut in two, quoted, or escaped before it is looked for.
    let long = format!("{}{}", "s3cret".repeat(50), "-end");
    for password in ["open sesame", "tab\tquote\"back\\slash", "gr\u{fc}n'\u{1f600}", long.as_str()] {
        let quoted = json!({"error": {"code": 400, "title": "Bad Request",
            "message": format!("'{password}' is not of type 'object', nor is {password}")}});
        let escaped = json!({"error": {"message": format!("in {}", json!({"password": password}))}});
        let ascii: String = json!(password)
            .to_string()
            .chars()
            .flat_map(|c| {
                let mut units = [0; 2];
                let units = c.encode_utf16(&mut units).iter();
                if c.is_ascii() { vec![c.to_string()] } else { units.map(|unit| format!("\\u{unit:04x}")).collect() }
            })
            .collect();
        let bodies = [quoted.to_string(), escaped.to_string(), format!("cannot read {ascii}"), password.to_owned()];
        for body in bodies {
            let server = MockServer::start().await;
            let answer = ResponseTemplate::new(400).set_body_string(&body);
            Mock::given(method("POST")).respond_with(answer).mount(&server).await;
            let credentials = OpenStackCredentials { password: password.into(), ..at(&server.uri()) };
            let error = Keystone::new(&credentials, &transport()).unwrap().login().await.unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains("status 400: ") && text.contains("***"), "{body}: {text}");
            for part in ["sesame", "s3cret", "slash", "gr", "1f600", "d83d", "\u{fc}"] {
                assert!(!text.contains(part), "{part} of {body}: {text}");
            }
        }
    }
}

#[test]
fn many_who_want_a_token_at_once_cause_one_login() {
    on_actix(async {
        let server = MockServer::start().await;
        let slowly = issued(3600).set_delay(Duration::from_millis(300));
        Mock::given(method("POST")).respond_with(slowly).expect(1).mount(&server).await;
        let tokens = kept_tokens(&at(&server.uri()));
        let all = futures_util::future::join_all((0..50).map(|_| tokens.token(None))).await;
        assert!(all.iter().all(|token| token.as_ref().unwrap().number == 1));
        assert_eq!(tokens.token(None).await.unwrap().number, 1);
        server.verify().await;
    });
}

#[test]
fn a_token_is_renewed_before_its_end_while_the_old_one_is_still_given_out() {
    on_actix(async {
        let server = MockServer::start().await;
        let logins = Arc::new(AtomicUsize::new(0));
        let counted = logins.clone();
        let answer = move |_: &Request| {
            counted.fetch_add(1, Ordering::SeqCst);
            issued(20).set_delay(Duration::from_millis(100))
        };
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let tokens = kept_tokens(&at(&server.uri()));
        let first = tokens.token(None).await.unwrap();
        // Due after 15 of its 20 seconds.
        tokio::time::sleep_until((first.asked + Duration::from_millis(15_100)).into()).await;
        assert_eq!(tokens.token(None).await.unwrap().number, 1, "nobody waits for the renewal");
        while tokens.token(None).await.unwrap().number == 1 {
            assert!(first.asked.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!((tokens.token(None).await.unwrap().number, logins.load(Ordering::SeqCst)), (2, 2));
    });
}

#[test]
fn a_refused_login_is_not_repeated_at_once() {
    on_actix(async {
        let gate = Gate::open();
        let stack = Stack::start();
        let wrong = OpenStackCredentials { password: "hunter2".into(), ..stack.credentials("user") };
        let url = gate.in_front_of(&stack.cluster.keystone_url());
        let tokens = kept_tokens(&OpenStackCredentials { keystone_url: url.parse().unwrap(), ..wrong });
        for _ in 0..20 {
            let error = tokens.token(None).await.unwrap_err();
            assert!(matches!(error, TokenError::Keystone(KeystoneError::Denied { .. })), "{error}");
        }
        let asked = gate.count("POST", "/v3/auth/tokens");
        assert!(asked < 5, "{asked} logins");
    });
}

fn metric() -> Metric {
    Metric {
        name: "m".into(),
        dimensions: [("a".to_owned(), "b".to_owned())].into(),
        timestamp: 1_700_000_000_000,
        value: 1.0,
    }
}

const ENDED: &str = r#"{"error": {"code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}}"#;

#[test]
fn a_token_that_has_ended_is_replaced_by_one_login_and_the_request_made_once_more() {
    on_actix(async {
        let stack = Stack::start();
        let (keystone, before) = (Gate::open(), Gate::open());
        let credentials = OpenStackCredentials {
            keystone_url: keystone.in_front_of(&stack.cluster.keystone_url()).parse().unwrap(),
            monasca_url: before.in_front_of(&stack.cluster.monasca_url()).parse().unwrap(),
            ..stack.credentials("user")
        };
        let monasca = monasca(&credentials);
        monasca.send_metrics(&[metric()]).await.unwrap();
        // A token that is a moment old is not to blame: no login would help.
        before.set(|_| Fate::Answer(401, ENDED));
        let error = monasca.send_metrics(&[metric()]).await.unwrap_err();
        assert!(matches!(error, MonascaError::Unauthorized { .. }), "{error}");
        assert_eq!((keystone.count("POST", "tokens"), before.count("POST", "metrics")), (1, 2));
        tokio::time::sleep(Duration::from_millis(3200)).await;
        let left = AtomicUsize::new(1);
        before.set(move |_| match left.fetch_sub(1, Ordering::SeqCst) {
            1 => Fate::Answer(401, ENDED),
            _ => Fate::Pass,
        });
        monasca.send_metrics(&[metric()]).await.unwrap();
        assert_eq!((keystone.count("POST", "tokens"), before.count("POST", "metrics")), (2, 4));
        tokio::time::sleep(Duration::from_millis(3200)).await;
        before.set(|_| Fate::Answer(401, ENDED));
        let error = monasca.send_metrics(&[metric()]).await.unwrap_err();
        assert!(matches!(error, MonascaError::Unauthorized { .. }), "{error}");
        assert_eq!(
            (keystone.count("POST", "tokens"), before.count("POST", "metrics")),
            (3, 6),
            "one login, one repetition"
        );
    });
}

#[test]
fn a_missing_role_is_told_and_no_login_is_made_for_it() {
    on_actix(async {
        let stack = Stack::start();
        let keystone = Gate::open();
        let url = keystone.in_front_of(&stack.cluster.keystone_url());
        let credentials = OpenStackCredentials { keystone_url: url.parse().unwrap(), ..stack.credentials("reader") };
        let monasca = monasca(&credentials);
        monasca.alarm_definitions().await.unwrap();
        tokio::time::sleep(Duration::from_millis(3200)).await;
        for _ in 0..3 {
            let error = monasca.send_metrics(&[metric()]).await.unwrap_err();
            assert!(matches!(error, MonascaError::Forbidden { .. }), "{error}");
            assert!(error.to_string().contains("monasca-user"), "{error}");
        }
        assert_eq!(keystone.count("POST", "tokens"), 1);
    });
}
