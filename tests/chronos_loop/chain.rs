//! Several iterations in one task, through launcher, wrapper, supervisor and cluster.

use std::sync::Arc;
use std::time::Duration;

use mesos_qos::clients::transport::TransportOptions;
use mesos_qos::clock::SystemClock;
use mesos_qos::launcher::LaunchOptions;
use serde_json::{Value, json};

use crate::helpers::on_actix;
use crate::world::{VERSIONS, World, job_file};

fn chained(policy: &str, duration: f64, deadline: f64) -> Value {
    json!({"duration": duration, "deadline": deadline, "desv_deadline": 0.9, "chain": true, "policy": policy})
}

/// The counted iterations: task and place in its chain.
async fn counted(world: &World, uuid: &str) -> Vec<(String, u64)> {
    let events = data_of(world, uuid, "IterationFinished").await;
    let counted = events.iter().filter(|data| data["outcome"] == "counted");
    let run = |data: &Value| data["key"]["run"].clone();
    counted
        .enumerate()
        .map(|(n, data)| {
            assert_eq!(data["iteration"].as_u64(), Some(n as u64 + 1), "in order, each once: {data}");
            (run(data)["run"].as_str().unwrap().to_owned(), run(data)["index"].as_u64().unwrap())
        })
        .collect()
}

pub async fn data_of(world: &World, uuid: &str, kind: &str) -> Vec<Value> {
    let (_, page) = world.app.get(&format!("/api/v1/jobs/{uuid}/events?limit=1000")).await;
    let events = page["items"].as_array().unwrap().iter();
    events.filter(|event| event["kind"] == kind).map(|event| event["data"].clone()).collect()
}

fn tasks(counted: &[(String, u64)]) -> usize {
    let mut tasks: Vec<_> = counted.iter().map(|(run, _)| run).collect();
    tasks.dedup();
    tasks.len()
}

#[test]
fn a_job_whose_cpu_stays_is_one_task() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version).await;
            let uuid = world.launch("chain", "sleep 0.2", 5, chained("fixed", 0.5, 600.0)).await.uuid.to_string();
            let job = world.wait_for_state(&uuid, "completed").await;
            world.wait_until_settled(&uuid).await;
            assert_eq!(job["on_time"], true, "{job}");
            assert_eq!(world.launches("chain"), [1000], "{version}: one task");
            let counted = counted(&world, &uuid).await;
            assert_eq!(counted.iter().map(|(_, index)| *index).collect::<Vec<_>>(), [0, 1, 2, 3, 4], "{version}");
            let answers = data_of(&world, &uuid, "ChainAnswered").await;
            assert!(answers.len() == 4 && answers.iter().all(|answer| answer["next"] == "continue"), "{answers:?}");
            assert!(world.chronos.find("chain").await.unwrap().is_none(), "{version}: deleted at the end");
            world.stop().await;
        }
    });
}

#[test]
fn a_resize_that_pays_ends_the_task_and_the_next_one_has_the_new_cpu() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version).await;
            // Late by its declaration, and each iteration takes longer than a deployment.
            let uuid = world.launch("late", "sleep 2", 4, chained("step", 10.0, 20.0)).await.uuid.to_string();
            world.wait_for_state(&uuid, "completed").await;
            let (launches, counted) = (world.launches("late"), counted(&world, &uuid).await);
            assert_eq!(launches[..2], [1000, 1400], "{version}: {launches:?}");
            assert_eq!(tasks(&counted), launches.len(), "{version}: the tasks that ran are those that count");
            let answers = data_of(&world, &uuid, "ChainAnswered").await;
            assert_eq!(answers[0]["next"], "exit", "{answers:?}");
            world.stop().await;
        }
    });
}

#[test]
fn a_resize_that_would_cost_more_than_it_gains_is_not_made() {
    on_actix(async {
        let settings = [("elasticity", "deployment_time", "60")];
        let world = World::start_with(VERSIONS[1], &settings).await;
        let uuid = world.launch("late", "sleep 0.2", 4, chained("step", 10.0, 20.0)).await.uuid.to_string();
        world.wait_for_state(&uuid, "completed").await;
        assert_eq!(world.launches("late"), [1000]);
        let decided = data_of(&world, &uuid, "Decided").await;
        let reason = decided[0]["reason"].as_str().unwrap();
        assert!(reason.contains("a new task for 1.4 CPU would cost more than it gains"), "{reason}");
        world.stop().await;
    });
}

