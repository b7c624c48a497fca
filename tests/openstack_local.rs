//! The stand-in for Keystone and Monasca answers as the real ones were seen to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod openstack_support;

use std::time::Duration;

use openstack_support::{Stack, answer, login};
use serde_json::{Value, json};

async fn status_of_login(stack: &Stack, path: &str, body: &str, kind: Option<&str>) -> (u16, Value) {
    let mut request = stack.client.post(format!("{}{path}", stack.cluster.keystone_url())).body(body.to_owned());
    if let Some(kind) = kind {
        request = request.header("Content-Type", kind);
    }
    answer(request.send().await.unwrap()).await
}

#[tokio::test]
async fn keystone_takes_and_refuses_logins_as_it_does() {
    let stack = Stack::start();
    let good = login("user", "user1", "project").to_string();
    for (path, expected) in [
        ("/v3/auth/tokens", 201),
        ("/v3/auth/tokens/", 201),
        ("/v3//auth/tokens", 308),
        ("/v3//v3/auth/tokens", 404),
        ("/v2.0/tokens", 404),
    ] {
        assert_eq!(status_of_login(&stack, path, &good, Some("application/json")).await.0, expected, "{path}");
    }
    let tokens = "/v3/auth/tokens";
    assert_eq!(status_of_login(&stack, tokens, &good, None).await.0, 201, "without a type");
    assert_eq!(status_of_login(&stack, tokens, &good, Some("text/plain")).await.0, 400);
    for bad in ["{", "{}", r#"{"auth":{"identity":{"methods":["password"]}}}"#] {
        let (status, body) = status_of_login(&stack, tokens, bad, Some("application/json")).await;
        assert_eq!((status, &body["error"]["title"]), (400, &json!("Bad Request")), "{bad}");
    }
    let large = format!("{good}{}", " ".repeat(200_000));
    assert_eq!(status_of_login(&stack, tokens, &large, Some("application/json")).await.0, 413);
    for fault in [
        login("user", "wrong", "project"),
        login("who", "user1", "project"),
        login("user", "user1", "where"),
        login("nobody", "nobody1", "project"),
    ] {
        let response = stack.log_in(fault).await;
        let challenge = response.headers()["WWW-Authenticate"].to_str().unwrap().to_owned();
        assert!(challenge.starts_with("Keystone uri=\"http://127.0.0.1:"), "{challenge}");
        let (status, body) = answer(response).await;
        assert_eq!((status, &body["error"]["code"]), (401, &json!(401)), "{body}");
    }
    let response = stack.log_in(login("user", "user1", "project")).await;
    let body = response.json::<Value>().await.unwrap()["token"].clone();
    assert!(body["expires_at"].as_str().unwrap().ends_with(".000000Z"), "{body}");
    assert_eq!((&body["roles"][0]["name"], &body["project"]["name"]), (&json!("monasca-user"), &json!("project")));
    assert_eq!(body["catalog"][0]["type"], "identity");
    let root = stack.client.get(stack.cluster.keystone_url()).send().await.unwrap();
    assert_eq!(root.status(), 300);
    let version = stack.client.get(format!("{}/v3", stack.cluster.keystone_url())).send().await.unwrap();
    assert_eq!(answer(version).await.1["version"]["status"], "stable");
}

#[tokio::test]
async fn a_token_is_over_at_its_time_and_one_bought_with_it_no_later() {
    let stack = Stack::with_tokens_of(Duration::from_secs(2));
    let token = stack.token("user").await;
    let body = json!({"auth": {
        "identity": {"methods": ["token"], "token": {"id": token}},
        "scope": {"project": {"name": "project", "domain": {"id": "default"}}}
    }});
    let second = stack.log_in(body).await;
    let bought = second.headers()["X-Subject-Token"].to_str().unwrap().to_owned();
    for token in [&token, &bought] {
        assert_eq!(stack.get(token, "metrics").await.0, 200);
    }
    tokio::time::sleep(Duration::from_millis(3100)).await;
    for token in [&token, &bought, &"garbage".to_owned()] {
        let (status, body) = stack.get(token, "metrics").await;
        assert_eq!((status, &body["error"]["title"]), (401, &json!("Unauthorized")));
    }
    let asker = stack.token("user").await;
    for (subject, said) in [(&token, "Failed to validate token"), (&"x".to_owned(), "Could not recognize Fernet token")]
    {
        let url = format!("{}/v3/auth/tokens", stack.cluster.keystone_url());
        let asked = stack.client.get(url).header("X-Auth-Token", &asker).header("X-Subject-Token", subject);
        let (status, body) = answer(asked.send().await.unwrap()).await;
        assert_eq!((status, &body["error"]["message"]), (404, &json!(said)));
    }
}

