//! The tasks of apps, and their kills.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Core;
use crate::local::action::Action;
use crate::local::journal::TaskEnd;
use crate::local::marathon::app::{App, KillSelection};
use crate::local::nodes::Nodes;
use crate::local::task::Phase;
use crate::qos::units::{Cpus, Span, Timestamp};

/// A task that has a place on a node, until the framework has processed its end.
#[derive(Debug, Clone)]
pub struct Task {
    /// Number of its placement.
    pub seq: u64,
    /// `<app>.<uuid>`
    pub id: String,
    /// The app at the version that was launched.
    pub app: Arc<App>,
    /// Index of the node.
    pub node: usize,
    /// Its name.
    pub hostname: String,
    /// Reserved there.
    pub cpus: Cpus,
    /// Host ports.
    pub ports: Vec<u16>,
    /// When it got its place.
    pub staged_at: Timestamp,
    /// TASK_RUNNING was processed.
    pub started_at: Option<Timestamp>,
    /// How far it has come.
    pub phase: Phase,
    /// Somebody asked to have it killed.
    pub kill_requested: bool,
}

impl Task {
    /// Whether the framework takes it for running. The end of its processes is learned later.
    pub fn is_running(&self) -> bool {
        self.started_at.is_some()
    }
}

impl Core {
    /// All tasks whose end has not been processed.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values()
    }

    /// Those of one app.
    pub(super) fn of_app(&self, id: &str) -> impl Iterator<Item = &Task> {
        self.tasks.values().filter(move |task| task.app.id == id)
    }

    /// Those of one app that run, and are not to be killed.
    pub(super) fn running(&self, id: &str) -> impl Iterator<Item = &Task> {
        self.of_app(id).filter(|task| task.is_running() && !task.kill_requested)
    }

    /// The placements of one app.
    pub(super) fn active(&self, id: &str) -> Vec<u64> {
        self.of_app(id).map(|task| task.seq).collect()
    }

    /// In which order tasks of an app are killed when there are too many: first those that do not run yet.
    pub(super) fn kill_order(&self, app: &App) -> Vec<u64> {
        let mut tasks: Vec<&Task> = self.of_app(&app.id).filter(|task| !task.kill_requested).collect();
        tasks.sort_by_key(|task| {
            let age = match app.kill_selection {
                KillSelection::YoungestFirst => -task.staged_at.micros(),
                KillSelection::OldestFirst => task.staged_at.micros(),
            };
            (task.is_running(), age, task.seq)
        });
        tasks.iter().map(|task| task.seq).collect()
    }

    /// Kills the tasks that an app has too many, unless a deployment sees to it.
    pub(super) fn kill_surplus(&mut self, id: &str, nodes: &mut Nodes) {
        if self.deployments.values().any(|deployment| deployment.affected().any(|held| held == id)) {
            return;
        }
        let Some(app) = self.app(id).cloned() else { return };
        let order = self.kill_order(&app);
        let surplus = order.len().saturating_sub(app.instances as usize);
        let doomed: BTreeSet<u64> = order.into_iter().take(surplus).collect();
        self.kill_all(&doomed, nodes);
    }

    /// TERM now, KILL after the grace.
    pub(super) fn kill_all(&mut self, seqs: &BTreeSet<u64>, nodes: &mut Nodes) {
        for seq in seqs {
            // What has ended by itself was not killed.
            let ended = |task: &&mut Task| matches!(task.phase, Phase::Ended(_));
            let Some(task) = self.tasks.get_mut(seq).filter(|task| !ended(task)) else { continue };
            task.kill_requested = true;
            let grace = grace(&task.app);
            match task.phase {
                Phase::Deploying(_) => self.task_ended(*seq, TaskEnd::Cancelled, (0.0, 0.0), nodes),
                Phase::Running { .. } => self.actions.push(Action::Kill { seq: *seq, grace }),
                // Launching: killed as soon as it has started.
                Phase::Launching | Phase::Ended(_) => {}
            }
        }
    }
}

/// From TERM to KILL, where the app says it.
pub(super) fn grace(app: &App) -> Option<Span> {
    app.kill_grace_seconds.map(|seconds| Span::from_secs(i64::from(seconds)))
}
