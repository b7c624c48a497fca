//! `kill -9` of a supervisor process, again and again, while long-running jobs are resized: at random instants, and exactly between a
//! resize in the log and its request, between the request and its outcome, between a report in the log and its answer, and on both sides
//! of a deletion. The cluster's own journal is the judge.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and tells what it measured"
)]

mod oracle;
#[path = "../kill/process.rs"]
mod process;
#[path = "../kill/proxy.rs"]
mod proxy;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesos_qos::clients::marathon::{MarathonClient, MarathonClientOptions};
use mesos_qos::clock::SystemClock;
use mesos_qos::credentials::FrameworkCredentials;
use mesos_qos::launcher::{AgentSettings, JobSource, LaunchOptions, SupervisorApi, launch_app};
use mesos_qos::local::executor::process::limiter::LimiterChoice;
use mesos_qos::local::executor::process::{ProcessExecutor, ProcessOptions};
use mesos_qos::local::{LocalCluster, LocalOptions, MarathonVersion};
use mesos_qos::qos::ids::JobId;
use process::{Supervisor, free_port};
use proxy::{KillPoint, Plan, Proxy};
use rand::{RngExt, SeedableRng};
use secrecy::SecretString;

/// Ids, and the CPU-seconds that each makes a second with one CPU. With 1.4 CPUs both are too fast, with 1.0 too slow: they are resized
/// to and fro without end.
const JOBS: [(&str, u32); 2] = [("/kill/first", 750), ("/kill/second", 850)];

/// So many of each kind while the jobs run; the deletions of both come on top.
const KILLS: [(KillPoint, usize); 4] = [
    (KillPoint::AnyInstant, 8),
    (KillPoint::BetweenDecisionAndResize, 5),
    (KillPoint::BetweenResizeAndOutcome, 5),
    (KillPoint::BetweenCommitAndAnswer, 4),
];

#[test]
fn nothing_is_lost_or_done_twice_on_marathon_1_1() {
    actix_rt::System::new().block_on(killed(MarathonVersion::V1_1, 11));
}

#[test]
fn nothing_is_lost_or_done_twice_on_marathon_1_5() {
    actix_rt::System::new().block_on(killed(MarathonVersion::V1_5, 15));
}

