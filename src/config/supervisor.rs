//! `[supervisor]`, `[auth]`, `[tls]`: the process itself and who may talk to it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde::Serialize;

use super::choice::choice;
use super::reader::Reader;
use super::render;
use crate::qos::units::Span;

choice! {
    /// How log lines are written.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON document a line.
        Json = "json",
    }
}

choice! {
    /// Which routes ask for a token.
    AuthMode {
        /// All but the public ones.
        Required = "required",
        /// The four published routes are open, for the 2017 launcher, which knows no tokens.
        LegacyCallbacks = "legacy-callbacks",
        /// None: for a supervisor that only this machine can reach.
        Off = "off",
    }
}

/// `[supervisor]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SupervisorSettings {
    /// Address to listen on.
    pub listen: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Where the event log, the key and the tokens live.
    pub data_dir: PathBuf,
    /// Where the daily log files go.
    pub log_directory: PathBuf,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// The most daily log files that are kept, the present one included.
    pub log_files: u32,
    /// A job that its framework has not seen this long after its registration counts as withdrawn.
    #[serde(serialize_with = "render::seconds")]
    pub submit_timeout: Span,
    /// Failed iterations in a row after which a job has failed.
    pub max_failures: u32,
    /// A report is overdue after this many times the expected time.
    pub overdue_factor: f64,
    /// How long a task that was told to run the next iteration itself may take to report its start before Chronos is asked about it.
    #[serde(serialize_with = "render::seconds")]
    pub chain_start_timeout: Span,
    /// Threads that serve HTTP; absent means one a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<u32>,
    /// Connections that are served at once, over all workers; further ones wait in the kernel's queue.
    pub max_connections: u32,
    /// How long a client may take to send its request.
    #[serde(serialize_with = "render::seconds")]
    pub client_timeout: Span,
    /// Credentials file for Chronos; absent switches Chronos off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_chronos: Option<PathBuf>,
    /// Credentials file for Marathon; absent switches Marathon off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_marathon: Option<PathBuf>,
    /// Credentials file for OpenStack; absent switches the metrics to Monasca off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_openstack: Option<PathBuf>,
}

impl SupervisorSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section("supervisor");
        let data_dir = s.optional_path("data_dir").unwrap_or_else(|| "mesos-qos-data".into());
        SupervisorSettings {
            listen: s.address("listen", IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            port: s.whole("port", 30_000, 0..=65_535) as u16,
            log_directory: s.optional_path("log_directory").unwrap_or_else(|| data_dir.join("log")),
            data_dir,
            log_format: s.choice("log_format", LogFormat::Text),
            // With one, each start would delete the lines of the same day.
            log_files: s.whole("log_files", 30, 2..=100_000),
            submit_timeout: s.span("submit_timeout", 300.0, 1.0..=604_800.0),
            max_failures: s.whole("max_failures", 3, 1..=1_000_000),
            overdue_factor: s.real("overdue_factor", 3.0, 1.0..=1000.0),
            chain_start_timeout: s.span("chain_start_timeout", 60.0, 1.0..=86_400.0),
            workers: s.optional_whole("workers", 1..=256),
            max_connections: s.whole("max_connections", 4096, 1..=1_000_000),
            client_timeout: s.span("client_timeout", 10.0, 1.0..=3600.0),
            credentials_chronos: s.optional_path("credentials_chronos"),
            credentials_marathon: s.optional_path("credentials_marathon"),
            credentials_openstack: s.optional_path("credentials_openstack"),
        }
    }
}

/// `[auth]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuthSettings {
    /// Which routes ask for a token.
    pub mode: AuthMode,
    /// Holds the operator token; absent means `operator.token` in the data directory, made at the first start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Holds a token that opens `/metrics` and nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrape_token_file: Option<PathBuf>,
    /// Accept mode `off` on an address that other machines reach.
    pub force_off: bool,
    /// With mode `off`, the names by which the supervisor is asked for, beside its addresses and `localhost`.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "render::names")]
    pub hosts: Vec<String>,
    /// Believe `X-Forwarded-Proto`: a proxy in front sets it, and nobody else can reach the supervisor.
    pub trust_forwarded_proto: bool,
}

impl AuthSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section("auth");
        AuthSettings {
            mode: s.choice("mode", AuthMode::Required),
            token_file: s.optional_path("token_file"),
            scrape_token_file: s.optional_path("scrape_token_file"),
            force_off: s.boolean("force_off", false),
            hosts: s.names("hosts"),
            trust_forwarded_proto: s.boolean("trust_forwarded_proto", false),
        }
    }
}

/// `[tls]`: both or neither.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TlsSettings {
    /// PEM file with the certificate and its chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

impl TlsSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section("tls");
        TlsSettings { certificate: s.optional_path("certificate"), key: s.optional_path("key") }
    }
}
