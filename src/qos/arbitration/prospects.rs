//! What a job gains from each CPU, reckoned when it is asked for: of all chances with all sizes a round uses few.

use std::cell::{Cell, OnceCell};
use std::fmt;

use crate::qos::units::Cpus;

/// What a chance to be on time is to reckon with, beside the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    /// It has this CPU from its next choice on.
    AtOnce,
    /// The same, and it has to wait for a node now and then.
    Waiting,
    /// The same, and there are more tasks than nodes have room for: each waits in turn.
    Queueing,
    /// Only its next iteration has this CPU, those after it the most, and it waits for nothing.
    Bridge,
    /// It has this CPU in a new task, which follows its present iteration.
    Moved,
}

/// How many they are.
const LUCKS: usize = 5;

/// A job's chances, from whoever can forecast it. Always the same for the same question.
pub trait Gains: fmt::Debug + Send {
    /// The probability, from 0 to 1, that the job is done by its deadline with `cpus`.
    fn chance(&self, luck: Luck, cpus: Cpus) -> f64;

    /// Whether that is known to be less than `than`: asked only to spare the chance. False where it is not known.
    fn less_likely(&self, luck: Luck, cpus: Cpus, than: f64) -> bool;

    /// How many seconds after its deadline it is expected to be done with `cpus`; negative when before.
    fn late(&self, cpus: Cpus) -> f64;
}

/// What a job gains from each CPU that it can get. Each chance is reckoned once, when it is asked for.
#[derive(Debug)]
pub struct Prospects {
    /// Rising.
    sizes: Vec<Cpus>,
    gains: Box<dyn Gains>,
    known: [OnceCell<Box<[OnceCell<f64>]>>; LUCKS],
    /// The last chance that a size was looked for with, and the place of the first one that gives it: none before it gives a greater one.
    found: [Cell<(f64, usize)>; LUCKS],
}

impl Prospects {
    /// With each of `sizes`, which rise.
    pub fn new(sizes: Vec<Cpus>, gains: Box<dyn Gains>) -> Self {
        let found = std::array::from_fn(|_| Cell::new((f64::NEG_INFINITY, 0)));
        Prospects { sizes, gains, known: Default::default(), found }
    }

    /// The sizes, rising.
    pub fn sizes(&self) -> &[Cpus] {
        &self.sizes
    }

    /// The chance with the size at `place`; none without one.
    pub fn chance(&self, luck: Luck, place: usize) -> f64 {
        let Some(cpus) = self.sizes.get(place) else { return 0.0 };
        let known = self.known[luck as usize].get_or_init(|| vec![OnceCell::new(); self.sizes.len()].into());
        *known[place].get_or_init(|| self.gains.chance(luck, *cpus))
    }

    /// The place of the least size with which the chance is `enough`; none when it is with no size.
    pub fn first(&self, luck: Luck, enough: f64) -> Option<usize> {
        let found = &self.found[luck as usize];
        let (asked, place) = found.get();
        let from = if enough >= asked { place } else { 0 };
        let gives = |place: &usize| {
            let known = self.known[luck as usize].get().and_then(|known| known[*place].get());
            match known {
                Some(chance) => *chance >= enough,
                None => {
                    !self.gains.less_likely(luck, self.sizes[*place], enough) && self.chance(luck, *place) >= enough
                }
            }
        };
        let first = (from..self.sizes.len()).find(gives);
        found.set((enough, first.unwrap_or(self.sizes.len())));
        first
    }

    /// How late it is expected to be with the size at `place`, in seconds.
    pub fn late(&self, place: usize) -> f64 {
        self.sizes.get(place).map_or(0.0, |cpus| self.gains.late(*cpus))
    }

    /// The place of the largest size that is no more than `cpus`.
    pub fn up_to(&self, cpus: Cpus) -> Option<usize> {
        self.sizes.partition_point(|size| *size <= cpus).checked_sub(1)
    }

    /// The place of the least size that is no less than `cpus`, or else of the largest.
    pub fn from(&self, cpus: Cpus) -> usize {
        self.sizes.partition_point(|size| *size < cpus).min(self.sizes.len().saturating_sub(1))
    }
}

