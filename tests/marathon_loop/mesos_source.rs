//! CPU time as the Mesos agents measure it.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::helpers::on_actix;
use crate::world::{ENDLESS, VERSIONS, World, job};

/// The agent says that it has used nothing; the kernel knows better.
#[test]
fn with_mesos_as_the_source_the_kernels_figures_count_and_not_the_agents() {
    on_actix(async {
        for version in [VERSIONS[0], VERSIONS[2]] {
            let world = World::start(version, &[("cpu_source", "kind", "mesos"), ("cpu_source", "url", "")]).await;
            let uuid = world.launch(job(1.0, 0.0, ENDLESS)).await;
            world.wait_for_events(&uuid, "CpuSample", 3).await;
            let samples = world.events(&uuid, "CpuSample").await;
            // It is too slow by the kernel's figures, so that there may be several tasks: each is a segment.
            let figures = samples.iter().map(|sample| (sample["segment"].as_u64(), sample["cpu"].as_u64().unwrap()));
            let figures: Vec<_> = figures.collect();
            assert!(figures.is_sorted(), "{version}: {figures:?}");
            assert!(figures.iter().all(|(_, micros)| (1..60_000_000).contains(micros)), "{version}: {figures:?}");
            let (_, ready) = world.app.get("/readyz").await;
            assert_eq!(ready["detail"]["cpu_source"], "reachable", "{version}: {ready}");
            world.stop().await;
        }
    });
}

/// The agent's container computes a thousand CPU-seconds a second, and none of them under the task: what Mesos measures is the agent.
#[test]
fn a_container_outside_its_tasks_control_group_is_noticed_and_never_judged_by_the_agents_own_figure() {
    on_actix(async {
        let world = World::start(VERSIONS[2], &[("cpu_source", "kind", "mesos"), ("cpu_source", "url", "")]).await;
        let uuid = world.launch(job(1.0, 1000.0, ENDLESS)).await;
        world.wait_for_events(&uuid, "TelemetryLost", 1).await;
        let lost = &world.events(&uuid, "TelemetryLost").await[0];
        assert!(lost["reason"].as_str().unwrap().contains("control group"), "{lost}");
        // Several looks on.
        tokio::time::sleep(Duration::from_secs(4)).await;
        let kinds = world.app.kinds(&uuid).await;
        assert!(!kinds.iter().any(|kind| kind == "CpuSample" || kind == "ProgressDecided"), "{kinds:?}");
        let job = world.app.job(&uuid).await;
        assert!(job["flags"].as_array().unwrap().contains(&json!("telemetry_lost")), "{job}");
        assert_eq!((&job["cpus"], world.launches().len()), (&json!(1.0), 1));
        world.stop().await;
    });
}

/// It computes next to nothing, so that it is too slow: more than it has reserved is there, because its node has two CPUs.
#[test]
fn in_place_a_job_gets_what_its_node_has_to_spare() {
    on_actix(async {
        let settings =
            [("cpu_source", "kind", "mesos"), ("cpu_source", "url", ""), ("elasticity", "rescale", "in-place")];
        let world = World::start(VERSIONS[2], &settings).await;
        let mut app = job(1.0, 0.0, ENDLESS);
        app["qos"] = json!({"duration": 300, "deadline": 30, "desv_deadline": 0.1});
        let uuid = world.launch(app).await;
        let job = world.wait_for(&uuid, |job| job["cpu_limit"].as_f64() == Some(1.4)).await;
        assert_eq!(job["cpus"], 1.0, "{job}");
        let decided = &world.events(&uuid, "ProgressDecided").await[0];
        assert_eq!(decided["inputs"]["ceiling"], 2000, "{decided}");
        world.stop().await;
    });
}

/// Two jobs of one node that want all they can get, and somebody else who comes later.
#[test]
fn in_place_no_cpu_of_a_node_is_given_twice_and_what_is_reserved_later_is_taken_back() {
    on_actix(async {
        let settings =
            [("cpu_source", "kind", "mesos"), ("cpu_source", "url", ""), ("elasticity", "rescale", "in-place")];
        let world = World::start(VERSIONS[1], &settings).await;
        let mut jobs = vec![];
        for id in ["/group/first", "/group/second"] {
            let mut app = job(0.5, 0.0, ENDLESS);
            app["id"] = json!(id);
            app["constraints"] = json!([["hostname", "CLUSTER", "node1"]]);
            app["qos"] = json!({"duration": 3000, "deadline": 30, "desv_deadline": 0.1});
            jobs.push(world.launch(app).await);
        }
        let limits = async || {
            let mut all = 0.0;
            for uuid in &jobs {
                let job = world.app.job(uuid).await;
                all += job["cpu_limit"].as_f64().unwrap_or(job["cpus"].as_f64().unwrap());
            }
            all
        };
        let began = Instant::now();
        // Of 2 CPUs 1 is reserved, and the other is given out in steps of 0.4: 0.4, 0.4 and the rest.
        while limits().await < 1.999 {
            assert!(began.elapsed() < Duration::from_secs(60), "{}", limits().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Several looks on.
        for _ in 0..30 {
            assert!(limits().await < 2.001, "more than the node has: {}", limits().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let other = json!({"id": "/other", "cmd": "sleep 600", "cpus": 0.8, "mem": 16,
            "constraints": [["hostname", "CLUSTER", "node1"]]});
        world.ask_marathon(Method::POST, "/v2/apps", Some(other)).await;
        let began = Instant::now();
        while limits().await > 1.201 {
            assert!(began.elapsed() < Duration::from_secs(60), "not given back: {}", limits().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for uuid in &jobs {
            assert!(world.app.job(uuid).await["cpu_limit"].as_f64().is_none_or(|limit| limit > 0.499));
        }
        world.stop().await;
    });
}
