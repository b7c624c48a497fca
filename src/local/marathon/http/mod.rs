//! The HTTP interface of Marathon, as section by section documented by what its clients rely on.

mod apps;
mod deployments;
mod events;
mod groups;
mod labels;
mod misc;
mod query;
mod reply;
mod tasks;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::{self, ServiceConfig};
use serde_json::Value;
use tokio::runtime::Handle;

use self::reply::Fault;
use super::core::{Answer, Caller, Core, Event};
use super::version::MarathonVersion;
use crate::local::body;
use crate::local::driver::Driver;

/// Bodies beyond this are refused, in bytes.
const LARGEST_BODY: usize = 1 << 20;

/// What the handlers share.
pub(in crate::local) struct Api {
    driver: Arc<Driver>,
    version: MarathonVersion,
    address: SocketAddr,
    /// Of the cluster's own thread: tasks must not be tied to the runtime of an HTTP worker.
    runtime: Handle,
}

impl Api {
    pub fn new(driver: Arc<Driver>, address: SocketAddr, runtime: Handle) -> Self {
        let version = driver.read(|state| state.marathon.version());
        Api { driver, version, address, runtime }
    }

    fn apply(&self, event: Event) -> Answer {
        let _inside = self.runtime.enter();
        self.driver.marathon(event)
    }

    fn look<T>(&self, look: impl FnOnce(&Core) -> T) -> T {
        self.driver.read(|state| look(&state.marathon))
    }
}

/// The headers of every answer.
pub(in crate::local) fn headers(address: SocketAddr) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = vec![
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
        (header::EXPIRES, HeaderValue::from_static("0")),
    ];
    if let Ok(leader) = HeaderValue::from_str(&format!("http://{address}")) {
        headers.push((HeaderName::from_static("x-marathon-leader"), leader));
    }
    headers
}

/// The routes. Ids hold slashes, so that what follows `/v2/apps` and the like is taken apart by the handlers.
pub(in crate::local) fn routes(config: &mut ServiceConfig) {
    config.app_data(web::PayloadConfig::new(LARGEST_BODY));
    config.service(web::resource("/ping").get(misc::ping).default_service(web::to(reply::wrong_method)));
    config.service(web::resource("/metrics").get(misc::metrics).default_service(web::to(reply::wrong_method)));
    config.service(web::resource("/v2/info").get(misc::info).default_service(web::to(reply::wrong_method)));
    config.service(
        web::resource("/v2/leader")
            .get(misc::leader)
            .delete(misc::abdicate)
            .default_service(web::to(reply::wrong_method)),
    );
    config.service(web::resource("/v2/events").get(events::stream).default_service(web::to(reply::wrong_method)));
    config.service(web::resource("/v2/queue").get(misc::queue).default_service(web::to(reply::wrong_method)));
    config.service(web::resource("/v2/queue/{id:.+}/delay").delete(misc::reset_delay));
    config.service(
        web::resource(["/v2/deployments", "/v2/deployments/"])
            .get(deployments::list)
            .default_service(web::to(reply::wrong_method)),
    );
    config.service(
        web::resource("/v2/deployments/{id}").delete(deployments::cancel).default_service(web::to(reply::wrong_method)),
    );
    config.service(web::resource("/v2/tasks").get(tasks::all).default_service(web::to(reply::wrong_method)));
    config.service(web::resource("/v2/tasks/delete").post(tasks::delete).default_service(web::to(reply::wrong_method)));
    config.service(web::resource("/v2/groups{path:.*}").to(groups::dispatch));
    config.service(web::resource("/v2/apps{path:.*}").to(apps::dispatch));
    config.default_service(web::to(reply::no_route));
}

/// Reads a body that calls itself JSON and is.
fn json(request: &HttpRequest, body: &[u8]) -> Result<Value, Fault> {
    body::json(request, body).map_err(Fault::Body)
}

/// Who called, and where to.
fn caller(request: &HttpRequest) -> Caller {
    let address = request.peer_addr().map(|address| address.ip().to_string()).unwrap_or_default();
    Caller { address, uri: request.path().to_owned() }
}
