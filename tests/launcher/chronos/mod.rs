//! Launches on Chronos.

mod command;
mod job_files;
mod names;
mod registration;
mod submission;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesos_qos::clients::chronos::ChronosClient;
use mesos_qos::launcher::{JobSource, LaunchError, Launched, launch};
use serde_json::{Value, json};
use wiremock::{Request, Respond, ResponseTemplate};

use crate::world::{Post, World, credentials, impatient, supervisor_at};

fn job() -> Value {
    json!({
        "name": "job1", "command": "/linpack 6000", "schedule": "R4//PT5M", "cpus": "1", "mem": "500",
        "qos": {"duration": 400, "deadline": 1800, "desv_deadline": 0.2, "policy": "step", "max_failures": 2}
    })
}

/// A 3.x Chronos whose answers to POST are scripted and which keeps the job that it accepts.
#[derive(Clone, Default)]
struct Chronos {
    jobs: Arc<Mutex<Vec<Value>>>,
    posts: Arc<Mutex<Vec<Post>>>,
}

impl Chronos {
    fn scripted(posts: &[Post]) -> Self {
        let chronos = Chronos::default();
        chronos.posts.lock().unwrap().extend(posts);
        chronos
    }

    fn stored(&self) -> Vec<Value> {
        self.jobs.lock().unwrap().clone()
    }

    fn store(&self, job: Value) {
        let mut jobs = self.jobs.lock().unwrap();
        jobs.retain(|other| other["name"] != job["name"]);
        jobs.push(job);
    }
}

impl Respond for Chronos {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let at = request.url.path();
        let Some(at) = at.strip_prefix("/v1/scheduler/") else { return ResponseTemplate::new(404) };
        let name = at.strip_prefix("job/");
        match (request.method.as_str(), name) {
            ("GET", None) => ResponseTemplate::new(200).set_body_json(self.stored()),
            ("GET", Some(name)) => match self.stored().iter().find(|job| job["name"] == name) {
                Some(job) => ResponseTemplate::new(200).set_body_json(job),
                None => ResponseTemplate::new(400)
                    .set_body_json(json!({"status": "Bad Request", "message": format!("Job '{name}' not found")})),
            },
            ("POST", None) => {
                let mut posts = self.posts.lock().unwrap();
                let post = if posts.is_empty() { Post::Status(204, true) } else { posts.remove(0) };
                if matches!(post, Post::Status(_, true) | Post::StoredLate) {
                    self.store(serde_json::from_slice(&request.body).unwrap());
                }
                match post {
                    Post::Status(status, _) => ResponseTemplate::new(status),
                    Post::StoredLate => ResponseTemplate::new(204).set_delay(Duration::from_secs(5)),
                }
            }
            ("DELETE", Some(name)) => {
                self.jobs.lock().unwrap().retain(|job| job["name"] != name);
                ResponseTemplate::new(204)
            }
            _ => ResponseTemplate::new(500),
        }
    }
}

impl World {
    async fn launch_job(&self, job: Value) -> Result<Launched, LaunchError> {
        let supervisor = supervisor_at(&self.supervisor.uri(), "operator");
        launch(JobSource::Json(job), &chronos_at(&self.framework.uri()), &supervisor, self.options.clone()).await
    }

    async fn posts(&self) -> usize {
        self.changes().await.iter().filter(|method| *method == "POST").count()
    }
}

fn chronos_at(url: &str) -> ChronosClient {
    ChronosClient::new(credentials(url), impatient()).unwrap()
}
