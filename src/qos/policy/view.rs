//! What a policy sees when it is asked, and what it answers.

use serde::{Deserialize, Serialize};

use crate::qos::chronos::{Bounds, bounds, classify, predict};
use crate::qos::declared::Declared;
use crate::qos::marathon;
use crate::qos::model::{History, Spell, median, middle};
use crate::qos::performance::Performance;
use crate::qos::units::{Cpus, Span, Timestamp};

/// The controllers go by so many iterations.
const LAST_ITERATIONS: usize = 3;

/// A repeated batch job between two iterations, or before the first.
#[derive(Debug, Clone, Copy)]
pub struct Repeated<'a> {
    /// The instant that predictions start from.
    pub at: Timestamp,
    /// Iterations left, at least one.
    pub remaining: u32,
    /// Iterations done.
    pub done: u32,
    /// The CPU of the next iteration if nothing changes.
    pub from: Cpus,
    /// The submitted CPU; `from` where it is not known.
    pub submitted: Cpus,
    /// When the deadline begins to count.
    pub t0: Timestamp,
    /// What the user declared.
    pub declared: &'a Declared,
    /// What was measured.
    pub history: &'a History,
    /// Planned pause before each iteration.
    pub sleeping_time: Span,
    /// What a deployment is taken for until it was measured.
    pub deployment_time: Span,
    /// Measured times between two iterations, without the planned pause: deployments, or how long a task takes from one to the next.
    pub gaps: &'a [Span],
    /// What such a time is taken for until it was measured.
    pub gap: Span,
    /// What comes once before the next iteration, whatever its CPU.
    pub ahead: Span,
    /// Up to this CPU a change costs nothing, as it is made in place; none where it cannot be.
    pub in_place: Option<Cpus>,
    /// The CPUs that an iteration which is under way has had, oldest first; empty between two iterations.
    pub spells: &'a [Spell],
    /// Time that another CPU costs once, beyond what each iteration costs anyway: what a new task takes where the present one could go on.
    /// Between two separate iterations that is nothing.
    pub resize_cost: Span,
}

impl Repeated<'_> {
    /// The published bounds.
    pub fn published_bounds(&self) -> Bounds {
        bounds(self.t0, self.declared)
    }

    /// The published prediction, by the declared duration alone.
    pub fn published_prediction(&self) -> Timestamp {
        predict(self.at, self.remaining, self.declared.duration, self.sleeping_time, self.deployment_time)
    }

    /// The published prediction with what was measured: the last iterations' own time, and the gaps between them.
    pub fn measured_prediction(&self) -> Timestamp {
        let duration = self.measured_duration(self.from).unwrap_or(self.declared.duration);
        self.with_gaps(duration) + self.ahead
    }

    /// The same with `cpus` from now on, and what a new task costs where they need one. By the declaration until something was measured.
    pub fn measured_finish(&self, cpus: Cpus) -> Timestamp {
        let declared = || {
            let scaled = self.declared.duration.seconds() * self.submitted.as_f64() / cpus.as_f64().max(0.001);
            Span::try_from_seconds(scaled).unwrap_or(self.declared.duration)
        };
        let duration = self.measured_duration(cpus).unwrap_or_else(declared);
        self.with_gaps(duration) + self.ahead + self.cost(cpus)
    }

    /// What another CPU costs once.
    pub fn cost(&self, cpus: Cpus) -> Span {
        let for_nothing = cpus == self.from || self.in_place.is_some_and(|most| cpus <= most);
        if for_nothing { Span::ZERO } else { self.resize_cost }
    }

    /// The last iterations, as long as each would take with `cpus` if more CPU made it faster in proportion.
    fn measured_duration(&self, cpus: Cpus) -> Option<Span> {
        let recent = self.history.iterations.as_slice().iter().rev().take(LAST_ITERATIONS);
        let scaled: Vec<f64> =
            recent.map(|one| one.duration.seconds() * one.cpus.as_f64() / cpus.as_f64().max(0.001)).collect();
        Span::try_from_seconds(median(&scaled)).ok().filter(|middle| *middle > Span::ZERO)
    }

    fn with_gaps(&self, duration: Span) -> Timestamp {
        let gap = middle(self.gaps, self.gap);
        predict(self.at, self.remaining, duration, self.sleeping_time, gap)
    }

    /// When all must be done.
    pub fn deadline_at(&self) -> Timestamp {
        self.t0 + self.declared.deadline
    }
}

