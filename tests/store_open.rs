//! Opening, closing, and what is found again.

mod store_support;

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

use mesos_qos::events::envelope::{Seq, StoredEvent, StreamId, Version};
use mesos_qos::events::store::{
    AppendError, DATABASE, EventStore, Health, JobFilter, OpenError, ReadError, Replay, StoreOptions, verify,
};
use mesos_qos::qos::ids::{Framework, JobId};
use store_support::{job, one, open, register};

#[tokio::test]
async fn a_reopened_log_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let store = open(&data);
    let first = store.log().append(one(StreamId::Cluster, 0, "a")).await.unwrap();
    store.close().await;
    let store = open(&data);
    assert_eq!(store.log().stats().head.hash, first.events[0].hash);
    let second = store.log().append(one(StreamId::Cluster, 1, "b")).await.unwrap();
    assert_eq!(second.events[0].seq, Seq(2));
    assert!(verify(&data.join(DATABASE), None).unwrap().is_whole());
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(data.clone()), 0o700);
    assert_eq!((mode(data.join(DATABASE)), mode(data.join("lock"))), (0o600, 0o600));
    assert_eq!(mode(data.join("events.db-wal")), 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_commits_what_was_queued_and_refuses_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log();
    let pending: Vec<_> = (0..200)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move { log.append(one(StreamId::Job(JobId::random()), 0, "x")).await })
        })
        .collect();
    store.close().await;
    let mut acknowledged = 0;
    for task in pending {
        match task.await.unwrap() {
            Ok(_) => acknowledged += 1,
            Err(error) => assert_eq!(error, AppendError::Closed),
        }
    }
    assert_eq!(log.append(one(StreamId::Cluster, 0, "late")).await.unwrap_err(), AppendError::Closed);
    assert!(matches!(log.read_all(Seq::START, 1).await, Err(ReadError::Closed)));
    // One file that can be copied: the write-ahead log is empty or gone.
    let wal = std::fs::metadata(dir.path().join("events.db-wal")).map_or(0, |wal| wal.len());
    assert_eq!(wal, 0);
    let again = open(dir.path()).log();
    assert_eq!(again.stats().head.seq, Seq(acknowledged));
}

#[tokio::test]
async fn a_data_directory_has_one_user() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let refused = EventStore::open(dir.path(), StoreOptions::default()).unwrap_err();
    assert!(matches!(refused, OpenError::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{refused}");
    drop(store);
    open(dir.path());
}

#[tokio::test]
async fn a_log_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).close().await;
    let raw = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
    raw.execute(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (999, 'later', '', '0')",
        [],
    )
    .unwrap();
    drop(raw);
    let refused = EventStore::open(dir.path(), StoreOptions::default()).unwrap_err();
    assert!(matches!(refused, OpenError::SchemaNewer { found: 999, .. }), "{refused}");
}

#[tokio::test]
async fn events_can_neither_be_changed_nor_removed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.log().append(one(StreamId::Cluster, 0, "a")).await.unwrap();
    let raw = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
    for sql in ["UPDATE events SET data = '{}'", "DELETE FROM events"] {
        let refused = raw.execute(sql, []).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
}

#[tokio::test]
async fn no_event_is_replaced_by_a_connection_that_knows_nothing_of_this_program() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.log().append(one(StreamId::Cluster, 0, "a")).await.unwrap();
    let raw = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
    let recursive: i64 = raw.query_row("PRAGMA recursive_triggers", [], |row| row.get(0)).unwrap();
    assert_eq!(recursive, 0, "a replaced row would go without a trigger of deletions");
    for (into, seq) in [("REPLACE INTO", "seq"), ("INSERT OR REPLACE INTO", "seq"), ("REPLACE INTO", "seq + 7")] {
        let sql = format!("{into} events SELECT {seq}, stream, version, kind, schema, at, '{{}}', hash FROM events");
        let refused = raw.execute(&sql, []).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{sql}: {refused}");
    }
    store.log().append(one(StreamId::Cluster, 1, "b")).await.unwrap();
    assert_eq!(store.log().read_all(Seq::START, 9).await.unwrap()[0].data, b"\"a\"");
}

#[tokio::test]
async fn nor_in_the_log_of_an_older_version_once_it_was_opened() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/schema-1.db");
    std::fs::copy(golden, data.join(DATABASE)).unwrap();
    open(&data).close().await;
    let raw = rusqlite::Connection::open(data.join(DATABASE)).unwrap();
    let refused = raw.execute("REPLACE INTO events SELECT * FROM events WHERE seq = 3", []).unwrap_err();
    assert!(refused.to_string().contains("append-only"), "{refused}");
}

