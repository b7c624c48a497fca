//! Apps that somebody else removes, replaces or changes.

use std::time::Duration;

use mesos_qos::clients::marathon::Locks;
use reqwest::Method;
use serde_json::json;

use crate::faults::Faults;
use crate::helpers::on_actix;
use crate::world::{APP, ENDLESS, VERSIONS, World, id, job};

#[test]
fn a_job_whose_app_is_removed_by_hand_has_failed() {
    on_actix(async {
        let world = World::start(VERSIONS[1], &[]).await;
        let uuid = world.launch(job(1.0, 1.0, ENDLESS)).await;
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
        let uuid = world.launch(job(1.0, 1.0, ENDLESS)).await;
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
        let uuid = world.launch(job(1.0, 1.0, ENDLESS)).await;
        world.wait_for_events(&uuid, "SeenInFramework", 1).await;
        world.wait_for_events(&uuid, "SegmentStarted", 1).await;
        let half = Some(json!({"cpus": 0.5}));
        world.ask_marathon(Method::PUT, &format!("/v2/apps{APP}?force=true"), half).await;
        world.wait_for_events(&uuid, "CpuObserved", 1).await;
        assert_eq!(world.events(&uuid, "CpuObserved").await[0], json!({"cpus": 500}));
        world.wait_for_events(&uuid, "Rescaled", 1).await;
        let rescaled = &world.events(&uuid, "Rescaled").await[0];
        assert_eq!(rescaled["to"], 900, "{rescaled}");
        world.finish(&uuid);
        world.wait_for_state(&uuid, "completed").await;
        world.stop().await;
    });
}

/// Nothing but a registration: its launcher ended before it could submit.
#[test]
fn a_registered_app_that_never_comes_is_withdrawn() {
    on_actix(async {
        let world = World::start(VERSIONS[0], &[("supervisor", "submit_timeout", "1")]).await;
        let uuid = registered(&world).await;
        world.wait_for_state(&uuid, "withdrawn").await;
        world.wait_until_settled(&uuid).await;
        assert_eq!(world.events(&uuid, "Removed").await, [json!({"how": "already_gone"})]);
        world.stop().await;
    });
}

async fn registered(world: &World) -> String {
    let uuid = crate::helpers::new_uuid();
    let registration = json!({"uuid": uuid, "name": APP, "framework": "marathon", "job_duration": 30, "deadline": 30,
        "desv_deadline": 0.1, "cpus": 1, "arguments_version": 1});
    assert_eq!(world.app.post("/initTask", registration).await.0, 200);
    uuid
}

/// What a launcher's POST, of which nobody heard any more, brings about in the end.
async fn comes_late(world: &World, uuid: &str) {
    let app = json!({"id": APP, "cmd": "sleep 600", "cpus": 0.1, "mem": 16, "env": {"SHELL_TRAP_UUID": uuid}});
    world.ask_marathon(Method::POST, "/v2/apps", Some(app)).await;
}

#[test]
fn an_app_that_comes_after_its_job_was_given_up_is_removed_however_it_was_given_up() {
    on_actix(async {
        for (given_up, route) in [
            ("cancelled", Some((Method::DELETE, ""))),
            ("withdrawn", Some((Method::POST, "/withdraw"))),
            // By itself, when its time is over.
            ("withdrawn", None),
        ] {
            let world = World::start(VERSIONS[1], &[("supervisor", "submit_timeout", "4")]).await;
            let uuid = registered(&world).await;
            if let Some((method, below)) = route {
                let body = (method == Method::POST).then(|| json!({}));
                let path = format!("/api/v1/jobs/{uuid}{below}");
                assert!(world.app.send(method, &path, Some(&world.app.operator), body).await.status().is_success());
            }
            world.wait_for_state(&uuid, given_up).await;
            // Long enough for several looks that do not find it.
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!(world.count(&uuid, "Removed").await, 0, "{given_up}: it may come yet");
            comes_late(&world, &uuid).await;
            world.wait_until_settled(&uuid).await;
            assert!(world.find().await.is_none(), "{given_up}: it runs, and nobody supervises it");
            assert_eq!(world.events(&uuid, "Removed").await, [json!({"how": "deleted"})], "{given_up}");
            world.stop().await;
        }
    });
}

#[test]
fn a_launcher_that_surely_did_not_submit_gives_its_apps_name_free_at_once() {
    on_actix(async {
        let world = World::start(VERSIONS[2], &[]).await;
        let uuid = registered(&world).await;
        let (status, job) = world.app.post(&format!("/api/v1/jobs/{uuid}/withdraw"), json!({"submitted": false})).await;
        assert_eq!((status.as_u16(), &job["state"]), (200, &json!("withdrawn")));
        registered(&world).await;
        world.stop().await;
    });
}

/// What it removes is gone from Marathon's apps at once; its task writes a checkpoint for a while.
#[test]
fn a_job_is_removed_only_when_its_task_is_over_though_the_answer_to_its_deletion_is_lost() {
    on_actix(async {
        for version in [VERSIONS[0], VERSIONS[2]] {
            let faults = Faults::default();
            let world = World::start_behind(version, &faults, &[]).await;
            let mut app = job(1.0, 1.0, ENDLESS);
            app["env"]["SLOW_END"] = json!("2");
            let uuid = world.launch(app).await;
            world.wait_for_events(&uuid, "SeenInFramework", 1).await;
            world.wait_for_events(&uuid, "SegmentStarted", 1).await;
            faults.lose_answer("DELETE", "/v2/apps", 1);
            world.app.send(Method::DELETE, &format!("/api/v1/jobs/{uuid}"), Some(&world.app.operator), None).await;
            world.wait_for_events(&uuid, "Removed", 1).await;
            assert!(world.marathon.all_tasks().await.unwrap().is_empty(), "{version}");
            assert!(world.marathon.deployments().await.unwrap().is_empty(), "{version}");
            world.stop().await;
        }
    });
}

#[test]
fn a_task_that_does_not_end_does_not_keep_its_job_for_ever() {
    on_actix(async {
        let world = World::start(VERSIONS[1], &[("marathon", "removal_patience", "0.5")]).await;
        let mut app = job(1.0, 1.0, ENDLESS);
        app["env"]["SLOW_END"] = json!("15");
        let uuid = world.launch(app).await;
        world.wait_for_events(&uuid, "SeenInFramework", 1).await;
        world.wait_for_events(&uuid, "SegmentStarted", 1).await;
        world.app.send(Method::DELETE, &format!("/api/v1/jobs/{uuid}"), Some(&world.app.operator), None).await;
        world.wait_for_events(&uuid, "Removed", 1).await;
        assert!(!world.marathon.all_tasks().await.unwrap().is_empty(), "this task was to be slow");
        world.stop().await;
    });
}