#[tokio::test]
async fn monasca_does_not_hear_at_once_of_a_token_that_was_taken_back() {
    let stack = Stack::start();
    let (known, unknown) = (stack.token("user").await, stack.token("user").await);
    assert_eq!(stack.get(&known, "metrics").await.0, 200);
    for token in [&known, &unknown] {
        let url = format!("{}/v3/auth/tokens", stack.cluster.keystone_url());
        let request = stack.client.delete(url).header("X-Auth-Token", token).header("X-Subject-Token", token);
        assert_eq!(request.send().await.unwrap().status(), 204);
    }
    assert_eq!((stack.get(&known, "metrics").await.0, stack.get(&unknown, "metrics").await.0), (200, 401));
}

#[tokio::test]
async fn each_role_may_do_its_part() {
    let stack = Stack::start();
    for (account, send, read, define) in
        [("user", 204, 200, 201), ("agent", 204, 401, 401), ("reader", 401, 200, 401), ("member", 401, 401, 401)]
    {
        let token = stack.token(account).await;
        let definition = json!({"name": account, "expression": "max(a) > 1"}).to_string();
        assert_eq!(stack.post(&token, "metrics", "[]").await.0, send, "{account}");
        let (status, body) = stack.get(&token, "metrics").await;
        assert_eq!(status, read, "{account}");
        if status == 401 {
            assert_eq!(body["title"], "Forbidden");
        }
        assert_eq!(stack.post(&token, "alarm-definitions", &definition).await.0, define, "{account}");
    }
}

#[tokio::test]
async fn metrics_are_taken_and_refused_as_they_are() {
    let stack = Stack::start();
    let token = stack.token("user").await;
    let with = |key: &str, value: Value| {
        let mut metric = json!({"name": "m", "dimensions": {"a": "b"}, "timestamp": 1_700_000_000_000_i64, "value": 1});
        metric[key] = value;
        metric.to_string()
    };
    let long = "x".repeat(256);
    let taken = [
        "[]".to_owned(),
        with("dimensions", json!({})),
        with("value", json!(true)),
        with("value", json!(1e30)),
        with("value_meta", Value::Null),
        with("unknown", json!(1)),
        with("timestamp", json!(0)),
        with("timestamp", json!(-1.5)),
        with("name", json!("_ä/:x")),
        with("dimensions", json!({"a": "b c|d:(e)"})),
    ];
    for body in taken {
        assert_eq!(stack.post(&token, "metrics", &body).await.0, 204, "{body}");
    }
    let refused = [
        "{}".to_owned(),
        "null".into(),
        "5".into(),
        "[1]".into(),
        with("dimensions", Value::Null),
        with("dimensions", json!([])),
        with("dimensions", json!({"a": 1})),
        with("dimensions", json!({"a": ""})),
        with("dimensions", json!({"_a": "b"})),
        with("dimensions", json!({"a": "b;c"})),
        with("dimensions", json!({"a": long})),
        with("name", json!("a b")),
        with("name", json!("")),
        with("value", json!("1")),
        with("value", Value::Null),
        with("timestamp", json!("2026-01-01")),
        with("value_meta", (0..17).map(|i| (i.to_string(), json!("x"))).collect()),
    ];
    for body in refused {
        assert_eq!(stack.post(&token, "metrics", &body).await.0, 422, "{body}");
    }
    assert_eq!(stack.post(&token, "metrics", "{").await.0, 400);
    let other_type = stack.client.post(format!("{}/v2.0/metrics", stack.cluster.monasca_url()));
    let other_type =
        other_type.header("X-Auth-Token", &token).header("Content-Type", "application/json; charset=utf-8");
    assert_eq!(other_type.body("[]").send().await.unwrap().status(), 400);
    // One bad metric, and nothing of the list is there.
    let list =
        json!([{"name": "together", "timestamp": 1, "value": 1}, {"name": "together", "timestamp": 2}]).to_string();
    assert_eq!(stack.post(&token, "metrics", &list).await.0, 422);
    assert_eq!(stack.get(&token, "metrics?name=together").await.1["elements"], json!([]));
    assert_eq!(stack.get(&token, "nothing").await, (404, json!({"title": "404 Not Found"})));
}

