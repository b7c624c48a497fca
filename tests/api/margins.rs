//! Jobs in the order of their margins, and jobs whose rows cannot be read.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::helpers::*;

/// All pages of a list, of so many jobs each.
async fn pages(app: &TestApp, query: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let (status, page) = app.get(&format!("/api/v1/jobs?{query}&limit={limit}{after}")).await;
        assert_eq!(status, 200, "{page}");
        let count = page["items"].as_array().unwrap().len() + page["unreadable"].as_array().map_or(0, Vec::len);
        after = match page["next"].as_str() {
            Some(next) => format!("&after={next}"),
            None => String::new(),
        };
        assert!(count == limit || after.is_empty(), "a page is full, or the last: {page}");
        found.push(page);
        if after.is_empty() {
            return found;
        }
    }
}

fn items(pages: &[Value]) -> Vec<Value> {
    pages.iter().flat_map(|page| page["items"].as_array().unwrap().clone()).collect()
}

#[test]
fn a_job_whose_row_cannot_be_read_is_told_again_from_its_log() {
    on_actix(async {
        let before = items(&pages(&on_log("schema-4-chained.db", |_| {}).await, "order=asc", 100).await);
        let app = on_log("schema-4-chained.db", |log| {
            log.execute("UPDATE jobs SET view = '{\"written\":\"otherwise\"}' WHERE position = 2", ()).unwrap();
            log.execute("UPDATE jobs SET view = NULL WHERE position = 5", ()).unwrap();
        })
        .await;
        let after = items(&pages(&app, "order=asc", 100).await);
        assert_eq!(before.len(), 6);
        // Their rows were written before a row said so.
        assert!(before.iter().all(|job| job["chain"] == true), "{before:?}");
        let told = |jobs: &[Value]| {
            jobs.iter()
                .map(|job| json!([job["uuid"], job["state"], job["on_time"], job["cpus"], job["margin_seconds"]]))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&after), told(&before));
        assert_eq!(app.job(before[1]["uuid"].as_str().unwrap()).await["name"], before[1]["name"]);
        assert_eq!((&after[1]["chain"], &after[4]["chain"]), (&json!(true), &json!(true)));
    });
}

#[test]
fn a_job_whose_events_are_damaged_is_named_in_the_list_and_hides_no_other() {
    on_actix(async {
        let app = on_log("schema-4-chained.db", |log| {
            log.execute_batch("DROP TRIGGER events_are_never_updated").unwrap();
            log.execute("UPDATE events SET data = '{}' WHERE version = 1 AND stream = (SELECT uuid FROM jobs WHERE position = 3)", ()).unwrap();
            log.execute("UPDATE jobs SET view = NULL WHERE position = 3", ()).unwrap();
        })
        .await;
        for query in ["order=asc", "order=desc", "sort=margin", "sort=margin&order=desc"] {
            for limit in [1, 2, 100] {
                let pages = pages(&app, query, limit).await;
                assert_eq!(items(&pages).len(), 5, "{query}");
                let damaged: Vec<&Value> = pages.iter().filter_map(|page| page["unreadable"].get(0)).collect();
                assert_eq!(damaged.len(), 1, "{query}");
                assert_eq!(
                    (&damaged[0]["name"], &damaged[0]["state"]),
                    (&json!("openmpLinpack2"), &json!("completed"))
                );
                assert!(
                    damaged[0]["problem"].as_str().unwrap().contains("event 1 cannot be understood"),
                    "{}",
                    damaged[0]
                );
            }
        }
        let uuid = pages(&app, "order=asc", 100).await[0]["unreadable"][0]["uuid"].as_str().unwrap().to_owned();
        let (status, problem) = app.get(&format!("/api/v1/jobs/{uuid}")).await;
        assert_eq!(status, 500);
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(&uuid) && detail.contains("openmpLinpack2") && detail.contains("log verify"),
            "{detail}"
        );
    });
}

