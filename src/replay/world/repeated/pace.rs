//! How long a repeated job's iterations take, and what is between them.

use super::Job;
use crate::qos::model::median;
use crate::qos::units::{Cpus, Span};
use crate::replay::facts::IterationFact;
use crate::replay::world::Draw;

/// From the end of an iteration to the begin of the next in the same task, where none was seen.
const CHAIN_GAP: Span = Span::from_secs(1);

impl Job<'_> {
    /// Whether the task must end with the present iteration: the next one has a CPU of its own, whatever the rules would say.
    pub(super) fn must_end(&self) -> bool {
        self.plan.course.forced(self.done as usize + 1).is_some_and(|next| next != self.cpus)
    }

    /// Before the request of the next iteration, and from its placement to its begin; of one that `follows` in the same task from the end of
    /// the one before to its begin.
    pub(super) fn gap(&self, job: usize, draw: Draw, follows: bool) -> (Span, Span) {
        let seen = &self.plan.facts.iterations;
        let as_it_was = self.fact().filter(|fact| fact.follows == follows);
        // The first one has to be registered, seen and set up; it is not like the others.
        if let Some(fact) = as_it_was.filter(|_| !draw.fresh || self.done == 0) {
            return (fact.before, fact.deploy);
        }
        let alike: Vec<&IterationFact> = seen.iter().skip(1).filter(|one| one.follows == follows).collect();
        if draw.number > 0 && !alike.is_empty() {
            let place = (draw.luck(job, self.done).gap * alike.len() as f64) as usize;
            return alike.get(place).map_or((Span::ZERO, Span::ZERO), |one| (one.before, one.deploy));
        }
        let middle = |of: fn(&IterationFact) -> Span| {
            let values: Vec<f64> = alike.iter().map(|one| of(one).seconds()).collect();
            Span::try_from_seconds(median(&values)).ok().filter(|_| !values.is_empty())
        };
        let unseen = if follows { CHAIN_GAP } else { self.plan.history.registered().policy.deployment_time };
        (middle(|one| one.before).unwrap_or(Span::ZERO), middle(|one| one.deploy).unwrap_or(unseen))
    }

    /// What the iteration that begins takes.
    pub(super) fn takes(&self, job: usize, draw: Draw) -> Span {
        let takes = |cpus: Cpus| self.law.seconds(cpus.as_f64());
        let seconds = match self.fact() {
            Some(fact) if !draw.fresh && fact.cpus == self.cpus => return fact.duration,
            Some(fact) if !draw.fresh => fact.duration.seconds() * takes(self.cpus) / takes(fact.cpus).max(1e-9),
            _ => takes(self.cpus) * self.plan.known.scatter(draw.of_a_measurement(job, self.done)),
        };
        Span::try_from_seconds(seconds).unwrap_or(Span::from_secs(1_000_000_000)).max(Span::from_micros(1))
    }
}
