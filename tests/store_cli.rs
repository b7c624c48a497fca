//! `mesos-qos log` as its users see it.
#![expect(clippy::unwrap_used, reason = "a test")]

mod store_support;

use std::path::Path;

use assert_cmd::Command;
use mesos_qos::events::envelope::StreamId;
use mesos_qos::events::store::DATABASE;
use serde_json::{Value, json};
use store_support::{job, one, open, register};

fn log(args: &[&str], db: &Path) -> (Option<i32>, String, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("mesos-qos"));
    let output = command.arg("log").args(args).arg("--log").arg(db).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_log_is_verified_exported_and_backed_up_while_it_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let registered = job("linpack");
    register(&store.log(), &registered).await.unwrap();
    let last = store.log().append(one(StreamId::Cluster, 0, "round")).await.unwrap();
    let (db, head) = (dir.path().join(DATABASE), last.events[0].hash.to_string());

    let (code, out, _) = log(&["verify", "--expect-head", &head], &db);
    assert_eq!((code, out), (Some(0), format!("2 events, the chain is whole\nhead {head}\n")));
    let (_, out, _) = log(&["verify", "--json"], &db);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["head"], json!({"seq": 2, "hash": head}));

    let (code, out, _) = log(&["export"], &db);
    assert_eq!(code, Some(0));
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 2);
    let expected = json!({"seq": 2, "job": "cluster", "version": 1, "kind": "Noted", "schema": 1,
        "at": "2023-11-14T22:13:20.000000Z", "data": "round", "hash": head});
    assert_eq!(events[1], expected);
    let (_, out, _) = log(&["export", "--job", &registered.uuid.to_string()], &db);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), events[0]);

    let to = dir.path().join("copy.db");
    let (code, out, _) = log(&["backup", "--to", to.to_str().unwrap()], &db);
    assert_eq!(code, Some(0));
    assert!(out.ends_with(&format!("head {head}\n")), "{out}");
    assert_eq!(log(&["export"], &to).1, log(&["export"], &db).1);
    let (code, _, err) = log(&["backup", "--to", to.to_str().unwrap()], &db);
    assert_eq!(code, Some(1));
    assert!(err.contains("exists"), "{err}");
}

#[tokio::test]
async fn a_log_that_is_not_whole_exits_with_1_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.log().append(one(StreamId::Cluster, 0, "a")).await.unwrap();
    store.close().await;
    let db = dir.path().join(DATABASE);
    let (code, _, err) = log(&["verify", "--expect-head", &"ab".repeat(32)], &db);
    assert_eq!(code, Some(1));
    assert!(err.contains("no event has the expected hash abab"), "{err}");
    let (code, _, err) = log(&["verify", "--expect-head", "xyz"], &db);
    assert_eq!(code, Some(2));
    assert!(err.contains("64 hexadecimal digits"), "{err}");

    let raw = rusqlite::Connection::open(&db).unwrap();
    raw.execute_batch("DROP TRIGGER events_are_never_updated; UPDATE events SET data = '1'").unwrap();
    let (code, out, err) = log(&["verify", "--json"], &db);
    assert_eq!(code, Some(1));
    assert!(err.contains("event 1: the stored hash is"), "{err}");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["fault"]["seq"], 1);
    let (code, _, err) = log(&["verify"], &dir.path().join("nothing.db"));
    assert_eq!(code, Some(1));
    assert!(err.contains("there is no such file"), "{err}");
}
