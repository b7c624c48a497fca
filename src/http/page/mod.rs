//! `GET /`: the dashboard for browsers, a word for everything else.
//!
//! The page is one file without outside resources. It holds no data: its script reads `/api/v1/jobs` with the operator
//! token that the user types in, so that the page itself may be public.

use actix_web::http::header::{
    Accept, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, Header, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse};

/// With the mark `NONCE` where each answer puts its own.
const PAGE: &str = include_str!("dashboard.html");

/// Answers a browser with the dashboard and everybody else with `Welcome`.
pub async fn root(request: HttpRequest) -> HttpResponse {
    if !wants_html(&request) {
        return HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
            .insert_header((VARY, "Accept"))
            .body("Welcome");
    }
    // Script and style run only with the nonce of this very answer: markup that a job's name might smuggle in does not.
    let nonce = hex::encode(rand::random::<[u8; 16]>());
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((VARY, "Accept"))
        .body(PAGE.replace("NONCE", &nonce))
}

/// Whether `text/html` is asked for by name: `*/*` is what every tool sends.
fn wants_html(request: &HttpRequest) -> bool {
    Accept::parse(request).is_ok_and(|accept| {
        accept.ranked().iter().any(|kind| kind.essence_str() == "text/html")
            && !accept.iter().any(|item| item.item.essence_str() == "text/html" && item.quality.to_string() == "0")
    })
}

#[cfg(test)]
mod tests {
    use super::PAGE;

    #[test]
    fn the_page_brings_everything_itself_and_writes_text_only_as_text() {
        for outside in ["http://", "https://", "src=", "@import", "url(", "<link"] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
        // A job's name is put in by textContent alone; none of these ways to turn text into markup is there.
        for unsafe_way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "Function(",
            "srcdoc",
            " style=\"",
        ] {
            assert!(!PAGE.contains(unsafe_way), "{unsafe_way}");
        }
        assert_eq!(PAGE.matches("nonce=\"NONCE\"").count(), 2);
        assert_eq!(PAGE.matches("NONCE").count(), 2);
    }
}
