//! A wall clock that is set back by hours does not put off what was planned by minutes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mesos_qos::clock::{Clock, SystemClock};
use mesos_qos::qos::units::{Span, Timestamp};
use serde_json::json;

use crate::helpers::on_actix;
use crate::world::{VERSIONS, World};

/// The supervisor's wall clock, which goes on and can be set back.
#[derive(Clone, Default)]
struct WallClock {
    set_back_micros: Arc<AtomicI64>,
}

impl WallClock {
    fn back_by_an_hour(&self) {
        self.set_back_micros.fetch_add(Span::from_secs(3600).micros(), Ordering::SeqCst);
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() - Span::from_micros(self.set_back_micros.load(Ordering::SeqCst))
    }
}

#[test]
fn a_run_whose_report_is_overdue_is_found_out() {
    on_actix(async {
        let clock = WallClock::default();
        let settings = [("supervisor", "overdue_factor", "1.5")];
        let world = World::start_at(VERSIONS[1], Arc::new(clock.clone()), &settings).await;
        let qos = json!({"duration": 1, "deadline": 600, "desv_deadline": 0.9});
        let uuid = world.launch("slow", "sleep 1000", 1, qos).await.uuid.to_string();
        world.wait_for_state(&uuid, "running").await;
        clock.back_by_an_hour();
        let job = world.wait_for(&uuid, |job| job["overdue"]["times"].as_u64() >= Some(2)).await;
        assert!(job["flags"].as_array().unwrap().contains(&json!("overdue")), "{job}");
        world.stop().await;
    });
}

#[test]
fn the_next_iteration_is_started_after_its_pause() {
    on_actix(async {
        let clock = WallClock::default();
        let settings = [("elasticity", "sleeping_time", "2")];
        let world = World::start_at(VERSIONS[0], Arc::new(clock.clone()), &settings).await;
        let qos = json!({"duration": 0.5, "deadline": 600, "desv_deadline": 0.999});
        let uuid = world.launch("paused", "sleep 0.1", 2, qos).await.uuid.to_string();
        world.wait_for(&uuid, |job| job["remaining"] == 1).await;
        clock.back_by_an_hour();
        world.wait_for_state(&uuid, "completed").await;
        world.stop().await;
    });
}

#[test]
fn a_job_that_is_never_submitted_is_withdrawn() {
    on_actix(async {
        let clock = WallClock::default();
        let settings = [("supervisor", "submit_timeout", "2")];
        let world = World::start_at(VERSIONS[1], Arc::new(clock.clone()), &settings).await;
        let uuid = world.app.registered("ghost").await;
        clock.back_by_an_hour();
        world.wait_for_state(&uuid, "withdrawn").await;
        world.stop().await;
    });
}

#[test]
fn a_start_that_chronos_drops_and_a_job_that_somebody_removes_are_found_out() {
    on_actix(async {
        let clock = WallClock::default();
        let faults = crate::faults::Faults::default();
        let world = World::start_behind_at(VERSIONS[1], &faults, Arc::new(clock.clone()), &[]).await;
        faults.answer("PUT", "/job/", 204, 2);
        let qos = json!({"duration": 0.5, "deadline": 600, "desv_deadline": 0.999});
        let uuid = world.launch("dropped", "sleep 0.1", 1000, qos).await.uuid.to_string();
        faults.wait_for("PUT", "/job/", 1).await;
        clock.back_by_an_hour();
        faults.wait_for("PUT", "/job/", 3).await;
        world.wait_for(&uuid, |job| job["remaining"].as_u64() < Some(1000)).await;
        clock.back_by_an_hour();
        world.chronos.delete("dropped").await.unwrap();
        clock.back_by_an_hour();
        world.wait_for_state(&uuid, "failed").await;
        world.stop().await;
    });
}
