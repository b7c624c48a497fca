//! `mesos-qos demo`: the published experiments on this machine, as real processes under real CPU limits.
//!
//! # Layout
//!
//! | module | what it does |
//! |---|---|
//! | [`options`] | what the user chose |
//! | [`scaling`], [`calibrate`](mod@calibrate), [`overhead`] | published time and CPUs on this machine: how fast, how much work, how much wrapper |
//! | [`testbed`], [`settings`] | the cluster and the supervisor, in this process |
//! | [`runner`] | processes or containers |
//! | [`jobs`] | the job files and their launch |
//! | [`case`](mod@case) | one case from launch to figures |
//! | [`watch`], [`watchdog`], [`snapshot`], [`progress`] | what the jobs are doing, and whether anything is |
//! | [`evidence`], [`timing`], [`agreement`] | what really happened, and whether the witnesses agree |
//! | [`result`], [`table`] | what is printed |
//! | [`interrupt`] | stopping in order |

pub mod agreement;
pub mod calibrate;
pub mod case;
pub mod evidence;
pub mod interrupt;
pub mod jobs;
pub mod options;
pub mod overhead;
pub mod progress;
mod responder;
pub mod result;
pub mod runner;
pub mod scaling;
pub mod settings;
pub mod snapshot;
pub mod table;
pub mod testbed;
pub mod timing;
pub mod watch;
pub mod watchdog;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use self::calibrate::{Calibration, calibrate};
use self::case::Bench;
use self::interrupt::Interrupt;
use self::jobs::Workload;
use self::options::DemoOptions;
use self::overhead::Overhead;
use self::progress::Progress;
use self::result::{DemoResult, Scale};
use self::runner::Runner;
use self::scaling::{CPUS_PER_NODE, NODES, cpu_factor};
use crate::workload::settings::Settings as WorkloadSettings;

/// Runs the cases one after the other, with all files in `dir`. Must be called within an actix system. No process is left when this
/// returns, whatever it returns.
///
/// # Errors
/// When something cannot be started or is stuck, the speed is too high for this machine, or a signal came
/// ([`interrupt::Interrupted`]).
pub async fn run(options: &DemoOptions, dir: &Path, progress: &mut dyn Progress) -> anyhow::Result<DemoResult> {
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    // No thread runs on more than one core, so a virtual CPU is never more.
    let cpu_factor = cpu_factor(cores(), f64::from(NODES * CPUS_PER_NODE)).min(1.0);
    let starting = Runner::start(options.runner, dir, cpu_factor);
    let runner = interrupt.or(starting).await??;
    let result = run_on(&runner, options, dir, cpu_factor, &interrupt, progress).await;
    runner.shutdown().await;
    result
}

async fn run_on(
    runner: &Runner,
    options: &DemoOptions,
    dir: &Path,
    cpu_factor: f64,
    interrupt: &Interrupt,
    progress: &mut dyn Progress,
) -> anyhow::Result<DemoResult> {
    let executor = runner.executor();
    let sandboxes = dir.join("overhead");
    let measured = Overhead::measure(runner, cpu_factor, &sandboxes);
    let overhead = interrupt.or(measured).await?.context("measuring the command around a job")?;
    overhead.check(options.speed)?;
    progress.say(&format!(
        "The command around a job takes {:.0} ms by itself, {:.0} ms under the limit of one virtual CPU.",
        overhead.own_s * 1e3,
        overhead.limited_s * 1e3
    ));
    let jobs = options.cases.iter().map(|case| case.jobs(options.speed).len()).max().unwrap_or(1);
    let calibration = interrupt.or(calibrated(cores(), jobs)).await??;
    progress.say(&format!(
        "A factorisation of order {} takes {:.0} us of a core; a virtual CPU is {cpu_factor:.4} of a core, limited by {}.",
        calibration.matrix_order,
        calibration.seconds_per_factorisation * 1e6,
        executor.describe()
    ));
    let calibration_file = runner.shared().join("calibration.json");
    WorkloadSettings { speed: options.speed.get(), calibration }.write(&calibration_file)?;
    let bench = Bench {
        options,
        dir,
        workload: Workload {
            program: runner.program().to_owned(),
            calibration: calibration_file,
            seed: options.seed,
            container: runner.container(),
        },
        executor: Arc::clone(&executor),
        scale: Scale { speed: options.speed, cpu_factor, overhead },
        interrupt,
    };
    let (mut cases, mut jobs) = (Vec::new(), Vec::new());
    for case in &options.cases {
        let (summary, results) = bench.run(*case, progress).await?;
        cases.push(summary);
        jobs.extend(results);
    }
    Ok(DemoResult {
        on_time: jobs.iter().filter(|job| job.on_time).count(),
        total: jobs.len(),
        jobs,
        cases,
        speed: options.speed.get(),
        policy: options.policy.as_str(),
        virtual_cpu_cores: cpu_factor,
        executor: executor.describe(),
        chronos_version: options.chronos_version.as_str(),
        seed: options.seed,
        wrapper: overhead,
        calibration,
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Measures under the load of all jobs; ends within seconds even when nobody waits for it any more.
async fn calibrated(cores: usize, jobs: usize) -> anyhow::Result<Calibration> {
    tokio::task::spawn_blocking(move || calibrate(cores, jobs)).await.context("the calibration")?
}
