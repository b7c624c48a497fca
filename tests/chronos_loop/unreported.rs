//! Runs whose reports never come, or come over TLS.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mesos_qos::clients::transport::TransportOptions;
use mesos_qos::clock::SystemClock;
use mesos_qos::launcher::LaunchOptions;
use serde_json::json;

use crate::helpers::on_actix;
use crate::world::{VERSIONS, World, job_file};

/// Every program of the system but curl.
fn path_without_curl(dir: &Path) -> String {
    let bin = dir.join("bin");
    std::fs::create_dir(&bin).unwrap();
    for system in ["/usr/bin", "/bin"] {
        for entry in std::fs::read_dir(system).unwrap() {
            let entry = entry.unwrap();
            let (name, to) = (entry.file_name(), bin.join(entry.file_name()));
            if !name.to_string_lossy().contains("curl") && !to.exists() {
                symlink(entry.path(), to).unwrap();
            }
        }
    }
    bin.to_str().unwrap().to_owned()
}

#[test]
fn a_job_whose_image_has_no_curl_fails_and_says_that_its_reports_never_came() {
    on_actix(async {
        for version in VERSIONS {
            let world = World::start(version).await;
            let image = tempfile::tempdir().unwrap();
            let mut job =
                job_file("mute", "sleep 0.1", 4, json!({"duration": 0.5, "deadline": 600, "desv_deadline": 0.9}));
            job["environmentVariables"] = json!([{"name": "PATH", "value": path_without_curl(image.path())}]);
            let mut options = LaunchOptions::new(Arc::new(SystemClock));
            options.callback_window = Duration::from_secs(1);
            let uuid = world.launch_job(job, options, TransportOptions::default()).await.uuid.to_string();
            let job = world.wait_for_state(&uuid, "failed").await;
            world.wait_until_settled(&uuid).await;
            let reason = job["reason"].as_str().unwrap();
            assert!(reason.starts_with("3 failed iterations") && reason.ends_with("its report never came"), "{reason}");
            assert!(job["flags"].as_array().unwrap().contains(&json!("report_lost")), "{job}");
            assert_eq!((job["remaining"].as_u64(), world.launches("mute").len()), (Some(4), 3), "{version}");
            let kinds = world.app.kinds(&uuid).await;
            assert_eq!(kinds.iter().filter(|kind| *kind == "IterationLost").count(), 3, "{version}: {kinds:?}");
            assert!(world.chronos.find("mute").await.unwrap().is_none(), "{version}");
            world.stop().await;
        }
    });
}

#[test]
fn a_job_reports_over_tls_to_a_supervisor_with_a_certificate_of_its_own() {
    on_actix(async {
        for version in VERSIONS {
            let dir = tempfile::tempdir().unwrap();
            let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
            let (certificate, key) = (dir.path().join("own.crt"), dir.path().join("own.key"));
            std::fs::write(&certificate, made.cert.pem()).unwrap();
            std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            let (certificate_text, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
            let tls = [("tls", "certificate", certificate_text), ("tls", "key", key)];
            let world = World::start_with(version, &tls).await;
            assert!(world.app.url.starts_with("https://"));
            let job =
                job_file("secure", "sleep 0.1", 3, json!({"duration": 0.5, "deadline": 600, "desv_deadline": 0.9}));
            let mut options = LaunchOptions::new(Arc::new(SystemClock));
            options.task_cacert = Some(certificate_text.to_owned());
            let transport = TransportOptions { cacert: Some(certificate.clone()), ..TransportOptions::default() };
            let uuid = world.launch_job(job, options, transport).await.uuid.to_string();
            let job = world.wait_for_state(&uuid, "completed").await;
            world.wait_until_settled(&uuid).await;
            assert_eq!((&job["on_time"], world.launches("secure").len()), (&json!(true), 3), "{version}");
            let kinds = world.app.kinds(&uuid).await;
            assert_eq!(kinds.iter().filter(|kind| *kind == "IterationStarted").count(), 3, "{version}: {kinds:?}");
            world.stop().await;
        }
    });
}
