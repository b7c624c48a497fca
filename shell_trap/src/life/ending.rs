//! The job has ended, or another task has it.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::container::Context;
use super::grace::{Step, Stop};
use super::records::{self, Finished};
use super::renewing::{guarded, renewing};
use super::scene::{Scene, dismiss};
use super::{TRY_AGAIN, output};
use crate::cgroup::CpuTime;
use crate::lease::guard::{self, Guard};
use crate::lease::{self, Lease};
use crate::report::Reporter;
use crate::report::messages::{End, Words};
use crate::runtime::{Ended, Running as _};
use crate::{clock, files};

/// For what is still to be read of the job's output.
const DRAIN: Duration = Duration::from_secs(5);
/// For writing down the end of a job. What takes longer counts as not written down.
pub const WRITING: Duration = Duration::from_secs(60);
/// For telling a supervisor that is there.
const FLUSH: Duration = Duration::from_secs(5);
/// For the last writing of what it was not told.
pub const STORING: Duration = Duration::from_secs(5);

/// What has become of a job whose watch is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// It has ended with this code, and that is written down.
    Finished(i64),
    /// It has ended with this code, which only its container tells.
    Unwritten(i64),
    /// It is lost, and nothing of it runs here any more; the next task restores it.
    Lost,
    /// It is lost, and may run on under a Docker that nobody can reach.
    OutOfReach,
}

impl Closing {
    /// Of the task.
    fn exit_code(self) -> i32 {
        match self {
            Closing::Finished(code) | Closing::Unwritten(code) => exit_code(code),
            Closing::Lost | Closing::OutOfReach => TRY_AGAIN,
        }
    }

    /// Container, guard and lease stay, for what could neither be written down nor ended. `told`: the supervisor knows.
    fn stays(self, told: bool) -> bool {
        match self {
            Closing::Finished(_) | Closing::Lost => false,
            Closing::Unwritten(_) => !told,
            Closing::OutOfReach => true,
        }
    }

    /// There is a container that is still to be removed.
    fn leaves_container(self) -> bool {
        // What is lost was removed when it was ended.
        matches!(self, Closing::Finished(_) | Closing::Unwritten(_))
    }
}

impl Scene<'_> {
    /// Another task has the job: what runs here is a copy that must not go on. The exit code.
    pub async fn superseded(&self, guard: Option<Guard>) -> i32 {
        let time = self.job.cpu_time().unwrap_or_default();
        // An agent of this very node has taken the container up: it is not this one's any more. Otherwise the guard goes
        // on trying when this fails.
        if guard::has_successor(&self.context.local, self.context.epoch) || self.end_all().await {
            dismiss(guard).await;
        }
        self.lost(time, "another task took the job over".into());
        self.context.flush().await;
        TRY_AGAIN
    }

    fn lost(&self, time: CpuTime, why: String) {
        let end = End { reason: "lost", generation: None, duration_ms: None, detail: Some(why) };
        self.context.reporter.send(self.segment.words.end(self.segment.cpu(time), &end));
    }

    /// The job has ended, by itself or we know not how. The exit code.
    pub async fn ended(
        &self,
        ended: Ended,
        follower: JoinHandle<()>,
        mut guard: Option<Guard>,
        mut lease: Lease,
    ) -> i32 {
        let time = self.job.cpu_time().unwrap_or_default();
        // What another task goes on with has not ended.
        let renewed = self.context.stop.within(Step::Kept, WRITING, lease.renew()).await;
        if renewed.is_some_and(|renewed| renewed.is_err_and(|error| lease::is_superseded(&error))) {
            return self.superseded(guard).await;
        }
        let closing = match ended {
            Ended::ByItself(code) => {
                let finished = Finished {
                    execution: self.execution.clone(),
                    segment: self.context.epoch,
                    finished_at: clock::unix_seconds(),
                    exit_code: code,
                    cpu_seconds: self.segment.total(time),
                };
                match self.finished(finished, time, follower, &mut lease, &mut guard).await {
                    Some(closing) => closing,
                    None => return self.superseded(guard).await,
                }
            }
            Ended::Lost(why) => {
                tracing::error!("the job is lost: {why}; the next task restores it");
                self.lost(time, why);
                if self.end_all().await { Closing::Lost } else { Closing::OutOfReach }
            }
        };
        if closing.stays(false) {
            let told = self.context.tell(&mut lease).await;
            if closing.stays(told) {
                return closing.exit_code();
            }
        }
        if closing.leaves_container() {
            self.remove().await;
        }
        dismiss(guard).await;
        self.context.tell(&mut lease).await;
        self.context.release(lease).await;
        closing.exit_code()
    }

    /// The program's own end: first on disk, then told, so that a task that is started after a crash runs nothing again.
    /// `None` when another task has taken the job meanwhile.
    async fn finished(
        &self,
        finished: Finished,
        time: CpuTime,
        follower: JoinHandle<()>,
        lease: &mut Lease,
        guard: &mut Option<Guard>,
    ) -> Option<Closing> {
        let code = finished.exit_code;
        tracing::info!(exit_code = code, cpu_seconds = finished.cpu_seconds, "the job has ended");
        let (reporter, words, stop) = (&self.context.reporter, &self.segment.words, &self.context.stop);
        let words = words.finished(finished.finished_at, code, finished.cpu_seconds);
        let writing = guarded(self.context.shared(move |job_dir| write_down(&finished, job_dir)), lease, guard);
        let written = stop.within(Step::Kept, WRITING, writing).await;
        let written = written.unwrap_or_else(|| Err(anyhow::anyhow!("the shared directory does not answer")));
        if written.as_ref().is_err_and(lease::is_superseded) {
            return None;
        }
        let end = End { reason: "exited", generation: None, duration_ms: None, detail: None };
        reporter.send(self.segment.words.end(self.segment.cpu(time), &end));
        reporter.send(words);
        stop.within(Step::Kept, DRAIN, output::drain(follower, DRAIN)).await;
        self.context.archive(&self.job.id, self.job.tty, self.context.epoch).await;
        if let Err(error) = written {
            // What is not written down must still be found in the container by the next task.
            tracing::error!("the end cannot be written down: {error:#}");
            return Some(Closing::Unwritten(code));
        }
        stop.within(Step::Kept, WRITING, self.context.shared(records::clear)).await;
        Some(Closing::Finished(code))
    }
}

