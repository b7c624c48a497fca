//! The writer's transactions on a connection of their own, with failures that only a test can bring about.

use rusqlite::ffi;
use tokio::sync::oneshot::Receiver;

use super::*;
use crate::events::chain::Head;
use crate::events::envelope::{NewEvent, StreamId, Version};
use crate::qos::units::Timestamp;

const NOW: Timestamp = Timestamp::from_micros(1);

fn writer(dir: &Path) -> Writer {
    let conn = schema::open_writer(&dir.join(DATABASE)).unwrap();
    Writer {
        tail: Tail::read(&conn).unwrap(),
        conn,
        meter: Arc::new(Meter::new(Head::EMPTY)),
        committed: broadcast::channel(16).0,
        on_unknown_outcome: Arc::new(|_| {}),
        commit: writer::commit,
    }
}

fn message(expected: u64, data: &str) -> (Message, Receiver<Result<Appended, AppendError>>) {
    let (reply, outcome) = tokio::sync::oneshot::channel();
    let event = NewEvent::json("Noted", 1, NOW, data).unwrap();
    let append = Append::at(NOW).events(StreamId::Cluster, Version(expected), vec![event]);
    (Message::Append(Box::new(append), reply), outcome)
}

fn count(writer: &Writer) -> i64 {
    writer.conn.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap()
}

fn failing_with(code: i32) -> rusqlite::Result<()> {
    Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
}

#[test]
fn a_conflict_fails_only_its_own_message_and_leaves_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path());
    let (first, mut first_outcome) = message(0, "a");
    let (wrong, mut wrong_outcome) = message(0, "b");
    let (second, mut second_outcome) = message(1, "c");
    writer.transaction([first, wrong, second].into_iter()).unwrap();
    let seq = |outcome: Result<Appended, AppendError>| outcome.unwrap().events[0].seq.0;
    assert_eq!(seq(first_outcome.try_recv().unwrap()), 1);
    assert_eq!(
        wrong_outcome.try_recv().unwrap().unwrap_err(),
        AppendError::VersionConflict { stream: StreamId::Cluster, expected: Version(0), actual: Version(1) }
    );
    assert_eq!(seq(second_outcome.try_recv().unwrap()), 2);
    assert_eq!(writer.meter.stats(0, 1, 0).commits, 1);
    assert_eq!(verify(&dir.path().join(DATABASE), Some(writer.tail.head.hash)).unwrap().head, writer.tail.head);
}

#[test]
fn a_full_database_fails_the_whole_transaction_and_works_again_later() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path());
    let (first, mut outcome) = message(0, "a");
    writer.transaction([first].into_iter()).unwrap();
    assert!(outcome.try_recv().unwrap().is_ok());
    let (head, pages): (Head, i64) =
        (writer.tail.head, writer.conn.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap());

    writer.conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    let (small, mut small_outcome) = message(1, "b");
    let (large, mut large_outcome) = message(2, &"x".repeat(100_000));
    writer.transaction([small, large].into_iter()).unwrap();
    assert!(matches!(small_outcome.try_recv().unwrap(), Err(AppendError::Storage(_))));
    assert!(matches!(large_outcome.try_recv().unwrap(), Err(AppendError::Storage(_))));
    assert!(matches!(writer.meter.health(), Health::Failing(_)));
    assert_eq!((writer.tail.head, count(&writer)), (head, 1));

    writer.conn.query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(())).unwrap();
    let (again, mut outcome) = message(1, &"x".repeat(100_000));
    writer.transaction([again].into_iter()).unwrap();
    assert_eq!(outcome.try_recv().unwrap().unwrap().events[0].seq.0, 2);
    assert_eq!(writer.meter.health(), Health::Good);
}

#[test]
fn a_commit_that_fails_for_lack_of_space_is_rolled_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path());
    writer.commit = |_| failing_with(ffi::SQLITE_FULL);
    let (append, mut outcome) = message(0, "a");
    writer.transaction([append].into_iter()).unwrap();
    assert!(matches!(outcome.try_recv().unwrap(), Err(AppendError::Storage(_))));
    assert!(writer.conn.is_autocommit());
    writer.commit = writer::commit;
    let (append, mut outcome) = message(0, "a");
    writer.transaction([append].into_iter()).unwrap();
    assert_eq!(outcome.try_recv().unwrap().unwrap().events[0].seq.0, 1);
}

#[test]
fn any_other_commit_failure_ends_the_writer_without_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path());
    let (told, mut heard) = mpsc::channel(1);
    writer.commit = |_| failing_with(ffi::SQLITE_IOERR_FSYNC);
    writer.on_unknown_outcome = Arc::new(move |why| told.try_send(why.to_owned()).unwrap());
    let (queue, messages) = mpsc::channel(4);
    let (append, mut outcome) = message(0, "a");
    queue.try_send(append).ok().unwrap();
    writer.run(messages);
    assert!(heard.try_recv().unwrap().contains("disk I/O error"));
    assert_eq!(outcome.try_recv().unwrap_err(), tokio::sync::oneshot::error::TryRecvError::Closed);
}
