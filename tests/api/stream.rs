use std::time::Duration;

use mesos_qos::http::feed::MOST_WATCHERS;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::helpers::*;

/// A message of the stream: its name, its id, its data.
type Message = (String, i64, Value);

/// An open stream, and what was read of it.
struct Stream {
    answer: Response,
    text: String,
}

impl Stream {
    async fn open(app: &TestApp, query: &str, last: Option<i64>) -> Self {
        let answer = watch(app, query, last).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/event-stream");
        Stream { answer, text: String::new() }
    }

    async fn next(&mut self) -> Message {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let message: String = self.text.drain(..end + 2).collect();
                let field =
                    |name: &str| message.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
                let data = serde_json::from_str(field("data:")).unwrap();
                return (field("event:").to_owned(), field("id:").parse().unwrap(), data);
            }
            let more =
                tokio::time::timeout(Duration::from_secs(60), self.answer.chunk()).await.unwrap().unwrap().unwrap();
            self.text.push_str(std::str::from_utf8(&more).unwrap());
        }
    }

    /// The next message that is an event of the log.
    async fn event(&mut self) -> (i64, String, String) {
        loop {
            let (name, id, data) = self.next().await;
            if name.is_empty() {
                assert_eq!(data["seq"], id, "the id is the place in the log");
                return (id, data["job"].as_str().unwrap().to_owned(), data["kind"].as_str().unwrap().to_owned());
            }
        }
    }
}

async fn watch(app: &TestApp, query: &str, last: Option<i64>) -> Response {
    let mut request = app.client.get(format!("{}/api/v1/events{query}", app.url)).bearer_auth(&app.operator);
    if let Some(last) = last {
        request = request.header("last-event-id", last.to_string());
    }
    request.send().await.unwrap()
}

#[test]
fn the_log_is_followed_from_now_on_and_taken_up_where_it_was_left() {
    on_actix(async {
        let app = TestApp::start().await;
        app.registered("before").await;
        let mut stream = Stream::open(&app, "", None).await;
        let (name, begin, _) = stream.next().await;
        assert_eq!((name.as_str(), begin), ("begin", 1));
        let first = app.registered("first").await;
        let (seq, job, kind) = stream.event().await;
        assert_eq!((seq, job, kind.as_str()), (2, first, "Registered"));
        drop(stream);
        let (second, third) = (app.registered("second").await, app.registered("third").await);
        let mut again = Stream::open(&app, "", Some(seq)).await;
        assert_eq!(again.event().await.1, second);
        assert_eq!(again.event().await.1, third);
        // All of it, and one job's alone.
        let mut all = Stream::open(&app, "?after=0", None).await;
        assert_eq!(all.event().await.0, 1);
        let mut one = Stream::open(&app, &format!("?after=0&job={third}"), None).await;
        assert_eq!(one.event().await.1, third);
    });
}

#[test]
fn who_asks_for_the_place_reads_and_then_watches_from_there_misses_nothing_and_is_told_where_the_log_ends() {
    on_actix(async {
        let app = TestApp::start().await;
        let before = app.registered("before").await;
        let (_, session) = app.get("/api/v1/session").await;
        let place = session["seq"].as_i64().unwrap();
        let (_, read) = app.get(&format!("/api/v1/jobs/{before}/events")).await;
        // Between the read and the stream something happens, to this job and to another.
        app.send(reqwest::Method::DELETE, &format!("/api/v1/jobs/{before}"), Some(&app.operator), None).await;
        let other = app.registered("other").await;
        let mut stream = Stream::open(&app, &format!("?after={place}"), None).await;
        let (name, at, data) = stream.next().await;
        assert_eq!((name.as_str(), at, data["seq"].as_i64()), ("begin", place, Some(place)));
        assert_eq!(data["head"].as_i64(), app.get("/api/v1/session").await.1["seq"].as_i64());
        let mut versions: Vec<u64> =
            read["items"].as_array().unwrap().iter().map(|event| event["version"].as_u64().unwrap()).collect();
        loop {
            let (name, _, event) = stream.next().await;
            if name.is_empty() && event["job"] == before.as_str() {
                versions.push(event["version"].as_u64().unwrap());
            } else if name.is_empty() && event["job"] == other.as_str() {
                break;
            }
        }
        let all = app.job(&before).await["version"].as_u64().unwrap();
        assert_eq!(versions, (1..=all).collect::<Vec<_>>(), "each once, and none is missing");
        let (_, nobody) = answer(app.send(reqwest::Method::GET, "/api/v1/session", None, None).await).await;
        assert_eq!(nobody["seq"], Value::Null, "strangers learn nothing of the log");
    });
}

