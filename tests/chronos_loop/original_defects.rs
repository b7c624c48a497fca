//! What the 2017 supervisor did when Chronos failed, or when a run reported at a bad moment: locked up for good, forgot, or took a
//! failure for a success. What must happen instead.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::faults::Faults;
use crate::helpers::{now, on_actix, report};
use crate::world::{VERSIONS, World};

fn relaxed() -> Value {
    json!({"duration": 0.5, "deadline": 600, "desv_deadline": 0.999})
}

/// Late from the start, so that each iteration but the last is followed by a resize.
fn late() -> Value {
    json!({"duration": 10, "deadline": 20, "desv_deadline": 0.2})
}

async fn healthy(world: &World) {
    let (status, _) = world.app.get("/api/v1/jobs").await;
    assert_eq!(status, StatusCode::OK);
}

#[test]
fn a_search_that_fails_costs_no_iteration() {
    on_actix(async {
        for (version, part) in VERSIONS.into_iter().zip(["/jobs/search", "/job/"]) {
            let faults = Faults::default();
            let world = World::start_behind(version, &faults, &[]).await;
            let uuid = world.launch("search", "sleep 0.2", 3, relaxed()).await.uuid.to_string();
            world.wait_for(&uuid, |job| job["remaining"] == 2).await;
            faults.answer("GET", part, 500, 4);
            healthy(&world).await;
            world.wait_for_state(&uuid, "completed").await;
            assert_eq!(world.launches("search").len(), 3, "{version}");
            world.stop().await;
        }
    });
}

#[test]
fn a_start_that_is_refused_is_asked_for_again() {
    on_actix(async {
        for version in VERSIONS {
            for status in [500, 400, 404] {
                let faults = Faults::default();
                let world = World::start_behind(version, &faults, &[]).await;
                faults.answer("PUT", "/job/", status, 1);
                let uuid = world.launch("refused", "true", 2, relaxed()).await.uuid.to_string();
                world.wait_for_state(&uuid, "completed").await;
                assert_eq!(world.launches("refused").len(), 2, "{version}, {status}");
                world.stop().await;
            }
        }
    });
}

#[test]
fn a_start_whose_answer_is_lost_is_not_repeated() {
    on_actix(async {
        for version in VERSIONS {
            let faults = Faults::default();
            let world = World::start_behind(version, &faults, &[]).await;
            faults.lose_answer("PUT", "/job/", usize::MAX);
            let uuid = world.launch("unanswered", "sleep 0.1", 3, relaxed()).await.uuid.to_string();
            world.wait_for_state(&uuid, "completed").await;
            assert_eq!(world.launches("unanswered").len(), 3, "{version}");
            world.stop().await;
        }
    });
}

#[test]
fn a_resize_that_is_refused_is_not_taken_for_done() {
    on_actix(async {
        for version in VERSIONS {
            let faults = Faults::default();
            let world = World::start_behind(version, &faults, &[("chronos", "resize_patience", "0.6")]).await;
            faults.answer("POST", "/iso8601", 500, usize::MAX);
            let uuid = world.launch("unsized", "sleep 0.1", 2, late()).await.uuid.to_string();
            let job = world.wait_for_state(&uuid, "completed").await;
            assert_eq!(world.launches("unsized"), [1000, 1000], "{version}: the old CPU, and no iteration lost");
            assert_eq!((&job["cpus"], &job["rescales"]), (&json!(1.0), &json!(0)), "{version}");
            assert!(job["flags"].as_array().unwrap().contains(&json!("rescale_failed")), "{version}: {job}");
            world.stop().await;
        }
    });
}

#[test]
fn a_deletion_that_fails_is_asked_for_until_the_job_is_gone() {
    on_actix(async {
        for version in VERSIONS {
            let faults = Faults::default();
            let world = World::start_behind(version, &faults, &[]).await;
            faults.answer("DELETE", "/job/", 500, 3);
            let uuid = world.launch("kept", "true", 1, relaxed()).await.uuid.to_string();
            world.wait_until_settled(&uuid).await;
            assert!(world.chronos.find("kept").await.unwrap().is_none(), "{version}");
            assert!(faults.count("DELETE", "/job/") >= 4, "{version}");
            world.stop().await;
        }
    });
}

#[test]
fn a_chronos_that_is_away_keeps_no_report_waiting_and_the_job_goes_on_when_it_is_back() {
    on_actix(async {
        for version in VERSIONS {
            let faults = Faults::default();
            let world = World::start_behind(version, &faults, &[]).await;
            let uuid = world.launch("away", "sleep 0.5", 3, relaxed()).await.uuid.to_string();
            world.wait_for_state(&uuid, "running").await;
            for method in ["GET", "PUT", "POST", "DELETE"] {
                faults.answer(method, "", 503, usize::MAX);
            }
            // The report of the run that is under way is taken while Chronos is away.
            world.wait_for(&uuid, |job| job["remaining"] == 2).await;
            let asked = faults.count("GET", "");
            tokio::time::sleep(Duration::from_secs(3)).await;
            let asked = faults.count("GET", "") - asked;
            assert!(asked <= 40, "{version}: {asked} requests in three seconds");
            let (_, ready) = world.app.get("/readyz").await;
            assert_eq!((&ready["ready"], &ready["detail"]["chronos"]), (&json!(true), &json!("unreachable")));
            faults.heal();
            world.wait_for_state(&uuid, "completed").await;
            assert_eq!(world.launches("away").len(), 3, "{version}");
            world.stop().await;
        }
    });
}

