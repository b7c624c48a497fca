//! Launches on Marathon.

mod apps;
mod command;
mod registration;
mod replacing;
mod running_supervisor;
mod submission;
mod withdrawal;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesos_qos::clients::marathon::MarathonClient;
use mesos_qos::launcher::{AgentSettings, JobSource, LaunchError, Launched, launch_app};
use serde_json::{Value, json};
use wiremock::{Request, Respond, ResponseTemplate};

use crate::world::{Post, World, credentials, impatient, says, supervisor_at};

const VERSIONS: [&str; 3] = ["1.1.1", "1.4.1", "1.5.6"];

fn app() -> Value {
    json!({
        "id": "openmplinpack1", "cmd": "/linpack_openmp 6000", "cpus": "1", "mem": "512",
        "container": {"type": "DOCKER", "docker": {"image": "linpack-openmp"}},
        "qos": {"duration": 400, "deadline": 480, "desv_deadline": 0.1, "max_failures": 2}
    })
}

/// An app of somebody else under the same id.
fn other() -> Value {
    json!({"id": "/openmplinpack1", "cmd": "true", "cpus": 2, "env": {}})
}

/// A Marathon of some version whose answers to submissions are scripted and which keeps the apps that it accepts.
#[derive(Clone)]
struct Marathon {
    version: &'static str,
    apps: Arc<Mutex<Vec<Value>>>,
    posts: Arc<Mutex<Vec<Post>>>,
    /// Looks at the deployments until the last deletion is over.
    deleting: Arc<Mutex<u32>>,
    locked: bool,
    started: Arc<dyn Fn(&Value) + Send + Sync>,
}

impl Marathon {
    fn new(version: &'static str) -> Self {
        let (apps, posts, deleting) = Default::default();
        Marathon { version, apps, posts, deleting, locked: false, started: Arc::new(|_| {}) }
    }

    fn scripted(posts: &[Post]) -> Self {
        let marathon = Marathon::new("1.4.1");
        marathon.posts.lock().unwrap().extend(posts);
        marathon
    }

    fn stored(&self) -> Vec<Value> {
        self.apps.lock().unwrap().clone()
    }

    fn store(&self, app: Value) {
        let mut apps = self.apps.lock().unwrap();
        apps.retain(|other| other["id"] != app["id"]);
        apps.push(app.clone());
        drop(apps);
        (self.started)(&app);
    }

    fn is_older_than(&self, minor: u32) -> bool {
        self.version.split('.').nth(1).unwrap().parse::<u32>().unwrap() < minor
    }

    /// What this version says of the shape of an app.
    fn refusal(&self, app: &Value) -> Option<ResponseTemplate> {
        let numbers = ["cpus", "mem", "instances", "backoffSeconds", "taskKillGracePeriodSeconds"];
        let no_number = numbers.iter().find(|key| !app[**key].is_number());
        let status = if self.is_older_than(5) { 400 } else { 422 };
        no_number.map(|key| {
            let details = json!([{"path": format!("/{key}"), "errors": ["error.expected.jsnumber"]}]);
            says(status, json!({"message": "Invalid JSON", "details": details}))
        })
    }

    fn submitted(&self, request: &Request, success: u16) -> ResponseTemplate {
        let app: Value = serde_json::from_slice(&request.body).unwrap();
        if let Some(refusal) = self.refusal(&app) {
            return refusal;
        }
        let post =
            Some(&mut *self.posts.lock().unwrap()).filter(|posts| !posts.is_empty()).map(|posts| posts.remove(0));
        let post = post.unwrap_or(Post::Status(success, true));
        if matches!(post, Post::Status(_, true) | Post::StoredLate) {
            self.store(app.clone());
        }
        let mut body = app;
        body["version"] = json!("2026-11-20T10:00:00.000Z");
        body["deployments"] = json!([{"id": "d1"}]);
        let changed = json!({"version": "2026-11-20T10:00:00.000Z", "deploymentId": "d1"});
        match post {
            Post::Status(201, _) => says(201, body),
            Post::Status(200, _) => says(200, changed),
            Post::Status(status, _) => ResponseTemplate::new(status),
            Post::StoredLate => says(201, body).set_delay(Duration::from_secs(5)),
        }
    }
}

impl Respond for Marathon {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let at = request.url.path();
        let query = request.url.query().unwrap_or_default();
        let id = at.strip_prefix("/v2/apps");
        let there = self.stored().into_iter().find(|app| Some(app["id"].as_str().unwrap()) == id);
        let absent = || says(404, json!({"message": format!("App '{}' does not exist", id.unwrap_or_default())}));
        let lock = || {
            says(409, json!({"message": "App is locked by one or more deployments.", "deployments": [{"id": "d0"}]}))
        };
        match (request.method.as_str(), at) {
            ("GET", "/v2/info") => says(200, json!({"name": "marathon", "version": self.version, "leader": "m:8080"})),
            ("GET", "/v2/deployments") => {
                let mut deleting = self.deleting.lock().unwrap();
                let under_way = *deleting > 0;
                *deleting = deleting.saturating_sub(1);
                says(
                    200,
                    if under_way { json!([{"id": "d2", "affectedApps": ["/openmplinpack1"]}]) } else { json!([]) },
                )
            }
            ("GET", _) => there.map_or_else(absent, |app| says(200, json!({"app": app}))),
            ("POST", "/v2/apps") => {
                let app: Value = serde_json::from_slice(&request.body).unwrap();
                if *self.deleting.lock().unwrap() > 0 {
                    return lock();
                }
                if self.stored().iter().any(|stored| stored["id"] == app["id"]) {
                    return says(409, json!({"message": format!("An app with id [{}] already exists.", app["id"])}));
                }
                self.submitted(request, 201)
            }
            ("PUT", _) if self.locked => lock(),
            ("PUT", _) if query == "partialUpdate=false&force=false" && !self.is_older_than(4) => {
                self.submitted(request, 200)
            }
            ("DELETE", _) if there.is_none() => absent(),
            ("DELETE", _) if self.locked && query != "force=true" => lock(),
            ("DELETE", _) => {
                self.apps.lock().unwrap().retain(|app| Some(app["id"].as_str().unwrap()) != id);
                *self.deleting.lock().unwrap() = 2;
                says(200, json!({"version": "v", "deploymentId": "d2"}))
            }
            _ => ResponseTemplate::new(500),
        }
    }
}

impl World {
    async fn launch_app(&self, app: Value) -> Result<Launched, LaunchError> {
        let supervisor = supervisor_at(&self.supervisor.uri(), "operator");
        let marathon = marathon_at(&self.framework.uri());
        launch_app(JobSource::Json(app), &marathon, &supervisor, &agent(), self.options.clone()).await
    }
}

fn agent() -> AgentSettings {
    AgentSettings {
        executor_path: "/usr/local/bin/shell_trap".into(),
        checkpoint_dir: "/mnt/checkpoints".into(),
        kill_grace_seconds: 60,
    }
}

fn marathon_at(url: &str) -> MarathonClient {
    MarathonClient::new(credentials(url), impatient()).unwrap()
}
