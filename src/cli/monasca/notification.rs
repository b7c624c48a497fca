//! `mesos-qos monasca notification`

use std::io::Write;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::{AccessArgs, difference, find, id, table};
use crate::openstack::{Monasca, NotificationMethod, NotificationType};

const COLUMNS: [&str; 5] = ["name", "type", "address", "period", "id"];

#[derive(Debug, Subcommand)]
pub enum NotificationCommand {
    /// Make a notification method; one that is there already and says the same stays
    Create(CreateArgs),
    /// List the notification methods
    List(ListArgs),
    /// Show one notification method
    Get(GetArgs),
    /// Delete notification methods; one that is gone already is no error
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    #[command(flatten)]
    access: AccessArgs,
    /// Its name, unique in the project
    name: String,
    /// How it tells
    #[arg(value_name = "TYPE", ignore_case = true)]
    kind: NotificationType,
    /// Where to: a mail address, a URL or a service key
    address: String,
    /// Tells again after this time in seconds while the alarm lasts (webhooks; 60 in most installations); 0 is once
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    period: u32,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub struct GetArgs {
    #[command(flatten)]
    access: AccessArgs,
    /// Its name or id
    method: String,
}

#[derive(Debug, Args)]
pub struct DeleteArgs {
    #[command(flatten)]
    access: AccessArgs,
    /// Their names or ids
    #[arg(required = true, value_name = "METHOD")]
    methods: Vec<String>,
}

pub async fn run(command: NotificationCommand, out: &mut impl Write, say: &dyn Fn(&str)) -> anyhow::Result<()> {
    match command {
        NotificationCommand::Create(args) => {
            let monasca = args.access.open(say)?;
            let CreateArgs { access, name, kind, address, period } = args;
            let (made, new) = ensure(&monasca, &NotificationMethod { name, kind, address, period }).await?;
            let text = format!("{} {}  {}", if new { "created" } else { "exists " }, made["name"], id(&made));
            access.show(out, &made, &text)
        }
        NotificationCommand::List(ListArgs { access }) => {
            let all = access.open(say)?.notification_methods().await?;
            access.show(
                out,
                &all,
                &if all.is_empty() { "no notification methods".into() } else { table(&all, &COLUMNS) },
            )
        }
        NotificationCommand::Get(args) => {
            // Monasca finds methods by their id only.
            let all = args.access.open(say)?.notification_methods().await?;
            let found =
                find(&all, &args.method).with_context(|| format!("no notification method {:?}", args.method))?;
            args.access.show(out, found, &table(std::slice::from_ref(found), &COLUMNS))
        }
        NotificationCommand::Delete(args) => {
            let monasca = args.access.open(say)?;
            let all = monasca.notification_methods().await?;
            let mut deleted = Vec::new();
            for wanted in &args.methods {
                match find(&all, wanted).map(id) {
                    Some(known) if monasca.delete_notification_method(known).await? => deleted.push(known.to_owned()),
                    _ => say(&format!("no notification method {wanted:?}")),
                }
            }
            args.access.show(out, &deleted, &format!("deleted {}", deleted.len()))
        }
    }
}

/// Makes the method, unless one of its name says the same already. Whether it is new.
pub(super) async fn ensure(monasca: &Monasca, wanted: &NotificationMethod) -> anyhow::Result<(Value, bool)> {
    let all = monasca.notification_methods().await?;
    let Some(there) = all.into_iter().find(|one| one["name"] == wanted.name.as_str()) else {
        return Ok((monasca.create_notification_method(wanted).await?, true));
    };
    let asked = serde_json::to_value(wanted)?;
    match difference(&asked, &there) {
        None => Ok((there, false)),
        Some((key, value)) => bail!(
            "there is another notification method {:?}, whose {key} is {} and not {value}: delete it, or choose another name",
            wanted.name,
            there[key]
        ),
    }
}
