//! `kill -9` of a supervisor process while it sends metrics and notices: afterwards Monasca has all that the log says, and the webhook has
//! heard of every job at least once, always under the same id.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "api/helpers.rs"]
#[allow(dead_code, reason = "shared with the API tests, which use more of it")]
mod helpers;
mod openstack_support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use helpers::{dead_port, legacy_registration, new_uuid, now, on_actix, registration, report, write_credentials};
use mesos_qos::events::store::{OfflineLog, ReadError, Replay};
use openstack_support::{Stack, until};
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

const KILLS: usize = 8;
const JOBS: usize = 4;

struct Killable {
    child: Child,
    url: String,
    client: reqwest::Client,
    dir: tempfile::TempDir,
    settings: Vec<(&'static str, String)>,
}

impl Killable {
    fn spawn(dir: &Path, settings: &[(&'static str, String)]) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mesos-qos"));
        command.args(["supervisor", "-i", "127.0.0.1", "--auth", "off"]).current_dir(dir);
        command.envs(settings.iter().map(|(name, value)| (format!("MESOS_QOS_{name}"), value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    async fn post(&self, path: &str, body: Value) {
        let began = Instant::now();
        loop {
            let sent = self.client.post(format!("{}{path}", self.url)).json(&body).send().await;
            match sent {
                Ok(answer) if answer.status().is_success() => return,
                other => assert!(began.elapsed() < Duration::from_secs(60), "{path}: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn kill_and_restart(&mut self) {
        // SIGKILL: nothing can be tidied up.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(self.dir.path(), &self.settings);
    }

    async fn caught_up(&self) -> bool {
        let Ok(answer) = self.client.get(format!("{}/readyz", self.url)).send().await else { return false };
        let ready: Value = answer.json().await.unwrap();
        ready["detail"]["metrics"] == "reachable" && ready["detail"]["metrics_lag_events"] == 0
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn after_kills_at_any_moment_no_metric_and_no_notice_is_missing() {
    on_actix(async {
        let stack = Stack::start();
        let webhook = MockServer::start().await;
        Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&webhook).await;
        let dir = tempfile::tempdir().unwrap();
        let port = dead_port();
        let chronos = write_credentials(dir.path(), "chronos.json", &format!("http://127.0.0.1:{}", dead_port()));
        let openstack = stack.file("user", &stack.cluster.keystone_url(), &stack.cluster.monasca_url());
        let settings = vec![
            ("SUPERVISOR_PORT", port.to_string()),
            ("SUPERVISOR_DATA_DIR", dir.path().join("data").display().to_string()),
            ("SUPERVISOR_CREDENTIALS_CHRONOS", chronos.display().to_string()),
            ("SUPERVISOR_CREDENTIALS_OPENSTACK", openstack.display().to_string()),
            ("ELASTICITY_POLICY", "step".into()),
            ("METRICS_BATCH_INTERVAL", "0.1".into()),
            ("METRICS_REQUESTS_PER_SECOND", "50".into()),
            // So that the place on disk follows closely, and a kill finds it anywhere.
            ("METRICS_OVERLAP", "0".into()),
            ("WEBHOOKS_URL", webhook.uri()),
            ("LOG", "trace".into()),
        ];
        let (client, url) =
            (reqwest::Client::builder().no_proxy().build().unwrap(), format!("http://127.0.0.1:{port}"));
        let child = Killable::spawn(dir.path(), &settings);
        let mut supervisor = Killable { child, url, client, dir, settings };
        let (mut jobs, mut hopeless) = (Vec::new(), BTreeSet::new());
        for number in 0..JOBS {
            let uuid = new_uuid();
            let mut body = legacy_registration(&uuid, &format!("job{number}"));
            body["iterations"] = json!(1000);
            supervisor.post("/initTask", body).await;
            jobs.push(uuid);
        }
        for round in 0..KILLS {
            let uuid = new_uuid();
            let mut body = registration(&uuid, &format!("hopeless{round}"));
            body["deadline"] = json!(500);
            supervisor.post("/initTask", body).await;
            hopeless.insert(uuid);
            // Another moment each time.
            for _ in 0..=round {
                for job in &jobs {
                    let at = now();
                    supervisor.post("/updateTask", report(job, at - 5.0, at)).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(37 * round as u64)).await;
            supervisor.kill_and_restart();
        }
        until("all is sent", async || supervisor.caught_up().await).await;

        let mut finished: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let log = OfflineLog::open(&supervisor.dir.path().join("data/events.db")).unwrap();
        log.for_each_event(Replay::Everything, |event| {
            if event.kind == "IterationFinished" {
                let data: Value = serde_json::from_slice(&event.data).unwrap();
                let at = data["finished_at"].as_i64().unwrap() as f64 / 1e6;
                finished.entry(event.stream.to_string()).or_default().push(at);
            }
            Ok::<(), ReadError>(())
        })
        .unwrap();
        assert_eq!(finished.values().map(Vec::len).sum::<usize>(), JOBS * KILLS * (KILLS + 1) / 2);
        let stored = stack.values(&stack.token("user").await, "timestamp_finished").await;
        let stored: BTreeMap<String, Vec<f64>> = stored
            .into_iter()
            .map(|(job, values)| (job, values.into_iter().map(|(_, value)| value).collect()))
            .collect();
        assert_eq!(stored, finished);

        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        until("all are told of", async || {
            ids.clear();
            for request in webhook.received_requests().await.unwrap() {
                let notice: Value = serde_json::from_slice(&request.body).unwrap();
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                if notice["event"] == "job.infeasible" {
                    ids.entry(text(&notice["job"]["uuid"])).or_default().insert(text(&notice["id"]));
                }
            }
            hopeless.iter().all(|job| ids.contains_key(job))
        })
        .await;
        assert!(ids.values().all(|ids| ids.len() == 1), "{ids:?}");

        // All that this program and its libraries have to say, and no secret in it.
        let log = std::fs::read_to_string(supervisor.dir.path().join("log")).unwrap();
        assert!(log.contains("TRACE") && log.contains("logged in at Keystone"), "nothing was logged");
        let secret = std::fs::read_to_string(supervisor.dir.path().join("data/webhook.secret")).unwrap();
        for secret in ["user1", "gAAAAA", secret.trim()] {
            let told = log.lines().find(|line| line.contains(secret));
            assert_eq!(told, None);
        }
        stack.cluster.shutdown().await;
    });
}
