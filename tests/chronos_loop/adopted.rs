//! Jobs as the 2017 launcher submits them: the job first, with an endless short schedule and a curl behind its command, then the
//! registration.

use mesos_qos::local::journal::Entry;
use serde_json::json;

use crate::helpers::{legacy_registration, on_actix};
use crate::world::{VERSIONS, World};

#[test]
fn a_job_of_the_2017_launcher_completes() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start_with(version, &[("auth", "mode", "off")]).await;
            let uuid = uuid::Uuid::new_v4().simple().to_string();
            let job = world.legacy_job("legacy", &uuid, 1.1, "R//PT5M");
            world.chronos.post_job(&job).await.unwrap();
            let mut registration = legacy_registration(&uuid, "legacy");
            registration["iterations"] = json!(3);
            let (status, reply) = world.app.post("/initTask", registration).await;
            assert_eq!(status, 200, "{reply}");
            let job = world.wait_for_state(&uuid, "completed").await;
            world.wait_until_settled(&uuid).await;
            assert_eq!(world.launches("legacy").len(), 3, "{version}: {job}");
            assert!(world.chronos.find("legacy").await.unwrap().is_none(), "{version}");
            world.stop().await;
        }
    });
}

/// The job replaces one of its name, so that 2.4 keeps its schedule with an empty start: a POST of ours would start a run. It is late
/// from the start, so that each iteration but the last is followed by a resize.
#[test]
fn a_job_of_the_2017_launcher_is_resized_without_a_run_too_many() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start_with(version, &[("auth", "mode", "off")]).await;
            let old = json!({"name": "legacy", "command": "true", "owner": "me", "disabled": false,
                "schedule": "R/2099-01-01T00:00:00Z/P1Y"});
            world.chronos.post_job(&old).await.unwrap();
            while world.chronos.find("legacy").await.unwrap().is_none() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            let uuid = uuid::Uuid::new_v4().simple().to_string();
            let job = world.legacy_job("legacy", &uuid, 1.1, "R//PT5M");
            world.chronos.post_job(&job).await.unwrap();
            let mut registration = legacy_registration(&uuid, "legacy");
            registration["iterations"] = json!(3);
            registration["deadline"] = json!(crate::helpers::now() + 60.0);
            let (status, reply) = world.app.post("/initTask", registration).await;
            assert_eq!(status, 200, "{reply}");
            let job = world.wait_for_state(&uuid, "completed").await;
            world.wait_until_settled(&uuid).await;
            assert_eq!(world.launches("legacy"), [1000, 1400, 1800], "{version}: {job}");
            world.stop().await;
        }
    });
}

/// In the pause before the next start its own schedule is quicker: a run that it starts is the iteration that was wanted.
#[test]
fn runs_that_the_schedule_of_a_2017_launchers_job_starts_in_a_pause_are_not_wasted() {
    on_actix(async {
        let settings = [("auth", "mode", "off"), ("elasticity", "sleeping_time", "3")];
        let world = World::start_with(VERSIONS[0], &settings).await;
        let uuid = uuid::Uuid::new_v4().simple().to_string();
        let job = world.legacy_job("ticking", &uuid, 1.6, "R//PT1S");
        world.chronos.post_job(&job).await.unwrap();
        let mut registration = legacy_registration(&uuid, "ticking");
        registration["iterations"] = json!(5);
        let (status, reply) = world.app.post("/initTask", registration).await;
        assert_eq!(status, 200, "{reply}");
        let job = world.wait_for_state(&uuid, "completed").await;
        world.wait_until_settled(&uuid).await;
        // Until the deletion the schedule may go on, however long that takes.
        let (_, page) = world.app.get(&format!("/api/v1/jobs/{uuid}/events?limit=1000")).await;
        let completed = page["items"].as_array().unwrap().iter().find(|event| event["kind"] == "Completed").unwrap();
        let completed = chrono::DateTime::parse_from_rfc3339(completed["at"].as_str().unwrap()).unwrap();
        let journal = world.journal("ticking");
        let wanted = journal
            .iter()
            .filter(|entry| matches!(entry, Entry::Launch { at, .. } if at.micros() <= completed.timestamp_micros()));
        let launches = wanted.count();
        assert!((5..=6).contains(&launches), "{launches} runs for 5 iterations, {job}");
        let asked = world.app.kinds(&uuid).await.iter().filter(|kind| *kind == "StartAttempted").count();
        assert!(asked < 5, "the schedule was never quicker than the supervisor: {asked} starts");
        world.stop().await;
    });
}
