//! Metrics on their way from the event log to Monasca, whatever happens to Monasca meanwhile.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "api/helpers.rs"]
#[allow(dead_code, reason = "shared with the API tests, which use more of it")]
mod helpers;
mod openstack_support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use helpers::{TestApp, legacy_registration, new_uuid, now, on_actix, report};
use mesos_qos::clock::{Clock, ManualClock, SystemClock};
use mesos_qos::qos::units::Span;
use openstack_support::gate::{Fate, Gate, Seen};
use openstack_support::{Stack, until};
use serde_json::Value;

/// A supervisor that reaches Keystone and Monasca through gates.
struct World {
    stack: Stack,
    app: TestApp,
    keystone: Gate,
    monasca: Gate,
    settings: Vec<(String, String, String)>,
}

impl World {
    async fn start(token_lifetime: Duration, settings: &[(&str, &str, &str)]) -> World {
        let stack = Stack::with_tokens_of(token_lifetime);
        let (keystone, monasca) = (Gate::open(), Gate::open());
        let file = stack.file(
            "user",
            &keystone.in_front_of(&stack.cluster.keystone_url()),
            &monasca.in_front_of(&stack.cluster.monasca_url()),
        );
        let mut all = vec![
            ("supervisor", "credentials_openstack", file.to_str().unwrap()),
            ("openstack", "request_timeout", "2"),
            ("openstack", "connect_timeout", "1"),
            ("metrics", "batch_interval", "0.2"),
            ("metrics", "requests_per_second", "50"),
        ];
        all.extend(settings);
        let settings: Vec<_> =
            all.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect();
        let app = TestApp::start_with(&all).await;
        World { stack, app, keystone, monasca, settings }
    }

    async fn restart(self) -> World {
        let data = self.app.stop().await;
        let settings: Vec<_> = self.settings.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
        let app = TestApp::start_in(data, &settings).await;
        World { app, ..self }
    }

    /// A job of which every report counts.
    async fn job(&self, name: &str, iterations: u32) -> String {
        let uuid = new_uuid();
        let mut registration = legacy_registration(&uuid, name);
        registration["iterations"] = iterations.into();
        let (status, reply) = self.app.post("/initTask", registration).await;
        assert_eq!(status, 200, "{reply}");
        uuid
    }

    async fn iteration(&self, uuid: &str) {
        let at = now();
        let (status, reply) = self.app.post("/updateTask", report(uuid, at - 5.0, at)).await;
        assert_eq!(status, 200, "{reply}");
    }

    /// A figure of `/metrics`.
    async fn figure(&self, name: &str) -> f64 {
        let (_, text) = self.app.get("/metrics").await;
        let line = text.as_str().unwrap().lines().find_map(|line| line.strip_prefix(&format!("mesos_qos_{name} ")));
        line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    }

    async fn until_all_sent(&self) {
        until("all is sent", async || self.figure("monasca_lag_events").await == 0.0).await;
    }

    /// What is missing, or in the wrong order, of what the log says about these jobs.
    async fn compare_with_the_log(&self, jobs: &[String]) {
        let token = self.stack.token("user").await;
        let mut stored = BTreeMap::new();
        for name in ["deadline", "remaining_iterations", "timestamp_finished", "last_job_duration"] {
            stored.insert(name, self.stack.values(&token, name).await.into_iter().collect::<BTreeMap<_, _>>());
        }
        for job in jobs {
            let (_, page) = self.app.get(&format!("/api/v1/jobs/{job}/events?limit=1000")).await;
            let events = page["items"].as_array().unwrap();
            let of =
                |kind: &str| events.iter().filter(|event| event["kind"] == kind).map(|event| &event["data"]).collect();
            let (registered, finished): (Vec<&Value>, Vec<&Value>) = (of("Registered"), of("IterationFinished"));
            let seconds = |data: &Value, key: &str| data[key].as_i64().unwrap() as f64 / 1e6;
            let all = registered[0]["iterations"].as_u64().unwrap();
            let left: Vec<f64> = (0..=finished.len() as u64).map(|done| (all - done) as f64).collect();
            let expected = [
                ("deadline", vec![seconds(registered[0], "deadline_at")]),
                ("remaining_iterations", left),
                ("timestamp_finished", finished.iter().map(|one| seconds(one, "finished_at")).collect()),
                ("last_job_duration", finished.iter().map(|one| seconds(one, "duration")).collect()),
            ];
            for (name, expected) in expected {
                let values = stored[name].get(job).cloned().unwrap_or_default();
                assert_eq!(values.iter().map(|(_, value)| *value).collect::<Vec<_>>(), expected, "{name} of {job}");
            }
        }
    }

