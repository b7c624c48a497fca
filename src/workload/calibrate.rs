//! What a factorisation costs on this machine. Measured by the very program that runs the workload: the same code in
//! another executable may differ by several per cent.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};

use super::lu::Lu;
use super::pace::{Pacer, thread_cpu};
use super::settings::Calibration;

/// Orders to choose from, all of which stay in a core's own caches, the largest first.
const ORDERS: [usize; 7] = [128, 96, 64, 48, 32, 24, 16];
/// A factorisation should take less: it is the unit of the work, and of its pacing.
const SMALL_ENOUGH: Duration = Duration::from_micros(700);

/// Measures with `threads` threads at a time, as many as all the jobs have, each held to `rate` cores as the jobs' threads
/// are to one virtual CPU, so that caches and clock frequency are as they will be. Takes `duration`.
///
/// # Errors
/// When a thread cannot be made, the system has no CPU clock for threads, or there is nothing to measure with.
pub fn calibrate(threads: usize, rate: f64, duration: Duration) -> anyhow::Result<Calibration> {
    ensure!(threads > 0, "a calibration needs a thread");
    ensure!(rate.is_finite() && rate > 0.0, "rate {rate}: a number of cores above 0 is wanted");
    let matrix_order = choose_order()?;
    let measurements = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|seed| {
                let body = move || measure(matrix_order, seed as u64, rate, duration);
                thread::Builder::new().name("calibrate".into()).spawn_scoped(scope, body)
            })
            .collect();
        let join = |thread: std::io::Result<thread::ScopedJoinHandle<'_, _>>| {
            thread.context("a calibration thread")?.join().map_err(|_| anyhow!("a calibration thread panicked"))?
        };
        running.into_iter().map(join).collect::<anyhow::Result<Vec<(Duration, u32)>>>()
    })?;
    let cpu: Duration = measurements.iter().map(|(cpu, _)| *cpu).sum();
    let count: u32 = measurements.iter().map(|(_, count)| *count).sum();
    Ok(Calibration {
        seconds_per_factorisation: cpu.as_secs_f64() / f64::from(count),
        matrix_order,
        measured_under: threads,
    })
}

fn choose_order() -> anyhow::Result<usize> {
    for order in ORDERS {
        let mut lu = Lu::new(order, 1);
        lu.factorise();
        let start = thread_cpu().context("the CPU clock of threads")?;
        lu.factorise();
        if thread_cpu()?.saturating_sub(start) < SMALL_ENOUGH {
            return Ok(order);
        }
    }
    Ok(ORDERS[ORDERS.len() - 1])
}

/// Factorises at `rate` for `duration`; CPU time and count.
fn measure(order: usize, seed: u64, rate: f64, duration: Duration) -> anyhow::Result<(Duration, u32)> {
    let mut lu = Lu::new(order, seed);
    let mut pacer = Pacer::of_this_thread(rate).context("the CPU clock of threads")?;
    let (start, mut count) = (Instant::now(), 0);
    let cpu = thread_cpu()?;
    while start.elapsed() < duration || count == 0 {
        lu.factorise();
        count += 1;
        pacer.rest();
    }
    Ok((thread_cpu()?.saturating_sub(cpu), count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factorisation_is_small_and_costs_time() {
        let calibration = calibrate(2, 0.3, Duration::from_millis(200)).unwrap();
        assert_eq!(calibration.measured_under, 2);
        assert!(ORDERS.contains(&calibration.matrix_order));
        assert!((1e-7..1e-2).contains(&calibration.seconds_per_factorisation), "{calibration:?}");
        assert!(calibrate(0, 1.0, Duration::ZERO).is_err() && calibrate(1, 0.0, Duration::ZERO).is_err());
    }
}
