//! What can be looked at.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::{Api, reply};
use crate::local::chronos::core::{Core, Refusal};
use crate::local::chronos::encode::encode;
use crate::local::chronos::search::Query;

impl Api {
    fn look<T>(&self, look: impl FnOnce(&Core) -> T) -> T {
        self.driver.read(|state| look(&state.chronos))
    }

    fn found(&self, name: &str, value: Option<Value>) -> HttpResponse {
        match value {
            Some(value) => HttpResponse::Ok().json(value),
            None => reply::refused(&Refusal::Requirement(format!("Job '{name}' not found")), self.version),
        }
    }
}

pub(super) async fn ping() -> HttpResponse {
    reply::text("pong\n".into())
}

pub(super) async fn metrics(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Ok().json(api.look(Core::metrics))
}

pub(super) async fn list(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Ok().json(api.look(Core::list))
}

pub(super) async fn search(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    // A limit that is no number is a path that does not exist, as the original's framework has it.
    let Ok(query) = web::Query::<Query>::from_query(request.query_string()) else {
        return HttpResponse::NotFound().finish();
    };
    let found = |core: &Core| query.select(core.jobs()).into_iter().map(|job| encode(job, api.version)).collect();
    HttpResponse::Ok().json(api.look(|core| -> Value { found(core) }))
}

pub(super) async fn job(api: web::Data<Api>, name: web::Path<String>) -> HttpResponse {
    api.found(&name, api.look(|core| core.find(&name).map(|job| encode(job, api.version))))
}

pub(super) async fn job_stat(api: web::Data<Api>, name: web::Path<String>) -> HttpResponse {
    api.found(&name, api.look(|core| core.job_stat(&name)))
}

pub(super) async fn summary(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Ok().json(api.look(Core::summary))
}

pub(super) async fn stats(api: web::Data<Api>, figure: web::Path<String>) -> HttpResponse {
    HttpResponse::Ok().json(api.look(|core| core.stats(&figure)))
}

pub(super) async fn csv(api: web::Data<Api>) -> HttpResponse {
    reply::text(api.look(Core::csv))
}

pub(super) async fn dot(api: web::Data<Api>) -> HttpResponse {
    reply::text(api.look(Core::dot))
}

pub(super) async fn leader(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"leader": api.address.to_string()}))
}