#[tokio::test]
async fn statistics_are_answered_as_they_are() {
    let stack = Stack::start();
    let token = stack.token("user").await;
    let start = 1_800_000_000_000_i64;
    let point = |host: &str, second: i64, value: f64| json!({"name": "cpu", "dimensions": {"hostname": host, "name": "u"}, "timestamp": start + second * 1000, "value": value});
    let points =
        json!([point("a", 0, 5.0), point("a", 0, 9.0), point("a", 0, 3.0), point("a", 70, 8.0), point("b", 10, 4.0)]);
    assert_eq!(stack.post(&token, "metrics", &points.to_string()).await.0, 204);
    let query = async |more: &str| {
        let from = "2027-01-15T08:00:00Z";
        let path =
            format!("metrics/statistics?name=cpu&start_time={from}&end_time=2027-01-15T08:05:00.5%2B00:00&{more}");
        stack.get(&token, &path).await
    };
    let (status, body) = query("statistics=count,MAX&group_by=*&period=60").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["elements"][0]["columns"], json!(["timestamp", "count", "max"]));
    // The same millisecond: the last one stands.
    let rows = json!([["2027-01-15T08:00:00Z", 1, 3.0], ["2027-01-15T08:01:00Z", 1, 8.0]]);
    assert_eq!(body["elements"][0]["statistics"], rows);
    assert_eq!(body["elements"][1]["dimensions"], json!({"hostname": "b", "name": "u"}));
    let (_, merged) = query("statistics=max,sum&merge_metrics=True&dimensions=name:u").await;
    assert_eq!(merged["elements"][0]["dimensions"], json!({"name": "u"}));
    assert_eq!(merged["elements"][0]["statistics"], json!([["2027-01-15T08:00:00Z", 8.0, 15.0]]));
    assert_eq!(
        query("statistics=max&dimensions=hostname:a|c&period=0").await.1["elements"][0]["statistics"][0][1],
        8.0
    );
    for (more, expected) in [
        ("statistics=max", 409),
        ("statistics=max&merge_metrics=1", 409),
        ("statistics=max&group_by=name", 500),
        ("", 422),
        ("statistics=median", 422),
        ("statistics=max&period=-1&group_by=*", 422),
        ("statistics=max&limit=x&group_by=*", 422),
        ("statistics=max&dimensions=hostname:z", 200),
        ("statistics=max&group_by=hostname", 200),
    ] {
        assert_eq!(query(more).await.0, expected, "{more}");
    }
    assert_eq!(query("statistics=max&dimensions=hostname:z").await.1["elements"], json!([]));
    let bad = "metrics/statistics?name=cpu&statistics=max&start_time=";
    assert_eq!(stack.get(&token, &format!("{bad}-120")).await.0, 422);
    assert_eq!(stack.get(&token, &format!("{bad}2027-01-15&end_time=2027-01-15")).await.0, 400);
    // Whoever follows the link to the next page gets what the original gives him.
    let (_, first) = query("statistics=max&group_by=*&period=60&limit=1").await;
    let next = first["links"][1]["href"].as_str().unwrap();
    let followed = stack.client.get(next).header("X-Auth-Token", &token).send().await.unwrap();
    assert_eq!(followed.status(), 422);
}

#[tokio::test]
async fn alarms_and_notifications_are_kept_as_they_are() {
    let stack = Stack::start();
    let token = stack.token("user").await;
    let make = async |path: &str, body: Value| stack.post(&token, path, &body.to_string()).await;
    let method = json!({"name": "n", "type": "webhook", "address": "http://h/", "period": 60});
    let (status, made) = make("notification-methods", method.clone()).await;
    assert_eq!((status, &made["type"]), (201, &json!("WEBHOOK")));
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(make("notification-methods", method).await.0, 409);
    for bad in [
        json!({"name": "x", "type": "SMS", "address": "1"}),
        json!({"name": "x", "type": "EMAIL", "address": "nobody"}),
        json!({"name": "x", "type": "WEBHOOK", "address": "ftp://h"}),
        json!({"name": "x", "type": "WEBHOOK"}),
        json!({"name": "x", "type": "WEBHOOK", "address": "http://h", "period": 5}),
    ] {
        assert_eq!(make("notification-methods", bad.clone()).await.0, 400, "{bad}");
    }
    assert_eq!(stack.get(&token, "notification-methods/n").await.0, 404, "by its name it is not found");
    assert_eq!(stack.get(&token, &format!("notification-methods/{id}")).await.0, 200);

    let definition = json!({"name": "d", "expression": "max(a) > 1", "severity": "high", "alarm_actions": [id]});
    let (status, made) = make("alarm-definitions", definition.clone()).await;
    assert_eq!((status, &made["severity"], &made["match_by"]), (201, &json!("HIGH"), &json!([])));
    assert_eq!(make("alarm-definitions", definition).await.0, 409);
    for (key, value) in [
        ("severity", json!("LOW|HIGH")),
        ("expression", json!("max(")),
        ("match_by", Value::Null),
        ("match_by", json!("a")),
        ("ok_actions", json!(["unknown"])),
        ("name", json!("x".repeat(256))),
    ] {
        let mut bad = json!({"name": "e", "expression": "max(a) > 1"});
        bad[key] = value;
        assert_eq!(make("alarm-definitions", bad.clone()).await.0, 422, "{bad}");
    }
    let delete = async |path: &str| {
        let url = format!("{}/v2.0/{path}", stack.cluster.monasca_url());
        stack.client.delete(url).header("X-Auth-Token", &token).send().await.unwrap().status().as_u16()
    };
    assert_eq!(delete(&format!("notification-methods/{id}")).await, 204);
    let (_, list) = stack.get(&token, "alarm-definitions").await;
    assert_eq!(list["elements"][0]["alarm_actions"], json!([]), "nobody is told by what is gone");
    let alarm = made["id"].as_str().unwrap();
    assert_eq!(
        (delete(&format!("alarm-definitions/{alarm}")).await, delete(&format!("alarm-definitions/{alarm}")).await),
        (204, 404)
    );
}
