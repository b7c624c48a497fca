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
//! | [`case`](mod@case) | case I or II from launch to figures |
//! | [`marathon`] | case III |
//! | [`compare`] | the same cases under several policies, one after the other |
//! | [`watch`], [`watchdog`], [`snapshot`], [`progress`] | what the jobs are doing, and whether anything is |
//! | [`agent`] | `shell_trap` on the nodes, which is this program under another name |
//! | [`evidence`], [`story`], [`in_place`], [`timing`], [`agreement`] | what really happened, and whether the witnesses agree |
//! | [`arrival`] | whether the metrics are in Monasca |
//! | [`result`], [`table`] | what is printed |
//! | [`interrupt`] | stopping in order |

pub mod agent;
pub mod agreement;
pub mod arrival;
pub mod calibrate;
pub mod case;
pub mod compare;
pub mod evidence;
pub mod in_place;
pub mod interrupt;
pub mod jobs;
pub mod marathon;
pub mod options;
pub mod overhead;
pub mod progress;
mod responder;
pub mod result;
pub mod runner;
pub mod scaling;
pub mod settings;
pub mod snapshot;
pub mod story;
pub mod table;
pub mod testbed;
pub mod timing;
pub mod watch;
pub mod watchdog;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use self::calibrate::{Calibration, calibrate, calibrate_alone};
use self::interrupt::Interrupt;
use self::jobs::Workload;
use self::marathon::form::Form;
use self::options::{Case, DemoOptions};
use self::overhead::Overhead;
use self::progress::Progress;
use self::result::{CaseSummary, DemoResult, JobResult, Scale};
use self::runner::{Runner, RunnerKind};
use self::scaling::{CPUS_PER_NODE, NODES, Speed, cpu_factor};
use crate::local::executor::docker::image::PROGRAM_IN_IMAGE;
use crate::qos::ids::Framework;
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
    let mut stage = Stage { options, dir, cpu_factor, interrupt: &interrupt, runners: Vec::new() };
    let result = stage.run(progress).await;
    for runner in &stage.runners {
        runner.shutdown().await;
    }
    result
}

/// What all cases share.
struct Stage<'a> {
    options: &'a DemoOptions,
    dir: &'a Path,
    cpu_factor: f64,
    interrupt: &'a Interrupt,
    /// Whatever they still run is ended at the end.
    runners: Vec<Arc<Runner>>,
}

impl<'a> Stage<'a> {
    async fn run(&mut self, progress: &mut dyn Progress) -> anyhow::Result<DemoResult> {
        let options = self.options;
        let needs = |framework| options.cases.iter().any(|case| case.framework() == framework);
        // First of all: a wish that cannot be had is known before anything runs.
        let form = match needs(Framework::Marathon) {
            true => Some(self.interrupt.or(Form::choose(options, self.dir)).await??),
            false => None,
        };
        let iterations = match needs(Framework::Chronos) {
            true => Some(self.iterations(progress).await?),
            false => None,
        };
        let long_running = match &form {
            Some(form) => Some(self.long_running(form, progress).await?),
            None => None,
        };
        let (mut cases, mut jobs) = (Vec::new(), Vec::new());
        for case in &options.cases {
            let done = match (case, &iterations, &long_running) {
                (Case::One | Case::Two, Some((bench, _)), _) => bench.run(*case, progress).await?,
                (Case::Three, _, Some((bench, _))) => bench.run(progress).await?,
                _ => anyhow::bail!("case {} was not prepared", case.as_str()),
            };
            let (summary, results): (CaseSummary, Vec<JobResult>) = done;
            cases.push(summary);
            jobs.extend(results);
        }
        let calibrations = [iterations.as_ref().map(|(_, c)| *c), long_running.as_ref().map(|(_, c)| *c)];
        let mut executors: Vec<String> = self.runners.iter().map(|runner| runner.executor().describe()).collect();
        executors.dedup();
        Ok(DemoResult {
            on_time: jobs.iter().filter(|job: &&JobResult| job.on_time).count(),
            total: jobs.len(),
            jobs,
            cases,
            speed: options.speed.get(),
            policy: options.policy.as_str(),
            chain: options.chain,
            in_place: iterations.as_ref().is_some_and(|(bench, _)| bench.agent.is_some()),
            virtual_cpu_cores: self.cpu_factor,
            executor: executors.join(", "),
            chronos_version: options.chronos_version.as_str(),
            seed: options.seed,
            wrapper: iterations.map(|(bench, _)| bench.scale.overhead),
            calibration: calibrations.into_iter().flatten().next().context("no case was run")?,
        })
    }

