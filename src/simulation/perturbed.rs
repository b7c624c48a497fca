//! The same experiment in worlds that differ from the assumed one: does a policy hold there, too?

use super::cluster::Placement;
use super::model::Scenario;

/// One other world.
#[derive(Debug, Clone, PartialEq)]
pub struct Perturbation {
    /// What is different.
    pub name: &'static str,
    /// All of it.
    pub scenario: Scenario,
}

/// `scenario` as it is, and each of the ways in which it may be otherwise.
pub fn perturbations(scenario: &Scenario) -> Vec<Perturbation> {
    let same = || scenario.clone();
    let other = |name, scenario| Perturbation { name, scenario };
    vec![
        other("as assumed", same()),
        other("noise x3", Scenario { noise: scenario.noise * 3.0, ..same() }),
        other("stragglers 1 in 10, up to x2", Scenario { stragglers: 0.1, straggler_factor: (1.2, 2.0), ..same() }),
        other("CPUs divide 20 % more", Scenario { amdahl_error: 0.2, ..same() }),
        other("CPUs divide 20 % less", Scenario { amdahl_error: -0.2, ..same() }),
        other("duration declared x2", Scenario { duration_factor: scenario.duration_factor * 2.0, ..same() }),
        other("duration declared x0.5", Scenario { duration_factor: scenario.duration_factor * 0.5, ..same() }),
        other("4 nodes", Scenario { nodes: 4, ..same() }),
        other("6 nodes", Scenario { nodes: 6, ..same() }),
        other("placement spread", Scenario { placement: Placement::Spread, ..same() }),
        other("placement best-fit", Scenario { placement: Placement::BestFit, ..same() }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::Case;

    #[test]
    fn each_world_but_the_first_is_another_and_all_of_them_can_be() {
        let published = Scenario::published(Case::Two);
        let all = perturbations(&published);
        assert_eq!(all[0].scenario, published);
        assert_eq!(all.iter().filter(|world| world.scenario == published).count(), 1);
        assert!(all.iter().all(|world| world.scenario.check().is_ok()));
    }
}
