//! Where nobody needs a token, a browser is the only one who tells our pages from those of other sites, and it does so by name. The owner of
//! a name can have it lead to this machine after a page was loaded from it (DNS rebinding), and that page would then be taken for ours. So
//! only names that are ours are answered. An address is nobody's name: it leads where it says.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HOST;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, http::StatusCode};

use crate::http::problem::Problem;

use super::{AuthMode, Gate};

/// Asked by machines, who know the supervisor by names of their own: probes, which are told little, and the reports of jobs and agents, which
/// must not be lost and are of no use to whoever does not know the id of a job.
const OPEN_TO_ALL_NAMES: [&str; 7] =
    ["/healthz", "/readyz", "/metrics", "/startTask", "/updateTask", "/initMarathonApp", "/endMarathonApp"];

/// The same, below the address of a job.
const REPORTS_OF_AGENTS: &str = "/cpu-samples";

fn open_to_all_names(path: &str) -> bool {
    OPEN_TO_ALL_NAMES.contains(&path) || path.ends_with(REPORTS_OF_AGENTS)
}

/// The names that a supervisor answers to, beside its addresses and `localhost`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// These names, in any case.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Hosts(names.into_iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Whether `host`, as it stands in the header of a request, is one of ours.
    pub fn answer_to(&self, host: &str) -> bool {
        let Some(name) = name_of(host) else { return false };
        name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok() || self.0.contains(&name)
    }
}

/// The name in a `Host` header, without its port, in lower case; none of what is no name. An IPv6 address comes without its brackets.
fn name_of(host: &str) -> Option<String> {
    let host = host.trim();
    if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_number);
        return (is_port && address.parse::<Ipv6Addr>().is_ok()).then(|| address.to_owned());
    }
    let name = match host.split_once(':') {
        Some((name, port)) if is_number(port) => name,
        Some(_) => return None,
        None => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    (!name.is_empty()).then(|| name.to_ascii_lowercase())
}

fn is_number(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit())
}

/// A middleware for the whole server: with authentication off, a request for another name is answered with 421.
///
/// # Errors
/// That answer, and those of the handlers.
pub async fn only_our_names<B: MessageBody>(
    gate: Data<Gate>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    // Every browser sends it; what comes without it comes from no page.
    let guarded = gate.mode() == AuthMode::Off && !open_to_all_names(request.path());
    let asked = request.headers().get(HOST).filter(|_| guarded);
    if let Some(host) = asked
        && !host.to_str().is_ok_and(|host| gate.hosts().answer_to(host))
    {
        let host: String = String::from_utf8_lossy(host.as_bytes()).chars().take(100).collect();
        let text = format!(
            "{host:?} is no name of this supervisor: with auth.mode = \"off\" it answers to addresses, to localhost, and to the names in \
             auth.hosts"
        );
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, text).into());
    }
    next.call(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_configured_names_are_ours_and_nothing_else_is() {
        let hosts = Hosts::new(["Supervisor.example".to_owned(), "qos".to_owned()]);
        for ours in [
            "127.0.0.1",
            "127.0.0.1:30000",
            "10.1.2.3:80",
            "[::1]",
            "[::1]:30000",
            "localhost",
            "LOCALHOST:1",
            "a.localhost:30000",
            "localhost.",
            "supervisor.example:30000",
            "SUPERVISOR.EXAMPLE.",
            "qos",
        ] {
            assert!(hosts.answer_to(ours), "{ours}");
        }
        for other in [
            "",
            ":30000",
            "evil.example",
            "evil.example:30000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "evil.example:x",
            "a:b:c",
            "[::1",
            "[::1]evil",
            "[evil]",
            "notlocalhost",
            "2130706433",
        ] {
            assert!(!hosts.answer_to(other), "{other}");
        }
    }
}
