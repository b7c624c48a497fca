//! One message's part of a transaction: checked and written under its own savepoint.

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use crate::events::chain::Head;
use crate::events::envelope::{StoredEvent, Version};
use crate::events::store::append::{Append, AppendError, Cursor, NewEffect, NewReply, OutboxChange, StreamAppend};
use crate::events::store::read::{self, ReadError};
use crate::events::store::rows::{JobRow, OutboxRow};
use crate::events::store::tail::Tail;
use crate::qos::ids::JobId;
use crate::qos::units::Timestamp;

/// What one message has written.
pub(super) struct Written {
    pub(super) events: Vec<StoredEvent>,
    pub(super) outbox_added: Vec<OutboxRow>,
}

/// Why one message could not be written.
pub(super) enum Failure {
    /// The message's own fault: the others of the transaction are not touched by it.
    Rejected(AppendError),
    /// The database does not work: the whole transaction has to go.
    Storage(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        // A broken constraint is the doing of this message's values, and repeating it helps nobody.
        if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) {
            return Failure::Rejected(AppendError::Invalid(error.to_string()));
        }
        Failure::Storage(error)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Sqlite(error) => error.into(),
            other => Failure::Rejected(AppendError::Storage(other.to_string())),
        }
    }
}

/// Writes `append` behind `tail`, which moves on; a rejected message leaves database and tail as they were.
pub(super) fn append(conn: &Connection, tail: &mut Tail, append: Append) -> Result<Written, Failure> {
    run(conn, "SAVEPOINT message")?;
    let before = tail.head;
    let result = write(conn, tail, append);
    match &result {
        Ok(_) => {}
        Err(Failure::Rejected(_)) => {
            run(conn, "ROLLBACK TO message")?;
            tail.back_to(before);
        }
        // The caller rolls everything back.
        Err(Failure::Storage(_)) => return result,
    }
    run(conn, "RELEASE message")?;
    result
}

fn write(conn: &Connection, tail: &mut Tail, append: Append) -> Result<Written, Failure> {
    let at = append.at;
    if let Some(reply) = append.reply {
        insert_reply(conn, at, &reply)?;
    }
    if let Some(job) = append.job {
        write_job(conn, &job)?;
    }
    if let Some(cursor) = append.cursor {
        write_cursor(conn, at, cursor)?;
    }
    let mut events = Vec::new();
    for stream in append.streams {
        insert_events(conn, tail, stream, &mut events)?;
    }
    let mut outbox_added = Vec::new();
    for change in append.outbox {
        change_outbox(conn, tail, at, change, &mut outbox_added)?;
    }
    Ok(Written { events, outbox_added })
}

