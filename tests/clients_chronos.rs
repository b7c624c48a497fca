//! The Chronos client against the answers, odd ones included, that Chronos 2.4 and 3.0 really give.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::net::TcpListener;
use std::time::Duration;

use mesos_qos::clients::chronos::{
    ApiVersion, ChronosClient, ChronosClientOptions, ChronosCredentials, ChronosError, JobActivity,
};
use mesos_qos::clients::transport::TransportError;
use mesos_qos::qos::units::Cpus;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{any, basic_auth, body_json, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn client_of(urls: &[String]) -> ChronosClient {
    let urls = urls.iter().map(|url| url.parse().unwrap()).collect();
    let credentials = ChronosCredentials { urls, user: "admin".into(), password: SecretString::from("s3cret") };
    let options =
        ChronosClientOptions { request_timeout: Duration::from_millis(500), ..ChronosClientOptions::default() };
    ChronosClient::new(credentials, options).unwrap()
}

fn client(server: &MockServer) -> ChronosClient {
    client_of(&[server.uri()])
}

fn dead_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn job(name: &str) -> Value {
    json!({"name": name, "command": "true", "cpus": 1.0, "successCount": 2, "schedule": "R/2099-01-01T00:00:00Z/P1Y"})
}

/// A Chronos that serves one API version.
async fn chronos(prefix: &str) -> MockServer {
    let server = MockServer::start().await;
    let jobs = ResponseTemplate::new(200).set_body_json(json!([job("job1"), job("job10")]));
    Mock::given(method("GET")).and(path(format!("{prefix}/jobs"))).respond_with(jobs).mount(&server).await;
    server
}

async fn answers(server: &MockServer, verb: &str, at: &str, answer: ResponseTemplate) {
    Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(server).await;
}

fn text(status: u16, body: &str) -> ResponseTemplate {
    // What 2.4 sends is no JSON, whatever its header says.
    ResponseTemplate::new(status).set_body_raw(body.to_owned(), "application/json")
}

#[tokio::test]
async fn the_prefix_is_found_out_and_remembered() {
    for (prefix, version) in [("/scheduler", ApiVersion::Unversioned), ("/v1/scheduler", ApiVersion::V1)] {
        let server = chronos(prefix).await;
        let client = client(&server);
        assert_eq!(client.api_version().await.unwrap(), version);
        let names: Vec<String> = client.jobs().await.unwrap().iter().map(|job| job.name().to_owned()).collect();
        assert_eq!(names, ["job1", "job10"]);
        client.jobs().await.unwrap();
        let asked = server.received_requests().await.unwrap();
        let under_v1 = asked.iter().filter(|one| one.url.path().starts_with("/v1")).count();
        assert_eq!(under_v1, if version == ApiVersion::V1 { 3 } else { 1 });
    }
}

#[tokio::test]
async fn the_prefix_is_found_out_again_after_an_upgrade() {
    let server = chronos("/scheduler").await;
    let client = client(&server);
    client.jobs().await.unwrap();
    server.reset().await;
    answers(&server, "GET", "/v1/scheduler/jobs", ResponseTemplate::new(200).set_body_json(json!([]))).await;
    answers(&server, "PUT", "/v1/scheduler/job/job1", ResponseTemplate::new(204)).await;
    client.start("job1").await.unwrap();
    assert_eq!(client.api_version().await.unwrap(), ApiVersion::V1);
}

#[tokio::test]
async fn an_address_that_is_no_chronos_is_said_to_be_none() {
    let server = MockServer::start().await;
    let error = client(&server).jobs().await.unwrap_err();
    assert!(error.to_string().contains("is this the URL of a Chronos?"), "{error}");
    assert!(!error.is_retriable());
}

#[tokio::test]
async fn the_credentials_go_with_each_request_and_into_no_message() {
    let server = chronos("/scheduler").await;
    let client = client(&server);
    client.jobs().await.unwrap();
    assert!(!format!("{client:?}").contains("s3cret"));
    server.reset().await;
    Mock::given(basic_auth("admin", "s3cret")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    client.ping().await.unwrap();

    server.reset().await;
    let page = "<html><head><title>Error 401</title></head></html>";
    let unauthorized = ResponseTemplate::new(401).set_body_raw(page, "text/html");
    Mock::given(any()).respond_with(unauthorized).mount(&server).await;
    let error = client.jobs().await.unwrap_err();
    assert!(matches!(error, ChronosError::Unauthorized { .. }));
    assert!(!error.is_retriable() && !error.is_outcome_unknown());
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[tokio::test]
async fn version_2_finds_the_exact_name_in_a_search_without_a_cut() {
    let server = chronos("/scheduler").await;
    let found = ResponseTemplate::new(200).set_body_json(json!([job("job10"), job("JOB1"), job("job1"), job("xjob1")]));
    Mock::given(path("/scheduler/jobs/search"))
        .and(query_param("name", "job1"))
        .and(query_param("limit", "1000000"))
        .respond_with(found)
        .mount(&server)
        .await;
    let nothing = ResponseTemplate::new(200).set_body_json(json!([]));
    Mock::given(path("/scheduler/jobs/search"))
        .and(query_param("name", "a b#1&c"))
        .respond_with(nothing)
        .mount(&server)
        .await;
    let client = client(&server);
    assert_eq!(client.find("job1").await.unwrap().unwrap().name(), "job1");
    assert_eq!(client.find("a b#1&c").await.unwrap(), None);
}

#[tokio::test]
async fn version_3_asks_for_the_job_itself() {
    let server = chronos("/v1/scheduler").await;
    answers(&server, "GET", "/v1/scheduler/job/job1", ResponseTemplate::new(200).set_body_json(job("job1"))).await;
    let trace = "java.lang.IllegalArgumentException: requirement failed: Job 'job2' not found\n\tat scala.Predef$.require(Predef.scala:219)\n";
    let unknown = ResponseTemplate::new(400).set_body_json(json!({"status": "Bad Request", "message": trace}));
    answers(&server, "GET", "/v1/scheduler/job/job2", unknown).await;
    let client = client(&server);
    let found = client.find("job1").await.unwrap().unwrap();
    assert_eq!((found.cpus(), found.success_count()), (Cpus::from_milli(1000), 2));
    assert_eq!(client.find("job2").await.unwrap(), None);
}

#[tokio::test]
async fn an_early_version_3_without_single_jobs_is_searched() {
    let server = chronos("/v1/scheduler").await;
    answers(&server, "GET", "/v1/scheduler/job/job1", ResponseTemplate::new(405)).await;
    answers(
        &server,
        "GET",
        "/v1/scheduler/jobs/search",
        ResponseTemplate::new(200).set_body_json(json!([job("job1")])),
    )
    .await;
    assert!(client(&server).find("job1").await.unwrap().is_some());
}

#[tokio::test]
async fn the_activity_of_all_jobs_comes_from_one_read() {
    let three = chronos("/v1/scheduler").await;
    let summary = json!({"jobs": [{"name": "job1", "status": "success", "state": "1 running", "schedule": "", "parents": [], "disabled": false}]});
    answers(&three, "GET", "/v1/scheduler/jobs/summary", ResponseTemplate::new(200).set_body_json(summary)).await;
    assert_eq!(client(&three).summary().await.unwrap()["job1"], JobActivity::Running(1));

    let two = chronos("/scheduler").await;
    let graph = ResponseTemplate::new(200).set_body_string("node,job1,fresh,queued\nnode,job10,failure,idle\n");
    answers(&two, "GET", "/scheduler/graph/csv", graph).await;
    let activity = client(&two).summary().await.unwrap();
    assert_eq!((activity["job1"], activity["job10"]), (JobActivity::Queued, JobActivity::Idle));
}

#[tokio::test]
async fn names_are_encoded_and_those_that_no_url_can_say_are_refused() {
    let server = chronos("/scheduler").await;
    Mock::given(method("DELETE")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let client = client(&server);
    for (name, on_the_wire) in [("a b", "a%20b"), ("#1", "%231"), ("a/b?c", "a%2Fb%3Fc"), ("ñ%", "%C3%B1%")] {
        client.delete(name).await.unwrap();
        let asked = server.received_requests().await.unwrap();
        let got = asked.last().unwrap().url.path().to_owned();
        let wished = Url::parse(&format!("http://h/scheduler/job/{on_the_wire}")).unwrap();
        assert_eq!(got.replace("%25", "%"), wished.path().replace("%25", "%"), "{name}");
    }
    let before = server.received_requests().await.unwrap().len();
    for name in ["", ".", ".."] {
        assert!(
            matches!(client.delete(name).await, Err(ChronosError::Transport(TransportError::Configuration(_)))),
            "{name:?}"
        );
    }
    assert_eq!(server.received_requests().await.unwrap().len(), before, "nothing was sent");
}

#[tokio::test]
async fn a_job_is_posted_as_it_is() {
    let server = chronos("/scheduler").await;
    let body = json!({"zeta": 1, "name": "job1", "cpus": 1.4});
    Mock::given(method("POST"))
        .and(path("/scheduler/iso8601"))
        .and(body_json(&body))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    client(&server).post_job(&body).await.unwrap();
}

#[tokio::test]
async fn the_odd_bodies_of_errors_are_understood() {
    let bad_name = "the job's name is invalid. Allowed names: '([\\w\\.-]+)'";
    for (answer, message, not_found) in [
        (text(400, "requirement failed: Job 'job1' not found"), "requirement failed: Job 'job1' not found", true),
        (text(500, "JobSchedule 'job1' not found"), "JobSchedule 'job1' not found", true),
        (text(400, ""), "status 400", false),
        (text(500, ""), "status 500", false),
        (
            ResponseTemplate::new(400).set_body_json(json!({"status": "Bad Request", "message": bad_name})),
            bad_name,
            false,
        ),
        (text(404, "{\"message\": 7}"), "status 404", false),
        (ResponseTemplate::new(502).set_body_raw("<html>Bad gateway</html>", "text/html"), "status 502", false),
    ] {
        let server = chronos("/scheduler").await;
        Mock::given(method("PUT")).respond_with(answer).mount(&server).await;
        let error = client(&server).start("job1").await.unwrap_err();
        assert_eq!(error.is_not_found(), not_found, "{error}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(!error.to_string().contains("<html"), "{error}");
    }
}

#[tokio::test]
async fn what_is_known_about_a_failed_write() {
    let server = chronos("/scheduler").await;
    let client = client(&server);
    client.jobs().await.unwrap();
    for (answer, unknown, retriable) in [
        (text(400, "bad"), false, false),
        (text(500, ""), true, true),
        (text(503, ""), true, true),
        (text(429, ""), false, true),
        (ResponseTemplate::new(204).set_delay(Duration::from_secs(5)), true, true),
    ] {
        server.reset().await;
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let error = client.post_job(&json!({})).await.unwrap_err();
        assert_eq!((error.is_outcome_unknown(), error.is_retriable()), (unknown, retriable), "{error}");
        assert_eq!(server.received_requests().await.unwrap().len(), 1, "a write is sent once");
    }
    let error = client_of(&[dead_url()]).jobs().await.unwrap_err();
    assert!(error.is_refused() && error.is_retriable() && !error.is_outcome_unknown(), "{error}");
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_outcome_unknown() {
    use tokio::io::AsyncReadExt;
    let server = chronos("/scheduler").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let breaking = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut requests = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            requests += 1;
            if requests == 1 {
                // Detection: not this prefix. The next connection breaks after the request was read.
                use tokio::io::AsyncWriteExt;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]").await;
            }
        }
    });
    let client = client_of(&[breaking, server.uri()]);
    client.api_version().await.unwrap();
    let error = client.post_job(&json!({})).await.unwrap_err();
    assert!(error.is_outcome_unknown() && error.is_retriable() && !error.is_refused(), "{error}");
    let elsewhere = server.received_requests().await.unwrap();
    assert!(elsewhere.iter().all(|one| one.method.as_str() == "GET"), "not sent to another master");
}

#[tokio::test]
async fn reads_go_on_to_the_next_master_after_any_passing_failure() {
    let broken = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(500)).mount(&broken).await;
    let slow = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(5))).mount(&slow).await;
    let good = chronos("/scheduler").await;
    let client = client_of(&[dead_url(), broken.uri(), slow.uri(), good.uri()]);
    assert_eq!(client.jobs().await.unwrap().len(), 2);
    let before = broken.received_requests().await.unwrap().len();
    client.jobs().await.unwrap();
    assert_eq!(broken.received_requests().await.unwrap().len(), before, "the one that answered is asked first");
}

