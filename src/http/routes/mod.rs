//! The routes: from a request to a command, and from an answer to a response. One file a group.

pub(super) mod agent;
pub(super) mod documents;
mod filters;
pub(super) mod health;
pub(super) mod jobs;
pub(super) mod metrics;
pub(super) mod reasons;
pub(super) mod register;
pub(super) mod reports;
mod respond;
pub(super) mod session;
pub(super) mod stream;
pub(super) mod summary;
pub(super) mod what_if;

use actix_web::web::{self, ServiceConfig};

/// Which frameworks this supervisor has credentials for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Frameworks {
    /// `-c` was given.
    pub chronos: bool,
    /// `-m` was given.
    pub marathon: bool,
}

pub use metrics::SupervisorCollector;
pub use what_if::Replays;

/// All routes.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(web::resource("/").route(web::get().to(documents::front_page)))
        .service(web::resource("/page/{file}").route(web::get().to(documents::page_file)))
        .service(web::resource("/openapi.json").route(web::get().to(documents::openapi)))
        .service(web::redirect("/docs", "/docs/").permanent())
        .service(web::resource("/docs/").route(web::get().to(documents::docs_page)))
        .service(web::resource("/docs/{file}").route(web::get().to(documents::docs_file)))
        .service(web::resource("/healthz").route(web::get().to(health::alive)))
        .service(web::resource("/readyz").route(web::get().to(health::ready)))
        .service(web::resource("/metrics").route(web::get().to(metrics::scrape)))
        .service(
            web::resource("/api/v1/session")
                .route(web::get().to(session::session))
                .route(web::post().to(session::log_in))
                .route(web::delete().to(session::log_out)),
        )
        .service(web::resource("/api/v1/summary").route(web::get().to(summary::summary)))
        .service(web::resource("/api/v1/replay").route(web::post().to(what_if::replay)))
        .service(web::resource("/api/v1/jobs/{uuid}/what-if").route(web::post().to(what_if::what_if)))
        .service(web::resource("/api/v1/events").route(web::get().to(stream::watch)))
        .service(web::resource("/initTask").route(web::post().to(register::register)))
        .service(web::resource("/api/v1/admission").route(web::post().to(register::admission)))
        .service(web::resource("/startTask").route(web::post().to(reports::start)))
        .service(web::resource("/updateTask").route(web::post().to(reports::finish)))
        .service(web::resource("/initMarathonApp").route(web::post().to(agent::marathon_start)))
        .service(web::resource("/endMarathonApp").route(web::post().to(agent::marathon_end)))
        .service(web::resource("/api/v1/jobs").route(web::get().to(jobs::list)))
        .service(
            web::resource("/api/v1/jobs/{uuid}").route(web::get().to(jobs::one)).route(web::delete().to(jobs::cancel)),
        )
        .service(web::resource("/api/v1/jobs/{uuid}/events").route(web::get().to(jobs::events)))
        .service(web::resource("/api/v1/jobs/{uuid}/decisions").route(web::get().to(jobs::decisions)))
        .service(web::resource("/api/v1/jobs/{uuid}/decisions/{version}").route(web::get().to(reasons::weighed)))
        .service(web::resource("/api/v1/rounds/{number}").route(web::get().to(reasons::round)))
        .service(web::resource("/api/v1/jobs/{uuid}/cpu-samples").route(web::post().to(agent::cpu_report)))
        .service(web::resource("/api/v1/jobs/{uuid}/withdraw").route(web::post().to(jobs::withdraw)));
}
