//! The Marathon interface of the local cluster as a client sees it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod local_support;

use local_support::marathon::{ALL, Marathon};
use mesos_qos::local::MarathonVersion::{V1_1, V1_4, V1_5};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HOST};
use serde_json::{Value, json};

#[tokio::test]
async fn nobody_gets_in_without_the_password_or_by_another_name() {
    let dir = tempfile::tempdir().unwrap();
    let marathon = Marathon::in_dir(dir.path(), V1_5);
    for path in ["/v2/apps", "/v2/events", "/ping", "/v2/info"] {
        let anonymous = marathon.anonymous(Method::GET, path).send().await.unwrap();
        assert_eq!(anonymous.status(), 401);
        assert_eq!(anonymous.headers()["www-authenticate"].to_str().unwrap(), "basic realm=\"Mesosphere\"");
    }
    let wrong = marathon.anonymous(Method::GET, "/v2/apps").basic_auth("a", Some("b")).send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    let rebound = marathon.request(Method::GET, "/v2/apps").header(HOST, "rebound.example.org").send().await.unwrap();
    assert_eq!(rebound.status(), 421);
}

#[tokio::test]
async fn every_answer_names_the_leader_and_is_not_to_be_kept() {
    let dir = tempfile::tempdir().unwrap();
    let marathon = Marathon::in_dir(dir.path(), V1_4);
    let response = marathon.request(Method::GET, "/v2/apps").send().await.unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-marathon-leader"), marathon.cluster.marathon_url());
    assert!(header("cache-control").contains("no-cache"));
    let leader = marathon.cluster.marathon_url().replace("http://", "");
    assert_eq!(marathon.get("/v2/leader").await, json!({"leader": leader}));
    let ping = marathon.request(Method::GET, "/ping").send().await.unwrap();
    assert_eq!(ping.text().await.unwrap().trim(), "pong");
}

