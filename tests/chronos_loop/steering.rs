//! Where new tasks start under a plan by nodes: a constraint of the job in Chronos, while it can be had.

use std::time::{Duration, Instant};

use mesos_qos::clients::transport::TransportOptions;
use mesos_qos::local::ChronosVersion;
use serde_json::{Value, json};

use crate::chain::{data_of, trapped};
use crate::helpers::on_actix;
use crate::world::{VERSIONS, World};

/// A cluster of two nodes that is planned.
async fn planned(version: ChronosVersion) -> World {
    let settings = [
        ("elasticity", "cluster_cpus", "4"),
        ("elasticity", "node_cpus", "2"),
        ("elasticity", "arbitration", "by_node"),
        ("elasticity", "rescale", "in-place"),
        ("chronos", "resize_patience", "1"),
    ];
    World::start_with(version, &settings).await
}

async fn launch(world: &World, name: &str, node: &std::path::Path) -> String {
    let (job, options) = trapped(name, 0.9, node);
    world.launch_job(job, options, TransportOptions::default()).await.uuid.to_string()
}

/// Fills the node that is empty with a task that nobody supervises.
async fn fill(world: &World) {
    let job = json!({
        "name": "filler", "command": "sleep 600", "schedule": "R/2099-01-01T00:00:00Z/P1Y", "cpus": 2.0, "mem": 32,
        "owner": "me", "async": false
    });
    world.chronos.post_job(&job).await.unwrap();
    until("the job", async || world.chronos.find("filler").await.unwrap().map(drop)).await;
    world.chronos.start("filler").await.unwrap();
    until("a node for it", async || (!world.launches("filler").is_empty()).then_some(())).await;
}

async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn constraints(world: &World, name: &str) -> Value {
    let job = world.chronos.find(name).await.unwrap().unwrap();
    job.raw().get("constraints").cloned().unwrap_or(json!([]))
}

/// The node of the job's first iteration, once its agent has reported from there.
async fn host(world: &World, uuid: &str) -> String {
    let text = |data: &Value| data["hostname"].as_str().map(str::to_owned);
    let of_agent = async || data_of(world, uuid, "SegmentStarted").await.first().and_then(text);
    let host = until("its agent", of_agent).await;
    let started =
        until("its start", async || data_of(world, uuid, "IterationStarted").await.first().and_then(text)).await;
    assert_eq!(started, host);
    host
}

/// A planned cluster on which one job runs; the directory of the agents, and the node of that job.
async fn with_a_first_job(version: ChronosVersion) -> (World, tempfile::TempDir, String) {
    let (world, node) = (planned(version).await, tempfile::tempdir().unwrap());
    let first = launch(&world, "first", node.path()).await;
    let there = host(&world, &first).await;
    (world, node, there)
}

/// The job was told not to start on this node.
async fn assert_planned_beside(world: &World, uuid: &str, taken: &str) {
    let grants = data_of(world, uuid, "GrantReceived").await;
    assert!(grants.iter().any(|grant| grant["node"] == json!({"not_on": [taken]})), "{grants:?}");
}

#[test]
fn a_new_task_starts_on_the_node_that_is_planned() {
    on_actix(async {
        let (world, node, there) = with_a_first_job(VERSIONS[1]).await;
        // There is room enough for a second task, too.
        let second = launch(&world, "second", node.path()).await;
        assert_ne!(host(&world, &second).await, there);
        let others = format!("(?:mesos-qos){{0}}(?:{there})");
        assert_eq!(constraints(&world, "second").await, json!([["hostname", "UNLIKE", others]]));
        assert_planned_beside(&world, &second, &there).await;
        world.stop().await;
    });
}

#[test]
fn a_task_that_finds_no_room_where_it_is_planned_starts_elsewhere() {
    on_actix(async {
        let (world, node, there) = with_a_first_job(VERSIONS[1]).await;
        fill(&world).await;
        let second = launch(&world, "second", node.path()).await;
        assert_eq!(host(&world, &second).await, there);
        assert_eq!(constraints(&world, "second").await, json!([]), "it was taken back");
        assert_planned_beside(&world, &second, &there).await;
        world.stop().await;
    });
}

/// Before version 3 a host name is no attribute, and a constraint on it would keep the task from every node.
#[test]
fn nothing_is_asked_of_a_chronos_that_knows_no_host_names() {
    on_actix(async {
        let (world, node, there) = with_a_first_job(VERSIONS[0]).await;
        let second = launch(&world, "second", node.path()).await;
        host(&world, &second).await;
        assert_planned_beside(&world, &second, &there).await;
        assert_eq!(constraints(&world, "second").await, json!([]));
        world.stop().await;
    });
}
