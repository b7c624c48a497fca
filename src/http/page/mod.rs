//! `GET /`: the page for browsers, a word for everything else. And the pages of `/docs`.
//!
//! The page is a handful of files that are in the program. It holds no data: its scripts read the API, as the operator who has logged in,
//! so that the page itself may be public. It asks nobody but the supervisor, and the policy in its answers keeps it so.

pub mod docs;

use std::sync::LazyLock;

use actix_web::http::header::{
    Accept, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, Header, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use sha2::{Digest, Sha256};

/// Scripts and styles come from files of ours alone, so that markup which a job's name might smuggle in runs nothing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SHELL: &str = include_str!("files/index.html");

/// Names a file, as it is asked for, together with its content.
macro_rules! files {
    ($($name:literal: $kind:literal,)+) => {
        &[$(($name, $kind, include_str!(concat!("files/", $name)))),+]
    };
}

/// The page's files: name, type, content.
const FILES: &[(&str, &str, &str)] = files! {
    "style.css": "text/css",
    "charts.css": "text/css",
    "icon.svg": "image/svg+xml",
    "main.js": "text/javascript",
    "api.js": "text/javascript",
    "answers.js": "text/javascript",
    "dom.js": "text/javascript",
    "format.js": "text/javascript",
    "terms.js": "text/javascript",
    "list.js": "text/javascript",
    "live.js": "text/javascript",
    "login.js": "text/javascript",
    "job.js": "text/javascript",
    "about.js": "text/javascript",
    "late.js": "text/javascript",
    "events.js": "text/javascript",
    "history.js": "text/javascript",
    "tell.js": "text/javascript",
    "decisions.js": "text/javascript",
    "decision.js": "text/javascript",
    "sharing.js": "text/javascript",
    "changes.js": "text/javascript",
    "reason.js": "text/javascript",
    "figures.js": "text/javascript",
    "outlook.js": "text/javascript",
    "chart.js": "text/javascript",
    "plot.js": "text/javascript",
    "charts.js": "text/javascript",
    "prediction_chart.js": "text/javascript",
    "cpu_chart.js": "text/javascript",
    "durations_chart.js": "text/javascript",
    "whatif.js": "text/javascript",
};

/// What a browser may keep of all files together: they change with the program only.
static TAG: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    FILES.iter().for_each(|(_, _, content)| digest.update(content));
    format!("\"{}\"", hex::encode(&digest.finalize()[..8]))
});

/// Answers a browser with the page and everybody else with `Welcome`.
pub fn root(request: &HttpRequest) -> HttpResponse {
    if !wants_html(request) {
        return HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
            .insert_header((VARY, "Accept"))
            .body("Welcome");
    }
    protected(POLICY)
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((VARY, "Accept"))
        .body(SHELL)
}

/// A file of the page, if there is one of this name.
pub fn file(request: &HttpRequest, name: &str) -> Option<HttpResponse> {
    let (_, kind, content) = FILES.iter().find(|(known, _, _)| *known == name)?;
    let tag = TAG.as_str();
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    if known {
        return Some(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    let answer = protected(POLICY)
        .insert_header((CONTENT_TYPE, format!("{kind}; charset=utf-8")))
        // Asked for again each time, and sent only when the program is another one.
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((ETAG, tag))
        .body(*content);
    Some(answer)
}

/// An answer that a browser shows, with what it may do with it.
fn protected(policy: &str) -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .insert_header((REFERRER_POLICY, "no-referrer"));
    answer
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
    use super::{FILES, SHELL};

    #[test]
    fn the_page_brings_everything_itself_and_writes_text_only_as_text() {
        for (name, _, content) in FILES.iter().chain(&[("index.html", "", SHELL)]) {
            // The name of SVG's elements is an address that nobody visits.
            let content = content.replace("http://www.w3.org/2000/svg", "");
            for outside in ["http://", "https://", "@import", "url(", "//cdn"] {
                assert!(!content.contains(outside), "{name}: {outside}");
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
                "<style",
                "onclick=",
                "localStorage",
                "sessionStorage",
            ] {
                assert!(!content.contains(unsafe_way), "{name}: {unsafe_way}");
            }
        }
        assert!(!SHELL.contains("<script>"), "a script inside the page would not run");
    }

    #[test]
    fn every_file_that_is_imported_or_linked_is_there() {
        for (name, _, content) in FILES.iter().chain(&[("index.html", "", SHELL)]) {
            for line in content.lines() {
                let imported = line.split_once(" from \"./").and_then(|(_, rest)| rest.split('"').next());
                let linked = line.split_once("\"/page/").and_then(|(_, rest)| rest.split('"').next());
                for asked in imported.into_iter().chain(linked) {
                    assert!(FILES.iter().any(|(known, _, _)| *known == asked), "{name} asks for {asked}");
                }
            }
        }
    }
}
