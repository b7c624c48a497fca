//! The server: routes behind the gate, the limits and the counters.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};

use super::auth::{Gate, only_our_names};
use super::extract::{path_config, query_config};
use super::feed::Feed;
use super::limits::{Limited, Limits, give_up_on_silence};
use super::metrics_text::{Metrics, Requests, observe};
use super::problem::complete;
use super::routes::{Frameworks, Replays, SupervisorCollector, configure};
use crate::actors::Supervisor;

/// What a server is made of.
pub struct ServerParts {
    /// Where to listen; port 0 takes any free one.
    pub address: (IpAddr, u16),
    /// The running supervisor.
    pub supervisor: Supervisor,
    /// Who may come in.
    pub gate: Gate,
    /// What a client may cost.
    pub limits: Limits,
    /// Which frameworks can be registered for.
    pub frameworks: Frameworks,
    /// TLS, if any.
    pub tls: Option<rustls::ServerConfig>,
}

/// Binds and starts the server; it runs until its handle stops it. Returns the address that it has.
///
/// # Errors
/// When the address cannot be bound.
pub fn serve(parts: ServerParts) -> io::Result<(Server, SocketAddr)> {
    let listener = TcpListener::bind(parts.address)?;
    listener.set_nonblocking(true)?;
    give_up_on_silence(&listener);
    let address = listener.local_addr()?;
    let supervisor = parts.supervisor;
    let requests = Requests::default();
    let collector = SupervisorCollector(supervisor.clone());
    let (watched, replays) = (Feed::default(), Data::new(Replays::default()));
    let feed = Data::new(watched.clone());
    let metrics = Data::new(Metrics::new(&requests, |registry| {
        registry.register_collector(Box::new(collector));
        registry.register_collector(Box::new(watched));
        supervisor.figures().register(registry);
    }));
    let (gate, limits, frameworks) = (Data::new(parts.gate), Data::new(parts.limits), Data::new(parts.frameworks));
    let (requests, supervisor) = (Data::new(requests), Data::new(supervisor));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(supervisor.clone())
            .app_data(gate.clone())
            .app_data(limits.clone())
            .app_data(frameworks.clone())
            .app_data(metrics.clone())
            .app_data(requests.clone())
            .app_data(feed.clone())
            .app_data(replays.clone())
            .app_data(path_config())
            .app_data(query_config())
            .wrap(from_fn(only_our_names))
            .wrap(from_fn(complete))
            .wrap(from_fn(observe))
            .configure(configure)
    })
    .limited(&parts.limits)
    // Signals are handled by the program, which has more to stop than this server.
    .disable_signals()
    .shutdown_timeout(5);
    let server = match parts.tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    Ok((server.run(), address))
}
