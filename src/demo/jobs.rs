//! The job files of a case, and their launch.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::scaling::{JobPlan, Speed};
use crate::clients::chronos::ChronosClient;
use crate::clock::SystemClock;
use crate::launcher::submit::SubmitTiming;
use crate::launcher::{JobSource, LaunchOptions, Launched, SupervisorApi, launch};

/// For how long a task reports its end again and again: published seconds, and the least.
const CALLBACK_WINDOW: (f64, f64) = (600.0, 20.0);

/// What all jobs have in common.
#[derive(Debug, Clone)]
pub struct Workload {
    /// What they run, as their tasks see it.
    pub program: PathBuf,
    /// What tells them how much they have to do, as their tasks see it.
    pub calibration: PathBuf,
    /// Of the orders of matrices that vary.
    pub seed: u64,
    /// Their container, if they have one.
    pub container: Option<Value>,
    /// Several iterations may run in one task.
    pub chain: bool,
}

impl Workload {
    /// The words that run an iteration of `plan`, or all of it.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn words(&self, plan: &JobPlan) -> anyhow::Result<Vec<String>> {
        let text = |path: &Path| path.to_str().map(str::to_owned).with_context(|| format!("{path:?} should be UTF-8"));
        let mut words = vec![text(&self.program)?];
        words.extend(plan.workload_arguments());
        words.extend(["--calibration".to_owned(), text(&self.calibration)?]);
        if plan.vary.is_some() {
            words.extend(["--seed".to_owned(), self.seed.to_string()]);
        }
        Ok(words)
    }
}

/// The `qos` of its job or app file.
pub fn qos(plan: &JobPlan) -> Value {
    json!({
        "duration": plan.duration.seconds(),
        "deadline": plan.deadline.seconds(),
        "desv_deadline": plan.deviation,
    })
}

/// The job file of `plan`; its tasks run under the agent when it gets its CPU `in_place`.
///
/// # Errors
/// When a path is not UTF-8 or holds a NUL.
pub fn job_file(plan: &JobPlan, workload: &Workload, in_place: bool) -> anyhow::Result<Value> {
    let words = workload.words(plan)?;
    let command = shlex::try_join(words.iter().map(String::as_str)).context("the path of this program")?;
    let mut file = json!({
        "name": plan.name,
        "command": format!("exec {command}"),
        "schedule": plan.schedule(),
        "owner": "demo@localhost",
        "async": "false",
        "cpus": "1",
        "mem": "500",
        "qos": qos(plan),
    });
    if workload.chain {
        file["qos"]["chain"] = true.into();
    }
    if in_place {
        file["qos"]["in_place"] = true.into();
    }
    if let Some(container) = &workload.container {
        file["container"] = container.clone();
    }
    Ok(file)
}

/// Launches all `files` at once, as the published experiment did; in their order. `agent` is its program.
///
/// # Errors
/// When one of them cannot be launched.
pub async fn launch_all(
    chronos: &ChronosClient,
    api: &SupervisorApi,
    files: &[Value],
    speed: Speed,
    agent: Option<&Path>,
) -> anyhow::Result<Vec<Launched>> {
    let mut options = LaunchOptions::new(Arc::new(SystemClock));
    options.callback_window = Duration::from_secs_f64((CALLBACK_WINDOW.0 / speed.get()).max(CALLBACK_WINDOW.1));
    if let Some(agent) = agent {
        options.executor_path = agent.to_str().with_context(|| format!("{agent:?} should be UTF-8"))?.to_owned();
    }
    // The cluster shows a job within milliseconds; the launcher's usual pause would cost published minutes.
    options.timing = SubmitTiming { pause: Duration::from_millis(20), ..SubmitTiming::default() };
    try_join_all(files.iter().map(|file| {
        let source = JobSource::Json(file.clone());
        let launched = launch(source, chronos, api, options.clone());
        async { launched.await.map_err(|error| anyhow!("{}: {error}", file["name"].as_str().unwrap_or("job"))) }
    }))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock as _;
    use crate::demo::scaling::case_two;

    #[test]
    fn the_launcher_takes_the_job_files() {
        for speed in [1.0, 15.0, 37.3, 60.0] {
            for plan in case_two(Speed::new(speed).unwrap()) {
                let container = Some(json!({"type": "DOCKER", "image": "i", "network": "HOST"}));
                let (program, calibration) = ("/a b/it's".into(), "/tmp/c.json".into());
                let file = job_file(&plan, &Workload { program, calibration, seed: 7, container, chain: true }, false)
                    .unwrap();
                let job = JobSource::Json(file).load(SystemClock.now()).unwrap();
                assert_eq!((job.iterations, job.cpus.milli()), (plan.iterations, 1000));
                assert_eq!((job.qos.duration, job.qos.deadline), (plan.duration, plan.deadline));
                assert!(job.qos.chain);
                assert!(job.warnings.is_empty(), "{:?}", job.warnings);
                let words = shlex::split(&job.command).unwrap();
                assert_eq!(words[..4], ["exec", "/a b/it's", "workload", "lu"]);
                assert!(words.ends_with(&["--seed".into(), "7".into()]), "{words:?}");
            }
        }
    }
}
