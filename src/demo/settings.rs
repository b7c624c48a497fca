//! The supervisor's settings in the time of the demo.

use std::ffi::OsString;
use std::path::Path;

use super::scaling::Speed;
use crate::config::{ConfigError, Layers, PolicyName, Settings};

/// The time settings of the supervisor and of its cluster: (section, key, published seconds, least real seconds). Below the
/// least, scheduling jitter and HTTP would be taken for something else.
const SCALED: [(&str, &str, f64, f64); 8] = [
    ("elasticity", "deployment_time", 45.0, 0.0),
    ("supervisor", "submit_timeout", 300.0, 30.0),
    ("chronos", "poll_interval", 2.0, 0.03),
    ("chronos", "judge_interval", 10.0, 0.5),
    ("chronos", "settle_time", 10.0, 0.5),
    ("chronos", "resize_patience", 60.0, 10.0),
    ("chronos", "delete_grace", 20.0, 5.0),
    ("chronos", "removed_after", 30.0, 3.0),
];

/// Settings of a supervisor on a free loopback port whose times are divided by `speed`.
///
/// # Errors
/// When a path is not UTF-8.
pub fn supervisor(speed: Speed, policy: PolicyName, data_dir: &Path, chronos: &Path) -> Result<Settings, ConfigError> {
    let mut variables: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |section: &str, key: &str, value: OsString| {
        variables.push((format!("MESOS_QOS_{section}_{key}").to_uppercase().into(), value));
    };
    set("supervisor", "listen", "127.0.0.1".into());
    set("supervisor", "port", "0".into());
    set("supervisor", "data_dir", data_dir.into());
    set("supervisor", "credentials_chronos", chronos.into());
    set("elasticity", "policy", policy.as_str().into());
    for (section, key, seconds, least) in SCALED {
        set(section, key, (seconds / speed.get()).max(least).to_string().into());
    }
    // Nothing but these: the demo is the same in every directory and every environment.
    let layers = Layers::collect(Vec::new(), variables, None).map_err(|problem| ConfigError(vec![problem]))?;
    Settings::from_layers(&layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_scaled_and_have_a_floor() {
        let at = |speed| {
            supervisor(Speed::new(speed).unwrap(), PolicyName::Step, Path::new("/tmp/d"), Path::new("/tmp/c")).unwrap()
        };
        let published = at(1.0);
        assert_eq!(published.elasticity.deployment_time.seconds(), 45.0);
        assert_eq!(published.chronos, Settings::default().chronos);
        let fast = at(90.0);
        assert_eq!(fast.elasticity.deployment_time.seconds(), 0.5);
        assert_eq!((fast.chronos.poll_interval.seconds(), fast.chronos.judge_interval.seconds()), (0.03, 0.5));
        assert!(fast.supervisor.listen.is_loopback() && fast.supervisor.port == 0);
    }
}
