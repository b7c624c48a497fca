//! The hash chain: each event's hash covers the event and, through its predecessor's hash, all before it.
//!
//! `hash = SHA-256(previous hash || header || SHA-256(data))`, where the header is the five fields stream, version,
//! kind, schema and at, each as a 4-byte big-endian length and its bytes (integers big-endian: version 8, schema 2,
//! at 8). The data enters by its digest, so that a log whose old data was archived elsewhere still verifies. `seq` is
//! not in the header: it must count 1, 2, 3 ..., which the [`ChainWalk`] checks.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::events::envelope::{Seq, StoredEvent, StreamId, Version};

/// One link of the chain: 32 bytes, shown as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventHash(pub [u8; 32]);

impl EventHash {
    /// What the first event is linked to: SHA-256 of the ASCII text `mesos-qos event chain 1`.
    pub const GENESIS: EventHash = EventHash([
        0xa2, 0xd3, 0x1c, 0x04, 0x16, 0xc7, 0x00, 0x15, 0x83, 0xbc, 0x64, 0x0b, 0x01, 0xc9, 0x27, 0x61, 0xde, 0x28,
        0x46, 0x71, 0x99, 0x7f, 0xb4, 0x71, 0xca, 0x26, 0xef, 0x71, 0x8c, 0xb6, 0x17, 0xf9,
    ]);

    /// The hash of `event`, which follows the event that has the hash `self`; `event.hash` and `event.seq` are not read.
    pub fn link(&self, event: &StoredEvent) -> EventHash {
        self.link_by_digest(event, &Sha256::digest(&event.data).into())
    }

    /// The same where the event's data is elsewhere and only its SHA-256 is known.
    pub fn link_by_digest(&self, event: &StoredEvent, digest: &[u8; 32]) -> EventHash {
        let mut header = Sha256::new();
        header.update(self.0);
        for field in [
            event.stream.as_bytes(),
            &event.version.0.to_be_bytes(),
            event.kind.as_bytes(),
            &event.schema.to_be_bytes(),
            &event.at.micros().to_be_bytes(),
        ] {
            // A field is never longer than SQLite's limit of 10^9 bytes, so its length always fits.
            header.update((field.len() as u32).to_be_bytes());
            header.update(field);
        }
        header.update(digest);
        EventHash(header.finalize().into())
    }
}

impl fmt::Display for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for EventHash {
    type Err = ParseHashError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| ParseHashError)?;
        Ok(EventHash(bytes))
    }
}

impl Serialize for EventHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Text that is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 hexadecimal digits")]
pub struct ParseHashError;

/// The end of a chain: the last event's place and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The last event's place; 0 when there is none.
    pub seq: Seq,
    /// The last event's hash; [`EventHash::GENESIS`] when there is none.
    pub hash: EventHash,
}

impl Head {
    /// The head of an empty log.
    pub const EMPTY: Head = Head { seq: Seq::START, hash: EventHash::GENESIS };
}

/// Walks a chain from its beginning and says where it first breaks.
#[derive(Debug)]
pub struct ChainWalk {
    head: Head,
    versions: HashMap<StreamId, Version>,
}

impl Default for ChainWalk {
    fn default() -> Self {
        ChainWalk { head: Head::EMPTY, versions: HashMap::new() }
    }
}

impl ChainWalk {
    /// Checks that `event` is the next one.
    ///
    /// # Errors
    /// What is wrong with it; the walk stays where it was.
    pub fn step(&mut self, event: &StoredEvent) -> Result<(), ChainFault> {
        self.step_by_digest(event, &Sha256::digest(&event.data).into())
    }

    /// The same where the event's data is elsewhere and only its SHA-256 is known.
    ///
    /// # Errors
    /// As [`ChainWalk::step`].
    pub fn step_by_digest(&mut self, event: &StoredEvent, digest: &[u8; 32]) -> Result<(), ChainFault> {
        let seq = self.head.seq.next();
        if event.seq != seq {
            return Err(ChainFault::Gap { expected: seq, found: event.seq });
        }
        let version = self.versions.entry(event.stream).or_default();
        if event.version != version.next() {
            return Err(ChainFault::Version {
                stream: event.stream.to_string(),
                expected: version.next(),
                found: event.version,
            });
        }
        let computed = self.head.hash.link_by_digest(event, digest);
        if event.hash != computed {
            return Err(ChainFault::Hash { stored: event.hash, computed });
        }
        *version = event.version;
        self.head = Head { seq, hash: computed };
        Ok(())
    }

