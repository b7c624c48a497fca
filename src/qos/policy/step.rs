//! The published policy: a fixed step up when late, a fixed step down when early.
//!
//! It never looks at a measured duration. Under a hard limit and a loose deadline its lower bound drives a job down to
//! `cpu_min` and past its deadline (simulated on the published cluster: 2.9 of 6 jobs on time at 3000 s, 0.6 at 4000 s, where
//! leaving them at one CPU gives 6). It is kept faithful for comparison.

use serde::{Deserialize, Serialize};

use super::Decide;
use super::view::{LongRunning, Repeated, RepeatedWish, Wish};
use crate::qos::performance::Performance;
use crate::qos::units::Cpus;

/// Sizes and limits of the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Added when under-performant.
    pub increment: Cpus,
    /// Taken away when over-performant.
    pub decrement: Cpus,
    /// Never below.
    pub cpu_min: Cpus,
    /// Never above.
    pub cpu_max: Cpus,
}

impl Default for Step {
    fn default() -> Self {
        Step {
            increment: Cpus::from_milli(400),
            decrement: Cpus::from_milli(400),
            cpu_min: Cpus::from_milli(100),
            cpu_max: Cpus::from_milli(2000),
        }
    }
}

impl Step {
    /// The CPU for the next iteration; the present one when there is nothing to change.
    pub fn next_cpus(&self, current: Cpus, performance: Performance) -> Cpus {
        match performance {
            // A job submitted above the maximum is not cut down for being late.
            Performance::UnderPerformant => current.saturating_add(self.increment).min(self.cpu_max).max(current),
            Performance::OverPerformant => current.saturating_sub(self.decrement).max(self.cpu_min).min(current),
            Performance::OnPlan => current,
        }
    }
}

impl Decide for Step {
    fn repeated(&self, job: &Repeated<'_>) -> RepeatedWish {
        RepeatedWish::published(job, |performance| self.next_cpus(job.from, performance))
    }

    fn long_running(&self, job: &LongRunning<'_>) -> Wish {
        let performance = job.published_performance();
        let cpus = self.next_cpus(job.from, performance);
        Wish { performance, cpus, grounds: job.published_grounds(), stays: None, model: None }
    }

    fn cpu_max(&self, _submitted: Cpus) -> Cpus {
        self.cpu_max
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cpus(milli: u32) -> Cpus {
        Cpus::from_milli(milli)
    }

    #[test]
    fn the_published_sequences() {
        let step = Step::default();
        let up: Vec<_> =
            std::iter::successors(Some(cpus(1000)), |c| Some(step.next_cpus(*c, Performance::UnderPerformant)))
                .take(5)
                .map(Cpus::milli)
                .collect();
        assert_eq!(up, [1000, 1400, 1800, 2000, 2000]);
        let down: Vec<_> =
            std::iter::successors(Some(cpus(1000)), |c| Some(step.next_cpus(*c, Performance::OverPerformant)))
                .take(5)
                .map(Cpus::milli)
                .collect();
        assert_eq!(down, [1000, 600, 200, 100, 100]);
    }

    proptest! {
        #[test]
        fn the_clamps_are_never_left(
            start in 100u32..=2000, increment in 0u32..5000, decrement in 0u32..5000,
            states in prop::collection::vec(prop_oneof![
                Just(Performance::UnderPerformant), Just(Performance::OnPlan), Just(Performance::OverPerformant)
            ], 0..40),
        ) {
            let step = Step { increment: cpus(increment), decrement: cpus(decrement), ..Step::default() };
            let mut current = cpus(start);
            for state in states {
                current = step.next_cpus(current, state);
                prop_assert!(current >= step.cpu_min && current <= step.cpu_max);
            }
        }

        #[test]
        fn at_the_bound_nothing_changes(increment in 0u32..5000) {
            let step = Step { increment: cpus(increment), decrement: cpus(increment), ..Step::default() };
            prop_assert_eq!(step.next_cpus(step.cpu_max, Performance::UnderPerformant), step.cpu_max);
            prop_assert_eq!(step.next_cpus(step.cpu_min, Performance::OverPerformant), step.cpu_min);
        }
    }
}
