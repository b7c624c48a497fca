//! What can be seen of the scheduler from outside.

use serde_json::{Map, Value, json};

use super::deploy::Deployment;
use super::{Core, Failure, Task};
use crate::local::chronos::schedule::{parse_instant, utc_text};
use crate::local::marathon::app::App;
use crate::local::marathon::encode;
use crate::local::marathon::id;
use crate::local::marathon::plan::Planned;
use crate::qos::units::Timestamp;

/// What is told about an app beside its definition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the parameter's values")]
pub struct Embed {
    pub tasks: bool,
    pub counts: bool,
    pub deployments: bool,
    pub readiness: bool,
    pub last_task_failure: bool,
    pub task_stats: bool,
}

impl Core {
    /// The ids of all apps, in the order of creation.
    pub fn app_ids(&self) -> impl Iterator<Item = &str> {
        self.apps.keys().map(String::as_str)
    }

    /// An app's definition, to be looked at.
    pub fn find(&self, id: &str) -> Option<&App> {
        self.app(id).map(AsRef::as_ref)
    }

    /// An app, with what is to be embedded.
    pub fn app_info(&self, id: &str, embed: Embed) -> Option<Value> {
        let app = self.app(id)?;
        let mut map = encode::app(app, self.version(), true);
        self.embed(&mut map, app, embed);
        Some(Value::Object(map))
    }

    /// What POST answers: the app as it was accepted.
    pub fn created_info(&self, id: &str, deployment: &str) -> Value {
        let mut map = self.app(id).map(|app| encode::app(app, self.version(), false)).unwrap_or_default();
        for count in ["tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy"] {
            map.insert(count.into(), json!(0));
        }
        map.insert("deployments".into(), json!([{"id": deployment}]));
        map.insert("tasks".into(), json!([]));
        Value::Object(map)
    }

    fn embed(&self, map: &mut Map<String, Value>, app: &App, embed: Embed) {
        let tasks = || self.of_app(&app.id);
        if embed.counts {
            let running = tasks().filter(|task| task.is_running()).count();
            map.insert("tasksStaged".into(), json!(tasks().count() - running));
            map.insert("tasksRunning".into(), json!(running));
            map.insert("tasksHealthy".into(), json!(0));
            map.insert("tasksUnhealthy".into(), json!(0));
        }
        if embed.deployments {
            let holding = self.deployments.values().filter(|deployment| deployment.affected().any(|id| id == app.id));
            map.insert("deployments".into(), holding.map(|deployment| json!({"id": deployment.id})).collect());
        }
        if embed.readiness {
            map.insert("readinessCheckResults".into(), json!([]));
        }
        if embed.tasks {
            map.insert("tasks".into(), tasks().map(|task| self.task_json(task, false)).collect());
        }
        let failure = self.apps.get(&app.id).and_then(|known| known.failure.as_ref());
        if let Some(failure) = failure.filter(|_| embed.last_task_failure) {
            map.insert("lastTaskFailure".into(), self.failure_json(&app.id, failure));
        }
        if embed.task_stats {
            map.insert("taskStats".into(), self.task_stats(app));
        }
    }

    fn failure_json(&self, app: &str, failure: &Failure) -> Value {
        json!({"appId": app, "host": failure.host, "message": failure.message, "state": failure.state,
            "taskId": failure.task, "timestamp": utc_text(failure.at), "version": utc_text(failure.version),
            "slaveId": self.slave_id(failure.node)})
    }

