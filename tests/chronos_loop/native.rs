use std::time::Duration;

use serde_json::json;

use crate::helpers::on_actix;
use crate::world::{VERSIONS, World};

const RELAXED: fn() -> serde_json::Value = || json!({"duration": 0.5, "deadline": 600, "desv_deadline": 0.999});

#[test]
fn a_job_runs_its_iterations_once_each_and_leaves_the_framework() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version).await;
            let launched = world.launch("plain", "sleep 0.2", 3, RELAXED()).await;
            let uuid = launched.uuid.to_string();
            let job = world.wait_for_state(&uuid, "completed").await;
            world.wait_until_settled(&uuid).await;
            assert_eq!(job["on_time"], true, "{job}");
            assert_eq!(world.launches("plain"), [1000, 1000, 1000], "{version}");
            assert!(world.chronos.find("plain").await.unwrap().is_none(), "{version}: deleted at the end");
            let kinds = world.app.kinds(&uuid).await;
            for (kind, count) in [("IterationStarted", 3), ("IterationFinished", 3), ("Completed", 1), ("Removed", 1)] {
                assert_eq!(kinds.iter().filter(|k| *k == kind).count(), count, "{version}: {kinds:?}");
            }
            world.stop().await;
        }
    });
}

#[test]
fn a_job_that_is_late_gets_more_cpu_for_its_next_iteration() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version).await;
            // Four iterations of declared 10 s in 20 s: late from the start.
            let qos = json!({"duration": 10, "deadline": 20, "desv_deadline": 0.2});
            let launched = world.launch("late", "sleep 0.1", 4, qos).await;
            assert_eq!(launched.admission.verdict, "infeasible");
            let uuid = launched.uuid.to_string();
            let job = world.wait_for_state(&uuid, "completed").await;
            // One decision after each but the last; by then the prediction is on plan again.
            let launches = world.launches("late");
            assert_eq!(launches[..2], [1000, 1400], "{version}: {launches:?}");
            assert_eq!(job["rescales"].as_u64(), Some(launches.windows(2).filter(|w| w[0] != w[1]).count() as u64));
            world.stop().await;
        }
    });
}

#[test]
fn a_job_that_is_early_gives_cpu_away_and_stops_at_the_bound() {
    on_actix(async {
        let world = World::start(VERSIONS[1]).await;
        let qos = json!({"duration": 0.1, "deadline": 600, "desv_deadline": 0.2});
        let launched = world.launch("early", "true", 5, qos).await;
        world.wait_for_state(&launched.uuid.to_string(), "completed").await;
        assert_eq!(world.launches("early"), [1000, 600, 200, 100, 100]);
        world.stop().await;
    });
}

#[test]
fn a_report_that_finds_no_supervisor_is_counted_after_its_restart() {
    on_actix(async {
        let world = World::start(VERSIONS[0]).await;
        let launched = world.launch("patient", "sleep 1", 2, RELAXED()).await;
        let uuid = launched.uuid.to_string();
        world.wait_for_state(&uuid, "running").await;
        // The iteration ends while nobody listens.
        let world = world.restart_supervisor(Duration::from_secs(2)).await;
        world.wait_for_state(&uuid, "completed").await;
        assert_eq!(world.launches("patient").len(), 2);
        world.stop().await;
    });
}

#[test]
fn a_cpu_changed_by_hand_is_seen_before_the_next_start() {
    on_actix(async {
        let world = World::start(VERSIONS[1]).await;
        let launched = world.launch("handmade", "sleep 0.5", 2, RELAXED()).await;
        let uuid = launched.uuid.to_string();
        world.wait_for_state(&uuid, "running").await;
        let job = world.chronos.find("handmade").await.unwrap().unwrap();
        world.chronos.post_job(&job.with_cpus(mesos_qos::qos::units::Cpus::from_milli(700))).await.unwrap();
        world.wait_for_state(&uuid, "completed").await;
        assert!(world.app.kinds(&uuid).await.contains(&"CpuObserved".to_owned()));
        assert_eq!(world.launches("handmade"), [1000, 700]);
        world.stop().await;
    });
}

#[test]
fn two_names_that_begin_alike_are_two_jobs() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version).await;
            let qos = || json!({"duration": 10, "deadline": 20, "desv_deadline": 0.2});
            let one = world.launch("openmpLinpack1", "sleep 0.1", 2, qos()).await.uuid.to_string();
            let ten = world.launch("openmpLinpack10", "sleep 0.1", 2, qos()).await.uuid.to_string();
            for uuid in [&one, &ten] {
                world.wait_for_state(uuid, "completed").await;
            }
            for name in ["openmpLinpack1", "openmpLinpack10"] {
                assert_eq!(world.launches(name).len(), 2, "{version}: {name}");
            }
            world.stop().await;
        }
    });
}

#[test]
fn a_name_with_spaces_and_a_hash_works_where_chronos_takes_it() {
    on_actix(async {
        let world = World::start(VERSIONS[0]).await;
        let launched = world.launch("nightly #1 run", "true", 2, RELAXED()).await;
        world.wait_for_state(&launched.uuid.to_string(), "completed").await;
        assert_eq!(world.launches("nightly #1 run").len(), 2);
        world.stop().await;
    });
}
