//! `/healthz`: the process answers. `/readyz`: it can do its work.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;

use crate::actors::Supervisor;
use crate::api::view::Instant;
use crate::events::store::Health;
use crate::http::auth::{Caller, PublicAccess};

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
}

pub async fn alive() -> &'static str {
    "ok"
}

/// Red while the log cannot be written: nothing can be acknowledged then. A framework that is away makes nothing red: reports are
/// still taken, and effects wait for it.
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
    let chronos = supervisor.chronos();
    let since = chronos.and_then(|chronos| chronos.unreachable_since());
    Detail {
        event_log: format!("{:?}", supervisor.log().health()),
        events: supervisor.log().stats().events,
        effects_waiting: supervisor.outbox_depth(),
        jobs_living: supervisor.states().len(),
        chronos: match (chronos, since) {
            (None, _) => "not configured",
            (Some(_), None) => "reachable",
            (Some(_), Some(_)) => "unreachable",
        },
        chronos_unreachable_since: since.map(Instant::from),
        chronos_last_error: since.and(chronos).and_then(|chronos| chronos.last_error()),
    }
}
