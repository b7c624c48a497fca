//! What can be appended in one transaction, and what comes back.

use std::sync::Arc;

use crate::events::envelope::{NewEvent, Seq, StoredEvent, StreamId, Version};
use crate::events::store::rows::{JobRow, OutboxRow, StoredReply};
use crate::qos::ids::{Framework, JobId};
use crate::qos::units::Timestamp;

/// Everything that one command puts on disk: all of it or nothing.
///
/// ```
/// # use mesos_qos::events::{envelope::{NewEvent, StreamId, Version}, store::Append};
/// # use mesos_qos::qos::units::Timestamp;
/// # let now = Timestamp::from_micros(0);
/// let noted = NewEvent::json("Noted", 1, now, "something")?;
/// let append = Append::at(now).events(StreamId::Cluster, Version::NONE, vec![noted]).resolve(StreamId::Cluster, "note");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// When the command was handled: recorded with outbox rows and replies.
    pub at: Timestamp,
    /// The events, stream by stream.
    pub streams: Vec<StreamAppend>,
    /// Changes of the outbox, in this order.
    pub outbox: Vec<OutboxChange>,
    /// The reply to remember under its key.
    pub reply: Option<NewReply>,
    /// The job's row, as it is after these events.
    pub job: Option<JobRow>,
    /// How far a reader of the log has come.
    pub cursor: Option<Cursor>,
}

/// How far a reader of the log has come that works for somebody outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The reader.
    pub name: &'static str,
    /// The last event that it has done with.
    pub seq: Seq,
}

/// Events for one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamAppend {
    /// The stream.
    pub stream: StreamId,
    /// The version that the stream must have now.
    pub expected: Version,
    /// What happened, in order.
    pub events: Vec<NewEvent>,
}

/// A change of the effects that wait to be performed.
#[derive(Debug, Clone, PartialEq)]
pub enum OutboxChange {
    /// Another effect, behind those of its stream that wait already.
    Add(NewEffect),
    /// As `Add`; one with the same key that waits already is no longer wanted.
    Replace(NewEffect),
    /// An effect is done or no longer wanted; one that is gone already is no error.
    Resolve {
        /// The stream that wanted it.
        stream: StreamId,
        /// Its name within the stream.
        effect_key: String,
    },
    /// Nothing of a stream waits any more.
    ResolveAll {
        /// The stream.
        stream: StreamId,
    },
}

/// An effect that is to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEffect {
    /// The stream that wants it.
    pub stream: StreamId,
    /// Names the effect within the stream.
    pub effect_key: String,
    /// What kind of effect it is.
    pub kind: String,
    /// JSON text.
    pub payload: String,
}

/// A reply to remember: a retry with the same key gets it verbatim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReply {
    /// The stream whose command was answered.
    pub stream: StreamId,
    /// What makes two requests the same.
    pub key: String,
    /// SHA-256 of the request, to tell a retry from another request with the same key.
    pub digest: [u8; 32],
    /// The answer, without secrets.
    pub reply: String,
}

impl Append {
    /// Nothing yet, handled at `at`.
    pub fn at(at: Timestamp) -> Self {
        Append { at, streams: Vec::new(), outbox: Vec::new(), reply: None, job: None, cursor: None }
    }

    /// Adds `events` to `stream`, which must be at the version `expected`.
    #[must_use]
    pub fn events(mut self, stream: StreamId, expected: Version, events: Vec<NewEvent>) -> Self {
        self.streams.push(StreamAppend { stream, expected, events });
        self
    }

    /// Adds an effect; `payload` is JSON text.
    #[must_use]
    pub fn effect(
        mut self,
        stream: StreamId,
        effect_key: impl Into<String>,
        kind: impl Into<String>,
        payload: impl Into<String>,
    ) -> Self {
        let (effect_key, kind, payload) = (effect_key.into(), kind.into(), payload.into());
        self.outbox.push(OutboxChange::Add(NewEffect { stream, effect_key, kind, payload }));
        self
    }

    /// Adds an effect in the place of the one with its key.
    #[must_use]
    pub fn replace_effect(mut self, effect: NewEffect) -> Self {
        self.outbox.push(OutboxChange::Replace(effect));
        self
    }

