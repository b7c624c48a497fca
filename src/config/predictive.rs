//! `[elasticity]`, the keys of the policy `predictive`. What each trades: `docs/policies.md`.

use serde::Serialize;

use super::choice::choice;
use super::reader::Section;
use super::render;
use crate::qos::policy::Predictive;
use crate::qos::units::{Cpus, Span};

choice! {
    /// What keeps a task to its CPU, as the agents of the cluster are set up.
    CpuLimits {
        /// A quota: it never gets more than it has reserved (`--cgroups_enable_cfs` of Mesos).
        Hard = "hard",
        /// Shares: it also gets what its neighbours leave.
        Soft = "soft",
    }
}

/// Parameters of the policy `predictive`. Fractions are of 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictiveSettings {
    /// CPUs are multiples of this.
    #[serde(rename = "predictive_grid", serialize_with = "render::cpus")]
    pub cpu_grid: Cpus,
    /// The fraction of the deadline that may be used up.
    #[serde(rename = "predictive_target")]
    pub target: f64,
    /// A CPU is chosen so that the job is on time with this probability.
    #[serde(rename = "predictive_confidence")]
    pub confidence: f64,
    /// CPU is added once that probability is less than this.
    #[serde(rename = "predictive_enough")]
    pub enough: f64,
    /// Less than this is not taken away.
    #[serde(rename = "predictive_least_reduction", serialize_with = "render::cpus")]
    pub least_reduction: Cpus,
    /// The fraction of iterations that take much longer than the others.
    #[serde(rename = "predictive_stragglers")]
    pub stragglers: f64,
    /// The serial fraction that is assumed until it is measured.
    #[serde(rename = "predictive_serial_share")]
    pub serial_share: f64,
    /// What keeps a task to its CPU.
    pub cpu_limits: CpuLimits,
    /// The relative standard deviation that is assumed until it is measured.
    #[serde(rename = "predictive_spread")]
    pub spread: f64,
    /// So many measurements are needed before a job gets less than was submitted.
    #[serde(rename = "predictive_own_history")]
    pub own_history: u32,
    /// What a restart from a checkpoint is taken for until it was measured.
    #[serde(serialize_with = "render::seconds")]
    pub resize_downtime: Span,
}

impl PredictiveSettings {
    pub(super) fn read(s: &mut Section<'_, '_>) -> Self {
        let d = Predictive::default();
        let share = |millionths: u32| f64::from(millionths) / 1e6;
        PredictiveSettings {
            cpu_grid: s.cpus("predictive_grid", d.cpu_grid),
            target: s.real("predictive_target", share(d.target), 0.01..=1.0),
            confidence: s.real("predictive_confidence", share(d.confidence), 0.5..=0.999999),
            enough: s.real("predictive_enough", share(d.enough), 0.0..=0.999999),
            least_reduction: s.cpus("predictive_least_reduction", d.least_reduction),
            stragglers: s.real("predictive_stragglers", share(d.stragglers), 0.0..=0.5),
            serial_share: s.real("predictive_serial_share", share(d.serial_share), 0.0..=0.99),
            cpu_limits: s.choice("cpu_limits", CpuLimits::Hard),
            spread: s.real("predictive_spread", share(d.spread), 0.001..=10.0),
            own_history: s.whole("predictive_own_history", d.own_history, 1..=32),
            resize_downtime: s.span("resize_downtime", d.resize_downtime.seconds(), 0.0..=86_400.0),
        }
    }

    /// The policy with these parameters between two limits.
    pub fn policy(&self, cpu_min: Cpus, cpu_max: Cpus) -> Predictive {
        // The ranges above keep all of them far inside 32 bits.
        let share = |share: f64| (share * 1e6).round() as u32;
        Predictive {
            cpu_min,
            cpu_max,
            cpu_grid: self.cpu_grid,
            target: share(self.target),
            confidence: share(self.confidence),
            enough: share(self.enough),
            least_reduction: self.least_reduction,
            stragglers: share(self.stragglers),
            serial_share: share(self.serial_share),
            soft: self.cpu_limits == CpuLimits::Soft,
            spread: share(self.spread),
            own_history: self.own_history,
            resize_downtime: self.resize_downtime,
        }
    }
}
