//! Reads the log for somebody outside: in order, page by page, with what is known of each job up to there. What is not needed now is
//! not in memory: a job that is met again is read again.

use std::collections::BTreeMap;

use crate::events::envelope::{Seq, StoredEvent, StreamId, Version};
use crate::events::job::{self, JobEvent};
use crate::events::store::{EventLog, ReadError};
use crate::events::upcast::Upcasters;
use crate::qos::ids::JobId;
use crate::qos::job::Recorded;

/// Events of one read.
const PAGE: usize = 256;

/// Jobs that are kept in memory; beyond, those that were met longest ago are read again when they are met again.
const MOST_JOBS: usize = 4096;

/// What is watched for in the events of one job.
pub trait Watch: Sized {
    /// What comes of it.
    type Item;
    /// A job from its first event; none when that is no registration.
    fn begin(first: &Recorded) -> Option<(Self, Vec<Self::Item>)>;
    /// Takes the next event into account.
    fn advance(&mut self, recorded: &Recorded) -> Vec<Self::Item>;
    /// Nothing is to be expected of the job any more.
    fn is_over(&self) -> bool;
}

/// One page of the log.
pub struct Page<Item> {
    /// What came of it, each with its event's place.
    pub items: Vec<(Seq, Item)>,
    /// The last event that was read.
    pub upto: Seq,
    /// The log goes on.
    pub more: bool,
}

/// A reader of the log.
pub struct Follower<W> {
    log: EventLog,
    upcasters: Upcasters,
    jobs: BTreeMap<JobId, (W, u64)>,
    steps: u64,
}

impl<W: Watch> Follower<W> {
    /// A reader that has read nothing.
    pub fn new(log: EventLog) -> Self {
        Follower { log, upcasters: job::upcasters(), jobs: BTreeMap::new(), steps: 0 }
    }

    /// Forgets what it knows: the next page comes from before.
    pub fn forget(&mut self) {
        self.jobs.clear();
    }

    /// What comes of the events after `after`, a page of them.
    ///
    /// # Errors
    /// When the log cannot be read; then this page has not been read.
    pub async fn page(&mut self, after: Seq) -> Result<Page<W::Item>, ReadError> {
        let events = self.log.read_all(after, PAGE).await?;
        let upto = events.last().map_or(after, |event| event.seq);
        // Everything that can fail comes before anything is taken into account.
        self.load(&events).await?;
        let mut items = Vec::new();
        for event in &events {
            items.extend(self.take(event).into_iter().map(|item| (event.seq, item)));
        }
        self.make_room();
        Ok(Page { items, upto, more: events.len() == PAGE })
    }

    /// Reads what is not known of the jobs of a page before it.
    async fn load(&mut self, events: &[StoredEvent]) -> Result<(), ReadError> {
        let mut seen: Vec<JobId> = Vec::new();
        for event in events {
            let Some(job) = event.stream.job() else { continue };
            if seen.contains(&job) {
                continue;
            }
            seen.push(job);
            if event.version.0 > 1
                && !self.jobs.contains_key(&job)
                && let Some(known) = self.known_before(event.stream, event.version).await?
            {
                self.jobs.insert(job, (known, self.steps));
            }
        }
        Ok(())
    }

    async fn known_before(&self, stream: StreamId, version: Version) -> Result<Option<W>, ReadError> {
        let mut known: Option<W> = None;
        let mut after = Version::NONE;
        loop {
            let events = self.log.read_stream(stream, after, PAGE).await?;
            let Some(last) = events.last().map(|event| event.version) else { return Ok(known) };
            for event in events.iter().filter(|event| event.version < version) {
                let Some(recorded) = self.decode(event) else { continue };
                match &mut known {
                    Some(known) => drop(known.advance(&recorded)),
                    None => known = W::begin(&recorded).map(|(watch, _)| watch),
                }
            }
            if last.next() >= version {
                return Ok(known);
            }
            after = last;
        }
    }

    fn take(&mut self, event: &StoredEvent) -> Vec<W::Item> {
        let (Some(job), Some(recorded)) = (event.stream.job(), self.decode(event)) else { return vec![] };
        self.steps += 1;
        let Some((watch, used)) = self.jobs.get_mut(&job) else {
            let Some((watch, items)) = W::begin(&recorded) else { return vec![] };
            self.jobs.insert(job, (watch, self.steps));
            return items;
        };
        *used = self.steps;
        let items = watch.advance(&recorded);
        if watch.is_over() {
            self.jobs.remove(&job);
        }
        items
    }

    fn decode(&self, event: &StoredEvent) -> Option<Recorded> {
        let data = self.upcasters.newest(event).inspect_err(|error| unreadable(event, error)).ok()?;
        let decoded = JobEvent::decode(&event.kind, &data).inspect_err(|error| unreadable(event, error)).ok()?;
        Some(Recorded { version: event.version.0, at: event.at, event: decoded })
    }

    fn make_room(&mut self) {
        if self.jobs.len() > MOST_JOBS {
            let mut used: Vec<u64> = self.jobs.values().map(|(_, used)| *used).collect();
            used.sort_unstable();
            let oldest_kept = used[used.len() - MOST_JOBS / 2];
            self.jobs.retain(|_, (_, used)| *used >= oldest_kept);
        }
    }
}

fn unreadable(event: &StoredEvent, error: &dyn std::error::Error) {
    tracing::error!(seq = event.seq.0, error = %error, "an event that this version does not know is left out");
}
