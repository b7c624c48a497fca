//! `mesos-qos monasca`: alarm definitions and notification methods of the metrics that are sent.

mod alarm;
mod notification;
mod setup;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use actix::Actor;
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;

use super::remote::printable;
use crate::actors::{KeptTokens, TokenActor};
use crate::clients::transport::TransportOptions;
use crate::credentials::OpenStackCredentials;
use crate::openstack::{Keystone, Monasca};

/// Work on the alarms of Monasca
#[derive(Debug, Args)]
pub struct MonascaArgs {
    #[command(subcommand)]
    command: MonascaCommand,
}

#[derive(Debug, Subcommand)]
enum MonascaCommand {
    /// Alarm definitions: when Monasca raises an alarm, and whom it tells
    #[command(subcommand)]
    Alarm(alarm::AlarmCommand),
    /// Notification methods: how Monasca tells people
    #[command(subcommand)]
    Notification(notification::NotificationCommand),
    /// Make the alarms that are of use for deadlines; what is there already stays
    Setup(setup::SetupArgs),
}

/// Who asks, and how the answer is shown
#[derive(Debug, Args)]
pub struct AccessArgs {
    /// OpenStack credentials file
    #[arg(short = 'o', long, value_name = "FILE")]
    credentials_openstack: PathBuf,
    /// PEM certificates to trust beside those of the system
    #[arg(long, value_name = "FILE", env = "MESOS_QOS_CACERT")]
    cacert: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl AccessArgs {
    /// A client of Monasca; must be called on a runtime that actors can live on.
    fn open(&self, say: &dyn Fn(&str)) -> anyhow::Result<Monasca> {
        let loaded = OpenStackCredentials::read(&self.credentials_openstack)?;
        loaded.warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
        let options = TransportOptions { cacert: self.cacert.clone(), ..TransportOptions::default() };
        let keystone = Keystone::new(&loaded.value, &options)?;
        let tokens = Arc::new(KeptTokens::new(TokenActor::new(keystone).start()));
        Ok(Monasca::new(&loaded.value, tokens, &options)?)
    }

    /// Shows `value` as JSON, or `text`.
    fn show(&self, out: &mut impl Write, value: &impl Serialize, text: &str) -> anyhow::Result<()> {
        if self.json {
            serde_json::to_writer(&mut *out, value)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{text}")?;
        }
        Ok(())
    }
}

/// Runs the command; what it prints goes to `out`, warnings to `say`.
///
/// # Errors
/// When a file cannot be used, or Keystone or Monasca refuse.
pub fn run(args: MonascaArgs, mut out: impl Write, say: &dyn Fn(&str)) -> anyhow::Result<()> {
    actix::System::new().block_on(async {
        match args.command {
            MonascaCommand::Alarm(command) => alarm::run(command, &mut out, say).await,
            MonascaCommand::Notification(command) => notification::run(command, &mut out, say).await,
            MonascaCommand::Setup(args) => setup::run(args, &mut out, say).await,
        }
    })
}

/// The one of `all` that has this id, or else this name.
fn find<'a>(all: &'a [Value], wanted: &str) -> Option<&'a Value> {
    let by = |key: &str| all.iter().find(|one| one[key] == wanted);
    by("id").or_else(|| by("name"))
}

fn id(one: &Value) -> &str {
    one["id"].as_str().unwrap_or_default()
}

/// The first member of `wanted` that `there` has otherwise; the order of a list says nothing.
fn difference<'a>(wanted: &'a Value, there: &Value) -> Option<(&'a str, &'a Value)> {
    let sorted = |value: &Value| {
        let mut items = value.as_array()?.iter().map(Value::to_string).collect::<Vec<_>>();
        items.sort_unstable();
        Some(items)
    };
    let differs = |key: &str, value: &Value| {
        let other = &there[key];
        other != value && (!value.is_array() || sorted(other) != sorted(value))
    };
    let members = wanted.as_object().into_iter().flatten();
    members.map(|(key, value)| (key.as_str(), value)).find(|(key, value)| differs(key, value))
}

/// One line for each of `all`, with these members.
fn table(all: &[Value], columns: &[&str]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| column.to_uppercase()));
    for one in all {
        table.add_row(columns.iter().map(|column| match &one[*column] {
            Value::String(text) => printable(text),
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        }));
    }
    table.trim_fmt()
}
