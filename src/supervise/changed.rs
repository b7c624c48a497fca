//! A recorded policy with other settings, read and checked as a supervisor reads its configuration.

use std::ffi::OsString;

use super::rules::{cluster, defaults};
use crate::config::{ConfigError, CpuLimits, ENV_PREFIX, Layers, Settings};
use crate::qos::arbitration::{Aim, Nodes};
use crate::qos::policy::{Policy, PolicyChoice, PolicyName, PolicySettings};
use crate::qos::units::{Cpus, Span};

/// A policy that somebody asks about, and the cluster that was named with it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedPolicy {
    /// The policy with its parameters.
    pub settings: PolicySettings,
    /// The nodes and the aim, where `cluster_cpus` is set.
    pub cluster: Option<(Nodes, Aim)>,
}

/// `recorded` with another policy, or with other settings (keys of the section elasticity). What is not named stays as it is recorded, as far
/// as the policy that is asked for has it, and is else a default. Nothing else is read: no file, no environment.
///
/// # Errors
/// When a key does not exist or has a value that it cannot have.
pub fn changed_policy(
    recorded: &PolicySettings,
    policy: Option<PolicyName>,
    set: &[(String, String)],
) -> Result<ChangedPolicy, ConfigError> {
    let name = policy.unwrap_or(recorded.policy.which());
    let mut keys = recorded_keys(recorded);
    keys.push(("policy", name.as_str().to_owned()));
    let own = keys.into_iter().map(|(key, value)| (key.to_owned(), value));
    let variables = own.chain(set.iter().cloned()).map(|(key, value)| -> (OsString, OsString) {
        (format!("{ENV_PREFIX}ELASTICITY_{}", key.to_uppercase()).into(), value.into())
    });
    let layers = Layers::collect(Vec::new(), variables, None).map_err(|problem| ConfigError(vec![problem]))?;
    let settings = Settings::from_layers(&layers)?;
    let chosen = defaults(&settings).policies.settings(PolicyChoice::default());
    let shared = cluster(&settings);
    let cluster = shared.nodes.map(|nodes| (nodes, shared.aim));
    Ok(ChangedPolicy { settings: chosen, cluster })
}

/// The keys that say what is recorded.
fn recorded_keys(recorded: &PolicySettings) -> Vec<(&'static str, String)> {
    let seconds = |span: Span| span.seconds().to_string();
    let share = |millionths: u32| (f64::from(millionths) / 1e6).to_string();
    let gain = |milli: u32| (f64::from(milli) / 1e3).to_string();
    let limits = |min: Cpus, max: Cpus| vec![("cpu_min_slave", min.to_string()), ("cpu_max_slave", max.to_string())];
    let mut keys = match &recorded.policy {
        Policy::Fixed(_) => vec![],
        Policy::Step(step) => {
            let mut keys = limits(step.cpu_min, step.cpu_max);
            keys.push(("cpu_increment", step.increment.to_string()));
            keys.push(("cpu_decrement", step.decrement.to_string()));
            keys
        }
        Policy::Proportional(policy) => {
            let mut keys = limits(policy.cpu_min, policy.cpu_max);
            keys.push(("proportional_gain", gain(policy.gain)));
            keys
        }
        Policy::Pid(pid) => {
            let mut keys = limits(pid.cpu_min, pid.cpu_max);
            keys.push(("pid_proportional", gain(pid.proportional)));
            keys.push(("pid_integral", gain(pid.integral)));
            keys.push(("pid_derivative", gain(pid.derivative)));
            keys.push(("pid_integral_limit", gain(pid.integral_limit)));
            keys
        }
        Policy::Predictive(p) => {
            let mut keys = limits(p.cpu_min, p.cpu_max);
            keys.push(("predictive_grid", p.cpu_grid.to_string()));
            keys.push(("predictive_target", share(p.target)));
            keys.push(("predictive_confidence", share(p.confidence)));
            keys.push(("predictive_enough", share(p.enough)));
            keys.push(("predictive_least_reduction", p.least_reduction.to_string()));
            keys.push(("predictive_stragglers", share(p.stragglers)));
            keys.push(("predictive_serial_share", share(p.serial_share)));
            keys.push(("predictive_spread", share(p.spread)));
            keys.push(("predictive_own_history", p.own_history.to_string()));
            keys.push(("resize_downtime", seconds(p.resize_downtime)));
            keys.push(("cpu_limits", if p.soft { CpuLimits::Soft } else { CpuLimits::Hard }.as_str().to_owned()));
            keys
        }
    };
    keys.push(("sleeping_time", seconds(recorded.sleeping_time)));
    keys.push(("deployment_time", seconds(recorded.deployment_time)));
    keys.extend(recorded.max_rescales.map(|most| ("max_rescales", most.to_string())));
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qos::policy::Policies;

    #[test]
    fn what_is_not_named_stays_as_it_is_recorded() {
        for name in PolicyName::ALL {
            let mut policies = Policies::defaults(name);
            policies.deployment_time = Span::from_micros(3_123_456);
            policies.max_rescales = Some(7);
            policies.predictive.soft = true;
            policies.step.cpu_max = Cpus::from_milli(1700);
            let recorded = policies.settings(PolicyChoice::default());
            assert_eq!(changed_policy(&recorded, None, &[]).unwrap().settings, recorded, "{name:?}");
        }
    }

    #[test]
    fn a_setting_is_read_as_the_configuration_reads_it() {
        let recorded = Policies::defaults(PolicyName::Step).settings(PolicyChoice::default());
        let set = |key: &str, value: &str| [(key.to_owned(), value.to_owned())];
        let changed = changed_policy(&recorded, Some(PolicyName::Predictive), &set("cluster_cpus", "10")).unwrap();
        assert_eq!(changed.settings.policy.which(), PolicyName::Predictive);
        assert_eq!(changed.cluster.map(|(nodes, _)| (nodes.count, nodes.cpus.milli())), Some((5, 2000)));
        let wrong = changed_policy(&recorded, None, &set("cpu_incremnt", "1")).unwrap_err();
        assert!(wrong.to_string().to_lowercase().contains("cpu_increment"), "{wrong}");
        assert!(changed_policy(&recorded, None, &set("cpu_max_slave", "-1")).is_err());
    }
}
