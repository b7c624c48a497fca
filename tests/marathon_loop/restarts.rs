//! The supervisor ends in the middle of a resize and is started again.

use std::time::{Duration, Instant};

use crate::faults::Faults;
use crate::helpers::on_actix;
use crate::world::{ENDLESS, VERSIONS, World, job};

#[test]
fn a_resize_that_was_made_but_not_recorded_is_not_made_twice() {
    on_actix(async {
        for (version, method) in [(VERSIONS[0], "PUT"), (VERSIONS[1], "PATCH")] {
            let faults = Faults::default();
            // It gets no more than that, whenever it is looked at next.
            let world = World::start_behind(version, &faults, &[("elasticity", "cpu_max_slave", "1.4")]).await;
            // Carried out, and never heard of: no look works any more either.
            faults.lose_answer(method, "/v2/apps", 1);
            faults.answer_after((method, "/v2/apps"), "GET", "/v2/", 503);
            let uuid = world.launch(job(1.0, 0.6, ENDLESS)).await;
            world.wait_for_events(&uuid, "SeenInFramework", 1).await;
            faults.wait_for(method, "/v2/apps", 1).await;
            let patience = Instant::now() + Duration::from_secs(60);
            while world.find().await.is_none_or(|app| app.cpus.milli() != 1400) {
                assert!(Instant::now() < patience, "{version}: it is not carried out");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let world = world.restart_supervisor(Duration::from_millis(300)).await;
            assert_eq!(world.count(&uuid, "RescaleApplied").await, 0, "{version}");
            faults.heal();
            world.wait_for_events(&uuid, "RescaleApplied", 1).await;
            let resizes = world.events(&uuid, "Rescaled").await;
            let kinds = world.app.kinds(&uuid).await;
            assert_eq!(faults.count(method, "/v2/apps"), 1, "{version}: {resizes:?} {kinds:?}");
            assert_eq!(world.launches(), [1000, 1400], "{version}");
            assert_eq!(world.count(&uuid, "RescaleUnanswered").await, 1, "{version}");
            world.finish(&uuid);
            let job = world.wait_for_state(&uuid, "completed").await;
            assert_eq!(job["cpu_seconds_wasted"], 0.0, "{version}: {job}");
            world.wait_until_settled(&uuid).await;
            assert!(world.find().await.is_none(), "{version}");
            world.stop().await;
        }
    });
}

#[test]
fn a_resize_that_was_decided_but_not_made_is_made_after_the_restart() {
    on_actix(async {
        let faults = Faults::default();
        let world = World::start_behind(VERSIONS[2], &faults, &[]).await;
        faults.answer("PATCH", "/v2/apps", 503, usize::MAX);
        let uuid = world.launch(job(1.0, 0.6, ENDLESS)).await;
        world.wait_for_events(&uuid, "Rescaled", 1).await;
        let world = world.restart_supervisor(Duration::from_millis(300)).await;
        faults.heal();
        world.wait_for_events(&uuid, "RescaleApplied", 1).await;
        assert_eq!(world.launches()[..2], [1000, 1400]);
        world.finish(&uuid);
        world.wait_for_state(&uuid, "completed").await;
        world.wait_until_settled(&uuid).await;
        world.stop().await;
    });
}

/// What the agent could not say while nobody listened is said afterwards.
#[test]
fn a_job_that_ends_while_the_supervisor_is_away_is_deleted_when_it_is_back() {
    on_actix(async {
        let world = World::start(VERSIONS[2], &[]).await;
        let uuid = world.launch(job(1.0, 1.0, 3.0)).await;
        world.wait_for_events(&uuid, "SegmentStarted", 1).await;
        let world = world.restart_supervisor(Duration::from_secs(4)).await;
        let job = world.wait_for_state(&uuid, "completed").await;
        assert_eq!(job["on_time"], true, "{job}");
        world.wait_until_settled(&uuid).await;
        assert!(world.find().await.is_none());
        assert_eq!(world.launches().len(), 1, "{job}");
        world.stop().await;
    });
}
