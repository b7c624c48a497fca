//! The events of jobs, read.

use std::collections::BTreeMap;

use super::error::ReplayError;
use crate::events::envelope::StoredEvent;
use crate::events::job::{JobEvent, Registered, upcasters};
use crate::events::upcast::Upcasters;
use crate::qos::ids::JobId;
use crate::qos::job::Recorded;
use crate::qos::units::Timestamp;

/// The events of one job, in order; the first is its registration.
#[derive(Debug, Clone, PartialEq)]
pub struct JobHistory {
    registered: Registered,
    events: Vec<Recorded>,
}

impl JobHistory {
    /// The job of `events`, which are all of one stream, in order.
    ///
    /// # Errors
    /// When the first is no registration.
    pub fn new(job: JobId, events: Vec<Recorded>) -> Result<Self, ReplayError> {
        match events.first().map(|first| &first.event) {
            Some(JobEvent::Registered(registered)) => Ok(JobHistory { registered: registered.clone(), events }),
            _ => Err(ReplayError::NoRegistration { job }),
        }
    }

    /// The job.
    pub fn job(&self) -> JobId {
        self.registered.job
    }

    /// How it introduced itself.
    pub fn registered(&self) -> &Registered {
        &self.registered
    }

    /// When it did.
    pub fn registered_at(&self) -> Timestamp {
        self.events.first().map_or(self.registered.t0, |first| first.at)
    }

    /// Its events, in order.
    pub fn events(&self) -> &[Recorded] {
        &self.events
    }

    /// The job as far as its event with this version; all of it when there are fewer.
    pub fn upto(&self, version: u64) -> JobHistory {
        let events = self.events.iter().take_while(|event| event.version <= version.max(1)).cloned().collect();
        JobHistory { registered: self.registered.clone(), events }
    }
}

/// The jobs of `events`, in the order of their registration. What is of no job is left out.
///
/// # Errors
/// When an event cannot be understood, or a job has no registration.
pub fn histories<'a>(events: impl IntoIterator<Item = &'a StoredEvent>) -> Result<Vec<JobHistory>, ReplayError> {
    let table = upcasters();
    let (mut order, mut jobs) = (Vec::new(), BTreeMap::<JobId, Vec<Recorded>>::new());
    for stored in events {
        let Some(job) = stored.stream.job() else { continue };
        let recorded = decode(&table, stored)?;
        jobs.entry(job)
            .or_insert_with(|| {
                order.push(job);
                Vec::new()
            })
            .push(recorded);
    }
    order.into_iter().map(|job| JobHistory::new(job, jobs.remove(&job).unwrap_or_default())).collect()
}

/// `stored` in the newest schema.
pub(super) fn decode(table: &Upcasters, stored: &StoredEvent) -> Result<Recorded, ReplayError> {
    let data = table.newest(stored)?;
    let event = JobEvent::decode(&stored.kind, &data)
        .map_err(|error| ReplayError::Malformed { seq: stored.seq, reason: error.to_string() })?;
    Ok(Recorded { version: stored.version.0, at: stored.at, event })
}
