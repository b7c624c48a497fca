//! Jobs that an earlier version registered, which did not look for Marathon's apps at all.

use std::path::Path;
use std::time::Duration;

use mesos_qos::clients::marathon::Locks;
use mesos_qos::events::envelope::{NewEvent, StreamId, Version};
use mesos_qos::events::store::{Append, EventStore, JobRow, StoreOptions};
use mesos_qos::qos::ids::{Framework, JobId};
use mesos_qos::qos::units::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{new_uuid, on_actix};
use crate::world::{APP, VERSIONS, World, id};

/// The registration of a job as schema 1 has it.
async fn of_schema_1(world: &World, name: &str) -> (String, Value) {
    let uuid = new_uuid();
    let body = json!({"uuid": uuid, "name": "/now", "framework": "marathon", "job_duration": 30, "deadline": 30,
        "desv_deadline": 0.1});
    assert_eq!(world.app.post("/initTask", body).await.0, 200);
    let mut registered = world.events(&uuid, "Registered").await.remove(0);
    let cancelled = format!("/api/v1/jobs/{uuid}/withdraw");
    assert_eq!(world.app.post(&cancelled, json!({"submitted": false})).await.0, 200);
    let old = new_uuid();
    registered["job"] = json!(old);
    registered["name"] = json!(name);
    let supervision = registered["supervision"].as_object_mut().unwrap();
    for of_schema_2 in ["monitoring_period", "rescale"] {
        assert!(supervision.remove(of_schema_2).is_some());
    }
    (old, registered)
}

/// Puts a job on the log as the earlier version did: with no effect that waits.
async fn put(data: &Path, uuid: &str, registered: &Value) {
    let store = EventStore::open(&data.join("data"), StoreOptions::default()).unwrap();
    let uuid: JobId = uuid.parse().unwrap();
    let at = Timestamp::from_micros(registered["t0"].as_i64().unwrap());
    let event = NewEvent { kind: "Registered", schema: 1, at, data: registered.to_string().into_bytes() };
    let row = JobRow {
        uuid,
        framework: Framework::Marathon,
        name: registered["name"].as_str().unwrap().into(),
        state: "registered".into(),
        active: true,
        registered_at: at,
        finished_at: None,
        version: Version(1),
        view: None,
    };
    let append = Append::at(at).events(StreamId::Job(uuid), Version(0), vec![event]).job(row);
    store.log().append(append).await.unwrap();
    store.close().await;
}

#[test]
fn they_are_awaited_and_watched() {
    on_actix(async {
        let world = World::start(VERSIONS[1], &[("supervisor", "submit_timeout", "1")]).await;
        let (running, first) = of_schema_1(&world, APP).await;
        let (never, second) = of_schema_1(&world, "/group/never").await;
        let app = json!({"id": APP, "cmd": "sleep 600", "cpus": 0.7, "mem": 16, "env": {"UUID": running}});
        world.ask_marathon(Method::POST, "/v2/apps", Some(app)).await;
        let world = world
            .restart_supervisor_after(async |data| {
                put(data, &running, &first).await;
                put(data, &never, &second).await;
            })
            .await;
        // One is there, as it was all the time.
        world.wait_for_events(&running, "SeenInFramework", 1).await;
        assert_eq!(world.app.job(&running).await["cpus"], 0.7);
        // The other never came.
        let job = world.wait_for_state(&never, "withdrawn").await;
        assert!(job["reason"].as_str().unwrap().contains("never showed"), "{job}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(world.count(&running, "SeenInFramework").await, 1, "seen once is enough");
        world.marathon.delete(&id(), Locks::Override).await.unwrap();
        let job = world.wait_for_state(&running, "failed").await;
        assert!(job["reason"].as_str().unwrap().contains("removed outside"), "{job}");
        world.stop().await;
    });
}
