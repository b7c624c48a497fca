//! What a decision has weighed, and who shared the cluster.

use serde_json::{Value, json};

use crate::helpers::*;

/// The first of the five jobs of the log, which shared two nodes.
async fn first_job(app: &TestApp) -> String {
    app.get("/api/v1/jobs?limit=1").await.1["items"][0]["uuid"].as_str().unwrap().to_owned()
}

#[test]
fn a_round_names_all_that_shared_the_cluster_also_those_that_its_event_leaves_out() {
    on_actix(async {
        let app = on_log("schema-4-rounds.db", |_| {}).await;
        let (status, round) = app.get("/api/v1/rounds/9").await;
        assert_eq!((status.as_u16(), &round["nodes"], &round["node_cpus"]), (200, &json!(2), &json!(2.0)), "{round}");
        let mut wishes: Vec<(String, Value, Value)> = round["jobs"].as_array().unwrap().iter().map(wish).collect();
        wishes.sort_by(|one, other| one.0.cmp(&other.0));
        // Two of them had changed since the round before; three stand in earlier ones.
        let gives_way = json!({"cap": 0.1, "gives_way": true});
        let none = || Value::Null;
        assert_eq!(
            wishes,
            [
                ("job1".into(), json!(2.0), gives_way),
                ("job2".into(), json!(0.2), none()),
                ("job3".into(), json!(0.15), none()),
                ("job4".into(), json!(0.1), none()),
                ("job5".into(), json!(0.1), none()),
            ]
        );
        for missing in [0, 20, u64::MAX] {
            assert_eq!(app.get(&format!("/api/v1/rounds/{missing}")).await.0, 404, "{missing}");
        }
        // Every one that was recorded is found.
        for number in 1..=19 {
            let (status, round) = app.get(&format!("/api/v1/rounds/{number}")).await;
            assert_eq!((status.as_u16(), &round["number"]), (200, &json!(number)), "{round}");
        }
    });
}

fn wish(job: &Value) -> (String, Value, Value) {
    (job["name"].as_str().unwrap().to_owned(), job["wish"].clone(), job["told"].clone())
}

#[test]
fn what_a_decision_has_weighed_is_computed_again_as_it_was_recorded() {
    on_actix(async {
        let app = on_log("schema-4-rounds.db", |_| {}).await;
        let job = first_job(&app).await;
        let (_, decisions) = app.get(&format!("/api/v1/jobs/{job}/decisions?limit=1000")).await;
        let decisions = decisions["items"].as_array().unwrap();
        assert_eq!(decisions.len(), 12);
        for decision in decisions {
            let (version, data) = (&decision["version"], &decision["data"]);
            let (status, weighed) = app.get(&format!("/api/v1/jobs/{job}/decisions/{version}")).await;
            assert_eq!(status, 200, "{weighed}");
            let with = weighed["with"].as_array().unwrap();
            // More CPU never ends later; and the recorded end is among them.
            let ends: Vec<f64> = with.iter().map(|one| micros(&one["finish"])).collect();
            assert!(ends.is_sorted_by(|one, other| one >= other), "{weighed}");
            assert!(ends.contains(&data["prediction"].as_f64().unwrap()), "{data} {weighed}");
            // CPU was added because it was not sure enough with the CPU before.
            let before = with.iter().find(|one| one["cpus"] == json!(data["from"].as_f64().unwrap() / 1000.0)).unwrap();
            let unsure = before["chance_on_time"].as_f64().unwrap() < 0.97;
            assert_eq!(unsure, data["performance"] == "UNDER_PERFORMANT", "{data} {weighed}");
        }
    });
}

/// Microseconds since 1970.
fn micros(instant: &Value) -> f64 {
    let instant: jiff::Timestamp = instant.as_str().unwrap().parse().unwrap();
    instant.as_microsecond() as f64
}

#[test]
fn what_is_no_decision_has_weighed_nothing() {
    on_actix(async {
        let app = on_log("schema-4-rounds.db", |_| {}).await;
        let job = first_job(&app).await;
        for (job, version) in
            [(&job, "1"), (&job, "0"), (&job, "1000"), (&job, "18446744073709551615"), (&new_uuid(), "2")]
        {
            assert_eq!(app.get(&format!("/api/v1/jobs/{job}/decisions/{version}")).await.0, 404, "{version}");
        }
        // A policy that reckons with no probability.
        let app = on_log("schema-4-chained.db", |_| {}).await;
        let job = first_job(&app).await;
        let (_, decisions) = app.get(&format!("/api/v1/jobs/{job}/decisions?limit=1")).await;
        let path = format!("/api/v1/jobs/{job}/decisions/{}", decisions["items"][0]["version"]);
        assert_eq!(app.get(&path).await.1["with"], json!([]));
    });
}

#[test]
fn jobs_that_completed_late_are_counted_beside_those_that_are_late_now() {
    on_actix(async {
        let app = on_log("schema-4-rounds.db", |_| {}).await;
        let (_, summary) = app.get("/api/v1/summary").await;
        assert_eq!(
            (&summary["late"], &summary["late_completed"], &summary["jobs"]["completed"]),
            (&json!(0), &json!(3), &json!(5))
        );
    });
}
