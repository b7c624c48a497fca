//! What a task runs: its command and its environment.

use indexmap::IndexMap;

use super::Core;
use crate::local::chronos::container::Container;
use crate::local::chronos::job::Job;
use crate::local::chronos::task::{LaunchOrder, Wanted};
use crate::local::java::java_double;
use crate::local::nodes::Node;

impl Core {
    /// The order for the executor, or why there can be none.
    pub(super) fn launch_order(
        &self,
        seq: u64,
        job: &Job,
        wanted: &Wanted,
        node: Option<&Node>,
    ) -> Result<LaunchOrder, String> {
        if !job.executor.is_empty() {
            return Err(format!("the custom executor {:?} needs a Mesos agent: leave `executor` empty", job.executor));
        }
        let node = node.ok_or("the node is gone")?;
        let (cpus, shared) = self.settings.limit.of(job.reservation(), node);
        Ok(LaunchOrder {
            task: wanted.to_string(),
            seq,
            argv: argv(job, &wanted.arguments),
            env: self.environment(job, wanted, &node.hostname, &node.env),
            cpus,
            node: shared,
            memory_mib: job.mem,
            container: job.container.as_ref().map(Container::spec),
        })
    }

    /// The job's own variables cannot override those of Chronos; those of this cluster yield to both.
    fn environment(
        &self,
        job: &Job,
        wanted: &Wanted,
        hostname: &str,
        node_env: &[(String, String)],
    ) -> Vec<(String, String)> {
        let task = wanted.to_string();
        let mut env: IndexMap<String, String> = self.settings.env.iter().chain(node_env).cloned().collect();
        env.extend(job.environment.iter().cloned());
        let mut put = |name: &str, value: String| {
            env.insert(name.to_owned(), value);
        };
        put("mesos_task_id", task.clone());
        put("CHRONOS_JOB_OWNER", job.owner.clone());
        put("CHRONOS_JOB_NAME", job.name.clone());
        put("HOST", hostname.to_owned());
        put("CHRONOS_RESOURCE_MEM", java_double(job.mem));
        put("CHRONOS_RESOURCE_CPU", java_double(job.cpus));
        put("CHRONOS_RESOURCE_DISK", java_double(job.disk));
        if self.v3() {
            put("MESOS_TASK_ID", task);
            put("CHRONOS_JOB_RUN_TIME", (wanted.due.micros() / 1000).to_string());
            put("CHRONOS_JOB_RUN_ATTEMPT", wanted.attempt.to_string());
        }
        env.into_iter().collect()
    }
}

/// The arguments of the task id are appended to the command's text; those of the job are its argv as well.
fn argv(job: &Job, arguments: &str) -> Vec<String> {
    let command = if arguments.is_empty() { job.command.clone() } else { format!("{} {arguments}", job.command) };
    let shell = |script: String| vec!["/bin/sh".to_owned(), "-c".to_owned(), script];
    if command.starts_with("http") || command.starts_with("ftp") {
        return shell(fetch_and_run(&command));
    }
    if job.shell {
        return shell(command);
    }
    // Without a shell, Mesos takes the command for the program and the first argument for its argv[0]; docker
    // appends them all.
    let skipped = if job.container.is_some() { 0 } else { 1 };
    std::iter::once(command).chain(job.arguments.iter().skip(skipped).cloned()).collect()
}

/// The agent downloads such a command into the sandbox, makes it executable and runs it.
fn fetch_and_run(url: &str) -> String {
    let name = url.rsplit('/').next().unwrap_or_default();
    let quoted = |text: &str| shlex::try_quote(text).map(|q| q.into_owned()).unwrap_or_default();
    let (url, file) = (quoted(url), quoted(&format!("./{name}")));
    format!("curl -fsSL -o {file} -- {url} && chmod +x {file} && exec {file}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::chronos::decode::decode;
    use crate::local::chronos::version::ChronosVersion;
    use crate::qos::units::Timestamp;
    use serde_json::{Value, json};

    fn command(job: Value, arguments: &str) -> Vec<String> {
        argv(&decode(&job, ChronosVersion::V3_0, Timestamp::from_micros(0)).unwrap(), arguments)
    }

    #[test]
    fn arguments_are_appended_to_the_command() {
        assert_eq!(command(json!({"name": "n", "command": "echo a"}), "b c"), ["/bin/sh", "-c", "echo a b c"]);
        let bare = json!({"name": "n", "command": "/bin/echo", "shell": false, "arguments": ["echo", "a b"]});
        assert_eq!(command(bare, ""), ["/bin/echo", "a b"]);
    }

    #[test]
    fn a_command_that_is_an_address_is_fetched_and_run() {
        let script = &command(json!({"name": "n", "command": "http://127.0.0.1/it's"}), "")[2];
        assert!(script.starts_with("curl -fsSL -o \"./it's\" -- \"http://127.0.0.1/it's\" && chmod"), "{script}");
    }
}
