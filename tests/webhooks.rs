//! What a webhook is told: signed, at least once, in spite of outages and restarts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "api/helpers.rs"]
#[allow(dead_code, reason = "shared with the API tests, which use more of it")]
mod helpers;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use helpers::{TestApp, legacy_registration, new_uuid, now, on_actix, registration, report};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// An operator's service that answers with a status that can be changed.
struct Receiver {
    server: MockServer,
    status: Arc<AtomicU16>,
}

impl Receiver {
    async fn start() -> Receiver {
        let (server, status) = (MockServer::start().await, Arc::new(AtomicU16::new(204)));
        let answer = status.clone();
        Mock::given(method("POST"))
            .respond_with(move |_: &Request| ResponseTemplate::new(answer.load(Ordering::SeqCst)))
            .mount(&server)
            .await;
        Receiver { server, status }
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    /// The notices of this kind that came, each as often as it came.
    async fn notices(&self, event: &str) -> Vec<Value> {
        let bodies = self.requests().await.into_iter().map(|request| serde_json::from_slice(&request.body).unwrap());
        bodies.filter(|notice: &Value| notice["event"] == event).collect()
    }

    async fn wait_for(&self, event: &str, times: usize) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let notices = self.notices(event).await;
            if notices.len() >= times {
                return notices;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{} of {times} {event}", notices.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn supervisor(&self, more: &[(&str, &str, &str)]) -> TestApp {
        let uri = self.server.uri();
        let mut settings = vec![("webhooks", "url", uri.as_str()), ("webhooks", "unreachable_after", "3600")];
        settings.extend(more);
        TestApp::start_with(&settings).await
    }
}

/// A job that cannot be done in time.
async fn infeasible(app: &TestApp, name: &str) -> String {
    let uuid = new_uuid();
    let mut body = registration(&uuid, name);
    body["deadline"] = json!(500);
    assert_eq!(app.post("/initTask", body).await.0, 200);
    uuid
}

#[test]
fn a_job_that_cannot_be_in_time_one_that_is_late_and_one_that_is_silent_are_told_of_once() {
    on_actix(async {
        let receiver = Receiver::start().await;
        let app = receiver.supervisor(&[("elasticity", "monitoring_period", "0.3")]).await;
        let hopeless = infeasible(&app, "hopeless").await;
        let late = new_uuid();
        let mut body = legacy_registration(&late, "late");
        body["deadline"] = json!(now() + 1.0);
        assert_eq!(app.post("/initTask", body).await.0, 200);
        let silent = new_uuid();
        let mut body = registration(&silent, "/silent");
        body["framework"] = json!("marathon");
        body.as_object_mut().unwrap().remove("iterations");
        let (status, reply) = app.post("/initTask", body).await;
        assert_eq!(status, 200, "{reply}");
        assert_eq!(app.post("/initMarathonApp", json!({"uuid": silent, "started_at": now()})).await.0, 200);
        tokio::time::sleep(Duration::from_millis(1100)).await;
        for _ in 0..2 {
            let at = now();
            assert_eq!(app.post("/updateTask", report(&late, at - 0.5, at)).await.0, 200);
        }
        for (event, job) in [("job.infeasible", &hopeless), ("job.late", &late), ("job.telemetry_lost", &silent)] {
            let notices: Vec<Value> = receiver.wait_for(event, 1).await;
            let of_job = notices.iter().filter(|notice| notice["job"]["uuid"] == job.as_str()).count();
            assert_eq!(of_job, 1, "{event}: {notices:?}");
            assert!(notices[0]["id"].as_str().unwrap().ends_with(event), "{notices:?}");
            assert!(!notices[0]["reason"].as_str().unwrap().is_empty());
        }
        // Nothing of it waits any more.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(
            receiver.notices("job.late").await.iter().filter(|one| one["job"]["uuid"] == late.as_str()).count(),
            1
        );
        app.stop().await;
    });
}

#[test]
fn a_framework_that_does_not_answer_for_a_while_is_told_of_once() {
    on_actix(async {
        let receiver = Receiver::start().await;
        let app = receiver.supervisor(&[("webhooks", "unreachable_after", "0.5")]).await;
        app.registered("waits for Chronos").await;
        let notices = receiver.wait_for("framework.unreachable", 1).await;
        assert_eq!((&notices[0]["framework"], notices[0].get("job")), (&json!("chronos"), None));
        assert!(notices[0]["reason"].as_str().unwrap().contains("no connection"), "{notices:?}");
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(receiver.notices("framework.unreachable").await.len(), 1);
        app.stop().await;
    });
}

