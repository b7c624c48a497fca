//! Names that the 2017 tool put into shell commands, JSON and URLs as they were: Chronos' own check of new names stopped most of
//! them, nobody before it. Now the launcher does, and the check of each Chronos version is the cluster's, too.

use std::sync::{Arc, Mutex};

use mesos_qos::clients::chronos::{ChronosClient, ChronosClientOptions, ChronosCredentials};
use mesos_qos::clock::SystemClock;
use mesos_qos::launcher::{JobSource, LaunchError, LaunchOptions, Launched, launch};
use mesos_qos::local::ChronosVersion;
use secrecy::SecretString;
use serde_json::json;
use wiremock::matchers::{path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::local_support::{BOTH, Cluster, NEVER};
use crate::world::{Registers, supervisor_at};

/// Quotes and substitutions of a shell, quotes and escapes of JSON, separators of a URL.
const HOSTILE: [&str; 10] = [
    "it's",
    "say \"hi\"",
    "x$(touch PWNED)",
    "x'$(touch PWNED)'",
    "x`touch PWNED`",
    "x;touch PWNED",
    "a\\b",
    "a/b",
    "a?b",
    "",
];

/// (name, the version that takes it, what the launcher says of the other one).
const OF_ONE_VERSION: [(&str, ChronosVersion, &str); 3] = [
    ("a b", ChronosVersion::V2_4, "Chronos 3 refuses names with a space or #"),
    ("#1", ChronosVersion::V2_4, "Chronos 3 refuses names with a space or #"),
    ("a.b", ChronosVersion::V3_0, "Chronos 2.4 refuses names with a dot"),
];

/// A real cluster, and a supervisor that registers and withdraws everything.
struct World {
    cluster: Cluster,
    supervisor: MockServer,
    /// What the launcher said, in order.
    said: Arc<Mutex<Vec<String>>>,
    _dir: tempfile::TempDir,
}

impl World {
    async fn start(version: ChronosVersion) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let supervisor = MockServer::start().await;
        Mock::given(path("/initTask")).respond_with(Registers("feasible")).mount(&supervisor).await;
        let withdraw = Mock::given(path_regex("/withdraw$")).respond_with(ResponseTemplate::new(200));
        withdraw.mount(&supervisor).await;
        World { cluster: Cluster::in_dir(&dir, version), supervisor, said: Arc::default(), _dir: dir }
    }

    async fn launch(&self, name: &str) -> Result<Launched, LaunchError> {
        let credentials = self.cluster.cluster.credentials();
        let credentials = ChronosCredentials {
            urls: vec![self.cluster.cluster.chronos_url().parse().unwrap()],
            user: credentials.user.clone(),
            password: SecretString::from(credentials.password.clone()),
        };
        let chronos = ChronosClient::new(credentials, ChronosClientOptions::default()).unwrap();
        let supervisor = supervisor_at(&self.supervisor.uri(), "operator");
        let mut options = LaunchOptions::new(Arc::new(SystemClock));
        let said = Arc::clone(&self.said);
        options.progress = Arc::new(move |sentence| said.lock().unwrap().push(sentence.to_owned()));
        let job = json!({
            "name": name, "command": "true", "schedule": "R4//PT5M", "cpus": 1, "mem": 64,
            "qos": {"duration": 400, "deadline": 1800, "desv_deadline": 0.2}
        });
        launch(JobSource::Json(job), &chronos, &supervisor, options).await
    }

    /// The last word of each route that the supervisor was asked for.
    async fn asked(&self) -> Vec<String> {
        let requests = self.supervisor.received_requests().await.unwrap();
        requests.iter().map(|one| one.url.path().rsplit('/').next().unwrap().to_owned()).collect()
    }

    fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.said.lock().unwrap())
    }
}

#[tokio::test]
async fn the_launcher_refuses_a_hostile_name_before_anybody_hears_of_it() {
    let world = World::start(ChronosVersion::V2_4).await;
    for name in HOSTILE {
        let error = world.launch(name).await.unwrap_err();
        assert!(matches!(error, LaunchError::JobFile(_)), "{name:?}: {error}");
        let text = error.to_string();
        let wished = format!("name: no version of Chronos accepts {name:?}: use letters, digits, _ and - only");
        assert!(text.contains(&wished), "{name:?}: {text}");
    }
    assert_eq!(world.asked().await, Vec::<String>::new(), "nothing was registered");
    assert!(world.cluster.journal().is_empty(), "nothing was submitted");
    assert_eq!(world.said(), Vec::<String>::new());
    world.cluster.cluster.shutdown().await;
}

#[tokio::test]
async fn the_cluster_refuses_a_hostile_name_that_comes_past_the_launcher() {
    for version in BOTH {
        let dir = tempfile::tempdir().unwrap();
        let chronos = Cluster::in_dir(&dir, version);
        chronos.create("parent", "true", json!({})).await;
        for name in HOSTILE {
            for (route, when) in [("/iso8601", "schedule"), ("/dependency", "parents")] {
                let mut job = json!({"name": name, "command": "true", "cpus": 1});
                job[when] = if when == "schedule" { json!(NEVER) } else { json!(["parent"]) };
                let (status, body) = chronos.post(route, job).await;
                assert_eq!(status, 400, "{version} {route} {name:?}: {body}");
                // Version 3 puts the sentence into JSON, and so doubles its backslashes.
                let sentence = body.replace("\\\\", "\\");
                let wished = format!("the job's name is invalid. Allowed names: '{}'", version.name_pattern());
                assert!(sentence.contains(&wished), "{version} {route} {name:?}: {body}");
            }
        }
        let names = chronos.get("/jobs").await;
        assert_eq!(names.as_array().unwrap().len(), 1, "{version}: {names}");
        chronos.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn a_name_of_one_version_is_warned_about_first_and_refused_by_the_other() {
    for version in BOTH {
        let world = World::start(version).await;
        for (name, takes_it, warning) in OF_ONE_VERSION {
            let before = world.asked().await.len();
            let launched = world.launch(name).await;
            let said = world.said();
            assert!(said[0].starts_with(&format!("warning: name: {warning}")), "{version} {name:?}: {said:?}");
            assert!(said[1].starts_with("registered"), "{version} {name:?}: {said:?}");
            let asked = world.asked().await.split_off(before);
            if version == takes_it {
                assert!(launched.unwrap().submitted);
                assert_eq!(asked, ["initTask"], "{version} {name:?}");
                assert!(world.cluster.find(name).await.is_some(), "{version} {name:?}");
            } else {
                let error = launched.unwrap_err().to_string();
                assert!(error.contains("the job's name is invalid") && error.contains("was withdrawn"), "{error}");
                assert_eq!(asked, ["initTask", "withdraw"], "{version} {name:?}");
                assert!(world.cluster.find(name).await.is_none(), "{version} {name:?}");
            }
        }
        world.cluster.cluster.shutdown().await;
    }
}
