//! The supervisor's settings in the time of the demo.

use std::ffi::OsString;
use std::path::Path;

use super::scaling::{CPUS_PER_NODE, MONITORING_SECONDS, NODES, Speed};
use crate::config::{Arbitration, ConfigError, Layers, PolicyName, RescaleMode, Settings};
use crate::qos::ids::Framework;
use crate::qos::units::Cpus;

/// The time settings of the supervisor and of its cluster: (section, key, published seconds, least real seconds). Below the
/// least, scheduling jitter and HTTP would be taken for something else.
const SCALED: [(&str, &str, f64, f64); 16] = [
    ("elasticity", "deployment_time", 45.0, 0.0),
    ("elasticity", "resize_downtime", 20.0, 1.0),
    ("supervisor", "submit_timeout", 300.0, 30.0),
    ("supervisor", "chain_start_timeout", 60.0, 5.0),
    ("chronos", "poll_interval", 1.0, 0.02),
    ("chronos", "judge_interval", 10.0, 0.5),
    ("chronos", "settle_time", 10.0, 0.5),
    ("chronos", "resize_patience", 60.0, 10.0),
    ("chronos", "delete_grace", 20.0, 5.0),
    ("chronos", "removed_after", 30.0, 3.0),
    ("elasticity", "monitoring_period", MONITORING_SECONDS, 0.1),
    ("marathon", "poll_interval", 2.0, 0.05),
    ("marathon", "watch_interval", 30.0, 1.0),
    ("marathon", "resize_patience", 60.0, 10.0),
    ("marathon", "removed_after", 30.0, 3.0),
    ("metrics", "batch_interval", 5.0, 0.1),
];

/// What decides the settings.
#[derive(Debug, Clone, Copy)]
pub struct Demo {
    /// Times are divided by this.
    pub speed: Speed,
    /// Who decides about the jobs' CPU.
    pub policy: PolicyName,
    /// Who runs the jobs.
    pub framework: Framework,
    /// How jobs get their new CPU.
    pub rescale: RescaleMode,
    /// The policy's step down; absent: the published one.
    pub step_down: Option<Cpus>,
}

impl Demo {
    /// Settings of a supervisor on a free loopback port, for the framework that `credentials` are for; it sends its metrics where
    /// `openstack` says.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn supervisor(&self, data_dir: &Path, credentials: &Path, openstack: &Path) -> Result<Settings, ConfigError> {
        let mut variables: Vec<(OsString, OsString)> = Vec::new();
        let mut set = |section: &str, key: &str, value: OsString| {
            variables.push((format!("MESOS_QOS_{section}_{key}").to_uppercase().into(), value));
        };
        set("supervisor", "listen", "127.0.0.1".into());
        set("supervisor", "port", "0".into());
        set("supervisor", "data_dir", data_dir.into());
        set("supervisor", &format!("credentials_{}", self.framework), credentials.into());
        set("supervisor", "credentials_openstack", openstack.into());
        set("elasticity", "policy", self.policy.as_str().into());
        set("elasticity", "rescale", self.rescale.as_str().into());
        if (self.framework, self.rescale) == (Framework::Chronos, RescaleMode::InPlace) {
            // Nothing else runs there.
            set("elasticity", "arbitration", Arbitration::ByNode.as_str().into());
        }
        set("elasticity", "cluster_cpus", (NODES * CPUS_PER_NODE).to_string().into());
        set("elasticity", "node_cpus", CPUS_PER_NODE.to_string().into());
        if let Some(cpus) = self.step_down {
            set("elasticity", "cpu_decrement", cpus.to_string().into());
        }
        for (section, key, seconds, least) in SCALED {
            set(section, key, (seconds / self.speed.get()).max(least).to_string().into());
        }
        // Nothing but these: the demo is the same in every directory and every environment.
        let layers = Layers::collect(Vec::new(), variables, None).map_err(|problem| ConfigError(vec![problem]))?;
        Settings::from_layers(&layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_scaled_and_have_a_floor() {
        let of = |speed, framework, rescale| {
            let speed = Speed::new(speed).unwrap();
            let step_down = (framework == Framework::Marathon).then_some(Cpus::from_milli(100));
            let demo = Demo { speed, policy: PolicyName::Step, framework, rescale, step_down };
            demo.supervisor(Path::new("/tmp/d"), Path::new("/tmp/c"), Path::new("/tmp/o")).unwrap()
        };
        let at = |speed| of(speed, Framework::Chronos, RescaleMode::Restart);
        let published = at(1.0);
        assert_eq!(published.elasticity.deployment_time.seconds(), 45.0);
        assert_eq!(published.elasticity.cpu_decrement, Cpus::from_milli(400));
        let long_running = of(1.0, Framework::Marathon, RescaleMode::Restart);
        assert_eq!(long_running.elasticity.cpu_decrement, Cpus::from_milli(100));
        assert_eq!(published.chronos.judge_interval, Settings::default().chronos.judge_interval);
        let fast = at(90.0);
        assert_eq!(fast.elasticity.deployment_time.seconds(), 0.5);
        assert_eq!((fast.chronos.poll_interval.seconds(), fast.chronos.judge_interval.seconds()), (0.02, 0.5));
        assert!(fast.supervisor.listen.is_loopback() && fast.supervisor.port == 0);
        assert_eq!(published.marathon, Settings::default().marathon);
        assert_eq!(published.metrics, Settings::default().metrics);
        assert_eq!(published.supervisor.credentials_openstack.as_deref(), Some(Path::new("/tmp/o")));
        let marathon = of(15.0, Framework::Marathon, RescaleMode::InPlace);
        assert_eq!(marathon.elasticity.monitoring_period.seconds(), 8.0);
        assert_eq!(marathon.elasticity.rescale, RescaleMode::InPlace);
        assert_eq!(marathon.supervisor.credentials_marathon.as_deref(), Some(Path::new("/tmp/c")));
        assert_eq!(
            (&marathon.supervisor.credentials_chronos, &at(1.0).supervisor.credentials_marathon),
            (&None, &None)
        );
    }
}
