//! CPU times of Marathon jobs that the agents of Monasca publish.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "api/helpers.rs"]
#[allow(dead_code, reason = "shared with the API tests, which use more of it")]
mod helpers;
mod openstack_support;

use std::time::Duration;

use helpers::{TestApp, new_uuid, now, on_actix, registration};
use openstack_support::gate::{Fate, Gate};
use openstack_support::{Stack, until};
use serde_json::{Value, json};

struct World {
    stack: Stack,
    app: TestApp,
    monasca: Gate,
    token: String,
}

impl World {
    async fn start(more: &[(&str, &str, &str)]) -> World {
        let stack = Stack::start();
        let monasca = Gate::open();
        let url = monasca.in_front_of(&stack.cluster.monasca_url());
        let file = stack.file("user", &stack.cluster.keystone_url(), &url);
        let mut settings = vec![
            ("supervisor", "credentials_openstack", file.to_str().unwrap()),
            ("cpu_source", "kind", "monasca"),
            ("elasticity", "monitoring_period", "1.5"),
            ("metrics", "monasca", "false"),
        ];
        settings.extend(more);
        let app = TestApp::start_with(&settings).await;
        let token = stack.token("user").await;
        World { stack, app, monasca, token }
    }

    /// A job whose agent has told of its first segment; the agent's own figures would be ten thousand seconds.
    async fn job(&self, name: &str) -> String {
        let uuid = new_uuid();
        let mut body = registration(&uuid, name);
        body["framework"] = json!("marathon");
        body.as_object_mut().unwrap().remove("iterations");
        let (status, reply) = self.app.post("/initTask", body).await;
        assert_eq!(status, 200, "{reply}");
        assert_eq!(
            self.app.post("/initMarathonApp", json!({"uuid": uuid, "started_at": now(), "execution": "e"})).await.0,
            200
        );
        let start = json!({"kind": "start", "at": now(), "sent_at": now(), "segment": 1, "execution": "e", "base_cpu_seconds": 0,
            "user_seconds": 0, "system_seconds": 0});
        let (status, reply) = self.app.post(&format!("/api/v1/jobs/{uuid}/cpu-samples"), start).await;
        assert_eq!(status, 200, "{reply}");
        uuid
    }

    /// What an agent of Monasca publishes of the job's container at `at`, seconds since 1970.
    async fn publish(&self, uuid: &str, host: &str, at: f64, user: f64, system: f64) {
        let container = uuid.replace('-', "");
        let metric = |name: &str, value: f64| {
            json!({"name": name, "dimensions": {"name": container, "hostname": host, "image": "i"},
                "timestamp": (at * 1000.0) as i64, "value": value})
        };
        let both = json!([metric("container.cpu.user_time", user), metric("container.cpu.system_time", system)]);
        assert_eq!(self.stack.post(&self.token, "metrics", &both.to_string()).await.0, 204);
    }

    async fn events(&self, uuid: &str, kind: &str) -> Vec<Value> {
        let (_, page) = self.app.get(&format!("/api/v1/jobs/{uuid}/events?limit=1000")).await;
        let events = page["items"].as_array().unwrap().iter();
        events.filter(|event| event["kind"] == kind).map(|event| event["data"].clone()).collect()
    }
}