    /// The last event that was found right.
    pub fn head(&self) -> Head {
        self.head
    }
}

/// What is wrong with an event's place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// An event is missing or was renumbered.
    #[error("the event with seq {expected} is missing: seq {found} comes next")]
    Gap {
        /// The number that should come.
        expected: Seq,
        /// The number that came.
        found: Seq,
    },
    /// A stream's versions do not count up by one.
    #[error("version {found} of stream {stream} where version {expected} should be")]
    Version {
        /// The stream.
        stream: String,
        /// The version that should come.
        expected: Version,
        /// The version that came.
        found: Version,
    },
    /// The event, or one before it, is not what was written.
    #[error("the stored hash is {stored}, the event and its predecessors give {computed}")]
    Hash {
        /// What the log says.
        stored: EventHash,
        /// What follows from the event.
        computed: EventHash,
    },
    /// The row is no event.
    #[error("{0}")]
    Malformed(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qos::units::Timestamp;

    fn event(seq: i64, version: u64, previous: EventHash) -> StoredEvent {
        let mut event = StoredEvent {
            seq: Seq(seq),
            stream: StreamId::Cluster,
            version: Version(version),
            kind: "Noted".into(),
            schema: 1,
            at: Timestamp::from_micros(5),
            data: b"{}".to_vec(),
            hash: EventHash::GENESIS,
        };
        event.hash = previous.link(&event);
        event
    }

    #[test]
    fn genesis_is_the_digest_of_its_text() {
        assert_eq!(EventHash::GENESIS.0, <[u8; 32]>::from(Sha256::digest(b"mesos-qos event chain 1")));
    }

    /// Golden value, computed independently: the chain of logs that exist must never change.
    #[test]
    fn the_link_of_a_known_event_is_known() {
        assert_eq!(
            event(1, 1, EventHash::GENESIS).hash.to_string(),
            "7fce33e4ea2bf8a2153d08ebfc549c8ac3f7d2075e0cc101363f83ec6ea669ba"
        );
    }

    #[test]
    fn every_field_but_seq_is_covered() {
        let original = event(1, 1, EventHash::GENESIS);
        let changes: [fn(&mut StoredEvent); 6] = [
            |e| e.stream = StreamId::from_bytes(&[1; 16]).unwrap(),
            |e| e.version = Version(2),
            |e| e.kind = "Note".into(),
            |e| e.schema = 2,
            |e| e.at = Timestamp::from_micros(6),
            |e| e.data = b"[]".to_vec(),
        ];
        for change in changes {
            let mut changed = original.clone();
            change(&mut changed);
            assert_ne!(EventHash::GENESIS.link(&changed), original.hash);
        }
    }

    #[test]
    fn a_walk_names_a_gap_a_wrong_version_and_a_wrong_hash() {
        let first = event(1, 1, EventHash::GENESIS);
        let mut walk = ChainWalk::default();
        assert_eq!(walk.step(&first), Ok(()));
        assert_eq!(walk.step(&event(3, 2, first.hash)), Err(ChainFault::Gap { expected: Seq(2), found: Seq(3) }));
        assert!(matches!(walk.step(&event(2, 3, first.hash)), Err(ChainFault::Version { .. })));
        assert!(matches!(walk.step(&event(2, 2, EventHash::GENESIS)), Err(ChainFault::Hash { .. })));
        assert_eq!(walk.step(&event(2, 2, first.hash)), Ok(()));
        assert_eq!(walk.head().seq, Seq(2));
    }

    #[test]
    fn a_hash_is_parsed_from_what_it_shows() {
        assert_eq!(EventHash::GENESIS.to_string().parse(), Ok(EventHash::GENESIS));
        assert_eq!("abc".parse::<EventHash>(), Err(ParseHashError));
    }
}
