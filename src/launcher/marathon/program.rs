//! What is run: `cmd` or `args`, as whom, and with which environment.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::spec::{Program, variable};
use crate::launcher::fields::Fields;

/// Variables that Marathon or Mesos set and `shell_trap` reads; those of an app would win over them.
const OF_MARATHON: [&str; 6] =
    ["MARATHON_APP_RESOURCE_CPUS", "MARATHON_APP_RESOURCE_MEM", "MESOS_TASK_ID", "MESOS_SANDBOX", "PORT", "PORTS"];

/// What is run, as far as it is right.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProgramParts {
    /// What is run; absent means what the image runs by itself.
    pub program: Option<Program>,
    /// The user inside the container.
    pub user: Option<String>,
    /// The app's own variables.
    pub env: BTreeMap<String, String>,
}

/// Takes `cmd`, `args` and `user` out of the app, and reads `env`, which stays.
pub fn take(fields: &mut Fields<'_>, has_image: bool) -> ProgramParts {
    let program = program(fields, has_image);
    let user = fields.text("user", "write the user's name in quotes").filter(|user| !user.is_empty());
    if user.as_deref().is_some_and(|user| user.contains('\0')) {
        fields.error("user", "holds a NUL character");
    }
    fields.members.shift_remove("user");
    ProgramParts { program, user, env: environment(fields) }
}

fn program(fields: &mut Fields<'_>, has_image: bool) -> Option<Program> {
    const FIX: &str = "write a shell command";
    let cmd = fields.members.contains_key("cmd").then(|| fields.text("cmd", FIX)).flatten();
    let args = arguments(fields);
    fields.members.shift_remove("cmd");
    fields.members.shift_remove("args");
    match (cmd, args) {
        (Some(_), Some(_)) => {
            fields.error("args", "Marathon takes either cmd or args: keep one of the two");
            None
        }
        (Some(cmd), None) => {
            if cmd.trim().is_empty() {
                fields.error("cmd", format!("is empty: {FIX}"));
            } else if cmd.contains('\0') {
                fields.error("cmd", "holds a NUL character, which no shell can be given");
            }
            Some(Program::Shell(cmd))
        }
        (None, Some(args)) => Some(Program::Args(args)),
        (None, None) => {
            if !has_image {
                fields.missing("cmd", "write a shell command, or args, or name an image in container.docker.image");
            }
            None
        }
    }
}

fn arguments(fields: &mut Fields<'_>) -> Option<Vec<String>> {
    const FIX: &str = "write texts in quotes";
    let items = fields.list("args", FIX)?;
    let arguments: Option<Vec<String>> = items.iter().map(text_of).collect();
    match arguments {
        Some(arguments) if arguments.iter().any(|one| one.contains('\0')) => {
            fields.error("args", "one of them holds a NUL character, which no program can be given");
            None
        }
        Some(arguments) => Some(arguments).filter(|arguments| !arguments.is_empty()),
        None => {
            fields.error("args", format!("should hold texts only: {FIX}"));
            None
        }
    }
}

/// Checks the variables and writes each value as the text that it is to be.
fn environment(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let Some(written) = fields.members.get("env") else { return env };
    let Value::Object(written) = written else {
        fields.error("env", "should be an object of names and values");
        return env;
    };
    let mut problems = Vec::new();
    for (name, value) in written {
        match variable_of(name, value) {
            Ok(text) => drop(env.insert(name.clone(), text)),
            Err(problem) => problems.push((format!("env.{name}"), problem)),
        }
    }
    for (field, problem) in problems {
        fields.error(&field, problem);
    }
    let texts: Map<String, Value> = env.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    fields.members.insert("env".into(), texts.into());
    env
}

fn variable_of(name: &str, value: &Value) -> Result<String, String> {
    if name.starts_with(variable::PREFIX) {
        return Err(format!(
            "names that begin with {} are for the launcher and the agents: rename it",
            variable::PREFIX
        ));
    }
    if OF_MARATHON.contains(&name) || is_numbered_port(name) {
        return Err("is set by Marathon, and this value would win over the right one: leave it out".into());
    }
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err("is no name that an environment can hold".into());
    }
    if value.get("secret").is_some() {
        return Err("secrets are handed to Marathon's own tasks only, not to the container in one: \
                    mount a file, or write the value"
            .into());
    }
    match text_of(value) {
        Some(text) if text.contains('\0') => Err("holds a NUL character, which no environment can hold".into()),
        Some(text) => Ok(text),
        None => Err(format!("should be a text in quotes, found {value}")),
    }
}

fn is_numbered_port(name: &str) -> bool {
    name.strip_prefix("PORT").is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}
