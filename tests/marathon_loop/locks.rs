//! Somebody else's deployment holds the app.

use reqwest::Method;
use serde_json::json;

use crate::faults::Faults;
use crate::helpers::on_actix;
use crate::world::{APP, ENDLESS, VERSIONS, World, job};

/// A deployment that cannot end: no node has this name.
async fn lock(world: &World) {
    let nowhere = json!({"constraints": [["hostname", "CLUSTER", "nowhere"]]});
    world.ask_marathon(Method::PUT, &format!("/v2/apps{APP}"), Some(nowhere)).await;
    assert!(world.find().await.unwrap().deployments().next().is_some());
}

#[test]
fn a_resize_waits_for_the_deployment_that_holds_the_app() {
    on_actix(async {
        for (version, method) in [(VERSIONS[0], "PUT"), (VERSIONS[1], "PATCH")] {
            let faults = Faults::default();
            let world = World::start_behind(version, &faults, &[]).await;
            faults.answer(method, "/v2/apps", 503, usize::MAX);
            let uuid = world.launch(job(1.0, 0.6, ENDLESS)).await;
            world.wait_for_events(&uuid, "Rescaled", 1).await;
            lock(&world).await;
            faults.heal();
            let asked = faults.count(method, "/v2/apps");
            // Long enough for several looks at the app.
            let looks = faults.count("GET", "/v2/apps/");
            faults.wait_for("GET", "/v2/apps/", looks + 5).await;
            assert!(faults.count(method, "/v2/apps") <= asked + 1, "{version}: it does not knock at the lock");
            assert_eq!(world.count(&uuid, "RescaleApplied").await, 0, "{version}");
            let anywhere = Some(json!({"constraints": []}));
            world.ask_marathon(Method::PUT, &format!("/v2/apps{APP}?force=true"), anywhere).await;
            world.wait_for_events(&uuid, "RescaleApplied", 1).await;
            world.finish(&uuid);
            let job = world.wait_for_state(&uuid, "completed").await;
            assert_eq!(job["cpu_seconds_wasted"], 0.0, "{version}: {job}");
            world.wait_until_settled(&uuid).await;
            world.stop().await;
        }
    });
}

#[test]
fn a_resize_gives_up_on_a_deployment_that_does_not_end() {
    on_actix(async {
        let faults = Faults::default();
        let world = World::start_behind(VERSIONS[2], &faults, &[("marathon", "resize_patience", "3")]).await;
        faults.answer("PATCH", "/v2/apps", 409, usize::MAX);
        let uuid = world.launch(job(1.0, 0.6, ENDLESS)).await;
        world.wait_for_events(&uuid, "Rescaled", 1).await;
        lock(&world).await;
        world.wait_for_events(&uuid, "RescaleFailed", 1).await;
        let failed = &world.events(&uuid, "RescaleFailed").await[0];
        assert!(failed["reason"].as_str().unwrap().contains("locked by the deployment"), "{failed}");
        world.stop().await;
    });
}

#[test]
fn a_lock_does_not_hinder_the_deletion() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version, &[]).await;
            let uuid = world.launch(job(1.0, 1.0, 60.0)).await;
            world.wait_for_events(&uuid, "SegmentStarted", 1).await;
            world.wait_for_events(&uuid, "SeenInFramework", 1).await;
            lock(&world).await;
            world.app.send(Method::DELETE, &format!("/api/v1/jobs/{uuid}"), Some(&world.app.operator), None).await;
            world.wait_until_settled(&uuid).await;
            assert!(world.find().await.is_none(), "{version}");
            assert_eq!(world.events(&uuid, "Removed").await, [json!({"how": "deleted"})], "{version}");
            world.stop().await;
        }
    });
}