/// A long-running job with a fresh measurement.
#[derive(Debug, Clone, Copy)]
pub struct LongRunning<'a> {
    /// When its CPU time was measured.
    pub at: Timestamp,
    /// When its execution began.
    pub started_at: Timestamp,
    /// CPU time used.
    pub cpu_current: Span,
    /// CPU time that should have been used by now.
    pub cpu_desired: Span,
    /// Current over desired.
    pub ratio: f64,
    /// The CPU in force.
    pub from: Cpus,
    /// The submitted CPU; `from` where it is not known.
    pub submitted: Cpus,
    /// What the user declared.
    pub declared: &'a Declared,
    /// What was measured.
    pub history: &'a History,
    /// Another CPU comes by a restart from a checkpoint, during which nothing runs.
    pub restarts: bool,
    /// Between two looks.
    pub period: Span,
}

impl LongRunning<'_> {
    /// The published classification by the progress ratio.
    pub fn published_performance(&self) -> Performance {
        marathon::classify(self.ratio, self.declared)
    }

    /// The published reason: how far from the plan it is.
    pub fn published_grounds(&self) -> String {
        let ahead = (self.cpu_current - self.cpu_desired).seconds();
        let side = if ahead < 0.0 { "behind" } else { "ahead of" };
        format!("{:.1} CPU-seconds {side} its plan", ahead.abs())
    }
}

/// What a policy answers about a repeated job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedWish {
    /// When the last iteration ends if the CPU stays as it is.
    pub prediction: Timestamp,
    /// The same with the CPU of the wish; the published rule does not tell the two apart.
    pub finish: Timestamp,
    /// What is on plan.
    pub bounds: Bounds,
    /// The CPU, why, and how the job is doing.
    pub wish: Wish,
}

impl RepeatedWish {
    /// The published prediction and its state, with the CPU that `cpus` makes of them.
    pub fn published(job: &Repeated<'_>, cpus: impl FnOnce(Performance) -> Cpus) -> Self {
        let (prediction, bounds) = (job.published_prediction(), job.published_bounds());
        RepeatedWish::against(prediction, bounds, cpus(classify(prediction, bounds)), None)
    }

    /// A prediction of another kind against the same bounds.
    pub fn against(prediction: Timestamp, bounds: Bounds, cpus: Cpus, model: Option<ModelValues>) -> Self {
        let (performance, grounds) = (classify(prediction, bounds), against_bounds(prediction, bounds));
        RepeatedWish {
            prediction,
            finish: prediction,
            bounds,
            wish: Wish { performance, cpus, grounds, stays: None, model },
        }
    }
}

/// Where a prediction lies, by the bound that it is measured against.
pub fn against_bounds(prediction: Timestamp, bounds: Bounds) -> String {
    let (edge, name) = match classify(prediction, bounds) {
        Performance::UnderPerformant | Performance::OnPlan => (bounds.upper, "upper"),
        Performance::OverPerformant => (bounds.lower, "lower"),
    };
    let from_edge = prediction.since(edge).seconds();
    let side = if from_edge > 0.0 { "after" } else { "before" };
    format!("predicted finish {:.1} s {side} the {name} bound", from_edge.abs())
}

/// What a policy wishes for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// How the job is doing with the CPU that it has.
    pub performance: Performance,
    /// The CPU that it should have.
    pub cpus: Cpus,
    /// Why, for people: the first half of the recorded reason.
    pub grounds: String,
    /// Why the CPU stays, where the reason is not that it is at its bound.
    pub stays: Option<&'static str>,
    /// What was learned and used.
    pub model: Option<ModelValues>,
}

/// What a policy has learned and used, as recorded with its decision. Times in microseconds, shares in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ModelValues {
    /// Of a repeated job: an iteration takes `serial + parallel / cpus`.
    Iterations {
        /// The part of an iteration that more than one CPU does not make faster.
        serial: Span,
        /// The part that it does, on one CPU.
        parallel: Span,
        /// Relative standard deviation of an iteration's time, in millionths.
        spread: i64,
        /// Between two iterations, without the planned pause.
        gap: Span,
        /// What was left between the predicted finish and the target, for the CPU that was decided on.
        margin: Span,
        /// When the last iteration ends with the CPU that was decided on.
        finish: Timestamp,
        /// Iterations that support it.
        observations: u32,
    },
    /// Of a long-running job: one CPU-second takes `serial + parallel / cpus`.
    Rate {
        /// The part of a CPU-second that more than one CPU does not make faster.
        serial: Span,
        /// The part that it does.
        parallel: Span,
        /// Relative standard deviation of the rate, in millionths.
        spread: i64,
        /// What a restart from a checkpoint takes.
        downtime: Span,
        /// What was left between the predicted end and the target.
        margin: Span,
        /// When it ends with the CPU that was decided on.
        finish: Timestamp,
        /// Measurements that support it.
        observations: u32,
    },
    /// Of a controller, for its next decision.
    Controller {
        /// The relative error: positive when late.
        error: i64,
        /// The sum of errors, held within its bounds.
        integral: i64,
    },
}
