//! Proves that a log is whole: the chain from its first event to its last.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use serde::Serialize;

use crate::events::chain::{ChainFault, ChainWalk, EventHash, Head};
use crate::events::cluster::Compacted;
use crate::events::envelope::{Seq, StoredEvent, StreamId};
use crate::events::store::archive::{self, Place, Sum};
use crate::events::store::offline::OfflineLog;
use crate::events::store::read::ReadError;
use crate::events::store::rows::{EVENT_COLUMNS, blank_event, read_event};

/// What the verification of a log has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The last event up to which everything is right; to be noted elsewhere as the anchor of the next verification.
    pub head: Head,
    /// The first event that is wrong.
    pub fault: Option<Fault>,
    /// Where the expected head was found; an older anchor is found before the end.
    pub expected_head: Option<ExpectedHead>,
}

/// What is wrong with each archive that the log file `path` names: its file, and what is wrong. A missing archive breaks no chain: the digests
/// of its events are in the log.
///
/// # Errors
/// When the log cannot be read.
pub fn archive_faults(path: &Path) -> Result<Vec<(PathBuf, String)>, ReadError> {
    Ok(archive::faults(&OfflineLog::open(path)?.conn)?)
}

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The event.
    pub seq: Seq,
    /// What is wrong with it.
    pub reason: String,
}

/// A head that was noted earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ExpectedHead {
    /// Its hash.
    pub hash: EventHash,
    /// The event that has it; nothing when the log was cut off before it or written anew.
    pub found: Option<Seq>,
}

impl VerifyReport {
    /// Whether the log is whole, up to and beyond the expected head.
    pub fn is_whole(&self) -> bool {
        self.fault.is_none() && self.expected_head.is_none_or(|expected| expected.found.is_some())
    }
}

/// Verifies the log file `path`, also while a supervisor writes it. What was cut off at its end is only seen with
/// `expect_head`, a head noted earlier: the log must contain it.
///
/// # Errors
/// When the file cannot be read or is no event log; a broken chain is no error but a finding.
pub fn verify(path: &Path, expect_head: Option<EventHash>) -> Result<VerifyReport, ReadError> {
    let log = OfflineLog::open(path)?;
    let mut verifier = Verifier::expecting(expect_head);
    let mut event = blank_event();
    // No index, no trust in the order of anything: the table itself, by its key.
    let mut query = log.conn.prepare(&format!("SELECT {EVENT_COLUMNS} FROM events ORDER BY seq"))?;
    let mut rows = query.query([])?;
    loop {
        let step = match rows.next() {
            Ok(None) => return Ok(verifier.finish()),
            Ok(Some(row)) => match read_event(row, &mut event) {
                Ok(()) if event.data.is_empty() => match archive::place(&log.conn, &event) {
                    Ok(Some(place)) => verifier.step(&event, Some(&place)),
                    Ok(None) | Err(_) => {
                        verifier.malformed(event.seq, "it has no data, and is not archived".to_owned())
                    }
                },
                Ok(()) => verifier.step(&event, None),
                Err(error) => {
                    let seq =
                        if let Ok(ValueRef::Integer(seq)) = row.get_ref(0) { Seq(seq) } else { verifier.upcoming() };
                    verifier.malformed(seq, error.to_string())
                }
            },
            // A damaged page.
            Err(error) => verifier.malformed(verifier.upcoming(), error.to_string()),
        };
        if step == Step::Broken {
            return Ok(verifier.finish());
        }
    }
}

/// Walks the chain of a log event by event, and says at the end what it has found.
#[derive(Debug, Default)]
pub struct Verifier {
    walk: ChainWalk,
    archived: Archived,
    expected: Option<ExpectedHead>,
    fault: Option<Fault>,
}

/// Whether there is any use in the next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// All is right so far.
    Whole,
    /// Nothing after this is known to be what was written.
    Broken,
}

impl Verifier {
    /// Looks out for `head`, too, which was noted earlier.
    pub fn expecting(head: Option<EventHash>) -> Self {
        let found = |hash| (hash == EventHash::GENESIS).then_some(Seq::START);
        let expected = head.map(|hash| ExpectedHead { hash, found: found(hash) });
        Verifier { expected, ..Verifier::default() }
    }

    /// Takes the next event, whose data is in the archive of `place`, if there is one.
    pub fn step(&mut self, event: &StoredEvent, place: Option<&Place>) -> Step {
        let step = match place {
            Some(Place { digest, archive }) => {
                self.archived.without_data(event, *archive);
                self.walk.step_by_digest(event, digest)
            }
            None => self.walk.step(event).and_then(|()| self.archived.names(event)),
        };
        if let Err(reason) = step {
            let seq = if let ChainFault::Gap { expected, .. } = &reason { *expected } else { event.seq };
            return self.malformed(seq, reason.to_string());
        }
        if let Some(expected) = &mut self.expected
            && expected.hash == event.hash
        {
            expected.found = Some(event.seq);
        }
        Step::Whole
    }

    /// What it has found.
    pub fn finish(self) -> VerifyReport {
        let fault = self.fault.or_else(|| self.archived.fault());
        VerifyReport { head: self.walk.head(), fault, expected_head: self.expected }
    }

    fn malformed(&mut self, seq: Seq, reason: String) -> Step {
        self.fault = Some(Fault { seq, reason });
        Step::Broken
    }

    fn upcoming(&self) -> Seq {
        self.walk.head().seq.next()
    }
}

/// Events without data, until a `Compacted` event after them names their archive: it is what the chain says of the archives, and what makes the
/// table of their places more than a claim.
#[derive(Debug, Default)]
struct Archived {
    /// By stream and archive, the first event that has no data.
    open: BTreeMap<(StreamId, Sum), Seq>,
    named: BTreeSet<(StreamId, Sum)>,
}

impl Archived {
    fn without_data(&mut self, event: &StoredEvent, archive: Sum) {
        let place = (event.stream, archive);
        self.open.entry(place).or_insert(event.seq);
        // A compaction comes after all that it took.
        self.named.remove(&place);
    }

    fn names(&mut self, event: &StoredEvent) -> Result<(), ChainFault> {
        if event.stream != StreamId::Cluster || event.kind != Compacted::KIND {
            return Ok(());
        }
        let malformed = |reason: String| ChainFault::Malformed(format!("its data is no {}: {reason}", Compacted::KIND));
        let compacted: Compacted = serde_json::from_slice(&event.data).map_err(|error| malformed(error.to_string()))?;
        for of_job in compacted.jobs {
            let mut sum = Sum::default();
            hex::decode_to_slice(&of_job.archive, &mut sum).map_err(|error| malformed(error.to_string()))?;
            self.named.insert((of_job.job.into(), sum));
        }
        Ok(())
    }

    fn fault(&self) -> Option<Fault> {
        let unnamed = self.open.iter().filter(|(place, _)| !self.named.contains(place));
        let seq = unnamed.map(|(_, seq)| *seq).min()?;
        Some(Fault {
            seq,
            reason: format!("it has no data, and no {} event after it names its archive", Compacted::KIND),
        })
    }
}
