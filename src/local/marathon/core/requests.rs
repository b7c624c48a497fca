//! What the requests of the interface mean.

use std::collections::{BTreeMap, BTreeSet};

use super::change::Change;
use super::{Answer, Caller, Core, Refusal, Reply};
use crate::local::chronos::schedule::parse_instant;
use crate::local::marathon::app::App;
use crate::local::marathon::id;
use crate::local::marathon::plan::ActionKind;
use crate::local::marathon::rules;
use crate::local::marathon::update::Update;
use crate::local::nodes::Nodes;

impl Core {
    /// POST `/v2/apps`.
    pub(super) fn create(&mut self, update: &Update, force: bool, caller: &Caller) -> Answer {
        let path = id::absolute(update.id.as_deref().unwrap_or_default());
        let app = self.defined(&path, update)?;
        if self.apps.contains_key(&path) {
            return Err(Refusal::Exists(format!("An app with id [{path}] already exists.")));
        }
        let change = Change { apps: BTreeMap::from([(path.clone(), Some(app))]), force, ..Change::in_group(&path) };
        let reply = self.deploy(change)?;
        self.tell_post(&path, caller);
        Ok(reply)
    }

    /// PUT and PATCH.
    pub(super) fn change_apps(
        &mut self,
        updates: &[(String, Update)],
        partial: bool,
        create: bool,
        force: bool,
        caller: &Caller,
    ) -> Answer {
        let mut change = match updates {
            [(path, _)] => Change::in_group(path),
            _ => Change::default(),
        };
        change.force = force;
        for (path, update) in updates {
            if partial {
                rules::check_version(update, self.version())?;
            }
            let app = match self.app(path).cloned() {
                Some(app) if partial && update.version.is_some() => self.earlier(&app, update)?,
                Some(app) if partial => self.checked(update, update.apply((*app).clone(), self.version()))?,
                Some(_) => self.defined(path, update)?,
                None if create => self.defined(path, update)?,
                None => return Err(Refusal::NotFound(no_app(path))),
            };
            change.apps.insert(path.clone(), Some(app));
        }
        let reply = self.deploy(change)?;
        for (path, _) in updates {
            self.tell_post(path, caller);
        }
        Ok(reply)
    }

    /// An app from what is said and the defaults.
    pub(super) fn defined(&self, path: &str, update: &Update) -> Result<App, Refusal> {
        let version = self.version();
        self.checked(update, update.apply(App::with_defaults(path, version), version))
    }

    fn checked(&self, update: &Update, app: App) -> Result<App, Refusal> {
        for problems in [rules::check_update(update, self.version()), rules::check_app(&app, self.version())] {
            if !problems.is_empty() {
                return Err(Refusal::Invalid(problems));
            }
        }
        Ok(app)
    }

    /// The app as it was at the version that is named.
    fn earlier(&self, app: &App, update: &Update) -> Result<App, Refusal> {
        let text = update.version.as_deref().unwrap_or_default();
        let Some(wanted) = parse_instant(text) else {
            return Err(Refusal::Requirement(format!("Invalid format: \"{text}\"")));
        };
        let known = self.apps.get(&app.id).into_iter().flat_map(|known| &known.versions);
        let found = known.rev().find(|earlier| earlier.version == wanted);
        found.map(|earlier| (**earlier).clone()).ok_or_else(|| Refusal::NotFound(no_app(&app.id)))
    }

    /// DELETE of an app: it is gone at once, its tasks are killed.
    pub(super) fn delete(&mut self, path: &str, force: bool) -> Answer {
        if !self.apps.contains_key(path) {
            return Err(Refusal::NotFound(no_app(path)));
        }
        let apps = BTreeMap::from([(path.to_owned(), None)]);
        self.deploy(Change { apps, force, ..Change::in_group(path) })
    }

    /// POST `restart`: all tasks are replaced though nothing has changed.
    pub(super) fn restart(&mut self, path: &str, force: bool) -> Answer {
        let Some(app) = self.app(path).cloned() else { return Err(Refusal::NotFound(no_app(path))) };
        let apps = BTreeMap::from([(path.to_owned(), Some((*app).clone()))]);
        let restarts = BTreeSet::from([path.to_owned()]);
        self.deploy(Change { apps, restarts, force, ..Change::in_group(path) })
    }

    /// Kills tasks; they are replaced, or with `scale` they are not.
    pub(super) fn kill_tasks(
        &mut self,
        tasks: &BTreeMap<String, Vec<String>>,
        scale: bool,
        force: bool,
        nodes: &mut Nodes,
    ) -> Answer {
        let mut change = Change { force, ..Change::default() };
        for (path, ids) in tasks {
            let Some(app) = self.app(path).cloned() else { return Err(Refusal::NotFound(no_app(path))) };
            let doomed: Vec<u64> =
                self.of_app(path).filter(|task| ids.contains(&task.id)).map(|task| task.seq).collect();
            let left = app.instances.saturating_sub(u32::try_from(doomed.len()).unwrap_or(u32::MAX));
            change.apps.insert(path.clone(), Some(App { instances: left, ..(*app).clone() }));
            change.doomed.insert(path.clone(), doomed);
        }
        if scale {
            return self.deploy(change);
        }
        let doomed: BTreeSet<u64> = change.doomed.into_values().flatten().collect();
        let told = doomed.iter().filter_map(|seq| self.tasks.get(seq)).map(|task| self.task_json(task, false));
        let reply = Reply::Killing(told.collect());
        self.kill_all(&doomed, nodes);
        Ok(reply)
    }

    /// DELETE of a deployment: back to what was before it, by another one; with `force` everything stays as it is.
    pub(super) fn cancel_deployment(&mut self, id: &str, force: bool) -> Answer {
        let Some(deployment) = self.deployments.get(id) else {
            return Err(Refusal::NotFound(format!("DeploymentPlan {id} does not exist")));
        };
        if force {
            self.fail_deployment(id);
            return Ok(Reply::Done);
        }
        let mut change = Change { force: true, ..Change::default() };
        for planned in deployment.steps.iter().flatten() {
            let path = &planned.app.id;
            change.apps.insert(path.clone(), deployment.original.get(path).map(|app| (**app).clone()));
            if planned.kind == ActionKind::Restart {
                change.restarts.insert(path.clone());
            }
        }
        self.deploy(change)
    }

    /// DELETE `/v2/queue/{id}/delay`.
    pub(super) fn reset_delay(&mut self, path: &str) -> Answer {
        let Some(app) = self.app(path).cloned().filter(|_| self.wanted(path) > 0) else {
            return Err(Refusal::NotFound(format!("Application {path} not found in tasks queue.")));
        };
        self.backoff.reset(&app);
        Ok(Reply::Done)
    }

    fn tell_post(&mut self, path: &str, caller: &Caller) {
        if let Some(app) = self.app(path).cloned() {
            self.publish_post(caller, &app);
        }
    }
}

impl Change {
    /// A change of one app.
    fn in_group(path: &str) -> Change {
        Change { group: id::parent(path).to_owned(), ..Change::default() }
    }
}

/// The words for an app that is not there.
pub(super) fn no_app(path: &str) -> String {
    format!("App '{path}' does not exist")
}
