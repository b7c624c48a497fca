//! Wanted runs wait here for an offer.

use super::{Answer, Core, Refusal};
use crate::local::chronos::job::Job;
use crate::local::chronos::task::Wanted;
use crate::local::journal::Entry;
use crate::qos::units::Timestamp;

const HIGH: usize = 0;
const NORMAL: usize = 1;

impl Core {
    /// PUT `job/{name}`: wants one run, and does not tell whether it will happen.
    pub(super) fn start(&mut self, name: &str, arguments: Option<String>) -> Answer {
        let Some(job) = self.job(name) else {
            return Err(Refusal::Requirement(format!("Job '{name}' not found")));
        };
        let high_priority = job.high_priority;
        // 2.4 takes the parameter and ignores it.
        let given = arguments.filter(|given| self.v3() && !given.trim().is_empty());
        let mut wanted = self.wanted(job, self.now, 0);
        if let Some(given) = given {
            wanted.arguments = given.replace(';', "");
        }
        self.record(Entry::Requested { at: self.now, job: name.to_owned(), task: wanted.to_string() });
        self.enqueue(wanted, high_priority);
        Ok(())
    }

    /// A run of a job with the job's own arguments.
    pub(super) fn wanted(&self, job: &Job, due: Timestamp, attempt: u32) -> Wanted {
        let arguments = job.arguments.join(" ");
        let arguments = if self.v3() { arguments.replace(';', "") } else { arguments };
        Wanted { job: job.name.clone(), due, attempt, arguments }
    }

    /// Adds a run to its queue. 3.x takes no second one of the same job.
    pub(super) fn enqueue(&mut self, wanted: Wanted, high_priority: bool) {
        if self.v3() && self.queues.iter().flatten().any(|queued| queued.job == wanted.job) {
            return self.dropped(&wanted, "the job is queued already");
        }
        if self.jobs.contains_key(&wanted.job) {
            self.set_activity(&wanted.job, "queued", 0);
        }
        self.queues[if high_priority { HIGH } else { NORMAL }].push_back(wanted);
    }

    /// The next run that may be matched with an offer. `None` ends the round of offers: one disabled or deleted job at
    /// the head of the queues makes all others wait for the next round, as in the original.
    pub(super) fn poll(&mut self) -> Option<(Wanted, Job)> {
        self.poll_one(HIGH).or_else(|| self.poll_one(NORMAL))
    }

    fn poll_one(&mut self, priority: usize) -> Option<(Wanted, Job)> {
        let wanted = self.queues[priority].pop_front()?;
        match self.job(&wanted.job).cloned() {
            None => {
                self.dropped(&wanted, "the job is gone");
                None
            }
            Some(job) if job.disabled => {
                self.set_activity(&job.name, "idle", 0);
                self.dropped(&wanted, "the job is disabled");
                None
            }
            Some(job) => Some((wanted, job)),
        }
    }

    pub(super) fn anything_queued(&self) -> bool {
        self.queues.iter().any(|queue| !queue.is_empty())
    }

    /// 2.4: DELETE `task/all` empties the queues.
    pub(super) fn purge(&mut self) {
        let purged: Vec<Wanted> = self.queues.iter_mut().flat_map(|queue| queue.drain(..)).collect();
        for wanted in purged {
            self.dropped(&wanted, "the queues were purged");
        }
    }
}
