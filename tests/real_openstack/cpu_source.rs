use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesos_qos::qos::performance::Performance;
use serde_json::json;

use crate::helpers::on_actix;
use crate::marathon_world::{VERSIONS, World, in_order, job};
use crate::publisher::{Pace, Publisher, TICKS_PER_SECOND};
use crate::rig::rig;
use crate::stored::of_metric;

/// What the container uses, in ticks a second: far less than the job needs.
const PACE: f64 = TICKS_PER_SECOND as f64 * 0.3;

#[test]
fn a_long_running_job_is_supervised_by_what_monasca_has_of_its_containers() {
    on_actix(async {
        let rig = rig();
        let _calm = rig.shared().await;
        let dir = tempfile::tempdir().unwrap();
        let file = rig.credentials_file(dir.path(), "user_monasca", "123456");
        let settings = [
            ("supervisor", "credentials_openstack", file.to_str().unwrap()),
            ("cpu_source", "kind", "monasca"),
            ("elasticity", "monitoring_period", "4"),
        ];
        let world = Arc::new(World::start(VERSIONS[2], &settings).await);
        // By its agent's word it uses a CPU all the time, as it needs to.
        let mut app = job(1.0, 1.0, 40_000_000.0);
        app["qos"] = json!({"duration": 300, "deadline": 300, "desv_deadline": 0.3});
        let uuid = world.launch(app).await;
        world.wait_for_events(&uuid, "SegmentStarted", 1).await;
        let publisher = Publisher::new(rig, &uuid);
        let pace = {
            let (world, uuid) = (Arc::clone(&world), uuid.clone());
            async move || {
                let newest = world.events(&uuid, "SegmentStarted").await.pop().unwrap();
                let started_at = newest["started_at"].as_f64().unwrap() / 1e6;
                Pace { segment: newest["segment"].as_u64().unwrap(), started_at, ticks_per_second: PACE }
            }
        };
        let publishing = actix_rt::spawn(Arc::clone(&publisher).run(pace));
        // By its container's it is too slow, and gets more by a new task.
        world.wait_for_events(&uuid, "RescaleApplied", 1).await;
        world.wait_for_events(&uuid, "SegmentStarted", 2).await;
        let so_far = world.count(&uuid, "CpuSample").await;
        world.wait_for_events(&uuid, "CpuSample", so_far + 2).await;
        publishing.abort();

        let kinds = world.app.kinds(&uuid).await;
        let story = [
            "SegmentStarted",
            "CpuSample",
            "ProgressDecided",
            "Rescaled",
            "SegmentEnded",
            "SegmentStarted",
            "CpuSample",
        ];
        assert!(in_order(&kinds, &story), "{kinds:?}");
        let decided = world.events(&uuid, "ProgressDecided").await;
        let slow = json!(Performance::UnderPerformant);
        let raised = |one: &serde_json::Value| one["to"].as_u64() > one["from"].as_u64();
        assert!(decided.iter().any(|one| one["performance"] == slow && raised(one)), "{decided:?}");
        // Each figure in the log is one that was published, of that segment.
        let samples = world.events(&uuid, "CpuSample").await;
        for sample in &samples {
            publisher.assert_published(sample);
        }
        // And what the supervisor sends of it arrives beside it.
        let bases: BTreeMap<u64, i64> = world
            .events(&uuid, "SegmentStarted")
            .await
            .iter()
            .map(|one| (one["segment"].as_u64().unwrap(), one["base"].as_i64().unwrap()))
            .collect();
        let used = |sample: &serde_json::Value| {
            (bases[&sample["segment"].as_u64().unwrap()] + sample["cpu"].as_i64().unwrap()) as f64 / 1e6
        };
        let used: Vec<f64> = samples.iter().map(used).collect();
        let began = std::time::Instant::now();
        loop {
            let found = of_metric(rig, "current_cputime_accumulated").await.remove(&uuid).unwrap_or_default();
            let mut found = found.iter().map(|(_, value)| *value);
            if used.iter().all(|wanted| found.any(|value| value == *wanted)) {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{used:?} is not stored in this order");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Arc::into_inner(world).unwrap().stop().await;
    });
}
