//! What the demo's jobs run: an LU factorisation whose time depends on the CPUs it gets as the published one's does.
//!
//! Its size is a fixed number of factorisations of a small matrix ([`settings`]), part of them on one thread and part on
//! two (`team`), each thread held to one virtual CPU ([`pace`]). At c virtual CPUs of its container it therefore takes
//! T1 ((1 - p) + p / c) for 1 <= c <= 2, and T1 / c below 1 ([`published`]).

pub mod calibrate;
pub mod lu;
pub mod pace;
pub mod published;
pub mod settings;
mod team;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};

use self::settings::{Calibration, Settings};
use crate::launcher::wrapper::variable;
use crate::local::executor::process::CPU_FACTOR_VARIABLE;

/// A program that the demo runs as a job.
#[derive(Debug, Clone, Args)]
pub struct WorkloadArgs {
    #[command(subcommand)]
    program: Program,
}

#[derive(Debug, Clone, Subcommand)]
enum Program {
    /// One iteration of the published experiments: an LU factorisation of this order, in scaled time.
    Lu(LuArgs),
    /// Measures what a factorisation costs here.
    Calibrate(CalibrateArgs),
}

#[derive(Debug, Clone, Args)]
struct CalibrateArgs {
    /// Threads that work at the same time.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Real cores that each of them may use at most.
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
    /// How long to measure.
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Speed to write into the file.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Where to write what `workload lu --calibration` reads.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Clone, Args)]
struct LuArgs {
    /// Order of the published matrix; 3500, 4000 and 6000 were measured.
    #[arg(value_parser = clap::value_parser!(u32).range(i64::from(published::ORDERS.0)..=i64::from(published::ORDERS.1)))]
    order: u32,
    /// Speed and cost of a factorisation, as the demo measured and wrote them.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Published times are divided by this; instead of a calibration file.
    #[arg(long, required_unless_present = "calibration", conflicts_with = "calibration")]
    speed: Option<f64>,
    /// Factorisations that one real core does in a second; instead of a calibration file.
    #[arg(long, required_unless_present = "calibration", conflicts_with = "calibration")]
    factorisations_per_second: Option<f64>,
    /// Order of the matrix that is really factorised; instead of a calibration file.
    #[arg(long, default_value_t = 96, conflicts_with = "calibration")]
    matrix_order: usize,
    /// Changes the order by this much, up or down, equally likely.
    #[arg(long, value_name = "ORDERS", value_parser = clap::value_parser!(u32).range(..=400))]
    vary: Option<u32>,
    /// Makes the choice of --vary depend on this, the task's id and the place in its chain alone.
    #[arg(long, requires = "vary")]
    seed: Option<u64>,
}

/// What one iteration did; displays as its one line of output.
#[derive(Debug, Clone, Copy)]
struct Report {
    order: u32,
    factorisations: u64,
    wall: f64,
    cpu: f64,
    cpu_factor: f64,
    residual: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "lu order={} factorisations={} wall_s={:.3} cpu_s={:.3} virtual_cpu_s={:.3} residual={:.3e}",
            self.order,
            self.factorisations,
            self.wall,
            self.cpu,
            self.cpu / self.cpu_factor,
            self.residual
        )
    }
}

/// Runs the program to its end; its one line of output.
///
/// # Errors
/// When an argument makes no sense, or the result of the computation is wrong.
pub fn run(args: &WorkloadArgs) -> anyhow::Result<String> {
    match &args.program {
        Program::Lu(args) => Ok(factorise(args)?.to_string()),
        Program::Calibrate(args) => {
            let calibration = calibrate::calibrate(args.threads, args.rate, args.duration)?;
            let settings = Settings { speed: args.speed, calibration };
            settings.check()?;
            settings.write(&args.output)?;
            Ok(format!("{:e} s a factorisation", calibration.seconds_per_factorisation))
        }
    }
}

fn factorise(args: &LuArgs) -> anyhow::Result<Report> {
    let settings = args.settings()?;
    let cpu_factor = cpu_factor()?;
    let order = args.order_now();
    let work = settings.work(order, cpu_factor);
    let start = Instant::now();
    let before = pace::process_cpu().context("the process's CPU clock")?;
    let team::Done { residual, used } = team::run(work, settings.calibration.matrix_order, cpu_factor)?;
    // The kernel counts a restored process from its restore on; the threads have counted all of their work.
    let cpu = if used.restored { before + used.cpu } else { pace::process_cpu()? };
    let report = Report {
        order,
        factorisations: work.serial + work.parallel,
        wall: start.elapsed().as_secs_f64(),
        cpu: cpu.as_secs_f64(),
        cpu_factor,
        residual,
    };
    ensure!(lu::is_right(residual), "the factorisation is wrong: {report}");
    Ok(report)
}

/// Real cores behind one virtual CPU, as the executor says; without one, a CPU is a core.
fn cpu_factor() -> anyhow::Result<f64> {
    let Ok(text) = std::env::var(CPU_FACTOR_VARIABLE) else { return Ok(1.0) };
    let factor = text.parse().ok().filter(|factor: &f64| factor.is_finite() && *factor > 0.0);
    factor.with_context(|| format!("{CPU_FACTOR_VARIABLE}={text}: a number of real cores above 0 is wanted"))
}

impl LuArgs {
    fn settings(&self) -> anyhow::Result<Settings> {
        if let Some(path) = &self.calibration {
            return Settings::read(path);
        }
        let per_second = self.factorisations_per_second.context("--factorisations-per-second is missing")?;
        let calibration = Calibration {
            seconds_per_factorisation: per_second.recip(),
            matrix_order: self.matrix_order,
            measured_under: 1,
        };
        let settings = Settings { speed: self.speed.context("--speed is missing")?, calibration };
        settings.check()?;
        Ok(settings)
    }

    fn order_now(&self) -> u32 {
        let Some(vary) = self.vary else { return self.order };
        let up = match self.seed {
            Some(seed) => {
                let task = ["MESOS_TASK_ID", "mesos_task_id"].iter().find_map(|name| std::env::var(name).ok());
                // The iterations of a chain share a task.
                let place = std::env::var(variable::INDEX).ok().filter(|place| place != "0");
                heads(seed, &[task, place].map(Option::unwrap_or_default).concat())
            }
            None => rand::random(),
        };
        if up { self.order + vary } else { self.order - vary }
    }
}

/// A fair coin that falls the same way for the same seed and task.
fn heads(seed: u64, task: &str) -> bool {
    use sha2::Digest as _;
    let digest = sha2::Sha256::new().chain_update(seed.to_le_bytes()).chain_update(task).finalize();
    digest[0] & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coin_is_fair_and_repeatable() {
        let ups = (0..1000).filter(|task| heads(7, &format!("ct:{task}:0:job:"))).count();
        assert!((400..600).contains(&ups), "{ups}");
        assert_eq!(heads(7, "a"), heads(7, "a"));
    }
}
