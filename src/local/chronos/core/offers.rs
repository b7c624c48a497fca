//! A round of offers: the nodes' free CPU meets the queued runs.

use std::collections::BTreeSet;

use super::timers::Timer;
use super::{Action, Core};
use crate::local::chronos::job::Job;
use crate::local::chronos::task::{Phase, Placed, Wanted};
use crate::local::journal::{Entry, TaskEnd};
use crate::local::nodes::Nodes;

impl Core {
    /// Matches queued runs with free CPU until the queues are empty, or their head is unfit or fits nowhere.
    pub(super) fn offer_round(&mut self, nodes: &mut Nodes) {
        let mut launched = BTreeSet::new();
        while let Some((wanted, job)) = self.poll() {
            // In this order, as in the original: what was launched in this very round is not "running" yet there.
            if !launched.contains(&job.name) && self.running_count(&job.name) > 0 && !job.concurrent {
                self.dropped(&wanted, "the job is running");
                continue;
            }
            if launched.contains(&job.name) {
                self.dropped(&wanted, "the job was launched in the same round of offers");
                continue;
            }
            let (cpus, version) = (job.reservation(), self.version());
            let allowed = |hostname: &str| job.constraints.iter().all(|c| c.allows(hostname, version));
            match nodes.reserve(cpus, &mut self.rng, allowed) {
                Some(node) => {
                    launched.insert(job.name.clone());
                    self.place(wanted, &job, node, nodes);
                }
                None => {
                    // To the end of the queue, and the round is over.
                    self.enqueue(wanted, job.high_priority);
                    break;
                }
            }
        }
        if self.v3() && !launched.is_empty() {
            for name in launched {
                self.move_schedule_on(&name);
            }
            self.look();
        }
    }

    fn place(&mut self, wanted: Wanted, job: &Job, node: usize, nodes: &mut Nodes) {
        let seq = nodes.take_seq();
        let (cpus, hostname) = (job.reservation(), nodes.hostname(node).to_owned());
        self.record(Entry::Placed {
            at: self.now,
            seq,
            job: job.name.clone(),
            task: wanted.to_string(),
            node: hostname.clone(),
            milli_cpus: cpus,
            attempt: wanted.attempt,
        });
        let order = Box::new(self.launch_order(seq, job, &wanted, nodes.get(node)));
        let placed =
            Placed { seq, wanted, node, cpus, mem: job.mem, phase: Phase::Deploying(order), kill_requested: false };
        self.tasks.insert(seq, placed);
        self.actions.push(Action::Persist(job.name.clone()));
        let delay = self.draw(self.settings.deployment_delay);
        self.timers.set(self.now + delay, Timer::Deployed(seq));
    }

    /// The image is there: the process starts.
    pub(super) fn deployed(&mut self, seq: u64, nodes: &mut Nodes) {
        let Some(task) = self.tasks.get_mut(&seq) else { return };
        // It may have been killed meanwhile.
        let Phase::Deploying(order) = &task.phase else { return };
        match (**order).clone() {
            Ok(order) => {
                task.phase = Phase::Launching;
                let entry = Entry::Launch {
                    at: self.now,
                    seq,
                    job: task.wanted.job.clone(),
                    task: order.task.clone(),
                    node: nodes.hostname(task.node).to_owned(),
                    milli_cpus: task.cpus,
                    attempt: task.wanted.attempt,
                };
                self.record(entry);
                self.actions.push(Action::Launch(order));
            }
            Err(why) => self.task_ended(seq, TaskEnd::NotStarted(why), (0.0, 0.0), nodes),
        }
    }
}
