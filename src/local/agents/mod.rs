//! What the agents of Monasca on the nodes publish: the CPU time of containers, under the names, with the dimensions and in the unit of their
//! plugin for Docker.
//!
//! | module | what it does |
//! |---|---|
//! | `containers` | which there are, and what they are called |
//! | `measure` | what they have used, by the kernel's counters |
//!
//! A task without a container stands for one.

mod containers;
mod measure;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use self::containers::{Container, containers};
use self::measure::Measure;
use super::driver::Driver;
use super::executor::CpuUsage;
use super::openstack::OpenStack;

/// Of Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Publishes once in each `period`, for as long as its runtime lives. What is published counts real cores, as the kernel does.
pub(super) async fn run(driver: Arc<Driver>, openstack: Arc<OpenStack>, period: Duration, env: Vec<(String, String)>) {
    let measure = Measure::new();
    let mut every = tokio::time::interval(period);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        for container in driver.read(|state| containers(state, &env)) {
            if let Some(used) = measure.used(&container) {
                publish(&openstack, &container, used);
            }
        }
    }
}

fn publish(openstack: &OpenStack, container: &Container, used: CpuUsage) {
    let dimensions = [("hostname", &container.hostname), ("image", &container.image), ("name", &container.name)]
        .map(|(key, value)| (key.to_owned(), value.clone()));
    let ticks = |time: Duration| (time.as_secs_f64() * TICKS_PER_SECOND).floor();
    let values = [("container.cpu.user_time", ticks(used.user)), ("container.cpu.system_time", ticks(used.system))];
    if let Err(problem) = openstack.publish(&dimensions.into(), &values) {
        tracing::debug!(container = container.name, "not published: {problem}");
    }
}
