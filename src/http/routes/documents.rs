//! `/`, `/openapi.json`, `/docs` and the files of their pages.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::http::auth::Gate;
use crate::http::openapi;
use crate::http::page::{self, docs};
use crate::http::problem::{Problem, no_such_route};

/// The page for browsers; a word for everything else
#[utoipa::path(get, path = "/", tag = "supervisor", security(()), responses(
    (status = 200, description = "The page where `text/html` is asked for, otherwise `Welcome`",
        content((String = "text/plain"), (String = "text/html"))),
))]
pub async fn front_page(request: HttpRequest) -> HttpResponse {
    page::root(&request)
}

/// A file of the page.
pub async fn page_file(request: HttpRequest, name: Path<String>) -> Result<HttpResponse, Problem> {
    match page::file(&request, &name) {
        Some(answer) => Ok(answer),
        None => Err(no_such_route(request).await),
    }
}

/// This description
#[utoipa::path(get, path = "/openapi.json", tag = "supervisor", security(()), responses(
    (status = 200, description = "An OpenAPI document", content_type = "application/json", body = Object),
))]
pub async fn openapi(gate: Data<Gate>) -> Result<HttpResponse, Problem> {
    openapi::answer(&gate)
}

/// The description for people.
pub async fn docs_page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    docs_of(request, "index.html").await
}

/// A file of the description for people.
pub async fn docs_file(request: HttpRequest, name: Path<String>) -> Result<HttpResponse, Problem> {
    docs_of(request, &name).await
}

async fn docs_of(request: HttpRequest, name: &str) -> Result<HttpResponse, Problem> {
    match docs::file(name).map_err(Problem::internal)? {
        Some(answer) => Ok(answer),
        None => Err(no_such_route(request).await),
    }
}
