//! What Monasca has stored, against what the log says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::DateTime;
use serde_json::Value;

use crate::expected::{OF_A_BATCH_JOB, OF_A_LONG_RUNNING_JOB, Values, expected};
use crate::helpers::TestApp;
use crate::rig::Rig;

/// What is stored of every job, by metric and job.
pub type Stored = BTreeMap<String, BTreeMap<String, Values>>;

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

/// By job what its events bring.
async fn of_jobs<'a>(app: &TestApp, jobs: &'a [String]) -> BTreeMap<&'a String, BTreeMap<&'static str, Values>> {
    let mut of_jobs = BTreeMap::new();
    for uuid in jobs {
        of_jobs.insert(uuid, expected(&events(app, uuid).await));
    }
    of_jobs
}

/// How many values there are to be, and how many there are.
fn counts(of_jobs: &BTreeMap<&String, BTreeMap<&'static str, Values>>, stored: &Stored) -> (usize, usize) {
    let wanted = of_jobs.values().flat_map(BTreeMap::values).map(Vec::len).sum();
    let of_these = |series: &BTreeMap<String, Values>| -> usize {
        of_jobs.keys().filter_map(|uuid| series.get(*uuid)).map(Vec::len).sum()
    };
    (wanted, stored.values().map(of_these).sum())
}

/// How many values of these batch jobs are not stored.
pub async fn missing(rig: &Rig, app: &TestApp, jobs: &[String]) -> usize {
    let (wanted, there) = counts(&of_jobs(app, jobs).await, &stored(rig).await);
    wanted - there
}

/// Waits until all of these batch jobs is stored, then compares value by value and instant by instant. How many values that are.
pub async fn compare(rig: &Rig, app: &TestApp, jobs: &[String]) -> usize {
    let of_jobs = of_jobs(app, jobs).await;
    let began = Instant::now();
    let (wanted, stored) = loop {
        let stored = stored(rig).await;
        let (wanted, there) = counts(&of_jobs, &stored);
        // Too many would be as wrong, and is found below.
        if there >= wanted {
            break (wanted, stored);
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

/// The values of one job's metric, as monasca-api gives them to everybody.
pub async fn at_the_interface(rig: &Rig, name: &str, uuid: &str) -> Values {
    let query = format!("name={name}&dimensions=uuid:{uuid}&start_time=2020-01-01&merge_metrics=true");
    let answer = rig.get(&format!("metrics/measurements?{query}")).await;
    let Some(element) = answer["elements"].as_array().unwrap().first() else { return vec![] };
    assert_eq!((&element["columns"][0], &element["columns"][1]), (&"timestamp".into(), &"value".into()));
    let instant = |row: &Value| DateTime::parse_from_rfc3339(row[0].as_str().unwrap()).unwrap().timestamp_millis();
    element["measurements"].as_array().unwrap().iter().map(|row| (instant(row), row[1].as_f64().unwrap())).collect()
}

/// Waits until all of a long-running job is stored, then compares each of its metrics value by value and instant by instant, as monasca-api
/// shows them. How many values that are.
pub async fn compare_long_running(rig: &Rig, app: &TestApp, uuid: &str) -> usize {
    let expected = expected(&events(app, uuid).await);
    let names: Vec<&str> = expected.keys().copied().collect();
    assert_eq!(names, OF_A_LONG_RUNNING_JOB, "every metric has values");
    let began = Instant::now();
    for (name, wanted) in &expected {
        loop {
            let found = at_the_interface(rig, name, uuid).await;
            if found.len() >= wanted.len() {
                assert!(*wanted == found, "{name}: {}", difference(Some(wanted), Some(&found)));
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(90), "{name}: {}", difference(Some(wanted), Some(&found)));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    expected.values().map(Vec::len).sum()
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
