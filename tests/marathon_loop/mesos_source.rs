//! CPU time as the Mesos agents measure it.

use serde_json::json;

use crate::helpers::on_actix;
use crate::world::{VERSIONS, World, job};

/// The agent says that it has used a thousand CPU-seconds a second; the kernel knows better.
#[test]
fn with_mesos_as_the_source_the_kernels_figures_count_and_not_the_agents() {
    on_actix(async {
        for version in [VERSIONS[0], VERSIONS[2]] {
            let world = World::start(version, &[("cpu_source", "kind", "mesos"), ("cpu_source", "url", "")]).await;
            let uuid = world.launch(job(1.0, 1000.0, 4_000_000.0)).await;
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

/// It computes next to nothing, so that it is too slow: more than it has reserved is there, because its node has two CPUs.
#[test]
fn in_place_a_job_gets_what_its_node_has_to_spare() {
    on_actix(async {
        let settings =
            [("cpu_source", "kind", "mesos"), ("cpu_source", "url", ""), ("elasticity", "rescale", "in-place")];
        let world = World::start(VERSIONS[2], &settings).await;
        let mut app = job(1.0, 1.0, 4_000_000.0);
        app["qos"] = json!({"duration": 300, "deadline": 30, "desv_deadline": 0.1});
        let uuid = world.launch(app).await;
        let job = world.wait_for(&uuid, |job| job["cpu_limit"].as_f64() == Some(1.4)).await;
        assert_eq!(job["cpus"], 1.0, "{job}");
        let decided = &world.events(&uuid, "ProgressDecided").await[0];
        assert_eq!(decided["inputs"]["ceiling"], 2000, "{decided}");
        world.stop().await;
    });
}
