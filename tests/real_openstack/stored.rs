//! What Monasca has stored, against what the log says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::DateTime;
use serde_json::Value;

use crate::helpers::TestApp;
use crate::rig::Rig;

/// The values of one series: instants in milliseconds, in order.
type Values = Vec<(i64, f64)>;

/// What is stored of every job, by metric and job.
pub type Stored = BTreeMap<String, BTreeMap<String, Values>>;

/// The metrics of a batch job.
const OF_A_BATCH_JOB: [&str; 9] = [
    "deadline",
    "remaining_iterations",
    "timestamp_finished",
    "last_job_duration",
    "prediction_deadline",
    "prediction_vs_deadline",
    "upper_bound_vs_deadline",
    "lower_bound_vs_deadline",
    "current_cpu",
];

fn millis(instant: &Value) -> i64 {
    DateTime::parse_from_rfc3339(instant.as_str().unwrap()).unwrap().timestamp_micros().div_euclid(1000)
}

/// What a batch job's events bring, computed from the documents of the API and nothing else.
pub fn expected(events: &[Value]) -> BTreeMap<&'static str, Values> {
    let mut series: BTreeMap<&'static str, Values> = BTreeMap::new();
    let (mut left, mut deadline, mut cpus) = (0.0, 0, None);
    for event in events {
        let (data, at) = (&event["data"], millis(&event["at"]));
        let micros = |key: &str| data[key].as_i64().unwrap();
        let seconds = |key: &str| micros(key) as f64 / 1e6;
        let milli = |key: &str| data[key].as_f64().unwrap() / 1000.0;
        let values = match event["kind"].as_str().unwrap() {
            "Registered" => {
                (left, deadline) = (data["iterations"].as_f64().unwrap(), micros("deadline_at"));
                vec![("deadline", seconds("deadline_at")), ("remaining_iterations", left)]
            }
            "SeenInFramework" => {
                cpus = Some(milli("cpus"));
                vec![]
            }
            "IterationFinished" if data["outcome"] == "counted" => {
                left -= 1.0;
                vec![
                    ("remaining_iterations", left),
                    ("timestamp_finished", seconds("finished_at")),
                    ("last_job_duration", seconds("duration")),
                ]
            }
            "Decided" => vec![
                ("prediction_deadline", seconds("prediction")),
                ("prediction_vs_deadline", (micros("prediction") - deadline) as f64 / 1e6),
                ("upper_bound_vs_deadline", (data["bounds"]["upper"].as_i64().unwrap() - deadline) as f64 / 1e6),
                ("lower_bound_vs_deadline", (data["bounds"]["lower"].as_i64().unwrap() - deadline) as f64 / 1e6),
                ("current_cpu", cpus.unwrap()),
            ],
            "RescaleApplied" => {
                cpus = Some(milli("cpus"));
                vec![("current_cpu", cpus.unwrap())]
            }
            _ => vec![],
        };
        for (name, value) in values {
            let series = series.entry(name).or_default();
            // Two of one millisecond would be one in Monasca.
            let at = series.last().map_or(at, |(last, _)| at.max(last + 1));
            series.push((at, value));
        }
    }
    series
}

/// All values of a metric, from where Monasca keeps them.
pub async fn of_metric(rig: &Rig, name: &str) -> BTreeMap<String, Values> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
    let query = format!("SELECT value FROM \"{name}\" GROUP BY *");
    let parameters = [("db", "mon"), ("epoch", "ms"), ("q", query.as_str())];
    let answer = client.get(format!("{}/query", rig.influxdb)).query(&parameters).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let Some(series) = answer["results"][0]["series"].as_array() else { return BTreeMap::new() };
    let of_job = series.iter().map(|one| {
        let rows = one["values"].as_array().unwrap().iter();
        let values = rows.map(|row| (row[0].as_i64().unwrap(), row[1].as_f64().unwrap())).collect();
        (one["tags"]["uuid"].as_str().unwrap().to_owned(), values)
    });
    let found: Vec<(String, Values)> = of_job.collect();
    let count = found.len();
    let found: BTreeMap<_, _> = found.into_iter().collect();
    assert_eq!(found.len(), count, "{name}: a job has two series");
    found
}

async fn stored(rig: &Rig) -> Stored {
    let mut stored = Stored::new();
    for name in OF_A_BATCH_JOB {
        stored.insert(name.to_owned(), of_metric(rig, name).await);
    }
    stored
}

/// The job's events, all of them.
pub async fn events(app: &TestApp, uuid: &str) -> Vec<Value> {
    let (mut events, mut after) = (vec![], String::new());
    loop {
        let (status, page) = app.get(&format!("/api/v1/jobs/{uuid}/events?limit=500{after}")).await;
        assert_eq!(status, 200, "{page}");
        events.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return events,
        }
    }
}

/// Waits until all is stored, then compares value by value and instant by instant. How many values that are.
pub async fn compare(rig: &Rig, app: &TestApp, jobs: &[String]) -> usize {
    let mut of_jobs = BTreeMap::new();
    for uuid in jobs {
        of_jobs.insert(uuid, expected(&events(app, uuid).await));
    }
    let wanted: usize = of_jobs.values().flat_map(BTreeMap::values).map(Vec::len).sum();
    let began = Instant::now();
    let stored = loop {
        let stored = stored(rig).await;
        let of_these = |series: &BTreeMap<String, Values>| -> usize {
            jobs.iter().filter_map(|uuid| series.get(uuid)).map(Vec::len).sum()
        };
        let there: usize = stored.values().map(of_these).sum();
        // Too many would be as wrong, and is found below.
        if there >= wanted {
            break stored;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{} of {wanted} values are missing", wanted - there);
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    for (uuid, series) in of_jobs {
        for name in OF_A_BATCH_JOB {
            let (expected, found) = (series.get(name), stored[name].get(uuid));
            assert!(expected == found, "{name} of {uuid}: {}", difference(expected, found));
        }
    }
    wanted
}

/// Where two series begin to differ.
fn difference(expected: Option<&Values>, found: Option<&Values>) -> String {
    let (Some(expected), Some(found)) = (expected, found) else {
        return format!("expected {:?} values, found {:?}", expected.map(Vec::len), found.map(Vec::len));
    };
    let at =
        expected.iter().zip(found).position(|(one, other)| one != other).unwrap_or(expected.len().min(found.len()));
    let counts = (expected.len(), found.len());
    format!("{counts:?} values; value {at} is to be {:?} and is {:?}", expected.get(at), found.get(at))
}
