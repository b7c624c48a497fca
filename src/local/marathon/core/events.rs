//! What listeners hear.

use serde_json::{Map, Value, json};

use super::deploy::Deployment;
use super::views::action_json;
use super::{Caller, Core, Task};
use crate::local::action::Action;
use crate::local::chronos::schedule::utc_text;
use crate::local::marathon::app::App;
use crate::local::marathon::encode;
use crate::qos::units::Timestamp;

impl Core {
    fn publish(&mut self, kind: &str, fields: Value) {
        let Value::Object(mut event) = fields else { return };
        event.insert("eventType".into(), json!(kind));
        event.insert("timestamp".into(), json!(utc_text(self.now)));
        self.actions.push(Action::Publish(Value::Object(event)));
    }

    pub(super) fn publish_post(&mut self, caller: &Caller, app: &App) {
        let definition = encode::app(app, self.version(), true);
        self.publish(
            "api_post_event",
            json!({"clientIp": caller.address, "uri": caller.uri, "appDefinition": definition}),
        );
    }

    pub(super) fn publish_group_change(&mut self, group: &str, version: Timestamp) {
        let group = if group.is_empty() { "/" } else { group };
        self.publish("group_change_success", json!({"groupId": group, "version": utc_text(version)}));
    }

    /// A status of a task; from 1.4 on the instance's condition too.
    pub(super) fn publish_status(&mut self, task: &Task, state: &str, message: &str) {
        let agent = self.slave_id(task.node);
        self.publish(
            "status_update_event",
            json!({"slaveId": agent, "taskId": task.id, "taskStatus": state, "message": message,
                "appId": task.app.id, "host": task.hostname, "ipAddresses": self.addresses(), "ports": task.ports,
                "version": task.app.version_text()}),
        );
        if self.version().since_1_4() {
            let condition = match state {
                "TASK_RUNNING" => "Running",
                "TASK_FINISHED" => "Finished",
                "TASK_KILLED" => "Killed",
                _ => "Failed",
            };
            let (app, unique) = task.id.split_once('.').unwrap_or((&task.id, ""));
            self.publish(
                "instance_changed_event",
                json!({"instanceId": format!("{app}.marathon-{unique}"), "condition": condition,
                    "runSpecId": task.app.id, "agentId": agent, "host": task.hostname,
                    "runSpecVersion": task.app.version_text()}),
            );
        }
    }

    pub(super) fn publish_app_terminated(&mut self, id: &str) {
        self.publish("app_terminated_event", json!({"appId": id}));
    }

    /// Something about the step in hand.
    pub(super) fn publish_deployment_step(&mut self, kind: &str, deployment: &Deployment) {
        let step = deployment.steps.get(deployment.current).map(|step| self.step_json(step));
        self.publish(kind, json!({"plan": self.plan_json(deployment), "currentStep": step}));
    }

    /// The end of a deployment.
    pub(super) fn publish_deployment_end(&mut self, kind: &str, deployment: &Deployment) {
        self.publish(kind, json!({"id": deployment.id, "plan": self.plan_json(deployment)}));
    }

    fn plan_json(&self, deployment: &Deployment) -> Value {
        let group = |root| Value::Object(self.group_of(root, "/", deployment.version, &mut |app| self.definition(app)));
        json!({"id": deployment.id, "original": group(&deployment.original), "target": group(&deployment.target),
            "steps": deployment.steps.iter().map(|step| self.step_json(step)).collect::<Vec<_>>(),
            "version": utc_text(deployment.version)})
    }

    pub(super) fn step_json(&self, step: &[crate::local::marathon::plan::Planned]) -> Value {
        // A slip of 1.1.1, put right in 1.1.2.
        let key = if self.version().since_1_4() { "action" } else { "type" };
        json!({"actions": step.iter().map(|planned| action_json(key, planned)).collect::<Vec<_>>()})
    }

    fn definition(&self, app: &App) -> Map<String, Value> {
        encode::app(app, self.version(), true)
    }
}
