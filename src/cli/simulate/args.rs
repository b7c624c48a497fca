//! The options, and the scenario that they describe.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::candidates::Wanted;
use crate::config::{Choice as _, RescaleMode};
use crate::published::Case;
use crate::qos::units::Cpus;
use crate::simulation::cluster::Placement;
use crate::simulation::model::scenario::{CHAIN_GAP, GAP};
use crate::simulation::model::{FirstLook, Limits, Scenario, ScenarioError};

/// Run the published experiments in virtual time, under the rules of production, many times over
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Experiments to simulate
    #[arg(long, default_value = "i", value_delimiter = ',', value_name = "i|ii|iii,..")]
    cases: Vec<Case>,
    /// Runs of each, with other luck in each
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000), value_name = "N")]
    pub seeds: u32,
    /// Seed of the first run
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub first_seed: u64,
    /// Who decides about the jobs' CPU, perhaps with settings of its own: step:cpu_increment=0.2,cpu_min_slave=0.5; may be repeated,
    /// and then each is compared with the first
    #[arg(long = "policy", default_values = ["step", "predictive"], value_name = "POLICY")]
    pub policies: Vec<Wanted>,
    /// A setting of the section elasticity for all policies; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// Seconds from one iteration's end to the next one's begin; 60 % of it holds the reservation
    #[arg(long, value_parser = range, default_value_t = Range(GAP), value_name = "LO-HI")]
    gap: Range,
    /// What keeps a container to its CPU: quota or shares
    #[arg(long, default_value = "hard")]
    limits: LimitsArg,
    /// Nodes of the cluster [default: 5]
    #[arg(long, value_name = "N")]
    nodes: Option<u32>,
    /// CPUs of each node [default: 2]
    #[arg(long, value_parser = cpus, value_name = "CPUS")]
    node_cpus: Option<Cpus>,
    /// CPUs that the jobs are submitted with [default: 1]
    #[arg(long, value_parser = cpus, value_name = "CPUS")]
    cpus: Option<Cpus>,
    /// Which of the nodes with room takes a container [default: random; with --chain best-fit]
    #[arg(long, value_name = "random|spread|best-fit")]
    placement: Option<Placement>,
    /// Seconds within which the jobs register
    #[arg(long, default_value_t = 30.0, value_name = "S")]
    registration: f64,
    /// Seconds in which each job is to finish [default: 1800; case iii 480]
    #[arg(long, value_name = "S")]
    deadline: Option<f64>,
    /// desv_deadline of the jobs [default: 0.2; case iii 0.1]
    #[arg(long, value_name = "D")]
    deviation: Option<f64>,
    /// What the jobs declare as duration, in parts of what was published
    #[arg(long, default_value_t = 1.0, value_name = "X")]
    duration_factor: f64,
    /// Standard deviation of the logarithm of an iteration's time, or of a segment's speed
    #[arg(long, default_value_t = 0.03, value_name = "SIGMA")]
    noise: f64,
    /// Share of the iterations that are stragglers
    #[arg(long, default_value_t = 0.04, value_name = "SHARE")]
    stragglers: f64,
    /// How many times as long a straggler takes
    #[arg(long, value_parser = range, default_value_t = Range((1.2, 1.6)), value_name = "LO-HI")]
    straggler_factor: Range,
    /// By what part the share of the work that CPUs can divide is larger than published
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true, value_name = "X")]
    amdahl_error: f64,
    /// Iterations run one after the other in one task; a new CPU needs a new one, and a full gap, unless --in-place
    #[arg(long)]
    chain: bool,
    /// Seconds between two iterations of one task
    #[arg(long, value_parser = range, default_value_t = Range(CHAIN_GAP), requires = "chain", value_name = "LO-HI")]
    chain_gap: Range,
    /// Each iteration of a chain gives its node back and is placed anew without cost, as in the reference
    #[arg(long, requires = "chain")]
    place_each: bool,
    /// What a task has reserved stays its own until it ends, whatever its agent lets it use: as with Mesos, where the reference gives it back
    #[arg(long, requires = "chain")]
    reservations_stay: bool,
    /// Running tasks get their new CPU at once: short for --rescale in-place
    #[arg(long, conflicts_with = "rescale")]
    in_place: bool,
    /// How a running task gets its new CPU
    #[arg(long, value_parser = rescale, default_value = "restart", value_name = "restart|in-place")]
    rescale: RescaleMode,
    /// CPU-seconds that the job of case iii needs and declares [default: 400]
    #[arg(long, value_name = "CPU-S")]
    work: Option<f64>,
    /// Seconds that the job of case iii stands still for a restart
    #[arg(long, value_parser = range, default_value_t = Range((10.0, 25.0)), value_name = "LO-HI")]
    downtime: Range,
    /// When the job of case iii is looked at first: at a random phase of the period, or one period after its start
    #[arg(long, default_value = "random")]
    first_look: FirstLookArg,
    /// Every job decides for itself, also when the wishes of all do not fit the cluster
    #[arg(long)]
    pub no_arbitration: bool,
    /// Also what no policy can beat: each job alone on a node, with all of its CPU
    #[arg(long)]
    pub bound: bool,
    /// Also in worlds that differ from the assumed one, one line each
    #[arg(long)]
    pub perturbed: bool,
    /// Draw the published figures of the first seed into this SVG file
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Write the events of the first seed into this new event log
    #[arg(long, value_name = "FILE")]
    pub database: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LimitsArg {
    /// A container never gets more than its own CPU
    Hard,
    /// Those that run on a node divide all of it in proportion
    Soft,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FirstLookArg {
    /// As one clock for all jobs makes it
    Random,
    /// As this supervisor does
    Period,
}

/// Two numbers, the smaller first.
#[derive(Debug, Clone, Copy)]
struct Range((f64, f64));

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0.0, self.0.1)
    }
}

