//! The whole supervisor in one run: acknowledged reports against a trivial endpoint of the same server, replay of the log that this
//! leaves against a bare row walk, and decisions. The ratios carry over to other machines, the rates do not.
//! `cargo bench --bench supervisor [-- <seconds a round>]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints what it has measured")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mesos_qos::clock::{Clock, SystemClock};
use mesos_qos::config::Settings;
use mesos_qos::events::envelope::{StoredEvent, StreamId, Version};
use mesos_qos::events::job::{JobEvent, Registered, RescaleMode, RunKey, upcasters};
use mesos_qos::events::store::{EventStore, ReadError, StoreOptions};
use mesos_qos::qos::ids::JobId;
use mesos_qos::qos::job::command::{FinishFacts, FrameworkFacts};
use mesos_qos::qos::job::registration::{Defaults, validate};
use mesos_qos::qos::job::{Command, JobState, Recorded, decide};
use mesos_qos::qos::policy::{Policies, PolicyName};
use mesos_qos::qos::units::{Cpus, Span, Timestamp};
use mesos_qos::supervise;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 64;

fn main() {
    let seconds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(5);
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    println!("HTTP, {CONNECTIONS} connections, {seconds} s a round, client on the same machine");
    for workers in [1, 2] {
        let data = dir.path().join(format!("data{workers}"));
        actix_rt::System::new().block_on(http(dir.path(), &data, workers, Duration::from_secs(seconds)));
    }
    replay(&dir.path().join("data1"));
    decisions();
}

async fn http(dir: &Path, data: &Path, workers: u32, round: Duration) {
    let credentials = dir.join("chronos.json");
    // Nothing listens on the discard port: starts stay pending, reports are taken.
    std::fs::write(&credentials, r#"{"url":"http://127.0.0.1:9","user":"u","password":"p"}"#).unwrap();
    let variables = [
        ("SUPERVISOR_LISTEN", "127.0.0.1".to_owned()),
        ("SUPERVISOR_PORT", "0".to_owned()),
        ("SUPERVISOR_WORKERS", workers.to_string()),
        ("SUPERVISOR_DATA_DIR", data.display().to_string()),
        ("SUPERVISOR_CREDENTIALS_CHRONOS", credentials.display().to_string()),
    ];
    let variables = variables.map(|(key, value)| (format!("MESOS_QOS_{key}").into(), value.into()));
    let settings = Settings::load(vec![], variables, None).unwrap();
    let (supervising, server) = supervise::start(&settings, Arc::new(SystemClock)).await.unwrap();
    actix_rt::spawn(server);
    let operator = std::fs::read_to_string(&supervising.token_file).unwrap();
    let mut jobs = vec![];
    let client = reqwest::Client::new();
    for n in 0..CONNECTIONS {
        let uuid = JobId::random();
        let body = serde_json::json!({"uuid": uuid, "name": format!("job{n}"), "framework": "chronos", "job_duration": 1,
            "deadline": 1e8, "desv_deadline": 0.2, "iterations": 4_000_000_000u32});
        let url = format!("http://{}/initTask", supervising.address);
        let reply = client.post(url).bearer_auth(operator.trim()).json(&body).send().await.unwrap();
        let reply: serde_json::Value = reply.json().await.unwrap();
        jobs.push((uuid, reply["callback_token"].as_str().unwrap().to_owned()));
    }
    let address = supervising.address;
    // A thread and runtime of their own: the client does not stand in the server's way more than it must.
    let rates = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let trivial =
            runtime.block_on(requests(address, round, |_, _| "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n".into()));
        let durable = runtime.block_on(requests(address, round, |connection, n| report(&jobs[connection], n)));
        (trivial, durable)
    });
    let (trivial, durable) = rates.await.unwrap();
    println!(
        "  {workers} worker(s): trivial {trivial:9.0}/s, acknowledged reports {durable:9.0}/s, ratio {:.2}",
        durable / trivial
    );
    supervising.stop().await;
}

fn report((uuid, token): &(JobId, String), n: u64) -> String {
    let now = SystemClock.now().epoch_seconds();
    let body = format!(
        r#"{{"uuid":"{uuid}","name":"job","hostname":"node1","started_at":{},"finished_at":{now},"sent_at":{now},"exit_code":0,"run":"ct:1700000000000:0:job:{n}","index":0}}"#,
        now - 1.0
    );
    format!(
        "POST /updateTask HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Answered requests per second over all connections; every answer must be a 200.
async fn requests(address: SocketAddr, round: Duration, request: impl Fn(usize, u64) -> String) -> f64 {
    let answered = AtomicU64::new(0);
    let began = Instant::now();
    let clients = (0..CONNECTIONS).map(async |connection| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut buffer = vec![0; 4096];
        let mut n = 0;
        while began.elapsed() < round {
            stream.write_all(request(connection, n).as_bytes()).await.unwrap();
            let mut read = 0;
            while !complete(&buffer[..read]) {
                let more = stream.read(&mut buffer[read..]).await.unwrap();
                assert!(more > 0, "the server closed the connection");
                read += more;
            }
            assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..read]));
            assert!(!buffer[..read].windows(9).any(|part| part == b"duplicate"));
            answered.fetch_add(1, Ordering::Relaxed);
            n += 1;
        }
    });
    futures_util::future::join_all(clients).await;
    answered.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

