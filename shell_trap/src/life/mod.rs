//! One task from its start to its end: take the job, start or restore it, watch it, and leave it in order.

mod begin;
mod checkpoint;
mod container;
mod finish;
mod leftovers;
mod output;
mod process;
pub mod records;
mod restore;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::cgroup::CpuTime;
use crate::checkpoint::secure;
use crate::config::Config;
use crate::report::Reporter;
use crate::report::messages::{Cpu, Words};

/// The job was not run and might be run elsewhere or later (EX_TEMPFAIL).
pub const TRY_AGAIN: i32 = 75;
/// Ended by SIGTERM before anything ran.
const TERMINATED: i32 = 128 + 15;

/// SIGTERM and SIGINT.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
    /// When everything must be done, once the task was asked to end.
    deadline: Option<Instant>,
}

impl Stop {
    fn new() -> Result<Self> {
        let one = |kind| signal(kind).context("signals");
        Ok(Stop { terminate: one(SignalKind::terminate())?, interrupt: one(SignalKind::interrupt())?, deadline: None })
    }

    /// From now on the framework waits for `grace` and not longer.
    fn granted(&mut self, grace: Duration) {
        self.deadline.get_or_insert(Instant::now() + grace - checkpoint::margin(grace));
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Runs the job; the exit code of the task.
///
/// # Errors
/// Why the job could not be run.
pub async fn run(config: Config) -> Result<i32> {
    if let Some(shared) = &config.checkpoint_dir {
        secure::check(shared)?;
        records::sweep(shared, &config.uuid.hex());
    }
    let local = local_directory(&config)?;
    let reporter = Reporter::start(&config)?;
    let mut stop = Stop::new()?;
    if config.in_container() {
        container::run(config, reporter, local, &mut stop).await
    } else {
        process::run(config, reporter, &mut stop).await
    }
}

fn local_directory(config: &Config) -> Result<PathBuf> {
    if !config.in_container() {
        return Ok(config.run_dir.clone());
    }
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

fn hostname() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