#[cfg(test)]
pub mod table {
    use super::*;

    /// What a job gains from a CPU.
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub struct Prospect {
        pub cpus: Cpus,
        pub chance: f64,
        pub waiting: f64,
        pub queueing: f64,
        pub bridge: f64,
        pub moved: f64,
        pub late: f64,
    }

    #[derive(Debug)]
    struct Table(Vec<Prospect>);

    impl Table {
        fn with(&self, cpus: Cpus) -> &Prospect {
            self.0.iter().find(|one| one.cpus == cpus).unwrap()
        }
    }

    impl Gains for Table {
        fn chance(&self, luck: Luck, cpus: Cpus) -> f64 {
            let one = self.with(cpus);
            match luck {
                Luck::AtOnce => one.chance,
                Luck::Waiting => one.waiting,
                Luck::Queueing => one.queueing,
                Luck::Bridge => one.bridge,
                Luck::Moved => one.moved,
            }
        }

        fn less_likely(&self, luck: Luck, cpus: Cpus, than: f64) -> bool {
            // Told for much less only, as by whoever reckons.
            self.chance(luck, cpus) < than / 2.0
        }

        fn late(&self, cpus: Cpus) -> f64 {
            self.with(cpus).late
        }
    }

    /// The prospects that a table says.
    pub fn of(prospects: Vec<Prospect>) -> Prospects {
        Prospects::new(prospects.iter().map(|one| one.cpus).collect(), Box::new(Table(prospects)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::table::{Prospect, of};
    use super::*;

    fn with(chances: &[f64]) -> Prospects {
        let prospect = |(milli, chance): (u32, &f64)| {
            let (cpus, chance) = (Cpus::from_milli(milli), *chance);
            Prospect { cpus, chance, waiting: 0.0, queueing: 0.0, bridge: 0.0, moved: 0.0, late: 0.0 }
        };
        of((100..).step_by(100).zip(chances).map(prospect).collect())
    }

    #[test]
    fn what_nobody_asks_for_is_not_reckoned() {
        let prospects = with(&[0.1, 0.2, 0.7, 0.9, 1.0]);
        let reckoned = || prospects.known[0].get().map_or(0, |known| known.iter().flat_map(OnceCell::get).count());
        assert_eq!((prospects.first(Luck::AtOnce, 0.8), reckoned()), (Some(3), 2), "0.1 and 0.2 are far too little");
        assert_eq!((prospects.first(Luck::AtOnce, 0.95), reckoned()), (Some(4), 3));
        assert_eq!((prospects.chance(Luck::AtOnce, 4), prospects.chance(Luck::AtOnce, 5)), (1.0, 0.0));
        assert_eq!(reckoned(), 3);
        assert!(prospects.known[1..].iter().all(|known| known.get().is_none()));
    }

    #[test]
    fn between_two_sizes_the_smaller_one_is_had() {
        let prospects = with(&[0.1, 0.2, 0.3]);
        let places = |milli| (prospects.up_to(Cpus::from_milli(milli)), prospects.from(Cpus::from_milli(milli)));
        assert_eq!(
            [50, 100, 250, 300, 900].map(places),
            [(None, 0), (Some(0), 0), (Some(1), 2), (Some(2), 2), (Some(2), 2)]
        );
        assert_eq!(with(&[]).from(Cpus::from_milli(1)), 0);
    }

    proptest! {
        /// Chances that do not rise with the size, too: a size for which nothing has to be changed may be better than the next.
        #[test]
        fn the_first_that_is_enough_is_found_whatever_was_asked_before(
            chances in prop::collection::vec(0.0..1.0f64, 0..12), asked in prop::collection::vec(0.0..1.1f64, 1..12),
        ) {
            let prospects = with(&chances);
            for enough in asked {
                let first = chances.iter().position(|chance| *chance >= enough);
                prop_assert_eq!(prospects.first(Luck::AtOnce, enough), first);
            }
        }
    }
}
