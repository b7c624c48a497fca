//! The checks of a Marathon app: what cannot be supervised is refused by name, what can be put right is.

use serde_json::{Map, Value};

use super::ports::PortPlan;
use super::spec::Spec;
use super::{container, features, network, program, sizes};
use crate::clients::chronos::drop_nulls;
use crate::clients::marathon::AppId;
use crate::launcher::declaration::{self, Declaration};
use crate::launcher::fields::Fields;
use crate::launcher::findings::{Finding, Findings};
use crate::qos::ids::Framework;
use crate::qos::units::Cpus;

/// A Marathon app that can be supervised.
#[derive(Debug, Clone, PartialEq)]
pub struct MarathonAppFile {
    /// The app's id.
    pub id: AppId,
    /// CPUs of its first task.
    pub cpus: Cpus,
    /// What the author declares about time.
    pub qos: Declaration,
    /// The program and its container.
    pub spec: Spec,
    /// What Marathon is asked for as to ports.
    pub ports: PortPlan,
    /// Whole seconds between TERM and KILL that the author asks for.
    pub kill_grace_seconds: Option<u32>,
    /// The app as it was written, in its order, with numbers and booleans in their types, without `qos` and what has gone
    /// into `spec` and `ports`.
    pub app: Map<String, Value>,
    /// What the author should know.
    pub warnings: Vec<Finding>,
}

/// Checks the members of an app file.
///
/// # Errors
/// Every wrong field.
pub fn check(app: Map<String, Value>) -> Result<MarathonAppFile, Vec<Finding>> {
    let mut findings = Findings::default();
    let mut app = without_nulls(app);
    let qos = declaration::take(&mut app, Framework::Marathon, &mut findings);
    let mut fields = Fields { members: &mut app, findings: &mut findings, prefix: "" };
    features::drop_read_only(&mut fields);
    features::refuse(&mut fields);
    let id = id(&mut fields);
    let sizes = sizes::read(&mut fields);
    let network = network::take(&mut fields);
    let container = container::take(&mut fields);
    let program = program::take(&mut fields, container.image.is_some());
    features::check_health(&mut fields, &network);
    if container.image.is_none() {
        container::without_image(&mut fields, &container, &network);
    }
    let spec = Spec {
        version: 1,
        image: container.image,
        program: program.program,
        user: program.user,
        env: program.env,
        volumes: container.volumes,
        network: network.name,
        ports: network.ports,
        parameters: container.parameters,
        privileged: container.privileged,
        memory_mib: sizes.memory_mib,
        force_pull: container.force_pull,
    };
    if let Err(too_long) = spec.check_length() {
        fields.error("cmd", too_long.to_string());
    }
    let Findings { errors, warnings } = findings;
    match (id, sizes.cpus, qos) {
        (Some(id), Some(cpus), Some(qos)) if errors.is_empty() => {
            let (ports, kill_grace_seconds) = (network.plan, sizes.kill_grace_seconds);
            Ok(MarathonAppFile { id, cpus, qos, spec, ports, kill_grace_seconds, app, warnings })
        }
        _ => Err(errors),
    }
}

/// Marathon takes null for absent, and so writes what is not set.
fn without_nulls(app: Map<String, Value>) -> Map<String, Value> {
    let mut app = Value::Object(app);
    drop_nulls(&mut app);
    match app {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn id(fields: &mut Fields<'_>) -> Option<AppId> {
    const FIX: &str = "write a path such as \"/group/name\"";
    if !fields.members.contains_key("id") {
        fields.missing("id", FIX);
        return None;
    }
    match fields.text("id", FIX)?.parse::<AppId>() {
        Ok(id) => {
            fields.members.insert("id".into(), id.as_str().into());
            Some(id)
        }
        Err(error) => {
            fields.error("id", error.to_string());
            None
        }
    }
}
