//! Policies other than the published one, in the whole loop.

use serde_json::json;

use crate::helpers::on_actix;
use crate::world::{VERSIONS, World};

#[test]
fn the_first_iteration_has_the_cpu_that_was_decided_at_the_registration() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version).await;
            // Four iterations of declared 10 s in 30 s: with 1 CPU 40 s, and the gaps.
            let qos = json!({"duration": 10, "deadline": 30, "desv_deadline": 0.2, "policy": "predictive"});
            let launched = world.launch("foreseen", "sleep 0.2", 4, qos).await;
            let uuid = launched.uuid.to_string();
            let job = world.wait_for_state(&uuid, "completed").await;
            let launches = world.launches("foreseen");
            assert!(launches.len() == 4 && launches[0] > 1000, "{version}: {launches:?}");
            assert_eq!(job["rescales"].as_u64().unwrap(), changes(&launches), "{version}: {launches:?}");
            let kinds = world.app.kinds(&uuid).await;
            let place = |kind: &str| kinds.iter().position(|known| known == kind).unwrap();
            assert_eq!(kinds[..3], ["Registered", "Decided", "Rescaled"], "{version}: {kinds:?}");
            assert!(place("SeenInFramework") < place("RescaleApplied"), "{version}: {kinds:?}");
            assert!(place("RescaleApplied") < place("StartAttempted"), "{version}: {kinds:?}");
            // It takes a fraction of what was declared: its own iterations say so, and the CPU is given back.
            assert!(launches[3] < launches[0], "{version}: {launches:?}");
            world.stop().await;
        }
    });
}

/// How often the CPU differs from the one before; the job was submitted with one CPU.
fn changes(launches: &[u32]) -> u64 {
    let all: Vec<u32> = std::iter::once(1000).chain(launches.iter().copied()).collect();
    all.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64
}

#[test]
fn a_job_that_is_only_advised_about_keeps_its_cpu_to_the_end() {
    on_actix(async {
        let world = World::start(VERSIONS[1]).await;
        for policy in ["step", "predictive", "proportional", "pid"] {
            let qos = json!({"duration": 10, "deadline": 20, "desv_deadline": 0.2, "policy": policy, "dry_run": true});
            let launched = world.launch(policy, "sleep 0.1", 3, qos).await;
            let uuid = launched.uuid.to_string();
            let job = world.wait_for_state(&uuid, "completed").await;
            assert_eq!(world.launches(policy), [1000, 1000, 1000], "{policy}");
            let (_, page) = world.app.get(&format!("/api/v1/jobs/{uuid}/decisions")).await;
            let decisions = page["items"].as_array().unwrap();
            let advice = |decision: &serde_json::Value| decision["data"]["from"] != decision["data"]["to"];
            assert!(decisions.iter().any(advice), "{policy}: {page}");
            assert_eq!((job["dry_run"].as_bool(), job["rescales"].as_u64()), (Some(true), Some(0)), "{policy}");
            assert!(!world.app.kinds(&uuid).await.iter().any(|kind| kind.starts_with("Rescale")), "{policy}");
        }
        world.stop().await;
    });
}