#[tokio::test]
async fn writes_go_on_to_the_next_master_only_when_no_connection_was_made() {
    let good = chronos("/scheduler").await;
    Mock::given(method("PUT")).respond_with(ResponseTemplate::new(204)).mount(&good).await;
    client_of(&[dead_url(), good.uri()]).start("job1").await.unwrap();

    let broken = chronos("/scheduler").await;
    Mock::given(method("PUT")).respond_with(ResponseTemplate::new(500)).mount(&broken).await;
    let before = good.received_requests().await.unwrap().len();
    let error = client_of(&[broken.uri(), good.uri()]).start("job1").await.unwrap_err();
    assert!(error.is_outcome_unknown());
    assert_eq!(good.received_requests().await.unwrap().len(), before);
}

#[tokio::test]
async fn successes_that_are_no_answer_are_named() {
    for (body, word) in [("<html>", "not JSON"), ("{}", "not an array"), ("[{\"cpus\":1}]", "name"), ("[7]", "object")]
    {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(text(200, body)).mount(&server).await;
        let error = client(&server).jobs().await.unwrap_err();
        assert!(matches!(&error, ChronosError::BadAnswer { reason, .. } if reason.contains(word)), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = chronos("/v1/scheduler").await;
    let server = MockServer::start().await;
    let redirect =
        ResponseTemplate::new(307).insert_header("Location", format!("{}/v1/scheduler/jobs", elsewhere.uri()));
    Mock::given(any()).respond_with(redirect).mount(&server).await;
    assert!(client(&server).jobs().await.is_err());
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}
