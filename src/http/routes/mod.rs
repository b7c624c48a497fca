//! The routes: from a request to a command, and from an answer to a response. One file a group.

mod agent;
mod health;
mod jobs;
mod metrics;
mod register;
mod reports;
mod respond;

use actix_web::web::{self, ServiceConfig};

use super::page;

/// Which frameworks this supervisor has credentials for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Frameworks {
    /// `-c` was given.
    pub chronos: bool,
    /// `-m` was given.
    pub marathon: bool,
}

pub use metrics::SupervisorCollector;

/// All routes.
pub fn configure(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(page::root))
        .route("/healthz", web::get().to(health::alive))
        .route("/readyz", web::get().to(health::ready))
        .route("/metrics", web::get().to(metrics::scrape))
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
        .service(web::resource("/api/v1/jobs/{uuid}/cpu-samples").route(web::post().to(agent::cpu_report)))
        .service(web::resource("/api/v1/jobs/{uuid}/withdraw").route(web::post().to(jobs::withdraw)));
}
