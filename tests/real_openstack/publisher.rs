use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::Actor;
use mesos_qos::actors::{KeptTokens, TokenActor};
use mesos_qos::clock::{Clock, SystemClock};
use mesos_qos::openstack::{Keystone, Metric, Monasca};
use serde_json::Value;

use crate::rig::{Rig, patient};

/// In Monasca's agent for Docker, and in the supervisor unless it is told otherwise.
pub const TICKS_PER_SECOND: i64 = 100;

/// How fast the container that runs now uses CPU time.
#[derive(Clone, Copy, PartialEq)]
pub struct Pace {
    /// The job's segment: each has a container of its own, which counts from zero. 0 while none runs.
    pub segment: u64,
    /// When it began, seconds since 1970.
    pub started_at: f64,
    /// Ticks in a second of real time.
    pub ticks_per_second: f64,
}

/// Publishes what Monasca's agent for Docker does, of the container of one job.
pub struct Publisher {
    monasca: Monasca,
    container: String,
    /// By segment: all that was published, in ticks.
    published: Mutex<BTreeMap<u64, BTreeSet<i64>>>,
}

impl Publisher {
    pub fn new(rig: &Rig, uuid: &str) -> Arc<Publisher> {
        let agent = rig.credentials("agent", "agent of the tests");
        let keystone = Keystone::new(&agent, &patient()).unwrap();
        let tokens = Arc::new(KeptTokens::new(TokenActor::new(keystone).start()));
        Arc::new(Publisher {
            monasca: Monasca::new(&agent, tokens, &patient()).unwrap(),
            container: uuid.replace('-', ""),
            published: Mutex::default(),
        })
    }

    /// Publishes once a second, until it is aborted.
    pub async fn run(self: Arc<Self>, pace: impl AsyncFn() -> Pace) {
        loop {
            let Pace { segment, started_at, ticks_per_second } = pace().await;
            if segment > 0 {
                let now = SystemClock.now();
                let ticks = (now.epoch_seconds() - started_at).max(0.0) * ticks_per_second;
                self.publish(segment, now.micros() / 1000, ticks as i64).await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn publish(&self, segment: u64, timestamp: i64, ticks: i64) {
        self.published.lock().unwrap().entry(segment).or_default().insert(ticks);
        let system = ticks / 4;
        let metric = |name: &str, value: i64| Metric {
            name: name.to_owned(),
            dimensions: [("hostname", "node1"), ("image", "debian:12"), ("name", &self.container)]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            timestamp,
            value: value as f64,
        };
        let metrics = [metric("container.cpu.user_time", ticks - system), metric("container.cpu.system_time", system)];
        // What a busy machine does not take in time is published with the next figure, which contains it.
        let _ = self.monasca.send_metrics(&metrics).await;
    }

    /// That this `CpuSample` of the log is a figure that was published, of that segment.
    pub fn assert_published(&self, sample: &Value) {
        let published = self.published.lock().unwrap();
        let ticks = sample["cpu"].as_i64().unwrap() * TICKS_PER_SECOND / 1_000_000;
        let of_segment = &published[&sample["segment"].as_u64().unwrap()];
        assert!(of_segment.contains(&ticks), "{sample} is not in {of_segment:?}");
    }
}
