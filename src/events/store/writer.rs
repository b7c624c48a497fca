//! The one thread that writes: many messages to a transaction (group commit), answered only after the COMMIT.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{broadcast, mpsc, oneshot};
use tracing::{debug, error, warn};

use crate::events::chain::Head;
use crate::events::envelope::StoredEvent;
use crate::events::store::append::{Append, AppendError, Appended};
use crate::events::store::insert::{self, Failure, run};
use crate::events::store::stats::Meter;
use crate::events::store::tail::Tail;

/// Messages to a transaction at most: more would make the first one wait for nothing.
const BATCH: usize = 256;

/// What the writer is asked to do.
pub(super) enum Message {
    /// Append, and tell the outcome.
    Append(Box<Append>, oneshot::Sender<Result<Appended, AppendError>>),
    /// Write something that is no event, to find out whether writing works.
    Probe(oneshot::Sender<Result<(), AppendError>>),
    /// Look at the `closing` flag.
    Wake,
}

/// Called when nobody can know whether a transaction is on disk. It ends the process; the restart finds out by replay.
pub type OnUnknownOutcome = Arc<dyn Fn(&str) + Send + Sync>;

/// The transaction's outcome is unknown, for this reason.
#[derive(Debug)]
pub(super) struct UnknownOutcome(String);

pub(super) struct Writer {
    pub(super) conn: Connection,
    /// Where the log ends; within a transaction, where it will end.
    pub(super) tail: Tail,
    pub(super) meter: Arc<Meter>,
    pub(super) committed: broadcast::Sender<Arc<[StoredEvent]>>,
    pub(super) on_unknown_outcome: OnUnknownOutcome,
    /// `COMMIT`; another function in tests.
    pub(super) commit: fn(&Connection) -> rusqlite::Result<()>,
}

/// A message that has been handled, and whom to tell once the transaction has ended.
enum Handled {
    Append(Result<Appended, AppendError>, oneshot::Sender<Result<Appended, AppendError>>),
    Probe(oneshot::Sender<Result<(), AppendError>>),
}

pub(super) fn commit(conn: &Connection) -> rusqlite::Result<()> {
    run(conn, "COMMIT")
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            // Whoever closes sets the flag and then sends a Wake, unless the queue is full: then this line is reached anyway.
            if self.meter.closing.load(SeqCst) {
                queue.close();
            }
            if queue.blocking_recv_many(&mut batch, BATCH) == 0 {
                break;
            }
            if let Err(UnknownOutcome(why)) = self.transaction(batch.drain(..)) {
                error!(%why, "a commit ended in an unknown state: ending the process, the restart repairs it");
                (self.on_unknown_outcome)(&why);
                return;
            }
        }
        // Leaves one file that can be copied. If it cannot be done, the next start reads the WAL.
        if let Err(error) = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            warn!(%error, "the write-ahead log could not be checkpointed");
        }
    }

    /// Handles `messages` in one transaction and answers them.
    pub(super) fn transaction(&mut self, messages: impl Iterator<Item = Message>) -> Result<(), UnknownOutcome> {
        let mut handled = Vec::new();
        let mut broken = run(&self.conn, "BEGIN IMMEDIATE").err();
        let before = self.tail.head;
        let mut wrote = false;
        for message in messages {
            match message {
                Message::Wake => {}
                Message::Probe(reply) => {
                    if broken.is_none() {
                        wrote = true;
                        broken = probe(&self.conn).err();
                    }
                    handled.push(Handled::Probe(reply));
                }
                Message::Append(append, reply) => {
                    let result = match &broken {
                        Some(error) => Err(AppendError::Storage(error.to_string())),
                        None => match insert::append(&self.conn, &mut self.tail, *append) {
                            Ok(written) => {
                                wrote = true;
                                Ok(Appended { events: written.events.into(), outbox_added: written.outbox_added })
                            }
                            Err(Failure::Rejected(error)) => Err(error),
                            Err(Failure::Storage(error)) => {
                                let failure = AppendError::Storage(error.to_string());
                                broken = Some(error);
                                Err(failure)
                            }
                        },
                    };
                    handled.push(Handled::Append(result, reply));
                }
            }
        }
        let began = Instant::now();
        let broken = match broken {
            Some(error) => Some(error),
            None => match (self.commit)(&self.conn) {
                Ok(()) => None,
                Err(error) if is_known_failure(&error) => Some(error),
                Err(error) => return Err(UnknownOutcome(error.to_string())),
            },
        };
        match broken {
            None => self.finish(handled, before, wrote, began),
            Some(error) => self.abandon(handled, before, &error)?,
        }
        Ok(())
    }

    /// Everything is on disk: say so.
    fn finish(&mut self, handled: Vec<Handled>, before: Head, wrote: bool, began: Instant) {
        let took = began.elapsed();
        let head = self.tail.head;
        let events = head.seq.0.abs_diff(before.seq.0);
        // Rejections alone prove nothing about the disk.
        if wrote {
            self.meter.committed(events as usize, head, took);
        }
        debug!(messages = handled.len(), events, ?took, "committed");
        for message in handled {
            // A requester that no longer waits is no error: what it asked for has happened.
            match message {
                Handled::Probe(reply) => drop(reply.send(Ok(()))),
                Handled::Append(result, reply) => {
                    let events = result.as_ref().ok().map(|appended| appended.events.clone());
                    drop(reply.send(result));
                    if let Some(events) = events.filter(|events| !events.is_empty()) {
                        drop(self.committed.send(events));
                    }
                }
            }
        }
    }

    /// Nothing is on disk: roll back and say so. What was found out about single messages counts no more, since it
    /// rested on others of the same transaction.
    fn abandon(&mut self, handled: Vec<Handled>, before: Head, error: &rusqlite::Error) -> Result<(), UnknownOutcome> {
        self.tail.back_to(before);
        // SQLite has rolled back by itself after some errors.
        if !self.conn.is_autocommit()
            && let Err(rollback) = run(&self.conn, "ROLLBACK")
            && !self.conn.is_autocommit()
        {
            return Err(UnknownOutcome(format!("{error}; then the rollback failed: {rollback}")));
        }
        let why = error.to_string();
        error!(%why, messages = handled.len(), "the event log cannot be written; nothing of this transaction is kept");
        self.meter.failed(&why);
        for message in handled {
            let failure = AppendError::Storage(why.clone());
            match message {
                Handled::Probe(reply) => drop(reply.send(Err(failure))),
                Handled::Append(_, reply) => drop(reply.send(Err(failure))),
            }
        }
        Ok(())
    }
}

fn probe(conn: &Connection) -> rusqlite::Result<()> {
    run(conn, "INSERT INTO meta VALUES ('probes', '1') ON CONFLICT (key) DO UPDATE SET value = CAST(value + 1 AS TEXT)")
}

/// Whether a COMMIT that failed like this has certainly written nothing.
fn is_known_failure(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::ConstraintViolation))
}
