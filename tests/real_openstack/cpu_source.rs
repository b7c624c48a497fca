use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::Actor;
use mesos_qos::actors::{KeptTokens, TokenActor};
use mesos_qos::clock::{Clock, SystemClock};
use mesos_qos::openstack::{Keystone, Metric, Monasca};
use mesos_qos::qos::performance::Performance;
use serde_json::json;

use crate::helpers::on_actix;
use crate::marathon_world::{VERSIONS, World, in_order, job};
use crate::rig::{Rig, rig};
use crate::stored::of_metric;

/// In Monasca's agent for Docker, and in the supervisor unless it is told otherwise.
const TICKS_PER_SECOND: i64 = 100;

/// What the container uses in a second, in ticks: far less than the job needs.
const PACE: i64 = TICKS_PER_SECOND * 3 / 10;

/// Publishes what Monasca's agent for Docker does, of the container of one job. It computes nothing.
struct Publisher {
    monasca: Monasca,
    container: String,
    /// By segment: all that was published, in ticks.
    published: Mutex<BTreeMap<u64, BTreeSet<i64>>>,
}

impl Publisher {
    fn new(rig: &Rig, uuid: &str) -> Arc<Publisher> {
        let agent = rig.credentials("agent", "agent of the tests");
        let keystone = Keystone::new(&agent, &Default::default()).unwrap();
        let tokens = Arc::new(KeptTokens::new(TokenActor::new(keystone).start()));
        Arc::new(Publisher {
            monasca: Monasca::new(&agent, tokens, &Default::default()).unwrap(),
            container: uuid.replace('-', ""),
            published: Mutex::default(),
        })
    }

    /// Publishes once a second; a container counts from zero.
    async fn run(self: Arc<Self>, segment: impl AsyncFn() -> u64) {
        let (mut of, mut ticks) = (0, 0);
        loop {
            let segment = segment().await;
            if of != segment {
                (of, ticks) = (segment, 0);
            }
            ticks += PACE;
            self.published.lock().unwrap().entry(segment).or_default().insert(ticks);
            // In the middle of a second, so that two never fall into the same.
            let timestamp = SystemClock.now().micros() / 1_000_000 * 1000 + 500;
            let system = ticks / 4;
            let metric = |name: &str, value: i64| Metric {
                name: name.to_owned(),
                dimensions: [("hostname", "node1"), ("image", "debian:12"), ("name", &self.container)]
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
                timestamp,
                value: value as f64,
            };
            let metrics =
                [metric("container.cpu.user_time", ticks - system), metric("container.cpu.system_time", system)];
            self.monasca.send_metrics(&metrics).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

#[test]
fn a_long_running_job_is_supervised_by_what_monasca_has_of_its_containers() {
    on_actix(async {
        let rig = rig();
        let _calm = rig.shared().await;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("openstack.json");
        let content = json!({"keystone_url": rig.keystone, "monasca_client_url": rig.monasca, "username": "user_monasca",
            "password": "123456", "project_name": "myproject"});
        std::fs::write(&file, content.to_string()).unwrap();
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
        let segments = {
            let (world, uuid) = (Arc::clone(&world), uuid.clone());
            async move || world.count(&uuid, "SegmentStarted").await as u64
        };
        let publishing = actix_rt::spawn(Arc::clone(&publisher).run(segments));
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
        let published = publisher.published.lock().unwrap().clone();
        for sample in &samples {
            let ticks = sample["cpu"].as_i64().unwrap() * TICKS_PER_SECOND / 1_000_000;
            let segment = sample["segment"].as_u64().unwrap();
            assert!(published[&segment].contains(&ticks), "{sample} is not in {published:?}");
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
