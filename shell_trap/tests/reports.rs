//! Reports to a supervisor that is slow, away, strict, or speaks TLS.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use shell_trap::config::{Config, Environment};
use shell_trap::report::Reporter;
use shell_trap::report::http::Client;
use shell_trap::report::messages::{Cpu, Start, Words};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

const UUID: &str = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";

type Seen = Arc<Mutex<Vec<(String, Value)>>>;

/// Answers one request; whether there was one.
async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), status: u16, seen: &Seen) -> bool {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.ends_with(b"}") {
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => request.extend_from_slice(&buffer[..n]),
            _ => return false,
        }
    }
    let text = String::from_utf8(request).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    if status == 200 {
        let path = head.split(' ').nth(1).unwrap().to_owned();
        seen.lock().unwrap().push((path, serde_json::from_str(body).unwrap()));
    }
    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\n\r\n{{}}");
    stream.write_all(answer.as_bytes()).await.is_ok()
}

/// The same, after which it hangs up.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, status: u16, seen: Seen) {
    if answer(&mut stream, status, &seen).await {
        let _ = stream.shutdown().await;
    }
}

fn config(base: &str, extra: &[(&str, &str)]) -> Config {
    let variables = [
        ("SHELL_TRAP_UUID", UUID),
        ("SHELL_TRAP_SPEC", r#"{"version":1,"args":["true"]}"#),
        ("SHELL_TRAP_SUPERVISOR", base),
    ];
    let all = variables.iter().chain(extra).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::read(&Environment::of(all), &[]).unwrap()
}

fn words() -> Words {
    Words { uuid: UUID.parse().unwrap(), execution: "e".into(), segment: 1, hostname: "n".into() }
}

fn start() -> Start {
    Start { base: 0.0, restored: None, runtime: "docker", checkpoints: true, container: None, task: None }
}

#[tokio::test(flavor = "current_thread")]
async fn a_supervisor_that_was_away_gets_everything_that_matters_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    // Nobody listens for now.
    drop(listener);
    let reporter = Reporter::start(&config(&format!("http://{address}"), &[])).unwrap();
    let words = words();
    reporter.send(words.init(1.0));
    reporter.send(words.start(&start(), 1.0));
    for second in 1..100u32 {
        reporter.send(words.sample(Cpu { user: second.into(), system: 0.0 }, 1.0));
        tokio::task::yield_now().await;
    }
    reporter.send(words.finished(2.0, 7, 99.0));
    assert!(!reporter.flush(Instant::now() + Duration::from_millis(300)).await);
    let seen = Seen::default();
    let listener = TcpListener::bind(address).await.unwrap();
    let theirs = seen.clone();
    tokio::spawn(async move {
        // Not at once: first it fails three times.
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            serve(stream, if number < 3 { 503 } else { 200 }, theirs.clone()).await;
        }
    });
    assert!(reporter.flush(Instant::now() + Duration::from_secs(60)).await);
    let seen = seen.lock().unwrap();
    let paths: Vec<&str> = seen.iter().map(|(path, _)| path.rsplit('/').next().unwrap()).collect();
    assert_eq!(paths, ["initMarathonApp", "cpu-samples", "cpu-samples", "endMarathonApp"]);
    assert_eq!((&seen[1].1["kind"], &seen[2].1["kind"]), (&json!("start"), &json!("sample")));
    assert_eq!(seen[2].1["user_seconds"], 99.0);
    assert!(seen.iter().all(|(_, body)| body["sent_at"].as_f64().unwrap() > 1e9));
}

#[tokio::test(flavor = "current_thread")]
async fn a_supervisor_that_knows_no_such_job_holds_up_no_end_and_gets_the_reports_once_it_does() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, status) = (Seen::default(), Arc::new(Mutex::new(404)));
    let (theirs, answer) = (seen.clone(), status.clone());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let status = *answer.lock().unwrap();
            serve(stream, status, theirs.clone()).await;
        }
    });
    let reporter = Reporter::start(&config(&format!("http://{address}"), &[])).unwrap();
    reporter.send(words().init(1.0));
    let began = Instant::now();
    assert!(!reporter.flush(Instant::now() + Duration::from_secs(3600)).await);
    assert!(began.elapsed() < Duration::from_secs(600));
    *status.lock().unwrap() = 200;
    assert!(reporter.flush(Instant::now() + Duration::from_secs(60)).await);
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_connection_is_used_as_long_as_it_lasts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let reporter = Reporter::start(&config(&format!("http://{}", listener.local_addr().unwrap()), &[])).unwrap();
    let (seen, connections) = (Seen::default(), Arc::new(Mutex::new(0)));
    let (theirs, count) = (seen.clone(), connections.clone());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            *count.lock().unwrap() += 1;
            // Each is closed with its fifth answer.
            for _ in 0..5 {
                answer(&mut stream, 200, &theirs).await;
            }
        }
    });
    for second in 1..=10u32 {
        reporter.send(words().sample(Cpu { user: second.into(), system: 0.0 }, 1.0));
        assert!(reporter.flush(Instant::now() + Duration::from_secs(60)).await);
    }
    assert_eq!((seen.lock().unwrap().len(), *connections.lock().unwrap()), (10, 2));
}

