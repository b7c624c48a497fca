//! The local cluster runs real processes, accounts for them and leaves none behind.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod local_support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use local_support::{BOTH, Cluster, options};
use mesos_qos::local::ChronosVersion::{V2_4, V3_0};
use mesos_qos::local::LocalCluster;
use mesos_qos::local::journal::{Entry, TaskEnd};
use reqwest::Method;
use serde_json::json;

/// Whether a process with this id exists and has not ended.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

/// Waits for a file to have a line, and returns it.
async fn line(chronos: &Cluster, path: &Path) -> String {
    chronos
        .until("the task has written", async || std::fs::read_to_string(path).is_ok_and(|t| t.ends_with('\n')))
        .await;
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn a_run_is_journalled_counted_and_accounted_for() {
    for version in BOTH {
        let dir = tempfile::tempdir().unwrap();
        let chronos = Cluster::in_dir(&dir, version);
        let name = "burn".to_owned();
        chronos
            .create(
                &name,
                "echo $HOST $CHRONOS_JOB_NAME; timeout 1 sh -c 'while :; do :; done'; true",
                json!({"cpus": "1"}),
            )
            .await;
        chronos.run(&name).await;
        chronos.until("it runs", async || chronos.csv(&name).await.contains("running")).await;
        chronos
            .until("it has used CPU", async || {
                let statistics = chronos.mesos("/monitor/statistics").await;
                statistics[0]["statistics"]["cpus_user_time_secs"].as_f64().is_some_and(|seconds| seconds > 0.05)
            })
            .await;
        let statistics = chronos.mesos("/monitor/statistics").await;
        assert_eq!(statistics[0]["statistics"]["cpus_limit"], 1.1);
        assert!(statistics[0]["source"].as_str().unwrap().starts_with("ct:"));
        assert_eq!(chronos.mesos("/state").await["frameworks"][0]["tasks"][0]["state"], "TASK_RUNNING");
        let used = |slaves: serde_json::Value| -> f64 {
            slaves["slaves"].as_array().unwrap().iter().map(|s| s["used_resources"]["cpus"].as_f64().unwrap()).sum()
        };
        assert_eq!(used(chronos.mesos("/slaves").await), 1.0);
        chronos.until_idle(&name, "success").await;
        assert_eq!(used(chronos.mesos("/slaves").await), 0.0);
        assert_eq!(chronos.mesos("/monitor/statistics").await, json!([]));
        let job = chronos.job(&name).await;
        assert_eq!((&job["successCount"], &job["cpus"]), (&json!(1), &json!(1.0)));

        let usage = &chronos.cluster.usage()[&name];
        let launch = &usage.launches[0];
        assert_eq!((usage.launches.len(), &launch.end), (1, &Some(TaskEnd::Code(0))));
        assert!(usage.used_core_seconds > 0.05 && usage.used_core_seconds < usage.reserved_cpu_seconds, "{usage:?}");
        assert!((launch.reserved_cpu_seconds(launch.ended_at.unwrap()) - usage.reserved_cpu_seconds).abs() < 1e-9);
        let kinds: Vec<&str> = chronos.journal().iter().filter_map(|entry| kind(entry, &name)).collect();
        assert_eq!(kinds, ["submitted", "requested", "placed", "launch", "end"]);
        let output = dir.path().join(format!("sandboxes/{}/stdout", launch.seq));
        assert_eq!(line(&chronos, &output).await, format!("{} {name}\n", launch.node));
        chronos.cluster.shutdown().await;
    }
}

fn kind(entry: &Entry, name: &str) -> Option<&'static str> {
    let (kind, job) = match entry {
        Entry::Submitted { job, .. } => ("submitted", job),
        Entry::Deleted { job, .. } => ("deleted", job),
        Entry::Requested { job, .. } => ("requested", job),
        Entry::Placed { job, .. } => ("placed", job),
        Entry::Launch { job, .. } => ("launch", job),
        Entry::End { job, .. } => ("end", job),
        Entry::Dropped { job, .. } => ("dropped", job),
    };
    (job == name).then_some(kind)
}

