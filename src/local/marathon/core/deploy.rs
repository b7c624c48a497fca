//! Deployments: their steps one after the other, each until all its apps are as they shall be.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::Core;
use crate::local::marathon::app::App;
use crate::local::marathon::plan::{self, ActionKind, Planned, Replacement, Root};
use crate::local::nodes::Nodes;
use crate::qos::units::Timestamp;

/// A deployment that goes on.
#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) version: Timestamp,
    pub(super) original: Root,
    pub(super) target: Root,
    pub(super) steps: Vec<Vec<Planned>>,
    /// Index of the step in hand; as many as there are steps when all are done.
    pub(super) current: usize,
    /// Of the step in hand, one for each of its actions; empty when it has not begun.
    pub(super) progress: Vec<Progress>,
    /// Killed first when an app is scaled.
    doomed: BTreeMap<String, Vec<u64>>,
}

/// How far one app is.
#[derive(Debug)]
pub(super) enum Progress {
    /// Nothing is left to do.
    Done,
    /// These tasks must end, then so many must run.
    Scale { dying: BTreeSet<u64>, to: usize },
    /// Old tasks are replaced.
    Restart(Replacing),
    /// These tasks must end.
    Stop { dying: BTreeSet<u64> },
}

/// An upgrade in hand.
#[derive(Debug)]
pub(super) struct Replacing {
    pub(super) app: Arc<App>,
    most: usize,
    /// Old tasks that have not ended.
    old: BTreeSet<u64>,
    /// Those of them that have not been asked to.
    spared: VecDeque<u64>,
    /// New tasks that became ready, and let an old one go.
    ready: BTreeSet<u64>,
}

impl Replacing {
    /// How many new tasks there should be by now.
    pub(super) fn wanted(&self) -> usize {
        (self.app.instances as usize).min(self.most.saturating_sub(self.old.len()))
    }
}

impl Deployment {
    pub(super) fn new(
        id: String,
        version: Timestamp,
        original: Root,
        target: Root,
        steps: Vec<Vec<Planned>>,
        doomed: BTreeMap<String, Vec<u64>>,
    ) -> Deployment {
        Deployment { id, version, original, target, steps, current: 0, progress: Vec::new(), doomed }
    }

    /// The apps that it holds.
    pub(super) fn affected(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flatten().map(|planned| planned.app.id.as_str())
    }

    /// How far an app is in the step in hand; `None` when the step is not about it.
    pub(super) fn progress_of(&self, id: &str) -> Option<&Progress> {
        let step = self.steps.get(self.current)?;
        let at = step.iter().position(|planned| planned.app.id == id)?;
        self.progress.get(at)
    }
}

impl Core {
    /// Takes every deployment as far as it gets.
    pub(super) fn advance(&mut self, nodes: &mut Nodes) {
        for id in self.deployments.keys().cloned().collect::<Vec<_>>() {
            while self.advance_one(&id, nodes) {}
        }
        self.note_demand();
    }

    /// One move of one deployment; false when it must wait, or is over.
    fn advance_one(&mut self, id: &str, nodes: &mut Nodes) -> bool {
        // Taken out while it is worked on: its kills concern the rest of the scheduler.
        let Some(at) = self.deployments.get_index_of(id) else { return false };
        let Some((_, mut deployment)) = self.deployments.shift_remove_index(at) else { return false };
        let Some(step) = deployment.steps.get(deployment.current).cloned() else {
            self.publish_deployment_end("deployment_success", &deployment);
            self.apps_were_stopped(&deployment);
            return false;
        };
        if deployment.progress.is_empty() {
            self.publish_deployment_step("deployment_info", &deployment);
            deployment.progress =
                step.iter().map(|planned| self.begin_action(planned, &deployment.doomed, nodes)).collect();
        }
        let mut progress = std::mem::take(&mut deployment.progress);
        for (planned, progress) in step.iter().zip(&mut progress) {
            self.advance_action(planned, progress, nodes);
        }
        let done = progress.iter().all(|progress| matches!(progress, Progress::Done));
        if done {
            self.publish_deployment_step("deployment_step_success", &deployment);
            deployment.current += 1;
        } else {
            deployment.progress = progress;
        }
        self.deployments.shift_insert(at, id.to_owned(), deployment);
        done
    }

    fn begin_action(&mut self, planned: &Planned, doomed: &BTreeMap<String, Vec<u64>>, nodes: &mut Nodes) -> Progress {
        let app = &planned.app;
        match planned.kind {
            ActionKind::Start => Progress::Done,
            ActionKind::Scale => {
                let to = app.instances as usize;
                let mut dying: BTreeSet<u64> = BTreeSet::new();
                dying.extend(doomed.get(&app.id).into_iter().flatten().filter(|seq| self.tasks.contains_key(seq)));
                let others: Vec<u64> = self.kill_order(app).into_iter().filter(|seq| !dying.contains(seq)).collect();
                let surplus = others.len().saturating_sub(to);
                dying.extend(others.into_iter().take(surplus));
                self.kill_all(&dying, nodes);
                Progress::Scale { dying, to }
            }
            ActionKind::Restart => {
                let active = self.active(&app.id);
                let old: BTreeSet<u64> =
                    active.iter().copied().filter(|seq| self.tasks[seq].app.version != app.version).collect();
                let Replacement { kill_at_once, most } = plan::replacement(app, active.len());
                let mut replacing = Replacing {
                    app: app.clone(),
                    most,
                    spared: old.iter().copied().collect(),
                    old,
                    ready: BTreeSet::new(),
                };
                let at_once: BTreeSet<u64> = (0..kill_at_once).filter_map(|_| replacing.spared.pop_front()).collect();
                self.kill_all(&at_once, nodes);
                Progress::Restart(replacing)
            }
            ActionKind::Stop => {
                let dying: BTreeSet<u64> = self.active(&app.id).into_iter().collect();
                self.kill_all(&dying, nodes);
                Progress::Stop { dying }
            }
        }
    }

    fn advance_action(&mut self, planned: &Planned, progress: &mut Progress, nodes: &mut Nodes) {
        let id = &planned.app.id;
        let done = match progress {
            Progress::Done => true,
            Progress::Stop { dying } => {
                dying.retain(|seq| self.tasks.contains_key(seq));
                dying.is_empty()
            }
            Progress::Scale { dying, to } => {
                dying.retain(|seq| self.tasks.contains_key(seq));
                dying.is_empty() && self.running(id).count() >= *to
            }
            Progress::Restart(replacing) => {
                replacing.old.retain(|seq| self.tasks.contains_key(seq));
                let version = replacing.app.version;
                let running: Vec<u64> =
                    self.running(id).filter(|task| task.app.version == version).map(|task| task.seq).collect();
                for seq in &running {
                    if replacing.ready.insert(*seq)
                        && let Some(next) = replacing.spared.pop_front()
                    {
                        self.kill_all(&BTreeSet::from([next]), nodes);
                    }
                }
                replacing.old.is_empty() && running.len() >= replacing.app.instances as usize
            }
        };
        if done {
            *progress = Progress::Done;
        }
    }

    /// A deployment is given up: what it has done stays as it is.
    pub(super) fn fail_deployment(&mut self, id: &str) {
        if let Some(deployment) = self.deployments.shift_remove(id) {
            self.publish_deployment_end("deployment_failed", &deployment);
        }
    }

    fn apps_were_stopped(&mut self, deployment: &Deployment) {
        for planned in deployment.steps.iter().flatten().filter(|planned| planned.kind == ActionKind::Stop) {
            self.publish_app_terminated(&planned.app.id);
        }
    }
}
