//! What one append promises: all or nothing, in order, on disk before it is acknowledged.

mod store_support;

use std::collections::BTreeMap;
use std::task::Poll;

use mesos_qos::events::envelope::{NewEvent, Seq, StreamId, Version};
use mesos_qos::events::store::{Append, AppendError, DATABASE, EventStore, NewEffect, NewReply, StoreOptions, verify};
use mesos_qos::qos::ids::JobId;
use store_support::{NOW, job, noted, one, open, register};

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_share_commits_and_leave_no_gap() {
    const WRITERS: usize = 64;
    const EACH: u64 = 25;
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let tasks: Vec<_> = (0..WRITERS)
        .map(|_| {
            let log = store.log();
            tokio::spawn(async move {
                let stream = StreamId::Job(JobId::random());
                for version in 0..EACH {
                    let appended = log.append(one(stream, version, "x")).await.unwrap();
                    assert_eq!(appended.events[0].version, Version(version + 1));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let log = store.log();
    let events = log.read_all(Seq::START, usize::MAX).await.unwrap();
    let total = WRITERS as u64 * EACH;
    assert_eq!(events.len() as u64, total);
    let mut versions = BTreeMap::<StreamId, Version>::new();
    for (event, seq) in events.iter().zip(1..) {
        assert_eq!(event.seq, Seq(seq));
        let version = versions.entry(event.stream).or_default();
        assert_eq!(event.version, version.next());
        *version = event.version;
    }
    let stats = log.stats();
    assert!(stats.commits < total, "{} commits for {total} appends", stats.commits);
    assert_eq!((stats.events, stats.head.seq, stats.queue_depth), (total, Seq(total as i64), 0));
    assert!(stats.log_bytes > 0);
    let report = verify(&dir.path().join(DATABASE), Some(stats.head.hash)).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.head, stats.head);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_writers_to_one_stream_one_wins_each_version() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let log = store.log();
            tokio::spawn(async move {
                let (mut expected, mut conflicts) = (0, 0);
                loop {
                    match log.append(one(StreamId::Cluster, expected, "mine")).await {
                        Ok(_) => return conflicts,
                        Err(AppendError::VersionConflict { actual, .. }) => expected = actual.0,
                        Err(other) => panic!("{other}"),
                    }
                    conflicts += 1;
                }
            })
        })
        .collect();
    let mut conflicts = 0;
    for task in tasks {
        conflicts += task.await.unwrap();
    }
    let events = store.log().read_stream(StreamId::Cluster, Version::NONE, 100).await.unwrap();
    let versions: Vec<u64> = events.iter().map(|event| event.version.0).collect();
    assert_eq!(versions, (1..=16).collect::<Vec<_>>());
    assert!(conflicts >= 15, "all but the first begin at a version that is gone");
}

#[tokio::test]
async fn an_append_to_two_streams_is_all_or_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log();
    let job = StreamId::Job(JobId::random());
    let append = |cluster| {
        Append::at(NOW)
            .events(job, Version::NONE, vec![noted("a"), noted("b")])
            .events(StreamId::Cluster, Version(cluster), vec![noted("round")])
            .effect(job, "start:1", "start", "{}")
            .reply(NewReply { stream: job, key: "k".into(), digest: [1; 32], reply: "r".into() })
    };
    let refused = log.append(append(7)).await.unwrap_err();
    assert_eq!(
        refused,
        AppendError::VersionConflict { stream: StreamId::Cluster, expected: Version(7), actual: Version::NONE }
    );
    assert_eq!(log.read_all(Seq::START, 10).await.unwrap(), []);
    assert_eq!(log.pending_outbox().await.unwrap(), []);
    assert_eq!(log.stored_reply(job, "k".into()).await.unwrap(), None);

    let appended = log.append(append(0)).await.unwrap();
    assert_eq!(appended.events.len(), 3);
    assert_eq!(log.read_all(Seq::START, 10).await.unwrap(), appended.events.to_vec());
    assert_eq!(log.pending_outbox().await.unwrap(), appended.outbox_added);
    assert_eq!(appended.outbox_added[0].version, Version(2));
}

#[tokio::test]
async fn a_key_is_answered_once_and_the_first_reply_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log();
    let stream = StreamId::Job(JobId::random());
    let keyed = |expected, digest, reply: &str| {
        let reply = NewReply { stream, key: "run-1/0".into(), digest: [digest; 32], reply: reply.into() };
        one(stream, expected, "report").reply(reply)
    };
    log.append(keyed(0, 1, "first")).await.unwrap();
    let AppendError::DuplicateKey(stored) = log.append(keyed(1, 2, "second")).await.unwrap_err() else {
        panic!("a second append with the same key")
    };
    assert_eq!((stored.digest, stored.reply.as_str(), stored.at), ([1; 32], "first", NOW));
    assert_eq!(log.read_stream(stream, Version::NONE, 10).await.unwrap().len(), 1);
    assert_eq!(log.stored_reply(stream, "run-1/0".into()).await.unwrap(), Some(*stored));
    // The key is the stream's own.
    assert_eq!(log.stored_reply(StreamId::Cluster, "run-1/0".into()).await.unwrap(), None);
}

