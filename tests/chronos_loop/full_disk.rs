//! A full disk while jobs run: 503 until there is space again, nothing taken back, nothing forgotten.

use std::io::Write;
use std::time::Duration;

use mesos_qos::events::store::Health;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::helpers::{legacy_registration, new_uuid, now, on_actix, registration, report};
use crate::small_disk;
use crate::world::{VERSIONS, World};

#[test]
fn a_full_disk_is_answered_with_503_and_the_jobs_go_on_when_there_is_space_again() {
    small_disk::run(2, "full_disk::on_a_small_disk");
}

#[test]
#[ignore = "started by another test"]
fn on_a_small_disk() {
    on_actix(async {
        let dir = small_disk::directory();
        let world = World::start_on(VERSIONS[1], &dir, &[("supervisor", "overdue_factor", "1")]).await;
        let legacy = new_uuid();
        world.app.post("/initTask", legacy_registration(&legacy, "legacy")).await;
        let (go, other) = (tempfile::tempdir().unwrap(), new_uuid());
        let command = format!("while ! test -e {}/go; do sleep 0.05; done", go.path().display());
        let qos = json!({"duration": 2, "deadline": 600, "desv_deadline": 0.9});
        let uuid = world.launch("patient", &command, 2, qos).await.uuid.to_string();
        world.wait_for_state(&uuid, "running").await;
        let before = (world.app.job(&uuid).await, world.app.job(&legacy).await);

        let ballast = dir.join("ballast");
        let mut file = std::fs::File::create(&ballast).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
        // The write-ahead log has some room left.
        let log = world.app.supervising.supervisor.log();
        let mut rest = 0;
        while log.probe().await.is_ok() {
            rest += 1;
            assert!(rest < 5_000, "a disk of two MiB never gets full");
        }
        let report = report(&legacy, now() - 1.0, now());
        for (path, body) in [("/initTask", registration(&other, "other")), ("/updateTask", report.clone())] {
            let response = world.app.send(Method::POST, path, Some(&world.app.operator), Some(body)).await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert_eq!(response.headers()["retry-after"], "1", "{path}");
            assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        }
        let ready = world.app.send(Method::GET, "/readyz", None, None).await;
        assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
        // The alarm of the overdue run rings in the meantime, and cannot be recorded.
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!((world.app.job(&uuid).await, world.app.job(&legacy).await), before, "the state is unchanged");
        let (status, _) = world.app.get(&format!("/api/v1/jobs/{other}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(matches!(log.health(), Health::Failing(_)));

        drop(file);
        std::fs::remove_file(&ballast).unwrap();
        let ready = world.app.send(Method::GET, "/readyz", None, None).await;
        assert_eq!(ready.status(), StatusCode::OK, "found out by the question itself");
        let (status, reply) = world.app.post("/updateTask", report).await;
        assert_eq!((status, reply.get("duplicate")), (StatusCode::OK, None), "{reply}");
        assert_eq!(world.app.job(&legacy).await["remaining"], 3);
        world.wait_for(&uuid, |job| job["flags"].as_array().unwrap().contains(&json!("overdue"))).await;
        std::fs::write(go.path().join("go"), "").unwrap();
        world.wait_for_state(&uuid, "completed").await;
        assert_eq!(world.launches("patient").len(), 2);
        world.stop().await;
    });
}
