//! A task whose job is a process of this node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::container::take;
use super::ending::{self, STORING, WRITING, exit_code};
use super::grace::{Step, Stop};
use super::records::{Execution, Finished};
use super::renewing::renewing;
use super::scene::release;
use super::watch::{Outcome, Watch};
use super::{FOR_EVER, Segment, TERMINATED, TRY_AGAIN, words};
use crate::aside::aside;
use crate::clock;
use crate::config::Config;
use crate::lease::{self, Lease};
use crate::report::Reporter;
use crate::report::messages::{End, Start};
use crate::report::queue::Message;
use crate::runtime::process::{ProcessJob, account};
use crate::runtime::{Ended, Running as _};

/// For telling what the supervisor does not wait for: it learns of it by the next task otherwise.
const FLUSH: Duration = Duration::from_secs(5);
/// For the end of what the program has left behind.
const KILLING: Duration = Duration::from_secs(10);

/// Lives through the task. With a shared directory the job has a lease and a memory, as a container has; without one
/// each task is an execution of its own.
pub async fn run(config: &Config, reporter: &Reporter, stop: &Stop) -> Result<i32> {
    let job_dir = config.job_dir();
    let mut lease = None;
    if let Some(job_dir) = &job_dir {
        let holder = lease::this_process("process", config.task.as_deref());
        let Some((taken, _)) = take(config, job_dir, holder, stop).await? else { return Ok(TERMINATED) };
        lease = Some(taken);
    }
    let lived = live(config, reporter, job_dir.as_deref(), &mut lease, stop).await;
    if let Some(lease) = lease {
        release(lease, stop).await;
    }
    lived
}

async fn live(
    config: &Config,
    reporter: &Reporter,
    job_dir: Option<&Path>,
    lease: &mut Option<Lease>,
    stop: &Stop,
) -> Result<i32> {
    let epoch = lease.as_ref().map_or(1, Lease::epoch);
    let execution = Execution::begin();
    let limit = super::container::limit(config.cpus, config.cpu_factor, account::cores_of_node());
    let words = words(config, &execution, epoch);
    let task = config.task.clone();
    let start = Start { base: 0.0, restored: None, runtime: "process", checkpoints: false, container: None, task };
    let first = [words.init(execution.started_at), words.start(&start, limit)];
    if let Some(job_dir) = job_dir {
        let preparing = prepare(reporter, job_dir.to_owned(), epoch, execution.clone(), &first);
        let preparing = renewing(preparing, lease.as_mut(), async |_| {});
        let prepared = match stop.unless(preparing).await {
            Some(Ok(prepared)) => prepared,
            cut_off => {
                never_begun(reporter, stop).await;
                return cut_off.map_or(Ok(TERMINATED), |failed| failed.map(|_| TERMINATED));
            }
        };
        if let Some(finished) = prepared {
            // Nobody runs it again.
            lease.iter_mut().for_each(Lease::settle);
            ending::say_again(reporter, &finished, &super::words(config, &finished.execution, finished.segment));
            tell(reporter, config.end_wait, lease, stop).await;
            return Ok(exit_code(finished.exit_code));
        }
    }
    let started = ProcessJob::start(config, &config.uuid.hex(), limit * config.cpu_factor, lease.as_ref());
    let job = match started {
        Ok(job) => job,
        Err(error) => {
            never_begun(reporter, stop).await;
            return Err(error);
        }
    };
    reporter.settle_announced(true);
    if let Some(lease) = lease {
        // The start has ended whatever an earlier agent left here.
        lease.settle();
    }
    tracing::info!(limiter = job.limiter(), limit, "the job runs as a process, without checkpoints");
    if job_dir.is_none() {
        // Nothing is kept without a directory: a kill in this moment loses them.
        first.into_iter().for_each(|message| reporter.send(message));
    }
    let mut segment = Segment { words, base: 0.0, factor: config.cpu_factor, limit };
    let watch = Watch { config, reporter, job: &job, compat: None };
    let outcome = watch.run(&mut segment, lease.as_mut(), None, stop).await;
    let task = Task { config, reporter, job: &job, segment: &segment, execution: &execution, job_dir, stop };
    Ok(task.over(outcome, lease).await)
}

/// Of an execution that has not begun nobody is told, not even by the next task: what is being written down in this moment
/// by work that nobody waits for any more is taken back.
async fn never_begun(reporter: &Reporter, stop: &Stop) {
    reporter.settle_announced(false);
    let _ = stop.within(Step::Stored, STORING, reporter.store()).await;
}