fn insert_events(
    conn: &Connection,
    tail: &mut Tail,
    append: StreamAppend,
    stored: &mut Vec<StoredEvent>,
) -> Result<(), Failure> {
    let StreamAppend { stream, expected, events } = append;
    let actual = tail.version(conn, stream)?;
    if actual != expected {
        return Err(Failure::Rejected(AppendError::VersionConflict { stream, expected, actual }));
    }
    let mut insert = conn.prepare_cached("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    let mut version = actual;
    for new in events {
        version = version.next();
        let mut event = StoredEvent {
            seq: tail.head.seq.next(),
            stream,
            version,
            kind: new.kind.into(),
            schema: new.schema,
            at: new.at,
            data: new.data,
            hash: tail.head.hash,
        };
        event.hash = tail.head.hash.link(&event);
        // Text, so that every SQLite tool shows it; that it is UTF-8 was checked when the message was sent.
        let data = str::from_utf8(&event.data)
            .map_err(|_| Failure::Rejected(AppendError::Invalid(format!("data of `{}` must be UTF-8", new.kind))))?;
        insert.execute(params![
            event.seq.0,
            stream.as_bytes(),
            sql_version(version),
            new.kind,
            event.schema,
            event.at.micros(),
            data,
            event.hash.0
        ])?;
        tail.head = Head { seq: event.seq, hash: event.hash };
        stored.push(event);
    }
    tail.moved(stream, version);
    Ok(())
}

fn change_outbox(
    conn: &Connection,
    tail: &mut Tail,
    at: Timestamp,
    change: OutboxChange,
    added: &mut Vec<OutboxRow>,
) -> Result<(), Failure> {
    let (effect, sql) = match change {
        OutboxChange::Resolve { stream, effect_key } => {
            let mut delete = conn.prepare_cached("DELETE FROM outbox WHERE stream = ? AND effect_key = ?")?;
            delete.execute(params![stream.as_bytes(), effect_key])?;
            return Ok(());
        }
        OutboxChange::ResolveAll { stream } => {
            conn.prepare_cached("DELETE FROM outbox WHERE stream = ?")?.execute(params![stream.as_bytes()])?;
            return Ok(());
        }
        OutboxChange::Add(effect) => {
            (effect, "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
        }
        OutboxChange::Replace(effect) => (effect, "REPLACE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
    };
    let NewEffect { stream, effect_key, kind, payload } = effect;
    let version = tail.version(conn, stream)?;
    let position = added.iter().filter(|row| row.stream == stream).count() as u32;
    let id = tail.next_effect();
    let mut insert = conn.prepare_cached(sql)?;
    let inserted = insert.execute(params![
        id,
        stream.as_bytes(),
        sql_version(version),
        position,
        effect_key,
        kind,
        payload,
        at.micros()
    ])?;
    if inserted == 0 {
        return Err(Failure::Rejected(AppendError::DuplicateEffect { stream, effect_key }));
    }
    added.push(OutboxRow { id, stream, version, position, effect_key, kind, payload, created_at: at });
    Ok(())
}

fn write_cursor(conn: &Connection, at: Timestamp, cursor: Cursor) -> Result<(), Failure> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO cursors VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, at = excluded.at",
    )?;
    insert.execute(params![cursor.name, cursor.seq.0, at.micros()])?;
    Ok(())
}

fn insert_reply(conn: &Connection, at: Timestamp, reply: &NewReply) -> Result<(), Failure> {
    let NewReply { stream, key, digest, reply } = reply;
    let mut insert = conn.prepare_cached("INSERT INTO idempotency VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")?;
    if insert.execute(params![stream.as_bytes(), key, digest, reply, at.micros()])? == 0
        && let Some(stored) = read::reply(conn, *stream, key)?
    {
        return Err(Failure::Rejected(AppendError::DuplicateKey(Box::new(stored))));
    }
    Ok(())
}

fn write_job(conn: &Connection, job: &JobRow) -> Result<(), Failure> {
    if job.active
        && let Some(holder) = name_holder(conn, job)?
    {
        let (framework, name) = (job.framework, job.name.clone());
        return Err(Failure::Rejected(AppendError::NameTaken { framework, name, holder }));
    }
    let mut upsert = conn.prepare_cached(
        "INSERT INTO jobs (uuid, framework, name, state, active, registered_at, finished_at, version, view)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (uuid) DO UPDATE SET
            framework = excluded.framework, name = excluded.name, state = excluded.state, active = excluded.active,
            registered_at = excluded.registered_at, finished_at = excluded.finished_at, version = excluded.version,
            view = excluded.view",
    )?;
    upsert.execute(params![
        job.uuid.as_bytes(),
        job.framework.as_str(),
        job.name,
        job.state,
        job.active,
        job.registered_at.micros(),
        job.finished_at.map(Timestamp::micros),
        sql_version(job.version),
        job.view
    ])?;
    Ok(())
}

/// The other active job with this name.
fn name_holder(conn: &Connection, job: &JobRow) -> Result<Option<JobId>, Failure> {
    let mut query =
        conn.prepare_cached("SELECT uuid FROM jobs WHERE framework = ? AND name = ? AND active = 1 AND uuid <> ?")?;
    let holder =
        query.query_row(params![job.framework.as_str(), job.name, job.uuid.as_bytes()], |row| row.get(0)).optional()?;
    Ok(holder.map(JobId::from_bytes))
}

/// Versions come from the log and count up by one: none is ever beyond SQLite's integers.
fn sql_version(version: Version) -> i64 {
    i64::try_from(version.0).unwrap_or(i64::MAX)
}

pub(super) fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([])?;
    Ok(())
}
