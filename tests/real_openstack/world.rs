use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mesos_qos::events::job::Activity;
use mesos_qos::qos::job::Command;
use mesos_qos::qos::job::command::FrameworkFacts;
use mesos_qos::qos::units::Cpus;
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::helpers::{TestApp, legacy_registration, new_uuid, now, report};
use crate::rig::Rig;

/// A supervisor without a framework, which sends its metrics through gates that count.
pub struct World {
    pub app: TestApp,
    pub keystone: Gate,
    pub monasca: Gate,
    pub jobs: Vec<String>,
}

impl World {
    /// With jobs whose reports count for as long as any test takes.
    pub async fn start(rig: &'static Rig, keystone: &str, jobs: usize, settings: &[(&str, &str, &str)]) -> World {
        let (keystone_gate, monasca_gate) = (Gate::open(), Gate::open());
        let dir = tempfile::tempdir().unwrap();
        let by = (keystone_gate.in_front_of(keystone), monasca_gate.in_front_of(&rig.monasca));
        let file = rig.credentials_file_by(dir.path(), (&by.0, &by.1), "user_monasca", "123456");
        let mut all = vec![("supervisor", "credentials_openstack", file.to_str().unwrap())];
        all.extend(settings);
        let app = TestApp::start_with(&all).await;
        let mut world = World { app, keystone: keystone_gate, monasca: monasca_gate, jobs: vec![] };
        for number in 0..jobs {
            let job = world.job(&format!("job {number}")).await;
            world.jobs.push(job);
        }
        world
    }

    /// A job whose every report is decided about: it has 1 CPU, and the framework is said to show it.
    async fn job(&self, name: &str) -> String {
        let uuid = new_uuid();
        let mut registration = legacy_registration(&uuid, name);
        registration["iterations"] = json!(100_000);
        let (status, reply) = self.app.post("/initTask", registration).await;
        assert_eq!(status, 200, "{reply}");
        let cpus = Cpus::from_milli(1000);
        let facts = FrameworkFacts { cpus, success_count: 0, error_count: 0, activity: Activity::Idle };
        self.command(&uuid, Command::Seen(facts)).await;
        uuid
    }

    async fn command(&self, uuid: &str, command: Command) {
        self.app.supervising.supervisor.submit(uuid.parse().unwrap(), command, None).await.unwrap();
    }

    /// One iteration of each job; each resize is said to have been carried out. How long the slowest answer took.
    pub async fn round(&self) -> Duration {
        let answers = self.jobs.iter().map(|uuid| async move {
            let at = now();
            let began = Instant::now();
            let (status, reply) = self.app.post("/updateTask", report(uuid, at - 5.0, at)).await;
            assert_eq!(status, 200, "{reply}");
            let took = began.elapsed();
            let resizing = self.app.supervising.supervisor.state(uuid.parse().unwrap()).unwrap().resizing_to;
            if let Some(cpus) = resizing {
                self.command(uuid, Command::CpusApplied(cpus)).await;
            }
            took
        });
        join_all(answers).await.into_iter().max().unwrap_or_default()
    }

    /// A long-running job whose agent tells its CPU times; it needs 0.5 CPU-seconds a second.
    pub async fn long_running(&self) -> String {
        let uuid = new_uuid();
        let registration = json!({"uuid": uuid, "name": "/steady", "framework": "marathon", "job_duration": 300,
            "deadline": 600, "desv_deadline": 0.5, "cpus": 1, "arguments_version": 1});
        let begin = json!({"uuid": uuid, "started_at": now(), "sent_at": now(), "execution": "e1"});
        for (path, body) in [("/initTask", registration), ("/initMarathonApp", begin)] {
            let (status, reply) = self.app.post(path, body).await;
            assert_eq!(status, 200, "{reply}");
        }
        self.sample(&uuid, 0.0, json!({"kind": "start", "base_cpu_seconds": 0, "limit": 1})).await;
        uuid
    }

    /// What its agent tells; how long the answer took.
    pub async fn sample(&self, uuid: &str, cpu_seconds: f64, more: Value) -> Duration {
        let mut sample =
            json!({"at": now(), "sent_at": now(), "user_seconds": cpu_seconds, "system_seconds": 0, "segment": 1});
        sample.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let began = Instant::now();
        let (status, reply) = self.app.post(&format!("/api/v1/jobs/{uuid}/cpu-samples"), sample).await;
        assert_eq!(status, 200, "{reply}");
        began.elapsed()
    }

    /// How many events are in the log.
    pub fn events(&self) -> i64 {
        self.app.supervising.supervisor.log().stats().head.seq.0
    }

    /// A figure of `/metrics`.
    pub async fn figure(&self, name: &str) -> f64 {
        let (_, text) = self.app.get("/metrics").await;
        let line = text.as_str().unwrap().lines().find_map(|line| line.strip_prefix(&format!("mesos_qos_{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
    }

    /// Waits until Monasca has taken what follows from the whole log.
    pub async fn until_all_sent(&self) {
        let began = Instant::now();
        while self.figure("monasca_lag_events").await > 0.0 {
            let (_, ready) = self.app.get("/readyz").await;
            assert!(
                began.elapsed() < Duration::from_secs(240),
                "{} events wait: {ready}",
                self.figure("monasca_lag_events").await
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until the sending of metrics has noticed that Monasca does not answer.
    pub async fn until_monasca_is_missed(&self) {
        let began = Instant::now();
        while self.figure("monasca_reachable").await > 0.0 {
            assert!(began.elapsed() < Duration::from_secs(60), "nobody misses Monasca");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the sending of metrics has had an answer of Monasca again.
    pub async fn until_monasca_is_back(&self) {
        let began = Instant::now();
        while self.figure("monasca_reachable").await == 0.0 {
            assert!(began.elapsed() < Duration::from_secs(90), "nobody notices that Monasca answers");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Requests with metrics that Monasca has answered with success.
    pub fn taken(&self) -> usize {
        self.monasca.seen().iter().filter(|seen| seen.method == "POST" && seen.status == 204).count()
    }

    pub async fn stop(self) {
        self.app.stop().await;
    }
}
