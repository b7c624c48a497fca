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
    page: usize,
    most_jobs: usize,
}

impl<W: Watch> Follower<W> {
    /// A reader that has read nothing.
    pub fn new(log: EventLog) -> Self {
        let (upcasters, jobs) = (job::upcasters(), BTreeMap::new());
        Follower { log, upcasters, jobs, steps: 0, page: PAGE, most_jobs: MOST_JOBS }
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
        let events = self.log.read_all(after, self.page).await?;
        let upto = events.last().map_or(after, |event| event.seq);
        // Everything that can fail comes before anything is taken into account.
        self.load(&events).await?;
        let mut items = Vec::new();
        for event in &events {
            items.extend(self.take(event).into_iter().map(|item| (event.seq, item)));
        }
        self.make_room();
        Ok(Page { items, upto, more: events.len() == self.page })
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
            let events = self.log.read_stream(stream, after, self.page).await?;
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
        if self.jobs.len() > self.most_jobs {
            let mut used: Vec<u64> = self.jobs.values().map(|(_, used)| *used).collect();
            used.sort_unstable();
            let oldest_kept = used[used.len() - self.most_jobs.div_ceil(2)];
            self.jobs.retain(|_, (_, used)| *used >= oldest_kept);
        }
    }
}

fn unreadable(event: &StoredEvent, error: &dyn std::error::Error) {
    tracing::error!(seq = event.seq.0, error = %error, "an event that this version does not know is left out");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::envelope::NewEvent;
    use crate::events::job::{Cancelled, CpuObserved};
    use crate::events::store::{Append, EventStore, StoreOptions};
    use crate::qos::job::registration::{Defaults, validate};
    use crate::qos::policy::{Policies, PolicyName};
    use crate::qos::units::{Cpus, Span, Timestamp};

    const AT: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    /// Counts the events of its job, and tells the count with each.
    struct Counting(u64, bool);

    impl Watch for Counting {
        type Item = (u64, u64);

        fn begin(first: &Recorded) -> Option<(Self, Vec<Self::Item>)> {
            matches!(first.event, JobEvent::Registered(_)).then(|| (Counting(1, false), vec![(first.version, 1)]))
        }

        fn advance(&mut self, recorded: &Recorded) -> Vec<Self::Item> {
            self.0 += 1;
            self.1 |= matches!(recorded.event, JobEvent::Cancelled(_));
            vec![(recorded.version, self.0)]
        }

        fn is_over(&self) -> bool {
            self.1
        }
    }

    fn registered(job: JobId) -> JobEvent {
        let defaults = Defaults {
            policies: Policies { deployment_time: Span::ZERO, ..Policies::defaults(PolicyName::Step) },
            max_failures: 3,
            overdue_factor_milli: 3000,
            monitoring_period: Span::from_secs(120),
            rescale: crate::events::job::RescaleMode::Restart,
            chain_start: Span::from_secs(60),
        };
        let request = serde_json::json!({
            "uuid": job.to_string(), "name": job.to_string(), "framework": "chronos", "job_duration": 400, "deadline": 1800,
            "desv_deadline": 0.2, "iterations": 4, "cpus": 1.0, "arguments_version": 1
        });
        JobEvent::Registered(validate(&serde_json::from_value(request).unwrap(), AT, &defaults).unwrap())
    }

    /// Eight jobs take turns; the last event of each second one is its end.
    async fn write(log: &EventLog) {
        let jobs: Vec<JobId> = (0..8).map(|n| JobId::from_bytes([n; 16])).collect();
        for round in 0..6u64 {
            for (number, job) in jobs.iter().enumerate() {
                let event: JobEvent = match round {
                    0 => registered(*job),
                    5 if number % 2 == 0 => Cancelled { reason: String::new() }.into(),
                    _ => CpuObserved { cpus: Cpus::from_milli(1000) }.into(),
                };
                let data = event.encode().unwrap();
                let new = NewEvent { kind: event.kind(), schema: event.schema(), at: AT, data };
                log.append(Append::at(AT).events(StreamId::Job(*job), Version(round), vec![new])).await.unwrap();
            }
        }
    }

    async fn read(log: &EventLog, page: usize, most_jobs: usize, mut from: Seq) -> Vec<(Seq, (u64, u64))> {
        let mut follower: Follower<Counting> = Follower { page, most_jobs, ..Follower::new(log.clone()) };
        let mut items = Vec::new();
        loop {
            let page = follower.page(from).await.unwrap();
            items.extend(page.items);
            assert!(follower.jobs.len() <= most_jobs);
            from = page.upto;
            if !page.more {
                return items;
            }
        }
    }

    #[tokio::test]
    async fn whatever_is_forgotten_in_between_the_same_comes_of_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let store = EventStore::open(dir.path(), StoreOptions::default()).unwrap();
        let log = store.log();
        write(&log).await;
        let all = read(&log, 256, 100, Seq::START).await;
        assert_eq!(all.len(), 48);
        assert!(all.iter().all(|(_, (version, count))| version == count), "{all:?}");
        for (page, most_jobs) in [(1, 1), (3, 2), (5, 4), (7, 100)] {
            assert_eq!(read(&log, page, most_jobs, Seq::START).await, all, "{page} events at once, {most_jobs} jobs");
            // Taken up anywhere.
            assert_eq!(
                read(&log, page, most_jobs, Seq(21)).await,
                all[21..],
                "{page} events at once, {most_jobs} jobs"
            );
        }
        store.close().await;
    }
}