#[test]
fn a_report_of_a_job_that_was_deleted_by_hand_is_answered() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version).await;
            let uuid = world.launch("deleted", "sleep 1000", 3, relaxed()).await.uuid.to_string();
            world.wait_for_state(&uuid, "running").await;
            world.chronos.delete("deleted").await.unwrap();
            let mut body = report(&uuid, now() - 1.0, now());
            body["run"] = json!("ct:1:0:deleted:");
            let (status, _) = world.app.post("/updateTask", body.clone()).await;
            assert_eq!(status, StatusCode::OK, "{version}");
            world.wait_for_state(&uuid, "failed").await;
            world.wait_until_settled(&uuid).await;
            body["run"] = json!("ct:2:0:deleted:");
            let (status, reply) = world.app.post("/updateTask", body).await;
            assert_eq!((status, &reply["ignored"]), (StatusCode::OK, &json!("failed")), "{version}");
            world.stop().await;
        }
    });
}

#[test]
fn a_report_with_another_jobs_name_starts_resizes_and_deletes_nothing_of_it() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version).await;
            let victim = json!({"name": "victim", "command": "true", "owner": "other-team", "disabled": false,
                "cpus": 0.5, "mem": 16, "schedule": "R/2099-01-01T00:00:00Z/P1Y"});
            world.chronos.post_job(&victim).await.unwrap();
            let uuid = world.launch("attacker", "sleep 0.5", 1, late()).await.uuid.to_string();
            let run = loop {
                let (_, page) = world.app.get(&format!("/api/v1/jobs/{uuid}/events")).await;
                let events = page["items"].as_array().unwrap();
                if let Some(started) = events.iter().find(|event| event["kind"] == "IterationStarted") {
                    break started["data"]["key"]["run"]["run"].clone();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            let mut forged = report(&uuid, now() - 0.2, now());
            (forged["name"], forged["run"], forged["index"]) = (json!("victim"), run, json!(0));
            let (status, _) = world.app.post("/updateTask", forged).await;
            assert_eq!(status, StatusCode::OK);
            world.wait_for_state(&uuid, "completed").await;
            world.wait_until_settled(&uuid).await;
            let victim = world.chronos.find("victim").await.unwrap().expect("the victim is gone");
            assert_eq!((victim.cpus().milli(), world.launches("victim").len()), (500, 0), "{version}");
            world.stop().await;
        }
    });
}

/// With offers each 0.1 s and half a second from the end of a process to Chronos' knowing it, 19 of 20 starts of the 2017
/// supervisor were dropped.
#[test]
fn no_start_is_asked_for_while_the_reporting_task_still_counts_as_running() {
    on_actix(async {
        for version in VERSIONS {
            let faults = Faults::default();
            let world = World::start_behind(version, &faults, &[("chronos", "judge_interval", "3")]).await;
            let uuid = world.launch("eager", "true", 10, relaxed()).await.uuid.to_string();
            world.wait_for_state(&uuid, "completed").await;
            assert_eq!(faults.count("PUT", "/job/"), 10, "{version}: each start was asked for once");
            let kinds = world.app.kinds(&uuid).await;
            assert!(!kinds.contains(&"StartDropped".to_owned()), "{version}: {kinds:?}");
            world.stop().await;
        }
    });
}

#[test]
fn a_supervisor_without_chronos_credentials_keeps_what_is_pending_for_one_that_has_them() {
    on_actix(async {
        let world = World::start(VERSIONS[1]).await;
        // No other CPU is asked for: the start is all that waits.
        let mut qos = relaxed();
        qos["policy"] = json!("fixed");
        let uuid = world.launch("waiting", "sleep 1", 2, qos).await.uuid.to_string();
        world.wait_for_state(&uuid, "running").await;
        let world = world.restart_without_chronos().await;
        // The report is taken, and the next start waits.
        world.wait_for(&uuid, |job| job["remaining"] == 1).await;
        assert_eq!(world.app.supervising.supervisor.outbox_depth(), 1);
        let (_, ready) = world.app.get("/readyz").await;
        assert_eq!(ready["detail"]["chronos"], "not configured");
        let world = world.restart_supervisor(Duration::ZERO).await;
        world.wait_for_state(&uuid, "completed").await;
        assert_eq!(world.launches("waiting").len(), 2);
        world.stop().await;
    });
}
