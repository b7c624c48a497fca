//! The app file of the long-running job, and its launch.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};

use crate::clients::marathon::MarathonClient;
use crate::clock::SystemClock;
use crate::demo::jobs::{Workload, qos};
use crate::demo::scaling::JobPlan;
use crate::launcher::submit::SubmitTiming;
use crate::launcher::{AgentSettings, JobSource, LaunchOptions, Launched, SupervisorApi, launch_app};
use crate::local::executor::process::CPU_FACTOR_VARIABLE;

/// As published, s: an ended task is launched again after it, and the supervisor removes the app before that.
const BACKOFF: u32 = 300;

/// The app of `plan`; a virtual CPU is `cpu_factor` real cores.
///
/// # Errors
/// When a path is not UTF-8.
pub fn app_file(plan: &JobPlan, workload: &Workload, cpu_factor: f64) -> anyhow::Result<Value> {
    let mut file = json!({
        "id": plan.name,
        "args": workload.words(plan)?,
        "instances": 1,
        "cpus": 1,
        "mem": 512,
        "disk": 0,
        "backoffSeconds": BACKOFF,
        "env": {(CPU_FACTOR_VARIABLE): cpu_factor.to_string()},
        "qos": qos(plan),
    });
    if let Some(container) = &workload.container {
        file["container"] = container.clone();
    }
    Ok(file)
}

/// Launches it.
///
/// # Errors
/// When the supervisor or Marathon do not take it.
pub async fn launch(
    file: &Value,
    marathon: &MarathonClient,
    api: &SupervisorApi,
    agent: &AgentSettings,
) -> anyhow::Result<Launched> {
    let mut options = LaunchOptions::new(Arc::new(SystemClock));
    options.timing = SubmitTiming { pause: Duration::from_millis(20), ..SubmitTiming::default() };
    let launched = launch_app(JobSource::Json(file.clone()), marathon, api, agent, options).await;
    launched.map_err(|error| anyhow!("{}: {error}", file["id"].as_str().unwrap_or("app")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::scaling::{Speed, case_three};
    use crate::launcher::marathon::spec::Program;

    #[test]
    fn the_launcher_takes_the_app_with_and_without_a_container() {
        for speed in [1.0, 15.0, 37.3].map(|factor| Speed::new(factor).unwrap()) {
            for image in [None, Some("i")] {
                let container = image.map(|image| {
                    json!({"type": "DOCKER", "docker": {"image": image, "network": "HOST"},
                        "volumes": [{"hostPath": "/s", "containerPath": "/s", "mode": "RO"}]})
                });
                let (program, calibration) = ("/a b/it's".into(), "/tmp/c.json".into());
                let plan = case_three(speed);
                let file = app_file(&plan, &Workload { program, calibration, seed: 7, container, chain: false }, 0.17)
                    .unwrap();
                let app = JobSource::Json(file).load_app().unwrap();
                assert_eq!(
                    (app.cpus.milli(), app.qos.duration, app.qos.deadline),
                    (1000, plan.duration, plan.deadline)
                );
                assert_eq!(app.spec.image.as_deref(), image);
                let Some(Program::Args(args)) = &app.spec.program else { panic!("{:?}", app.spec) };
                assert_eq!(args[..3], ["/a b/it's", "workload", "lu"]);
                // Only that a process has no checkpoints.
                let warned: Vec<&str> = app.warnings.iter().map(|warning| warning.field.as_str()).collect();
                assert_eq!(warned, if image.is_some() { vec![] } else { vec!["container"] }, "{:?}", app.warnings);
            }
        }
    }
}