#[test]
fn jobs_are_ordered_by_their_margin_living_and_over_and_those_without_one_are_last() {
    on_actix(async {
        // Six that live, with predictions; one that has none yet; and three that are over.
        let app = on_log("schema-2-chronos.db", |_| {}).await;
        let waiting = app.registered("waiting").await;
        let like = app.job(&waiting).await;
        let data = app.stop().await;
        {
            let log = rusqlite::Connection::open(data.path().join("data/events.db")).unwrap();
            for (name, margin) in [("late", json!(-1e6)), ("early", json!(1e6)), ("cancelled", Value::Null)] {
                let uuid = uuid::Uuid::new_v4();
                let mut view = like.clone();
                (view["uuid"], view["name"]) = (uuid.to_string().into(), name.into());
                view["margin_seconds"] = margin;
                let sql = "INSERT INTO jobs (uuid, framework, name, state, active, registered_at, version, view) \
                           VALUES (?, 'chronos', ?, 'completed', 0, 0, 1, ?)";
                log.execute(sql, (uuid.as_bytes().as_slice(), name, view.to_string())).unwrap();
            }
        }
        let app = TestApp::start_in(data, &[]).await;
        let margin = |job: &Value| job["margin_seconds"].as_f64().or(job["expected_margin_seconds"].as_f64());
        let name = |job: &Value| job["name"].as_str().unwrap().to_owned();
        for limit in [1, 3, 100] {
            let jobs = items(&pages(&app, "sort=margin", limit).await);
            assert_eq!((jobs.len(), name(&jobs[0]), name(&jobs[7])), (10, "late".into(), "early".into()));
            assert!(jobs[..8].is_sorted_by_key(margin), "{:?}", jobs.iter().map(margin).collect::<Vec<_>>());
            assert!(jobs[1..7].iter().all(|job| job["state"] == "running" && margin(job).is_some()), "{jobs:?}");
            assert!(jobs[8..].iter().all(|job| margin(job).is_none()), "{jobs:?}");
            let jobs = items(&pages(&app, "sort=margin&order=desc", limit).await);
            assert_eq!((name(&jobs[0]), name(&jobs[7])), ("early".into(), "late".into()));
            assert!(jobs[8..].iter().all(|job| margin(job).is_none()), "last either way: {jobs:?}");
        }
        assert_eq!(items(&pages(&app, "sort=margin&active=true", 1).await).len(), 7);
        assert_eq!(items(&pages(&app, "sort=margin&search=Linpack&state=running", 4).await).len(), 6);
        for (query, field) in
            [("sort=margin&after=7", "after"), ("after=none.x", "after"), ("sort=margin&after=1.2", "after")]
        {
            let (status, problem) = app.get(&format!("/api/v1/jobs?{query}")).await;
            assert_eq!((status.as_u16(), problem["field"].as_str()), (422, Some(field)), "{query}: {problem}");
        }
        assert_eq!(app.get("/api/v1/jobs?sort=cpus").await.0, 422);
    });
}

#[test]
fn ten_thousand_jobs_come_in_pages_each_once_in_either_order() {
    on_actix(async {
        const MANY: u32 = 10_000;
        let app = TestApp::start().await;
        let like = app.registered("first").await;
        let like = app.job(&like).await;
        let data = app.stop().await;
        {
            let mut log = rusqlite::Connection::open(data.path().join("data/events.db")).unwrap();
            let all = log.transaction().unwrap();
            for number in 0..MANY {
                let uuid = uuid::Uuid::from_u128(0x5eed_0000_0000_4000_8000_0000_0000_0000 + u128::from(number));
                let mut view = like.clone();
                view["uuid"] = uuid.to_string().into();
                view["name"] = format!("batch-{number}").into();
                view["state"] = "completed".into();
                // Many share a margin; the order is total all the same.
                view["margin_seconds"] = (f64::from(number * 7 % 100) - 50.0).into();
                let sql = "INSERT INTO jobs (uuid, framework, name, state, active, registered_at, finished_at, version, view) \
                           VALUES (?, 'chronos', ?, 'completed', 0, ?, 0, 1, ?)";
                let name = format!("batch-{number}");
                all.execute(sql, (uuid.as_bytes().as_slice(), name, i64::from(number), view.to_string())).unwrap();
            }
            all.commit().unwrap();
        }
        let app = TestApp::start_in(data, &[]).await;
        for query in ["order=desc", "sort=margin"] {
            let jobs = items(&pages(&app, query, 1000).await);
            let uuids: BTreeSet<&str> = jobs.iter().map(|job| job["uuid"].as_str().unwrap()).collect();
            assert_eq!((jobs.len(), uuids.len()), (10_001, 10_001), "{query}: each once");
            if query == "sort=margin" {
                assert!(jobs[..10_000].is_sorted_by_key(|job| job["margin_seconds"].as_f64().unwrap() as i64));
            }
        }
        // A job that is registered between two pages changes nothing of those that follow.
        let (_, first) = app.get("/api/v1/jobs?sort=margin&limit=10").await;
        let next = format!("/api/v1/jobs?sort=margin&limit=10&after={}", first["next"].as_str().unwrap());
        let (_, second) = app.get(&next).await;
        app.registered("in-between").await;
        assert_eq!(app.get(&next).await.1, second);
    });
}
