//! What every event carries around its payload.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::ser::{Error as _, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::events::chain::EventHash;
use crate::qos::ids::JobId;
use crate::qos::units::Timestamp;

/// How the cluster stream is written, in the database, in the hash chain and on the wire.
const CLUSTER: &str = "cluster";

/// The stream that an event belongs to; versions count within a stream.
///
/// Stored as a BLOB: the 16 bytes of the job's UUID, or the seven ASCII bytes `cluster`. The lengths tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// Decisions over several jobs.
    Cluster,
    /// Everything about one job.
    Job(JobId),
}

impl StreamId {
    /// The stored form.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            StreamId::Cluster => CLUSTER.as_bytes(),
            StreamId::Job(job) => job.as_bytes(),
        }
    }

    /// The stream with this stored form, if there is one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes == CLUSTER.as_bytes() {
            return Some(StreamId::Cluster);
        }
        Some(StreamId::Job(JobId::from_bytes(bytes.try_into().ok()?)))
    }

    /// The job of a job's stream.
    pub fn job(&self) -> Option<JobId> {
        match self {
            StreamId::Cluster => None,
            StreamId::Job(job) => Some(*job),
        }
    }
}

impl From<JobId> for StreamId {
    fn from(job: JobId) -> Self {
        StreamId::Job(job)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamId::Cluster => f.write_str(CLUSTER),
            StreamId::Job(job) => job.fmt(f),
        }
    }
}

/// How many events a stream holds; the first event of a stream has version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

impl Version {
    /// The version of a stream without events.
    pub const NONE: Version = Version(0);

    /// The version after one more event.
    pub fn next(self) -> Version {
        Version(self.0.saturating_add(1))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of an event in the whole log: 1, 2, 3 ... without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl Seq {
    /// Before the first event.
    pub const START: Seq = Seq(0);

    /// The place after this one.
    pub fn next(self) -> Seq {
        Seq(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event that is not in the log yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The name of what happened.
    pub kind: &'static str,
    /// The schema of `data` for this kind, from 1.
    pub schema: u16,
    /// When it happened, as recorded.
    pub at: Timestamp,
    /// JSON text on one line (checked when it is appended).
    pub data: Vec<u8>,
}

impl NewEvent {
    /// An event whose data is `payload` as JSON.
    ///
    /// # Errors
    /// When `payload` has no JSON form (a map whose keys are not strings, for instance).
    pub fn json<T: Serialize + ?Sized>(
        kind: &'static str,
        schema: u16,
        at: Timestamp,
        payload: &T,
    ) -> Result<Self, serde_json::Error> {
        Ok(NewEvent { kind, schema, at, data: serde_json::to_vec(payload)? })
    }
}

/// An event as it is in the log.
///
/// Its JSON form is the public one: `{"seq","job","version","kind","schema","at","data","hash"}`, where `job` is the
/// job's UUID or `cluster`, `at` is RFC 3339 in UTC with microseconds and `data` is the stored text, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place in the whole log.
    pub seq: Seq,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Its place in that stream.
    pub version: Version,
    /// The name of what happened.
    pub kind: Cow<'static, str>,
    /// The schema of `data` for this kind.
    pub schema: u16,
    /// When it happened, as recorded.
    pub at: Timestamp,
    /// JSON text.
    pub data: Vec<u8>,
    /// Its link of the hash chain.
    pub hash: EventHash,
}

impl Serialize for StoredEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let data: &RawValue = serde_json::from_slice(&self.data).map_err(S::Error::custom)?;
        let at = rfc3339(self.at).ok_or_else(|| S::Error::custom("`at` is outside the calendar"))?;
        let mut event = serializer.serialize_struct("StoredEvent", 8)?;
        event.serialize_field("seq", &self.seq)?;
        event.serialize_field("job", &self.stream.to_string())?;
        event.serialize_field("version", &self.version)?;
        event.serialize_field("kind", &self.kind)?;
        event.serialize_field("schema", &self.schema)?;
        event.serialize_field("at", &at)?;
        event.serialize_field("data", data)?;
        event.serialize_field("hash", &self.hash)?;
        event.end()
    }
}

impl<'de> Deserialize<'de> for StoredEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Public { seq, job, version, kind, schema, at, data, hash } = Public::deserialize(deserializer)?;
        let stream = match job.as_str() {
            CLUSTER => StreamId::Cluster,
            uuid => uuid
                .parse()
                .map(StreamId::Job)
                .map_err(|_| D::Error::custom(format_args!("`job` is {uuid:?}; it should be a uuid or `{CLUSTER}`")))?,
        };
        let instant = chrono::DateTime::parse_from_rfc3339(&at)
            .map_err(|_| D::Error::custom(format_args!("`at` is {at:?}; it should be an RFC 3339 instant")))?;
        let hash = hash.parse().map_err(|error| D::Error::custom(format_args!("`hash`: {error}")))?;
        Ok(StoredEvent {
            seq,
            stream,
            version,
            kind: Cow::Owned(kind),
            schema,
            at: Timestamp::from_micros(instant.timestamp_micros()),
            data: data.get().as_bytes().to_vec(),
            hash,
        })
    }
}

/// The public form, as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Public {
    seq: Seq,
    job: String,
    version: Version,
    kind: String,
    schema: u16,
    at: String,
    data: Box<RawValue>,
    hash: String,
}

/// `at` as RFC 3339 in UTC with microseconds; nothing when it is outside the calendar.
fn rfc3339(at: Timestamp) -> Option<String> {
    let at = chrono::DateTime::from_timestamp_micros(at.micros())?;
    Some(at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_survives_its_stored_form() {
        let job = StreamId::from(JobId::random());
        assert_eq!(StreamId::from_bytes(job.as_bytes()), Some(job));
        assert_eq!(StreamId::from_bytes(b"cluster"), Some(StreamId::Cluster));
        assert_eq!(StreamId::from_bytes(b"clusters"), None);
        assert_eq!(StreamId::from_bytes(b""), None);
    }

    #[test]
    fn the_json_form_keeps_the_stored_bytes_of_the_data() {
        let event = StoredEvent {
            seq: Seq(7),
            stream: StreamId::Cluster,
            version: Version(2),
            kind: "Noted".into(),
            schema: 1,
            at: Timestamp::from_micros(1_500_000_000_000_001),
            data: br#"{"b": 1.50, "a":[ ]}"#.to_vec(),
            hash: EventHash::GENESIS,
        };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(
            json,
            format!(
                r#"{{"seq":7,"job":"cluster","version":2,"kind":"Noted","schema":1,"at":"2017-07-14T02:40:00.000001Z","data":{{"b": 1.50, "a":[ ]}},"hash":"{}"}}"#,
                EventHash::GENESIS
            )
        );
        assert_eq!(serde_json::from_str::<StoredEvent>(&json).unwrap(), event);
        let wrong = json.replace("\"cluster\"", "\"clusters\"");
        assert!(serde_json::from_str::<StoredEvent>(&wrong).unwrap_err().to_string().contains("`job`"));
    }

    #[test]
    fn an_instant_outside_the_calendar_is_an_error_not_a_panic() {
        assert_eq!(rfc3339(Timestamp::from_micros(i64::MAX)), None);
    }
}
