//! Services whose paths are taken apart by themselves: they tell `//` and a slash at the end from other paths in ways of their own.

use std::sync::Arc;

use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

/// Bodies beyond this are refused, in bytes: the largest batches of metrics are below.
const LARGEST_BODY: usize = 32 << 20;

type Answer = dyn Fn(&HttpRequest, &Bytes) -> HttpResponse + Send + Sync;

/// A service that answers every request by one function.
#[derive(Clone)]
pub(super) struct LocalHttp(Arc<Answer>);

impl LocalHttp {
    pub fn new(answer: impl Fn(&HttpRequest, &Bytes) -> HttpResponse + Send + Sync + 'static) -> Self {
        LocalHttp(Arc::new(answer))
    }

    pub fn configure(&self, config: &mut ServiceConfig) {
        config.app_data(web::PayloadConfig::new(LARGEST_BODY)).app_data(web::Data::new(self.clone()));
        config.default_service(web::to(answer));
    }
}

async fn answer(
    service: web::Data<LocalHttp>,
    request: HttpRequest,
    body: Result<Bytes, actix_web::Error>,
) -> HttpResponse {
    match body {
        Ok(body) => (service.0)(&request, &body),
        Err(_) => {
            HttpResponse::PayloadTooLarge().content_type("text/plain; charset=utf-8").body("Request Entity Too Large")
        }
    }
}
