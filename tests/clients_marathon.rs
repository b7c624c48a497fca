//! The Marathon client against the answers that Marathon 1.1 to 1.11 really give.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]
#![recursion_limit = "256"]

use std::net::TcpListener;
use std::time::Duration;

use mesos_qos::clients::marathon::{
    AppId, Locks, MarathonClient, MarathonClientOptions, MarathonCredentials, MarathonError, MarathonVersion,
};
use mesos_qos::clients::transport::TransportError;
use mesos_qos::qos::units::Cpus;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{any, basic_auth, body_json, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

const UUID: &str = "6f1fce6a-63b6-4c4d-9c0e-0123456789ab";
const DEPLOYMENT: &str = "5ed4c0c5-9ff8-4a6f-a0cd-f57f59a34b43";
const PAGE: &str = "<html><head><title>Error</title></head><body>Powered by Jetty</body></html>";

fn client_of(urls: &[String]) -> MarathonClient {
    let urls = urls.iter().map(|url| url.parse().unwrap()).collect();
    let credentials = MarathonCredentials { urls, user: "admin".into(), password: SecretString::from("s3cret") };
    let options = MarathonClientOptions { request_timeout: Duration::from_millis(500), ..Default::default() };
    MarathonClient::new(credentials, options).unwrap()
}

fn client(server: &MockServer) -> MarathonClient {
    client_of(&[server.uri()])
}

fn dead_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn id() -> AppId {
    "openmplinpack1".parse().unwrap()
}

/// What `GET /v2/info` says, shortened.
fn info(version: &str) -> Value {
    json!({
        "name": "marathon", "version": version, "elected": true, "leader": "10.0.0.1:8080", "frameworkId": "f-0000",
        "marathon_config": {"master": "zk://10.0.0.1:2181/mesos"}, "zookeeper_config": {}, "http_config": {}
    })
}

/// An app as 1.1 and 1.4 return it: null for what is not set, both forms of uris and ports.
fn old_app() -> Value {
    json!({
        "id": "/openmplinpack1", "cmd": "exec /usr/local/bin/shell_trap", "args": null, "user": null,
        "env": {"SHELL_TRAP_UUID": UUID}, "instances": 1, "cpus": 1.4, "mem": 512, "disk": 0, "executor": "",
        "constraints": [], "uris": [], "fetch": [], "storeUrls": [], "ports": [10000],
        "portDefinitions": [{"port": 10000, "protocol": "tcp", "labels": {}}], "requirePorts": false,
        "backoffSeconds": 300, "container": null, "healthChecks": [], "dependencies": [],
        "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}, "labels": {},
        "acceptedResourceRoles": null, "ipAddress": null, "residency": null, "version": "2026-11-20T10:00:00.000Z",
        "tasksStaged": 0, "tasksRunning": 1, "tasksHealthy": 0, "tasksUnhealthy": 0,
        "deployments": [{"id": DEPLOYMENT}],
        "tasks": [{
            "id": "openmplinpack1.5f2e8d0c-0c6a-11f0-8f4e-024200000001", "slaveId": "s-S0", "host": "node1",
            "startedAt": "2026-11-20T10:00:03.123Z", "stagedAt": "2026-11-20T10:00:01.000Z", "ports": [31001],
            "version": "2026-11-20T10:00:00.000Z", "appId": "/openmplinpack1"
        }]
    })
}

/// The same as 1.5 and later return it: without what is not set, tasks with a state.
fn new_app() -> Value {
    json!({
        "id": "/openmplinpack1", "cmd": "exec /usr/local/bin/shell_trap", "env": {"SHELL_TRAP_UUID": UUID},
        "instances": 1, "cpus": 1.4, "mem": 512, "networks": [{"mode": "host"}], "backoffSeconds": 300,
        "killSelection": "YOUNGEST_FIRST", "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
        "taskKillGracePeriodSeconds": 60, "version": "2026-11-20T10:00:00.000Z", "tasksStaged": 0, "tasksRunning": 1,
        "deployments": [],
        "tasks": [
            {"id": "openmplinpack1.instance-5f2e8d0c._app.2", "state": "TASK_STAGING", "host": "node1",
             "startedAt": "2026-11-20T10:00:03.123Z", "role": "*", "region": "r"},
            {"id": "openmplinpack1.instance-5f2e8d0c._app.1", "state": "TASK_RUNNING", "host": "node1", "ports": [31001]}
        ],
        "lastTaskFailure": {
            "appId": "/openmplinpack1", "host": "node1", "message": "Command exited with status 1",
            "state": "TASK_FAILED", "taskId": "t1", "timestamp": "2026-11-20T09:00:00.000Z", "slaveId": "s-S0"
        }
    })
}

fn changed() -> Value {
    json!({"version": "2026-11-20T11:00:00.000Z", "deploymentId": DEPLOYMENT})
}

async fn marathon(version: &str) -> MockServer {
    let server = MockServer::start().await;
    answers(&server, "GET", "/v2/info", ResponseTemplate::new(200).set_body_json(info(version))).await;
    server
}

async fn answers(server: &MockServer, verb: &str, at: &str, answer: ResponseTemplate) {
    Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(server).await;
}

fn says(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

/// What was asked, the version aside.
async fn asked(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let others = requests.iter().filter(|one| one.url.path() != "/v2/info");
    others.map(|one| format!("{} {}", one.method, one.url.path())).collect()
}

#[tokio::test]
async fn the_version_is_found_out_once() {
    for (text, version) in [("1.1.1", (1, 1, 1)), ("1.4.1", (1, 4, 1)), ("1.11.24-beta1", (1, 11, 24))] {
        let server = marathon(text).await;
        let client = client(&server);
        for _ in 0..2 {
            let (major, minor, patch) = version;
            assert_eq!(client.version().await.unwrap(), MarathonVersion::new(major, minor, patch));
        }
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_address_that_is_no_marathon_is_said_to_be_none() {
    let server = MockServer::start().await;
    let error = client(&server).version().await.unwrap_err();
    assert!(error.to_string().contains("is this the URL of a Marathon?"), "{error}");
    assert!(!error.is_retriable());
    for strange in [json!({"version": "newest"}), json!({"name": "marathon"}), json!([])] {
        server.reset().await;
        answers(&server, "GET", "/v2/info", says(200, strange)).await;
        let error = client(&server).version().await.unwrap_err();
        assert!(matches!(error, MarathonError::BadAnswer { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_app_is_read_in_the_form_of_every_version() {
    for (app, deployments, task) in [
        (old_app(), vec![DEPLOYMENT], "openmplinpack1.5f2e8d0c-0c6a-11f0-8f4e-024200000001"),
        (new_app(), vec![], "openmplinpack1.instance-5f2e8d0c._app.1"),
    ] {
        let server = MockServer::start().await;
        answers(&server, "GET", "/v2/apps/openmplinpack1", says(200, json!({"app": app}))).await;
        let app = client(&server).find(&id()).await.unwrap().unwrap();
        assert_eq!((app.id.as_str(), app.cpus), ("/openmplinpack1", Cpus::from_milli(1400)));
        assert_eq!((app.instances, app.tasks_running, app.tasks_staged), (1, 1, 0));
        assert_eq!(app.deployments().collect::<Vec<_>>(), deployments);
        let running: Vec<_> = app.tasks.iter().filter(|task| task.is_running()).collect();
        assert_eq!((running.len(), running[0].id.as_str(), running[0].ports.as_slice()), (1, task, [31001].as_slice()));
        assert!(app.carries(UUID.parse().unwrap()));
        assert_eq!(app.env.get("SHELL_TRAP_UUID"), Some(UUID));
        assert!(!format!("{app:?}").contains(UUID), "the values are secrets");
        assert!(!app.carries("00000000-63b6-4c4d-9c0e-0123456789ab".parse().unwrap()));
        if let Some(failure) = app.last_task_failure {
            assert_eq!((failure.state.as_str(), failure.task_id.as_str()), ("TASK_FAILED", "t1"));
        }
    }
}

#[tokio::test]
async fn an_app_of_the_2017_launcher_is_recognised_by_its_command() {
    let server = MockServer::start().await;
    let cmd = format!("Executor.sh {} a b", UUID.replace('-', "").to_uppercase());
    let app = json!({"id": "openmplinpack1", "cpus": 1, "cmd": cmd, "env": {"S": {"secret": "x"}}});
    answers(&server, "GET", "/v2/apps/openmplinpack1", says(200, json!({"app": app}))).await;
    let app = client(&server).find(&id()).await.unwrap().unwrap();
    assert!(app.carries(UUID.parse().unwrap()) && app.tasks.is_empty());
}

#[tokio::test]
async fn no_app_is_none_and_no_route_is_an_error() {
    let server = MockServer::start().await;
    let at = "/v2/apps/group/app";
    answers(&server, "GET", at, says(404, json!({"message": "App '/group/app' does not exist"}))).await;
    assert_eq!(client(&server).find(&"group/app".parse().unwrap()).await.unwrap(), None);

    server.reset().await;
    answers(&server, "GET", at, says(404, json!({"message": "URI not found: /v2/apps/group/app"}))).await;
    let error = client(&server).find(&"group/app".parse().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("URI not found") && !error.is_retriable(), "{error}");
}

#[tokio::test]
async fn another_app_is_never_taken_for_the_wanted_one() {
    let server = MockServer::start().await;
    let other = json!({"app": {"id": "/openmplinpack10", "cpus": 1}});
    answers(&server, "GET", "/v2/apps/openmplinpack1", says(200, other)).await;
    assert!(matches!(client(&server).find(&id()).await, Err(MarathonError::BadAnswer { .. })));
}

#[tokio::test]
async fn an_answer_of_the_wrong_shape_names_its_field() {
    let server = MockServer::start().await;
    answers(&server, "GET", "/v2/apps/openmplinpack1", says(200, json!({"app": {"id": "/a", "cpus": "1"}}))).await;
    let error = client(&server).find(&id()).await.unwrap_err();
    assert!(error.to_string().contains("app.cpus"), "{error}");
    assert!(error.is_outcome_unknown() && !error.is_retriable());
}

#[tokio::test]
async fn apps_tasks_and_deployments_are_listed() {
    let server = MockServer::start().await;
    answers(&server, "GET", "/v2/apps", says(200, json!({"apps": [{"id": "/a", "cpus": 0.5}, new_app()]}))).await;
    let ids: Vec<String> = client(&server).apps().await.unwrap().iter().map(|app| app.id.to_string()).collect();
    assert_eq!(ids, ["/a", "/openmplinpack1"]);

    let tasks = json!({"tasks": old_app()["tasks"]});
    answers(&server, "GET", "/v2/apps/openmplinpack1/tasks", says(200, tasks)).await;
    assert_eq!(client(&server).tasks(&id()).await.unwrap()[0].host.as_deref(), Some("node1"));
    let accepted = server.received_requests().await.unwrap();
    let accept = accepted.last().unwrap().headers.get("accept").unwrap().to_str().unwrap().to_owned();
    assert!(accept.starts_with("application/json"), "{accept}: 1.x can answer with a table, too");
}

#[tokio::test]
async fn a_deployment_is_over_when_it_is_gone_from_the_list() {
    // 1.1.1 says "type" where the others say "action".
    for action in ["type", "action"] {
        let server = MockServer::start().await;
        let deployment = json!([{
            "id": DEPLOYMENT, "version": "2026-11-20T11:00:00.000Z", "affectedApps": ["/openmplinpack1"],
            "steps": [{"actions": [{action: "RestartApplication", "app": "/openmplinpack1"}]}],
            "currentActions": [{"action": "RestartApplication", "app": "/openmplinpack1", "readinessCheckResults": []}],
            "currentStep": 1, "totalSteps": 1
        }]);
        answers(&server, "GET", "/v2/deployments", says(200, deployment)).await;
        let client = client(&server);
        assert!(client.is_deploying(DEPLOYMENT).await.unwrap());
        assert!(!client.is_deploying("another").await.unwrap());
        let all = client.deployments().await.unwrap();
        assert_eq!((all[0].affected_apps.as_slice(), all[0].total_steps), ([id()].as_slice(), 1));
    }
}

#[tokio::test]
async fn creation_tells_its_deployment() {
    let server = MockServer::start().await;
    let app = json!({"id": "/openmplinpack1", "cmd": "true", "cpus": 1});
    Mock::given(method("POST"))
        .and(path("/v2/apps"))
        .and(body_json(&app))
        .and(query_param_is_missing("force"))
        .respond_with(says(201, old_app()))
        .mount(&server)
        .await;
    let accepted = client(&server).create(&app).await.unwrap();
    assert_eq!(accepted.deployment.as_deref(), Some(DEPLOYMENT));
    assert_eq!(accepted.version.as_deref(), Some("2026-11-20T10:00:00.000Z"));
}

#[tokio::test]
async fn a_taken_id_and_a_locked_app_are_told_apart() {
    let server = MockServer::start().await;
    let taken = json!({"message": "An app with id [/openmplinpack1] already exists."});
    answers(&server, "POST", "/v2/apps", says(409, taken)).await;
    let error = client(&server).create(&json!({})).await.unwrap_err();
    assert!(matches!(error, MarathonError::AlreadyExists { .. }) && error.to_string().contains("already exists"));
    assert!(!error.is_retriable() && !error.is_outcome_unknown() && !error.is_locked());

    server.reset().await;
    let locked = json!({
        "message": "App is locked by one or more deployments. Override with the option '?force=true'. View details at \
                    '/v2/deployments/<DEPLOYMENT_ID>'.",
        "deployments": [{"id": DEPLOYMENT}]
    });
    answers(&server, "POST", "/v2/apps", says(409, locked)).await;
    match client(&server).create(&json!({})).await.unwrap_err() {
        MarathonError::Locked { deployments, .. } => assert_eq!(deployments, [DEPLOYMENT]),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_validation_error_tells_the_path_of_each_field() {
    for (status, body, words) in [
        (
            422,
            json!({"message": "Object is not valid", "details": [
                {"path": "/id", "errors": ["must fully match regular expression"]},
                {"path": "/", "errors": ["AppDefinition must either contain one of 'cmd' or 'args'"]}]}),
            "Object is not valid: /id must fully match regular expression; / AppDefinition must either",
        ),
        (
            400,
            json!({"message": "Invalid JSON", "details": [{"path": "/cpus", "errors": ["error.expected.jsnumber"]}]}),
            "Invalid JSON: /cpus error.expected.jsnumber",
        ),
        (400, json!({"message": "Invalid JSON", "details": "Unexpected end-of-input"}), "Invalid JSON: Unexpected end"),
        (422, json!({"message": "requirement failed: The 'version' field"}), "requirement failed"),
        (422, json!({}), "without a reason"),
    ] {
        let server = MockServer::start().await;
        answers(&server, "POST", "/v2/apps", says(status, body)).await;
        let error = client(&server).create(&json!({})).await.unwrap_err();
        assert!(matches!(error, MarathonError::Invalid { .. }) && error.to_string().contains(words), "{error}");
        assert!(!error.is_retriable() && !error.is_outcome_unknown());
    }
}

#[tokio::test]
async fn from_1_4_on_cpus_are_set_by_a_patch_of_cpus_alone() {
    for version in ["1.4.1", "1.5.6", "1.11.24"] {
        let server = marathon(version).await;
        Mock::given(method("PATCH"))
            .and(path("/v2/apps/openmplinpack1"))
            .and(body_json(json!({"cpus": 1.4})))
            .and(query_param_is_missing("force"))
            .respond_with(says(200, changed()))
            .mount(&server)
            .await;
        let accepted = client(&server).set_cpus(&id(), Cpus::from_milli(1400)).await.unwrap();
        assert_eq!(accepted.deployment.as_deref(), Some(DEPLOYMENT));
        assert_eq!(asked(&server).await, ["PATCH /v2/apps/openmplinpack1"]);
    }
}

#[tokio::test]
async fn before_1_4_cpus_are_put_alone_after_a_look() {
    let server = marathon("1.1.1").await;
    answers(&server, "GET", "/v2/apps/openmplinpack1", says(200, json!({"app": old_app()}))).await;
    Mock::given(method("PUT"))
        .and(path("/v2/apps/openmplinpack1"))
        .and(body_json(json!({"cpus": 0.6})))
        .and(query_param_is_missing("force"))
        .respond_with(says(200, changed()))
        .mount(&server)
        .await;
    let accepted = client(&server).set_cpus(&id(), Cpus::from_milli(600)).await.unwrap();
    assert_eq!(accepted.deployment.as_deref(), Some(DEPLOYMENT));
    assert_eq!(asked(&server).await, ["GET /v2/apps/openmplinpack1", "PUT /v2/apps/openmplinpack1"]);
}

#[tokio::test]
async fn an_app_that_is_gone_is_never_created_by_a_resize() {
    let absent = || says(404, json!({"message": "App '/openmplinpack1' does not exist"}));
    for version in ["1.1.1", "1.4.1"] {
        let server = marathon(version).await;
        Mock::given(path("/v2/apps/openmplinpack1")).respond_with(absent()).mount(&server).await;
        let error = client(&server).set_cpus(&id(), Cpus::from_milli(600)).await.unwrap_err();
        assert!(error.is_not_found(), "{version}: {error}");
        assert!(asked(&server).await.iter().all(|one| !one.starts_with("PUT")));
    }

    // Deleted between the look and the PUT: a body without a command makes no app.
    let server = marathon("1.1.1").await;
    let there = Mock::given(method("GET")).and(path("/v2/apps/openmplinpack1"));
    there.respond_with(says(200, json!({"app": old_app()}))).up_to_n_times(1).mount(&server).await;
    answers(&server, "GET", "/v2/apps/openmplinpack1", absent()).await;
    let invalid = json!({"message": "Object is not valid", "details": []});
    answers(&server, "PUT", "/v2/apps/openmplinpack1", says(422, invalid)).await;
    assert!(client(&server).set_cpus(&id(), Cpus::from_milli(600)).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_downgrade_is_noticed_by_the_refused_patch() {
    let server = marathon("1.4.1").await;
    let client = client(&server);
    client.version().await.unwrap();
    server.reset().await;
    answers(&server, "GET", "/v2/info", says(200, info("1.1.1"))).await;
    answers(&server, "PATCH", "/v2/apps/openmplinpack1", ResponseTemplate::new(405).set_body_string(PAGE)).await;
    answers(&server, "GET", "/v2/apps/openmplinpack1", says(200, json!({"app": old_app()}))).await;
    answers(&server, "PUT", "/v2/apps/openmplinpack1", says(200, changed())).await;
    client.set_cpus(&id(), Cpus::from_milli(600)).await.unwrap();
    assert_eq!(client.version().await.unwrap(), MarathonVersion::new(1, 1, 1));
}

#[tokio::test]
async fn nothing_is_forced_unless_asked_although_marathon_forces_deletions_by_itself() {
    let server = MockServer::start().await;
    let route = || Mock::given(method("DELETE")).and(path("/v2/apps/openmplinpack1"));
    route().and(query_param("force", "false")).respond_with(says(200, changed())).expect(1).mount(&server).await;
    route().and(query_param("force", "true")).respond_with(says(200, changed())).expect(1).mount(&server).await;
    let client = client(&server);
    assert_eq!(client.delete(&id(), Locks::Respect).await.unwrap().deployment.as_deref(), Some(DEPLOYMENT));
    client.delete(&id(), Locks::Override).await.unwrap();
}

#[tokio::test]
async fn a_deployment_is_undone_and_not_left_half_done() {
    let server = MockServer::start().await;
    let undo = Mock::given(method("DELETE")).and(path("/v2/deployments/stuck")).and(query_param("force", "false"));
    undo.respond_with(says(200, changed())).expect(1).mount(&server).await;
    let over = json!({"message": "DeploymentPlan over does not exist"});
    Mock::given(path("/v2/deployments/over")).respond_with(says(404, over)).mount(&server).await;
    let client = client(&server);
    assert_eq!(client.roll_back("stuck").await.unwrap().deployment.as_deref(), Some(DEPLOYMENT));
    assert!(client.roll_back("over").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_whole_app_is_replaced_where_a_put_can_do_that() {
    let app = json!({"id": "/openmplinpack1", "cmd": "true"});
    let server = marathon("1.1.1").await;
    assert_eq!(client(&server).replace(&id(), &app).await.unwrap(), None);
    assert!(asked(&server).await.is_empty());

    let server = marathon("1.5.6").await;
    Mock::given(method("PUT"))
        .and(path("/v2/apps/openmplinpack1"))
        .and(query_param("partialUpdate", "false"))
        .and(query_param("force", "false"))
        .and(body_json(&app))
        .respond_with(says(200, changed()))
        .mount(&server)
        .await;
    let accepted = client(&server).replace(&id(), &app).await.unwrap().unwrap();
    assert_eq!(accepted.deployment.as_deref(), Some(DEPLOYMENT));
}

#[tokio::test]
async fn without_a_leader_a_call_may_be_made_again_and_may_have_been_made() {
    for status in [502, 503, 504] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(status).set_body_string(PAGE)).mount(&server).await;
        let error = client(&server).delete(&id(), Locks::Respect).await.unwrap_err();
        assert!(matches!(error, MarathonError::NoLeader { .. }) && error.to_string().contains("no leader"), "{error}");
        assert!(error.is_retriable() && error.is_outcome_unknown() && !error.is_not_found());
    }
    let error = client_of(&[dead_url()]).delete(&id(), Locks::Respect).await.unwrap_err();
    assert!(error.is_refused() && error.is_retriable() && !error.is_outcome_unknown(), "{error}");
}

#[tokio::test]
async fn a_silent_master_is_given_up_in_time() {
    let server = MockServer::start().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    Mock::given(any()).respond_with(late).mount(&server).await;
    let error = client(&server).create(&json!({})).await.unwrap_err();
    assert!(matches!(error, MarathonError::Transport(TransportError::Timeout { .. })), "{error}");
    assert!(error.is_outcome_unknown() && error.is_retriable());
}

#[tokio::test]
async fn reads_go_to_every_master_and_writes_to_the_first_that_takes_the_connection() {
    let (bad, good) = (MockServer::start().await, MockServer::start().await);
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).mount(&bad).await;
    answers(&good, "GET", "/v2/apps/openmplinpack1", says(200, json!({"app": new_app()}))).await;
    answers(&good, "DELETE", "/v2/apps/openmplinpack1", says(200, changed())).await;

    let error = client_of(&[bad.uri(), good.uri()]).delete(&id(), Locks::Respect).await.unwrap_err();
    assert!(matches!(error, MarathonError::NoLeader { .. }), "{error}");
    assert!(asked(&good).await.is_empty(), "a write that may have been processed is not sent again");
    client_of(&[dead_url(), good.uri()]).delete(&id(), Locks::Respect).await.unwrap();

    let client = client_of(&[bad.uri(), good.uri()]);
    assert!(client.find(&id()).await.unwrap().is_some());
    client.delete(&id(), Locks::Respect).await.unwrap();
}

#[tokio::test]
async fn the_credentials_go_with_each_request_and_into_no_message() {
    let server = MockServer::start().await;
    Mock::given(basic_auth("admin", "s3cret"))
        .and(path("/ping"))
        .respond_with(ResponseTemplate::new(200).set_body_string("pong"))
        .mount(&server)
        .await;
    let client = client(&server);
    client.ping().await.unwrap();
    assert!(!format!("{client:?}").contains("s3cret"));
    for (status, words) in [(401, "not accepted (401)"), (403, "may not do this (403)")] {
        server.reset().await;
        let page = ResponseTemplate::new(status).set_body_raw(PAGE, "text/html");
        Mock::given(any()).respond_with(page).mount(&server).await;
        let error = client.ping().await.unwrap_err();
        assert!(error.to_string().ends_with(words), "{error}");
        assert!(!error.is_retriable() && !error.is_outcome_unknown());
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_credentials() {
    let elsewhere = MockServer::start().await;
    let server = MockServer::start().await;
    let redirect = ResponseTemplate::new(302).insert_header("location", elsewhere.uri());
    Mock::given(any()).respond_with(redirect).mount(&server).await;
    assert!(client(&server).ping().await.unwrap_err().to_string().contains("302"));
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}
