//! Registrations that meet each other, or that nothing could ever be done for.

use reqwest::StatusCode;

use crate::helpers::*;

/// A refused registration ends its actor; one of the same uuid that is under way at that moment must not lose its own.
#[test]
fn two_registrations_of_one_uuid_at_once_leave_one_job_that_can_be_found() {
    on_actix(async {
        let app = TestApp::start().await;
        app.registered("taken").await;
        for n in 0..150 {
            let (uuid, free) = (new_uuid(), format!("free{n}"));
            let (refused, (status, reply)) = futures_util::future::join(
                app.post("/initTask", registration(&uuid, "taken")),
                app.post("/initTask", registration(&uuid, &free)),
            )
            .await;
            assert_eq!(refused.0, StatusCode::CONFLICT, "{refused:?}");
            assert_eq!(status, StatusCode::OK, "{reply}");
            assert_eq!(app.job(&uuid).await["name"], free.as_str());
            assert!(app.supervising.supervisor.state(uuid.parse().unwrap()).is_some(), "nobody works for {uuid}");
        }
    });
}

#[test]
fn a_name_that_no_request_to_chronos_can_say_is_refused() {
    on_actix(async {
        let app = TestApp::start().await;
        for name in [".", ".."] {
            let (status, problem) = app.post("/initTask", registration(&new_uuid(), name)).await;
            assert_eq!(
                (status, problem["field"].as_str()),
                (StatusCode::UNPROCESSABLE_ENTITY, Some("name")),
                "{problem}"
            );
        }
    });
}
