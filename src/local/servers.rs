//! The ports of a cluster, and who serves them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::header::{self, HeaderValue};
use actix_web::{App, HttpServer, web};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::credentials::Credentials;
use super::driver::Driver;
use super::local_http::LocalHttp;
use super::openstack::OpenStack;
use super::{chronos, guard, marathon, mesos, openstack};

/// The ports that the cluster listens on.
pub(super) struct Ports {
    pub chronos: TcpListener,
    pub marathon: TcpListener,
    pub mesos: TcpListener,
    pub keystone: TcpListener,
    pub monasca: TcpListener,
}

/// Their addresses.
#[derive(Clone, Copy)]
pub(super) struct Addresses {
    pub chronos: SocketAddr,
    pub marathon: SocketAddr,
    pub mesos: SocketAddr,
    pub keystone: SocketAddr,
    pub monasca: SocketAddr,
}

impl Ports {
    pub fn addresses(&self) -> io::Result<Addresses> {
        let Ports { chronos, marathon, mesos, keystone, monasca } = self;
        Ok(Addresses {
            chronos: chronos.local_addr()?,
            marathon: marathon.local_addr()?,
            mesos: mesos.local_addr()?,
            keystone: keystone.local_addr()?,
            monasca: monasca.local_addr()?,
        })
    }
}

/// What the cluster's own thread holds.
pub(super) struct Inside {
    pub driver: Arc<Driver>,
    pub credentials: Credentials,
    pub addresses: Addresses,
    pub cluster: Uuid,
    pub openstack: Arc<OpenStack>,
}

/// An idle connection is closed after this time, as Jetty does, in which the real ones run. A client that keeps connections for less
/// sends nothing on one that is just being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

impl Inside {
    pub fn serve(&self, ports: Ports) -> io::Result<Vec<ServerHandle>> {
        let keystone = openstack::keystone(self.openstack.clone());
        let monasca = openstack::monasca(self.openstack.clone(), format!("http://{}", self.addresses.keystone));
        let servers = [
            self.chronos(ports.chronos)?,
            self.marathon(ports.marathon)?,
            self.mesos(ports.mesos)?,
            plain(keystone, ports.keystone)?,
            plain(monasca, ports.monasca)?,
        ];
        let handles = servers.iter().map(Server::handle).collect();
        for server in servers {
            actix_web::rt::spawn(server);
        }
        Ok(handles)
    }

    fn chronos(&self, port: TcpListener) -> io::Result<Server> {
        let version = self.driver.read(|state| state.chronos.version());
        let any = (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let headers = if version.is_v3() { vec![any] } else { Vec::new() };
        let access = web::Data::new(guard::Access { credentials: self.credentials.clone(), headers });
        let address = self.addresses.chronos;
        let api = web::Data::new(chronos::http::Api::new(self.driver.clone(), version, address, Handle::current()));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(access.clone())
                .app_data(api.clone())
                .wrap(actix_web::middleware::from_fn(guard::authenticated))
                .configure(|config| chronos::http::routes(config, version))
        });
        Ok(server.workers(1).keep_alive(KEEP_ALIVE).disable_signals().shutdown_timeout(1).listen(port)?.run())
    }

    fn marathon(&self, port: TcpListener) -> io::Result<Server> {
        let address = self.addresses.marathon;
        let headers = marathon::http::headers(address);
        let access = web::Data::new(guard::Access { credentials: self.credentials.clone(), headers });
        let api = web::Data::new(marathon::http::Api::new(self.driver.clone(), address, Handle::current()));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(access.clone())
                .app_data(api.clone())
                .wrap(actix_web::middleware::from_fn(guard::authenticated))
                .configure(marathon::http::routes)
        });
        Ok(server.workers(1).keep_alive(KEEP_ALIVE).disable_signals().shutdown_timeout(1).listen(port)?.run())
    }

    fn mesos(&self, port: TcpListener) -> io::Result<Server> {
        let view = web::Data::new(mesos::View::new(self.driver.clone(), self.cluster, self.addresses.mesos));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(view.clone())
                .wrap(actix_web::middleware::from_fn(guard::local_host_only))
                .configure(mesos::routes)
        });
        Ok(server.workers(1).keep_alive(KEEP_ALIVE).disable_signals().shutdown_timeout(1).listen(port)?.run())
    }
}

/// A service that asks for a token of its own, if for any.
fn plain(service: LocalHttp, port: TcpListener) -> io::Result<Server> {
    let server = HttpServer::new(move || {
        App::new()
            .wrap(actix_web::middleware::from_fn(guard::local_host_only))
            .configure(|config| service.configure(config))
    });
    Ok(server.workers(1).keep_alive(KEEP_ALIVE).disable_signals().shutdown_timeout(1).listen(port)?.run())
}