#[test]
fn the_task_asks_a_supervisor_that_was_away_again_and_goes_on() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version).await;
            let uuid = world.launch("patient", "sleep 0.7", 4, chained("fixed", 0.5, 600.0)).await.uuid.to_string();
            world.wait_for(&uuid, |job| job["remaining"] == 3).await;
            // An iteration ends while nobody listens.
            let world = world.restart_supervisor(Duration::from_secs(2)).await;
            world.wait_for_state(&uuid, "completed").await;
            assert_eq!((world.launches("patient").len(), counted(&world, &uuid).await.len()), (1, 4), "{version}");
            world.stop().await;
        }
    });
}

#[test]
fn a_task_that_is_not_answered_for_its_whole_window_ends_and_its_iteration_runs_in_another() {
    on_actix(async {
        for version in VERSIONS {
            let settings = [("supervisor", "overdue_factor", "1.5"), ("supervisor", "chain_start_timeout", "2")];
            let world = World::start_with(version, &settings).await;
            let job = job_file("unheard", "sleep 0.7", 3, chained("fixed", 0.7, 600.0));
            let mut options = LaunchOptions::new(Arc::new(SystemClock));
            options.callback_window = Duration::from_secs(1);
            let uuid = world.launch_job(job, options, TransportOptions::default()).await.uuid.to_string();
            world.wait_for(&uuid, |job| job["remaining"] == 2).await;
            let world = world.restart_supervisor(Duration::from_secs(6)).await;
            world.wait_for_state(&uuid, "completed").await;
            let counted = counted(&world, &uuid).await;
            assert_eq!((world.launches("unheard").len(), counted.len(), tasks(&counted)), (2, 3, 2), "{version}");
            world.stop().await;
        }
    });
}

#[test]
fn a_task_that_dies_in_the_middle_of_its_chain_costs_one_iteration() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start_with(version, &[("supervisor", "overdue_factor", "1.5")]).await;
            let dir = tempfile::tempdir().unwrap();
            let once = dir.path().join("begun");
            // The second iteration kills the task, wrapper and all, the first time that it runs.
            let command =
                format!("echo x >> {0}; [ \"$(wc -l < {0})\" != 2 ] || kill -9 \"$PPID\"; sleep 0.2", once.display());
            let uuid = world.launch("killed", &command, 4, chained("fixed", 0.5, 600.0)).await.uuid.to_string();
            world.wait_for_state(&uuid, "completed").await;
            let counted = counted(&world, &uuid).await;
            assert_eq!((world.launches("killed").len(), counted.len(), tasks(&counted)), (2, 4, 2), "{version}");
            assert_eq!(counted.iter().map(|(_, index)| *index).collect::<Vec<_>>(), [0, 0, 1, 2]);
            let lost = data_of(&world, &uuid, "IterationLost").await;
            assert_eq!((lost.len(), &lost[0]["iteration"]), (1, &json!(2)), "{lost:?}");
            world.stop().await;
        }
    });
}

#[test]
fn an_iteration_that_fails_runs_again_in_another_task() {
    on_actix(async {
        let world = World::start(VERSIONS[1]).await;
        let dir = tempfile::tempdir().unwrap();
        let count = dir.path().join("count");
        let command = format!("echo x >> {0}; [ \"$(wc -l < {0})\" != 2 ]", count.display());
        let uuid = world.launch("failing", &command, 3, chained("fixed", 0.5, 600.0)).await.uuid.to_string();
        world.wait_for_state(&uuid, "completed").await;
        let counted = counted(&world, &uuid).await;
        assert_eq!(counted.iter().map(|(_, index)| *index).collect::<Vec<_>>(), [0, 0, 1]);
        assert_eq!(world.launches("failing").len(), 2);
        world.stop().await;
    });
}

