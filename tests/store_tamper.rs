//! Every way of changing history behind the log's back is found, and the first wrong event is named.
#![expect(clippy::unwrap_used, reason = "a test")]

mod store_support;

use std::path::{Path, PathBuf};

use mesos_qos::events::chain::EventHash;
use mesos_qos::events::envelope::{Seq, StreamId};
use mesos_qos::events::store::{DATABASE, EventStore, OfflineLog, ReadError, Replay, VerifyReport, verify};
use mesos_qos::qos::ids::JobId;
use rusqlite::Connection;
use store_support::{one, open};

/// Nine events of two streams; the store is still open, so that they are in the WAL.
async fn nine_events(dir: &Path) -> EventStore {
    let store = open(dir);
    let job = StreamId::Job(JobId::random());
    for n in 0..9 {
        let stream = if n % 3 == 0 { StreamId::Cluster } else { job };
        let version = if n % 3 == 0 { n / 3 } else { n - n / 3 - 1 };
        store.log().append(one(stream, version, &format!("event {n}"))).await.unwrap();
    }
    store
}

/// What verification says after `sql` was run by someone who has dropped the triggers first.
async fn after(sql: &str) -> VerifyReport {
    let dir = tempfile::tempdir().unwrap();
    nine_events(dir.path()).await.close().await;
    let path = dir.path().join(DATABASE);
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("DROP TRIGGER events_are_never_updated; DROP TRIGGER events_are_never_deleted;").unwrap();
    raw.execute_batch(sql).unwrap();
    drop(raw);
    verify(&path, None).unwrap()
}

async fn first_fault_after(sql: &str) -> i64 {
    let report = after(sql).await;
    assert!(!report.is_whole(), "{sql}");
    let fault = report.fault.unwrap();
    assert_eq!(report.head.seq, Seq(fault.seq.0 - 1), "{sql}");
    fault.seq.0
}

#[tokio::test]
async fn a_changed_byte_is_found_in_every_column() {
    for change in [
        "data = '\"Event 4\"'",
        "data = data || ' '",
        "kind = 'noted'",
        "at = at + 1",
        "schema = 2",
        "stream = randomblob(16)",
        "version = version + 100",
        "hash = randomblob(32)",
    ] {
        assert_eq!(first_fault_after(&format!("UPDATE events SET {change} WHERE seq = 5")).await, 5, "{change}");
    }
}

#[tokio::test]
async fn a_removed_event_is_found_even_when_the_rest_is_renumbered() {
    assert_eq!(first_fault_after("DELETE FROM events WHERE seq = 5").await, 5);
    assert_eq!(first_fault_after("DELETE FROM events WHERE seq = 1").await, 1);
    let renumbered = "DELETE FROM events WHERE seq = 4;
        UPDATE events SET seq = seq - 1 WHERE seq > 4;
        UPDATE events SET version = version - 1 WHERE stream = X'636C7573746572' AND version > 1;";
    assert_eq!(first_fault_after(renumbered).await, 4);
}

#[tokio::test]
async fn reordered_events_are_found() {
    let swap = "UPDATE events SET seq = 100 WHERE seq = 5; UPDATE events SET seq = 5 WHERE seq = 6;
        UPDATE events SET seq = 6 WHERE seq = 100;";
    assert_eq!(first_fault_after(swap).await, 5);
}

#[tokio::test]
async fn a_row_that_is_no_event_is_a_finding_not_an_error() {
    let mangled = "PRAGMA ignore_check_constraints = ON; UPDATE events SET hash = X'00' WHERE seq = 7;";
    assert_eq!(first_fault_after(mangled).await, 7);
    let mangled = "PRAGMA ignore_check_constraints = ON; UPDATE events SET stream = X'00' WHERE seq = 2;";
    assert_eq!(first_fault_after(mangled).await, 2);
    let mangled = "PRAGMA ignore_check_constraints = ON; UPDATE events SET schema = 70000 WHERE seq = 3;";
    assert_eq!(first_fault_after(mangled).await, 3);
}