#[tokio::test]
async fn a_probe_writes_no_event() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log();
    log.probe().await.unwrap();
    log.probe().await.unwrap();
    assert_eq!(log.health(), Health::Good);
    assert_eq!((log.stats().commits, log.stats().head.seq), (2, Seq::START));
}

#[tokio::test]
async fn jobs_are_listed_page_by_page_in_the_order_of_registration() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log();
    let mut jobs = Vec::new();
    for n in 0..6 {
        let mut job = job(&format!("job{n}"));
        job.framework = if n % 2 == 0 { Framework::Chronos } else { Framework::Marathon };
        register(&log, &job).await.unwrap();
        if n >= 4 {
            (job.active, job.state, job.view) = (false, "completed".into(), Some(r#"{"n":1}"#.into()));
            job.version = Version(2);
            log.append(one(StreamId::Job(job.uuid), 1, "end").job(job.clone())).await.unwrap();
        }
        jobs.push(job);
    }
    let list = async |filter: JobFilter| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = log.job_rows(filter.clone(), after, 2).await.unwrap();
            assert!(page.len() <= 2);
            let Some((cursor, _)) = page.last() else { return found };
            after = Some(*cursor);
            found.extend(page.into_iter().map(|(_, job)| job));
        }
    };
    let pick = |indexes: &[usize]| indexes.iter().map(|i| jobs[*i].clone()).collect::<Vec<_>>();
    assert_eq!(list(JobFilter::default()).await, jobs);
    let state = Some("completed".to_owned());
    assert_eq!(list(JobFilter { state: state.clone(), ..JobFilter::default() }).await, pick(&[4, 5]));
    let framework = Some(Framework::Marathon);
    assert_eq!(list(JobFilter { framework, ..JobFilter::default() }).await, pick(&[1, 3, 5]));
    assert_eq!(list(JobFilter { state, framework, active: Some(false), ..JobFilter::default() }).await, pick(&[5]));
    assert_eq!(list(JobFilter { active: Some(true), framework, ..JobFilter::default() }).await, pick(&[1, 3]));
}

#[tokio::test]
async fn a_replay_of_active_jobs_leaves_finished_ones_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log();
    let (a, mut b) = (job("a"), job("b"));
    register(&log, &a).await.unwrap();
    register(&log, &b).await.unwrap();
    log.append(one(StreamId::Cluster, 0, "round")).await.unwrap();
    log.append(one(StreamId::Job(a.uuid), 1, "a2")).await.unwrap();
    b.active = false;
    log.append(one(StreamId::Job(b.uuid), 1, "b2").job(b.clone())).await.unwrap();

    let text = |event: &StoredEvent| serde_json::from_slice::<String>(&event.data).unwrap();
    let replay = |scope| {
        let mut texts = Vec::new();
        let each = |event: &StoredEvent| {
            texts.push(text(event));
            Ok::<(), ReadError>(())
        };
        log.for_each_event(scope, each).unwrap();
        texts
    };
    let active = || {
        let mut texts = Vec::new();
        let walked = log.read_consistently(|reading| {
            let mut each = |event: &StoredEvent| {
                texts.push(text(event));
                Ok::<(), ReadError>(())
            };
            reading.newest_of(StreamId::Cluster, &mut each)?;
            let jobs = reading.active_jobs()?;
            jobs.into_iter().try_for_each(|job| reading.for_each_after(job.into(), Version::NONE, &mut each))
        });
        walked.unwrap();
        texts
    };
    assert_eq!(replay(Replay::Everything), ["a", "b", "round", "a2", "b2"]);
    assert_eq!(active(), ["round", "a", "a2"]);
    let c = job("c");
    register(&log, &c).await.unwrap();
    assert_eq!(active(), ["round", "a", "a2", "c"]);
    assert_eq!(replay(Replay::Stream(StreamId::Job(b.uuid))), ["b", "b2"]);

    let mut seen = 0;
    let stopped = log.for_each_event(Replay::Everything, |_| {
        seen += 1;
        if seen == 2 { Err(ReadError::Closed) } else { Ok(()) }
    });
    assert!(matches!(stopped, Err(ReadError::Closed)));
    assert_eq!(seen, 2);
}