/// A job of five short iterations under an agent whose files are in `node`. By its own measurements it needs next to nothing of the CPU that
/// it is submitted with.
pub fn trapped(name: &str, cpus: f64, node: &std::path::Path) -> (Value, LaunchOptions) {
    let agent = node.join("shell_trap");
    if !agent.exists() && std::fs::hard_link(env!("CARGO_BIN_EXE_mesos-qos"), &agent).is_err() {
        std::fs::copy(env!("CARGO_BIN_EXE_mesos-qos"), &agent).unwrap();
    }
    let mut qos = chained("predictive", 0.5, 600.0);
    qos["in_place"] = true.into();
    let mut job = job_file(name, "sleep 1", 5, qos);
    job["cpus"] = cpus.into();
    let variable = |name: &str, value: &str| json!({"name": name, "value": value});
    job["environmentVariables"] = json!([
        variable("SHELL_TRAP_SAMPLE_SECONDS", "0.1"),
        variable("SHELL_TRAP_CPU_FACTOR", "0.17"),
        variable("SHELL_TRAP_RUN_DIR", node.join("run").to_str().unwrap()),
    ]);
    let mut options = LaunchOptions::new(Arc::new(SystemClock));
    options.executor_path = agent.to_str().unwrap().to_owned();
    (job, options)
}

/// Nobody is short of anything here; what is shown is that a plan by nodes reaches the agents, and that each job runs in its one task.
#[test]
fn planned_by_nodes_each_job_is_told_its_share_of_the_node_where_it_runs() {
    on_actix(async {
        let settings = ["cluster_cpus", "node_cpus", "arbitration"].into_iter().zip(["4", "2", "by_node"]);
        let settings: Vec<_> = settings.map(|(key, value)| ("elasticity", key, value)).collect();
        let world = World::start_with(VERSIONS[1], &settings).await;
        let node = tempfile::tempdir().unwrap();
        let mut uuids = Vec::new();
        for name in ["first", "second"] {
            let (job, options) = trapped(name, 0.9, node.path());
            uuids.push(world.launch_job(job, options, TransportOptions::default()).await.uuid.to_string());
        }
        for (uuid, name) in uuids.iter().zip(["first", "second"]) {
            world.wait_for_state(uuid, "completed").await;
            assert_eq!((world.launches(name).len(), tasks(&counted(&world, uuid).await)), (1, 1), "{name}: one task");
            let grants = data_of(&world, uuid, "GrantReceived").await;
            assert!(grants.iter().any(|grant| grant["place"] == "stays"), "{name}: {grants:?}");
            assert!(
                grants.iter().all(|grant| grant["cap"].as_u64().is_none_or(|cap| cap <= 2000)),
                "{name}: {grants:?}"
            );
            let applied = data_of(&world, uuid, "RescaleApplied").await;
            assert!(!applied.is_empty(), "{name}: its agent has set what it was given");
        }
        world.stop().await;
    });
}

#[test]
fn under_shell_trap_the_cpu_is_changed_in_the_one_task_that_runs_all_iterations() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version).await;
            let node = tempfile::tempdir().unwrap();
            let (job, options) = trapped("trapped", 1.0, node.path());
            let uuid = world.launch_job(job, options, TransportOptions::default()).await.uuid.to_string();
            let resized = world.wait_for(&uuid, |job| job["cpu_limit"].as_f64().is_some_and(|limit| limit < 1.0)).await;
            assert_eq!(resized["cpus"].as_f64(), Some(1.0), "what is reserved stays: {resized}");
            world.wait_for_state(&uuid, "completed").await;
            assert_eq!(world.launches("trapped"), [1000], "{version}: one task");
            let counted = counted(&world, &uuid).await;
            assert_eq!((counted.len(), tasks(&counted)), (5, 1), "{version}");
            let kinds = world.app.kinds(&uuid).await;
            for kind in ["SegmentStarted", "Rescaled", "RescaleApplied"] {
                assert!(kinds.contains(&kind.to_owned()), "{version}: {kind} in {kinds:?}");
            }
            world.stop().await;
        }
    });
}

#[test]
fn a_node_without_shell_trap_runs_the_job_by_itself() {
    on_actix(async {
        let world = World::start(VERSIONS[1]).await;
        let mut qos = chained("fixed", 0.5, 600.0);
        qos["in_place"] = true.into();
        let job = job_file("untrapped", "sleep 0.2", 3, qos);
        let mut options = LaunchOptions::new(Arc::new(SystemClock));
        options.executor_path = "/no/such/shell_trap".into();
        let uuid = world.launch_job(job, options, TransportOptions::default()).await.uuid.to_string();
        world.wait_for_state(&uuid, "completed").await;
        assert_eq!((world.launches("untrapped").len(), counted(&world, &uuid).await.len()), (1, 3));
        world.stop().await;
    });
}
