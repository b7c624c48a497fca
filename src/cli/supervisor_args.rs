//! The flags of `mesos-qos supervisor`, and the settings that come of them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::config::{ConfigError, FlagValue, Settings};

/// Supervise jobs: take their reports, predict their finish, resize and start them
///
/// Every setting can be given in a file (--config, or mesos-qos.toml in the working directory) and in the environment, such as
/// MESOS_QOS_SUPERVISOR_PORT for `port` in `[supervisor]`; a flag wins over the environment, that over the file.
#[derive(Debug, Clone, Default, Args)]
pub struct SupervisorArgs {
    /// Chronos credentials file; without it, Chronos jobs are refused
    #[arg(short = 'c', long, value_name = "FILE")]
    pub credentials_chronos: Option<String>,
    /// Marathon credentials file; without it, Marathon jobs are refused
    #[arg(short = 'm', long, value_name = "FILE")]
    pub credentials_marathon: Option<String>,
    /// OpenStack credentials file; without it, no metrics go to Monasca
    #[arg(short = 'o', long, value_name = "FILE")]
    pub credentials_openstack: Option<String>,
    /// Address to listen on [default: 0.0.0.0]
    #[arg(short = 'i', long, value_name = "ADDRESS")]
    pub rest_ip: Option<String>,
    /// Port to listen on; 0 takes a free one [default: 30000]
    #[arg(short = 'p', long, value_name = "PORT")]
    pub rest_port: Option<String>,
    /// Configuration file
    #[arg(long, value_name = "FILE", env = "MESOS_QOS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Directory of the event log, the key and the operator token [default: mesos-qos-data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Directory of the daily log files [default: log in the data directory]
    #[arg(long, value_name = "DIR")]
    pub log_directory: Option<String>,
    /// How log lines are written: text or json
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Which routes ask for a token: required, legacy-callbacks or off
    #[arg(long, value_name = "MODE")]
    pub auth: Option<String>,
    /// Accept auth mode off on an address that other machines reach
    #[arg(long)]
    pub insecure_auth_off: bool,
    /// PEM file with the certificate and its chain
    #[arg(long, value_name = "FILE")]
    pub tls_certificate: Option<String>,
    /// PEM file with the certificate's private key
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<String>,
    /// Print the settings in force as a configuration file, and end
    #[arg(long)]
    pub print_config: bool,
}

impl SupervisorArgs {
    /// The settings in force. `variables` is the environment.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn settings(&self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Settings, ConfigError> {
        Settings::load(self.flags(), variables, self.config.clone())
    }

    fn flags(&self) -> Vec<FlagValue> {
        let given = [
            ("supervisor", "credentials_chronos", "--credentials-chronos", self.credentials_chronos.clone()),
            ("supervisor", "credentials_marathon", "--credentials-marathon", self.credentials_marathon.clone()),
            ("supervisor", "credentials_openstack", "--credentials-openstack", self.credentials_openstack.clone()),
            ("supervisor", "listen", "--rest-ip", self.rest_ip.clone()),
            ("supervisor", "port", "--rest-port", self.rest_port.clone()),
            ("supervisor", "data_dir", "--data-dir", self.data_dir.clone()),
            ("supervisor", "log_directory", "--log-directory", self.log_directory.clone()),
            ("supervisor", "log_format", "--log-format", self.log_format.clone()),
            ("auth", "mode", "--auth", self.auth.clone()),
            ("auth", "force_off", "--insecure-auth-off", self.insecure_auth_off.then(|| "true".to_owned())),
            ("tls", "certificate", "--tls-certificate", self.tls_certificate.clone()),
            ("tls", "key", "--tls-key", self.tls_key.clone()),
        ];
        let given = given.into_iter();
        given.filter_map(|(section, key, flag, value)| Some(FlagValue { section, key, flag, value: value? })).collect()
    }
}