#[tokio::test]
async fn a_name_is_taken_as_long_as_its_job_is_active() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log();
    let (mut first, second) = (job("linpack"), job("linpack"));
    register(&log, &first).await.unwrap();
    let AppendError::NameTaken { holder, name, .. } = register(&log, &second).await.unwrap_err() else {
        panic!("two active jobs with one name")
    };
    assert_eq!((holder, name.as_str()), (first.uuid, "linpack"));
    assert_eq!(log.read_all(Seq::START, 10).await.unwrap().len(), 1);

    first.active = false;
    first.state = "completed".into();
    first.version = Version(2);
    log.append(one(StreamId::Job(first.uuid), 1, "done").job(first.clone())).await.unwrap();
    register(&log, &second).await.unwrap();
    assert_eq!(log.job_row(first.uuid).await.unwrap(), Some(first));
    assert_eq!(log.job_row(JobId::random()).await.unwrap(), None);
}

#[tokio::test]
async fn effects_wait_in_order_until_they_are_resolved() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log();
    let (a, b) = (StreamId::Job(JobId::random()), StreamId::Job(JobId::random()));
    let add = |stream, key: &str| Append::at(NOW).effect(stream, key, "start", r#"{"n":1}"#);
    let keys = async || {
        let rows = log.pending_outbox().await.unwrap();
        rows.into_iter().map(|row| row.effect_key).collect::<Vec<_>>()
    };
    log.append(add(a, "a1").effect(a, "a2", "cpus", "1.5")).await.unwrap();
    let last = log.append(add(b, "b1")).await.unwrap().outbox_added.remove(0);
    assert_eq!(keys().await, ["a1", "a2", "b1"]);
    assert_eq!(
        log.append(add(a, "a2")).await.unwrap_err(),
        AppendError::DuplicateEffect { stream: a, effect_key: "a2".into() }
    );
    // Superseded: the old one goes and the new one comes in one append. An id that was resolved is not given again.
    let renewed = log.append(Append::at(NOW).resolve(b, "b1").effect(b, "b1", "start", "2")).await.unwrap();
    assert!(renewed.outbox_added[0].id > last.id);
    let newer =
        |stream, key: &str| NewEffect { stream, effect_key: key.into(), kind: "start".into(), payload: "3".into() };
    let replaced = log.append(Append::at(NOW).replace_effect(newer(b, "b1"))).await.unwrap();
    assert!(replaced.outbox_added[0].id > renewed.outbox_added[0].id);
    assert_eq!(log.pending_outbox().await.unwrap()[2], replaced.outbox_added[0]);
    let replaced = log.append(Append::at(NOW).replace_effect(newer(b, "b0"))).await.unwrap();
    assert_eq!(keys().await, ["a1", "a2", "b1", "b0"]);
    assert_eq!(log.pending_outbox().await.unwrap()[3], replaced.outbox_added[0]);
    log.append(Append::at(NOW).resolve(b, "b0")).await.unwrap();
    log.append(Append::at(NOW).resolve(a, "a1").resolve(a, "never was")).await.unwrap();
    assert_eq!(keys().await, ["a2", "b1"]);
    log.append(Append::at(NOW).resolve_all(a)).await.unwrap();
    assert_eq!(keys().await, ["b1"]);
}