/// What there is to do in the shared directory before the job runs; its end, if it has ended before. Else the execution's
/// `first` reports are on disk afterwards: it may kill its agent with its first step, and somebody must tell of it then.
async fn prepare(
    reporter: &Reporter,
    job_dir: PathBuf,
    epoch: u64,
    execution: Execution,
    first: &[Message],
) -> Result<Option<Finished>> {
    reporter.keep_in(&job_dir, epoch).await?;
    let finished = aside(move || {
        let finished = Finished::load(&job_dir)?;
        if finished.is_none() {
            execution.store(&job_dir)?;
        }
        Ok(finished)
    })
    .await?;
    if finished.is_none() {
        reporter.announce(first.to_vec()).await?;
    }
    Ok(finished)
}

struct Task<'a> {
    config: &'a Config,
    reporter: &'a Reporter,
    job: &'a ProcessJob,
    segment: &'a Segment,
    execution: &'a Execution,
    job_dir: Option<&'a Path>,
    stop: &'a Stop,
}

/// Why a segment is over.
enum Over {
    /// The program's own end.
    Exited(i64),
    /// The framework wanted it to end; how it did.
    Killed(i64),
    /// Another task has the job, or nobody knows.
    Lost(String),
}

impl Task<'_> {
    /// The job has ended, or is ended here; the exit code.
    async fn over(&self, outcome: Outcome, lease: &mut Option<Lease>) -> i32 {
        let superseded = || Over::Lost("another task took the job over".into());
        let over = match outcome {
            Outcome::Ended(Ended::ByItself(code)) => Over::Exited(code),
            Outcome::Ended(Ended::Lost(why)) => Over::Lost(why),
            Outcome::Superseded => superseded(),
            Outcome::Stop => {
                tracing::info!(grace_seconds = self.config.grace.as_secs_f64(), "asked to end");
                let work = self.stop.by(Step::Work).unwrap_or_else(Instant::now);
                let ending = async { Ok(self.job.end(work).await) };
                let renewed = async |_| {
                    let _ = self.job.keep_running().await;
                };
                // What a signal cannot end any more, as the kernel waits for a device, holds up nothing.
                let ended = renewing(ending, lease.as_mut(), renewed);
                match self.stop.within(Step::Kept, FOR_EVER, ended).await {
                    Some(Ok(Ended::ByItself(code))) => Over::Killed(code),
                    Some(Err(_)) => superseded(),
                    Some(Ok(Ended::Lost(_))) | None => Over::Killed(TERMINATED.into()),
                }
            }
        };
        let time = self.job.cpu_time().unwrap_or_default();
        // Whatever the program left behind must not run on beside the next one.
        match self.stop.within(Step::Kept, KILLING, self.job.kill()).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::error!("{error:#}"),
            None => tracing::error!("processes of the job have not ended in the time that was given"),
        }
        let (reason, detail) = match &over {
            Over::Exited(_) => ("exited", None),
            Over::Killed(_) => ("killed", Some("asked to end; a process has no checkpoints".into())),
            Over::Lost(why) => ("lost", Some(why.clone())),
        };
        let end = End { reason, generation: None, duration_ms: None, detail };
        self.reporter.send(self.segment.words.end(self.segment.cpu(time), &end));
        let (code, patience) = match over {
            Over::Exited(code) => {
                self.write_down(code, self.segment.total(time), lease).await;
                (exit_code(code), self.config.end_wait)
            }
            Over::Killed(code) => (exit_code(code), FLUSH),
            Over::Lost(_) => (TRY_AGAIN, FLUSH),
        };
        tell(self.reporter, patience, lease, self.stop).await;
        code
    }

    /// The supervisor is told in any case, and the task ends with the job's own code.
    async fn write_down(&self, code: i64, cpu_seconds: f64, lease: &mut Option<Lease>) {
        let finished = Finished {
            execution: self.execution.clone(),
            segment: self.segment.words.segment,
            finished_at: clock::unix_seconds(),
            exit_code: code,
            cpu_seconds,
        };
        self.reporter.send(self.segment.words.finished(finished.finished_at, code, cpu_seconds));
        let Some(job_dir) = self.job_dir.map(Path::to_owned) else { return };
        let writing = renewing(aside(move || finished.store(&job_dir)), lease.as_mut(), async |_| {});
        match self.stop.within(Step::Kept, WRITING, writing).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::error!("the end cannot be written down: {error:#}"),
            None => tracing::error!("the end may not be written down: the shared directory does not answer"),
        }
    }
}

/// Tells the supervisor, and renews the lease meanwhile.
async fn tell(reporter: &Reporter, patience: Duration, lease: &mut Option<Lease>, stop: &Stop) {
    let told = async { Ok(ending::tell(reporter, patience, stop).await) };
    // Only a renewal ends this early: another task has the job, and tells its end.
    let _ = renewing(told, lease.as_mut(), async |_| {}).await;
}