#[tokio::test]
async fn bodies_of_the_wrong_shape_are_400_and_from_1_5_on_422() {
    for version in ALL {
        let dir = tempfile::tempdir().unwrap();
        let marathon = Marathon::in_dir(dir.path(), version);
        let misshapen = if version == V1_5 { 422 } else { 400 };
        let expected = |path: &str, error: &str| {
            (misshapen, json!({"message": "Invalid JSON", "details": [{"path": path, "errors": [error]}]}))
        };
        let post = async |body: Value| marathon.with(Method::POST, "/v2/apps", body).await;
        assert_eq!(
            post(json!({"id": "a", "cmd": "true", "cpus": "1"})).await,
            expected("/cpus", "error.expected.jsnumber")
        );
        assert_eq!(post(json!({"cmd": "true"})).await, expected("/id", "error.path.missing"));
        assert_eq!(post(json!({"id": "a", "cmd": 1})).await, expected("/cmd", "error.expected.jsstring"));
        assert_eq!(post(json!({"id": "a", "cmd": "true", "mem": -1})).await, expected("/mem", "error.min"));
        assert_eq!(post(json!([])).await, expected("/", "error.expected.jsobject"));
        let nothing = json!({"id": "a", "cmd": "sleep 1", "cpus": 0});
        assert_eq!(post(nothing).await.0, if version == V1_5 { 422 } else { 201 });
        let send = async |kind: &str, body: &str| {
            let request = marathon.request(Method::POST, "/v2/apps").header(CONTENT_TYPE, kind).body(body.to_owned());
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json::<Value>().await.unwrap())
        };
        let (status, body) = send("application/json", "{").await;
        assert_eq!((status, &body["message"], body["details"].is_string()), (400, &json!("Invalid JSON"), true));
        assert_eq!(send("text/plain", "{}").await, (415, json!({"message": "Unsupported Media Type"})));
        marathon.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn what_must_not_be_is_422_with_the_place_and_the_reason() {
    for version in ALL {
        let dir = tempfile::tempdir().unwrap();
        let marathon = Marathon::in_dir(dir.path(), version);
        let refusal = async |body: Value| {
            let (status, body) = marathon.with(Method::POST, "/v2/apps", body).await;
            assert_eq!((status, &body["message"]), (422, &json!("Object is not valid")), "{body}");
            let first = &body["details"][0];
            (first["path"].as_str().unwrap().to_owned(), first["errors"][0].as_str().unwrap().to_owned())
        };
        let (path, error) = refusal(json!({"id": "Not_Good", "cmd": "true"})).await;
        assert!(
            path == "/id" && error.starts_with("must fully match regular expression '^(([a-z0-9]"),
            "{path} {error}"
        );
        let (path, error) = refusal(json!({"id": "a"})).await;
        assert!(path == "/" && error.contains("either contain one of 'cmd' or 'args'"), "{path} {error}");
        assert_eq!(refusal(json!({"id": "a", "cmd": "true", "args": ["b"]})).await.0, "/");
        let (path, error) = refusal(json!({"id": "a", "cmd": "true", "healthChecks": [{"protocol": "HTTP"}]})).await;
        assert!(path == "/healthChecks" && error.contains("runs no checks"), "{path} {error}");
        let (path, _) = refusal(json!({"id": "a", "cmd": "true", "constraints": [["hostname", "NEAR", "x"]]})).await;
        assert_eq!(path, "/constraints(0)");
        if version == V1_5 {
            assert_eq!(
                refusal(json!({"id": "a", "cmd": "x"})).await,
                ("/".into(), "must not be an empty string".into())
            );
        }
        marathon.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn the_two_conflicts_are_told_apart_by_the_deployments() {
    for version in ALL {
        let dir = tempfile::tempdir().unwrap();
        let marathon = Marathon::in_dir(dir.path(), version);
        let app = json!({"id": "/x", "cmd": "sleep 1000", "cpus": 100});
        let (_, created) = marathon.with(Method::POST, "/v2/apps", app.clone()).await;
        let exists = marathon.with(Method::POST, "/v2/apps", app).await;
        assert_eq!(exists, (409, json!({"message": "An app with id [/x] already exists."})));
        let (status, locked) = marathon.with(Method::PUT, "/v2/apps/x?force=False", json!({"cpus": 1})).await;
        let message = "App is locked by one or more deployments. Override with the option '?force=true'. View details at \
                       '/v2/deployments/<DEPLOYMENT_ID>'.";
        assert_eq!((status, &locked["message"]), (409, &json!(message)));
        assert_eq!(locked["deployments"], created["deployments"]);
        assert_eq!(marathon.send(Method::DELETE, "/v2/apps/x?force=false").await.0, 409);
        assert_eq!(marathon.send(Method::DELETE, "/v2/apps/x").await.0, 200, "the default of a DELETE is force");
        let gone = json!({"message": "App '/x' does not exist"});
        for path in ["/v2/apps/x", "/v2/apps/x/tasks", "/v2/apps/x/versions"] {
            assert_eq!(marathon.send(Method::GET, path).await, (404, gone.clone()), "{path}");
        }
        assert_eq!(marathon.send(Method::DELETE, "/v2/apps/x").await, (404, gone));
        let unknown = marathon.send(Method::DELETE, "/v2/deployments/none").await;
        assert_eq!(unknown, (404, json!({"message": "DeploymentPlan none does not exist"})));
        let nowhere = marathon.send(Method::GET, "/v2/nowhere").await;
        assert_eq!(nowhere, (404, json!({"message": "URI not found: /v2/nowhere"})));
        marathon.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn apps_are_written_as_in_their_version() {
    for version in ALL {
        let dir = tempfile::tempdir().unwrap();
        let marathon = Marathon::in_dir(dir.path(), version);
        let (status, created) = marathon
            .with(Method::POST, "/v2/apps", json!({"id": "a", "cmd": "sleep 1000", "taskKillGracePeriodSeconds": 9}))
            .await;
        assert_eq!((status, &created["id"], &created["tasks"]), (201, &json!("/a"), &json!([])));
        assert_eq!((&created["tasksStaged"], created.get("versionInfo")), (&json!(0), None));
        marathon.at_rest().await;
        let app = marathon.app("/a").await;
        let common = json!({"cmd": "sleep 1000", "cpus": 1, "mem": 128, "disk": 0, "instances": 1, "executor": "",
            "backoffSeconds": 1, "backoffFactor": 1.15, "maxLaunchDelaySeconds": 3600, "requirePorts": false,
            "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 1}, "labels": {},
            "tasksRunning": 1, "deployments": []});
        for (key, value) in common.as_object().unwrap() {
            assert_eq!(&app[key], value, "{key} in {version}");
        }
        assert_eq!(app["version"].as_str().map(str::len), Some("2015-01-01T00:00:00.000Z".len()));
        let since_1_4 = version != V1_1;
        for key in ["gpus", "killSelection", "unreachableStrategy", "taskKillGracePeriodSeconds"] {
            assert_eq!(app.get(key).is_some(), since_1_4, "{key} in {version}");
        }
        let old = version != V1_5;
        for key in ["uris", "fetch", "ports", "storeUrls", "args", "user", "container", "ipAddress", "residency", "env"]
        {
            assert_eq!(app.get(key).is_some(), old, "{key} in {version}");
        }
        assert_eq!(app.get("networks"), (!old).then_some(&json!([{"mode": "host"}])));
        assert_eq!(app.get("acceptedResourceRoles").is_some(), version == V1_1);
        assert_eq!(app["portDefinitions"].as_array().unwrap().len(), 1);
        assert_eq!(app["tasks"][0].get("state").is_some(), since_1_4);
        let patched = marathon.with(Method::PATCH, "/v2/apps/a", json!({"cpus": 0.5})).await;
        assert_eq!(patched.0, if since_1_4 { 200 } else { 405 });
        let removed = marathon.send(Method::GET, "/v2/eventSubscriptions").await;
        assert_eq!(removed.0, 404);
        marathon.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn what_was_read_can_be_sent_back_only_without_what_stands_in_the_way() {
    for version in ALL {
        let dir = tempfile::tempdir().unwrap();
        let marathon = Marathon::in_dir(dir.path(), version);
        marathon.create("/a", json!({"cmd": "sleep 1000"})).await;
        let put = async |body: Value| marathon.with(Method::PUT, "/v2/apps/a", body).await;
        let mut app = marathon.app("/a").await;
        let (status, body) = put(app.clone()).await;
        let requirement = "The 'version' field may only be combined with the 'id' field.";
        match version {
            V1_5 => assert_eq!((status, &body["details"][0]["errors"][0]), (422, &json!(requirement))),
            _ => assert_eq!((status, &body["message"]), (400, &json!("Invalid JSON")), "uris and fetch"),
        }
        let object = app.as_object_mut().unwrap();
        for key in ["uris", "ports"] {
            object.remove(key);
        }
        let (status, body) = put(app.clone()).await;
        assert_eq!(status, 422, "{body}");
        if version != V1_5 {
            assert_eq!(body, json!({"message": format!("requirement failed: {requirement}")}));
        }
        app.as_object_mut().unwrap().remove("version");
        assert_eq!(put(app).await.0, 200);
        marathon.at_rest().await;
        assert_eq!(marathon.app("/a").await["versionInfo"]["lastConfigChangeAt"], marathon.app("/a").await["version"]);
        let only = marathon.get("/v2/apps/a/versions").await["versions"].as_array().unwrap().len();
        assert_eq!(only, 1, "nothing has changed");
        marathon.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn networks_have_an_old_form_and_a_new_one() {
    let docker = json!({"image": "debian", "network": "BRIDGE", "portMappings": [{"containerPort": 80}]});
    let old = json!({"id": "a", "cmd": "sleep 1000", "cpus": 100, "container": {"type": "DOCKER", "docker": docker}});
    for version in ALL {
        let dir = tempfile::tempdir().unwrap();
        let marathon = Marathon::in_dir(dir.path(), version);
        assert_eq!(marathon.with(Method::POST, "/v2/apps", old.clone()).await.0, 201, "the old form is always taken");
        let app = marathon.app("/a").await;
        let container = &app["container"];
        if version == V1_5 {
            assert_eq!(app["networks"], json!([{"mode": "container/bridge"}]));
            assert_eq!((container["docker"].get("network"), app.get("portDefinitions")), (None, None));
            assert_eq!(container["portMappings"][0]["containerPort"], 80);
            assert_eq!(container["portMappings"][0]["hostPort"], 0);
            let mut both = old.clone();
            both["networks"] = json!([{"mode": "host"}]);
            let (status, body) = marathon.with(Method::PUT, "/v2/apps/a?force=true", both).await;
            let mixed = "must not specify both container.docker.network and networks";
            assert_eq!((status, &body["details"][0]["errors"][0]), (422, &json!(mixed)));
        } else {
            assert_eq!((&container["docker"]["network"], app.get("networks")), (&json!("BRIDGE"), None));
            assert_eq!(container["docker"]["portMappings"][0]["containerPort"], 80);
            assert_eq!(app["ports"], json!([container["docker"]["portMappings"][0]["servicePort"]]));
        }
        marathon.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn paths_with_doubled_and_trailing_slashes_are_understood() {
    let dir = tempfile::tempdir().unwrap();
    let marathon = Marathon::in_dir(dir.path(), V1_1);
    marathon.create("/shop/a", json!({"cmd": "sleep 1000", "cpus": 0.1})).await;
    assert_eq!(marathon.app("//shop/a").await["id"], "/shop/a");
    assert_eq!(marathon.get("/v2/apps/").await["apps"][0]["id"], "/shop/a");
    assert_eq!(marathon.get("/v2/apps/shop/*").await["*"][0]["id"], "/shop/a");
    assert_eq!(marathon.get("/v2/apps/shop/*/tasks").await["tasks"].as_array().unwrap().len(), 1);
    let text =
        marathon.request(Method::GET, "/v2/apps/shop/a/tasks").header(ACCEPT, "text/plain").send().await.unwrap();
    let text = text.text().await.unwrap();
    assert!(text.starts_with("shop_a\t1") && text.contains("\tnode"), "{text:?}");
    assert_eq!(marathon.send(Method::DELETE, "/v2/apps/shop/a/tasks?scale=true&wipe=true").await.0, 400);
    let (status, body) = marathon.send(Method::DELETE, "/v2/apps/shop/a/tasks/none").await;
    assert_eq!((status, body), (404, json!({"message": "Task 'none' does not exist"})));
}

#[tokio::test]
async fn a_deployment_is_named_in_a_header_from_1_4_on() {
    for version in ALL {
        let dir = tempfile::tempdir().unwrap();
        let marathon = Marathon::in_dir(dir.path(), version);
        let app = json!({"id": "a", "cmd": "sleep 1000"});
        let response = marathon.request(Method::POST, "/v2/apps").json(&app).send().await.unwrap();
        let named = response.headers().get("marathon-deployment-id").map(|id| id.to_str().unwrap().to_owned());
        assert_eq!(response.headers()["location"], "/a");
        let created: Value = response.json().await.unwrap();
        assert_eq!(named.map(Value::String), (version >= V1_4).then(|| created["deployments"][0]["id"].clone()));
        let put = json!({"cmd": "sleep 1000"});
        let response = marathon.request(Method::PUT, "/v2/apps/b").json(&put).send().await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["location"]), (201, &"/b".parse().unwrap()));
        assert!(response.json::<Value>().await.unwrap()["deploymentId"].is_string());
        marathon.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn events_come_as_a_stream_of_server_sent_events() {
    for version in ALL {
        let dir = tempfile::tempdir().unwrap();
        let marathon = Marathon::in_dir(dir.path(), version);
        assert_eq!(marathon.send(Method::GET, "/v2/events").await.0, 405, "only as text/event-stream");
        let path = "/v2/events?event_type=deployment_success&event_type=event_stream_attached";
        let request = marathon.request(Method::GET, path).header(ACCEPT, "text/event-stream");
        let response = request.send().await.unwrap();
        assert!(response.headers()[CONTENT_TYPE].to_str().unwrap().starts_with("text/event-stream"));
        let mut stream = response;
        let mut text = String::new();
        marathon.create("/a", json!({"cmd": "sleep 1000"})).await;
        while !text.contains("\"eventType\":\"deployment_success\"") {
            let chunk = tokio::time::timeout(std::time::Duration::from_secs(20), stream.chunk()).await.unwrap();
            text += std::str::from_utf8(&chunk.unwrap().unwrap()).unwrap();
        }
        let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
        assert_eq!(kinds[0], "event_stream_attached");
        for line in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
            let event: Value = serde_json::from_str(line).unwrap();
            assert!(event["timestamp"].is_string() && kinds.contains(&event["eventType"].as_str().unwrap()));
        }
        let filtered = kinds == ["event_stream_attached", "deployment_success"];
        assert_eq!(filtered, version != V1_1, "{kinds:?}");
        // A listener that is still there does not keep the cluster from ending.
        marathon.cluster.shutdown().await;
        drop(stream);
    }
}

#[tokio::test]
async fn what_is_embedded_is_asked_for_by_word() {
    for version in ALL {
        let dir = tempfile::tempdir().unwrap();
        let marathon = Marathon::in_dir(dir.path(), version);
        marathon.create("/a", json!({"cmd": "sleep 1000"})).await;
        let list = async |query: &str| marathon.get(&format!("/v2/apps?{query}")).await["apps"][0].clone();
        let bare = list("embed=nonsense").await;
        assert_eq!((&bare["tasksRunning"], &bare["deployments"]), (&json!(1), &json!([])), "always there");
        for key in ["tasks", "lastTaskFailure", "taskStats", "readinessCheckResults"] {
            assert_eq!(bare.get(key), None, "{key}");
        }
        let full = list("embed=apps.tasks&embed=app.taskStats&embed=readiness").await;
        assert_eq!((full["tasks"].as_array().unwrap().len(), &full["readinessCheckResults"]), (1, &json!([])));
        let stats = &full["taskStats"];
        let counts = json!({"staged": 0, "running": 1, "healthy": 0, "unhealthy": 0});
        for kind in ["startedAfterLastScaling", "withLatestConfig", "totalSummary"] {
            assert_eq!(stats[kind]["stats"]["counts"], counts, "{kind}");
            assert!(stats[kind]["stats"]["lifeTime"]["medianSeconds"].as_f64().unwrap() >= 0.0);
        }
        assert_eq!(stats.get("withOutdatedConfig"), None);
        marathon.cluster.shutdown().await;
    }
}

#[tokio::test]
async fn several_apps_are_put_at_once_and_groups_are_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let marathon = Marathon::in_dir(dir.path(), V1_5);
    let app = |id: &str| json!({"id": id, "cmd": "sleep 1000", "cpus": 0.1});
    let (status, body) = marathon.with(Method::PUT, "/v2/apps", json!([app("/shop/a"), app("/shop/b")])).await;
    assert_eq!((status, body["deploymentId"].is_string()), (200, true), "{body}");
    marathon.at_rest().await;
    let group = marathon.get("/v2/groups/shop").await;
    assert_eq!((&group["id"], group["apps"].as_array().unwrap().len()), (&json!("/shop"), 2));
    assert_eq!(marathon.get("/v2/groups").await["groups"][0]["id"], "/shop");
    let (status, body) = marathon.with(Method::POST, "/v2/groups", json!({"id": "/shop"})).await;
    let exists = "Group /shop is already created. Use PUT to change this group.";
    assert_eq!((status, body), (409, json!({"message": exists})));
    let bad = json!({"id": "/other", "apps": [{"id": "x", "cmd": 1}]});
    let (status, body) = marathon.with(Method::POST, "/v2/groups", bad).await;
    assert_eq!((status, &body["details"][0]["path"]), (422, &json!("/apps(0)/cmd")));
    assert_eq!(marathon.send(Method::PUT, "/v2/groups/shop/versions/1").await.0, 404);
    assert_eq!(marathon.send(Method::GET, "/v2/groups/none").await.0, 404);
    let only_a = json!({"apps": [app("a")]});
    assert_eq!(marathon.with(Method::PUT, "/v2/groups/shop?force=true", only_a).await.0, 200);
    marathon.at_rest().await;
    assert_eq!(marathon.send(Method::GET, "/v2/apps/shop/b").await.0, 404);
    assert_eq!(marathon.send(Method::DELETE, "/v2/groups/shop").await.0, 200);
    marathon.at_rest().await;
    assert_eq!(marathon.get("/v2/groups").await["groups"], json!([]));
}
