//! The luck of a simulated run: every draw depends on the seed and on what it is for, and on nothing else.
//!
//! So every policy meets the same luck, whatever it does: what differs between two policies is their own doing.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};

/// What befalls iteration i of a job, or segment i of a long-running one, as draws in [0, 1) and a normal one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Luck {
    /// Where in its range the gap before it lies.
    pub gap: f64,
    /// Standard normal: of its noise.
    pub noise: f64,
    /// Below the share of stragglers: it is one.
    pub straggler: f64,
    /// How bad a straggler it would be.
    pub straggler_factor: f64,
    /// Below one half: its order is larger, else smaller.
    pub order: f64,
    /// Which of the nodes with room takes it.
    pub node: f64,
    /// Where in its range a restart's downtime, or the gap of a redeployment, lies.
    pub restart: f64,
}

/// What befalls a job as a whole, as draws in [0, 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JobLuck {
    /// When it registers.
    pub registration: f64,
    /// In which phase of its period a long-running job is looked at first.
    pub phase: f64,
}

impl Luck {
    /// Of iteration `iteration` of job `job`.
    pub fn of(seed: u64, job: u32, iteration: u32) -> Self {
        let mut draw = Draws::new(seed, job, Some(iteration));
        Luck {
            gap: draw.uniform(),
            noise: draw.normal(),
            straggler: draw.uniform(),
            straggler_factor: draw.uniform(),
            order: draw.uniform(),
            node: draw.uniform(),
            restart: draw.uniform(),
        }
    }
}

impl JobLuck {
    /// Of job `job`.
    pub fn of(seed: u64, job: u32) -> Self {
        let mut draw = Draws::new(seed, job, None);
        JobLuck { registration: draw.uniform(), phase: draw.uniform() }
    }
}

/// `draw`, which lies in [0, 1), in the range from `range.0` to `range.1`.
pub fn within(range: (f64, f64), draw: f64) -> f64 {
    range.0 + (range.1 - range.0) * draw
}

/// A stream of draws that nothing but its key decides.
struct Draws(ChaCha8Rng);

impl Draws {
    fn new(seed: u64, job: u32, iteration: Option<u32>) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..12].copy_from_slice(&job.to_le_bytes());
        key[12..20].copy_from_slice(&iteration.map_or(0, |iteration| u64::from(iteration) + 1).to_le_bytes());
        Draws(ChaCha8Rng::from_seed(key))
    }

    /// 53 bits: every multiple of 2^-53 below one is equally likely.
    fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// By Box and Muller; `1 - u` is never zero.
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * libm::log(radius)).sqrt() * libm::cos(2.0 * std::f64::consts::PI * angle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_gives_the_same_luck_and_every_part_of_it_matters() {
        assert_eq!(Luck::of(1, 2, 3), Luck::of(1, 2, 3));
        let others = [Luck::of(2, 2, 3), Luck::of(1, 3, 3), Luck::of(1, 2, 4)];
        assert!(others.iter().all(|other| *other != Luck::of(1, 2, 3)));
        assert_ne!(JobLuck::of(1, 2).registration, Luck::of(1, 2, 0).gap);
    }

    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let count = 20_000;
        let all: Vec<Luck> = (0..count).map(|iteration| Luck::of(7, 0, iteration)).collect();
        let mean = |of: fn(&Luck) -> f64| all.iter().map(of).sum::<f64>() / f64::from(count);
        assert!((mean(|l| l.gap) - 0.5).abs() < 0.01 && (mean(|l| l.node) - 0.5).abs() < 0.01);
        assert!(mean(|l| l.noise).abs() < 0.03, "{}", mean(|l| l.noise));
        assert!((mean(|l| l.noise * l.noise) - 1.0).abs() < 0.05);
        assert!((mean(|l| f64::from(u8::from(l.straggler < 0.04))) - 0.04).abs() < 0.006);
    }
}
