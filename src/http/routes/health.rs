//! `/healthz`: the process answers. `/readyz`: it can do its work.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;

use crate::actors::{FrameworkStatus, MetricsStatus, Supervisor, WebhookStatus};
use crate::api::view::Instant;
use crate::events::store::Health;
use crate::http::auth::{Caller, PublicAccess};
use crate::qos::ids::Framework;

#[derive(Serialize)]
struct Ready {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Detail>,
}

/// For operators only: errors and addresses are not for strangers.
#[derive(Serialize)]
struct Detail {
    event_log: String,
    events: u64,
    effects_waiting: usize,
    jobs_living: usize,
    chronos: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    chronos_unreachable_since: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chronos_last_error: Option<String>,
    marathon: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    marathon_unreachable_since: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    marathon_last_error: Option<String>,
    metrics: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_unreachable_since: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_last_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_lag_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_lag_events: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_last_rejection: Option<String>,
    webhook: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_unreachable_since: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_last_error: Option<String>,
    cpu_source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_source_unreachable_since: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_source_last_error: Option<String>,
}

/// How something outside does.
type Outside = (&'static str, Option<Instant>, Option<String>);

fn outside(status: Option<&FrameworkStatus>, without: &'static str) -> Outside {
    let Some(status) = status else { return (without, None, None) };
    match status.unreachable_since() {
        None => ("reachable", None, None),
        Some(since) => ("unreachable", Some(Instant::from(since)), status.last_error()),
    }
}

/// The process answers
#[utoipa::path(get, path = "/healthz", tag = "supervisor", security(()), responses(
    (status = 200, description = "`ok`", content_type = "text/plain", body = String),
))]
pub async fn alive() -> &'static str {
    "ok"
}

/// It can do its work
///
/// Red while the log cannot be written: nothing can be acknowledged then. A framework that is away makes nothing red: reports are
/// still taken, and effects wait for it.
#[utoipa::path(get, path = "/readyz", tag = "supervisor", security((), ("operator" = [])), responses(
    (status = 200, description = "It can; operators are told how all that it depends on does", content_type = "application/json", body = Object),
    (status = 503, description = "The event log cannot be written", content_type = "application/json", body = Object),
))]
pub async fn ready(supervisor: Data<Supervisor>, caller: PublicAccess) -> HttpResponse {
    let health = supervisor.log().health();
    if health != Health::Good {
        // Finds the way back even when nobody appends; the outcome shows in the next answer.
        drop(supervisor.log().probe().await);
    }
    let ready = supervisor.log().health() == Health::Good;
    let detail = (caller.0 == Caller::Operator).then(|| detail(&supervisor));
    let body = Ready { ready, detail };
    if ready { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}

fn detail(supervisor: &Supervisor) -> Detail {
    let framework = |framework| {
        let status = supervisor.frameworks().get(&framework);
        outside(status.map(AsRef::as_ref), "not configured")
    };
    let (chronos, chronos_unreachable_since, chronos_last_error) = framework(Framework::Chronos);
    let (marathon, marathon_unreachable_since, marathon_last_error) = framework(Framework::Marathon);
    let (cpu_source, cpu_source_unreachable_since, cpu_source_last_error) = outside(supervisor.cpu_source(), "pushed");
    let metrics = supervisor.metrics();
    let monasca = metrics.map(MetricsStatus::monasca);
    let (sending, metrics_unreachable_since, metrics_last_error) = outside(monasca, "not configured");
    let webhook = supervisor.webhook().map(WebhookStatus::webhook);
    let (webhook, webhook_unreachable_since, webhook_last_error) = outside(webhook, "not configured");
    let head = supervisor.log().stats().head.seq;
    Detail {
        metrics: sending,
        metrics_unreachable_since,
        metrics_last_error,
        metrics_lag_seconds: metrics.map(|metrics| metrics.lag(supervisor.clock().now()).seconds()),
        metrics_lag_events: metrics.map(|metrics| metrics.lag_events(head)),
        metrics_last_rejection: metrics.and_then(MetricsStatus::last_rejection),
        webhook,
        webhook_unreachable_since,
        webhook_last_error,
        event_log: format!("{:?}", supervisor.log().health()),
        events: supervisor.log().stats().events,
        effects_waiting: supervisor.outbox_depth(),
        jobs_living: supervisor.states().len(),
        chronos,
        chronos_unreachable_since,
        chronos_last_error,
        marathon,
        marathon_unreachable_since,
        marathon_last_error,
        cpu_source,
        cpu_source_unreachable_since,
        cpu_source_last_error,
    }
}
