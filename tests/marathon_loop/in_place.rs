//! Another CPU without another task.

use serde_json::json;

use crate::helpers::on_actix;
use crate::world::{ENDLESS, VERSIONS, World, job};

#[test]
fn a_job_that_is_too_fast_is_cut_down_while_it_runs() {
    on_actix(async {
        let world = World::start(VERSIONS[2], &[("elasticity", "rescale", "in-place")]).await;
        // As fast as it declares with one CPU, and it has two.
        let mut app = job(2.0, 1.0, ENDLESS);
        app["qos"] = json!({"duration": 600, "deadline": 600, "desv_deadline": 0.1});
        let uuid = world.launch(app).await;
        world.wait_for_events(&uuid, "RescaleApplied", 2).await;
        let job = world.app.job(&uuid).await;
        assert_eq!(job["cpus"], 2.0, "what is reserved stays: {job}");
        assert!(job["cpu_limit"].as_f64().unwrap() < 2.0, "{job}");
        world.finish(&uuid);
        let job = world.wait_for_state(&uuid, "completed").await;
        assert_eq!(job["on_time"], true, "{job}");
        world.wait_until_settled(&uuid).await;
        assert_eq!(world.launches(), [2000], "one task from the start to the end");
        assert_eq!(world.count(&uuid, "SegmentStarted").await, 1);
        world.stop().await;
    });
}
