//! How many requests each route got, how they were answered, how long they took.

use std::time::Instant;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::Data;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// The counters of all routes; clones count together.
#[derive(Debug, Clone)]
pub struct Requests {
    answers: Family<Answer, Counter>,
    seconds: Family<Route, Histogram>,
}

impl Default for Requests {
    fn default() -> Self {
        let buckets = || Histogram::new(exponential_buckets(0.000_25, 4.0, 9));
        Requests { answers: Family::default(), seconds: Family::new_with_constructor(buckets) }
    }
}

impl Requests {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "Requests answered", self.answers.clone());
        registry.register("http_request_seconds", "Time from request to answer", self.seconds.clone());
    }

    fn count(&self, method: &'static str, route: Option<String>, status: u16, began: Instant) {
        let route = route.unwrap_or_else(|| "unmatched".to_owned());
        let labels = Answer { method, route: route.clone(), status };
        self.answers.get_or_create(&labels).inc();
        self.seconds.get_or_create(&Route { route }).observe(began.elapsed().as_secs_f64());
    }
}

/// Strangers choose methods too.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// A middleware for the whole server that counts every answer.
///
/// # Errors
/// Those of the handlers.
pub async fn observe<B: MessageBody>(
    requests: Data<Requests>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let began = Instant::now();
    let method = method(request.method());
    let outcome = next.call(request).await;
    let (route, status) = match &outcome {
        // The pattern, never the path: a path holds a uuid, and strangers choose paths.
        Ok(response) => (response.request().match_pattern(), response.status()),
        Err(error) => (None, error.as_response_error().status_code()),
    };
    requests.count(method, route, status.as_u16(), began);
    outcome
}
