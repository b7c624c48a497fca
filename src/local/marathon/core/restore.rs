//! Beginning again after a stop.
//!
//! Kept: apps with their versions. Not kept: deployments (what they led to is what shall be, and is launched at the
//! start), delays of launches (nor does the original), last failures, groups without apps. Tasks do not outlive this
//! process: what ran when it ended is lost, and is launched again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Core, Known};
use crate::local::action::Action;
use crate::local::journal::{Entry, TaskEnd};
use crate::local::marathon::app::App;
use crate::qos::units::Timestamp;

/// What is stored of an app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Place in the order of creation.
    order: u64,
    /// Oldest first.
    versions: Vec<App>,
}

impl Core {
    /// What to store of an app; `None` when there is none.
    pub fn stored(&self, id: &str) -> Option<Record> {
        let known = self.apps.get(id)?;
        Some(Record { order: known.order, versions: known.versions.iter().map(|app| (**app).clone()).collect() })
    }

    /// Takes up what was stored, and the journal of what was going on; to be called once, before any event.
    pub fn restore(&mut self, mut records: Vec<Record>, journal: &[Entry], now: Timestamp) -> Vec<Action> {
        self.now = now.max(self.now);
        records.sort_by_key(|record| record.order);
        for record in records {
            let Some(id) = record.versions.last().map(|app| app.id.clone()) else { continue };
            self.next_order = self.next_order.max(record.order);
            let versions: Vec<Arc<App>> = record.versions.into_iter().map(Arc::new).collect();
            let newest = versions.iter().map(|app| app.version).max();
            self.last_version = self.last_version.max(newest.unwrap_or(self.last_version));
            let known = Known { order: record.order, versions, failure: None, queued_since: None };
            self.apps.insert(id, known);
        }
        let ended: std::collections::BTreeSet<u64> = journal
            .iter()
            .filter_map(|entry| match entry {
                Entry::End { seq, .. } => Some(*seq),
                _ => None,
            })
            .collect();
        for entry in journal {
            // Only names of apps begin with a slash.
            if let Entry::Placed { seq, job, task, .. } = entry
                && job.starts_with('/')
                && !ended.contains(seq)
            {
                self.record(Entry::End {
                    at: self.now,
                    seq: *seq,
                    job: job.clone(),
                    task: task.clone(),
                    end: TaskEnd::Lost,
                    user_seconds: 0.0,
                    system_seconds: 0.0,
                });
            }
        }
        self.note_demand();
        std::mem::take(&mut self.actions)
    }
}
