//! Another CPU by another task.

use serde_json::json;

use crate::helpers::on_actix;
use crate::world::{VERSIONS, World, in_order, job};

#[test]
fn a_job_that_is_too_slow_gets_more_cpu_goes_on_where_it_was_and_is_on_time() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version, &[]).await;
            let uuid = world.launch(job(1.0, 0.6, 6.0)).await;
            let job = world.wait_for_state(&uuid, "completed").await;
            assert_eq!(job["on_time"], true, "{version}: {job}");
            world.wait_until_settled(&uuid).await;
            assert!(world.find().await.is_none(), "{version}: its app would be started again");

            let kinds = world.app.kinds(&uuid).await;
            let expected = [
                "Registered",
                "CpuSample",
                "ProgressDecided",
                "Rescaled",
                "SegmentEnded",
                "SegmentStarted",
                "MarathonEnded",
                "Completed",
                "Removed",
            ];
            assert!(in_order(&kinds, &expected), "{version}: {kinds:?}");
            assert!(in_order(&kinds, &["Rescaled", "RescaleApplied", "CpuSample"]), "{version}: {kinds:?}");
            // One task for each CPU, and none after the end.
            let applied = world.events(&uuid, "RescaleApplied").await;
            let cpus: Vec<_> = applied.iter().map(|event| event["cpus"].as_u64().unwrap() as u32).collect();
            let launches = world.launches();
            assert_eq!(launches[0], 1000, "{version}");
            assert_eq!(launches[1..=cpus.len()], cpus, "{version}: {kinds:?}");
            assert_eq!(cpus[0], 1400, "{version}");
            // What was computed before a checkpoint is neither lost nor done twice.
            let job = world.app.job(&uuid).await;
            assert_eq!(job["cpu_seconds_wasted"], 0.0, "{version}: {job}");
            let used = job["cpu_seconds"].as_f64().unwrap();
            assert!((used - 6.0).abs() < 0.001, "{version}: {used}");
            world.stop().await;
        }
    });
}

#[test]
fn a_program_that_fails_is_not_started_again() {
    on_actix(async {
        let world = World::start(VERSIONS[2], &[]).await;
        // Over before the first look.
        let mut app = job(1.0, 1.0, 0.4);
        app["env"]["RESULT"] = json!("7");
        let uuid = world.launch(app).await;
        let job = world.wait_for_state(&uuid, "failed").await;
        assert!(job["reason"].as_str().unwrap().contains("exit code 7"), "{job}");
        world.wait_until_settled(&uuid).await;
        assert!(world.find().await.is_none());
        assert_eq!(world.launches().len(), 1);
        world.stop().await;
    });
}