impl SimulateArgs {
    /// Whether limits are shares.
    pub fn soft_limits(&self) -> bool {
        matches!(self.limits, LimitsArg::Soft)
    }

    /// Each case once.
    pub fn cases(&self) -> Vec<Case> {
        super::distinct(&self.cases)
    }

    /// How running tasks get their new CPU.
    pub fn rescale(&self) -> RescaleMode {
        if self.in_place { RescaleMode::InPlace } else { self.rescale }
    }

    /// Chained jobs whose tasks stay on their nodes and get their CPU there.
    pub fn keep_their_nodes(&self) -> bool {
        self.tasks_stay() && self.rescale() == RescaleMode::InPlace
    }

    fn tasks_stay(&self) -> bool {
        self.chain && !self.place_each
    }

    /// The scenario of `case`.
    ///
    /// # Errors
    /// Names the first option that cannot be.
    pub fn scenario(&self, case: Case) -> Result<Scenario, ScenarioError> {
        let published = Scenario::published(case);
        let usual = if self.chain { Placement::BestFit } else { published.placement };
        let scenario = Scenario {
            nodes: self.nodes.unwrap_or(published.nodes),
            node_cpus: self.node_cpus.unwrap_or(published.node_cpus),
            limits: match self.limits {
                LimitsArg::Hard => Limits::Hard,
                LimitsArg::Soft => Limits::Soft,
            },
            placement: self.placement.unwrap_or(usual),
            gap_s: self.gap.0,
            chain_gap_s: self.chain.then_some(self.chain_gap.0),
            tasks_stay: self.tasks_stay(),
            in_place: self.rescale() == RescaleMode::InPlace,
            reservations_stay: self.reservations_stay,
            registration_s: self.registration,
            deadline_s: self.deadline,
            deviation: self.deviation,
            submitted: self.cpus.unwrap_or(published.submitted),
            duration_factor: self.duration_factor,
            noise: self.noise,
            stragglers: self.stragglers,
            straggler_factor: self.straggler_factor.0,
            amdahl_error: self.amdahl_error,
            work_s: self.work,
            restart_s: self.downtime.0,
            first_look: match self.first_look {
                FirstLookArg::Random => FirstLook::Random,
                FirstLookArg::Period => FirstLook::Period,
            },
            ..published
        };
        scenario.check()?;
        Ok(scenario)
    }
}

fn range(text: &str) -> Result<Range, String> {
    let expected = || format!("{text:?} is no range; 30-45 is one");
    let (low, high) = text.split_once('-').ok_or_else(expected)?;
    let number = |part: &str| part.trim().parse::<f64>().map_err(|_| expected());
    Ok(Range((number(low)?, number(high)?)))
}

fn cpus(text: &str) -> Result<Cpus, String> {
    let cpus: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    Cpus::try_from_f64(cpus).map_err(|error| error.to_string())
}

fn rescale(text: &str) -> Result<RescaleMode, String> {
    RescaleMode::from_word(text).ok_or_else(RescaleMode::expected)
}
