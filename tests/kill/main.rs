//! `kill -9` of a supervisor process, again and again, while jobs run: at random instants, and exactly between an attempt and its
//! request, between a request and its outcome, between a commit and its answer. The cluster's own launch journal is the judge.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and tells what it measured"
)]

mod oracle;
mod process;
mod proxy;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesos_qos::clients::chronos::{ChronosClient, ChronosClientOptions};
use mesos_qos::clients::transport::TransportOptions;
use mesos_qos::clock::SystemClock;
use mesos_qos::credentials::FrameworkCredentials;
use mesos_qos::launcher::{JobSource, LaunchOptions, SupervisorApi, launch};
use mesos_qos::local::executor::process::limiter::LimiterChoice;
use mesos_qos::local::executor::process::{ProcessExecutor, ProcessOptions};
use mesos_qos::local::{ChronosVersion, LocalCluster, LocalOptions};
use process::{Supervisor, free_port};
use proxy::{KillPoint, Plan, Proxy};
use rand::{RngExt, SeedableRng};
use secrecy::SecretString;

const KILLS: usize = 30;

/// Name, iterations, command, and how it is chained: not at all, in as few tasks as can be, or with a new task for each other CPU.
const JOBS: [(&str, u32, &str, Chain); 6] = [
    ("kill1", 40, "sleep 0.05", Chain::No),
    ("kill2", 30, "true", Chain::No),
    ("kill3", 25, "sleep 0.3", Chain::No),
    ("kill10", 30, "sleep 0.1", Chain::No),
    ("chain1", 60, "sleep 0.4", Chain::OneTask),
    ("chain2", 50, "sleep 0.3", Chain::Resized),
];

#[derive(Clone, Copy, PartialEq)]
enum Chain {
    No,
    OneTask,
    Resized,
}

#[test]
fn nothing_is_lost_or_done_twice_on_chronos_2_4() {
    actix_rt::System::new().block_on(killed(ChronosVersion::V2_4, 24));
}

#[test]
fn nothing_is_lost_or_done_twice_on_chronos_3_0() {
    actix_rt::System::new().block_on(killed(ChronosVersion::V3_0, 30));
}

async fn killed(version: ChronosVersion, seed: u64) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    let cluster = cluster(dir.path(), version, seed);
    let plan = Arc::new(Plan::default());
    let (port, data) = (free_port(), dir.path().join("data"));

    // The supervisor reaches Chronos, and the jobs reach the supervisor, through proxies that can kill it at a chosen moment.
    let chronos_address = cluster.chronos_url().trim_start_matches("http://").parse().unwrap();
    let to_chronos = Proxy::start(chronos_address, Arc::clone(&plan)).await;
    let to_supervisor = Proxy::start(format!("127.0.0.1:{port}").parse().unwrap(), Arc::clone(&plan)).await;
    let through_proxy = dir.path().join("proxied.json");
    cluster.credentials().write(&through_proxy, &format!("http://{}", to_chronos.address)).unwrap();
    let supervisor =
        Supervisor::start(port, data.clone(), ("-c", through_proxy), dir.path().join("supervisor.log")).await;
    plan.arm(Arc::clone(&supervisor));

    let direct = dir.path().join("chronos.json");
    cluster.credentials().write(&direct, &cluster.chronos_url()).unwrap();
    let credentials = FrameworkCredentials::read_chronos(&direct).unwrap().value;
    let chronos = ChronosClient::new(credentials, ChronosClientOptions::default()).unwrap();
    let url = format!("http://{}", to_supervisor.address).parse().unwrap();
    let token = std::fs::read_to_string(data.join("operator.token")).unwrap();
    let api = SupervisorApi::new(url, Some(SecretString::from(token.trim())), &TransportOptions::default()).unwrap();
    let mut jobs = BTreeMap::new();
    for (name, iterations, command, chain) in JOBS {
        let policy = match chain {
            Chain::No => "predictive",
            Chain::OneTask => "fixed",
            Chain::Resized => "step",
        };
        let job = serde_json::json!({"name": name, "command": command, "schedule": format!("R{iterations}//PT5M"), "cpus": 0.5, "mem": 16,
            "owner": "", "qos": {"duration": 1, "deadline": 600, "desv_deadline": 0.2, "chain": chain != Chain::No, "policy": policy}});
        let options = LaunchOptions::new(Arc::new(SystemClock));
        let launched = launch(JobSource::Json(job), &chronos, &api, options).await.unwrap();
        jobs.insert(name, (launched.uuid, iterations));
    }

    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    while plan.kills().values().sum::<usize>() < KILLS {
        match rng.random_range(0..4) {
            0 => {
                tokio::time::sleep(Duration::from_millis(rng.random_range(20..700))).await;
                supervisor.kill_and_restart().await;
                plan.note(KillPoint::AnyInstant);
            }
            1 => plan.wait_for(KillPoint::BetweenAttemptAndRequest).await,
            2 => plan.wait_for(KillPoint::BetweenRequestAndOutcome).await,
            _ => plan.wait_for(KillPoint::BetweenCommitAndAnswer).await,
        }
        let running = jobs.values().filter(|(uuid, _)| !oracle::completed(&data, *uuid)).count();
        assert!(running > 0, "all jobs completed before the kills: {:?}", plan.kills());
    }
    let began = Instant::now();
    while !jobs.values().all(|(uuid, _)| oracle::removed(&data, *uuid)) {
        assert!(began.elapsed() < Duration::from_secs(400), "stalled:\n{}", oracle::describe(&data, &jobs));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("Chronos {version}: killed {:?}", plan.kills());
    assert!(plan.kills().len() == 4 && plan.kills().values().sum::<usize>() >= KILLS, "every kind of kill happened");
    supervisor.stop().await;
    oracle::judge(&data, cluster.journal_path(), &jobs, &plan.acknowledged());
    oracle::is_not_blind(&data, cluster.journal_path(), &jobs, &plan.acknowledged());
    assert!(chronos.jobs().await.unwrap().is_empty(), "every job left the framework");
    cluster.shutdown().await;
}

fn cluster(dir: &std::path::Path, version: ChronosVersion, seed: u64) -> LocalCluster {
    let executor = ProcessExecutor::new(ProcessOptions {
        cpu_factor: 0.17,
        state_dir: dir.join("executor"),
        limiter: LimiterChoice::Auto,
        env: vec![],
    })
    .unwrap();
    let mut options = LocalOptions::new(dir.join("cluster"), Arc::new(executor), Arc::new(SystemClock));
    options.chronos_version = version;
    options.seed = seed;
    options.offer_interval = Duration::from_millis(70);
    options.deployment_delay = (Duration::ZERO, Duration::from_millis(150));
    options.teardown_delay = (Duration::ZERO, Duration::from_millis(250));
    LocalCluster::start(options).unwrap()
}
