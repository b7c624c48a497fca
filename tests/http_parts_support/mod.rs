//! A real server on a free port with the parts under test and handlers that only echo.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, Json};
use actix_web::{App, HttpRequest, HttpServer};
use mesos_qos::api::register::RegisterRequest;
use mesos_qos::api::report::{FinishReport, StartReport};
use mesos_qos::config::{AuthMode, TlsSettings};
use mesos_qos::http::auth::{Checked, Gate, OperatorAccess, PublicAccess, ScrapeAccess};
use mesos_qos::http::extract::{JsonBody, path_config, query_config};
use mesos_qos::http::limits::{Limited, Limits};
use mesos_qos::http::metrics_text::{Format, Metrics, Requests, observe};
use mesos_qos::http::{page, problem, tls};
use mesos_qos::token::{CallbackKey, StoredToken};

pub const JOB: &str = "6c4a7f0e-22f5-4a3e-9e39-0d5f5e7f9a11";
pub const OTHER_JOB: &str = "0b6e9a52-6f8e-4a27-b1a7-6a0f2a1c9d22";

/// The server's data directory and tokens.
pub struct Secrets {
    pub dir: tempfile::TempDir,
    pub operator: String,
    pub scrape: String,
}

impl Secrets {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let token = StoredToken::load_or_create(dir.path()).unwrap();
        let operator = std::fs::read_to_string(token.path()).unwrap().trim().to_owned();
        let scrape = "scrape-token-of-the-tests".to_owned();
        std::fs::write(dir.path().join("scrape"), &scrape).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(dir.path().join("scrape"), private).unwrap();
        Secrets { dir, operator, scrape }
    }

    pub fn gate(&self, mode: AuthMode) -> Gate {
        let dir: &Path = self.dir.path();
        let scrape = StoredToken::load(&dir.join("scrape")).unwrap();
        let (key, operator) = (CallbackKey::load_or_create(dir), StoredToken::load_or_create(dir));
        Gate::new(mode, key.unwrap(), operator.unwrap(), Some(scrape))
    }

    pub fn job(&self, uuid: &str) -> String {
        let key = CallbackKey::load_or_create(self.dir.path()).unwrap();
        key.job_token(&uuid.parse().unwrap()).expose().to_owned()
    }
}

/// Starts a server; it ends with the test's runtime.
pub fn serve(gate: Gate, limits: Limits, tls: &TlsSettings) -> SocketAddr {
    let (gate, limits) = (Data::new(gate), Data::new(limits));
    let held_to = **limits;
    let requests = Requests::default();
    let metrics = Data::new(Metrics::new(&requests, |_| {}));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(gate.clone())
            .app_data(limits.clone())
            .app_data(metrics.clone())
            .app_data(Data::new(requests.clone()))
            .app_data(path_config())
            .app_data(query_config())
            .wrap(from_fn(problem::complete))
            .wrap(from_fn(observe))
            .service(web::resource("/").route(web::get().to(async |request: HttpRequest| page::root(&request))))
            .service(web::resource("/initTask").route(web::post().to(register)))
            .service(web::resource("/startTask").route(web::post().to(start)))
            .service(web::resource("/updateTask").route(web::post().to(update)))
            .service(
                web::resource("/api/v1/jobs/{uuid}").route(web::get().to(one_job)).route(web::delete().to(one_job)),
            )
            .service(web::resource("/api/v1/replay").route(web::post().to(replay)))
            .service(web::resource("/metrics").route(web::get().to(scrape)))
            .service(web::resource("/readyz").route(web::get().to(ready)))
            .default_service(web::to(problem::no_such_route))
    })
    .limited(&held_to)
    .disable_signals();
    let server = match tls::server_config(tls).unwrap() {
        Some(config) => server.bind_rustls_0_23("127.0.0.1:0", config).unwrap(),
        None => server.bind("127.0.0.1:0").unwrap(),
    };
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    address
}

pub fn plain(mode: AuthMode) -> (Secrets, String) {
    let secrets = Secrets::new();
    let address = serve(secrets.gate(mode), Limits::default(), &TlsSettings { certificate: None, key: None });
    (secrets, format!("http://{address}"))
}

pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap()
}

async fn register(checked: Checked<RegisterRequest>) -> Json<String> {
    Json(format!("{:?}", checked.caller))
}

async fn start(checked: Checked<StartReport>) -> Json<String> {
    Json(format!("{:?}", checked.caller))
}

async fn update(checked: Checked<FinishReport>) -> Json<String> {
    Json(format!("{:?}", checked.caller))
}

async fn one_job(_: OperatorAccess, uuid: web::Path<uuid::Uuid>) -> Json<String> {
    Json(uuid.to_string())
}

async fn replay(_: OperatorAccess, body: JsonBody<serde_json::Value>) -> Json<serde_json::Value> {
    Json(body.0)
}

async fn scrape(_: ScrapeAccess, metrics: Data<Metrics>) -> String {
    metrics.render(&[], Format::Plain).unwrap()
}

async fn ready(access: PublicAccess) -> Json<String> {
    Json(format!("{:?}", access.0))
}
