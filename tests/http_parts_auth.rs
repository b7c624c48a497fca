//! Who gets in where: every row of the table of routes and tokens, in every mode.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "each test file uses its part of the support")]

mod http_parts_support;

use http_parts_support::{JOB, OTHER_JOB, Secrets, client, plain};
use mesos_qos::config::AuthMode;
use mesos_qos::http::auth::{Access, AuthError, Caller};
use mesos_qos::qos::ids::JobId;
use serde_json::{Value, json};

const ALL_MODES: [AuthMode; 3] = [AuthMode::Required, AuthMode::LegacyCallbacks, AuthMode::Off];

#[test]
fn every_row_of_the_table_holds_in_every_mode() {
    let secrets = Secrets::new();
    let job: JobId = JOB.parse().unwrap();
    let (mine, others) = (secrets.job(JOB), secrets.job(OTHER_JOB));
    let tokens = [
        ("none", None),
        ("wrong", Some("0123456789abcdef0123456789abcdef")),
        ("other job", Some(others.as_str())),
        ("job", Some(mine.as_str())),
        ("scrape", Some(secrets.scrape.as_str())),
        ("operator", Some(secrets.operator.as_str())),
    ];
    let (any, own) = (Ok(Caller::Anyone), Ok(Caller::Job(job)));
    let (op, scraper) = (Ok(Caller::Operator), Ok(Caller::Scraper));
    let (missing, wrong) = (Err(AuthError::Missing), Err(AuthError::Wrong));

    // Access, then for none, wrong, other job, job, scrape, operator.
    let required = [
        (Access::Public, [any, any, any, any, any, op]),
        (Access::Register, [missing, wrong, wrong, wrong, wrong, op]),
        (Access::Report(job), [missing, wrong, wrong, own, wrong, op]),
        (Access::Job(job), [missing, wrong, wrong, own, wrong, op]),
        (Access::Operator, [missing, wrong, wrong, wrong, wrong, op]),
        (Access::Scrape, [missing, wrong, wrong, wrong, scraper, op]),
    ];
    let legacy = [
        (Access::Public, [any, any, any, any, any, op]),
        (Access::Register, [any, wrong, wrong, wrong, wrong, op]),
        (Access::Report(job), [any, wrong, wrong, own, wrong, op]),
        (Access::Job(job), [missing, wrong, wrong, own, wrong, op]),
        (Access::Operator, [missing, wrong, wrong, wrong, wrong, op]),
        (Access::Scrape, [missing, wrong, wrong, wrong, scraper, op]),
    ];
    let off = required.map(|(access, _)| (access, [op; 6]));

    for (mode, table) in ALL_MODES.into_iter().zip([required, legacy, off]) {
        let gate = secrets.gate(mode);
        for (access, expected) in table {
            for ((name, token), expected) in tokens.iter().zip(expected) {
                assert_eq!(gate.authorise(access, *token), expected, "{mode:?} {access:?} {name}");
            }
        }
    }
}

fn finish(uuid: &str) -> Value {
    json!({"uuid": uuid, "name": "a", "hostname": "h", "started_at": 1, "finished_at": "2"})
}

async fn post(url: &str, route: &str, token: Option<&str>, body: &Value) -> (u16, reqwest::header::HeaderMap, Value) {
    let mut request = client().post(format!("{url}{route}")).json(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.json().await.unwrap())
}

#[actix_web::test]
async fn a_job_reports_for_itself_only() {
    let (secrets, url) = plain(AuthMode::Required);
    let (mine, others) = (secrets.job(JOB), secrets.job(OTHER_JOB));
    let (status, _, body) = post(&url, "/updateTask", Some(&mine), &finish(JOB)).await;
    assert_eq!((status, body), (200, json!(format!("Job(JobId({JOB}))"))));

    let (status, headers, body) = post(&url, "/updateTask", Some(&others), &finish(JOB)).await;
    assert_eq!(status, 401);
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["www-authenticate"], "Bearer realm=\"mesos-qos\", error=\"invalid_token\"");
    assert_eq!((&body["status"], &body["title"]), (&json!(401), &json!("Unauthorized")));

    assert_eq!(post(&url, "/initTask", Some(&mine), &json!({})).await.0, 422);
}

#[actix_web::test]
async fn without_a_token_the_body_is_not_even_read() {
    let (_secrets, url) = plain(AuthMode::Required);
    let (status, headers, _) = post(&url, "/updateTask", None, &json!("nonsense")).await;
    assert_eq!((status, headers["www-authenticate"].to_str().unwrap()), (401, "Bearer realm=\"mesos-qos\""));
}

#[actix_web::test]
async fn the_2017_launcher_gets_in_by_the_published_routes_alone() {
    let (secrets, url) = plain(AuthMode::LegacyCallbacks);
    let registration = json!({"uuid": JOB, "name": "a", "framework": "chronos", "job_duration": "130", "deadline": 1800,
        "desv_deadline": 0.2, "iterations": "4"});
    assert_eq!(post(&url, "/initTask", None, &registration).await.0, 200);
    assert_eq!(post(&url, "/updateTask", None, &finish(JOB)).await.2, json!("Anyone"));
    let start = json!({"uuid": JOB, "name": "a", "hostname": "h", "run": "r", "started_at": 1});
    assert_eq!(post(&url, "/startTask", None, &start).await.0, 401);
    assert_eq!(post(&url, "/startTask", Some(&secrets.job(JOB)), &start).await.0, 200);
    assert_eq!(client().get(format!("{url}/api/v1/jobs/{JOB}")).send().await.unwrap().status(), 401);
}

#[actix_web::test]
async fn only_a_bearer_token_counts() {
    let (secrets, url) = plain(AuthMode::Required);
    let at = format!("{url}/api/v1/jobs/{JOB}");
    let token = &secrets.operator;
    for (header, expected) in [
        (format!("Bearer {token}"), 200),
        (format!("bearer   {token}"), 200),
        (format!("Basic {token}"), 401),
        (token.clone(), 401),
        ("Bearer".into(), 401),
        (format!("Bearer {token}x"), 401),
        (format!("Bearer {}", secrets.scrape), 401),
    ] {
        let answer = client().get(&at).header("authorization", &header).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{header}");
    }
    let scrape = client().get(format!("{url}/metrics")).bearer_auth(&secrets.scrape).send().await.unwrap();
    assert_eq!(scrape.status(), 200);
    assert!(scrape.text().await.unwrap().contains("mesos_qos_http_requests_total{"));
}

#[actix_web::test]
async fn public_routes_tell_operators_from_others() {
    let (secrets, url) = plain(AuthMode::Required);
    let ask = |token: &str| client().get(format!("{url}/readyz")).bearer_auth(token).send();
    assert_eq!(ask("nonsense").await.unwrap().text().await.unwrap(), "\"Anyone\"");
    assert_eq!(ask(&secrets.operator).await.unwrap().text().await.unwrap(), "\"Operator\"");
}
