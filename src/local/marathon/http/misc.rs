//! What is about the service itself, and the queue.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::{Api, reply};
use crate::local::marathon::core::{Core, Event};
use crate::local::marathon::id;

pub(super) async fn ping() -> HttpResponse {
    HttpResponse::Ok().content_type(header::ContentType::plaintext()).body("pong\n")
}

pub(super) async fn metrics(api: web::Data<Api>) -> HttpResponse {
    reply::ok(&api.look(Core::metrics))
}

pub(super) async fn info(api: web::Data<Api>) -> HttpResponse {
    let mut info = json!({
        "name": "marathon", "version": api.version.full(), "elected": true, "leader": api.address.to_string(),
        "frameworkId": api.look(Core::framework_id),
        "marathon_config": {
            "framework_name": "marathon", "ha": false, "checkpoint": false, "executor": "//cmd",
            "hostname": api.address.ip(), "local_port_min": 10_000, "local_port_max": 20_000,
            "mesos_role": Value::Null, "webui_url": Value::Null,
        },
        "zookeeper_config": {},
        "http_config": {"http_port": api.address.port(), "https_port": Value::Null},
    });
    if api.version.since_1_4() {
        info["buildref"] = json!(concat!("mesos-qos-", env!("CARGO_PKG_VERSION")));
    }
    if !api.version.since_1_5() {
        info["event_subscriber"] = Value::Null;
    }
    reply::ok(&info)
}

pub(super) async fn leader(api: web::Data<Api>) -> HttpResponse {
    reply::ok(&json!({"leader": api.address.to_string()}))
}

/// There is one only, which is elected again at once.
pub(super) async fn abdicate() -> HttpResponse {
    reply::message(StatusCode::OK, "Leadership abdicated")
}

pub(super) async fn queue(api: web::Data<Api>) -> HttpResponse {
    reply::ok(&api.look(Core::queue_json))
}

pub(super) async fn reset_delay(api: web::Data<Api>, path: web::Path<String>) -> HttpResponse {
    match api.apply(Event::ResetDelay(id::absolute(&path))) {
        Ok(_) => HttpResponse::NoContent().finish(),
        Err(refusal) => reply::refused(&refusal),
    }
}
