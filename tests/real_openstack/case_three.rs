//! The published experiment with one long-running job, whose CPU time comes from the real Monasca.

use std::sync::Arc;

use mesos_qos::qos::performance::Performance;
use serde_json::{Value, json};

use crate::helpers::on_actix;
use crate::marathon_world::{VERSIONS, World, job};
use crate::publisher::{Pace, Publisher, TICKS_PER_SECOND};
use crate::rig::rig;
use crate::stored::compare_long_running;

/// Published times and CPU times are divided by this: what is left of the way into Monasca's store and out of it, which takes as long at
/// every speed, is then the part of a monitoring period that it is in a real one.
const SPEED: f64 = 10.0;

/// As published: CPU-seconds of work, and seconds to the deadline and between two looks.
const DURATION: f64 = 400.0 / SPEED;
const DEADLINE: f64 = 480.0 / SPEED;
const MONITORING_PERIOD: f64 = 120.0 / SPEED;
const DEVIATION: f64 = 0.1;

/// What runs at this instant by the log: the newest segment, and how fast it uses CPU time; it computes as fast as its limit lets it.
async fn running(world: &World, uuid: &str) -> Pace {
    let started = world.events(uuid, "SegmentStarted").await;
    let ended = world.events(uuid, "SegmentEnded").await.len();
    let Some(newest) = started.last().filter(|_| started.len() > ended) else {
        return Pace { segment: 0, started_at: 0.0, ticks_per_second: 0.0 };
    };
    let cpus = newest["limit"].as_f64().unwrap() / 1000.0;
    let started_at = newest["started_at"].as_f64().unwrap() / 1e6;
    let segment = newest["segment"].as_u64().unwrap();
    Pace { segment, started_at, ticks_per_second: cpus * TICKS_PER_SECOND as f64 }
}

#[test]
fn case_three_is_on_time_by_what_the_real_monasca_has_and_its_metrics_are_those_of_the_log() {
    on_actix(async {
        let rig = rig();
        let _calm = rig.shared().await;
        let dir = tempfile::tempdir().unwrap();
        let file = rig.credentials_file(dir.path(), "user_monasca", "123456");
        let settings = [
            ("supervisor", "credentials_openstack", file.to_str().unwrap()),
            ("cpu_source", "kind", "monasca"),
            ("elasticity", "monitoring_period", &MONITORING_PERIOD.to_string()),
            // With the published step of 0.4 it would be late where limits are hard ones, as the demo tells. Below the minimum no
            // time would be left for a new task on a busy machine.
            ("elasticity", "cpu_decrement", "0.1"),
            ("elasticity", "cpu_min_slave", "0.85"),
        ];
        let world = Arc::new(World::start(VERSIONS[2], &settings).await);
        let mut app = job(1.0, 1.0, DURATION);
        app["qos"] = json!({"duration": DURATION, "deadline": DEADLINE, "desv_deadline": DEVIATION});
        // Of the agent come starts and ends alone: what is known of a running segment is known from Monasca.
        app["env"]["SILENT"] = json!("1");
        let uuid = world.launch(app).await;
        let publisher = Publisher::new(rig, &uuid);
        let pace = {
            let (world, uuid) = (Arc::clone(&world), uuid.clone());
            async move || running(&world, &uuid).await
        };
        let publishing = actix_rt::spawn(Arc::clone(&publisher).run(pace));
        world.wait_for_state(&uuid, "completed").await;
        publishing.abort();

        let of = async |kind: &str| world.events(&uuid, kind).await;
        let (began, ended) = (of("MarathonStarted").await, of("MarathonEnded").await);
        let instant = |event: &Value, key: &str| event[key].as_i64().unwrap() as f64 / 1e6;
        let took = instant(&ended[0], "finished_at") - instant(&began[0], "started_at");
        let applied: Vec<u32> =
            of("RescaleApplied").await.iter().map(|one| one["cpus"].as_u64().unwrap() as u32).collect();
        let (starts, ends) = (of("SegmentStarted").await, of("SegmentEnded").await);
        let worked: f64 =
            starts.iter().zip(&ends).map(|(one, end)| instant(end, "ended_at") - instant(one, "started_at")).sum();
        let idle = took - worked;
        println!(
            "done at {took:.1} s of {DEADLINE} s, {idle:.1} s between tasks; CPUs 1000, then {applied:?} thousandths"
        );
        // A machine that has other things to do takes longer from one task to the next; this job has four seconds for that.
        assert!(took <= DEADLINE || idle > 3.0, "{took} s, {idle} s between tasks");

        // It was ahead of its plan, and gave CPU back, by a new task each time.
        assert!(!applied.is_empty());
        assert_eq!(world.launches(), [&[1000], applied.as_slice()].concat());
        assert_eq!(of("TelemetryLost").await, [] as [Value; 0]);
        let samples = of("CpuSample").await;
        samples.iter().for_each(|sample| publisher.assert_published(sample));
        let bases: std::collections::BTreeMap<i64, i64> = of("SegmentStarted")
            .await
            .iter()
            .map(|one| (one["segment"].as_i64().unwrap(), one["base"].as_i64().unwrap()))
            .collect();
        let used: Vec<i64> =
            samples.iter().map(|one| bases[&one["segment"].as_i64().unwrap()] + one["cpu"].as_i64().unwrap()).collect();
        let decided = of("ProgressDecided").await;
        for one in &decided {
            assert!(used.contains(&one["inputs"]["cpu_current"].as_i64().unwrap()), "{one} of {used:?}");
        }
        let ahead = json!(Performance::OverPerformant);
        let given_back =
            decided.iter().filter(|one| one["performance"] == ahead && one["to"].as_u64() < one["from"].as_u64());
        assert!(given_back.count() >= 1, "{decided:?}");

        let values = compare_long_running(rig, &world.app, &uuid).await;
        println!("{} looks, {values} values", samples.len());
        Arc::into_inner(world).unwrap().stop().await;
    });
}
