//! A recorded policy with other settings, read and checked as a supervisor reads its configuration.

use std::ffi::OsString;

use super::rules::{cluster, defaults};
use crate::config::{ConfigError, CpuLimits, ENV_PREFIX, Layers, Problem, Settings, Source};
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
/// as the policy that is asked for has it, and is else a default. Nothing else is read: no file, no environment. Of jobs
/// that share nodes (`shared`) the cluster may be set, too.
///
/// # Errors
/// When a key does not exist, has a value that it cannot have, or would change nothing of a recorded job.
pub fn changed_policy(
    recorded: &PolicySettings,
    policy: Option<PolicyName>,
    set: &[(String, String)],
    shared: bool,
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
    let of_cluster = cluster(&settings);
    let cluster = of_cluster.nodes.map(|nodes| (nodes, of_cluster.aim));
    refuse_idle(&chosen, set, shared, cluster.is_some())?;
    Ok(ChangedPolicy { settings: chosen, cluster })
}

/// Refuses settings that nothing in a rerun reads: who asks for one would take an unchanged answer for its effect.
fn refuse_idle(
    chosen: &PolicySettings,
    set: &[(String, String)],
    shared: bool,
    has_cluster: bool,
) -> Result<(), ConfigError> {
    let own: Vec<&str> = recorded_keys(chosen).into_iter().map(|(key, _)| key).collect();
    let why_idle = |key: &str| match key {
        "policy" | "max_rescales" | "dry_run" => None,
        "cluster_cpus" | "node_cpus" | "arbitration" if !shared => Some(
            "does nothing here: each job is run again for itself, with the waits for a node that it had".to_owned(),
        ),
        // The nodes are as large as the most CPU, where nobody says otherwise.
        "cluster_cpus" | "node_cpus" | "arbitration" | "cpu_max_slave" if has_cluster => None,
        "node_cpus" | "arbitration" => Some("does nothing without cluster_cpus".to_owned()),
        key if own.contains(&key) => None,
        _ => Some(format!(
            "does nothing here: of the policy {} can be set {}, max_rescales and dry_run",
            chosen.policy.name(),
            own.iter().filter(|key| **key != "max_rescales").copied().collect::<Vec<_>>().join(", ")
        )),
    };
    let problem = |(key, value): &(String, String)| {
        let key = key.to_lowercase();
        let expected = why_idle(&key)?;
        let origin = Source::Env(format!("{ENV_PREFIX}ELASTICITY_{}", key.to_uppercase()));
        Some(Problem::Invalid { key: format!("elasticity.{key}"), found: value.clone(), origin, expected })
    };
    let problems: Vec<Problem> = set.iter().filter_map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(ConfigError(problems)) }
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
            assert_eq!(changed_policy(&recorded, None, &[], false).unwrap().settings, recorded, "{name:?}");
        }
    }

    #[test]
    fn a_setting_is_read_as_the_configuration_reads_it() {
        let recorded = Policies::defaults(PolicyName::Step).settings(PolicyChoice::default());
        let set = |key: &str, value: &str| [(key.to_owned(), value.to_owned())];
        let changed =
            changed_policy(&recorded, Some(PolicyName::Predictive), &set("cluster_cpus", "10"), true).unwrap();
        assert_eq!(changed.settings.policy.which(), PolicyName::Predictive);
        assert_eq!(changed.cluster.map(|(nodes, _)| (nodes.count, nodes.cpus.milli())), Some((5, 2000)));
        let wrong = changed_policy(&recorded, None, &set("cpu_incremnt", "1"), true).unwrap_err();
        assert!(wrong.to_string().to_lowercase().contains("cpu_increment"), "{wrong}");
        assert!(changed_policy(&recorded, None, &set("cpu_max_slave", "-1"), true).is_err());
    }

    #[test]
    fn what_would_change_nothing_is_refused_by_its_key() {
        let recorded = Policies::defaults(PolicyName::Step).settings(PolicyChoice::default());
        let ask = |policy, key: &str, value: &str, shared| {
            changed_policy(&recorded, policy, &[(key.to_owned(), value.to_owned())], shared)
        };
        for (key, value) in [
            ("monitoring_period", "10"),
            ("rescale", "in-place"),
            ("ticks_per_second", "50"),
            ("mesos_master", "http://127.0.0.1:5050"),
            ("predictive_grid", "0.2"),
            ("node_cpus", "4"),
        ] {
            let refused = ask(None, key, value, true).unwrap_err().to_string();
            assert!(refused.contains(&format!("elasticity.{key}")) && refused.contains("does nothing"), "{refused}");
        }
        let alone = ask(None, "cluster_cpus", "10", false).unwrap_err().to_string();
        assert!(alone.contains("elasticity.cluster_cpus") && alone.contains("for itself"), "{alone}");
        assert!(ask(Some(PolicyName::Fixed), "cpu_increment", "1", false).is_err(), "another policy's");
        assert!(ask(Some(PolicyName::Predictive), "predictive_grid", "0.2", false).is_ok());
        for key in ["sleeping_time", "deployment_time", "max_rescales", "cpu_increment"] {
            assert!(ask(None, key, "1", false).is_ok(), "{key}");
        }
    }
}
