//! The deletion at a job's end, and a task that still tries to report.

use serde_json::json;

use crate::helpers::{new_uuid, on_actix, registration};
use crate::world::{VERSIONS, World};

/// The last report is answered, the answer does not reach the task, and the task goes on for as long as it has said it may.
#[test]
fn a_task_that_still_tries_to_report_within_its_window_is_not_killed_by_the_deletion() {
    on_actix(async {
        for version in VERSIONS {
            let settings = [("auth", "mode", "off"), ("chronos", "delete_grace", "0.1")];
            let world = World::start_with(version, &settings).await;
            let uuid = new_uuid();
            let mark = world.app.data.path().join("mark");
            let command = format!(
                "curl -s -H 'Content-type: application/json' -X POST {url}/updateTask -d '{{\"uuid\":\"{uuid}\",\"name\":\"n\",\
                 \"hostname\":\"h\",\"run\":\"r\",\"started_at\":'$(date +%s)',\"finished_at\":'$(date +%s)'}}'; \
                 sleep 3; touch {mark}",
                url = world.app.url,
                mark = mark.display(),
            );
            let mut body = registration(&uuid, "talker");
            body["iterations"] = json!(1);
            body["callback_window"] = json!(30);
            world.app.post("/initTask", body).await;
            let job = json!({"name": "talker", "command": command, "schedule": "R/2099-01-01T00:00:00Z/P1Y", "cpus": 1,
                "mem": 64, "owner": "me", "disabled": false, "retries": 0});
            world.chronos.post_job(&job).await.unwrap();
            world.wait_for_state(&uuid, "completed").await;
            world.wait_until_settled(&uuid).await;
            assert!(mark.exists(), "{version}: the task was killed");
            assert!(world.chronos.find("talker").await.unwrap().is_none(), "{version}");
            world.stop().await;
        }
    });
}

#[test]
fn a_task_that_does_not_end_within_its_window_and_the_grace_is_removed_all_the_same() {
    on_actix(async {
        let settings = [("auth", "mode", "off"), ("chronos", "delete_grace", "0.5")];
        let world = World::start_with(VERSIONS[1], &settings).await;
        let uuid = new_uuid();
        let command = format!(
            "curl -s -H 'Content-type: application/json' -X POST {url}/updateTask -d '{{\"uuid\":\"{uuid}\",\"name\":\"n\",\
             \"hostname\":\"h\",\"run\":\"r\",\"started_at\":'$(date +%s)',\"finished_at\":'$(date +%s)'}}'; sleep 1000",
            url = world.app.url,
        );
        let mut body = registration(&uuid, "endless");
        body["iterations"] = json!(1);
        body["callback_window"] = json!(1);
        world.app.post("/initTask", body).await;
        let job = json!({"name": "endless", "command": command, "schedule": "R/2099-01-01T00:00:00Z/P1Y", "cpus": 1,
            "mem": 64, "owner": "me", "disabled": false, "retries": 0});
        world.chronos.post_job(&job).await.unwrap();
        world.wait_for_state(&uuid, "completed").await;
        world.wait_until_settled(&uuid).await;
        assert!(world.chronos.find("endless").await.unwrap().is_none());
        world.stop().await;
    });
}
