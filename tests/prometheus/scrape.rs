use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::chronos_world::{VERSIONS, World};
use crate::helpers::{TestApp, on_actix};
use crate::server::{Prometheus, complaints};

/// A scrape in the format that `accept` asks for.
async fn scrape(app: &TestApp, accept: &str) -> (String, String) {
    let request = app.client.request(Method::GET, format!("{}/metrics", app.url)).bearer_auth(&app.operator);
    let response = request.header("Accept", accept).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    (content_type, response.text().await.unwrap())
}

/// The value of the one sample of `text` with this name and labels.
fn sample(text: &str, name: &str) -> f64 {
    let values: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).collect();
    assert_eq!(values.len(), 1, "{name} in\n{text}");
    values[0].parse().unwrap()
}

/// A loop with two jobs: one that is early and done, one in its second iteration.
async fn two_jobs(world: &World) -> (String, String) {
    let early = json!({"duration": 0.1, "deadline": 600, "desv_deadline": 0.2});
    let done = world.launch("early", "true", 3, early).await.uuid.to_string();
    let long = json!({"duration": 100, "deadline": 600, "desv_deadline": 0.9});
    let marker = world.app.data.path().join("began");
    let command = format!("if [ -e {0} ]; then sleep 600; else : > {0}; fi", marker.display());
    let running = world.launch("long", &command, 2, long).await.uuid.to_string();
    world.wait_for_state(&done, "completed").await;
    world.wait_until_settled(&done).await;
    // Its second iteration has begun, so that nothing changes any more.
    world.wait_for(&running, |job| job["remaining"] == 1).await;
    let began = Instant::now();
    while world.app.kinds(&running).await.iter().filter(|kind| *kind == "IterationStarted").count() < 2 {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", world.app.kinds(&running).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (done, running)
}

/// How often the job was decided about with this effect on its CPU.
async fn decisions(app: &TestApp, uuid: &str, change: std::cmp::Ordering) -> usize {
    let (_, page) = app.get(&format!("/api/v1/jobs/{uuid}/events?limit=1000")).await;
    let decided = page["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "Decided");
    let changes =
        decided.map(|event| event["data"]["to"].as_i64().unwrap().cmp(&event["data"]["from"].as_i64().unwrap()));
    changes.filter(|found| *found == change).count()
}

#[test]
fn promtool_finds_nothing_wrong_with_a_scrape_and_the_scrape_agrees_with_the_event_log() {
    on_actix(async {
        let began = Instant::now();
        let world = World::start(VERSIONS[1]).await;
        let (done, running) = two_jobs(&world).await;
        let app = &world.app;
        let (content_type, text) = scrape(app, "*/*").await;
        let elapsed = began.elapsed().as_secs_f64();
        assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
        assert_eq!(complaints(&text), "", "{text}");
        let value = |name: &str| sample(&text, &format!("mesos_qos_{name}"));
        for (change, name) in [
            (std::cmp::Ordering::Less, "down"),
            (std::cmp::Ordering::Equal, "stay"),
            (std::cmp::Ordering::Greater, "up"),
        ] {
            let of_both = decisions(app, &done, change).await + decisions(app, &running, change).await;
            let counted = value(&format!("decisions_total{{framework=\"chronos\",change=\"{name}\"}}"));
            assert_eq!(counted, of_both as f64, "{name}");
        }
        assert!(decisions(app, &done, std::cmp::Ordering::Less).await > 0, "nothing was decided");
        assert_eq!(value("jobs_ended_total{framework=\"chronos\",outcome=\"on_time\"}"), 1.0);
        assert_eq!(value("jobs_ended_total{framework=\"chronos\",outcome=\"late\"}"), 0.0);
        // Three of the one and two of the other.
        let starts = value("effect_seconds_count{framework=\"chronos\",effect=\"start\"}");
        let deletions = value("effect_seconds_count{framework=\"chronos\",effect=\"delete\"}");
        assert!(starts == 5.0 && deletions == 1.0, "{starts} {deletions}\n{text}");
        let seconds = value("effect_seconds_sum{framework=\"chronos\",effect=\"start\"}");
        assert!(seconds > 0.0 && seconds < elapsed * starts, "{seconds} s of {elapsed} s");
        assert_eq!(value("event_log_commit_seconds_count"), value("event_log_commits_total"));
        let job = app.job(&running).await;
        let labels = format!("{{jobname=\"long\",framework=\"chronos\",uuid=\"{running}\"}}");
        assert_eq!(value(&format!("remaining_iterations{labels}")), job["remaining"].as_f64().unwrap());
        assert_eq!(value(&format!("current_cpu_cores{labels}")), job["cpus"].as_f64().unwrap());
        assert!(!text.contains(&done), "a job that has left memory has no figures of its own");
        world.stop().await;
    });
}

#[test]
fn promtool_is_heard_when_it_complains() {
    let text = "# TYPE mesos_qos_waits counter\nmesos_qos_waits 3\n";
    let said = complaints(text);
    assert!(said.contains("no help text") && said.contains("_total"), "{said}");
}

#[test]
fn a_real_prometheus_scrapes_with_the_token_and_has_every_figure() {
    on_actix(async {
        let world = World::start(VERSIONS[1]).await;
        let (_, running) = two_jobs(&world).await;
        let app = &world.app;
        let target = app.url.strip_prefix("http://").unwrap();
        let prometheus = Prometheus::start(&format!(
            "- job_name: mesos-qos\n  authorization: {{credentials: \"{}\"}}\n  static_configs: [{{targets: [\"{target}\"]}}]\n\
             - job_name: stranger\n  static_configs: [{{targets: [\"{target}\"]}}]",
            app.operator
        ))
        .await;
        prometheus.wait_for("up{job=\"mesos-qos\"} == 1").await;
        prometheus.wait_for("up{job=\"stranger\"} == 0").await;
        let (content_type, text) = scrape(app, "application/openmetrics-text; version=1.0.0").await;
        assert!(content_type.starts_with("application/openmetrics-text"), "{content_type}");
        assert!(text.matches("# EOF").count() == 1 && text.ends_with("# EOF\n"));
        // Not one is lost on the way: what a scrape names, Prometheus knows.
        let known: Vec<Value> = prometheus.query("{__name__=~\"mesos_qos_.+\"}").await;
        let knows = |name: &str| known.iter().any(|series| series["metric"]["__name__"] == name);
        let names: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        for line in names {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(knows(name), "Prometheus does not have {name}");
        }
        let found = prometheus.query(&format!("mesos_qos_remaining_iterations{{uuid=\"{running}\"}}")).await;
        let remaining = app.job(&running).await["remaining"].to_string();
        assert_eq!(found[0]["value"][1], remaining, "{found:?}");
        world.stop().await;
    });
}

/// Grafana puts these in place of its variables.
fn filled_in(expression: &str) -> String {
    let places = [("$__rate_interval", "1m"), ("$__range", "1h"), ("$job", ".*")];
    places.iter().fold(expression.to_owned(), |text, (place, value)| text.replace(place, value))
}

#[test]
fn every_question_of_the_dashboard_is_understood_by_a_real_prometheus() {
    on_actix(async {
        let prometheus = Prometheus::start("  []").await;
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboards/mesos-qos-prometheus.json");
        let board: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let panels = board["panels"].as_array().unwrap().iter().filter_map(|panel| panel["targets"].as_array());
        let mut asked = 0;
        for target in panels.flatten() {
            // An error of the query fails the test.
            prometheus.query(&filled_in(target["expr"].as_str().unwrap())).await;
            asked += 1;
        }
        assert!(asked > 20, "{asked}");
    });
}

/// What is outside may be away: each of it has figures all the same.
#[test]
fn promtool_finds_nothing_wrong_when_everything_is_set_up() {
    on_actix(async {
        let data = Arc::new(tempfile::tempdir().unwrap());
        let nobody = "http://127.0.0.1:9";
        let openstack = data.path().join("openstack.json");
        let content = json!({"keystone_url": nobody, "monasca_client_url": nobody, "username": "u", "password": "p",
            "project_name": "p"});
        std::fs::write(&openstack, content.to_string()).unwrap();
        let settings = [
            ("supervisor", "credentials_openstack", openstack.to_str().unwrap()),
            ("cpu_source", "kind", "prometheus"),
            ("prometheus", "url", nobody),
            ("webhooks", "url", nobody),
        ];
        let app = TestApp::start_in(data, &settings).await;
        app.registered("a").await;
        let (_, text) = scrape(&app, "*/*").await;
        for name in ["monasca_lag_seconds", "cpu_source_reachable", "webhook_delivered_total", "chronos_reachable"] {
            assert!(text.contains(&format!("\nmesos_qos_{name} ")), "{name} is not in\n{text}");
        }
        assert_eq!(complaints(&text), "", "{text}");
        app.stop().await;
    });
}
