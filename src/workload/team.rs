//! Two threads that work as a parallel program does: one alone, then both, and so on.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};

use anyhow::{Context as _, anyhow};

use super::lu::{self, Lu};
use super::pace::{Pacer, Used};
use super::settings::Work;

/// How often serial and parallel parts alternate: a resize in the middle meets both.
const ROUNDS: u64 = 4;

/// What the threads did.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    /// The worst of their last results.
    pub residual: f64,
    /// By their own count.
    pub used: Used,
}

/// Does the work with two threads of at most `rate` cores each.
///
/// # Errors
/// When a thread cannot be made or has no CPU clock.
pub fn run(work: Work, matrix_order: usize, rate: f64) -> anyhow::Result<Done> {
    let shared = Shared { barrier: Barrier::new(2), left: AtomicU64::new(0) };
    let mut first = Worker::new(matrix_order, 1, rate)?;
    let first_thread = thread::current();
    thread::scope(|scope| {
        let second = thread::Builder::new().name("lu-2".into());
        let second = second
            .spawn_scoped(scope, || -> anyhow::Result<Done> {
                let mut second = Worker::new(matrix_order, 2, rate);
                for _ in 0..ROUNDS {
                    shared.barrier.wait();
                    // Without its clock it works no more, but still meets the other one, who must not wait for ever.
                    if let Ok(worker) = &mut second {
                        worker.parallel(&shared, &first_thread);
                    }
                    shared.barrier.wait();
                }
                Ok(second?.finish())
            })
            .context("the second thread")?;
        for round in 0..ROUNDS {
            first.serial(portion(work.serial, round));
            shared.left.store(portion(work.parallel, round), Ordering::Relaxed);
            shared.barrier.wait();
            first.parallel(&shared, second.thread());
            shared.barrier.wait();
        }
        let first = first.finish();
        let second = second.join().map_err(|_| anyhow!("the second thread panicked"))??;
        let used =
            Used { cpu: first.used.cpu + second.used.cpu, restored: first.used.restored || second.used.restored };
        Ok(Done { residual: lu::worse(first.residual, second.residual), used })
    })
}

/// This round's share of `all`, such that all rounds together are exactly that.
fn portion(all: u64, round: u64) -> u64 {
    all * (round + 1) / ROUNDS - all * round / ROUNDS
}

struct Shared {
    barrier: Barrier,
    /// Factorisations of this round that nobody has begun. Handed out one by one: a thread that is held up by the
    /// container's limit does fewer, and both end together.
    left: AtomicU64,
}

struct Worker {
    lu: Lu,
    pacer: Pacer,
}

impl Worker {
    fn new(matrix_order: usize, seed: u64, rate: f64) -> anyhow::Result<Self> {
        let mut lu = Lu::new(matrix_order, seed);
        lu.factorise();
        Ok(Worker { lu, pacer: Pacer::of_this_thread(rate).context("the thread's CPU clock")? })
    }

    fn serial(&mut self, count: u64) {
        self.pacer.begin_part();
        for _ in 0..count {
            self.pacer.rest();
            self.lu.factorise();
        }
    }

    fn parallel(&mut self, shared: &Shared, partner: &Thread) {
        self.pacer.begin_part();
        let take = |left: u64| left.checked_sub(1);
        loop {
            // Rests before it takes: a piece that somebody holds while resting would keep the other one waiting.
            self.pacer.rest();
            if shared.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
                break;
            }
            self.lu.factorise();
        }
        // Nothing to rest for any more.
        partner.unpark();
    }

    fn finish(mut self) -> Done {
        let used = self.pacer.settle();
        Done { residual: self.lu.residual(), used }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rounds_together_are_all_the_work() {
        for all in [0, 1, 7, 8, 9, 12_345] {
            assert_eq!((0..ROUNDS).map(|round| portion(all, round)).sum::<u64>(), all);
        }
    }

    #[test]
    fn the_result_of_both_threads_is_right() {
        let Done { residual, used } = run(Work { serial: 10, parallel: 21 }, 40, 1.0).unwrap();
        assert!(lu::is_right(residual), "{residual}");
        assert!(!used.cpu.is_zero() && !used.restored, "{used:?}");
    }
}
