//! The nodes' agents of the embedded cluster, whose figures a supervisor takes from its Monasca: a real job, run by the real agent of jobs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "api/helpers.rs"]
#[allow(dead_code, reason = "shared with the API tests, which use more of it")]
mod helpers;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use helpers::{TestApp, on_actix};
use mesos_qos::clients::marathon::{MarathonClient, MarathonClientOptions};
use mesos_qos::clock::SystemClock;
use mesos_qos::credentials::FrameworkCredentials;
use mesos_qos::launcher::{AgentSettings, JobSource, LaunchOptions, SupervisorApi, launch_app};
use mesos_qos::local::executor::process::limiter::LimiterChoice;
use mesos_qos::local::executor::process::{ProcessExecutor, ProcessOptions};
use mesos_qos::local::{CpuLimit, LocalCluster, LocalOptions, NodeVariable};
use secrecy::SecretString;
use serde_json::{Value, json};
use shell_trap::cgroup::Cgroups;

/// Real cores in a CPU of the cluster; the ticks in a second of it.
const CPU_FACTOR: f64 = 0.5;
const TICKS_PER_SECOND: &str = "50";

const APP: &str = "/busy";

fn cluster(dir: &Path, variables: &[(&str, &str)]) -> LocalCluster {
    let process = ProcessOptions {
        cpu_factor: CPU_FACTOR,
        state_dir: dir.join("executor"),
        limiter: LimiterChoice::Auto,
        env: vec![],
    };
    let executor = Arc::new(ProcessExecutor::new(process).unwrap());
    let run = dir.join("run");
    let (factor, run) = (CPU_FACTOR.to_string(), run.to_str().unwrap());
    let all =
        [("SHELL_TRAP_CPU_FACTOR", factor.as_str()), ("SHELL_TRAP_SAMPLE_SECONDS", "0.2"), ("SHELL_TRAP_RUN_DIR", run)];
    let variable =
        |(name, value): &(&str, &str)| NodeVariable { node: None, name: (*name).into(), value: (*value).into() };
    let options = LocalOptions {
        monasca_agent_period: Duration::from_millis(300),
        offer_interval: Duration::from_millis(100),
        marathon_limit: CpuLimit::Node,
        node_env: all.iter().chain(variables).map(variable).collect(),
        ..LocalOptions::new(dir.join("cluster"), executor, Arc::new(SystemClock))
    };
    LocalCluster::start(options).unwrap()
}

async fn supervisor(dir: &Path, cluster: &LocalCluster) -> TestApp {
    let (marathon, openstack) = (dir.join("marathon.json"), dir.join("openstack.json"));
    cluster.credentials().write(&marathon, &cluster.marathon_url()).unwrap();
    cluster.accounts()[0].write(&openstack, &cluster.keystone_url(), &cluster.monasca_url()).unwrap();
    TestApp::start_with(&[
        ("supervisor", "credentials_marathon", marathon.to_str().unwrap()),
        ("supervisor", "credentials_openstack", openstack.to_str().unwrap()),
        ("cpu_source", "kind", "monasca"),
        ("elasticity", "ticks_per_second", TICKS_PER_SECOND),
        ("elasticity", "monitoring_period", "2"),
        ("elasticity", "rescale", "in-place"),
        ("marathon", "poll_interval", "0.1"),
    ])
    .await
}

/// Launches a program that computes all the time; the file of `mesos-qos` is the agent when it is called so.
async fn launch(dir: &Path, app: &TestApp) -> String {
    let agent = dir.join("shell_trap");
    if std::fs::hard_link(env!("CARGO_BIN_EXE_mesos-qos"), &agent).is_err() {
        std::fs::copy(env!("CARGO_BIN_EXE_mesos-qos"), &agent).unwrap();
    }
    let credentials = FrameworkCredentials::read_marathon(&dir.join("marathon.json")).unwrap().value;
    let marathon = MarathonClient::new(credentials, MarathonClientOptions::default()).unwrap();
    let token = SecretString::from(app.operator.clone());
    let api = SupervisorApi::new(app.url.parse().unwrap(), Some(token), &MarathonClientOptions::default()).unwrap();
    let agent = AgentSettings {
        executor_path: agent.to_str().unwrap().into(),
        checkpoint_dir: String::new(),
        kill_grace_seconds: 2,
    };
    let file = json!({"id": APP, "cmd": "while :; do :; done", "cpus": 1, "mem": 32,
        "qos": {"duration": 300, "deadline": 600, "desv_deadline": 0.1}});
    let options = LaunchOptions::new(Arc::new(SystemClock));
    launch_app(JobSource::Json(file), &marathon, &api, &agent, options).await.unwrap().uuid.to_string()
}

