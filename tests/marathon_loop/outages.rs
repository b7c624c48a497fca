//! Marathon is away, or says what no client understands.

use std::time::Duration;

use crate::faults::Faults;
use crate::helpers::on_actix;
use crate::world::{ENDLESS, VERSIONS, World, job};

/// It gets no more than the first step up, whenever it is looked at next.
const ONE_STEP: (&str, &str, &str) = ("elasticity", "cpu_max_slave", "1.4");

/// The 2017 tool took one 503 for the app's end.
#[test]
fn while_marathon_is_away_nothing_is_concluded_and_afterwards_the_resize_is_made() {
    on_actix(async {
        let faults = Faults::default();
        let world = World::start_behind(VERSIONS[1], &faults, &[]).await;
        let uuid = world.launch(job(1.0, 0.6, ENDLESS)).await;
        world.wait_for_events(&uuid, "SeenInFramework", 1).await;
        for method in ["GET", "PATCH"] {
            faults.answer(method, "/v2/", 503, usize::MAX);
        }
        world.wait_for_events(&uuid, "Rescaled", 1).await;
        // Longer than what shows an app as removed.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let (_, ready) = world.app.get("/readyz").await;
        assert_eq!((&ready["ready"], &ready["detail"]["marathon"]), (&true.into(), &"unreachable".into()), "{ready}");
        assert!(ready["detail"]["marathon_last_error"].as_str().unwrap().contains("503"), "{ready}");
        assert_eq!(world.app.job(&uuid).await["state"], "running");
        assert_eq!(world.launches(), [1000]);
        faults.heal();
        world.wait_for_events(&uuid, "RescaleApplied", 1).await;
        world.finish(&uuid);
        let job = world.wait_for_state(&uuid, "completed").await;
        world.wait_until_settled(&uuid).await;
        assert_eq!(world.launches()[..2], [1000, 1400], "{job}");
        let (_, metrics) = world.app.get("/metrics").await;
        let metrics = metrics.as_str().unwrap();
        assert!(metrics.contains("mesos_qos_marathon_reachable 1"), "{metrics}");
        assert!(!metrics.contains("mesos_qos_marathon_errors_total 0"), "{metrics}");
        world.stop().await;
    });
}

#[test]
fn a_resize_whose_answer_is_lost_is_looked_for_and_not_asked_for_again() {
    on_actix(async {
        for (version, method) in [(VERSIONS[0], "PUT"), (VERSIONS[2], "PATCH")] {
            let faults = Faults::default();
            let world = World::start_behind(version, &faults, &[ONE_STEP]).await;
            faults.lose_answer(method, "/v2/apps", 1);
            let uuid = world.launch(job(1.0, 0.6, ENDLESS)).await;
            world.wait_for_events(&uuid, "RescaleApplied", 1).await;
            assert_eq!(faults.count(method, "/v2/apps"), 1, "{version}");
            assert_eq!(world.count(&uuid, "RescaleUnanswered").await, 1, "{version}");
            assert_eq!(world.launches(), [1000, 1400], "{version}");
            world.finish(&uuid);
            world.wait_for_state(&uuid, "completed").await;
            world.wait_until_settled(&uuid).await;
            world.stop().await;
        }
    });
}

/// The 2017 tool ended for ever when a 409 was not JSON.
#[test]
fn an_answer_without_a_body_is_only_an_attempt_that_failed() {
    on_actix(async {
        let faults = Faults::default();
        let world = World::start_behind(VERSIONS[2], &faults, &[ONE_STEP]).await;
        faults.answer("PATCH", "/v2/apps", 409, 2);
        let uuid = world.launch(job(1.0, 0.6, ENDLESS)).await;
        world.wait_for_events(&uuid, "RescaleApplied", 1).await;
        assert_eq!(faults.count("PATCH", "/v2/apps"), 3);
        assert_eq!(world.count(&uuid, "RescaleUnanswered").await, 0, "it was surely not carried out");
        world.finish(&uuid);
        world.wait_for_state(&uuid, "completed").await;
        world.stop().await;
    });
}

#[test]
fn a_resize_that_marathon_does_not_take_leaves_the_job_as_it_is() {
    on_actix(async {
        let faults = Faults::default();
        let world = World::start_behind(VERSIONS[2], &faults, &[("marathon", "resize_patience", "0.5")]).await;
        faults.answer("PATCH", "/v2/apps", 422, usize::MAX);
        let uuid = world.launch(job(1.0, 0.6, ENDLESS)).await;
        world.wait_for_events(&uuid, "RescaleFailed", 1).await;
        let failed = &world.events(&uuid, "RescaleFailed").await[0];
        assert!(failed["reason"].as_str().unwrap().contains("422"), "{failed}");
        let job = world.app.job(&uuid).await;
        assert_eq!(job["cpus"], 1.0, "{job}");
        world.finish(&uuid);
        let job = world.wait_for_state(&uuid, "completed").await;
        assert!(job["flags"].as_array().unwrap().contains(&"rescale_failed".into()), "{job}");
        world.wait_until_settled(&uuid).await;
        assert_eq!(world.launches(), [1000]);
        world.stop().await;
    });
}
