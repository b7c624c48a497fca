//! What was decided, carried out and ended, counted since the start, for `/metrics`.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::events::job::JobEvent;
use crate::qos::ids::Framework;
use crate::qos::job::EffectKey;
use crate::qos::units::Cpus;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decision {
    framework: &'static str,
    change: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct End {
    framework: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    framework: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Settled {
    framework: &'static str,
    effect: &'static str,
}

/// From a quick resize to a start that waits for hours.
#[derive(Debug, Clone, Copy)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(exponential_buckets(0.01, 4.0, 11))
    }
}

/// Clones count together.
#[derive(Debug, Clone)]
pub struct Figures {
    decisions: Family<Decision, Counter>,
    ended: Family<End, Counter>,
    deadlines_passed: Family<Of, Counter>,
    effects: Family<Settled, Histogram, Buckets>,
}

impl Default for Figures {
    fn default() -> Self {
        let figures = Figures {
            decisions: Family::default(),
            ended: Family::default(),
            deadlines_passed: Family::default(),
            effects: Family::new_with_constructor(Buckets),
        };
        // From zero on, so that the first of a kind is seen to be one more.
        for of in [Framework::Chronos, Framework::Marathon] {
            let framework = of.as_str();
            for change in [UP, DOWN, STAY] {
                drop(figures.decisions.get_or_create(&Decision { framework, change }));
            }
            for outcome in [ON_TIME, LATE, FAILED, CANCELLED, WITHDRAWN] {
                drop(figures.ended.get_or_create(&End { framework, outcome }));
            }
            drop(figures.deadlines_passed.get_or_create(&Of { framework }));
            // A long-running job has no iterations to start and to look up.
            let effects = EffectKey::ALL
                .into_iter()
                .filter(|effect| of == Framework::Chronos || !matches!(effect, EffectKey::Start | EffectKey::LookUp));
            for effect in effects.map(EffectKey::as_str) {
                drop(figures.effects.get_or_create(&Settled { framework, effect }));
            }
        }
        figures
    }
}

const UP: &str = "up";
const DOWN: &str = "down";
const STAY: &str = "stay";

const ON_TIME: &str = "on_time";
const LATE: &str = "late";
const FAILED: &str = "failed";
const CANCELLED: &str = "cancelled";
const WITHDRAWN: &str = "withdrawn";

impl Figures {
    /// Puts them into `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("decisions", "Decisions by what they do to the CPU", self.decisions.clone());
        registry.register("jobs_ended", "Jobs that ended, by how", self.ended.clone());
        let help = "Deadlines that passed before anybody said that the job is done";
        registry.register("deadlines_passed", help, self.deadlines_passed.clone());
        let help = "Time from when an effect was due until it was settled or replaced";
        registry.register_with_unit("effect", help, Unit::Seconds, self.effects.clone());
    }

    /// Counts an event that is on disk.
    pub(super) fn recorded(&self, framework: Framework, event: &JobEvent) {
        let framework = framework.as_str();
        let decided = |from: Cpus, to: Cpus| {
            let change = match to.cmp(&from) {
                std::cmp::Ordering::Greater => UP,
                std::cmp::Ordering::Less => DOWN,
                std::cmp::Ordering::Equal => STAY,
            };
            self.decisions.get_or_create(&Decision { framework, change }).inc();
        };
        let ended = |outcome| {
            self.ended.get_or_create(&End { framework, outcome }).inc();
        };
        match event {
            JobEvent::Decided(decision) => decided(decision.from, decision.to),
            JobEvent::ProgressDecided(decision) => decided(decision.from, decision.to),
            JobEvent::Completed(completed) if completed.on_time => ended(ON_TIME),
            JobEvent::Completed(_) => ended(LATE),
            JobEvent::Failed(_) => ended(FAILED),
            JobEvent::Cancelled(_) => ended(CANCELLED),
            JobEvent::Withdrawn(_) => ended(WITHDRAWN),
            JobEvent::DeadlinePassed(_) => {
                self.deadlines_passed.get_or_create(&Of { framework }).inc();
            }
            _ => {}
        }
    }

    /// Notes that an effect was settled so long after it was due.
    pub(super) fn settled(&self, framework: Framework, effect: EffectKey, after: Duration) {
        let labels = Settled { framework: framework.as_str(), effect: effect.as_str() };
        self.effects.get_or_create(&labels).observe(after.as_secs_f64());
    }
}
