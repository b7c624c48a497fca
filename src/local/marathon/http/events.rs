//! `/v2/events`: server-sent events.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::query::Query;
use super::{Api, reply};
use crate::local::bus::Published;
use crate::local::chronos::schedule::utc_text;

/// Between blank lines that keep the connection alive.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// One listener.
struct Listener {
    first: Option<String>,
    events: Receiver<Arc<Published>>,
    /// Types; empty is all.
    wanted: Vec<String>,
    heartbeat: Interval,
}

pub(super) async fn stream(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accept.split(',').any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/event-stream")) {
        return reply::not_allowed();
    }
    // The filter came after 1.1.
    let wanted: Vec<String> = match api.version.since_1_4() {
        true => Query::of(&request).all("event_type").map(ToOwned::to_owned).collect(),
        false => Vec::new(),
    };
    let address = request.peer_addr().map(|address| address.ip().to_string()).unwrap_or_default();
    let kind = "event_stream_attached";
    let attached = json!({"remoteAddress": address, "eventType": kind, "timestamp": utc_text(api.driver.now())});
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let events = api.driver.bus.listen();
    let told = wanted.is_empty() || wanted.iter().any(|wanted| wanted == kind);
    let first = told.then(|| frame(kind, &attached.to_string()));
    let listener = Listener { first, events, wanted, heartbeat };
    let frames = stream::unfold(listener, |mut listener| async move {
        let frame = listener.next().await?;
        Some((Ok::<_, actix_web::Error>(web::Bytes::from(frame)), listener))
    });
    HttpResponse::Ok().content_type("text/event-stream;charset=UTF-8").streaming(Box::pin(frames))
}

impl Listener {
    async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Ok(event) if self.wanted.is_empty() || self.wanted.contains(&event.kind) => {
                        return Some(frame(&event.kind, &event.data));
                    }
                    Ok(_) => {}
                    // As in the original, a slow listener misses events and is not told.
                    Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "a listener to events is too slow"),
                    Err(RecvError::Closed) => return None,
                },
                _ = self.heartbeat.tick() => return Some("\r\n".into()),
            }
        }
    }
}

fn frame(kind: &str, data: &str) -> String {
    format!("event: {kind}\r\ndata: {data}\r\n\r\n")
}
