//! `mesos-qos monasca alarm`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use super::{AccessArgs, difference, find, id, table};
use crate::openstack::{AlarmDefinition, Monasca, Severity};

const COLUMNS: [&str; 4] = ["name", "severity", "expression", "id"];

#[derive(Debug, Subcommand)]
pub enum AlarmCommand {
    /// Make an alarm definition; one that is there already and says the same stays
    Create(Box<CreateArgs>),
    /// List the alarm definitions
    List(ListArgs),
    /// Delete alarm definitions; one that is gone already is no error
    Delete(DeleteArgs),
}

/// Who asks
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    #[command(flatten)]
    access: AccessArgs,
    /// Its name, unique in the project
    #[arg(required_unless_present = "file")]
    name: Option<String>,
    /// When it is raised, such as 'last(prediction_vs_deadline) > 0'
    #[arg(required_unless_present = "file")]
    expression: Option<String>,
    /// JSON file with the whole definition, instead of name, expression and the other flags
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "expression", "description", "severity", "match_by",
        "alarm_action", "ok_action", "undetermined_action"])]
    file: Option<PathBuf>,
    /// For people
    #[arg(long, default_value = "", value_name = "TEXT")]
    description: String,
    /// How bad it is
    #[arg(long, default_value = "LOW", value_name = "SEVERITY", ignore_case = true)]
    severity: Severity,
    /// Dimensions of which each combination of values gets an alarm of its own
    #[arg(long, value_delimiter = ',', value_name = "DIMENSION,..")]
    match_by: Vec<String>,
    /// Notification method, by name or id, that is told when it is raised; may be given again
    #[arg(long, value_name = "METHOD")]
    alarm_action: Vec<String>,
    /// The same, when it is over
    #[arg(long, value_name = "METHOD")]
    ok_action: Vec<String>,
    /// The same, when no values come any more
    #[arg(long, value_name = "METHOD")]
    undetermined_action: Vec<String>,
}

#[derive(Debug, Args)]
pub struct DeleteArgs {
    #[command(flatten)]
    access: AccessArgs,
    /// Their ids or names
    #[arg(required = true, value_name = "ALARM")]
    alarms: Vec<String>,
}

pub async fn run(command: AlarmCommand, out: &mut impl Write, say: &dyn Fn(&str)) -> anyhow::Result<()> {
    match command {
        AlarmCommand::Create(args) => {
            let monasca = args.access.open(say)?;
            let (made, new) = ensure(&monasca, &wanted(&args, &monasca).await?).await?;
            let text = format!("{} {}  {}", if new { "created" } else { "exists " }, made["name"], id(&made));
            args.access.show(out, &made, &text)
        }
        AlarmCommand::List(ListArgs { access }) => {
            let all = access.open(say)?.alarm_definitions().await?;
            access.show(out, &all, &if all.is_empty() { "no alarm definitions".into() } else { table(&all, &COLUMNS) })
        }
        AlarmCommand::Delete(args) => {
            let monasca = args.access.open(say)?;
            let all = monasca.alarm_definitions().await?;
            let mut deleted = Vec::new();
            for wanted in &args.alarms {
                let known = find(&all, wanted).map_or(wanted.as_str(), id);
                if find(&all, wanted).is_some() && monasca.delete_alarm_definition(known).await? {
                    deleted.push(known.to_owned());
                } else {
                    say(&format!("no alarm definition {wanted:?}"));
                }
            }
            args.access.show(out, &deleted, &format!("deleted {}", deleted.len()))
        }
    }
}

async fn wanted(args: &CreateArgs, monasca: &Monasca) -> anyhow::Result<AlarmDefinition> {
    if let Some(file) = &args.file {
        return read(file);
    }
    let (Some(name), Some(expression)) = (&args.name, &args.expression) else {
        bail!("name and expression are needed")
    };
    let names = [&args.alarm_action, &args.ok_action, &args.undetermined_action];
    let mut actions = Vec::new();
    let known =
        if names.iter().all(|names| names.is_empty()) { vec![] } else { monasca.notification_methods().await? };
    for names in names {
        let ids = names.iter().map(|name| {
            let method = find(&known, name).map(|method| id(method).to_owned());
            method.with_context(|| {
                format!("no notification method {name:?}: `mesos-qos monasca notification list` shows them")
            })
        });
        actions.push(ids.collect::<anyhow::Result<Vec<String>>>()?);
    }
    let mut actions = actions.into_iter();
    let mut next = || actions.next().unwrap_or_default();
    Ok(AlarmDefinition {
        name: name.clone(),
        expression: expression.clone(),
        description: args.description.clone(),
        severity: args.severity,
        match_by: args.match_by.clone(),
        alarm_actions: next(),
        ok_actions: next(),
        undetermined_actions: next(),
    })
}

fn read(file: &Path) -> anyhow::Result<AlarmDefinition> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let deserializer = &mut serde_json::Deserializer::from_str(&text);
    serde_path_to_error::deserialize(deserializer)
        .with_context(|| format!("{}: not an alarm definition", file.display()))
}

/// Makes the definition, unless one of its name says the same already. Whether it is new.
pub(super) async fn ensure(monasca: &Monasca, wanted: &AlarmDefinition) -> anyhow::Result<(serde_json::Value, bool)> {
    let all = monasca.alarm_definitions().await?;
    let Some(there) = all.into_iter().find(|one| one["name"] == wanted.name.as_str()) else {
        return Ok((monasca.create_alarm_definition(wanted).await?, true));
    };
    let asked = serde_json::to_value(wanted)?;
    match difference(&asked, &there) {
        None => Ok((there, false)),
        Some((key, value)) => bail!(
            "there is another alarm definition {:?}, whose {key} is {} and not {value}: delete it, or choose another name",
            wanted.name,
            there[key]
        ),
    }
}
