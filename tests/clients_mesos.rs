//! The client of Mesos against masters and agents that answer as Mesos does, and worse.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use mesos_qos::clients::mesos::{CpuStatistics, MesosClient};
use mesos_qos::clients::transport::TransportOptions;
use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn client(url: &str) -> MesosClient {
    let options = TransportOptions { request_timeout: Duration::from_millis(500), ..TransportOptions::default() };
    MesosClient::new(url.parse().unwrap(), &options).unwrap()
}

async fn answering(at: &str, answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(&server).await;
    server
}

fn slaves() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"slaves": [{
        "id": "S0", "hostname": "node1", "port": 5051, "pid": "slave(1)@127.0.0.1:5051", "active": true,
        "resources": {"cpus": 8.0, "mem": 1024.0, "ports": "[31000-32000]"}, "used_resources": {"cpus": 1.1, "mem": 64.0}
    }]}))
}

#[tokio::test]
async fn a_master_that_does_not_lead_points_at_the_one_that_does() {
    let leader = answering("/slaves", slaves()).await;
    // Without a scheme, as Mesos writes it.
    let location = format!("//{}/slaves", leader.address());
    let other = answering("/slaves", ResponseTemplate::new(307).insert_header("Location", location.as_str())).await;
    let agents = client(&other.uri()).agents().await.unwrap();
    assert_eq!((agents[0].id.as_str(), (agents[0].free_cpus() * 10.0).round()), ("S0", 69.0));
}

#[tokio::test]
async fn masters_that_point_at_each_other_are_an_error() {
    let server = MockServer::start().await;
    let itself = format!("//{}/slaves", server.address());
    let answer = ResponseTemplate::new(307).insert_header("Location", itself.as_str());
    Mock::given(method("GET")).respond_with(answer).mount(&server).await;
    let error = client(&server.uri()).agents().await.unwrap_err().to_string();
    assert!(error.contains("point at each other"), "{error}");
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_that_names_the_address() {
    for (answer, said) in [
        (ResponseTemplate::new(503), "status 503"),
        (ResponseTemplate::new(307), "points elsewhere, but not where"),
        (ResponseTemplate::new(200).set_body_string("<html>"), "expected value"),
        (ResponseTemplate::new(200).set_body_json(json!({"slaves": [{"id": "S0"}]})), "slaves[0]: missing field `pid`"),
        (slaves().set_delay(Duration::from_secs(5)), "timed out"),
    ] {
        let master = answering("/slaves", answer).await;
        let error = client(&master.uri()).agents().await.unwrap_err().to_string();
        assert!(error.contains("/slaves: ") && error.contains(said), "{said}: {error}");
    }
}

#[tokio::test]
async fn an_executor_without_figures_is_not_one_at_zero() {
    let list = json!([
        {"executor_id": "steady.1", "source": "steady.1", "framework_id": "F", "statistics":
            {"timestamp": 1.5, "cpus_user_time_secs": 12.5, "cpus_system_time_secs": 0.5, "cpus_limit": 1.1}},
        {"executor_id": "steady.2", "source": "steady.2", "framework_id": "F", "statistics": {"timestamp": 1.5}}
    ]);
    let agent = answering("/monitor/statistics", ResponseTemplate::new(200).set_body_json(list)).await;
    let list = client("http://127.0.0.1:9").statistics(&agent.uri().parse().unwrap()).await.unwrap();
    let seconds: Vec<_> = list.iter().map(|one| one.statistics.and_then(CpuStatistics::cpu_seconds)).collect();
    assert_eq!(seconds, [Some(13.0), None]);
}
