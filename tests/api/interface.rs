use std::collections::BTreeSet;

use reqwest::Method;

use crate::helpers::*;

/// Files of pages: not a part of the interface.
const PAGES: [&str; 4] = ["/page/{file}", "/docs", "/docs/", "/docs/{file}"];

/// Routes as the source names them: path and method.
fn routes() -> BTreeSet<(String, String)> {
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/routes/mod.rs")).unwrap();
    let mut routes = BTreeSet::new();
    for resource in source.split("web::resource(").skip(1) {
        let path = resource.split('"').nth(1).unwrap();
        for method in ["get", "post", "put", "patch", "delete"] {
            // Up to the next resource all methods are of this one.
            if resource.contains(&format!("web::{method}()")) && !PAGES.contains(&path) {
                routes.insert((path.to_owned(), method.to_owned()));
            }
        }
    }
    assert!(!source.contains(".route(\""), "routes are made by web::resource, where this test finds them");
    routes
}

#[test]
fn every_route_is_described_and_everything_described_is_there() {
    on_actix(async {
        let app = TestApp::start().await;
        let answer = app.send(Method::GET, "/openapi.json", None, None).await;
        assert_eq!(answer.headers()["content-type"], "application/json");
        let (_, document) = crate::helpers::answer(answer).await;
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                described.insert((path.clone(), method.clone()));
                assert!(operation["summary"].is_string(), "{method} {path} has no summary");
                let answers = operation["responses"].as_object().unwrap();
                assert!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}");
                // Whoever changes something may come from another site, or with too much.
                if method == "post" {
                    for status in ["401", "413", "415", "422"] {
                        assert!(answers.contains_key(status), "{method} {path}: {status}");
                    }
                }
            }
        }
        assert_eq!(described, routes());
        assert!(described.len() > 20);
        for (path, method) in &described {
            // The stream would go on.
            let path = path.replace("{uuid}", &new_uuid());
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let status = app.send(method.clone(), &path, None, None).await.status().as_u16();
            assert!(![404, 405, 500].contains(&status), "{method} {path}: {status}");
        }
    });
}

#[test]
fn every_reference_in_the_description_leads_somewhere() {
    on_actix(async {
        let app = TestApp::start().await;
        let (_, document) = app.get("/openapi.json").await;
        let text = document.to_string();
        let references: BTreeSet<&str> =
            text.split("\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(references.len() > 20);
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    });
}

#[test]
fn pages_come_with_a_strict_policy_and_files_are_sent_again_only_when_they_are_others() {
    on_actix(async {
        let app = TestApp::start().await;
        for path in ["/page/main.js", "/page/style.css", "/docs/", "/docs/swagger-ui-bundle.js"] {
            let answer = app.send(Method::GET, path, None, None).await;
            assert_eq!(answer.status(), 200, "{path}");
            let policy = answer.headers()["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{path}: {policy}");
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        }
        let first = app.send(Method::GET, "/page/main.js", None, None).await;
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        let again =
            app.client.get(format!("{}/page/main.js", app.url)).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(again.status(), 304);
        for path in ["/page/nothing.js", "/page/..%2Fmod.rs", "/docs/nothing", "/docs/oauth2-redirect.html"] {
            assert_eq!(app.send(Method::GET, path, None, None).await.status(), 404, "{path}");
        }
    });
}
