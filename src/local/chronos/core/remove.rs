//! Jobs go, and their tasks with them.

use super::timers::Timer;
use super::{Action, Answer, Core, Refusal};
use crate::local::chronos::job::{DEFAULT_EPSILON, Job, Trigger};
use crate::local::chronos::task::Phase;
use crate::local::journal::{Entry, TaskEnd};
use crate::local::nodes::Nodes;

impl Core {
    /// DELETE `job/{name}`: the job goes, its tasks are killed, its children inherit what triggered it.
    pub(super) fn delete(&mut self, name: &str, nodes: &mut Nodes) -> Answer {
        let Some(job) = self.job(name).cloned() else { return Err(Refusal::Requirement(self.not_found(name))) };
        self.hand_trigger_down(&job);
        self.jobs.shift_remove(name);
        self.invocations.retain(|(from, to), _| from != name && to != name);
        self.forget_schedule(name);
        self.kill(name, nodes);
        self.activity.remove(name);
        self.record(Entry::Deleted { at: self.now, job: name.to_owned() });
        self.actions.push(Action::Forget(name.to_owned()));
        Ok(())
    }

    /// DELETE `task/kill/{name}`: the tasks go, the job stays.
    pub(super) fn kill_tasks_of(&mut self, name: &str, nodes: &mut Nodes) -> Answer {
        if !self.jobs.contains_key(name) {
            let message = self.not_found(name);
            return Err(if self.v3() { Refusal::Requirement(message) } else { Refusal::Failure(message) });
        }
        self.kill(name, nodes);
        Ok(())
    }

    fn not_found(&self, name: &str) -> String {
        format!("{} '{name}' not found", if self.v3() { "JobSchedule" } else { "Job" })
    }

    /// 2.4 also cancels the occurrences that are planned ahead. What is in the queue already stays there.
    fn kill(&mut self, name: &str, nodes: &mut Nodes) {
        self.timers.cancel(|timer| matches!(timer, Timer::Occurrence { wanted, .. } if wanted.job == name));
        let of_job: Vec<u64> =
            self.tasks.values().filter(|task| task.wanted.job == name).map(|task| task.seq).collect();
        for seq in of_job {
            let Some(task) = self.tasks.get_mut(&seq) else { continue };
            task.kill_requested = true;
            match task.phase {
                Phase::Deploying(_) => self.task_ended(seq, TaskEnd::Cancelled, (0.0, 0.0), nodes),
                Phase::Running { .. } => self.actions.push(Action::Kill { seq, grace: None }),
                // Launching: killed as soon as it has started. Ended: nothing is left to kill.
                Phase::Launching | Phase::Ended(_) => {}
            }
        }
    }

    fn hand_trigger_down(&mut self, job: &Job) {
        let is_child = |child: &&Job| child.parents().contains(&job.name);
        let children: Vec<Job> = self.jobs.values().map(|known| &known.job).filter(is_child).cloned().collect();
        for child in children {
            let name = child.name.clone();
            match &job.trigger {
                Trigger::Parents(inherited) => {
                    let mut parents: Vec<String> =
                        child.parents().iter().filter(|parent| **parent != job.name).cloned().collect();
                    parents.extend(inherited.iter().filter(|parent| !child.parents().contains(parent)).cloned());
                    self.update(&name, |child| child.trigger = Trigger::Parents(parents));
                }
                Trigger::Schedule { .. } => {
                    let heir = scheduled_heir(child, job.trigger.clone());
                    if self.v3() {
                        self.update(&name, |child| *child = heir);
                    } else {
                        self.replace_in_2(&name, heir);
                    }
                }
            }
        }
    }
}

/// The child as a job of its own: the original copies some fields and forgets the rest.
fn scheduled_heir(child: Job, trigger: Trigger) -> Job {
    Job {
        trigger,
        shell: true,
        epsilon: if child.epsilon.is_empty() { DEFAULT_EPSILON.into() } else { child.epsilon.clone() },
        owner_name: String::new(),
        description: String::new(),
        data_processing: false,
        errors_since_last_success: 0,
        environment: Vec::new(),
        arguments: Vec::new(),
        run_as_user: String::new(),
        concurrent: false,
        container: None,
        constraints: Vec::new(),
        ..child
    }
}