/// As a supervisor does that is stopped, or a proxy that closes what it takes for idle.
#[tokio::test]
async fn a_server_that_hangs_up_after_each_answer_without_a_word_holds_up_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let seen = Seen::default();
    let theirs = seen.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            answer(&mut stream, 200, &theirs).await;
            // Long enough for another request to be on its way.
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    });
    let client = Client::new(None, None, false).unwrap();
    for _ in 0..100 {
        assert_eq!(client.post(&uri, b"{}".to_vec()).await.unwrap().status, 200);
    }
    assert_eq!(seen.lock().unwrap().len(), 100);
}

#[tokio::test(flavor = "current_thread")]
async fn what_was_not_delivered_is_taken_up_by_the_next_task() {
    let directory = tempfile::tempdir().unwrap();
    let away = config("http://127.0.0.1:9", &[]);
    let reporter = Reporter::start(&away).unwrap();
    reporter.keep_in(directory.path(), 1).await.unwrap();
    reporter.send(words().start(&start(), 1.0));
    reporter.send(words().sample(Cpu::default(), 1.0));
    // Nobody asks for it: the task may be killed at any moment.
    while std::fs::read_dir(directory.path()).unwrap().next().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let seen = Seen::default();
    let next = Reporter::start(&config(&format!("http://{}", listener.local_addr().unwrap()), &[])).unwrap();
    next.keep_in(directory.path(), 2).await.unwrap();
    let theirs = seen.clone();
    tokio::spawn(async move { serve(listener.accept().await.unwrap().0, 200, theirs).await });
    assert!(next.flush(Instant::now() + Duration::from_secs(60)).await);
    assert_eq!(seen.lock().unwrap()[0].1["kind"], "start");
    next.store().await;
    assert!(std::fs::read_dir(directory.path()).unwrap().next().is_none());
}

#[tokio::test(flavor = "current_thread")]
async fn a_report_that_no_kill_may_lose_is_on_disk_when_it_is_accepted_and_else_not_sent() {
    let directory = tempfile::tempdir().unwrap();
    let reporter = Reporter::start(&config("http://127.0.0.1:9", &[])).unwrap();
    reporter.keep_in(directory.path(), 1).await.unwrap();
    let (draft, outbox) =
        (directory.path().join("outbox-0000000001.draft"), directory.path().join("outbox-0000000001.json"));
    // Nothing can be written under this name.
    std::fs::create_dir(&draft).unwrap();
    assert!(reporter.send_kept(words().init(1.0)).await.is_err());
    assert!(reporter.flush(Instant::now() + Duration::from_secs(60)).await, "there is nothing to send");
    std::fs::remove_dir(&draft).unwrap();
    reporter.send_kept(words().init(2.0)).await.unwrap();
    let kept: Value = serde_json::from_slice(&std::fs::read(&outbox).unwrap()).unwrap();
    assert_eq!((kept.as_array().unwrap().len(), &kept[0]["body"]["started_at"]), (1, &json!(2.0)));
}

/// A server with a certificate of an authority; the authority's file.
async fn tls_server(directory: &std::path::Path, name: &str, seen: Seen) -> (SocketAddr, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let file = directory.join(name);
    std::fs::write(&file, authority.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, 200, seen.clone()).await;
            }
        }
    });
    (address, file.to_str().unwrap().to_owned())
}

#[tokio::test(flavor = "current_thread")]
async fn over_tls_only_a_supervisor_with_the_right_certificate_hears_anything() {
    let directory = tempfile::tempdir().unwrap();
    let (seen, other) = (Seen::default(), Seen::default());
    let (address, authority) = tls_server(directory.path(), "right.pem", seen.clone()).await;
    let (impostor, _) = tls_server(directory.path(), "wrong.pem", other.clone()).await;
    let send = async |port: u16| {
        let base = format!("https://localhost:{port}");
        let reporter =
            Reporter::start(&config(&base, &[("SHELL_TRAP_CACERT", &authority), ("SHELL_TRAP_TOKEN", "t")])).unwrap();
        reporter.send(words().init(1.0));
        reporter.flush(Instant::now() + Duration::from_secs(if port == impostor.port() { 1 } else { 60 })).await
    };
    assert!(send(address.port()).await);
    assert_eq!(seen.lock().unwrap().len(), 1);
    assert!(!send(impostor.port()).await);
    assert!(other.lock().unwrap().is_empty());
}
