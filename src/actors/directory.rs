//! Where each living job's actor is, and its latest state for readers.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use actix::Addr;
use arc_swap::ArcSwapOption;

use super::job::JobActor;
use crate::qos::ids::JobId;
use crate::qos::job::JobState;

/// A living job.
#[derive(Clone)]
pub struct Entry {
    /// Takes its commands.
    pub actor: Addr<JobActor>,
    /// Its state after the last commit; `None` until the registration is on disk.
    pub state: Arc<ArcSwapOption<JobState>>,
}

/// All living jobs. Reading it costs no message.
#[derive(Clone, Default)]
pub struct Directory(Arc<RwLock<BTreeMap<JobId, Entry>>>);

impl Directory {
    /// The job's entry.
    pub fn get(&self, job: JobId) -> Option<Entry> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&job).cloned()
    }

    /// The latest state of every registered living job.
    pub fn states(&self) -> Vec<Arc<JobState>> {
        let jobs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        jobs.values().filter_map(|entry| entry.state.load_full()).collect()
    }

    /// Every living job's entry.
    pub fn entries(&self) -> Vec<(JobId, Entry)> {
        let jobs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        jobs.iter().map(|(job, entry)| (*job, entry.clone())).collect()
    }

    /// Enters a job.
    pub fn insert(&self, job: JobId, entry: Entry) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(job, entry);
    }

    /// Takes a job out.
    pub fn remove(&self, job: JobId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&job);
    }
}
