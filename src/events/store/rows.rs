//! The rows beside the events, and how rows are read.

use std::borrow::Cow;

use rusqlite::Row;

use crate::events::chain::EventHash;
use crate::events::envelope::{Seq, StoredEvent, StreamId, Version};
use crate::events::store::read::ReadError;
use crate::qos::ids::{Framework, JobId};
use crate::qos::units::Timestamp;

/// An effect that waits to be performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Orders the effects of a stream: the smallest first.
    pub id: i64,
    /// The stream that wants it.
    pub stream: StreamId,
    /// The version of the stream after the append that added it.
    pub version: Version,
    /// Its place among the effects of that append, from 0.
    pub position: u32,
    /// Its name within the stream.
    pub effect_key: String,
    /// What kind of effect it is.
    pub kind: String,
    /// JSON text.
    pub payload: String,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A reply that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// The stream whose command was answered.
    pub stream: StreamId,
    /// What makes two requests the same.
    pub key: String,
    /// SHA-256 of the request.
    pub digest: [u8; 32],
    /// The answer.
    pub reply: String,
    /// When it was given.
    pub at: Timestamp,
}

/// What lists and look-ups need to know about a job without a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// The job.
    pub uuid: JobId,
    /// The framework that runs it.
    pub framework: Framework,
    /// Its name there.
    pub name: String,
    /// Its state, as the interface spells it.
    pub state: String,
    /// Whether it is supervised; only one active job has a name, and only active jobs are replayed at start.
    pub active: bool,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The version of its stream at which this row is right.
    pub version: Version,
    /// The job as the interface shows it, as JSON text, once nothing about it changes any more.
    pub view: Option<String>,
}

/// Where a list of jobs continues: jobs are numbered in the order of their registration, from 1.
pub type JobCursor = i64;

/// The columns of an event, in the order in which [`read_event`] takes them.
pub(in crate::events) const EVENT_COLUMNS: &str = "seq, stream, version, kind, schema, at, data, hash";

/// Reads the [`EVENT_COLUMNS`] into `event`, whose memory is used again: a replay allocates nothing per event.
pub(in crate::events) fn read_event(row: &Row<'_>, event: &mut StoredEvent) -> Result<(), ReadError> {
    event.seq = Seq(row.get(0)?);
    let malformed = |what| ReadError::Malformed { seq: Seq(row.get(0).unwrap_or_default()), what };
    event.stream = StreamId::from_bytes(row.get_ref(1)?.as_blob()?).ok_or_else(|| malformed("stream"))?;
    event.version = version(row, 2)?;
    let kind = row.get_ref(3)?.as_str()?;
    match &mut event.kind {
        Cow::Owned(text) => {
            text.clear();
            text.push_str(kind);
        }
        Cow::Borrowed(_) => event.kind = Cow::Owned(kind.to_owned()),
    }
    event.schema = row.get(4)?;
    event.at = Timestamp::from_micros(row.get(5)?);
    event.data.clear();
    event.data.extend_from_slice(row.get_ref(6)?.as_bytes()?);
    event.hash = EventHash(row.get_ref(7)?.as_blob()?.try_into().map_err(|_| malformed("hash"))?);
    Ok(())
}

/// An event to read into.
pub(in crate::events) fn blank_event() -> StoredEvent {
    StoredEvent {
        seq: Seq::START,
        stream: StreamId::Cluster,
        version: Version::NONE,
        kind: Cow::Owned(String::new()),
        schema: 0,
        at: Timestamp::from_micros(0),
        data: Vec::new(),
        hash: EventHash::GENESIS,
    }
}

/// The columns of an outbox row, in the order in which [`outbox_row`] takes them.
pub(super) const OUTBOX_COLUMNS: &str = "id, stream, version, position, effect_key, kind, payload, created_at";

pub(super) fn outbox_row(row: &Row<'_>) -> Result<OutboxRow, ReadError> {
    Ok(OutboxRow {
        id: row.get(0)?,
        stream: stream(row, 1)?,
        version: version(row, 2)?,
        position: row.get(3)?,
        effect_key: row.get(4)?,
        kind: row.get(5)?,
        payload: row.get(6)?,
        created_at: Timestamp::from_micros(row.get(7)?),
    })
}

/// The columns of a reply, in the order in which [`stored_reply`] takes them.
pub(super) const REPLY_COLUMNS: &str = "stream, key, digest, reply, at";

pub(super) fn stored_reply(row: &Row<'_>) -> Result<StoredReply, ReadError> {
    Ok(StoredReply {
        stream: stream(row, 0)?,
        key: row.get(1)?,
        digest: row.get(2)?,
        reply: row.get(3)?,
        at: Timestamp::from_micros(row.get(4)?),
    })
}

/// The columns of a job, in the order in which [`job_row`] takes them.
pub(super) const JOB_COLUMNS: &str =
    "position, uuid, framework, name, state, active, registered_at, finished_at, version, view";

pub(super) fn job_row(row: &Row<'_>) -> Result<(JobCursor, JobRow), ReadError> {
    let framework = match row.get_ref(2)?.as_str()? {
        "chronos" => Framework::Chronos,
        "marathon" => Framework::Marathon,
        other => return Err(ReadError::Column { column: "jobs.framework", value: other.to_owned() }),
    };
    let job = JobRow {
        uuid: JobId::from_bytes(row.get(1)?),
        framework,
        name: row.get(3)?,
        state: row.get(4)?,
        active: row.get(5)?,
        registered_at: Timestamp::from_micros(row.get(6)?),
        finished_at: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_micros),
        version: version(row, 8)?,
        view: row.get(9)?,
    };
    Ok((row.get(0)?, job))
}

pub(super) fn stream(row: &Row<'_>, index: usize) -> Result<StreamId, ReadError> {
    let bytes = row.get_ref(index)?.as_blob()?;
    StreamId::from_bytes(bytes).ok_or_else(|| ReadError::Column { column: "stream", value: hex::encode(bytes) })
}

pub(super) fn version(row: &Row<'_>, index: usize) -> Result<Version, ReadError> {
    let version: i64 = row.get(index)?;
    let wrong = |_| ReadError::Column { column: "version", value: version.to_string() };
    Ok(Version(u64::try_from(version).map_err(wrong)?))
}