async fn events(app: &TestApp, uuid: &str, kind: &str) -> Vec<Value> {
    let (_, page) = app.get(&format!("/api/v1/jobs/{uuid}/events?limit=1000")).await;
    let events = page["items"].as_array().unwrap().iter();
    events.filter(|event| event["kind"] == kind).map(|event| event["data"].clone()).collect()
}

/// What was published of the job's container: user and system time together, in ticks, by instant.
fn published(cluster: &LocalCluster, uuid: &str) -> BTreeMap<i64, i64> {
    let name = uuid.replace('-', "");
    let mut sums: BTreeMap<i64, (usize, i64)> = BTreeMap::new();
    for metric in cluster.metrics() {
        if metric.dimensions.get("name") != Some(&name) {
            continue;
        }
        assert!(["container.cpu.user_time", "container.cpu.system_time"].contains(&metric.name.as_str()), "{metric:?}");
        let keys: Vec<&str> = metric.dimensions.keys().map(String::as_str).collect();
        assert_eq!(keys, ["hostname", "image", "name"]);
        assert!(
            metric.dimensions["hostname"].starts_with("node") && metric.dimensions["image"] == "none",
            "{metric:?}"
        );
        let sum = sums.entry(metric.timestamp).or_default();
        (sum.0, sum.1) = (sum.0 + 1, sum.1 + metric.value as i64);
    }
    assert!(sums.values().all(|(count, _)| *count == 2), "{sums:?}");
    sums.into_iter().map(|(at, (_, ticks))| (at, ticks)).collect()
}

/// Runs the job until the supervisor has decided about it three times. What was published last, and what its task has used by the kernel
/// a moment later, both in ticks.
async fn supervised_by_monasca(dir: &Path, cluster: &LocalCluster) -> (i64, i64) {
    let app = supervisor(dir, cluster).await;
    let uuid = launch(dir, &app).await;
    let began = Instant::now();
    while events(&app, &uuid, "ProgressDecided").await.len() < 3 {
        let (_, ready) = app.get("/readyz").await;
        assert!(began.elapsed() < Duration::from_secs(90), "{:?} {ready}", app.kinds(&uuid).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let samples = events(&app, &uuid, "CpuSample").await;
    let all = published(cluster, &uuid);
    let used: Vec<i64> = samples.iter().map(|sample| sample["cpu"].as_i64().unwrap()).collect();
    assert!(used.is_sorted() && used[0] > 0 && used.last() > used.first(), "{used:?}");
    // Each figure in the log was published, to the tick.
    let ticks = |micros: i64| micros * TICKS_PER_SECOND.parse::<i64>().unwrap() / 1_000_000;
    for used in used {
        assert!(all.values().any(|published| *published == ticks(used)), "{used} us are not in {all:?}");
    }
    assert!(all.values().is_sorted(), "one container, which counts from zero: {all:?}");
    let last = published(cluster, &uuid).into_values().next_back().unwrap();
    let by_the_kernel = (cluster.usage()[APP].used_core_seconds * 100.0) as i64;
    app.stop().await;
    (last, by_the_kernel)
}

#[test]
fn a_job_is_supervised_by_the_cpu_times_that_the_nodes_agents_publish() {
    on_actix(async {
        let dir = tempfile::tempdir().unwrap();
        let cluster = cluster(dir.path(), &[]);
        let (last, by_the_kernel) = supervised_by_monasca(dir.path(), &cluster).await;
        assert!(last > 0 && last <= by_the_kernel, "{last} ticks were published of {by_the_kernel}");
        cluster.shutdown().await;
    });
}

/// As it is where agents put their containers into groups of their own, and always with Docker.
#[test]
fn a_container_outside_its_tasks_control_group_is_measured_by_its_own() {
    on_actix(async {
        let dir = tempfile::tempdir().unwrap();
        let group = format!("/mesos-qos-test-agents-{}", std::process::id());
        let cluster = cluster(dir.path(), &[("SHELL_TRAP_CGROUP_PARENT", &group)]);
        let (last, of_the_agent) = supervised_by_monasca(dir.path(), &cluster).await;
        // The task holds no more than the agent itself, which computes next to nothing.
        assert!(last > 2 * of_the_agent, "{last} ticks were published, and the agent has used {of_the_agent}");
        cluster.shutdown().await;
        Cgroups::find().unwrap().remove(&group);
    });
}
