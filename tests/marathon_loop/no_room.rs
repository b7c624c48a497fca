//! A resize to more CPU than any node has.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::faults::Faults;
use crate::helpers::on_actix;
use crate::world::{ENDLESS, VERSIONS, World, job};

/// Nodes have two CPUs; one step leads to two and a half.
const SETTINGS: [(&str, &str, &str); 3] = [
    ("elasticity", "cpu_max_slave", "2.6"),
    ("elasticity", "cpu_increment", "1.5"),
    ("marathon", "placement_patience", "1"),
];

/// The old task is over before the new one starts, so that the job stands still until it is taken back.
#[test]
fn a_resize_that_no_node_has_room_for_is_taken_back_and_the_job_goes_on_where_it_was() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version, &SETTINGS).await;
            let uuid = world.launch(job(1.0, 0.6, ENDLESS)).await;
            world.wait_for_events(&uuid, "RescaleFailed", 1).await;
            let failed = &world.events(&uuid, "RescaleFailed").await[0];
            assert_eq!((&failed["no_room"], &failed["cpus"]), (&json!(true), &json!(2500)), "{version}: {failed}");
            assert!(failed["reason"].as_str().unwrap().contains("no node had room for 2.5 CPU"), "{failed}");
            // Looked at twice since then.
            let looks = world.count(&uuid, "ProgressDecided").await;
            world.wait_for_events(&uuid, "ProgressDecided", looks + 2).await;
            world.finish(&uuid);
            let job = world.wait_for_state(&uuid, "completed").await;
            assert_eq!((&job["cpus"], &job["cpu_seconds_wasted"]), (&json!(1.0), &json!(0.0)), "{version}: {job}");
            world.wait_until_settled(&uuid).await;
            assert_eq!(world.launches(), [1000, 1000], "{version}: it is not stopped for the same again");
            assert_eq!(world.count(&uuid, "Rescaled").await, 1, "{version}");
            let decided = world.events(&uuid, "ProgressDecided").await;
            let held =
                decided.iter().filter(|decided| decided["reason"].as_str().unwrap().contains("no node had room"));
            assert!(held.count() > 1, "{version}: {decided:?}");
            assert!(world.find().await.is_none(), "{version}");
            world.stop().await;
        }
    });
}

#[test]
fn it_is_taken_back_by_a_supervisor_that_did_not_ask_for_it() {
    on_actix(async {
        let faults = Faults::default();
        let world = World::start_behind(VERSIONS[1], &faults, &SETTINGS).await;
        let uuid = world.launch(job(1.0, 0.6, ENDLESS)).await;
        faults.wait_for("PATCH", "/v2/apps", 1).await;
        let world = world.restart_supervisor(Duration::from_millis(300)).await;
        // Whoever made the answer to the first attempt get lost: it is looked at, and tried again.
        faults.answer("DELETE", "/v2/deployments", 503, 1);
        world.wait_for_events(&uuid, "RescaleFailed", 1).await;
        assert_eq!(world.events(&uuid, "RescaleFailed").await[0]["no_room"], true);
        assert_eq!(faults.count("PATCH", "/v2/apps"), 1);
        assert_eq!(faults.count("DELETE", "/v2/deployments"), 2);
        world.finish(&uuid);
        world.wait_for_state(&uuid, "completed").await;
        world.wait_until_settled(&uuid).await;
        assert_eq!(world.launches(), [1000, 1000]);
        world.stop().await;
    });
}

/// The rollback is done, and the supervisor ends before it sees so.
#[test]
fn a_supervisor_that_ends_between_the_rollback_and_its_record_does_not_ask_for_the_same_again() {
    on_actix(async {
        let faults = Faults::default();
        let world = World::start_behind(VERSIONS[1], &faults, &SETTINGS).await;
        let uuid = world.launch(job(1.0, 0.6, ENDLESS)).await;
        faults.answer_after(("DELETE", "/v2/deployments"), "GET", "/v2/apps", 503);
        faults.wait_for("DELETE", "/v2/deployments", 1).await;
        // Back to what was before, and nothing is under way.
        let patience = Instant::now() + Duration::from_secs(60);
        while world.find().await.is_none_or(|app| app.cpus.milli() != 1000 || app.deployments().next().is_some()) {
            assert!(Instant::now() < patience, "it is never rolled back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(world.count(&uuid, "RescaleTakenBack").await, 1);
        assert_eq!(world.count(&uuid, "RescaleFailed").await, 0, "the old supervisor does not know it");
        let world = world.restart_supervisor_after(async |_| faults.heal()).await;
        world.wait_for_events(&uuid, "RescaleFailed", 1).await;
        let failed = &world.events(&uuid, "RescaleFailed").await[0];
        assert_eq!((&failed["no_room"], &failed["cpus"]), (&json!(true), &json!(2500)), "{failed}");
        assert_eq!(faults.count("PATCH", "/v2/apps"), 1, "asked for once");
        world.finish(&uuid);
        world.wait_for_state(&uuid, "completed").await;
        world.wait_until_settled(&uuid).await;
        assert_eq!(world.launches(), [1000, 1000], "stopped once");
        world.stop().await;
    });
}

/// From the first event of one kind to the last of the other.
async fn seconds_between(world: &World, uuid: &str, first: &str, last: &str) -> f64 {
    let (_, page) = world.app.get(&format!("/api/v1/jobs/{uuid}/events?limit=1000")).await;
    let of = |kind: &str| {
        let of_kind = page["items"].as_array().unwrap().iter().filter(|event| event["kind"] == kind);
        let at = of_kind.map(|event| chrono::DateTime::parse_from_rfc3339(event["at"].as_str().unwrap()).unwrap());
        at.collect::<Vec<_>>()
    };
    (*of(last).last().unwrap() - of(first)[0]).num_milliseconds() as f64 / 1000.0
}

#[test]
fn a_task_that_takes_long_to_write_its_checkpoint_is_no_lack_of_room() {
    on_actix(async {
        for version in [VERSIONS[0], VERSIONS[2]] {
            let world = World::start(version, &[("marathon", "placement_patience", "1")]).await;
            let mut app = job(1.0, 0.6, ENDLESS);
            app["env"]["SLOW_END"] = json!("4");
            let uuid = world.launch(app).await;
            let patience = Instant::now() + Duration::from_secs(60);
            while world.count(&uuid, "RescaleApplied").await == 0 {
                for kind in ["RescaleTakenBack", "RescaleFailed"] {
                    assert_eq!(world.count(&uuid, kind).await, 0, "{version}: {:?}", world.app.kinds(&uuid).await);
                }
                assert!(Instant::now() < patience, "{version}: {:?}", world.app.kinds(&uuid).await);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert_eq!(world.launches(), [1000, 1400], "{version}");
            // The old task wrote for longer than a task may be without a node, or this shows nothing.
            world.wait_for_events(&uuid, "SegmentStarted", 2).await;
            let waited = seconds_between(&world, &uuid, "Rescaled", "SegmentStarted").await;
            assert!(waited > 2.0, "{version}: {waited} s");
            world.stop().await;
        }
    });
}
