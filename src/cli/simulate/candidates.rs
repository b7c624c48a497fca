//! From the policies that were asked for to candidates, by the same settings that a supervisor reads.

use std::ffi::OsString;
use std::str::FromStr;

use super::args::SimulateArgs;
use crate::config::Choice as _;
use crate::config::{ConfigError, CpuLimits, ENV_PREFIX, Layers, PolicyName, RescaleMode, Settings};
use crate::qos::arbitration::Aim;
use crate::simulation::Candidate;
use crate::simulation::model::{JobModel, Scenario};
use crate::supervise;

/// A policy as it was asked for, `name` or `name:key=value,key=value`.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// As it was written.
    text: String,
    policy: PolicyName,
    settings: Vec<(String, String)>,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, settings) = text.split_once(':').unwrap_or((text, ""));
        let policy = PolicyName::from_word(name).ok_or_else(PolicyName::expected)?;
        let settings = settings.split(',').filter(|part| !part.is_empty()).map(setting).collect::<Result<_, _>>()?;
        Ok(Wanted { text: text.to_owned(), policy, settings })
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} should be KEY=VALUE"))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// The candidates that were asked for, in their order.
///
/// # Errors
/// When a setting does not exist or has a value that it cannot have.
pub fn candidates(args: &SimulateArgs) -> anyhow::Result<Vec<Candidate>> {
    let common: Vec<(String, String)> =
        args.settings.iter().map(|text| setting(text)).collect::<Result<_, _>>().map_err(anyhow::Error::msg)?;
    let of = |wanted: &Wanted| -> Result<Candidate, ConfigError> {
        let own = [("policy".to_owned(), wanted.policy.as_str().to_owned())];
        let rescale = (args.rescale() == RescaleMode::InPlace)
            .then(|| ("rescale".to_owned(), RescaleMode::InPlace.as_str().to_owned()));
        let limits = args.soft_limits().then(|| ("cpu_limits".to_owned(), CpuLimits::Soft.as_str().to_owned()));
        let all = own.into_iter().chain(rescale).chain(limits).chain(common.clone()).chain(wanted.settings.clone());
        let variables = all.map(|(key, value)| -> (OsString, OsString) {
            (format!("{ENV_PREFIX}ELASTICITY_{}", key.to_uppercase()).into(), value.into())
        });
        // Nothing but these: the figures are the same in every directory and every environment.
        let layers = Layers::collect(Vec::new(), variables, None).map_err(|problem| ConfigError(vec![problem]))?;
        let settings = Settings::from_layers(&layers)?;
        // Nothing but the jobs is on the simulated nodes.
        let by_node = |aim| if args.keep_their_nodes() && aim == Aim::MostOnTime { Aim::ByNode } else { aim };
        let aim = (!args.no_arbitration).then(|| by_node(supervise::aim(&settings)));
        Ok(Candidate { name: wanted.text.clone(), defaults: supervise::defaults(&settings), submitted: None, aim })
    };
    Ok(args.policies.iter().map(of).collect::<Result<_, _>>()?)
}

/// What no policy can beat, and who does nothing there: as many nodes as jobs, each job submitted with all of one.
pub fn alone(scenario: &Scenario, candidates: &[Candidate]) -> (Scenario, Candidate) {
    let nodes = u32::try_from(JobModel::of(scenario).len()).unwrap_or(u32::MAX).max(scenario.nodes);
    let all = scenario.node_cpus;
    let configured = || supervise::defaults(&Settings::default());
    let mut defaults = candidates.first().map_or_else(configured, |first| first.defaults.clone());
    defaults.policies.configured = PolicyName::Fixed;
    let name = format!("bound: each alone on {all} CPU");
    (Scenario { nodes, ..scenario.clone() }, Candidate { name, defaults, submitted: Some(all), aim: None })
}
