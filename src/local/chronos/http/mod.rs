//! The HTTP interface of Chronos, as section by section documented by what its clients rely on.

mod jobs;
mod reply;
mod submit;
mod views;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use tokio::runtime::Handle;

use super::core::{Answer, Event};
use super::version::ChronosVersion;
use crate::local::driver::Driver;

/// Bodies beyond this are refused, in bytes.
const LARGEST_BODY: usize = 1 << 20;

/// What the handlers share.
pub(in crate::local) struct Api {
    driver: Arc<Driver>,
    version: ChronosVersion,
    address: SocketAddr,
    /// Of the cluster's own thread: tasks must not be tied to the runtime of an HTTP worker.
    runtime: Handle,
}

impl Api {
    pub fn new(driver: Arc<Driver>, version: ChronosVersion, address: SocketAddr, runtime: Handle) -> Self {
        Api { driver, version, address, runtime }
    }

    fn apply(&self, event: Event) -> Answer {
        let _inside = self.runtime.enter();
        self.driver.chronos(event)
    }
}

/// The routes of one version; a path that exists answers a wrong method with 405, any other is 404.
pub(in crate::local) fn routes(config: &mut ServiceConfig, version: ChronosVersion) {
    config.app_data(web::PayloadConfig::new(LARGEST_BODY));
    config.service(web::resource("/ping").get(views::ping));
    config.service(web::resource("/metrics").get(views::metrics));
    let mut job = web::resource("/job/{name}").put(jobs::start).delete(jobs::delete);
    let mut iso8601 = web::resource("/iso8601").post(submit::schedule);
    let mut dependency = web::resource("/dependency").post(submit::depend);
    let mut scope = web::scope(version.prefix());
    match version {
        ChronosVersion::V2_4 => {
            iso8601 = iso8601.put(submit::schedule);
            dependency = dependency.put(submit::depend);
            scope = scope.service(web::resource("/task/all").delete(jobs::purge).put(jobs::report_all));
            scope = scope.service(web::resource("/task/{id}").put(jobs::report));
        }
        ChronosVersion::V3_0 => {
            job = job.get(views::job);
            scope = scope.service(web::resource("/jobs/summary").get(views::summary));
            scope = scope.service(web::resource("/job/success/{name}").put(jobs::mark_successful));
            scope = scope.service(web::resource("/leader").get(views::leader));
        }
    }
    config.service(
        scope
            .service(web::resource("/jobs").get(views::list))
            .service(web::resource("/jobs/search").get(views::search))
            .service(web::resource("/job/stat/{name}").get(views::job_stat))
            .service(job)
            .service(iso8601)
            .service(dependency)
            .service(web::resource("/task/kill/{name}").delete(jobs::kill))
            .service(web::resource("/stats/{figure}").get(views::stats))
            .service(web::resource("/graph/csv").get(views::csv))
            .service(web::resource("/graph/dot").get(views::dot)),
    );
}
