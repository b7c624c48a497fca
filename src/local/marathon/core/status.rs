//! What becomes of an app when a task of it starts and ends.

use super::tasks::grace;
use super::{Core, Failure, Timer};
use crate::local::action::Action;
use crate::local::journal::{Entry, TaskEnd};
use crate::local::nodes::Nodes;
use crate::local::task::{Phase, Terminal};

impl Core {
    /// TASK_RUNNING. A kill that came before it is done now.
    pub(super) fn task_started(&mut self, seq: u64) {
        let Some(task) = self.tasks.get_mut(&seq).filter(|task| task.phase == Phase::Launching) else { return };
        task.phase = Phase::Running { since: self.now };
        task.started_at = Some(self.now);
        let (kill, grace, task) = (task.kill_requested, grace(&task.app), task.clone());
        if kill {
            self.actions.push(Action::Kill { seq, grace });
        }
        self.publish_status(&task, "TASK_RUNNING", "");
    }

    /// The processes are gone: the CPU and the ports are free at once, the framework learns of it after the teardown.
    pub(super) fn task_ended(&mut self, seq: u64, end: TaskEnd, (user, system): (f64, f64), nodes: &mut Nodes) {
        let Some(task) = self.tasks.get_mut(&seq).filter(|task| !matches!(task.phase, Phase::Ended(_))) else { return };
        nodes.release(task.node, task.cpus);
        nodes.ports.release(&task.ports);
        task.phase = Phase::Ended(end.clone());
        let (job, id) = (task.app.id.clone(), task.id.clone());
        self.record(Entry::End { at: self.now, seq, job, task: id, end, user_seconds: user, system_seconds: system });
        let delay = self.draw(self.settings.teardown_delay);
        self.timers.set(self.now + delay, Timer::Terminal(seq));
    }

    /// The terminal status is processed: from here on the task is not one of the app's any more.
    pub(super) fn terminal(&mut self, seq: u64, nodes: &mut Nodes) {
        let Some(task) = self.tasks.remove(&seq) else { return };
        let Phase::Ended(end) = &task.phase else { return };
        let (state, message) = (state(end, task.kill_requested), message(end));
        self.publish_status(&task, state, &message);
        let counter = match state {
            "TASK_FINISHED" => 1,
            "TASK_KILLED" => 3,
            _ => 2,
        };
        self.counts[counter] += 1;
        if let Some(known) = self.apps.get_mut(&task.app.id) {
            if counter == 2 {
                known.failure = Some(Failure {
                    task: task.id.clone(),
                    node: task.node,
                    host: task.hostname.clone(),
                    state,
                    message,
                    at: self.now,
                    version: task.app.version,
                });
            }
            // Every end but a kill puts the next launch off, success too.
            if counter != 3 {
                self.backoff.add(&task.app, self.now);
            }
        }
        self.kill_surplus(&task.app.id, nodes);
    }
}

/// The state that the agent reports.
pub(super) fn state(end: &TaskEnd, kill_requested: bool) -> &'static str {
    match (end, Terminal::of(end, kill_requested)) {
        (TaskEnd::Lost, _) => "TASK_LOST",
        (TaskEnd::Cancelled, _) | (_, Terminal::Killed) => "TASK_KILLED",
        (_, Terminal::Finished) => "TASK_FINISHED",
        (_, Terminal::Failed) => "TASK_FAILED",
    }
}

/// The words that it adds.
pub(super) fn message(end: &TaskEnd) -> String {
    match end {
        TaskEnd::Code(code) => format!("Command exited with status {code}"),
        TaskEnd::Signal(signal) => format!("Command terminated with signal {signal}"),
        TaskEnd::Cancelled => "Killed before it was launched".into(),
        TaskEnd::Lost => "The cluster was stopped".into(),
        TaskEnd::NotStarted(why) => format!("Failed to launch container: {why}"),
    }
}
