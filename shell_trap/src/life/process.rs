//! A task whose job is a process of this node.

use std::path::Path;

use anyhow::Result;
use tokio::time::{Instant, interval};

use super::checkpoint::margin;
use super::finish;
use super::records::{Execution, Finished};
use super::watch::{Outcome, Watch};
use super::{Segment, Stop, TERMINATED, TRY_AGAIN};
use crate::checkpoint::secure;
use crate::clock;
use crate::config::Config;
use crate::lease::file::LeaseDir;
use crate::lease::{self, Lease, state};
use crate::report::Reporter;
use crate::report::messages::{End, Start, Words};
use crate::runtime::process::ProcessJob;
use crate::runtime::{Ended, Running as _};

/// Lives through the task. With a shared directory the job has a lease and a memory, as a container has; without one
/// each task is an execution of its own.
pub async fn run(config: Config, reporter: Reporter, stop: &mut Stop) -> Result<i32> {
    let job_dir = config.job_dir();
    let mut lease = None;
    if let Some(job_dir) = &job_dir {
        secure::make(job_dir)?;
        let holder = lease::this_process("process", config.task.as_deref());
        let taken = tokio::select! {
            taken = Lease::take(LeaseDir::open(job_dir)?, holder, config.lease, config.lease_grace) => taken?,
            () = stop.asked() => return Ok(TERMINATED),
        };
        lease = Some(taken.0);
        reporter.keep_in(job_dir, lease.as_ref().map_or(1, Lease::epoch));
        if let Some(finished) = Finished::load(job_dir)? {
            return again(&config, &reporter, &finished, lease, stop).await;
        }
    }
    let epoch = lease.as_ref().map_or(1, Lease::epoch);
    let execution = Execution::begin();
    if let Some(job_dir) = &job_dir {
        execution.store(job_dir)?;
    }
    let cores = std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64);
    let limit = super::container::limit(config.cpus, config.cpu_factor, cores);
    let job = ProcessJob::start(&config, &config.uuid.hex(), limit * config.cpu_factor, lease.as_ref())?;
    tracing::info!(limiter = job.limiter(), limit, "the job runs as a process, without checkpoints");
    let words = words(&config, &execution, epoch);
    reporter.send(words.init(execution.started_at));
    let start = Start { base: 0.0, restored: None, runtime: "process", checkpoints: false, container: None };
    reporter.send(words.start(&start, limit));
    let mut segment = Segment { words, base: 0.0, factor: config.cpu_factor, limit };
    let watch = Watch { config: &config, reporter: &reporter, job: &job, compat: None };
    let outcome = watch.run(&mut segment, lease.as_mut(), None, stop).await;
    let task = Task {
        config: &config,
        reporter: &reporter,
        job: &job,
        segment: &segment,
        execution: &execution,
        job_dir: job_dir.as_deref(),
    };
    let code = task.over(outcome, &mut lease, stop).await?;
    if let Some(lease) = lease {
        let _ = lease.release().await;
    }
    Ok(code)
}

struct Task<'a> {
    config: &'a Config,
    reporter: &'a Reporter,
    job: &'a ProcessJob,
    segment: &'a Segment,
    execution: &'a Execution,
    job_dir: Option<&'a Path>,
}

impl Task<'_> {
    async fn over(&self, outcome: Outcome, lease: &mut Option<Lease>, stop: &mut Stop) -> Result<i32> {
        let (reason, ended, detail) = match outcome {
            Outcome::Ended(Ended::ByItself(code)) => ("exited", code, None),
            Outcome::Ended(Ended::Lost(why)) => ("lost", TRY_AGAIN.into(), Some(why)),
            Outcome::Superseded => ("lost", TRY_AGAIN.into(), Some("another task took the job over".into())),
            Outcome::Stop => {
                let grace = self.config.grace;
                stop.granted(grace);
                let ended = kept(lease, Some(self.job), self.job.end(Instant::now() + grace - margin(grace))).await;
                let code = if let Ended::ByItself(code) = ended { code } else { TERMINATED.into() };
                ("killed", code, Some("asked to end; a process has no checkpoints".into()))
            }
        };
        let time = self.job.cpu_time().unwrap_or_default();
        // Whatever the program left behind must not run on beside the next one.
        self.job.kill();
        let end = End { reason, generation: None, duration_ms: None, detail };
        self.reporter.send(self.segment.words.end(self.segment.cpu(time), &end));
        let mut patience = margin(self.config.grace) / 2;
        if reason == "exited" {
            let finished = Finished {
                execution: self.execution.clone(),
                segment: self.segment.words.segment,
                finished_at: clock::unix_seconds(),
                exit_code: ended,
                cpu_seconds: self.segment.total(time),
            };
            // The supervisor is told in any case, and the task ends with the job's own code.
            if let Some(Err(error)) = self.job_dir.map(|job_dir| finished.store(job_dir)) {
                tracing::error!("the end cannot be written down: {error:#}");
            }
            self.reporter.send(self.segment.words.finished(finished.finished_at, ended, finished.cpu_seconds));
            patience = self.config.end_wait;
        }
        kept(lease, None, finish::tell(self.reporter, patience, self.config.grace, stop)).await;
        Ok(i32::try_from(ended).unwrap_or(255).clamp(0, 255))
    }
}

async fn again(
    config: &Config,
    reporter: &Reporter,
    finished: &Finished,
    lease: Option<Lease>,
    stop: &mut Stop,
) -> Result<i32> {
    tracing::info!(exit_code = finished.exit_code, "the job has ended already: reported once more, not run again");
    let words = words(config, &finished.execution, finished.segment);
    reporter.send(words.finished(finished.finished_at, finished.exit_code, finished.cpu_seconds));
    let mut lease = lease;
    kept(&mut lease, None, finish::tell(reporter, config.end_wait, config.grace, stop)).await;
    if let Some(lease) = lease {
        let _ = lease.release().await;
    }
    Ok(i32::try_from(finished.exit_code).unwrap_or(255).clamp(0, 255))
}

/// Renews the lease while `work` is done, so that its keeper lets a job that is asked to end do so.
async fn kept<T>(lease: &mut Option<Lease>, job: Option<&ProcessJob>, work: impl Future<Output = T>) -> T {
    let Some(lease) = lease else { return work.await };
    tokio::pin!(work);
    let mut renewals = interval(state::renewal_interval(lease.length()));
    loop {
        // A renewal that hangs must not hold up the work.
        let renewal = async {
            renewals.tick().await;
            lease.renew().await
        };
        tokio::select! {
            done = &mut work => return done,
            renewed = renewal => if let (Ok(()), Some(job)) = (renewed, job) {
                job.keep_running().await;
            },
        }
    }
}

fn words(config: &Config, execution: &Execution, epoch: u64) -> Words {
    Words { uuid: config.uuid, execution: execution.execution.clone(), segment: epoch, hostname: super::hostname() }
}
