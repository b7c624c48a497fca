//! The local cluster runs the tasks of apps as real processes, kills and replaces them, and accounts for them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod local_support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use local_support::marathon::{ALL, Marathon, options};
use mesos_qos::local::MarathonVersion::{V1_1, V1_4, V1_5};
use mesos_qos::local::journal::{Entry, TaskEnd};
use mesos_qos::local::{LocalCluster, LocalOptions, NodeVariable, OptionError};
use reqwest::Method;
use serde_json::{Value, json};

/// Stop, then start.
fn stop_first() -> Value {
    json!({"minimumHealthCapacity": 0, "maximumOverCapacity": 0})
}

/// Whether a process with this id exists and has not ended.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

/// The output of the placement of this number.
fn output(dir: &Path, seq: u64) -> PathBuf {
    dir.join(format!("sandboxes/{seq}/stdout"))
}

/// Waits for a file to have so many lines, and returns them.
async fn lines(marathon: &Marathon, path: &Path, count: usize) -> Vec<String> {
    let read = || std::fs::read_to_string(path).unwrap_or_default();
    marathon.until("the task has written", async || read().matches('\n').count() >= count).await;
    read().lines().map(ToOwned::to_owned).collect()
}

fn ends(marathon: &Marathon, wanted: u64) -> Vec<TaskEnd> {
    let end = |entry: Entry| match entry {
        Entry::End { seq, end, .. } if seq == wanted => Some(end),
        _ => None,
    };
    marathon.journal().into_iter().filter_map(end).collect()
}