#[test]
fn the_published_ticks_count_for_the_moment_of_their_measurement_and_silence_is_not_idleness() {
    on_actix(async {
        let world = World::start(&[]).await;
        let uuid = world.job("/steady").await;
        // Of the container before, under the same name: another host, and much more time.
        world.publish(&uuid, "old", now() - 30.0, 900_000.0, 0.0).await;
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let measured = now();
        world.publish(&uuid, "new", measured, 150.0, 50.0).await;
        until("it is decided", async || !world.events(&uuid, "ProgressDecided").await.is_empty()).await;
        let sample = &world.events(&uuid, "CpuSample").await[0];
        assert_eq!(sample["cpu"], 2_000_000, "150 + 50 ticks of a hundredth: {sample}");
        let at = sample["at"].as_i64().unwrap() as f64 / 1e6;
        assert!((measured - 1.0..=measured).contains(&at), "{at} is not the second of {measured}");
        let decided = &world.events(&uuid, "ProgressDecided").await[0];
        assert_eq!(decided["inputs"]["cpu_current"], 2_000_000, "{decided}");
        // Nothing more comes: it is not known to have stood still.
        until("the silence is noticed", async || !world.events(&uuid, "TelemetryLost").await.is_empty()).await;
        assert_eq!(world.events(&uuid, "CpuSample").await.len(), 1);
        let (_, ready) = world.app.get("/readyz").await;
        assert_eq!(ready["detail"]["cpu_source"], "reachable", "{ready}");
        world.app.stop().await;
    });
}

#[test]
fn all_jobs_are_read_with_two_requests_in_the_unit_that_is_set() {
    on_actix(async {
        let world = World::start(&[("elasticity", "ticks_per_second", "1")]).await;
        let mut jobs = Vec::new();
        for number in 0..12 {
            jobs.push(world.job(&format!("/job{number}")).await);
        }
        tokio::time::sleep(Duration::from_millis(1100)).await;
        for (number, job) in jobs.iter().enumerate() {
            world.publish(job, "h", now(), number as f64, 0.5).await;
        }
        for (number, job) in jobs.iter().enumerate() {
            until("it is measured", async || !world.events(job, "CpuSample").await.is_empty()).await;
            assert_eq!(world.events(job, "CpuSample").await[0]["cpu"], number as i64 * 1_000_000 + 500_000);
        }
        let asked: Vec<_> = world.monasca.seen().into_iter().filter(|seen| seen.path.ends_with("statistics")).collect();
        let names = jobs.iter().map(|job| job.replace('-', ""));
        let last: Vec<_> = asked.iter().rev().take(2).collect();
        for name in names {
            assert!(last.iter().all(|seen| seen.query.contains(&name)), "{name}");
        }
        assert!(last[0].query.contains("container.cpu") && last[0].query.contains("group_by=*"), "{}", last[0].query);
        // Half a second at least lies between two reads.
        let seconds = world.events(&jobs[0], "SegmentStarted").await[0]["received_at"].as_i64().unwrap() as f64 / 1e6;
        let most = 2.0 * ((now() - seconds) / 0.5 + 2.0);
        assert!((asked.len() as f64) < most, "{} requests, {most} at most", asked.len());
        world.app.stop().await;
    });
}

#[test]
fn while_monasca_does_not_answer_nothing_is_decided_and_it_shows() {
    on_actix(async {
        let world = World::start(&[]).await;
        world.monasca.set(|_| Fate::Answer(500, "{}"));
        let uuid = world.job("/steady").await;
        until("it shows", async || world.app.get("/readyz").await.1["detail"]["cpu_source"] == "unreachable").await;
        until("the silence is noticed", async || !world.events(&uuid, "TelemetryLost").await.is_empty()).await;
        assert_eq!(world.events(&uuid, "ProgressDecided").await.len(), 0);
        world
            .monasca
            .set(|_| Fate::Answer(200, r#"{"links": [{"rel": "next", "href": "http://x/"}], "elements": []}"#));
        until("it asks for fewer rows", async || {
            world.monasca.seen().iter().any(|seen| seen.query.contains("period=4&"))
        })
        .await;
        let (_, ready) = world.app.get("/readyz").await;
        assert!(ready["detail"]["cpu_source_last_error"].as_str().unwrap().contains("cut off"), "{ready}");
        world.monasca.set(|_| Fate::Pass);
        // A part of the window may be long by now, and must not reach back before the segment.
        until("it is decided", async || {
            world.publish(&uuid, "h", now(), 100.0, 0.0).await;
            !world.events(&uuid, "ProgressDecided").await.is_empty()
        })
        .await;
        world.app.stop().await;
    });
}
