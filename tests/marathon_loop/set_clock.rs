//! A wall clock that is set back by an hour stops no look, and makes no job earlier than it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mesos_qos::clock::{Clock, SystemClock};
use mesos_qos::qos::units::{Span, Timestamp};
use serde_json::{Value, json};

use crate::helpers::on_actix;
use crate::world::{ENDLESS, VERSIONS, World, job};

const HOUR: Span = Span::from_secs(3600);

/// The supervisor's wall clock, which goes on and can be set back once.
#[derive(Clone, Default)]
struct WallClock(Arc<AtomicBool>);

impl WallClock {
    fn back_by_an_hour(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        if self.0.load(Ordering::SeqCst) { SystemClock.now() - HOUR } else { SystemClock.now() }
    }
}

/// A job that goes exactly as it declared, so that nothing is changed.
fn steady() -> Value {
    let mut app = job(1.0, 1.0, ENDLESS);
    app["qos"] = json!({"duration": 600, "deadline": 600, "desv_deadline": 0.9});
    app
}

fn micros(event: &Value, pointer: &str) -> i64 {
    event.pointer(pointer).and_then(Value::as_i64).unwrap()
}

#[test]
fn a_job_is_looked_at_and_judged_by_the_time_that_has_passed() {
    on_actix(async {
        let clock = WallClock::default();
        let world = World::start_at(VERSIONS[2], Arc::new(clock.clone()), &[]).await;
        let uuid = world.launch(steady()).await;
        world.wait_for_events(&uuid, "ProgressDecided", 2).await;
        clock.back_by_an_hour();
        world.wait_for_events(&uuid, "ProgressDecided", 6).await;
        // The same after a restart, which has nothing but the log and the wall clock to go by.
        let world = world.restart_supervisor(Duration::from_millis(100)).await;
        world.wait_for_events(&uuid, "ProgressDecided", 10).await;
        let decided = world.events(&uuid, "ProgressDecided").await;
        for pair in decided.windows(2) {
            let passed = micros(&pair[1], "/inputs/at") - micros(&pair[0], "/inputs/at");
            assert!((100_000..60_000_000).contains(&passed), "{pair:?}");
            assert!(micros(&pair[1], "/inputs/cpu_desired") > micros(&pair[0], "/inputs/cpu_desired"), "{pair:?}");
        }
        assert!(!world.app.kinds(&uuid).await.contains(&"TelemetryLost".to_owned()));
        world.stop().await;
    });
}

#[test]
fn silence_is_noticed() {
    on_actix(async {
        let clock = WallClock::default();
        let world = World::start_at(VERSIONS[1], Arc::new(clock.clone()), &[]).await;
        let mut app = steady();
        // Its agent reports the start of its container, and nothing more.
        app["env"]["SILENT"] = json!("1");
        let uuid = world.launch(app).await;
        world.wait_for_events(&uuid, "SegmentStarted", 1).await;
        clock.back_by_an_hour();
        world.wait_for_events(&uuid, "TelemetryLost", 1).await;
        world.stop().await;
    });
}