#[tokio::test]
async fn what_no_reader_could_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log();
    for data in ["", "{", "{\n}", "\"\u{1}\"", "1 2"] {
        let event = NewEvent { kind: "Noted", schema: 1, at: NOW, data: data.as_bytes().to_vec() };
        let refused = log.append(Append::at(NOW).events(StreamId::Cluster, Version::NONE, vec![event])).await;
        assert!(matches!(refused, Err(AppendError::Invalid(_))), "{data:?}: {refused:?}");
    }
    let not_utf8 = NewEvent { kind: "Noted", schema: 1, at: NOW, data: b"\"\xff\"".to_vec() };
    let refused = log.append(Append::at(NOW).events(StreamId::Cluster, Version::NONE, vec![not_utf8])).await;
    assert!(matches!(refused, Err(AppendError::Invalid(_))), "{refused:?}");
    let refused = log.append(Append::at(NOW).effect(StreamId::Cluster, "k", "start", "{")).await;
    assert!(matches!(refused, Err(AppendError::Invalid(_))), "{refused:?}");
    let mut bad_view = job("a");
    bad_view.view = Some("{".into());
    let refused = register(&log, &bad_view).await;
    assert!(matches!(refused, Err(AppendError::Invalid(_))), "{refused:?}");
    assert_eq!(log.read_all(Seq::START, 10).await.unwrap(), []);
}

#[tokio::test]
async fn subscribers_see_committed_events_in_the_order_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log();
    let (mut events, mut head) = (log.subscribe(), log.watch_head());
    let first = log.append(one(StreamId::Cluster, 0, "a")).await.unwrap();
    log.append(one(StreamId::Cluster, 0, "conflict")).await.unwrap_err();
    let second = log.append(one(StreamId::Cluster, 1, "b")).await.unwrap();
    assert_eq!(events.recv().await.unwrap(), first.events);
    assert_eq!(events.recv().await.unwrap(), second.events);
    assert_eq!(head.borrow_and_update().hash, second.events[0].hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once_and_loses_nothing_it_took() {
    let dir = tempfile::tempdir().unwrap();
    let store = EventStore::open(dir.path(), StoreOptions { queue_capacity: 1, ..StoreOptions::default() }).unwrap();
    let log = store.log();
    // Holds the writer up inside its transaction's BEGIN.
    let blocker = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut accepted = Vec::new();
    // One message in the writer's hands and one in the queue: the next is refused.
    let refused = loop {
        let mut append = Box::pin(log.append(one(StreamId::Job(JobId::random()), 0, "x")));
        match futures_util::poll!(&mut append) {
            Poll::Ready(outcome) => break outcome,
            Poll::Pending => accepted.push(append),
        }
        assert!(accepted.len() <= 2, "a queue for one message took more");
    };
    assert_eq!(refused.unwrap_err(), AppendError::Overloaded);
    assert_eq!((log.stats().overloaded, log.stats().queue_capacity), (1, 1));
    blocker.execute_batch("ROLLBACK").unwrap();
    let mut kept = 0;
    for pending in accepted {
        pending.await.unwrap();
        kept += 1;
    }
    assert_eq!(log.read_all(Seq::START, 10).await.unwrap().len(), kept);
}