#[test]
fn a_job_that_falls_silent_before_its_deadline_is_told_of_at_it_and_once_though_the_supervisor_ends_meanwhile() {
    on_actix(async {
        let receiver = Receiver::start().await;
        let app = receiver.supervisor(&[]).await;
        let (first, second) = (new_uuid(), new_uuid());
        // Enough that a busy machine can have stopped the supervisor by the second.
        let (soon, later) = (now() + 1.0, now() + 8.0);
        for (uuid, name, deadline) in [(&first, "first", soon), (&second, "second", later)] {
            let mut body = legacy_registration(uuid, name);
            body["deadline"] = json!(deadline);
            assert_eq!(app.post("/initTask", body).await.0, 200);
        }
        // Nothing is ever heard of either again.
        let notices = receiver.wait_for("job.late", 1).await;
        assert_eq!(notices[0]["job"]["uuid"], first.as_str());
        assert_eq!(app.kinds(&first).await, ["Registered", "DeadlinePassed"]);
        assert_eq!(app.job(&first).await["flags"], json!(["infeasible", "adopted", "late"]));
        let (_, metrics) = app.get("/metrics").await;
        for line in ["jobs_late{framework=\"chronos\"} 1", "deadlines_passed_total{framework=\"chronos\"} 1"] {
            assert!(metrics.as_str().unwrap().contains(&format!("mesos_qos_{line}\n")), "{line}: {metrics}");
        }
        let data = app.stop().await;
        let left = receiver.notices("job.late").await.len();
        assert_eq!(left, 1, "the other deadline is still to come");
        tokio::time::sleep(Duration::from_secs_f64((later - now()).max(0.0))).await;
        let uri = receiver.server.uri();
        let app = TestApp::start_in(data, &[("webhooks", "url", uri.as_str())]).await;
        let notices = receiver.wait_for("job.late", 2).await;
        assert_eq!(notices[1]["job"]["uuid"], second.as_str());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(receiver.notices("job.late").await.len(), 2, "each is told once");
        for uuid in [&first, &second] {
            let kinds = app.kinds(uuid).await;
            assert_eq!(kinds.iter().filter(|kind| *kind == "DeadlinePassed").count(), 1, "{kinds:?}");
        }
        app.stop().await;
    });
}

#[test]
fn each_notice_is_signed_with_its_instant() {
    on_actix(async {
        let receiver = Receiver::start().await;
        let app = receiver.supervisor(&[]).await;
        infeasible(&app, "hopeless").await;
        receiver.wait_for("job.infeasible", 1).await;
        let secret = std::fs::read_to_string(app.data.path().join("data/webhook.secret")).unwrap();
        let request = &receiver.requests().await[0];
        let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
        let signature = header("X-Mesos-Qos-Signature");
        let (instant, code) = signature.split_once(',').unwrap();
        let seconds = instant.strip_prefix("t=").unwrap();
        assert!((seconds.parse::<f64>().unwrap() - now()).abs() < 60.0, "{signature}");
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.trim().as_bytes()).unwrap();
        mac.update(seconds.as_bytes());
        mac.update(b".");
        mac.update(&request.body);
        assert_eq!(code, format!("v1={}", hex::encode(mac.finalize().into_bytes())));
        let notice: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            (header("X-Mesos-Qos-Event").as_str(), json!(header("X-Mesos-Qos-Delivery"))),
            ("job.infeasible", notice["id"].clone())
        );
        app.stop().await;
    });
}

#[test]
fn a_notice_is_sent_until_it_is_taken_also_after_a_restart_and_under_the_same_id() {
    on_actix(async {
        let receiver = Receiver::start().await;
        receiver.answer(503);
        let app = receiver.supervisor(&[]).await;
        infeasible(&app, "first").await;
        receiver.wait_for("job.infeasible", 2).await;
        let (_, ready) = app.get("/readyz").await;
        assert_eq!(ready["detail"]["webhook"], "unreachable", "{ready}");
        infeasible(&app, "second").await;
        let began = Instant::now();
        while app.get("/readyz").await.1["detail"]["events"] != 2 {
            assert!(began.elapsed() < Duration::from_secs(30));
        }
        let data = app.stop().await;
        let before = receiver.requests().await.len();
        receiver.answer(200);
        let uri = receiver.server.uri();
        let app =
            TestApp::start_in(data, &[("webhooks", "url", &uri), ("webhooks", "unreachable_after", "3600")]).await;
        let began = Instant::now();
        while receiver.requests().await.len() < before + 2 {
            assert!(began.elapsed() < Duration::from_secs(60));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let notices = receiver.notices("job.infeasible").await;
        assert_eq!(notices.len(), before + 2, "each is taken once");
        let names: Vec<&Value> = notices[before..].iter().map(|notice| &notice["job"]["name"]).collect();
        assert_eq!(names, ["first", "second"]);
        assert!(notices[..=before].iter().all(|notice| notice["id"] == notices[0]["id"]));
        app.stop().await;
    });
}

#[test]
fn a_notice_that_is_refused_does_not_stand_in_the_way_of_others() {
    on_actix(async {
        let receiver = Receiver::start().await;
        receiver.answer(422);
        let app = receiver.supervisor(&[]).await;
        infeasible(&app, "first").await;
        receiver.wait_for("job.infeasible", 1).await;
        receiver.answer(200);
        infeasible(&app, "second").await;
        let notices = receiver.wait_for("job.infeasible", 2).await;
        assert_eq!(notices[1]["job"]["name"], "second");
        let began = Instant::now();
        loop {
            let (_, text) = app.get("/metrics").await;
            let text = text.as_str().unwrap();
            if text.contains("mesos_qos_webhook_given_up_total 1")
                && text.contains("mesos_qos_webhook_delivered_total 1")
            {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        app.stop().await;
    });
}

#[test]
fn what_happened_before_there_was_a_webhook_is_no_news() {
    on_actix(async {
        let receiver = Receiver::start().await;
        let app = TestApp::start().await;
        infeasible(&app, "before").await;
        let data = app.stop().await;
        let uri = receiver.server.uri();
        let app =
            TestApp::start_in(data, &[("webhooks", "url", &uri), ("webhooks", "unreachable_after", "3600")]).await;
        infeasible(&app, "after").await;
        let notices = receiver.wait_for("job.infeasible", 1).await;
        assert_eq!(notices[0]["job"]["name"], "after", "{notices:?}");
        app.stop().await;
    });
}