    /// Takes an effect off the outbox.
    #[must_use]
    pub fn resolve(mut self, stream: StreamId, effect_key: impl Into<String>) -> Self {
        self.outbox.push(OutboxChange::Resolve { stream, effect_key: effect_key.into() });
        self
    }

    /// Takes all effects of `stream` off the outbox.
    #[must_use]
    pub fn resolve_all(mut self, stream: StreamId) -> Self {
        self.outbox.push(OutboxChange::ResolveAll { stream });
        self
    }

    /// Remembers `reply`.
    #[must_use]
    pub fn reply(mut self, reply: NewReply) -> Self {
        self.reply = Some(reply);
        self
    }

    /// Writes the job's row.
    #[must_use]
    pub fn job(mut self, job: JobRow) -> Self {
        self.job = Some(job);
        self
    }

    /// Notes how far a reader has come.
    #[must_use]
    pub fn cursor(mut self, name: &'static str, seq: Seq) -> Self {
        self.cursor = Some(Cursor { name, seq });
        self
    }

    /// Checks what the database cannot: event data must be JSON on one line, or no reader and no export could use it.
    pub(super) fn check(&self) -> Result<(), AppendError> {
        for event in self.streams.iter().flat_map(|stream| &stream.events) {
            let one_line = !event.data.iter().any(|byte| *byte < b' ');
            if !one_line || serde_json::from_slice::<&serde_json::value::RawValue>(&event.data).is_err() {
                return Err(AppendError::Invalid(format!("data of `{}` must be JSON text on one line", event.kind)));
            }
            if event.schema == 0 {
                return Err(AppendError::Invalid(format!("schema of `{}` must be 1 or more", event.kind)));
            }
        }
        for change in &self.outbox {
            if let OutboxChange::Add(NewEffect { effect_key, payload, .. })
            | OutboxChange::Replace(NewEffect { effect_key, payload, .. }) = change
                && serde_json::from_str::<&serde_json::value::RawValue>(payload).is_err()
            {
                return Err(AppendError::Invalid(format!("payload of the effect `{effect_key}` must be JSON text")));
            }
        }
        Ok(())
    }
}

/// What an append has put on disk.
#[derive(Debug, Clone)]
pub struct Appended {
    /// The events with their places and hashes, in order.
    pub events: Arc<[StoredEvent]>,
    /// The effects that were added, in order.
    pub outbox_added: Vec<OutboxRow>,
}

/// Why nothing of an append is in the log (but see [`AppendError::OutcomeUnknown`]).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AppendError {
    /// The writer's queue is full: 503, try again later.
    #[error("the event log's queue is full: try again in a moment")]
    Overloaded,
    /// The log is closing or closed: 503.
    #[error("the event log is closed")]
    Closed,
    /// The stream has moved on: load it again and decide anew.
    #[error("stream {stream} is at version {actual}, not {expected}")]
    VersionConflict {
        /// The stream.
        stream: StreamId,
        /// The version that the command was decided on.
        expected: Version,
        /// The version that the stream has.
        actual: Version,
    },
    /// Another active job has this name: 409.
    #[error("{framework} job `{name}` is already registered as {holder}")]
    NameTaken {
        /// The framework.
        framework: Framework,
        /// The name in the framework.
        name: String,
        /// The job that has it.
        holder: JobId,
    },
    /// A reply is stored under this key already.
    #[error("`{}` of {} has been answered already", .0.key, .0.stream)]
    DuplicateKey(Box<StoredReply>),
    /// An effect with this key waits already.
    #[error("an effect `{effect_key}` of stream {stream} waits already")]
    DuplicateEffect {
        /// The stream.
        stream: StreamId,
        /// The effect's name within it.
        effect_key: String,
    },
    /// The caller is at fault.
    #[error("{0}")]
    Invalid(String),
    /// The disk is full or does not work: 503, try again later.
    #[error("the event log cannot be written: {0}")]
    Storage(String),
    /// The process is about to end: the append may or may not be in the log.
    #[error("the event log's writer ended before it could tell the outcome")]
    OutcomeUnknown,
}
