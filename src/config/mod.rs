//! The settings of the supervisor: `mesos-qos.toml`, environment and flags, validated once into typed values.
//!
//! A flag wins over the environment (`MESOS_QOS_<SECTION>_<KEY>`), that over the file, that over the default. Each section
//! lists its keys in one place, its `read`; whatever is written and never read there is an unknown key.

mod choice;
mod controllers;
mod elasticity;
mod error;
mod file;
mod launcher;
mod layers;
mod marathon;
mod openstack;
mod outside;
mod predictive;
mod prometheus;
mod reader;
mod render;
mod supervisor;
mod value;
mod webhooks;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use crate::qos::policy::PolicyName;
pub use choice::Choice;
pub use controllers::ControllerSettings;
pub use elasticity::{Arbitration, ElasticitySettings, RescaleMode};
pub use error::{ConfigError, Problem};
pub use launcher::LauncherSettings;
pub use layers::{ENV_PREFIX, FlagValue, Layers, OTHER_VARIABLES};
pub use marathon::MarathonSettings;
pub use openstack::OpenStackSettings;
pub use outside::{ChronosSettings, CpuSourceKind, CpuSourceSettings, MetricsSettings};
pub use predictive::{CpuLimits, PredictiveSettings};
pub use prometheus::PrometheusSettings;
pub use supervisor::{AuthMode, AuthSettings, LogFormat, SupervisorSettings, TlsSettings};
pub use value::Source;
pub use webhooks::WebhookSettings;

use reader::Reader;

/// The file that is read from the working directory when no other is named.
pub const DEFAULT_FILE: &str = "mesos-qos.toml";

/// All settings, valid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settings {
    /// The process itself.
    pub supervisor: SupervisorSettings,
    /// When and how far a job's CPU is changed.
    pub elasticity: ElasticitySettings,
    /// How patient the supervisor is with Chronos.
    pub chronos: ChronosSettings,
    /// How patient the supervisor is with Marathon.
    pub marathon: MarathonSettings,
    /// Where the CPU time of Marathon jobs is learned.
    pub cpu_source: CpuSourceSettings,
    /// The Prometheus that is asked for them.
    pub prometheus: PrometheusSettings,
    /// How patient the supervisor is with Keystone and Monasca.
    pub openstack: OpenStackSettings,
    /// What is sent to Monasca.
    pub metrics: MetricsSettings,
    /// Who is told of what an operator should know at once.
    pub webhooks: WebhookSettings,
    /// Who may talk to the supervisor.
    pub auth: AuthSettings,
    /// Its certificate.
    pub tls: TlsSettings,
    /// What is written into Marathon apps.
    pub launcher: LauncherSettings,
}

impl Settings {
    /// Reads the settings. `path` is the file named by the user; without one, [`DEFAULT_FILE`] is read if it is there.
    ///
    /// # Errors
    /// Everything that is wrong, at once: an unreadable file, unknown keys, values of the wrong type or out of range,
    /// values that do not go together.
    pub fn load(
        flags: Vec<FlagValue>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        path: Option<PathBuf>,
    ) -> Result<Self, ConfigError> {
        let path = path.or_else(|| Path::new(DEFAULT_FILE).exists().then(|| DEFAULT_FILE.into()));
        let layers =
            Layers::collect(flags, variables, path.as_deref()).map_err(|problem| ConfigError(vec![problem]))?;
        Self::from_layers(&layers)
    }

    /// Checks what was written.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(layers);
        let settings = Settings {
            supervisor: SupervisorSettings::read(&mut reader),
            elasticity: ElasticitySettings::read(&mut reader),
            chronos: ChronosSettings::read(&mut reader),
            marathon: MarathonSettings::read(&mut reader),
            cpu_source: CpuSourceSettings::read(&mut reader),
            prometheus: PrometheusSettings::read(&mut reader),
            openstack: OpenStackSettings::read(&mut reader),
            metrics: MetricsSettings::read(&mut reader),
            webhooks: WebhookSettings::read(&mut reader),
            auth: AuthSettings::read(&mut reader),
            tls: TlsSettings::read(&mut reader),
            launcher: LauncherSettings::read(&mut reader),
        };
        settings.elasticity.check(&mut reader);
        settings.chronos.check(&mut reader);
        settings.marathon.check(&mut reader);
        settings.cpu_source.check(&settings.prometheus, &mut reader);
        settings.prometheus.check(&mut reader);
        settings.openstack.check(&mut reader);
        settings.webhooks.check(&mut reader);
        settings.launcher.check(&mut reader);
        settings.check_exposure(&mut reader);
        settings.check_availability(&mut reader);
        let problems = reader.finish();
        if problems.is_empty() { Ok(settings) } else { Err(ConfigError(problems)) }
    }

    /// The settings as a configuration file, secrets left out.
    ///
    /// # Errors
    /// Never for settings that were loaded; TOML cannot hold a path that is not UTF-8.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    /// What an operator should be told at start although it is allowed.
    pub fn warnings(&self) -> Vec<String> {
        let address = self.supervisor.listen;
        let mut warnings = Vec::new();
        if !address.is_loopback() && self.tls.certificate.is_none() {
            warnings.push(format!(
                "listening on {address} without TLS: tokens and reports can be read on the network; set tls.certificate and tls.key"
            ));
        }
        match self.auth.mode {
            AuthMode::Required => {}
            AuthMode::LegacyCallbacks => warnings.push(
                "auth.mode is \"legacy-callbacks\": whoever reaches this address can register jobs and forge their reports".into(),
            ),
            AuthMode::Off => warnings.push("auth.mode is \"off\": whoever reaches this address can do everything".into()),
        }
        warnings
    }

    fn check_exposure(&self, reader: &mut Reader) {
        match (&self.tls.certificate, &self.tls.key) {
            (Some(certificate), None) => {
                reader.conflict("tls", "certificate", format!("{certificate:?}"), "needs tls.key too".into());
            }
            (None, Some(key)) => reader.conflict("tls", "key", format!("{key:?}"), "needs tls.certificate too".into()),
            _ => {}
        }
        if self.auth.mode == AuthMode::Off && !self.supervisor.listen.is_loopback() && !self.auth.force_off {
            let expected = format!(
                "only for a loopback address, and supervisor.listen is {}: listen on 127.0.0.1, or set auth.force_off = true",
                self.supervisor.listen
            );
            reader.conflict("auth", "mode", "\"off\"", expected);
        }
    }

    /// Refuses what later versions will do: a wish that is silently not kept is worse than an error.
    fn check_availability(&self, reader: &mut Reader) {
        if self.cpu_source.kind == CpuSourceKind::Monasca && self.supervisor.credentials_openstack.is_none() {
            let expected = "needs supervisor.credentials_openstack (-o) too".into();
            reader.conflict("cpu_source", "kind", "\"monasca\"", expected);
        }
    }
}

impl Default for Settings {
    /// What holds when nobody wrote anything.
    #[expect(clippy::expect_used, reason = "no input: a test loads the defaults")]
    fn default() -> Self {
        Settings::from_layers(&Layers::default()).expect("the defaults are valid")
    }
}
