//! Appends and replays of the event log against the bare parts that they rest on, in one run: the ratios carry over to
//! other machines, the rates do not. `cargo bench --bench event_store [-- <events to replay>]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints what it has measured")]

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use mesos_qos::events::envelope::{NewEvent, StreamId, Version};
use mesos_qos::events::store::{Append, DATABASE, EventLog, EventStore, ReadError, Replay, StoreOptions};
use mesos_qos::qos::ids::JobId;
use mesos_qos::qos::units::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const ROUND: Duration = Duration::from_secs(2);

/// As large as the events that a job really has.
#[derive(Debug, Serialize, Deserialize)]
enum Payload {
    IterationFinished { iteration: u32, run: String, hostname: String, started_at: Timestamp, finished_at: Timestamp },
    Rescaled { iteration: u32, from: u32, to: u32, prediction: Timestamp, reason: String },
}

fn event(n: u64) -> NewEvent {
    let at = Timestamp::from_micros(NOW.micros() + n as i64);
    let iteration = n as u32;
    let (kind, payload) = if n.is_multiple_of(2) {
        let run = "ct:1700000000000:0:openmpLinpack1:".to_owned();
        let hostname = "node3.cluster.example".to_owned();
        ("IterationFinished", Payload::IterationFinished { iteration, run, hostname, started_at: at, finished_at: at })
    } else {
        let reason = "predicted 1834 s, bound 1710 s: more CPU".to_owned();
        ("Rescaled", Payload::Rescaled { iteration, from: 1000, to: 1400, prediction: at, reason })
    };
    NewEvent::json(kind, 1, at, &payload).unwrap()
}

fn main() {
    // cargo passes `--bench`.
    let events = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(400_000);
    let dir = tempfile::tempdir().unwrap();
    println!("appends, each durable before it is acknowledged");
    let fdatasync = bare_syncs(dir.path());
    let sqlite = bare_commits(dir.path());
    let one = appends(&dir.path().join("one"), 1);
    let many = appends(&dir.path().join("many"), 64);
    rate("4 KiB append + fdatasync", fdatasync, fdatasync);
    rate("bare SQLite insert + commit", sqlite, fdatasync);
    rate("event log, 1 writer", one, fdatasync);
    rate("event log, 64 writers", many, fdatasync);
    println!("  64 writers to 1: {:.2}; 1 writer to bare SQLite: {:.2}\n", many / one, one / sqlite);

    println!("replay of {events} events");
    let data = dir.path().join("replay");
    fill(&data, events);
    let store = EventStore::open(&data, StoreOptions::default()).unwrap();
    let (mut bare, mut lent, mut decoded) = (0f64, 0f64, 0f64);
    // In turns, the best of each: what disturbs one round does not make a ratio.
    for _ in 0..3 {
        bare = bare.max(per_second(events, || walk_rows(&data.join(DATABASE))));
        lent = lent.max(per_second(events, || replay(&store.log(), |_| {})));
        let decode = |data: &[u8]| drop(black_box(serde_json::from_slice::<Payload>(data).unwrap()));
        decoded = decoded.max(per_second(events, || replay(&store.log(), decode)));
    }
    rate("bare row walk", bare, bare);
    rate("replay", lent, bare);
    rate("replay with JSON decoded", decoded, bare);
}

fn rate(name: &str, rate: f64, base: f64) {
    println!("  {name:<28} {rate:>12.0} /s   {:.2}", rate / base);
}

fn repeat(mut work: impl FnMut(u64)) -> f64 {
    let (began, mut times) = (Instant::now(), 0);
    while began.elapsed() < ROUND {
        work(times);
        times += 1;
    }
    times as f64 / began.elapsed().as_secs_f64()
}

fn bare_syncs(dir: &Path) -> f64 {
    let mut file = File::create(dir.join("file")).unwrap();
    repeat(|_| {
        file.write_all(&[0; 4096]).unwrap();
        file.sync_data().unwrap();
    })
}

fn bare_commits(dir: &Path) -> f64 {
    let conn = Connection::open(dir.join("bare.db")).unwrap();
    conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    conn.execute_batch("PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, data TEXT)").unwrap();
    repeat(|n| {
        let data = event(n).data;
        let mut insert = conn.prepare_cached("INSERT INTO t (data) VALUES (?)").unwrap();
        insert.execute([str::from_utf8(&data).unwrap()]).unwrap();
    })
}

fn appends(dir: &Path, writers: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let store = EventStore::open(dir, StoreOptions::default()).unwrap();
    let began = Instant::now();
    let appended: u64 = runtime.block_on(async {
        let tasks: Vec<_> = (0..writers).map(|_| tokio::spawn(writer(store.log(), began))).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    appended as f64 / began.elapsed().as_secs_f64()
}

async fn writer(log: EventLog, began: Instant) -> u64 {
    let stream = StreamId::Job(JobId::random());
    let mut version = 0;
    while began.elapsed() < ROUND {
        log.append(Append::at(NOW).events(stream, Version(version), vec![event(version)])).await.unwrap();
        version += 1;
    }
    version
}

fn fill(dir: &Path, events: u64) {
    const STREAMS: u64 = 100;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = EventStore::open(dir, StoreOptions::default()).unwrap();
    let streams: Vec<_> = (0..STREAMS).map(|_| StreamId::Job(JobId::random())).collect();
    runtime.block_on(async {
        let mut versions = [0; STREAMS as usize];
        for begin in (0..events).step_by(1000) {
            let index = (begin / 1000 % STREAMS) as usize;
            let batch: Vec<_> = (begin..events.min(begin + 1000)).map(event).collect();
            let count = batch.len() as u64;
            let append = Append::at(NOW).events(streams[index], Version(versions[index]), batch);
            store.log().append(append).await.unwrap();
            versions[index] += count;
        }
        store.close().await;
    });
}

fn per_second(events: u64, mut work: impl FnMut() -> u64) -> f64 {
    let began = Instant::now();
    assert_eq!(work(), events);
    events as f64 / began.elapsed().as_secs_f64()
}

/// The least that a replay can do: step through the rows and look at every column.
fn walk_rows(path: &Path) -> u64 {
    let conn = Connection::open(path).unwrap();
    let mut query =
        conn.prepare("SELECT seq, stream, version, kind, schema, at, data, hash FROM events ORDER BY seq").unwrap();
    let mut rows = query.query([]).unwrap();
    let mut count = 0;
    while let Some(row) = rows.next().unwrap() {
        for column in 0..8 {
            black_box(row.get_ref(column).unwrap());
        }
        count += 1;
    }
    count
}

fn replay(log: &EventLog, mut each: impl FnMut(&[u8])) -> u64 {
    let mut count = 0;
    log.for_each_event(Replay::Everything, |event| {
        each(&event.data);
        count += 1;
        Ok::<(), ReadError>(())
    })
    .unwrap();
    count
}