#[tokio::test]
async fn what_was_cut_off_is_found_with_an_anchor() {
    let dir = tempfile::tempdir().unwrap();
    let store = nine_events(dir.path()).await;
    let events = store.log().read_all(Seq::START, 9).await.unwrap();
    store.close().await;
    let path = dir.path().join(DATABASE);
    let (old, last) = (events[6].hash, events[8].hash);
    for (anchor, found) in [(last, 9), (old, 7), (EventHash::GENESIS, 0)] {
        let report = verify(&path, Some(anchor)).unwrap();
        assert!(report.is_whole());
        assert_eq!(report.expected_head.unwrap().found, Some(Seq(found)));
    }
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("DROP TRIGGER events_are_never_deleted; DELETE FROM events WHERE seq > 7").unwrap();
    drop(raw);
    assert!(verify(&path, None).unwrap().is_whole());
    assert!(verify(&path, Some(old)).unwrap().is_whole());
    let report = verify(&path, Some(last)).unwrap();
    assert!(!report.is_whole());
    assert_eq!(report.expected_head.unwrap().found, None);
}

#[tokio::test]
async fn a_live_log_and_a_copy_with_its_wal_verify() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = nine_events(dir.path()).await;
    let path = dir.path().join(DATABASE);
    assert!(std::fs::metadata(dir.path().join("events.db-wal")).unwrap().len() > 0);
    let live = verify(&path, Some(store.log().stats().head.hash)).unwrap();
    assert!(live.is_whole());
    assert_eq!(live.head.seq, Seq(9));
    for file in ["events.db", "events.db-wal"] {
        std::fs::copy(dir.path().join(file), copy.path().join(file)).unwrap();
    }
    assert_eq!(verify(&copy.path().join(DATABASE), None).unwrap(), VerifyReport { expected_head: None, ..live });
    // Reading has not moved the WAL into the database: it is evidence.
    assert!(std::fs::metadata(copy.path().join("events.db-wal")).unwrap().len() > 0);
}

#[tokio::test]
async fn a_backup_of_a_live_log_is_whole_and_replaces_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = nine_events(dir.path()).await;
    let backup: PathBuf = dir.path().join("backup.db");
    let log = OfflineLog::open(&dir.path().join(DATABASE)).unwrap();
    log.backup_to(&backup).unwrap();
    let report = verify(&backup, Some(store.log().stats().head.hash)).unwrap();
    assert!(report.is_whole());
    assert!(log.backup_to(&backup).unwrap_err().to_string().contains("exists"));
    // It is a log that a store can go on with.
    let restored = dir.path().join("restored");
    std::fs::create_dir(&restored).unwrap();
    std::fs::rename(&backup, restored.join(DATABASE)).unwrap();
    let restored = open(&restored);
    let next = restored.log().append(one(StreamId::Cluster, 3, "more")).await.unwrap();
    assert_eq!(next.events[0].seq, Seq(10));
}

#[test]
fn what_is_no_log_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.db");
    assert!(OfflineLog::open(&path).unwrap_err().to_string().contains("no such file"));
    std::fs::write(&path, "text").unwrap();
    assert!(OfflineLog::open(&path).unwrap_err().to_string().contains("cannot be read as an event log"));
    Connection::open(dir.path().join("y.db")).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let error = OfflineLog::open(&dir.path().join("y.db")).unwrap_err();
    assert!(matches!(error, ReadError::NotALog(_)), "{error}");
}

#[tokio::test]
async fn an_export_of_a_damaged_log_ends_with_an_error() {
    let dir = tempfile::tempdir().unwrap();
    nine_events(dir.path()).await.close().await;
    let path = dir.path().join(DATABASE);
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch(
        "DROP TRIGGER events_are_never_updated; PRAGMA ignore_check_constraints = ON;
         UPDATE events SET stream = X'00' WHERE seq = 4",
    )
    .unwrap();
    let mut seen = 0;
    let error = OfflineLog::open(&path).unwrap().for_each_event(Replay::Everything, |_| {
        seen += 1;
        Ok::<(), ReadError>(())
    });
    assert!(matches!(error, Err(ReadError::Malformed { seq: Seq(4), .. })), "{error:?}");
    assert_eq!(seen, 3);
}
