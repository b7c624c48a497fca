//! What happens next.

use std::collections::BTreeMap;

use crate::qos::units::Timestamp;

/// Things that are to happen, in the order of their instants; of the same instant in the order in which they were planned.
#[derive(Debug)]
pub struct Agenda<T> {
    planned: BTreeMap<(Timestamp, u64), T>,
    count: u64,
}

impl<T> Agenda<T> {
    /// Nothing planned.
    pub fn new() -> Self {
        Agenda { planned: BTreeMap::new(), count: 0 }
    }

    /// Plans `what` for `at`.
    pub fn plan(&mut self, at: Timestamp, what: T) {
        self.count += 1;
        self.planned.insert((at, self.count), what);
    }

    /// The next thing and its instant.
    pub fn next(&mut self) -> Option<(Timestamp, T)> {
        self.planned.pop_first().map(|((at, _), what)| (at, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_happen_by_their_instant_and_then_by_their_planning() {
        let at = Timestamp::from_micros;
        let mut agenda = Agenda::new();
        for (when, what) in [(5, "b"), (5, "c"), (1, "a"), (9, "d")] {
            agenda.plan(at(when), what);
        }
        let order: Vec<_> = std::iter::from_fn(|| agenda.next()).map(|(_, what)| what).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }
}