fn write_down(finished: &Finished, job_dir: &std::path::Path) -> anyhow::Result<()> {
    match finished.store(job_dir) {
        // The job's own checkpoints may be what fills the directory, and nobody needs them any more. Until the end is
        // written down, the container that has ended stands for it.
        Err(error) if files::is_full(&error) => {
            tracing::warn!("the end cannot be written down: {error:#}; removing checkpoints");
            records::clear(job_dir)?;
            finished.store(job_dir)
        }
        done => done,
    }
}

impl Context {
    /// Waits until the supervisor has the end of the job, and renews the lease meanwhile.
    async fn tell(&self, lease: &mut Lease) -> bool {
        let told = async { Ok(tell(&self.reporter, self.config.end_wait, &self.stop).await) };
        // Only a renewal ends this early: another task has the job, and tells its end.
        renewing(told, Some(lease), async |_| {}).await.unwrap_or(false)
    }

    /// Tells the supervisor what there is to tell, if it is there; the rest is left for the next task of the job.
    pub async fn flush(&self) {
        self.stop.within(Step::Told, FLUSH, self.reporter.flush(Instant::now() + FLUSH)).await;
        self.stop.within(Step::Stored, STORING, self.reporter.store()).await;
    }

    /// A task that was started although the job has ended: says so once more, and ends the same way.
    pub async fn report_again(&self, finished: &Finished, lease: &mut Lease) -> i32 {
        let words = super::words(&self.config, &finished.execution, finished.segment);
        say_again(&self.reporter, finished, &words);
        self.tell(lease).await;
        exit_code(finished.exit_code)
    }
}

/// The end of a job that has ended before.
pub fn say_again(reporter: &Reporter, finished: &Finished, words: &Words) {
    tracing::info!(exit_code = finished.exit_code, "the job has ended already: reported once more, not run again");
    reporter.send(words.finished(finished.finished_at, finished.exit_code, finished.cpu_seconds));
}

/// Waits until the supervisor has the end of the job: `patience` long, and once the task is asked to end no longer than
/// its grace. What is not delivered then is left for the next task of the job.
pub async fn tell(reporter: &Reporter, patience: Duration, stop: &Stop) -> bool {
    let flush = reporter.flush(Instant::now() + patience);
    let told = stop.within(Step::Told, patience, flush).await.unwrap_or(false);
    if !told {
        tracing::warn!("the supervisor does not know of the end yet; the next task of this job tells it");
    }
    let _ = stop.within(Step::Stored, STORING, reporter.store()).await;
    told
}

/// Of a task, for that of its program.
pub fn exit_code(code: i64) -> i32 {
    i32::try_from(code).unwrap_or(255).clamp(0, 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_s_own_code_75_is_an_end_like_any_other() {
        for code in [0, 7, i64::from(TRY_AGAIN)] {
            // Once the supervisor knows, the container need not stand for it any more.
            assert_eq!([false, true].map(|told| Closing::Unwritten(code).stays(told)), [true, false], "{code}");
            assert!(!Closing::Finished(code).stays(false) && Closing::Finished(code).leaves_container());
            assert_eq!(i64::from(Closing::Unwritten(code).exit_code()), code);
        }
        assert_eq!(exit_code(-1), 0);
        assert_eq!(exit_code(1 << 40), 255);
    }

    #[test]
    fn what_is_lost_is_removed_once_and_kept_watched_where_it_may_run_on() {
        assert!(!Closing::Lost.stays(false) && !Closing::Lost.leaves_container());
        assert!(Closing::OutOfReach.stays(true));
        assert_eq!((Closing::Lost.exit_code(), Closing::OutOfReach.exit_code()), (TRY_AGAIN, TRY_AGAIN));
    }
}
