//! A process that is killed while it appends loses nothing that it has acknowledged.
#![expect(clippy::unwrap_used, reason = "a test")]

mod store_support;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mesos_qos::events::envelope::{Seq, StreamId, Version};
use mesos_qos::events::store::{Append, DATABASE, NewReply, ReadError, Replay, verify};
use mesos_qos::qos::ids::JobId;
use rusqlite::{Connection, OpenFlags};
use store_support::{NOW, noted, open};

const KILLS: usize = 20;
const DIR: &str = "STORE_CRASH_DIR";

#[test]
fn every_acknowledged_event_survives_kill_after_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = HashMap::<StreamId, Version>::new();
    let mut last_seq = Seq::START;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "appends_until_it_is_killed", "--nocapture"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acks = 0;
        let mut killer = None;
        // Ends when the killed process's pipe closes; a line cut off by the kill has no word at its end.
        for line in lines {
            let Ok(line) = line else { break };
            let words: Vec<&str> = line.split(' ').collect();
            let ["ack", stream, version, "."] = words[..] else { continue };
            let stream = StreamId::Job(stream.parse::<JobId>().unwrap());
            acknowledged.insert(stream, Version(version.parse().unwrap()));
            acks += 1;
            if acks == 1 {
                let delay = Duration::from_millis(rand::random_range(0..60));
                let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
                killer = Some(std::thread::spawn(move || {
                    std::thread::sleep(delay);
                    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
                }));
            }
        }
        killer.expect("the process acknowledges before it is killed").join().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap()), Some(9));
        last_seq = check(dir.path(), &acknowledged, kill).max(last_seq);
    }
    assert!(last_seq.0 > KILLS as i64);
}

/// Opens the log as a restart does, and compares.
fn check(dir: &Path, acknowledged: &HashMap<StreamId, Version>, kill: usize) -> Seq {
    let store = open(dir);
    let mut found = HashMap::<StreamId, Version>::new();
    store
        .log()
        .for_each_event(Replay::Everything, |event| {
            found.insert(event.stream, event.version);
            Ok::<(), ReadError>(())
        })
        .unwrap();
    for (stream, version) in acknowledged {
        let found = found.get(stream).copied().unwrap_or_default();
        assert!(found >= *version, "kill {kill}: {stream} was acknowledged at {version} and ends at {found}");
    }
    let head = store.log().stats().head;
    let report = verify(&dir.join(DATABASE), Some(head.hash)).unwrap();
    assert!(report.is_whole(), "kill {kill}: {report:?}");
    // The rows that are committed with an event are there exactly when the event is.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let effects = runtime.block_on(store.log().pending_outbox()).unwrap();
    assert_eq!(effects.len() as u64, found.values().map(|version| version.0).sum::<u64>());
    let raw = Connection::open_with_flags(dir.join(DATABASE), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut replies = raw.prepare("SELECT count(*) FROM idempotency WHERE stream = ?").unwrap();
    for (stream, version) in &found {
        let replies: i64 = replies.query_row([stream.as_bytes()], |row| row.get(0)).unwrap();
        assert_eq!(replies.cast_unsigned(), version.0, "kill {kill}: replies of {stream}");
    }
    head.seq
}

/// Not a test by itself: the process that [`every_acknowledged_event_survives_kill_after_kill`] kills.
#[test]
#[ignore = "started by another test"]
fn appends_until_it_is_killed() {
    let dir = std::env::var(DIR).expect("started by every_acknowledged_event_survives_kill_after_kill");
    let store = open(Path::new(&dir));
    println!();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let log = store.log();
                tokio::spawn(async move {
                    let job = JobId::random();
                    let stream = StreamId::Job(job);
                    for version in 0.. {
                        let reply = NewReply { stream, key: version.to_string(), digest: [0; 32], reply: "{}".into() };
                        let append = Append::at(NOW)
                            .events(stream, Version(version), vec![noted("x")])
                            .effect(stream, format!("effect {version}"), "start", "{}")
                            .reply(reply);
                        log.append(append).await.unwrap();
                        let line = format!("ack {job} {} .\n", version + 1);
                        std::io::stdout().write_all(line.as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}
