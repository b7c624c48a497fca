use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::helpers::*;

#[test]
fn jobs_are_listed_in_pages_and_by_state() {
    on_actix(async {
        let app = TestApp::start().await;
        let mut uuids = vec![];
        for n in 0..5 {
            uuids.push(app.registered(&format!("job{n}")).await);
        }
        app.post(&format!("/api/v1/jobs/{}/withdraw", uuids[1]), json!({})).await;
        let mut seen = vec![];
        let mut after = String::new();
        loop {
            let (_, page) = app.get(&format!("/api/v1/jobs?limit=2{after}")).await;
            seen.extend(page["items"].as_array().unwrap().iter().map(|job| job["uuid"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(seen, uuids);
        let (_, page) = app.get("/api/v1/jobs?state=withdrawn").await;
        assert_eq!(page["items"][0]["uuid"], uuids[1].as_str());
        assert_eq!(page["items"].as_array().unwrap().len(), 1);
        let (_, page) = app.get("/api/v1/jobs?framework=marathon").await;
        assert_eq!(page["items"], json!([]));
        for bad in ["limit=0", "limit=5000", "state=lost", "limit=x", "colour=red"] {
            let (status, _) = app.get(&format!("/api/v1/jobs?{bad}")).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
        }
    });
}

#[test]
fn a_cancelled_job_is_over_at_once_and_stays_until_its_framework_lets_it_go() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = app.registered("a").await;
        let path = format!("/api/v1/jobs/{uuid}");
        let (status, job) = answer(app.send(Method::DELETE, &path, Some(&app.operator), None).await).await;
        assert_eq!((status, job["state"].as_str()), (StatusCode::ACCEPTED, Some("cancelled")));
        let (status, _) = answer(app.send(Method::DELETE, &path, Some(&app.operator), None).await).await;
        assert_eq!(status, StatusCode::CONFLICT);
        // Chronos is away: the removal waits, and the name stays taken.
        assert_eq!(app.supervising.supervisor.outbox_depth(), 1);
        let (status, _) = app.post("/initTask", registration(&new_uuid(), "a")).await;
        assert_eq!(status, StatusCode::CONFLICT);
    });
}

#[test]
fn events_and_decisions_can_be_read_with_their_hashes() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = app.registered("a").await;
        let (_, page) = app.get(&format!("/api/v1/jobs/{uuid}/events")).await;
        let event = &page["items"][0];
        assert_eq!((event["kind"].as_str(), event["version"].as_u64()), (Some("Registered"), Some(1)));
        assert_eq!(event["job"], uuid.as_str());
        assert_eq!(event["hash"].as_str().unwrap().len(), 64);
        assert_eq!(event["data"]["name"], "a");
        let (_, page) = app.get(&format!("/api/v1/jobs/{uuid}/decisions")).await;
        assert_eq!(page, json!({"items": [], "next": null}));
        for path in ["events", "decisions"] {
            let (status, _) = app.get(&format!("/api/v1/jobs/{}/{path}", new_uuid())).await;
            assert_eq!(status, StatusCode::NOT_FOUND);
        }
    });
}

#[test]
fn health_and_figures_can_be_scraped() {
    on_actix(async {
        let app = TestApp::start().await;
        app.registered("a").await;
        let (status, _) = answer(app.send(Method::GET, "/healthz", None, None).await).await;
        assert_eq!(status, StatusCode::OK);
        let (status, ready) = answer(app.send(Method::GET, "/readyz", None, None).await).await;
        assert_eq!((status, ready), (StatusCode::OK, json!({"ready": true})), "no detail for strangers");
        let (_, ready) = app.get("/readyz").await;
        assert_eq!(ready["detail"]["jobs_living"], 1);
        let (status, text) = app.get("/metrics").await;
        assert_eq!(status, StatusCode::OK);
        let text = text.as_str().unwrap();
        for line in ["mesos_qos_event_log_events_total 1", "mesos_qos_jobs_living 1", "mesos_qos_event_log_writable 1"]
        {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(text.contains("# TYPE mesos_qos_event_log_events_total counter\n"), "{text}");
    });
}

#[test]
fn a_chronos_that_is_away_shows_and_stops_nothing() {
    on_actix(async {
        let app = TestApp::start().await;
        app.registered("a").await;
        for _ in 0..100 {
            let (_, ready) = app.get("/readyz").await;
            if ready["detail"]["chronos"] == "unreachable" {
                assert_eq!(ready["ready"], true);
                assert!(ready["detail"]["chronos_last_error"].is_string());
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("a dead Chronos never shows in /readyz");
    });
}

#[test]
fn a_job_says_how_its_cpu_is_changed() {
    on_actix(async {
        let how = async |app: &TestApp, body: Value| {
            let (status, reply) = app.post("/initTask", body.clone()).await;
            assert_eq!(status, 200, "{reply}");
            let job = app.job(body["uuid"].as_str().unwrap()).await;
            (job["chain"].as_bool().unwrap(), job["in_place"].as_bool().unwrap())
        };
        let marathon = || {
            json!({"uuid": new_uuid(), "name": format!("/app-{}", new_uuid()), "framework": "marathon", "job_duration": 400, "deadline": 480,
            "desv_deadline": 0.1, "cpus": 1, "arguments_version": 1})
        };
        let chained = || {
            let mut body = registration(&new_uuid(), &format!("chained-{}", new_uuid()));
            body["chain"] = true.into();
            body
        };
        let app = TestApp::start().await;
        assert_eq!(how(&app, registration(&new_uuid(), "plain")).await, (false, false));
        assert_eq!(how(&app, chained()).await, (true, false));
        assert_eq!(how(&app, marathon()).await, (false, false));
        let app = TestApp::start_with(&[("elasticity", "rescale", "in-place")]).await;
        assert_eq!(how(&app, marathon()).await, (false, true));
        let (_, document) = app.get("/openapi.json").await;
        let fields = &document["components"]["schemas"]["JobView"]["properties"];
        for field in ["chain", "in_place", "expected_margin_seconds"] {
            assert!(fields[field]["description"].is_string(), "{field}: {fields}");
        }
    });
}
