//! Who may talk to the cluster: callers that know its name as a loopback one, with the right password.

use std::net::IpAddr;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

use super::credentials::Credentials;

/// What the guard of a framework's API needs.
pub(super) struct Access {
    pub credentials: Credentials,
    /// On every answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Lets only requests pass that were sent to a loopback name: a page in a browser can be made to send others, by a
/// name that resolves to 127.0.0.1.
pub(super) async fn local_host_only(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if !names_loopback(request.headers().get(header::HOST)) {
        return Ok(request.into_response(wrong_host()));
    }
    next.call(request).await.map(ServiceResponse::map_into_boxed_body)
}

/// As [`local_host_only`], with HTTP basic authentication on every path.
pub(super) async fn authenticated(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let access = request.app_data::<web::Data<Access>>().cloned();
    let accepted = access.as_ref().is_some_and(|access| {
        let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        given.is_some_and(|given| access.credentials.accept(given))
    });
    let mut response = if !names_loopback(request.headers().get(header::HOST)) {
        request.into_response(wrong_host())
    } else if !accepted {
        request.into_response(unauthorized())
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    for (name, value) in access.iter().flat_map(|access| &access.headers) {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    Ok(response)
}

fn names_loopback(host: Option<&HeaderValue>) -> bool {
    let Some(host) = host.and_then(|host| host.to_str().ok()) else { return false };
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn wrong_host() -> HttpResponse {
    HttpResponse::MisdirectedRequest()
        .content_type("text/plain; charset=utf-8")
        .body("this cluster answers to localhost and loopback addresses only\n")
}

/// The page of the original's HTTP server: not JSON, whatever was asked for.
fn unauthorized() -> HttpResponse {
    HttpResponse::Unauthorized()
        .insert_header((header::WWW_AUTHENTICATE, "basic realm=\"Mesosphere\""))
        .content_type("text/html; charset=ISO-8859-1")
        .body("<html>\n<head><title>Error 401 Unauthorized</title></head>\n<body><h2>HTTP ERROR: 401</h2></body>\n</html>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_let_in() {
        let named = |host: &str| names_loopback(Some(&HeaderValue::from_str(host).unwrap()));
        for good in ["localhost", "LOCALHOST:4400", "127.0.0.1:4400", "127.1.2.3", "[::1]:4400"] {
            assert!(named(good), "{good}");
        }
        for bad in ["", "example.org", "127.0.0.1.example.org:80", "10.0.0.1", "localhost.example.org", "[fe80::1]"] {
            assert!(!named(bad), "{bad}");
        }
        assert!(!names_loopback(None));
    }
}
