//! Apps that somebody else removes, replaces or changes.

use mesos_qos::clients::marathon::Locks;
use reqwest::Method;
use serde_json::json;

use crate::helpers::on_actix;
use crate::world::{APP, VERSIONS, World, id, job};

#[test]
fn a_job_whose_app_is_removed_by_hand_has_failed() {
    on_actix(async {
        let world = World::start(VERSIONS[1], &[]).await;
        let uuid = world.launch(job(1.0, 1.0, 60.0)).await;
        world.wait_for_events(&uuid, "SeenInFramework", 1).await;
        world.wait_for_events(&uuid, "SegmentStarted", 1).await;
        world.marathon.delete(&id(), Locks::Override).await.unwrap();
        let job = world.wait_for_state(&uuid, "failed").await;
        assert!(job["reason"].as_str().unwrap().contains("removed outside"), "{job}");
        world.wait_until_settled(&uuid).await;
        assert_eq!(world.events(&uuid, "Removed").await, [json!({"how": "already_gone"})]);
        world.stop().await;
    });
}

#[test]
fn an_app_of_somebody_else_under_the_same_id_is_left_alone() {
    on_actix(async {
        let world = World::start(VERSIONS[2], &[]).await;
        let uuid = world.launch(job(1.0, 1.0, 60.0)).await;
        world.wait_for_events(&uuid, "SeenInFramework", 1).await;
        let other = json!({"id": APP, "cmd": "sleep 600", "cpus": 0.1, "mem": 16});
        world.ask_marathon(Method::PUT, &format!("/v2/apps{APP}?force=true&partialUpdate=false"), Some(other)).await;
        let job = world.wait_for_state(&uuid, "failed").await;
        world.wait_until_settled(&uuid).await;
        assert_eq!(world.events(&uuid, "Removed").await, [json!({"how": "not_ours"})], "{job}");
        assert_eq!(world.find().await.unwrap().cmd.as_deref(), Some("sleep 600"));
        world.stop().await;
    });
}

#[test]
fn a_cpu_that_somebody_else_sets_is_noted_before_anything_is_decided_with_it() {
    on_actix(async {
        let world = World::start(VERSIONS[2], &[]).await;
        let uuid = world.launch(job(1.0, 1.0, 6.0)).await;
        world.wait_for_events(&uuid, "SeenInFramework", 1).await;
        world.wait_for_events(&uuid, "SegmentStarted", 1).await;
        let half = Some(json!({"cpus": 0.5}));
        world.ask_marathon(Method::PUT, &format!("/v2/apps{APP}?force=true"), half).await;
        world.wait_for_events(&uuid, "CpuObserved", 1).await;
        assert_eq!(world.events(&uuid, "CpuObserved").await[0], json!({"cpus": 500}));
        world.wait_for_events(&uuid, "Rescaled", 1).await;
        let rescaled = &world.events(&uuid, "Rescaled").await[0];
        assert_eq!(rescaled["to"], 900, "{rescaled}");
        world.wait_for_state(&uuid, "completed").await;
        world.stop().await;
    });
}

/// Nothing but a registration: its launcher ended before it could submit.
#[test]
fn a_registered_app_that_never_comes_is_withdrawn() {
    on_actix(async {
        let world = World::start(VERSIONS[0], &[("supervisor", "submit_timeout", "1")]).await;
        let uuid = crate::helpers::new_uuid();
        let registration = json!({"uuid": uuid, "name": APP, "framework": "marathon", "job_duration": 30, "deadline": 30,
            "desv_deadline": 0.1, "cpus": 1, "arguments_version": 1});
        assert_eq!(world.app.post("/initTask", registration).await.0, 200);
        world.wait_for_state(&uuid, "withdrawn").await;
        world.stop().await;
    });
}
