use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::helpers::on_actix;
use crate::world::{VERSIONS, World};

#[test]
fn a_command_that_fails_is_run_three_times_and_the_job_removed() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version).await;
            let qos = json!({"duration": 0.5, "deadline": 600, "desv_deadline": 0.9});
            let launched = world.launch("failing", "exit 3", 4, qos).await;
            let uuid = launched.uuid.to_string();
            let job = world.wait_for_state(&uuid, "failed").await;
            world.wait_until_settled(&uuid).await;
            assert!(job["reason"].as_str().unwrap().ends_with("ended with exit code 3"), "{job}");
            assert_eq!((job["remaining"].as_u64(), world.launches("failing").len()), (Some(4), 3), "{version}");
            assert!(world.chronos.find("failing").await.unwrap().is_none());
            world.stop().await;
        }
    });
}

#[test]
fn a_cancelled_job_is_killed_and_removed() {
    on_actix(async {
        let world = World::start(VERSIONS[1]).await;
        let qos = json!({"duration": 100, "deadline": 600, "desv_deadline": 0.9});
        let launched = world.launch("endless", "sleep 1000", 2, qos).await;
        let uuid = launched.uuid.to_string();
        world.wait_for_state(&uuid, "running").await;
        let path = format!("/api/v1/jobs/{uuid}");
        let response = world.app.send(Method::DELETE, &path, Some(&world.app.operator), None).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        world.wait_until_settled(&uuid).await;
        assert!(world.chronos.find("endless").await.unwrap().is_none());
        assert_eq!(world.app.job(&uuid).await["state"], "cancelled");
        world.stop().await;
    });
}

#[test]
fn a_job_removed_by_somebody_else_has_failed() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version).await;
            let qos = json!({"duration": 0.5, "deadline": 600, "desv_deadline": 0.9});
            let launched = world.launch("removed", "sleep 0.5", 50, qos).await;
            let uuid = launched.uuid.to_string();
            world.wait_for_state(&uuid, "running").await;
            world.chronos.delete("removed").await.unwrap();
            let job = world.wait_for_state(&uuid, "failed").await;
            assert!(job["reason"].as_str().unwrap().starts_with("removed outside"), "{version}: {job}");
            world.wait_until_settled(&uuid).await;
            world.stop().await;
        }
    });
}

#[test]
fn a_killed_run_is_found_out_and_started_again() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start_with(version, &[("supervisor", "overdue_factor", "1.5")]).await;
            let qos = json!({"duration": 1, "deadline": 600, "desv_deadline": 0.9});
            // The first run sleeps for ever; the second finds the mark of the first.
            let mark = world.app.data.path().join("mark");
            let command = format!("if test -e {0}; then sleep 0.1; else touch {0}; sleep 1000; fi", mark.display());
            let launched = world.launch("killed", &command, 1, qos).await;
            let uuid = launched.uuid.to_string();
            world.wait_for_state(&uuid, "running").await;
            while !mark.exists() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            kill_tasks(&world, "killed").await;
            world.wait_for_state(&uuid, "completed").await;
            let kinds = world.app.kinds(&uuid).await;
            assert!(kinds.contains(&"IterationFinished".to_owned()), "{version}: {kinds:?}");
            assert_eq!(world.launches("killed").len(), 2, "{version}");
            world.stop().await;
        }
    });
}

/// As an operator does it: the job stays, its task goes.
async fn kill_tasks(world: &World, name: &str) {
    let credentials = world.cluster.credentials();
    let (user, password) = (credentials.user.clone(), credentials.password.clone());
    let prefix = if world.chronos.api_version().await.unwrap() == mesos_qos::clients::chronos::ApiVersion::V1 {
        "/v1/scheduler"
    } else {
        "/scheduler"
    };
    let url = format!("{}{prefix}/task/kill/{name}", world.cluster.chronos_url());
    let response = world.app.client.delete(url).basic_auth(user, Some(password)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}

#[test]
fn a_job_that_is_never_submitted_is_withdrawn() {
    on_actix(async {
        let world = World::start_with(VERSIONS[1], &[("supervisor", "submit_timeout", "1")]).await;
        let uuid = world.app.registered("ghost").await;
        let job = world.wait_for_state(&uuid, "withdrawn").await;
        assert!(job["reason"].as_str().unwrap().contains("submit_timeout"), "{job}");
        world.stop().await;
    });
}

#[test]
fn a_job_of_the_same_name_that_is_not_ours_is_left_alone() {
    on_actix(async {
        let world = World::start_with(VERSIONS[1], &[("supervisor", "submit_timeout", "1")]).await;
        let foreign = json!({"name": "theirs", "command": "true", "owner": "", "disabled": false,
            "schedule": "R/2099-01-01T00:00:00Z/P1Y"});
        world.chronos.post_job(&foreign).await.unwrap();
        let uuid = world.app.registered("theirs").await;
        world.wait_for_state(&uuid, "withdrawn").await;
        assert!(world.chronos.find("theirs").await.unwrap().is_some());
        assert!(world.launches("theirs").is_empty());
        world.stop().await;
    });
}
