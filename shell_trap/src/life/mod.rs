//! One task from its start to its end: take the job, start or restore it, watch it, and leave it in order.
//!
//! # Layout
//!
//! - `container` and `process`: the whole of it, for a job that runs in a container or as a process
//! - `begin`: what is there already (`leftovers`), what can be restored (`newest`, `restore`), and else anew
//! - `watch`: samples, the supervisor's wishes and the lease, while the job runs
//! - `stopping`: the framework wants the task to end (`grace` divides the time for it), by a `checkpoint` where one can be made
//! - `ending`: the job has ended, or another task has it; `scene` is what all ends have in common
//! - `renewing`: the lease is kept while something takes longer than it
//! - `records`: the small files; `output`: the job's output; `sweep`: what nobody has removed

mod begin;
mod checkpoint;
mod container;
mod ending;
mod grace;
mod leftovers;
mod newest;
mod output;
mod process;
pub mod records;
mod renewing;
mod restore;
mod scene;
mod stopping;
mod sweep;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use self::grace::Stop;
use crate::aside::{aside, unattended};
use crate::cgroup::CpuTime;
use crate::checkpoint::secure;
use crate::config::Config;
use crate::report::Reporter;
use crate::report::messages::{Cpu, Words};

/// The job was not run and might be run elsewhere or later (EX_TEMPFAIL).
pub const TRY_AGAIN: i32 = 75;
/// Ended by SIGTERM, and no checkpoint holds what was done: nothing ran yet, or none can be made.
const TERMINATED: i32 = 128 + 15;
/// Longer than any grace.
const FOR_EVER: Duration = Duration::from_secs(30 * 24 * 3600);

/// Runs the job; the exit code of the task.
///
/// # Errors
/// Why the job could not be run.
pub async fn run(config: Config) -> Result<i32> {
    let stop = Stop::listen(config.grace)?;
    let reporter = Reporter::start(&config)?;
    if let Some(shared) = config.checkpoint_dir.clone() {
        let own = config.uuid.hex();
        let checked = aside(move || {
            secure::check(&shared)?;
            unattended(move || sweep::sweep(&shared, &own));
            Ok(())
        });
        let Some(checked) = stop.unless(checked).await else { return Ok(TERMINATED) };
        checked?;
    }
    if config.in_container() {
        let local = local_directory(&config)?;
        container::run(config, reporter, local, stop).await
    } else {
        process::run(&config, &reporter, &stop).await
    }
}

fn local_directory(config: &Config) -> Result<PathBuf> {
    std::fs::create_dir_all(&config.run_dir).with_context(|| config.run_dir.display().to_string())?;
    let directory = config.run_dir.join(config.uuid.hex());
    secure::make(&directory)?;
    Ok(directory)
}

/// Everything that a segment needs to talk about itself.
struct Segment {
    words: Words,
    /// CPU-seconds of the framework's CPUs in the segments before.
    base: f64,
    factor: f64,
    /// The limit in CPUs of the framework.
    limit: f64,
}

impl Segment {
    fn cpu(&self, time: CpuTime) -> Cpu {
        let cpus = |time: Duration| time.as_secs_f64() / self.factor;
        Cpu { user: cpus(time.user), system: cpus(time.total.saturating_sub(time.user)) }
    }

    /// Of the whole execution.
    fn total(&self, time: CpuTime) -> f64 {
        self.base + time.total.as_secs_f64() / self.factor
    }
}

/// What an execution's reports in the segment `epoch` have in common.
fn words(config: &Config, execution: &records::Execution, epoch: u64) -> Words {
    Words { uuid: config.uuid, execution: execution.execution.clone(), segment: epoch, hostname: config.hostname() }
}