    /// Everything for cases I and II.
    async fn iterations(&mut self, progress: &mut dyn Progress) -> anyhow::Result<(case::Bench<'a>, Calibration)> {
        let (options, cpu_factor) = (self.options, self.cpu_factor);
        let kind = options.runner.unwrap_or(RunnerKind::Process);
        let runner = self.start(kind, "executor").await?;
        let sandboxes = self.dir.join("overhead");
        let measured = Overhead::measure(&runner, cpu_factor, &sandboxes);
        let overhead = self.interrupt.or(measured).await?.context("measuring the command around a job")?;
        overhead.check(options.speed)?;
        progress.say(&format!(
            "The command around a job takes {:.0} ms by itself, {:.0} ms under the limit of one virtual CPU.",
            overhead.own_s * 1e3,
            overhead.limited_s * 1e3
        ));
        let jobs = options.cases.iter().map(|case| case.jobs(options.speed).len()).max().unwrap_or(1);
        let calibration = self.interrupt.or(measuring(jobs)).await??;
        let executor = runner.executor();
        progress.say(&self.says(&calibration, &format!(", limited by {}", executor.describe())));
        let file = runner.shared().join("calibration.json");
        let workload = Workload {
            program: runner.program().to_owned(),
            calibration: written(calibration, options.speed, file)?,
            seed: options.seed,
            container: runner.container(),
            chain: options.chain,
        };
        let scale = Scale { speed: options.speed, cpu_factor, overhead };
        let agent = options.in_place(kind).then(|| agent::install(self.dir)).transpose()?;
        if agent.is_some() {
            progress.say("The iterations of a job share a task under an agent, and get their CPU in place, by a plan of who shares a node.");
        }
        let bench = case::Bench { options, dir: self.dir, workload, agent, executor, scale, interrupt: self.interrupt };
        Ok((bench, calibration))
    }

    /// Everything for case III.
    async fn long_running<'f>(
        &mut self,
        form: &'f Form,
        progress: &mut dyn Progress,
    ) -> anyhow::Result<(marathon::case::Bench<'f>, Calibration)>
    where
        'a: 'f,
    {
        let (options, dir, cpu_factor) = (self.options, self.dir, self.cpu_factor);
        progress.say(&format!("The job of case III is {}: {}.", form.describe(), form.why));
        let speed = form.speed(options.speed);
        if speed != options.speed {
            progress.say(&format!(
                "Case III runs {} times as fast as published, not {} times: a checkpoint takes the same time at every speed.",
                speed.get(),
                options.speed.get()
            ));
        }
        // The agents are processes of the nodes, whatever they run the job with.
        let runner = self.start(RunnerKind::Process, "agents").await?;
        let (program, executor, shared) = (runner.program().to_owned(), runner.executor(), runner.shared().to_owned());
        let calibration = self.interrupt.or(calibrate_alone(&runner, cpu_factor, dir)).await??;
        progress.say(&self.says(&calibration, ""));
        let container = match &form.docker {
            Some(docker) => Some(self.interrupt.or(runner::app_container(&docker.socket, dir, &shared)).await??),
            None => None,
        };
        let workload = Workload {
            program: if form.container { PROGRAM_IN_IMAGE.into() } else { program },
            calibration: written(calibration, speed, shared.join("calibration-alone.json"))?,
            seed: options.seed,
            container,
            chain: false,
        };
        let agent = agent::install(dir)?;
        let interrupt = self.interrupt;
        let bench =
            marathon::case::Bench { options, dir, form, agent, workload, executor, speed, cpu_factor, interrupt };
        Ok((bench, calibration))
    }

    async fn start(&mut self, kind: RunnerKind, name: &str) -> anyhow::Result<Arc<Runner>> {
        let starting = Runner::start(kind, self.dir, name, self.cpu_factor);
        let runner = Arc::new(self.interrupt.or(starting).await??);
        self.runners.push(Arc::clone(&runner));
        Ok(runner)
    }

    fn says(&self, calibration: &Calibration, limited: &str) -> String {
        format!(
            "A factorisation of order {} takes {:.0} us of a core; a virtual CPU is {:.4} of a core{limited}.",
            calibration.matrix_order,
            calibration.seconds_per_factorisation * 1e6,
            self.cpu_factor,
        )
    }
}

/// The file for the workload, with its path.
fn written(calibration: Calibration, speed: Speed, path: PathBuf) -> anyhow::Result<PathBuf> {
    WorkloadSettings { speed: speed.get(), calibration }.write(&path)?;
    Ok(path)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Measures under the load of all jobs; ends within seconds even when nobody waits for it any more.
async fn measuring(jobs: usize) -> anyhow::Result<Calibration> {
    tokio::task::spawn_blocking(move || calibrate(cores(), jobs)).await.context("the calibration")?
}
