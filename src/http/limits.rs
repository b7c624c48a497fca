//! What a client may cost: connections, time, bytes.

use std::fmt;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::Request;
use actix_service::IntoServiceFactory;
use actix_web::HttpServer;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Response, Service, ServiceFactory};
use nix::sys::socket::{setsockopt, sockopt::TcpUserTimeout};

use crate::config::SupervisorSettings;

/// The largest body that is read, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// An idle connection is closed after this time.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// After an answer to a request whose body did not come, the connection is closed after this time. Must be well above half
/// a second: actix reads a clock that may lag that far, and a deadline that has passed when it is set never fires.
const DISCONNECT: Duration = Duration::from_secs(2);

/// A client that takes nothing of its answer for this time is cut off. Neither a connection that is open nor one that goes on for hours
/// is: only bytes count that wait to be taken.
const UNTAKEN: Duration = Duration::from_secs(30);

/// Connections that wait in the kernel's queue.
const BACKLOG: u32 = 1024;

/// What a client may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest body in bytes.
    pub body: usize,
    /// The time in which the head of a request must come, and after it the body.
    pub client_timeout: Duration,
    /// Connections served at once, over all workers.
    pub connections: usize,
    /// Threads that serve.
    pub workers: usize,
}

impl Limits {
    /// The limits that the settings ask for.
    pub fn of(settings: &SupervisorSettings) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Limits {
            body: BODY_LIMIT,
            client_timeout: settings.client_timeout.to_std(),
            connections: settings.max_connections as usize,
            workers: settings.workers.map_or_else(cores, |workers| workers as usize),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits { body: BODY_LIMIT, client_timeout: Duration::from_secs(10), connections: 4096, workers: 1 }
    }
}

/// Has the kernel end a connection whose other end acknowledges nothing, or takes nothing, for half a minute. Connections have this from
/// the socket that they were accepted by.
pub fn give_up_on_silence(listener: &TcpListener) {
    let millis = u32::try_from(UNTAKEN.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = setsockopt(listener, TcpUserTimeout, &millis) {
        tracing::warn!(%error, "clients that do not take their answers are not cut off");
    }
}

/// A server held to [`Limits`].
pub trait Limited {
    /// Sets all limits but that of the body, which [`super::extract`] enforces.
    #[must_use]
    fn limited(self, limits: &Limits) -> Self;
}

impl<F, I, S, B> Limited for HttpServer<F, I, S, B>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    fn limited(self, limits: &Limits) -> Self {
        self.workers(limits.workers)
            .max_connections(limits.connections.div_ceil(limits.workers))
            .backlog(BACKLOG)
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(limits.client_timeout)
            .client_disconnect_timeout(DISCONNECT)
            .tls_handshake_timeout(limits.client_timeout)
    }
}
