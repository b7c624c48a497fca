use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::helpers::*;

#[test]
fn a_restarted_supervisor_has_forgotten_nothing() {
    on_actix(async {
        let app = TestApp::start().await;
        let (living, done, withdrawn) = (new_uuid(), new_uuid(), new_uuid());
        let mut one = legacy_registration(&done, "done");
        one["iterations"] = json!(1);
        let (_, reply) = app.post("/initTask", legacy_registration(&living, "living")).await;
        let token = reply["callback_token"].as_str().unwrap().to_owned();
        app.post("/initTask", one).await;
        app.post("/initTask", registration(&withdrawn, "withdrawn")).await;
        app.post(&format!("/api/v1/jobs/{withdrawn}/withdraw"), json!({})).await;
        let counted = report(&living, now() - 10.0, now());
        app.post("/updateTask", counted.clone()).await;
        app.post("/updateTask", report(&done, now() - 10.0, now())).await;
        let mut before = vec![];
        for uuid in [&living, &done, &withdrawn] {
            before.push(app.job(uuid).await);
        }
        let effects = app.supervising.supervisor.outbox_depth();
        let data = app.stop().await;

        let app = TestApp::start_in(data, &[]).await;
        for (uuid, before) in [&living, &done, &withdrawn].into_iter().zip(&before) {
            assert_eq!(app.job(uuid).await, *before);
        }
        assert_eq!(app.supervising.supervisor.outbox_depth(), effects);
        let (_, reply) = app.post("/updateTask", counted).await;
        assert_eq!(reply["duplicate"], true, "the reply is remembered too");
        // The job's token is derived, not remembered: it still opens its reports.
        let body = report(&living, now() - 5.0, now());
        let response = app.send(Method::POST, "/updateTask", Some(&token), Some(body)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(app.job(&living).await["remaining"], 2);
    });
}

#[test]
fn a_changed_policy_is_an_event_of_every_living_job() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = app.registered("a").await;
        let data = app.stop().await;
        let app = TestApp::start_in(data.clone(), &[("elasticity", "cpu_increment", "0.2")]).await;
        assert_eq!(app.kinds(&uuid).await, ["Registered", "PolicyChanged"]);
        app.stop().await;
        let app = TestApp::start_in(data, &[("elasticity", "cpu_increment", "0.2")]).await;
        assert_eq!(app.kinds(&uuid).await, ["Registered", "PolicyChanged"], "the same configuration is no change");
    });
}

#[test]
fn a_job_keeps_the_policy_that_it_has_asked_for_and_others_follow_the_configuration() {
    on_actix(async {
        let app = TestApp::start().await;
        let follows = app.registered("follows").await;
        let mut body = registration(&new_uuid(), "asked");
        body["policy"] = serde_json::json!("fixed");
        let asked = body["uuid"].as_str().unwrap().to_owned();
        app.post("/initTask", body).await;
        let app =
            TestApp::start_in(app.stop().await, &[("elasticity", "policy", "pid"), ("elasticity", "dry_run", "true")])
                .await;
        for (uuid, policy) in [(&follows, "pid"), (&asked, "fixed")] {
            let job = app.job(uuid).await;
            assert_eq!((job["policy"].as_str(), job["dry_run"].as_bool()), (Some(policy), Some(true)));
            assert_eq!(app.kinds(uuid).await, ["Registered", "PolicyChanged"]);
        }
        app.stop().await;
    });
}

#[test]
fn a_data_directory_has_one_supervisor() {
    on_actix(async {
        let app = TestApp::start().await;
        let settings = mesos_qos::config::Settings::load(
            vec![],
            vec![
                setting("supervisor", "listen", "127.0.0.1"),
                setting("supervisor", "port", "0"),
                setting("supervisor", "data_dir", app.data.path().join("data").to_str().unwrap()),
            ],
            None,
        )
        .unwrap();
        let clock = std::sync::Arc::new(mesos_qos::clock::SystemClock);
        let Err(error) = mesos_qos::supervise::start(&settings, clock).await else { panic!("two supervisors") };
        assert!(error.to_string().contains("in use"), "{error}");
    });
}
