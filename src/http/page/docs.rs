//! `/docs`: the interface for people, by Swagger UI, whose files are in the program.

use std::error::Error;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use utoipa_swagger_ui::{Config, serve};

use super::protected;

/// As that of the page. Its icons are in its style sheet, as `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files that the description consists of; the package brings others, which nothing asks for.
const FILES: [&str; 8] = [
    "index.html",
    "index.css",
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-initializer.js",
    "favicon-16x16.png",
    "favicon-32x32.png",
];

/// A file of the description, if there is one of this name.
///
/// # Errors
/// When the package is not as it was when this was written.
pub fn file(name: &str) -> Result<Option<HttpResponse>, Box<dyn Error>> {
    if !FILES.contains(&name) {
        return Ok(None);
    }
    // Without a validator: the usual one is an address outside.
    let config = Config::new(["/openapi.json"]).validator_url("none").use_base_layout();
    Ok(serve(name, Arc::new(config))?.map(|file| {
        protected(POLICY)
            .insert_header((CONTENT_TYPE, file.content_type))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .body(file.bytes.into_owned())
    }))
}
