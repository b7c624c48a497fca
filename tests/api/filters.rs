use serde_json::Value;

use crate::helpers::*;

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap()).collect()
}

#[test]
fn jobs_are_listed_from_either_end_and_narrowed_by_state_framework_and_text() {
    on_actix(async {
        let app = TestApp::start().await;
        let mut uuids = Vec::new();
        for name in ["alpha", "beta", "100%", "under_score", "alphabet"] {
            uuids.push(app.registered(name).await);
        }
        assert_eq!(
            app.send(reqwest::Method::DELETE, &format!("/api/v1/jobs/{}", uuids[1]), Some(&app.operator), None)
                .await
                .status(),
            202
        );
        let list = async |query: &str| app.get(&format!("/api/v1/jobs?{query}")).await.1;
        assert_eq!(names(&list("order=desc").await), ["alphabet", "under_score", "100%", "beta", "alpha"]);
        // Paged against the order of registration.
        let page = list("order=desc&limit=2").await;
        let next = page["next"].as_str().unwrap().to_owned();
        assert_eq!(names(&list(&format!("order=desc&limit=2&after={next}")).await), ["100%", "beta"]);
        // By name, without regard to capitals, and paged in that order.
        assert_eq!(names(&list("sort=name").await), ["100%", "alpha", "alphabet", "beta", "under_score"]);
        let page = list("sort=name&order=desc&limit=3").await;
        assert_eq!(names(&page), ["under_score", "beta", "alphabet"]);
        let next = page["next"].as_str().unwrap().to_owned();
        assert_eq!(names(&list(&format!("sort=name&order=desc&limit=3&after={next}")).await), ["alpha", "100%"]);
        assert_eq!(names(&list("search=ALPHA").await), ["alpha", "alphabet"]);
        // Taken literally, not as patterns.
        assert_eq!(names(&list("search=%25").await), ["100%"]);
        assert_eq!(names(&list("search=_").await), ["under_score"]);
        assert_eq!(names(&list(&format!("search={}", &uuids[0][..13])).await), ["alpha"]);
        assert_eq!(names(&list("state=cancelled").await), ["beta"]);
        assert_eq!(names(&list("framework=marathon").await), Vec::<&str>::new());
        let (status, summary) = app.get("/api/v1/summary").await;
        assert_eq!(
            (status.as_u16(), &summary["jobs"]["registered"], &summary["jobs"]["cancelled"]),
            (200, &4.into(), &1.into())
        );
        for (query, field) in
            [("limit=0", "limit"), ("after=x", "after"), (&*format!("search={}", "a".repeat(201)), "search")]
        {
            let (status, problem) = app.get(&format!("/api/v1/jobs?{query}")).await;
            assert_eq!((status.as_u16(), problem["field"].as_str()), (422, Some(field)), "{problem}");
        }
    });
}

#[test]
fn events_are_read_from_either_end_and_narrowed_by_kind_and_time() {
    on_actix(async {
        let app = TestApp::start().await;
        let uuid = app.registered("a").await;
        app.send(reqwest::Method::DELETE, &format!("/api/v1/jobs/{uuid}"), Some(&app.operator), None).await;
        let kinds = async |query: &str| -> Vec<String> {
            let (status, page) = app.get(&format!("/api/v1/jobs/{uuid}/events?{query}")).await;
            assert_eq!(status, 200, "{page}");
            page["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
        };
        let forwards = kinds("").await;
        assert_eq!(forwards[0], "Registered");
        assert!(forwards.contains(&"Cancelled".to_owned()), "{forwards:?}");
        let mut backwards = kinds("order=desc").await;
        backwards.reverse();
        assert_eq!(backwards, forwards);
        assert_eq!(kinds("kind=Cancelled").await, ["Cancelled"]);
        assert_eq!(kinds("kind=Cancelled,Registered").await, ["Registered", "Cancelled"]);
        assert_eq!(kinds("until=2001-01-01T00:00:00Z").await, Vec::<String>::new());
        assert_eq!(kinds("since=2001-01-01T00:00:00Z").await, forwards);
        assert_eq!(kinds("order=desc&after=2").await, ["Registered"]);
        let (status, decisions) = app.get(&format!("/api/v1/jobs/{uuid}/decisions?kind=Registered")).await;
        assert_eq!((status.as_u16(), decisions["items"].as_array().unwrap().len()), (200, 0), "no decision");
        for (query, field) in [("kind=a%20b", "kind"), ("kind=", "kind"), ("after=-1", "after")] {
            let (status, problem) = app.get(&format!("/api/v1/jobs/{uuid}/events?{query}")).await;
            assert_eq!((status.as_u16(), problem["field"].as_str()), (422, Some(field)), "{query}: {problem}");
        }
        let (status, _) = app.get(&format!("/api/v1/jobs/{}/decisions", new_uuid())).await;
        assert_eq!(status, 404);
    });
}
