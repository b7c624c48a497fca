//! What a request must look like, and how every error is told.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "each test file uses its part of the support")]

mod http_parts_support;

use std::time::Duration;

use http_parts_support::{JOB, Secrets, client, plain, serve};
use mesos_qos::config::{AuthMode, TlsSettings};
use mesos_qos::http::limits::{BODY_LIMIT, Limits};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

async fn answer(request: reqwest::RequestBuilder) -> (u16, HeaderMap, Value) {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.json().await.unwrap())
}

async fn problem(request: reqwest::RequestBuilder) -> (u16, HeaderMap, String) {
    let (status, headers, body) = answer(request).await;
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(body["status"], status, "{body}");
    assert!(body["title"].is_string(), "{body}");
    (status, headers, body["detail"].as_str().unwrap().to_owned())
}

fn report() -> String {
    json!({"uuid": JOB, "name": "a", "hostname": "h", "started_at": 1.5, "finished_at": "2"}).to_string()
}

#[actix_web::test]
async fn json_is_taken_with_any_parameters_and_nothing_else_is() {
    let (_secrets, url) = plain(AuthMode::Off);
    let post = |kind: &str| client().post(format!("{url}/updateTask")).header("content-type", kind).body(report());
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\"; x=y"] {
        assert_eq!(answer(post(kind)).await.0, 200, "{kind}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/problem+json", ""]
    {
        let (status, _, detail) = problem(post(kind)).await;
        assert_eq!(status, 415, "{kind}");
        assert!(detail.contains("send Content-Type: application/json"), "{detail}");
    }
    let (status, _, detail) = problem(client().post(format!("{url}/updateTask")).body(report())).await;
    assert_eq!((status, detail.contains("has no Content-Type")), (415, true), "{detail}");
    let compressed = post("application/json").header("content-encoding", "gzip");
    assert_eq!(problem(compressed).await.0, 415);
}

#[actix_web::test]
async fn a_wrong_body_is_422_and_names_the_field() {
    let (_secrets, url) = plain(AuthMode::Off);
    let post = |body: &str| {
        client().post(format!("{url}/updateTask")).header("content-type", "application/json").body(body.to_owned())
    };
    for (body, field, part) in [
        ("", None, "empty"),
        ("nonsense", None, "not JSON"),
        ("[]", None, "an object is needed"),
        ("null", None, "null"),
        ("{}", Some("uuid"), "is missing"),
        (r#"{"uuid":7}"#, Some("uuid"), "uuid: invalid type: integer `7`"),
        (r#"{"uuid":"7"}"#, Some("uuid"), "uuid: UUID parsing failed"),
    ] {
        let (status, headers, answer) = answer(post(body)).await;
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (422, "application/problem+json"), "{body}");
        assert_eq!(answer["field"].as_str(), field, "{body}: {answer}");
        assert!(answer["detail"].as_str().unwrap().contains(part), "{body}: {answer}");
    }
}

#[actix_web::test]
async fn a_body_beyond_the_limit_is_413_told_or_not() {
    let (_secrets, url) = plain(AuthMode::Off);
    let exactly = format!("\"{}\"", "x".repeat(BODY_LIMIT - 2));
    let post = || client().post(format!("{url}/api/v1/replay")).header("content-type", "application/json");
    assert_eq!(answer(post().body(exactly.clone())).await.0, 200);
    assert_eq!(problem(post().body(exactly + " ")).await.0, 413);
    // Ten megabytes: the answer must reach a client that is still sending.
    let (status, _, detail) = problem(post().body(vec![b' '; 10 << 20])).await;
    assert_eq!((status, detail.contains("65536 bytes")), (413, true), "{detail}");
    // Without a declared length.
    let address = url.strip_prefix("http://").unwrap();
    let mut raw = TcpStream::connect(address).await.unwrap();
    let head = "POST /api/v1/replay HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    raw.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..5 {
        raw.write_all(format!("4000\r\n{}\r\n", " ".repeat(0x4000)).as_bytes()).await.unwrap();
    }
    raw.write_all(b"0\r\n\r\n").await.unwrap();
    assert!(first_line(&mut raw).await.starts_with("HTTP/1.1 413"));
}

#[actix_web::test]
async fn what_is_not_there_is_404_and_a_wrong_method_405_with_allow() {
    let (_secrets, url) = plain(AuthMode::Off);
    let (status, _, detail) = problem(client().get(format!("{url}/status"))).await;
    assert_eq!((status, detail.as_str()), (404, "there is nothing at /status"));
    assert_eq!(problem(client().get(format!("{url}/api/v1/jobs/not-a-uuid"))).await.0, 404);

    let (status, headers, detail) = problem(client().get(format!("{url}/updateTask"))).await;
    assert_eq!((status, headers["allow"].to_str().unwrap()), (405, "POST"), "{detail}");
    assert!(detail.contains("takes POST"), "{detail}");
    let (status, headers, _) = problem(client().post(format!("{url}/api/v1/jobs/{JOB}"))).await;
    let allowed = headers["allow"].to_str().unwrap();
    assert!(status == 405 && allowed.contains("GET") && allowed.contains("DELETE"), "{status} {allowed}");
}

#[actix_web::test]
async fn a_client_that_does_not_send_is_let_go() {
    let secrets = Secrets::new();
    let limits = Limits { client_timeout: Duration::from_secs(1), ..Limits::default() };
    let address = serve(secrets.gate(AuthMode::Off), limits, &TlsSettings { certificate: None, key: None });

    let mut silent: Vec<TcpStream> = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head =
            "POST /updateTask HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        silent.push(stream);
    }
    // Others are served meanwhile.
    let served = client().get(format!("http://{address}/readyz")).send().await.unwrap();
    assert_eq!(served.status(), 200);
    for stream in &mut silent {
        assert_eq!(first_line(stream).await, "HTTP/1.1 408 Request Timeout");
    }
    // And none of them keeps its connection.
    for stream in &mut silent {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "still open");
    }
    // Nor is half a head waited for.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"POST /updateTask HTTP/1.1\r\nho").await.unwrap();
    assert!(first_line(&mut stream).await.starts_with("HTTP/1.1 408"));
}

/// The first line of the answer.
async fn first_line(stream: &mut TcpStream) -> String {
    let mut line = String::new();
    let mut reader = BufReader::new(stream);
    let _ = tokio::time::timeout(Duration::from_secs(10), reader.read_line(&mut line)).await;
    line.trim_end().to_owned()
}

#[actix_web::test]
async fn browsers_get_the_page_and_tools_a_word() {
    let (_secrets, url) = plain(AuthMode::Required);
    let get = |accept: &'static str| client().get(&url).header("accept", accept).send();
    for accept in ["text/html,application/xhtml+xml,*/*;q=0.8", "TEXT/HTML"] {
        let page = get(accept).await.unwrap();
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        let html = page.text().await.unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(html.contains("<script type=\"module\" src=\"/page/main.js\">"), "{html}");
    }
    for accept in ["*/*", "application/json", "text/html;q=0, text/plain", ""] {
        assert_eq!(get(accept).await.unwrap().text().await.unwrap(), "Welcome", "{accept}");
    }
}