    async fn stop(self) {
        self.app.stop().await;
        self.stack.cluster.shutdown().await;
    }
}

const UNAVAILABLE: &str = r#"{"title": "Service unavailable", "description": "kafka is down"}"#;

#[test]
fn nothing_is_missing_or_out_of_order_after_lost_metrics_an_outage_and_tokens_that_ended() {
    on_actix(async {
        let world = World::start(Duration::from_secs(2), &[]).await;
        let mut jobs = Vec::new();
        for number in 0..10 {
            jobs.push(world.job(&format!("job {number}"), 50).await);
        }
        // Taken, stored; taken, lost; refused; taken again.
        let parts: [fn() -> Fate; 4] =
            [|| Fate::Pass, || Fate::Forget, || Fate::Answer(503, UNAVAILABLE), || Fate::Pass];
        for fate in parts {
            world.monasca.set(move |_| fate());
            let sent = world.monasca.count("POST", "metrics");
            for _ in 0..12 {
                for job in &jobs {
                    world.iteration(job).await;
                }
            }
            until("it was tried", async || world.monasca.count("POST", "metrics") > sent + 1).await;
            // Half of a token's life.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        world.until_all_sent().await;
        world.compare_with_the_log(&jobs).await;
        let refused = world.monasca.seen().iter().filter(|seen| seen.status == 401).count();
        assert!(world.keystone.count("POST", "tokens") > 1 && refused < 3, "renewed before their end: {refused}");
        let (_, ready) = world.app.get("/readyz").await;
        assert_eq!(
            (&ready["detail"]["metrics"], &ready["detail"]["metrics_lag_events"]),
            (&"reachable".into(), &0.into())
        );
        world.stop().await;
    });
}

#[test]
fn a_backlog_is_sent_in_full_batches_and_no_faster_than_is_allowed() {
    on_actix(async {
        let world = World::start(Duration::from_secs(3600), &[("metrics", "requests_per_second", "20")]).await;
        world.monasca.set(|_| Fate::Answer(503, UNAVAILABLE));
        let job = world.job("long", 1000).await;
        for _ in 0..600 {
            world.iteration(&job).await;
        }
        until("it was tried", async || world.monasca.count("POST", "metrics") > 0).await;
        let before = world.monasca.seen().len();
        world.monasca.set(|_| Fate::Pass);
        let began = Instant::now();
        world.until_all_sent().await;
        let took = began.elapsed();
        let seen = world.monasca.seen();
        let sizes: Vec<usize> = seen[before..]
            .iter()
            .filter(|seen| seen.status == 204)
            .map(|seen| serde_json::from_slice::<Vec<Value>>(&seen.body).unwrap().len())
            .collect();
        // 600 reports of three metrics each, and the registration's two.
        assert_eq!(sizes.iter().sum::<usize>(), 1802, "{sizes:?}");
        assert!(sizes.len() <= 20 && sizes.iter().all(|size| *size <= 100), "{sizes:?}");
        assert!(took >= Duration::from_millis(50) * (sizes.len() as u32 - 2), "{} requests in {took:?}", sizes.len());
        world.compare_with_the_log(&[job]).await;
        world.stop().await;
    });
}

#[test]
fn while_monasca_keeps_silent_reports_are_taken_and_the_lag_is_shown() {
    on_actix(async {
        let world = World::start(Duration::from_secs(3600), &[]).await;
        world.monasca.set(|_| Fate::Silence);
        let job = world.job("silent", 1000).await;
        until("it was tried", async || world.monasca.count("POST", "metrics") > 0).await;
        for _ in 0..300 {
            world.iteration(&job).await;
        }
        assert_eq!(world.app.job(&job).await["remaining"], 700);
        until("the failure shows", async || world.figure("monasca_reachable").await == 0.0).await;
        assert!(world.figure("monasca_lag_events").await >= 300.0 && world.figure("monasca_lag_seconds").await > 0.0);
        let (status, ready) = world.app.get("/readyz").await;
        assert_eq!((status.as_u16(), &ready["detail"]["metrics"]), (200, &"unreachable".into()), "{ready}");
        assert!(ready["detail"]["metrics_last_error"].as_str().unwrap().contains("no answer in time"), "{ready}");
        assert!(ready["detail"]["metrics_lag_seconds"].as_f64().unwrap() > 0.0, "{ready}");
        world.monasca.set(|_| Fate::Pass);
        world.until_all_sent().await;
        world.compare_with_the_log(&[job]).await;
        world.stop().await;
    });
}

#[test]
fn a_metric_that_is_refused_is_found_recorded_and_skipped_and_all_others_arrive() {
    on_actix(async {
        for status in [422, 400] {
            one_bad_metric(status).await;
        }
    });
}

async fn one_bad_metric(status: u16) {
    let world = World::start(Duration::from_secs(3600), &[]).await;
    world.monasca.set(|_| Fate::Answer(503, UNAVAILABLE));
    let (good, bad) = (world.job("good", 100).await, world.job("bad", 100).await);
    for _ in 0..30 {
        world.iteration(&good).await;
        world.iteration(&bad).await;
    }
    let disliked = bad.clone();
    world.monasca.set(move |seen| {
        let metrics: Vec<Value> = serde_json::from_slice(&seen.body).unwrap_or_default();
        let is_bad = |metric: &Value| {
            metric["dimensions"]["uuid"] == disliked.as_str()
                && metric["name"] == "remaining_iterations"
                && metric["value"] == 90.0
        };
        if metrics.iter().any(is_bad) {
            Fate::Answer(status, r#"{"title": "Unprocessable Entity", "description": "I do not like it"}"#)
        } else {
            Fate::Pass
        }
    });
    world.until_all_sent().await;
    assert_eq!(world.figure("monasca_metrics_rejected_total").await, 1.0);
    let (_, ready) = world.app.get("/readyz").await;
    let said = ready["detail"]["metrics_last_rejection"].as_str().unwrap();
    assert!(
        said.contains("remaining_iterations") && said.contains(&bad) && said.contains("I do not like it"),
        "{said}"
    );
    let token = world.stack.token("user").await;
    let left: BTreeMap<_, _> = world.stack.values(&token, "remaining_iterations").await.into_iter().collect();
    let values = |job: &str| left[job].iter().map(|(_, value)| *value as i64).collect::<Vec<_>>();
    assert_eq!(values(&good), (70..=100).rev().collect::<Vec<_>>());
    assert_eq!(values(&bad), (70..=100).rev().filter(|value| *value != 90).collect::<Vec<_>>());
    world.stop().await;
}

#[test]
fn a_monasca_that_refuses_whatever_it_is_sent_is_away_and_no_metric_is_taken_for_bad() {
    on_actix(async {
        let world = World::start(Duration::from_secs(3600), &[]).await;
        let refused = |_: &Seen| Fate::Answer(422, r#"{"title": "Unprocessable Entity", "description": "schema?"}"#);
        // From the first metric on, and once more when many were taken.
        let mut jobs = Vec::new();
        for round in 0..2 {
            world.monasca.set(refused);
            let before = world.monasca.count("POST", "metrics");
            jobs.push(world.job(&format!("job {round}"), 100).await);
            for _ in 0..40 {
                world.iteration(&jobs[round]).await;
            }
            until("it shows", async || world.figure("monasca_reachable").await == 0.0).await;
            let (_, ready) = world.app.get("/readyz").await;
            assert!(ready["detail"]["metrics_last_error"].as_str().unwrap().contains("refuses all"), "{ready}");
            tokio::time::sleep(Duration::from_secs(3)).await;
            let requests = world.monasca.count("POST", "metrics") - before;
            // A search for the bad ones in each of a few parts of the log, and then one metric after each pause.
            assert!(requests < 60, "{requests} requests of 50 a second");
            assert_eq!(world.figure("monasca_metrics_rejected_total").await, 0.0);
            assert!(world.figure("monasca_lag_events").await > 0.0);
            world.monasca.set(|_| Fate::Pass);
            world.until_all_sent().await;
            world.compare_with_the_log(&jobs).await;
        }
        assert_eq!(world.figure("monasca_reachable").await, 1.0);
        world.stop().await;
    });
}

#[test]
fn bad_metrics_alone_are_skipped_when_others_were_taken_before() {
    on_actix(async {
        let world = World::start(Duration::from_secs(3600), &[]).await;
        let good = world.job("good", 100).await;
        world.until_all_sent().await;
        let liked = good.clone();
        world.monasca.set(move |seen| {
            let metrics: Vec<Value> = serde_json::from_slice(&seen.body).unwrap_or_default();
            let all_liked = metrics.iter().all(|metric| metric["dimensions"]["uuid"] == liked.as_str());
            if all_liked { Fate::Pass } else { Fate::Answer(400, r#"{"title": "Bad request", "description": "no"}"#) }
        });
        let bad = world.job("bad", 100).await;
        for _ in 0..20 {
            world.iteration(&bad).await;
        }
        world.until_all_sent().await;
        assert_eq!(world.figure("monasca_metrics_rejected_total").await, 62.0, "two, and three of each report");
        world.iteration(&good).await;
        world.until_all_sent().await;
        world.compare_with_the_log(&[good]).await;
        world.stop().await;
    });
}

/// The metrics of these requests, sent and whatever came of them.
fn metrics_of(seen: &[Seen]) -> Vec<Value> {
    let posts = seen.iter().filter(|seen| seen.method == "POST" && seen.path.ends_with("/metrics"));
    posts.flat_map(|seen| serde_json::from_slice::<Vec<Value>>(&seen.body).unwrap()).collect()
}

#[test]
fn single_errors_cost_their_batch_once_more_and_do_not_hold_up_the_place_on_disk() {
    on_actix(async {
        // No time-out of a busy machine comes on top of the errors that are counted.
        let patience = ("openstack", "request_timeout", "20");
        let settings = [("metrics", "overlap", "1"), ("metrics", "batch_size", "20"), patience];
        let world = World::start(Duration::from_secs(3600), &settings).await;
        // One in twenty, and thus several times in `overlap`.
        let requests = AtomicUsize::new(0);
        world.monasca.set(move |_| match requests.fetch_add(1, Ordering::Relaxed) % 20 {
            19 => Fate::Answer(502, ""),
            _ => Fate::Pass,
        });
        let job = world.job("long", 1000).await;
        for _ in 0..600 {
            world.iteration(&job).await;
        }
        world.until_all_sent().await;
        world.compare_with_the_log(std::slice::from_ref(&job)).await;
        let seen = world.monasca.seen();
        assert!(seen.iter().filter(|seen| seen.status == 502).count() >= 4, "{} requests", seen.len());
        let sent = metrics_of(&seen);
        let unique: BTreeSet<String> = sent.iter().map(Value::to_string).collect();
        assert_eq!(unique.len(), 1802);
        let ratio = sent.len() as f64 / unique.len() as f64;
        assert!(ratio < 1.2, "each metric was sent {ratio} times");
        // Longer than `overlap`: with the next success all of before is known to be stored.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        world.iteration(&job).await;
        world.until_all_sent().await;
        let before = world.monasca.seen().len();
        let world = world.restart().await;
        world.iteration(&job).await;
        world.until_all_sent().await;
        let again = metrics_of(&world.monasca.seen()[before..]);
        let left = again.iter().filter(|metric| metric["name"] == "remaining_iterations");
        let left: BTreeSet<i64> = left.map(|metric| metric["value"].as_f64().unwrap() as i64).collect();
        assert!(left.contains(&398) && left.iter().all(|value| *value <= 399), "sent after the restart: {left:?}");
        world.stop().await;
    });
}

#[test]
fn what_monasca_lost_is_sent_again_however_much_later_the_loss_is_noticed() {
    on_actix(async {
        let world = World::start(Duration::from_secs(3600), &[("metrics", "overlap", "1")]).await;
        world.monasca.set(|_| Fate::Forget);
        let job = world.job("forgotten", 100).await;
        for _ in 0..5 {
            world.iteration(&job).await;
        }
        world.until_all_sent().await;
        // Longer than `overlap`, and nothing shows that Monasca lives.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        world.monasca.set(|_| Fate::Answer(503, UNAVAILABLE));
        let sent = world.monasca.count("POST", "metrics");
        world.iteration(&job).await;
        until("it was tried twice", async || world.monasca.count("POST", "metrics") > sent + 1).await;
        world.monasca.set(|_| Fate::Pass);
        world.until_all_sent().await;
        world.compare_with_the_log(&[job]).await;
        world.stop().await;
    });
}

#[test]
fn a_restart_goes_on_where_the_last_one_left_off() {
    on_actix(async {
        let world = World::start(Duration::from_secs(3600), &[("metrics", "overlap", "0")]).await;
        let job = world.job("resumed", 100).await;
        for _ in 0..5 {
            world.iteration(&job).await;
        }
        world.until_all_sent().await;
        let world = world.restart().await;
        let before = world.monasca.count("POST", "metrics");
        until("it looks at the log", async || world.figure("monasca_lag_events").await == 0.0).await;
        for _ in 0..5 {
            world.iteration(&job).await;
        }
        world.until_all_sent().await;
        world.compare_with_the_log(std::slice::from_ref(&job)).await;
        let again: Vec<Value> = world.monasca.seen()[before..]
            .iter()
            .flat_map(|seen| serde_json::from_slice::<Vec<Value>>(&seen.body).unwrap())
            .filter(|metric| metric["name"] == "remaining_iterations")
            .collect();
        let values: Vec<f64> = again.iter().map(|metric| metric["value"].as_f64().unwrap()).collect();
        assert_eq!(values, [94.0, 93.0, 92.0, 91.0, 90.0], "nothing of before was sent again");
        world.stop().await;
    });
}

#[test]
fn what_is_older_than_monasca_takes_is_counted_and_not_sent() {
    on_actix(async {
        let stack = Stack::start();
        let monasca = Gate::open();
        let url = monasca.in_front_of(&stack.cluster.monasca_url());
        let file = stack.file("user", &stack.cluster.keystone_url(), &url);
        let app = TestApp::start().await;
        app.registered("old").await;
        let data = app.stop().await;
        let later = ManualClock::at(SystemClock.now() + Span::from_secs(7200));
        let settings = [
            ("supervisor", "credentials_openstack", file.to_str().unwrap()),
            ("metrics", "max_age", "3600"),
            ("metrics", "batch_interval", "0.2"),
        ];
        let app = TestApp::start_at(data, &settings, Arc::new(later)).await;
        until("it is counted", async || {
            let (_, text) = app.get("/metrics").await;
            text.as_str().unwrap().contains("mesos_qos_monasca_metrics_too_old_total 2")
        })
        .await;
        assert_eq!(monasca.count("POST", "metrics"), 0);
        app.stop().await;
    });
}

#[test]
fn what_becomes_too_old_while_monasca_is_away_is_counted_and_not_sent() {
    on_actix(async {
        let stack = Stack::start();
        let monasca = Gate::open();
        let url = monasca.in_front_of(&stack.cluster.monasca_url());
        let file = stack.file("user", &stack.cluster.keystone_url(), &url);
        // Monasca takes nothing of the future.
        let clock = Arc::new(ManualClock::at(SystemClock.now() - Span::from_secs(7200)));
        let settings = [
            ("supervisor", "credentials_openstack", file.to_str().unwrap()),
            ("metrics", "max_age", "3600"),
            // More waits than a request takes.
            ("metrics", "batch_size", "1"),
            ("metrics", "batch_interval", "0.2"),
        ];
        let app = TestApp::start_at(Arc::new(tempfile::tempdir().unwrap()), &settings, clock.clone()).await;
        monasca.set(|_| Fate::Answer(503, UNAVAILABLE));
        app.registered("old").await;
        until("it was tried", async || monasca.count("POST", "metrics") > 0).await;
        clock.advance(Span::from_secs(7200));
        monasca.set(|_| Fate::Pass);
        app.registered("new").await;
        until("all is sent", async || {
            let (_, text) = app.get("/metrics").await;
            text.as_str().unwrap().contains("mesos_qos_monasca_lag_events 0")
        })
        .await;
        let seen = monasca.seen();
        let taken: Vec<Seen> = seen.into_iter().filter(|seen| seen.status == 204).collect();
        let names: BTreeSet<String> =
            metrics_of(&taken).iter().map(|one| one["dimensions"]["jobname"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names, ["new".to_owned()].into());
        let (_, text) = app.get("/metrics").await;
        assert!(text.as_str().unwrap().contains("mesos_qos_monasca_metrics_too_old_total 2\n"), "{text}");
        app.stop().await;
    });
}

#[test]
fn metrics_can_be_switched_off() {
    on_actix(async {
        let world = World::start(Duration::from_secs(3600), &[("metrics", "monasca", "false")]).await;
        world.job("quiet", 3).await;
        let (_, ready) = world.app.get("/readyz").await;
        assert_eq!(ready["detail"]["metrics"], "not configured");
        assert_eq!((world.keystone.seen().len(), world.monasca.seen().len()), (0, 0));
        world.stop().await;
    });
}