#[tokio::test]
async fn a_start_during_the_teardown_is_lost() {
    for version in BOTH {
        let dir = tempfile::tempdir().unwrap();
        let mut slow = options(dir.path(), version);
        // Long enough for a start within it, also by a client that is held up.
        slow.teardown_delay = (Duration::from_secs(3), Duration::from_secs(3));
        let chronos = Cluster::start(slow);
        chronos.create("a", "true", json!({})).await;
        chronos.run("a").await;
        chronos
            .until("the process is gone", async || chronos.journal().iter().any(|e| matches!(e, Entry::End { .. })))
            .await;
        chronos.run("a").await;
        chronos
            .until("it is dropped", async || {
                chronos.journal().iter().any(|e| matches!(e, Entry::Dropped { why, .. } if why == "the job is running"))
            })
            .await;
        chronos.until_idle("a", "success").await;
        assert_eq!(chronos.job("a").await["successCount"], 1);
        chronos.send(Method::DELETE, "/job/a").await;
        chronos.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn killing_a_task_and_deleting_a_job_end_its_processes() {
    for version in BOTH {
        let dir = tempfile::tempdir().unwrap();
        let chronos = Cluster::in_dir(&dir, version);
        chronos.create("a", "echo $$; trap '' TERM; while :; do sleep 0.1; done", json!({})).await;
        for path in ["/task/kill/a", "/job/a"] {
            chronos.run("a").await;
            chronos.until("it runs", async || chronos.csv("a").await.contains("running")).await;
            let seq = chronos.cluster.usage()["a"].launches.last().unwrap().seq;
            let pid = line(&chronos, &dir.path().join(format!("sandboxes/{seq}/stdout"))).await;
            assert!(lives(&pid));
            assert_eq!(chronos.send(Method::DELETE, path).await.status(), 204);
            chronos.until("it is gone", async || !lives(&pid)).await;
            if path == "/task/kill/a" {
                chronos.until_idle("a", "fresh").await;
                assert_eq!(chronos.job("a").await["errorCount"], 0);
            }
        }
        assert!(chronos.find("a").await.is_none());
        let killed = |e: &Entry| matches!(e, Entry::End { end: TaskEnd::Signal(9), .. });
        chronos
            .until("both ends are noted", async || chronos.journal().iter().filter(|e| killed(e)).count() >= 2)
            .await;
        chronos.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn a_shutdown_leaves_no_process_and_a_restart_knows_what_was_lost() {
    for version in BOTH {
        let dir = tempfile::tempdir().unwrap();
        let chronos = Cluster::in_dir(&dir, version);
        let name = "a".to_owned();
        chronos.create(&name, "echo $$; sleep 1000", json!({})).await;
        chronos.run(&name).await;
        chronos.until("it runs", async || chronos.csv(&name).await.contains("running")).await;
        let seq = chronos.cluster.usage()[&name].launches[0].seq;
        let pid = line(&chronos, &dir.path().join(format!("sandboxes/{seq}/stdout"))).await;
        chronos.cluster.shutdown().await;
        assert!(!lives(&pid));

        let chronos = Cluster::in_dir(&dir, version);
        let job = chronos.job(&name).await;
        assert_eq!((&job["errorCount"], &job["successCount"]), (&json!(1), &json!(0)));
        assert_eq!(chronos.csv(&name).await, "failure,idle");
        let ends = chronos.journal().iter().filter(|e| matches!(e, Entry::End { seq: s, .. } if *s == seq)).count();
        assert_eq!(ends, 1);
        chronos.run(&name).await;
        chronos.until("it runs again", async || chronos.csv(&name).await.contains("running")).await;
        assert_eq!(chronos.cluster.usage()[&name].launches.last().unwrap().seq, seq + 1);
        chronos.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn what_cannot_be_started_has_failed() {
    let dir = tempfile::tempdir().unwrap();
    let chronos = Cluster::in_dir(&dir, V3_0);
    chronos.create("a", "/no/such/program", json!({"shell": false})).await;
    chronos.run("a").await;
    chronos.until_idle("a", "failure").await;
    assert!(chronos.journal().iter().any(|e| matches!(e, Entry::End { end: TaskEnd::NotStarted(_), .. })));
}

#[tokio::test]
async fn a_state_directory_serves_one_cluster() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = options(dir.path(), V2_4);
    first.executor = Arc::new(NoExecutor);
    let second = first.clone();
    let chronos = Cluster::start(first);
    let error = LocalCluster::start(second.clone()).err().unwrap().to_string();
    assert!(error.contains("is in use by another cluster"), "{error}");
    chronos.cluster.shutdown().await;
    LocalCluster::start(second).unwrap().shutdown().await;
}

/// For clusters that run nothing.
struct NoExecutor;

impl mesos_qos::local::executor::Executor for NoExecutor {
    fn describe(&self) -> String {
        "none".into()
    }

    fn launch(
        &self,
        spec: mesos_qos::local::executor::TaskSpec,
    ) -> futures_util::future::BoxFuture<
        '_,
        Result<Arc<dyn mesos_qos::local::executor::RunningTask>, mesos_qos::local::executor::ExecutorError>,
    > {
        Box::pin(async move { Err(mesos_qos::local::executor::ExecutorError(format!("nothing runs {}", spec.id))) })
    }
}
