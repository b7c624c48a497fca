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
    settings: Vec<(String, String, String)>,
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
        let settings = settings.iter().map(|(a, b, c)| ((*a).into(), (*b).into(), (*c).into())).collect();
        World { stack, app, monasca, token, settings }
    }

    /// With another supervisor, after `meanwhile`.
    async fn restart(self, meanwhile: impl AsyncFnOnce(&Stack, &str)) -> World {
        let data = self.app.stop().await;
        meanwhile(&self.stack, &self.token).await;
        let settings: Vec<_> = self.settings.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
        let app = TestApp::start_in(data, &settings).await;
        World { app, ..self }
    }

    async fn registered(&self, name: &str) -> String {
        let uuid = new_uuid();
        let mut body = registration(&uuid, name);
        body["framework"] = json!("marathon");
        body.as_object_mut().unwrap().remove("iterations");
        let (status, reply) = self.app.post("/initTask", body).await;
        assert_eq!(status, 200, "{reply}");
        uuid
    }

    /// A job whose agent has told of its first segment; the agent's own figures would be ten thousand seconds.
    async fn job(&self, name: &str) -> String {
        let uuid = self.registered(name).await;
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
        publish(&self.stack, &self.token, uuid, host, at, user, system).await;
    }

    async fn events(&self, uuid: &str, kind: &str) -> Vec<Value> {
        let (_, page) = self.app.get(&format!("/api/v1/jobs/{uuid}/events?limit=1000")).await;
        let events = page["items"].as_array().unwrap().iter();
        events.filter(|event| event["kind"] == kind).map(|event| event["data"].clone()).collect()
    }
}

async fn publish(stack: &Stack, token: &str, uuid: &str, host: &str, at: f64, user: f64, system: f64) {
    let container = uuid.replace('-', "");
    let metric = |name: &str, value: f64| {
        json!({"name": name, "dimensions": {"name": container, "hostname": host, "image": "i"},
                "timestamp": (at * 1000.0) as i64, "value": value})
    };
    let both = json!([metric("container.cpu.user_time", user), metric("container.cpu.system_time", system)]);
    assert_eq!(stack.post(token, "metrics", &both.to_string()).await.0, 204);
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
        assert!((measured - 0.001..=measured + 1.0).contains(&at), "{at} is not the end of the second of {measured}");
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
fn what_was_measured_while_a_slow_answer_was_under_way_counts_for_its_own_moment() {
    on_actix(async {
        let world = World::start(&[]).await;
        let uuid = world.job("/steady").await;
        world.monasca.set(|seen| {
            if seen.path.ends_with("statistics") {
                std::thread::sleep(Duration::from_secs(2));
            }
            Fate::Pass
        });
        // It computes all the time, so that its CPU time tells when it was measured.
        let began = now();
        until("it is measured", async || {
            let at = now();
            world.publish(&uuid, "h", at, (at - began) * 100.0, 0.0).await;
            !world.events(&uuid, "CpuSample").await.is_empty()
        })
        .await;
        let sample = &world.events(&uuid, "CpuSample").await[0];
        let (at, measured) = (sample["at"].as_f64().unwrap() / 1e6, began + sample["cpu"].as_f64().unwrap() / 1e6);
        assert!((measured - 0.1..=measured + 1.1).contains(&at), "{sample} was measured at {measured}");
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

#[test]
fn with_many_jobs_the_parts_are_longer_and_no_figure_counts_for_a_moment_before_its_measurement() {
    on_actix(async {
        let world = World::start(&[]).await;
        let mut jobs = Vec::new();
        for number in 0..16 {
            jobs.push(world.job(&format!("/job{number}")).await);
        }
        // The first part that began after the segments were known has both seconds after it.
        tokio::time::sleep(Duration::from_millis(2100)).await;
        let mut measured = Vec::new();
        for job in &jobs {
            measured.push(now());
            world.publish(job, "h", measured[measured.len() - 1], 100.0, 0.0).await;
        }
        for (job, measured) in jobs.iter().zip(measured) {
            until("it is measured", async || !world.events(job, "CpuSample").await.is_empty()).await;
            let at = world.events(job, "CpuSample").await[0]["at"].as_i64().unwrap() as f64 / 1e6;
            assert!((measured - 0.001..=measured + 2.0).contains(&at), "{at} for what was measured at {measured}");
        }
        let seen = world.monasca.seen();
        assert!(seen.iter().any(|seen| seen.query.contains("period=2&")), "parts of two seconds");
        world.app.stop().await;
    });
}

#[test]
fn a_job_without_segments_goes_on_after_a_restart_from_what_was_recorded() {
    on_actix(async {
        let world = World::start(&[]).await;
        let uuid = world.registered("/published").await;
        assert_eq!(world.app.post("/initMarathonApp", json!({"uuid": uuid, "started_at": now()})).await.0, 200);
        let used = async |world: &World| {
            let samples = world.events(&uuid, "CpuSample").await;
            samples.last().map(|sample| sample["cpu"].as_i64().unwrap() as f64 / 1e6)
        };
        let pause = || tokio::time::sleep(Duration::from_millis(1100));
        for ticks in [100.0, 200.0] {
            pause().await;
            world.publish(&uuid, "h", now(), ticks, 0.0).await;
            until("it is recorded", async || used(&world).await == Some(ticks / 100.0)).await;
        }
        // While the supervisor is away the container goes on, another follows it on its host, and one runs elsewhere.
        let world = world
            .restart(async |stack, token| {
                for (host, ticks) in [("h", 300.0), ("h", 10.0), ("h", 50.0), ("other", 7.0)] {
                    pause().await;
                    publish(stack, token, &uuid, host, now(), ticks, 0.0).await;
                }
                pause().await;
            })
            .await;
        let before = world.events(&uuid, "CpuSample").await.len();
        until("it is measured", async || world.events(&uuid, "CpuSample").await.len() > before).await;
        assert_eq!(used(&world).await, Some(3.57), "300, 50 and 7 ticks, of which 200 were in the log");
        pause().await;
        world.publish(&uuid, "h", now(), 60.0, 0.0).await;
        until("it is measured", async || used(&world).await == Some(3.67)).await;
        // A restart without anything new changes nothing.
        let world = world.restart(async |_, _| {}).await;
        pause().await;
        world.publish(&uuid, "h", now(), 61.0, 0.0).await;
        until("it is measured", async || used(&world).await == Some(3.68)).await;
        // Nor does one after which Monasca has nothing any more of what was before.
        let data = world.app.stop().await;
        let stack = Stack::start();
        let file = stack.file("user", &stack.cluster.keystone_url(), &stack.cluster.monasca_url());
        let settings = world.settings.iter().map(|(section, key, value)| match key.as_str() {
            "credentials_openstack" => (section.as_str(), key.as_str(), file.to_str().unwrap()),
            _ => (section.as_str(), key.as_str(), value.as_str()),
        });
        let app = TestApp::start_in(data, &settings.collect::<Vec<_>>()).await;
        let token = stack.token("user").await;
        pause().await;
        publish(&stack, &token, &uuid, "later", now(), 7.0, 0.0).await;
        let world = World { app, ..world };
        until("it is measured", async || used(&world).await == Some(3.75)).await;
        let samples = world.events(&uuid, "CpuSample").await;
        let cpu: Vec<i64> = samples.iter().map(|sample| sample["cpu"].as_i64().unwrap()).collect();
        assert!(cpu.is_sorted(), "{cpu:?}");
        world.app.stop().await;
    });
}