    /// Numbers of tasks and how long they have run, by how recent they are; what no task falls under is left out.
    fn task_stats(&self, app: &App) -> Value {
        let mut stats = Map::new();
        type Falls<'a> = &'a dyn Fn(&Task) -> bool;
        let kinds: [(&str, Falls<'_>); 4] = [
            ("startedAfterLastScaling", &|task| task.app.version >= app.last_scaling_at),
            ("withLatestConfig", &|task| task.app.version >= app.last_config_change_at),
            ("withOutdatedConfig", &|task| task.app.version < app.last_config_change_at),
            ("totalSummary", &|_| true),
        ];
        for (name, falls) in kinds {
            let tasks: Vec<&Task> = self.of_app(&app.id).filter(|task| falls(task)).collect();
            if tasks.is_empty() {
                continue;
            }
            let mut lives: Vec<f64> =
                tasks.iter().filter_map(|task| task.started_at).map(|at| self.now.since(at).seconds()).collect();
            lives.sort_by(f64::total_cmp);
            let counts =
                json!({"staged": tasks.len() - lives.len(), "running": lives.len(), "healthy": 0, "unhealthy": 0});
            let mut one = json!({"counts": counts});
            if let Some(median) = lives.get(lives.len() / 2) {
                let average = lives.iter().sum::<f64>() / lives.len() as f64;
                one["lifeTime"] = json!({"averageSeconds": average, "medianSeconds": median});
            }
            stats.insert(name.into(), json!({"stats": one}));
        }
        Value::Object(stats)
    }

    /// A task; the list of all tasks tells the service ports too.
    pub fn task_json(&self, task: &Task, with_service_ports: bool) -> Value {
        let mut map = Map::new();
        map.insert("id".into(), json!(task.id));
        map.insert("appId".into(), json!(task.app.id));
        map.insert("host".into(), json!(task.hostname));
        map.insert("slaveId".into(), json!(self.slave_id(task.node)));
        map.insert("stagedAt".into(), json!(utc_text(task.staged_at)));
        map.insert("startedAt".into(), json!(task.started_at.map(utc_text)));
        map.insert("ports".into(), json!(task.ports));
        map.insert("version".into(), json!(task.app.version_text()));
        if self.version().since_1_4() {
            let state = if task.is_running() { "TASK_RUNNING" } else { "TASK_STAGING" };
            map.insert("state".into(), json!(state));
            if task.is_running() {
                map.insert("ipAddresses".into(), self.addresses());
            }
        }
        let service_ports = task.app.service_ports();
        if with_service_ports && !service_ports.is_empty() {
            map.insert("servicePorts".into(), json!(service_ports));
        }
        Value::Object(map)
    }

    /// The addresses of a task: all nodes are this machine.
    pub(super) fn addresses(&self) -> Value {
        json!([{"ipAddress": "127.0.0.1", "protocol": "IPv4"}])
    }

    /// `GET /v2/deployments`.
    pub fn deployments_json(&self) -> Value {
        let json = |deployment: &Deployment| {
            let step = deployment.steps.get(deployment.current);
            let current = step.into_iter().flatten().map(|planned| {
                let mut action = action_json("action", planned);
                action["readinessCheckResults"] = json!([]);
                action
            });
            let affected: std::collections::BTreeSet<&str> = deployment.affected().collect();
            let mut map = Map::new();
            map.insert("id".into(), json!(deployment.id));
            map.insert("version".into(), json!(utc_text(deployment.version)));
            map.insert("affectedApps".into(), json!(affected));
            if self.version().since_1_4() {
                map.insert("affectedPods".into(), json!([]));
            }
            map.insert("steps".into(), deployment.steps.iter().map(|step| self.step_json(step)).collect());
            map.insert("currentActions".into(), current.collect());
            map.insert("currentStep".into(), json!((deployment.current + 1).min(deployment.steps.len())));
            map.insert("totalSteps".into(), json!(deployment.steps.len()));
            Value::Object(map)
        };
        self.deployments.values().map(json).collect()
    }

    /// The versions of an app, newest first.
    pub fn versions(&self, id: &str) -> Option<Vec<String>> {
        let known = self.apps.get(id)?;
        Some(known.versions.iter().rev().map(|app| app.version_text()).collect())
    }

    /// An app as it was at one of its versions.
    pub fn at_version(&self, id: &str, version: &str) -> Option<Value> {
        let wanted = parse_instant(version)?;
        let found = self.apps.get(id)?.versions.iter().rev().find(|app| app.version == wanted)?;
        Some(Value::Object(encode::app(found, self.version(), true)))
    }

    /// `GET /v2/queue`.
    pub fn queue_json(&self) -> Value {
        let mut queue = Vec::new();
        for (id, known) in &self.apps {
            let (count, Some(app)) = (self.wanted(id), self.app(id)) else { continue };
            if count == 0 {
                continue;
            }
            let left = self.backoff.deadline(app).map_or(0.0, |deadline| deadline.since(self.now).seconds());
            let mut item = json!({"app": encode::app(app, self.version(), true), "count": count,
                "delay": {"timeLeftSeconds": left.max(0.0) as u64, "overdue": left < 0.0}});
            if let Some(since) = known.queued_since.filter(|_| self.version().since_1_4()) {
                item["since"] = json!(utc_text(since));
            }
            queue.push(item);
        }
        json!({"queue": queue})
    }

    /// `GET /v2/groups/{id}`; `None` when there is none.
    pub fn group_json(&self, group: &str) -> Option<Value> {
        if !self.has_group(group) {
            return None;
        }
        let embed = Embed { counts: true, deployments: true, ..Embed::default() };
        let version = self.root().values().map(|app| app.version).max().unwrap_or(Timestamp::from_micros(0));
        let mut render = |app: &App| {
            let mut map = encode::app(app, self.version(), true);
            self.embed(&mut map, app, embed);
            map
        };
        Some(Value::Object(self.group_of(&self.root(), group, version, &mut render)))
    }

    /// The ids of the apps in a group.
    pub fn apps_within(&self, group: &str) -> Vec<String> {
        self.app_ids().filter(|path| id::within(path, group)).map(ToOwned::to_owned).collect()
    }

    /// `GET /metrics`.
    pub fn metrics(&self) -> Value {
        let service = "service.mesosphere.marathon";
        let running = self.tasks.values().filter(|task| task.is_running()).count();
        let [launched, finished, failed, killed] = self.counts;
        let count = |n: u64| json!({"count": n});
        json!({
            "version": "3.0.0",
            "gauges": {
                format!("{service}.app.count"): {"value": self.apps.len()},
                format!("{service}.deployment.count"): {"value": self.deployments.len()},
                format!("{service}.task.running.count"): {"value": running},
                format!("{service}.task.staged.count"): {"value": self.tasks.len() - running},
            },
            "counters": {
                format!("{service}.task.launched"): count(launched),
                format!("{service}.task.finished"): count(finished),
                format!("{service}.task.failed"): count(failed),
                format!("{service}.task.killed"): count(killed),
            },
            "histograms": {}, "meters": {}, "timers": {},
        })
    }

    /// The id of a node's agent.
    pub fn slave_id(&self, node: usize) -> String {
        format!("{}-S{node}", self.settings.cluster)
    }

    /// The id of this framework.
    pub fn framework_id(&self) -> String {
        format!("{}-0001", self.settings.cluster)
    }
}

/// An action of a step, its kind under `key`.
pub(super) fn action_json(key: &str, planned: &Planned) -> Value {
    let mut map = Map::new();
    map.insert(key.into(), json!(planned.kind.as_str()));
    map.insert("app".into(), json!(planned.app.id));
    Value::Object(map)
}
