//! `mesos-qos monasca setup`: the alarms that are of use for deadlines.

use std::io::Write;

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use super::{AccessArgs, alarm, id, notification};
use crate::openstack::{AlarmDefinition, NotificationMethod, NotificationType, Severity};

#[derive(Debug, Args)]
pub struct SetupArgs {
    #[command(flatten)]
    access: AccessArgs,
    /// Tell this mail address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Post to this address
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// Beginning of the names of what is made
    #[arg(long, default_value = "mesos-qos", value_name = "TEXT")]
    prefix: String,
}

/// Name, when, how bad, for people. The values come with decisions, which can be hours apart: a statistic is of windows of a minute, an
/// empty one ends what was counted by `times`, and the alarm with it. `last` is looked at with each value and holds until the next.
const ALARMS: [(&str, &str, Severity, &str); 3] = [
    (
        "deadline will be missed",
        "last(prediction_vs_deadline) > 0",
        Severity::High,
        "By the newest prediction a Chronos job finishes after its deadline (by so many seconds)",
    ),
    (
        "far behind its plan",
        "last(marathon_ratio_progress) < 0.8",
        Severity::High,
        "A Marathon job has used less than 80 % of the CPU time that is due by now",
    ),
    (
        "hardly any CPU left",
        "last(current_cpu) < 0.2",
        Severity::Low,
        "A job was cut down to less than a fifth of a CPU: what it declares as its duration may be too long",
    ),
];

pub async fn run(args: SetupArgs, out: &mut impl Write, say: &dyn Fn(&str)) -> anyhow::Result<()> {
    if args.prefix.is_empty() || args.prefix.chars().count() > 100 {
        bail!("--prefix: 1 to 100 characters are right");
    }
    let monasca = args.access.open(say)?;
    let mut made: Vec<(Value, bool)> = Vec::new();
    let mut actions = Vec::new();
    let told = [(NotificationType::Email, "mail", &args.email), (NotificationType::Webhook, "webhook", &args.webhook)];
    for (kind, name, address) in told {
        let Some(address) = address.clone() else { continue };
        let method = NotificationMethod { name: format!("{} {name}", args.prefix), kind, address, period: 0 };
        let (method, new) = notification::ensure(&monasca, &method).await?;
        actions.push(id(&method).to_owned());
        made.push((method, new));
    }
    for (name, expression, severity, description) in ALARMS {
        let alarm = AlarmDefinition {
            name: format!("{} {name}", args.prefix),
            expression: expression.to_owned(),
            description: description.to_owned(),
            severity,
            // Each job has an alarm of its own.
            match_by: vec!["jobname".into(), "uuid".into()],
            alarm_actions: actions.clone(),
            ok_actions: actions.clone(),
            // `last` is never undetermined once it has a value.
            undetermined_actions: vec![],
        };
        made.push(alarm::ensure(&monasca, &alarm).await?);
    }
    let line = |(one, new): &(Value, bool)| {
        format!("{} {}  {}", if *new { "created" } else { "exists " }, one["name"], id(one))
    };
    let text: Vec<String> = made.iter().map(line).collect();
    let document: Vec<Value> = made.iter().map(|(one, new)| json!({"created": new, "definition": one})).collect();
    args.access.show(out, &document, &text.join("\n"))
}