fn complete(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|part| part == b"\r\n\r\n") else { return false };
    let text = std::str::from_utf8(&answer[..head]).unwrap().to_ascii_lowercase();
    let length =
        text.split("content-length: ").nth(1).map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
    answer.len() >= head + 4 + length
}

fn replay(data: &Path) {
    let store = EventStore::open(data, StoreOptions::default()).unwrap();
    let log = store.log();
    let upcasters = upcasters();
    let active = |each: &mut dyn FnMut(&StoredEvent)| {
        let walked = log.read_consistently(|reading| {
            reading.active_jobs()?.into_iter().try_for_each(|job| {
                reading.for_each_after(job.into(), Version::NONE, |event| -> Result<(), ReadError> {
                    each(event);
                    Ok(())
                })
            })
        });
        walked.unwrap();
    };
    let mut best = (0.0_f64, 0.0_f64);
    let mut events = 0u64;
    for _ in 0..3 {
        events = 0;
        let began = Instant::now();
        active(&mut |event| {
            events += 1;
            black_box(event.data.len());
        });
        best.0 = best.0.max(events as f64 / began.elapsed().as_secs_f64());
        let mut states: BTreeMap<StreamId, Option<JobState>> = BTreeMap::new();
        let began = Instant::now();
        active(&mut |stored| {
            let data = upcasters.newest(stored).unwrap();
            let event = JobEvent::decode(&stored.kind, &data).unwrap();
            let recorded = Recorded { version: stored.version.0, at: stored.at, event };
            JobState::follow(states.entry(stored.stream).or_default(), &recorded);
        });
        best.1 = best.1.max(events as f64 / began.elapsed().as_secs_f64());
        black_box(&states);
    }
    println!("replay of the {events} events that the first round left");
    println!("  bare row walk {:9.0}/s, replayed {:9.0}/s, ratio {:.2}", best.0, best.1, best.1 / best.0);
}

fn decisions() {
    let at = Timestamp::from_micros(1_800_000_000_000_000);
    let request = serde_json::from_value(
        serde_json::json!({"uuid": JobId::random(), "name": "job", "framework": "chronos",
        "job_duration": 130, "deadline": 1800, "desv_deadline": 0.2, "iterations": 13, "cpus": 1, "arguments_version": 1}),
    );
    let defaults = Defaults {
        policies: Policies::defaults(PolicyName::Step),
        max_failures: 3,
        overdue_factor_milli: 3000,
        monitoring_period: Span::from_secs(120),
        rescale: RescaleMode::Restart,
        chain_start: Span::from_secs(60),
    };
    let registered: Registered = validate(&request.unwrap(), at, &defaults).unwrap();
    let first = Recorded { version: 1, at, event: JobEvent::Registered(registered.clone()) };
    let mut state = JobState::new(registered, &first);
    let activity = mesos_qos::events::job::Activity::Idle;
    let facts = FrameworkFacts { cpus: Cpus::from_milli(1000), success_count: 0, error_count: 0, activity };
    for command in [Command::Seen(facts), Command::AttemptStart(facts)] {
        for event in decide(Some(&state), command, at).unwrap().events {
            state.apply(&Recorded { version: state.version + 1, at, event });
        }
    }
    let command = Command::ReportFinish(FinishFacts {
        key: RunKey::Run { run: "ct:1700000000000:0:job:".into(), index: 0 },
        hostname: "node1".into(),
        started_at: at,
        finished_at: at,
        sent_at: Some(at),
        exit_code: 0,
        ending: false,
        free: None,
    });
    let (began, mut calls) = (Instant::now(), 0u64);
    while began.elapsed() < Duration::from_secs(1) {
        for _ in 0..1000 {
            let ruling = decide(Some(black_box(&state)), command.clone(), at).unwrap();
            assert!(ruling.events.len() >= 2);
            black_box(ruling);
        }
        calls += 1000;
    }
    println!("decide of one finished iteration: {:.0} calls/s", calls as f64 / began.elapsed().as_secs_f64());
}