async fn killed(version: MarathonVersion, seed: u64) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    let cluster = cluster(dir.path(), version, seed);
    let plan = Arc::new(Plan::default());
    let (port, data) = (free_port(), dir.path().join("data"));

    // The supervisor reaches Marathon, and the agents reach the supervisor, through proxies that can kill it at a chosen moment.
    let marathon_address = cluster.marathon_url().trim_start_matches("http://").parse().unwrap();
    let to_marathon = Proxy::start(marathon_address, Arc::clone(&plan)).await;
    let to_supervisor = Proxy::start(format!("127.0.0.1:{port}").parse().unwrap(), Arc::clone(&plan)).await;
    let through_proxy = dir.path().join("proxied.json");
    cluster.credentials().write(&through_proxy, &format!("http://{}", to_marathon.address)).unwrap();
    let log = dir.path().join("supervisor.log");
    let supervisor = Supervisor::start(port, data.clone(), ("-m", through_proxy), log).await;
    plan.arm(Arc::clone(&supervisor));

    let direct = dir.path().join("marathon.json");
    cluster.credentials().write(&direct, &cluster.marathon_url()).unwrap();
    let credentials = FrameworkCredentials::read_marathon(&direct).unwrap().value;
    let marathon = MarathonClient::new(credentials, MarathonClientOptions::default()).unwrap();
    let url = format!("http://{}", to_supervisor.address).parse().unwrap();
    let token = SecretString::from(std::fs::read_to_string(data.join("operator.token")).unwrap().trim());
    let api = SupervisorApi::new(url, Some(token), &MarathonClientOptions::default()).unwrap();
    let checkpoints = dir.path().join("checkpoints");
    let agent = agent(dir.path(), &checkpoints);
    let mut jobs = BTreeMap::new();
    for (id, rate) in JOBS {
        // Half of a thousandth beside its plan is too much, and it never comes near its declared CPU time.
        let job = serde_json::json!({"id": id, "cmd": "unused", "cpus": 1.0, "mem": 16,
            "container": {"type": "DOCKER", "docker": {"image": "unused"}},
            "env": {"RATE": rate.to_string(), "WORK": "4000000000"},
            "qos": {"duration": 1_000_000, "deadline": 1_000_000, "desv_deadline": 0.0005}});
        let options = LaunchOptions::new(Arc::new(SystemClock));
        let launched = launch_app(JobSource::Json(job), &marathon, &api, &agent, options).await.unwrap();
        jobs.insert(id, launched.uuid);
    }

    kill_while_they_run(&plan, &supervisor, seed).await;
    for job in jobs.values() {
        std::fs::write(checkpoints.join(job.to_string()).join("finish"), "").unwrap();
        plan.wait_for_all(&[KillPoint::BeforeDeletion, KillPoint::AfterDeletion]).await;
    }
    let began = Instant::now();
    while !jobs.values().all(|job| oracle::removed(&data, *job)) {
        assert!(began.elapsed() < Duration::from_secs(120), "stalled:\n{}", oracle::describe(&data, &jobs));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("Marathon {version}: killed {:?}", plan.kills());
    for (point, times) in KILLS.into_iter().chain([(KillPoint::BeforeDeletion, 2), (KillPoint::AfterDeletion, 2)]) {
        assert!(plan.kills().get(&point).is_some_and(|kills| *kills >= times), "{point:?}: {:?}", plan.kills());
    }
    supervisor.stop().await;
    oracle::judge(&data, cluster.journal_path(), &jobs, &plan.acknowledged());
    oracle::is_not_blind(&data, cluster.journal_path(), &jobs, &plan.acknowledged());
    assert!(marathon.apps().await.unwrap().is_empty(), "every app left Marathon");
    assert!(marathon.all_tasks().await.unwrap().is_empty(), "and so did every task");
    cluster.shutdown().await;
}

async fn kill_while_they_run(plan: &Plan, supervisor: &Supervisor, seed: u64) {
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let began = Instant::now();
    loop {
        let kills = plan.kills();
        let missing = KILLS.into_iter().filter(|(point, times)| kills.get(point).copied().unwrap_or(0) < *times);
        let missing: Vec<KillPoint> = missing.map(|(point, _)| point).collect();
        if missing.is_empty() {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(300), "no chance any more: {kills:?}");
        match missing[rng.random_range(0..missing.len())] {
            KillPoint::AnyInstant => {
                tokio::time::sleep(Duration::from_millis(rng.random_range(20..2500))).await;
                supervisor.kill_and_restart().await;
                plan.note(KillPoint::AnyInstant);
            }
            point => plan.wait_for(point).await,
        }
    }
}

fn cluster(dir: &Path, version: MarathonVersion, seed: u64) -> LocalCluster {
    let executor = ProcessExecutor::new(ProcessOptions {
        cpu_factor: 0.3,
        state_dir: dir.join("executor"),
        limiter: LimiterChoice::Auto,
        env: vec![],
    })
    .unwrap();
    let mut options = LocalOptions::new(dir.join("cluster"), Arc::new(executor), Arc::new(SystemClock));
    options.marathon_version = version;
    options.seed = seed;
    options.offer_interval = Duration::from_millis(70);
    options.deployment_delay = (Duration::ZERO, Duration::from_millis(150));
    options.teardown_delay = (Duration::ZERO, Duration::from_millis(250));
    LocalCluster::start(options).unwrap()
}

fn agent(dir: &Path, checkpoints: &Path) -> AgentSettings {
    let script: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/marathon_loop/agent.sh");
    let agent = dir.join("agent.sh");
    std::fs::copy(script, &agent).unwrap();
    std::fs::set_permissions(&agent, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir_all(checkpoints).unwrap();
    AgentSettings {
        executor_path: agent.to_str().unwrap().into(),
        checkpoint_dir: checkpoints.to_str().unwrap().into(),
        kill_grace_seconds: 20,
    }
}

/// The jobs by their ids in Marathon.
pub type Jobs = BTreeMap<&'static str, JobId>;
