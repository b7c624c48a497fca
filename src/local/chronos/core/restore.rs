//! Beginning again after a stop.
//!
//! Kept: jobs with their counts and schedules; in 2.4 the occurrences that were planned ahead. Not kept, as in the
//! original: forced starts still in the queue, waiting retries, run times, how often which parent succeeded. Tasks do
//! not outlive this process: what ran when it ended is lost, and counts as a failure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::timers::Timer;
use super::{Core, Known};
use crate::local::chronos::decode::decode;
use crate::local::chronos::encode::encode;
use crate::local::chronos::task::{Terminal, Wanted};
use crate::local::journal::{Entry, TaskEnd};
use crate::qos::units::Timestamp;

/// What is stored of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Place in the order of creation.
    order: u64,
    /// In its returned form.
    job: Value,
    /// Its tasks whose end the framework has not processed: placement, task id, whether a kill was asked for.
    tasks: Vec<(u64, String, bool)>,
    /// 2.4: planned occurrences, by task id.
    occurrences: Vec<String>,
}

impl Core {
    /// What to store of a job; `None` when there is none.
    pub fn stored(&self, name: &str) -> Option<Record> {
        let known = self.jobs.get(name).or_else(|| self.unseen_job(name))?;
        let of_job = self.tasks.values().filter(|task| task.wanted.job == name);
        let occurrences = self.timers.iter().filter_map(|timer| match timer {
            Timer::Occurrence { wanted, .. } if wanted.job == name => Some(wanted.to_string()),
            _ => None,
        });
        Some(Record {
            order: known.order,
            job: encode(&known.job, self.version()),
            tasks: of_job.map(|task| (task.seq, task.wanted.to_string(), task.kill_requested)).collect(),
            occurrences: occurrences.collect(),
        })
    }

    /// Takes up what was stored, and the journal of what was going on; to be called once, before any event.
    pub fn restore(&mut self, mut records: Vec<Record>, journal: &[Entry], now: Timestamp) -> Vec<super::Action> {
        self.now = now.max(self.now);
        records.sort_by_key(|record| record.order);
        let mut open = open_placements(journal);
        for record in &records {
            self.next_order = self.next_order.max(record.order);
            match decode(&record.job, self.version(), now) {
                Ok(job) => {
                    self.jobs.insert(job.name.clone(), Known { order: record.order, job });
                }
                Err(e) => tracing::error!(job = %record.job, "a stored job cannot be read: {e}"),
            }
            for (seq, task, kill_requested) in &record.tasks {
                if !open.iter().any(|(known, ..)| known == seq) {
                    open.push((*seq, task.clone(), end_of(journal, *seq), *kill_requested));
                }
            }
        }
        for (seq, task, end, kill_requested) in open {
            self.settle(seq, &task, end, kill_requested);
        }
        for record in records {
            self.resume(&record);
        }
        self.look();
        std::mem::take(&mut self.actions)
    }

    /// The framework learns what became of a task of the run before.
    fn settle(&mut self, seq: u64, task: &str, end: Option<TaskEnd>, kill_requested: bool) {
        let Some(wanted) = Wanted::parse(task) else { return };
        let end = end.unwrap_or_else(|| {
            self.record(Entry::End {
                at: self.now,
                seq,
                job: wanted.job.clone(),
                task: task.to_owned(),
                end: TaskEnd::Lost,
                user_seconds: 0.0,
                system_seconds: 0.0,
            });
            TaskEnd::Lost
        });
        self.conclude(&wanted, Terminal::of(&end, kill_requested));
        self.actions.push(super::Action::Persist(wanted.job));
    }

    fn resume(&mut self, record: &Record) {
        let Some(job) = record.job.get("name").and_then(Value::as_str).and_then(|name| self.job(name)).cloned() else {
            return;
        };
        for wanted in record.occurrences.iter().filter_map(|id| Wanted::parse(id)) {
            self.timers.set(wanted.due, Timer::Occurrence { wanted, high_priority: job.high_priority });
        }
        if !self.v3() {
            self.follow_schedule(&job);
        }
    }
}

/// Placements of Chronos in the journal without an end.
fn open_placements(journal: &[Entry]) -> Vec<(u64, String, Option<TaskEnd>, bool)> {
    let open = journal.iter().filter_map(|entry| match entry {
        Entry::Placed { seq, task, .. } if Wanted::parse(task).is_some() && end_of(journal, *seq).is_none() => {
            Some((*seq, task.clone(), None, false))
        }
        _ => None,
    });
    open.collect()
}

fn end_of(journal: &[Entry], wanted: u64) -> Option<TaskEnd> {
    journal.iter().find_map(|entry| match entry {
        Entry::End { seq, end, .. } if *seq == wanted => Some(end.clone()),
        _ => None,
    })
}