#[tokio::test]
async fn a_resize_stops_the_old_task_and_then_starts_the_new_one_with_its_cpus() {
    for version in ALL {
        let dir = tempfile::tempdir().unwrap();
        // In 1.1 the grace is the cluster's.
        let grace = Duration::from_secs(20);
        let marathon = Marathon::start(LocalOptions { task_kill_grace: grace, ..options(dir.path(), version) });
        // The old task takes its time to save its work.
        let cmd = "trap 'sleep 0.3; echo saved; exit 0' TERM; echo $$ $MARATHON_APP_RESOURCE_CPUS; while :; do sleep 0.05; done";
        let app = json!({"cmd": cmd, "upgradeStrategy": stop_first(), "taskKillGracePeriodSeconds": 20});
        marathon.create("/a", app).await;
        let first = lines(&marathon, &output(dir.path(), 1), 1).await;
        assert!(first[0].ends_with(" 1.0"), "{first:?}");
        let (status, _) = marathon.with(Method::PUT, "/v2/apps/a", json!({"cpus": 1.4})).await;
        assert_eq!(status, 200);
        marathon.at_rest().await;
        let second = lines(&marathon, &output(dir.path(), 2), 1).await;
        assert!(second[0].ends_with(" 1.4"), "{second:?}");
        assert_eq!(lines(&marathon, &output(dir.path(), 1), 2).await[1], "saved");
        assert!(!lives(first[0].split(' ').next().unwrap()));
        let at = |wanted: u64, kind: fn(&Entry) -> Option<(u64, i64)>| {
            let found = marathon.journal().iter().filter_map(kind).find(|(seq, _)| *seq == wanted);
            found.unwrap().1
        };
        let ended = at(1, |entry| match entry {
            Entry::End { seq, at, .. } => Some((*seq, at.micros())),
            _ => None,
        });
        let launched = at(2, |entry| match entry {
            Entry::Launch { seq, at, .. } => Some((*seq, at.micros())),
            _ => None,
        });
        assert!(ended <= launched, "the new one began before the old one was gone");
        marathon.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn a_kill_reaches_the_whole_tree_first_by_term_and_after_the_grace_by_kill() {
    let dir = tempfile::tempdir().unwrap();
    let marathon = Marathon::in_dir(dir.path(), V1_5);
    // A child with a trap of its own, and a grandchild that hears nothing.
    let deaf = "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.05; done'";
    let cmd = format!(
        "trap 'echo heard' TERM; {deaf} & sh -c 'trap \"echo child heard\" TERM; echo $$; while :; do sleep 0.05; done' & \
                       echo $$; while :; do sleep 0.05; done"
    );
    marathon.create("/a", json!({"cmd": cmd, "taskKillGracePeriodSeconds": 1})).await;
    let pids = lines(&marathon, &output(dir.path(), 1), 3).await;
    assert!(pids.iter().all(|pid| lives(pid)), "{pids:?}");
    marathon.send(Method::DELETE, "/v2/apps/a").await;
    marathon.at_rest().await;
    assert!(pids.iter().all(|pid| !lives(pid)), "{pids:?}");
    let heard = lines(&marathon, &output(dir.path(), 1), 5).await;
    assert!(heard.contains(&"heard".to_owned()) && heard.contains(&"child heard".to_owned()), "{heard:?}");
    assert_eq!(ends(&marathon, 1), [TaskEnd::Signal(9)]);
}

#[tokio::test]
async fn in_1_1_the_grace_is_the_cluster_s() {
    let dir = tempfile::tempdir().unwrap();
    let marathon = Marathon::in_dir(dir.path(), V1_1);
    let cmd = "trap '' TERM; echo $$; while :; do sleep 0.05; done";
    marathon.create("/a", json!({"cmd": cmd, "taskKillGracePeriodSeconds": 3600})).await;
    let pid = lines(&marathon, &output(dir.path(), 1), 1).await;
    marathon.send(Method::DELETE, "/v2/apps/a").await;
    marathon.at_rest().await;
    assert!(!lives(&pid[0]), "it would live for an hour with the app's own");
}

#[tokio::test]
async fn what_ends_by_itself_is_launched_again_until_the_app_is_deleted() {
    for version in ALL {
        let dir = tempfile::tempdir().unwrap();
        let marathon = Marathon::in_dir(dir.path(), version);
        let app = json!({"cmd": "sleep 0.05; exit 3", "backoffSeconds": 0, "backoffFactor": 1});
        let (status, _) = marathon.with(Method::POST, "/v2/apps", with_id("/a", app)).await;
        assert_eq!(status, 201);
        marathon.until("it has run often", async || ends(&marathon, 3) == [TaskEnd::Code(3)]).await;
        let failure = marathon.app("/a").await["lastTaskFailure"].clone();
        assert_eq!(
            (&failure["state"], &failure["message"]),
            (&json!("TASK_FAILED"), &json!("Command exited with status 3"))
        );
        marathon.send(Method::DELETE, "/v2/apps/a").await;
        marathon.at_rest().await;
        let launches = || marathon.journal().iter().filter(|entry| matches!(entry, Entry::Launch { .. })).count();
        let so_far = launches();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(launches(), so_far);
        marathon.cluster.shutdown().await;
    }
}

fn with_id(id: &str, mut fields: Value) -> Value {
    fields["id"] = json!(id);
    fields["cpus"] = json!(1);
    fields
}

#[tokio::test]
async fn tasks_are_accounted_for_and_told_by_mesos() {
    let dir = tempfile::tempdir().unwrap();
    let marathon = Marathon::in_dir(dir.path(), V1_4);
    marathon.create("/shop/burn", json!({"cmd": "while :; do :; done"})).await;
    let task = marathon.tasks("/shop/burn").await[0].clone();
    let used = async || marathon.mesos("/monitor/statistics").await[0]["statistics"]["cpus_user_time_secs"].as_f64();
    marathon.until("it has used CPU", async || used().await.is_some_and(|seconds| seconds > 0.05)).await;
    let statistics = marathon.mesos("/monitor/statistics").await[0].clone();
    assert_eq!((&statistics["source"], &statistics["executor_id"]), (&task["id"], &task["id"]));
    assert_eq!(statistics["statistics"]["cpus_limit"], 1.1);
    let info = marathon.get("/v2/info").await;
    assert_eq!(statistics["framework_id"], info["frameworkId"]);
    let state = marathon.mesos("/state").await;
    let framework = state["frameworks"].as_array().unwrap().iter().find(|f| f["name"] == "marathon").unwrap();
    assert_eq!(framework["id"], info["frameworkId"]);
    let told = &framework["tasks"][0];
    assert_eq!(
        (&told["id"], &told["name"], &told["state"]),
        (&task["id"], &json!("burn.shop"), &json!("TASK_RUNNING"))
    );
    assert_eq!(told["slave_id"], task["slaveId"]);
    let slaves = marathon.mesos("/slaves").await["slaves"].clone();
    let slave = slaves.as_array().unwrap().iter().find(|slave| slave["id"] == task["slaveId"]).unwrap();
    assert_eq!((&slave["hostname"], &slave["used_resources"]["cpus"]), (&task["host"], &json!(1.0)));
    marathon.send(Method::DELETE, "/v2/apps/shop/burn").await;
    marathon.at_rest().await;
    assert_eq!(marathon.mesos("/monitor/statistics").await, json!([]));
    let usage = &marathon.cluster.usage()["/shop/burn"];
    assert!(usage.used_core_seconds > 0.05 && usage.used_core_seconds < usage.reserved_cpu_seconds, "{usage:?}");
    let kind = |entry: &Entry| match entry {
        Entry::Submitted { .. } => "submitted",
        Entry::Deleted { .. } => "deleted",
        Entry::Requested { .. } => "requested",
        Entry::Placed { .. } => "placed",
        Entry::Launch { .. } => "launch",
        Entry::End { .. } => "end",
        Entry::Dropped { .. } => "dropped",
    };
    let kinds: Vec<&str> = marathon.journal().iter().filter(|e| e.job() == "/shop/burn").map(kind).collect();
    assert_eq!(kinds, ["submitted", "placed", "launch", "deleted", "end"]);
}

#[tokio::test]
async fn a_port_is_one_that_the_task_can_listen_on() {
    let dir = tempfile::tempdir().unwrap();
    let marathon = Marathon::in_dir(dir.path(), V1_5);
    marathon.create("/a", json!({"cmd": "echo $PORT0 $PORT; sleep 1000", "instances": 2})).await;
    let mut seen = Vec::new();
    for seq in [1, 2] {
        let line = lines(&marathon, &output(dir.path(), seq), 1).await.remove(0);
        let (port, same) = line.split_once(' ').unwrap();
        assert_eq!(port, same);
        std::net::TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
        seen.push(port.to_owned());
    }
    assert_ne!(seen[0], seen[1]);
}

#[tokio::test]
async fn nodes_have_an_environment_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let variable = |node: Option<&str>, name: &str, value: &str| NodeVariable {
        node: node.map(ToOwned::to_owned),
        name: name.into(),
        value: value.into(),
    };
    let mut with_env = options(dir.path(), V1_5);
    with_env.node_env = vec![
        variable(None, "WHERE", "anywhere"),
        variable(Some("node1"), "SOCKET", "/one"),
        variable(Some("node2"), "SOCKET", "/two"),
    ];
    let mut wrong = with_env.clone();
    let marathon = Marathon::start(with_env);
    let app = json!({"cmd": "echo $HOST $WHERE $SOCKET $MINE; sleep 1000", "instances": 2, "env": {"MINE": "1"},
        "constraints": [["hostname", "UNIQUE"]]});
    marathon.create("/a", app).await;
    let mut seen = Vec::new();
    for seq in [1, 2] {
        seen.extend(lines(&marathon, &output(dir.path(), seq), 1).await);
    }
    seen.sort();
    assert_eq!(seen, ["node1 anywhere /one 1", "node2 anywhere /two 1"]);
    marathon.cluster.shutdown().await;
    wrong.node_env = vec![variable(Some("node9"), "A", "b")];
    let error = LocalCluster::start(wrong).err().unwrap();
    assert!(matches!(error.downcast_ref(), Some(OptionError::NoSuchNode(node, 2)) if node == "node9"), "{error}");
}

#[tokio::test]
async fn a_restart_of_the_cluster_launches_its_apps_again() {
    for version in ALL {
        let dir = tempfile::tempdir().unwrap();
        let marathon = Marathon::in_dir(dir.path(), version);
        marathon.create("/a", json!({"cmd": "echo $$; sleep 1000", "backoffSeconds": 3600})).await;
        let before = marathon.app("/a").await;
        let pid = lines(&marathon, &output(dir.path(), 1), 1).await;
        marathon.cluster.shutdown().await;
        assert!(!lives(&pid[0]));

        let marathon = Marathon::in_dir(dir.path(), version);
        let after = marathon.app("/a").await;
        assert_eq!((&after["version"], &after["cmd"]), (&before["version"], &before["cmd"]));
        marathon.until("it runs again", async || marathon.app("/a").await["tasksRunning"] == 1).await;
        assert_eq!((ends(&marathon, 1).len(), marathon.cluster.usage()["/a"].launches.len()), (1, 2));
        marathon.send(Method::DELETE, "/v2/apps/a").await;
        marathon.at_rest().await;
        marathon.cluster.shutdown().await;

        let marathon = Marathon::in_dir(dir.path(), version);
        assert_eq!(marathon.get("/v2/apps").await, json!({"apps": []}));
        marathon.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn both_frameworks_share_the_nodes() {
    let dir = tempfile::tempdir().unwrap();
    let marathon = Marathon::in_dir(dir.path(), V1_5);
    marathon.create("/a", json!({"cmd": "sleep 1000", "cpus": 2})).await;
    let client = reqwest::Client::new();
    let credentials = marathon.cluster.credentials();
    let job = json!({"name": "job", "command": "sleep 1000", "cpus": 2, "schedule": "R1//PT24H"});
    let url = format!("{}/v1/scheduler/iso8601", marathon.cluster.chronos_url());
    let posted = client.post(url).basic_auth(&credentials.user, Some(&credentials.password)).json(&job).send().await;
    assert_eq!(posted.unwrap().status(), 204);
    marathon
        .until("both run", async || marathon.mesos("/monitor/statistics").await.as_array().unwrap().len() == 2)
        .await;
    marathon.with(Method::PUT, "/v2/apps/a", json!({"instances": 2})).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(marathon.tasks("/a").await.len(), 1, "there is no node for another");
    let used = marathon.mesos("/slaves").await["slaves"].clone();
    assert!(used.as_array().unwrap().iter().all(|slave| slave["used_resources"]["cpus"] == 2.0), "{used}");
    let seqs = marathon.journal().into_iter().filter_map(|entry| match entry {
        Entry::Placed { seq, .. } => Some(seq),
        _ => None,
    });
    assert_eq!(seqs.collect::<Vec<_>>(), [1, 2], "their placements are counted together");
}
