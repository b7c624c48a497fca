//! Apps come, are changed and go: each change is a deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::RngExt;

use super::deploy::Deployment;
use super::{Answer, Core, Known, Refusal, Reply};
use crate::local::action::Action;
use crate::local::journal::Entry;
use crate::local::marathon::app::App;
use crate::local::marathon::fields::Problems;
use crate::local::marathon::plan::{self, Planned, Root};
use crate::qos::units::{Span, Timestamp};

/// Service ports are assigned from here.
const SERVICE_PORTS: std::ops::RangeInclusive<u16> = 10_000..=20_000;

/// What is to change.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Apps as they shall be; `None` goes.
    pub(super) apps: BTreeMap<String, Option<App>>,
    /// Replaced though nothing changed.
    pub(super) restarts: BTreeSet<String>,
    /// Killed first when an app is scaled: placements.
    pub(super) doomed: BTreeMap<String, Vec<u64>>,
    /// Cancels deployments that hold an app of these.
    pub(super) force: bool,
    /// The group that is told to have changed.
    pub(super) group: String,
}

impl Core {
    /// A version that no other change has: the present, to the millisecond.
    pub(super) fn new_version(&mut self) -> Timestamp {
        let present = Timestamp::from_micros(self.now.micros().div_euclid(1000) * 1000);
        self.last_version = present.max(self.last_version + Span::from_micros(1000));
        self.last_version
    }

    /// Plans a deployment, checks that nothing is in its way, and begins it.
    pub(super) fn deploy(&mut self, change: Change) -> Answer {
        let version = self.new_version();
        let original = self.root();
        let target = self.target(&original, &change, version);
        let steps = plan::steps(&original, &target, &change.restarts).map_err(|_| {
            let mut problems = Problems::default();
            problems.add("/", "Dependency graph has cyclic dependencies.");
            Refusal::Invalid(problems)
        })?;
        let affected: BTreeSet<&str> = steps.iter().flatten().map(|planned| planned.app.id.as_str()).collect();
        let in_the_way: Vec<String> = self
            .deployments
            .values()
            .filter(|deployment| deployment.affected().any(|id| affected.contains(id)))
            .map(|deployment| deployment.id.clone())
            .collect();
        if !change.force && !in_the_way.is_empty() {
            return Err(Refusal::Locked(in_the_way));
        }
        for id in in_the_way {
            self.fail_deployment(&id);
        }
        let created = change.apps.keys().any(|id| !original.contains_key(id));
        self.commit(&original, &target);
        for planned in steps.iter().flatten() {
            self.backoff.reset(&planned.app);
        }
        let id = self.draw_uuid().to_string();
        self.publish_group_change(&change.group, version);
        self.begin_deployment(id.clone(), version, original, target, steps, change.doomed);
        Ok(Reply::Deployed { id, version, created })
    }

    /// All apps as they shall be, with versions and ports.
    fn target(&mut self, original: &Root, change: &Change, version: Timestamp) -> Root {
        let mut target = original.clone();
        for (id, app) in &change.apps {
            let Some(app) = app else {
                target.remove(id);
                continue;
            };
            let mut app = app.clone();
            let old = original.get(id);
            self.assign_service_ports(&mut app, old.map(AsRef::as_ref), &target);
            match old {
                Some(old) if !old.is_upgraded_by(&app) && !change.restarts.contains(id) => {
                    if old.instances == app.instances {
                        continue;
                    }
                    app.last_config_change_at = old.last_config_change_at;
                }
                _ => app.last_config_change_at = version,
            }
            app.version = version;
            app.last_scaling_at = version;
            target.insert(id.clone(), Arc::new(app));
        }
        target
    }

    /// A service port of 0 becomes the one that the app had in its place, or one that no app has.
    fn assign_service_ports(&mut self, app: &mut App, old: Option<&App>, root: &Root) {
        let before = old.map(App::service_ports).unwrap_or_default();
        let mut used: BTreeSet<u16> =
            root.values().filter(|other| other.id != app.id).flat_map(|other| other.service_ports()).collect();
        used.extend(app.service_ports());
        let mut assign = |i: usize| {
            let kept = before.get(i).copied().filter(|port| *port != 0 && !used.contains(port));
            let first = self.rng.random_range(SERVICE_PORTS);
            let mut others = (first..=*SERVICE_PORTS.end()).chain(*SERVICE_PORTS.start()..first);
            // With all of them taken the port stays unassigned.
            let port = kept.or_else(|| others.find(|port| !used.contains(port))).unwrap_or(0);
            used.insert(port);
            port
        };
        if app.mappings().is_some() {
            let mappings = app.container.iter_mut().flat_map(|container| &mut container.port_mappings);
            for (i, mapping) in mappings.enumerate().filter(|(_, mapping)| mapping.service_port == 0) {
                mapping.service_port = assign(i);
            }
        } else if !app.require_ports {
            for (i, port) in app.port_definitions.iter_mut().enumerate().filter(|(_, port)| port.port == 0) {
                port.port = assign(i);
            }
        }
    }

    /// From here on the target is what shall be, whatever becomes of the deployment.
    fn commit(&mut self, original: &Root, target: &Root) {
        for (id, app) in original {
            if !target.contains_key(id) {
                self.apps.shift_remove(id);
                self.backoff.remove(&app.id);
                self.record(Entry::Deleted { at: self.now, job: id.clone() });
                self.actions.push(Action::Forget(id.clone()));
            }
        }
        for (id, app) in target {
            let replaced = original.get(id);
            if replaced.is_some_and(|old| old.version == app.version) {
                continue;
            }
            if replaced.is_none() {
                self.next_order += 1;
                let order = self.next_order;
                let known = Known { order, versions: Vec::new(), failure: None, queued_since: None };
                self.apps.insert(id.clone(), known);
            }
            let remembered = self.version().remembered_versions();
            if let Some(known) = self.apps.get_mut(id) {
                known.versions.push(app.clone());
                let surplus = known.versions.len().saturating_sub(remembered);
                known.versions.drain(..surplus);
            }
            let (job, replaced, milli_cpus) = (id.clone(), replaced.is_some(), app.reservation());
            self.record(Entry::Submitted { at: self.now, job, replaced, milli_cpus, constraints: Vec::new() });
            self.actions.push(Action::Persist(id.clone()));
        }
    }

    fn begin_deployment(
        &mut self,
        id: String,
        version: Timestamp,
        original: Root,
        target: Root,
        steps: Vec<Vec<Planned>>,
        doomed: BTreeMap<String, Vec<u64>>,
    ) {
        let deployment = Deployment::new(id.clone(), version, original, target, steps, doomed);
        self.deployments.insert(id, deployment);
    }
}
