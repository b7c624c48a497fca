//! What the command around a job costs by itself.
//!
//! The wrapper reports start and end with curl. That takes the same real time at every speed, so at a high speed it would
//! stretch the experiment: what it takes under a job's limit is taken from the injected deployment delay, and a speed at which
//! it is more than a fifth of that delay is refused.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::responder::Responder;
use super::runner::Runner;
use super::scaling::{DEPLOYMENT_SECONDS, ScalingError, Speed, largest_speed};
use crate::launcher::wrapper::{Wrapper, variable};
use crate::local::DelayRange;
use crate::local::executor::{Exit, TaskSpec};
use crate::qos::units::Cpus;

/// Runs of each kind.
const RUNS: usize = 7;

/// Time and CPU time of the wrapped `true`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Overhead {
    /// Seconds from a task being wanted to its first instruction.
    pub launch_s: f64,
    /// Seconds on an idle core: the wrapper's own time.
    pub own_s: f64,
    /// Seconds when held to one virtual CPU, as in a job.
    pub limited_s: f64,
    /// CPU seconds of a real core.
    pub cpu_s: f64,
}

impl Overhead {
    /// Runs the wrapped `true` a few times, alone, in sandboxes below `dir`. `cpu_factor` is the real cores behind a virtual
    /// CPU.
    ///
    /// # Errors
    /// When it does not run, or does not report: the jobs would not either.
    pub async fn measure(runner: &Runner, cpu_factor: f64, dir: &Path) -> anyhow::Result<Self> {
        let whole_core = Cpus::try_from_f64(1.0 / cpu_factor).context("a whole core")?;
        let responder = Responder::start().await?;
        let mut probe = Probe { runner, responder: &responder, dir, runs: 0 };
        // Brings programs and libraries into memory.
        probe.run(whole_core).await?;
        let free = probe.several(whole_core).await?;
        let limited = probe.several(Cpus::from_milli(1000)).await?;
        // A busy machine only ever makes something take longer: the shortest times are the ones that are meant.
        let launch_s = shortest(free.iter().chain(&limited).map(|run| run.launch_s));
        Ok(Overhead {
            launch_s,
            own_s: shortest(free.iter().map(|run| run.whole_s)) - launch_s,
            limited_s: middle(limited.iter().map(|run| run.whole_s)) - launch_s,
            cpu_s: middle(limited.iter().map(|run| run.cpu_s)),
        })
    }

    /// Accepts a speed at which the wrapper does not distort the experiment.
    ///
    /// # Errors
    /// When it does; the error names the largest speed that works.
    pub fn check(&self, speed: Speed) -> Result<(), ScalingError> {
        let (shortest, longest) = DEPLOYMENT_SECONDS;
        let of_own =
            largest_speed(Duration::from_secs_f64(self.own_s), Duration::from_secs_f64((shortest + longest) / 2.0));
        // What is taken from the delay must be in it.
        let of_limited = shortest / (self.launch_s + self.limited_s).max(1e-6);
        let largest = of_own.min(of_limited);
        if speed.get() <= largest {
            return Ok(());
        }
        let (overhead_ms, largest) = (self.own_s * 1e3, (largest * 10.0).floor() / 10.0);
        Err(ScalingError::TooFast { speed: speed.get(), overhead_ms, largest })
    }

    /// The deployment delay that, with the wrapper's time, is the published one at this speed.
    pub fn delay(&self, speed: Speed) -> DelayRange {
        let (shortest, longest) = speed.deployment();
        let rest = |delay: Duration| delay.saturating_sub(Duration::from_secs_f64(self.launch_s + self.limited_s));
        (rest(shortest.to_std()), rest(longest.to_std()))
    }
}

/// One run, in seconds.
struct Run {
    /// Until the executor says that it has started.
    launch_s: f64,
    /// From beginning to end.
    whole_s: f64,
    cpu_s: f64,
}

struct Probe<'a> {
    runner: &'a Runner,
    responder: &'a Responder,
    dir: &'a Path,
    runs: usize,
}

impl Probe<'_> {
    async fn several(&mut self, cpus: Cpus) -> anyhow::Result<Vec<Run>> {
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            runs.push(self.run(cpus).await?);
        }
        Ok(runs)
    }

    async fn run(&mut self, cpus: Cpus) -> anyhow::Result<Run> {
        self.runs += 1;
        let sandbox = self.dir.join(self.runs.to_string());
        let spec = self.spec(cpus, sandbox.clone())?;
        let before = self.responder.answered();
        let wanted = Instant::now();
        let task = self.runner.executor().launch(spec).await.context("the wrapped `true`")?;
        let launch_s = wanted.elapsed().as_secs_f64();
        let exit = task.wait().await;
        let whole_s = wanted.elapsed().as_secs_f64();
        let said = std::fs::read_to_string(sandbox.join("stderr")).unwrap_or_default();
        let said = if said.is_empty() { "it gave no reason" } else { said.trim() };
        ensure!(exit == Exit::Code(0), "the wrapped `true` ended with {exit:?}: {said}");
        ensure!(self.responder.answered() == before + 2, "the command around a job cannot report from here: {said}");
        Ok(Run { launch_s, whole_s, cpu_s: task.usage().total().as_secs_f64() })
    }

    fn spec(&self, cpus: Cpus, sandbox: PathBuf) -> anyhow::Result<TaskSpec> {
        let window = Duration::from_secs(1);
        let wrapper =
            Wrapper { name: "overhead", command: "true", callback_window: window, cacert: None, chain: false };
        let id = format!("overhead-{}", self.runs);
        let token = "0".repeat(64);
        let env = [
            (variable::UUID, uuid::Uuid::nil().to_string()),
            (variable::URL, self.responder.url().to_owned()),
            (variable::TOKEN, token),
            ("MESOS_TASK_ID", id.clone()),
            ("HOST", "node1".to_owned()),
        ];
        Ok(TaskSpec {
            id,
            argv: vec!["/bin/sh".into(), "-c".into(), wrapper.build()?],
            env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            cpus,
            node: None,
            memory_mib: 500.0,
            sandbox,
            container: self.runner.container_spec(),
        })
    }
}

fn shortest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::INFINITY, f64::min)
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVERHEAD: Overhead = Overhead { launch_s: 0.01, own_s: 0.05, limited_s: 0.14, cpu_s: 0.025 };

    #[test]
    fn the_refusal_names_a_speed_that_is_accepted() {
        let speed = |factor| Speed::new(factor).unwrap();
        assert_eq!(OVERHEAD.check(speed(60.0)), Ok(()));
        let Err(ScalingError::TooFast { largest, .. }) = OVERHEAD.check(speed(200.0)) else { panic!() };
        assert_eq!(OVERHEAD.check(speed(largest)), Ok(()));
        let slow = Overhead { limited_s: 0.99, ..OVERHEAD };
        assert!(slow.check(speed(21.0)).is_err() && slow.check(speed(20.0)).is_ok());
    }

    #[test]
    fn the_wrapper_is_part_of_the_deployment() {
        let (shortest, longest) = OVERHEAD.delay(Speed::new(20.0).unwrap());
        assert_eq!((shortest, longest), (Duration::from_millis(850), Duration::from_millis(1350)));
    }
}
