//! Old payloads brought to the newest schema when they are read. What is stored is never touched.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::events::envelope::{Seq, StoredEvent};

/// Turns the data of one schema into the data of the next. Must not panic, whatever the value: `data["x"] = ..` does
/// when `data` is no object.
pub type Upcast = fn(Value) -> Value;

/// The kinds of events that this version of the program knows, and the way from their old schemas to the newest.
///
/// ```
/// # use mesos_qos::events::upcast::Upcasters;
/// let upcasters = Upcasters::new().kind("Started", 1).kind("Registered", 2).add("Registered", 1, |mut data| {
///     if let Some(fields) = data.as_object_mut() {
///         fields.insert("chain".into(), false.into());
///     }
///     data
/// });
/// assert_eq!(upcasters.check(), Ok(()));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Upcasters {
    kinds: BTreeMap<&'static str, Kind>,
}

#[derive(Debug, Clone, Default)]
struct Kind {
    newest: u16,
    from: BTreeMap<u16, Upcast>,
}

impl Upcasters {
    /// Knows no kind yet.
    pub fn new() -> Self {
        Upcasters::default()
    }

    /// Makes `kind` known; `newest` is the schema that this program writes.
    #[must_use]
    pub fn kind(mut self, kind: &'static str, newest: u16) -> Self {
        let entry = self.kinds.entry(kind).or_default();
        entry.newest = entry.newest.max(newest);
        self
    }

    /// Adds the step from schema `from` of `kind` to the one after it, and makes both known.
    #[must_use]
    pub fn add(mut self, kind: &'static str, from: u16, upcast: Upcast) -> Self {
        let entry = self.kinds.entry(kind).or_default();
        entry.from.insert(from, upcast);
        entry.newest = entry.newest.max(from.saturating_add(1));
        self
    }

    /// Checks that there is a step from every schema to the next; to be called once, by a test of who fills the table.
    ///
    /// # Errors
    /// The first step that is missing.
    pub fn check(&self) -> Result<(), UpcastError> {
        for (kind, entry) in &self.kinds {
            if let Some(from) = (1..entry.newest).find(|from| !entry.from.contains_key(from)) {
                return Err(UpcastError::NoStep { kind: (*kind).to_owned(), from });
            }
        }
        Ok(())
    }

    /// The data of `event` in the newest schema of its kind: the stored bytes themselves unless they are old.
    ///
    /// # Errors
    /// When the kind is unknown, the schema is newer than the program, a step is missing, or old data is no JSON.
    pub fn newest<'a>(&self, event: &'a StoredEvent) -> Result<Cow<'a, [u8]>, UpcastError> {
        let kind = || event.kind.to_string();
        let Some(entry) = self.kinds.get(event.kind.as_ref()) else {
            return Err(UpcastError::UnknownKind { kind: kind(), seq: event.seq });
        };
        if event.schema > entry.newest {
            return Err(UpcastError::NewerSchema { kind: kind(), schema: event.schema, known: entry.newest });
        }
        if event.schema == entry.newest {
            return Ok(Cow::Borrowed(&event.data));
        }
        let not_json = |error| UpcastError::NotJson { kind: kind(), seq: event.seq, error };
        let mut data: Value = serde_json::from_slice(&event.data).map_err(|e| not_json(e.to_string()))?;
        for from in event.schema..entry.newest {
            let step = entry.from.get(&from).ok_or_else(|| UpcastError::NoStep { kind: kind(), from })?;
            data = step(data);
        }
        Ok(Cow::Owned(serde_json::to_vec(&data).map_err(|e| not_json(e.to_string()))?))
    }
}

/// Why an event cannot be brought to the newest schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpcastError {
    /// Written by a newer version of the program, or by something else.
    #[error("event {seq} is of the kind `{kind}`, which this version does not know: read the log with a newer one")]
    UnknownKind {
        /// The kind.
        kind: String,
        /// The event.
        seq: Seq,
    },
    /// Written by a newer version of the program.
    #[error("`{kind}` has schema {schema}, this version knows up to {known}: read the log with a newer one")]
    NewerSchema {
        /// The kind.
        kind: String,
        /// The schema of the event.
        schema: u16,
        /// The newest schema that is known.
        known: u16,
    },
    /// The table is incomplete.
    #[error("no upcast of `{kind}` from schema {from} to the next is registered")]
    NoStep {
        /// The kind.
        kind: String,
        /// The schema that nothing leads on from.
        from: u16,
    },
    /// The stored data is broken.
    #[error("the data of event {seq} (`{kind}`) is not JSON: {error}")]
    NotJson {
        /// The kind.
        kind: String,
        /// The event.
        seq: Seq,
        /// What the parser said.
        error: String,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::events::chain::EventHash;
    use crate::events::envelope::{StreamId, Version};
    use crate::qos::units::Timestamp;

    fn event(kind: &'static str, schema: u16, data: &[u8]) -> StoredEvent {
        StoredEvent {
            seq: Seq(1),
            stream: StreamId::Cluster,
            version: Version(1),
            kind: kind.into(),
            schema,
            at: Timestamp::from_micros(0),
            data: data.to_vec(),
            hash: EventHash::GENESIS,
        }
    }

    fn table() -> Upcasters {
        Upcasters::new()
            .kind("Started", 1)
            .add("Registered", 1, |mut data| {
                if let Some(fields) = data.as_object_mut() {
                    fields.insert("chain".into(), json!(false));
                }
                data
            })
            .add("Registered", 2, |data| json!({ "job": data }))
    }

    #[test]
    fn old_data_takes_every_step_and_newest_data_none() {
        let table = table();
        let read = |e: &StoredEvent| table.newest(e).map(|data| String::from_utf8_lossy(&data).into_owned());
        let first = event("Registered", 1, br#"{"name":"a"}"#);
        assert_eq!(read(&first).unwrap(), r#"{"job":{"name":"a","chain":false}}"#);
        assert_eq!(first.data, br#"{"name":"a"}"#);
        assert_eq!(read(&event("Registered", 2, b"7")).unwrap(), r#"{"job":7}"#);
        assert!(matches!(table.newest(&event("Registered", 3, b"{ }")), Ok(Cow::Borrowed(b"{ }"))));
    }

    #[test]
    fn what_is_not_known_is_named() {
        let table = table();
        assert_eq!(
            table.newest(&event("Gone", 1, b"{}")),
            Err(UpcastError::UnknownKind { kind: "Gone".into(), seq: Seq(1) })
        );
        assert_eq!(
            table.newest(&event("Started", 2, b"{}")),
            Err(UpcastError::NewerSchema { kind: "Started".into(), schema: 2, known: 1 })
        );
        assert_eq!(
            table.newest(&event("Registered", 0, b"{}")),
            Err(UpcastError::NoStep { kind: "Registered".into(), from: 0 })
        );
        assert!(matches!(table.newest(&event("Registered", 1, b"{")), Err(UpcastError::NotJson { .. })));
    }

    #[test]
    fn a_table_with_a_missing_step_fails_its_check() {
        assert_eq!(table().check(), Ok(()));
        let holed = Upcasters::new().add("Registered", 2, |data| data);
        assert_eq!(holed.check(), Err(UpcastError::NoStep { kind: "Registered".into(), from: 1 }));
    }
}
