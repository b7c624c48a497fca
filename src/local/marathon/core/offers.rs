//! A round of offers: the nodes' free CPU and ports meet the tasks that are wanted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Core, Task, Timer};
use crate::local::action::Action;
use crate::local::journal::{Entry, TaskEnd};
use crate::local::marathon::app::App;
use crate::local::marathon::{constraint, id};
use crate::local::nodes::Nodes;
use crate::local::task::Phase;

impl Core {
    /// Launches what is wanted and fits. An app that fits nowhere keeps no other from being launched.
    pub(super) fn offer_round(&mut self, nodes: &mut Nodes) {
        for id in self.apps.keys().cloned().collect::<Vec<_>>() {
            for _ in 0..self.wanted(&id) {
                let Some(app) = self.app(&id).cloned().filter(|app| self.put_off_until(app).is_none()) else { break };
                if !self.place(&app, nodes) {
                    break;
                }
            }
        }
        self.advance(nodes);
    }

    fn place(&mut self, app: &Arc<App>, nodes: &mut Nodes) -> bool {
        // All offers are made to the default role.
        let roles = &app.accepted_resource_roles;
        if !roles.is_empty() && !roles.iter().any(|role| role == "*") {
            return false;
        }
        let mut on_nodes: BTreeMap<String, u32> = nodes.iter().map(|node| (node.hostname.clone(), 0)).collect();
        for task in self.of_app(&app.id) {
            *on_nodes.entry(task.hostname.clone()).or_default() += 1;
        }
        let on_nodes: BTreeMap<&str, u32> = on_nodes.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        let allowed = |host: &str| app.constraints.iter().all(|wanted| constraint::allows(wanted, host, &on_nodes));
        let cpus = app.reservation();
        let Some(node) = nodes.reserve(cpus, &mut self.rng, allowed) else { return false };
        let Some(ports) = nodes.ports.reserve(&app.wanted_ports(), &mut self.rng) else {
            nodes.release(node, cpus);
            return false;
        };
        let seq = nodes.take_seq();
        let task = Task {
            seq,
            id: format!("{}.{}", id::safe(&app.id), self.draw_uuid()),
            app: app.clone(),
            node,
            hostname: nodes.hostname(node).to_owned(),
            cpus,
            ports,
            staged_at: self.now,
            started_at: None,
            phase: Phase::Launching,
            kill_requested: false,
        };
        let order = match nodes.get(node) {
            Some(node) => self.launch_order(&task, node),
            None => Err("the node is gone".into()),
        };
        let order = Box::new(order);
        self.record(Entry::Placed {
            at: self.now,
            seq,
            job: app.id.clone(),
            task: task.id.clone(),
            node: task.hostname.clone(),
            milli_cpus: cpus,
            attempt: 0,
        });
        self.tasks.insert(seq, Task { phase: Phase::Deploying(order), ..task });
        self.counts[0] += 1;
        let delay = self.draw(self.settings.deployment_delay);
        self.timers.set(self.now + delay, Timer::Deployed(seq));
        true
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
                    job: task.app.id.clone(),
                    task: order.task.clone(),
                    node: task.hostname.clone(),
                    milli_cpus: task.cpus,
                    attempt: 0,
                };
                self.record(entry);
                self.actions.push(Action::Launch(order));
            }
            Err(why) => self.task_ended(seq, TaskEnd::NotStarted(why), (0.0, 0.0), nodes),
        }
    }
}