#[test]
fn a_logout_ends_the_streams_of_its_session_at_once_and_no_others() {
    on_actix(async {
        let app = TestApp::start().await;
        let log_in = async || {
            let body = serde_json::json!({"token": app.operator});
            let answer = app.send(reqwest::Method::POST, "/api/v1/session", None, Some(body)).await;
            answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
        };
        let watch = async |cookie: &str| {
            let answer =
                app.client.get(format!("{}/api/v1/events", app.url)).header("cookie", cookie).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            Stream { answer, text: String::new() }
        };
        let (mine, others) = (log_in().await, log_in().await);
        let (mut first, mut second, mut other) = (watch(&mine).await, watch(&mine).await, watch(&others).await);
        let mut token = Stream::open(&app, "", None).await;
        for stream in [&mut first, &mut second, &mut other, &mut token] {
            assert_eq!(stream.next().await.0, "begin");
        }
        let out =
            app.client.delete(format!("{}/api/v1/session", app.url)).header("cookie", &mine).send().await.unwrap();
        assert_eq!(out.status(), 204);
        for stream in [&mut first, &mut second] {
            while stream.next().await.0 != "over" {}
            let rest = tokio::time::timeout(Duration::from_secs(60), stream.answer.chunk()).await.unwrap();
            assert!(rest.unwrap().is_none(), "closed");
        }
        let uuid = app.registered("after").await;
        assert_eq!(other.event().await.1, uuid);
        assert_eq!(token.event().await.1, uuid);
    });
}

#[test]
fn another_operator_token_ends_every_session_and_every_stream_of_them() {
    on_actix(async {
        let app = TestApp::start().await;
        let body = serde_json::json!({"token": app.operator});
        let login = app.send(reqwest::Method::POST, "/api/v1/session", None, Some(body)).await;
        let cookie = login.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let url = app.url.clone();
        let request = app.client.get(format!("{url}/api/v1/events")).header("cookie", &cookie);
        let mut stream = Stream { answer: request.send().await.unwrap(), text: String::new() };
        assert_eq!(stream.next().await.0, "begin");
        // As it is replaced: stop, delete it, start.
        let data = app.stop().await;
        let ended = async { while let Ok(Some(_)) = stream.answer.chunk().await {} };
        tokio::time::timeout(Duration::from_secs(60), ended).await.expect("the stream has ended");
        std::fs::remove_file(data.path().join("data/operator.token")).unwrap();
        let app = TestApp::start_in(data, &[]).await;
        let again = app.client.get(format!("{}/api/v1/events", app.url)).header("cookie", &cookie);
        assert_eq!(again.send().await.unwrap().status(), 401);
    });
}

#[test]
fn a_place_that_is_not_in_this_log_is_told_and_a_heart_beats_while_nothing_happens() {
    on_actix(async {
        let app = TestApp::start().await;
        let mut stream = Stream::open(&app, "", Some(1_000_000)).await;
        assert_eq!(stream.next().await.0, "reset");
        let (name, _, data) = stream.next().await;
        assert_eq!(name, "heart-beat");
        assert!(data["now"].is_string(), "{data}");
        for (query, last, field) in [("?after=x", None, None), ("", Some(-1), Some("Last-Event-ID"))] {
            let (status, problem) = answer(watch(&app, query, last).await).await;
            assert_eq!((status.as_u16(), problem["field"].as_str()), (422, field), "{problem}");
        }
    });
}

#[test]
fn there_is_a_bound_on_watchers_and_whoever_leaves_makes_room() {
    on_actix(async {
        let app = TestApp::start().await;
        let mut watching = Vec::new();
        for _ in 0..MOST_WATCHERS {
            watching.push(Stream::open(&app, "", None).await);
        }
        let refused = watch(&app, "", None).await;
        assert_eq!(refused.status(), 503);
        assert!(refused.headers().contains_key(RETRY_AFTER));
        assert_eq!(app.get("/api/v1/jobs").await.0, 200, "others are served");
        watching.pop();
        for _ in 0..600 {
            if watch(&app, "", None).await.status() == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no room after a minute");
    });
}

#[test]
fn a_watcher_that_takes_nothing_is_dropped_and_holds_up_nobody() {
    on_actix(async {
        let app = TestApp::start().await;
        // More than all buffers between the two ends hold.
        app.registered("first").await;
        let database = app.data.path().join("data/events.db");
        let app = {
            let data = app.stop().await;
            let log = rusqlite::Connection::open(&database).unwrap();
            let row = "SELECT ?1, stream, ?1, kind, schema, at, json_set(data, '$.padding', ?2), randomblob(32) FROM events WHERE seq = 1";
            let insert = format!("INSERT INTO events (seq, stream, version, kind, schema, at, data, hash) {row}");
            let long = "x".repeat(100_000);
            for seq in 2..=300 {
                log.execute(&insert, (seq, &long)).unwrap();
            }
            // A job that is over is not replayed at the start.
            log.execute("UPDATE jobs SET active = 0, state = 'cancelled'", ()).unwrap();
            drop(log);
            TestApp::start_in(data, &[]).await
        };
        let mut socket = tokio::net::TcpStream::connect(app.supervising.address).await.unwrap();
        let head =
            format!("GET /api/v1/events?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", app.operator);
        socket.write_all(head.as_bytes()).await.unwrap();
        // It takes the head of the answer, and no more.
        let mut some = [0u8; 64];
        tokio::time::timeout(Duration::from_secs(60), socket.read_exact(&mut some)).await.unwrap().unwrap();
        assert!(some.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&some));
        let began = std::time::Instant::now();
        // Somebody else gets all of it meanwhile.
        let mut other = Stream::open(&app, "?after=0", None).await;
        while other.event().await.0 < 300 {}
        // And the one that takes nothing has lost its place, with most of the log never sent.
        let watchers = async || app.get("/metrics").await.1.as_str().unwrap().contains("mesos_qos_watchers 1");
        while !watchers().await {
            assert!(began.elapsed() < Duration::from_secs(120), "it still has its place");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        drop(socket);
    });
}
