//! The whole log, computed again, with as many threads as there is work for.

use std::num::NonZeroUsize;
use std::thread;

use anyhow::bail;

use crate::events::envelope::{Seq, StoredEvent, StreamId};
use crate::events::source::LogSource;
use crate::events::store::{OfflineLog, ReadError, Replay, VerifyReport};
use crate::qos::ids::JobId;
use crate::replay::{CheckReport, Checker, ReplayError};

/// More threads than this would only wait for the disk.
const MOST_THREADS: usize = 8;

#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// Refuses a log whose hash chain is broken, by the event that is not what was written.
///
/// # Errors
/// When it is broken, or cannot be read.
pub fn whole(source: &LogSource) -> anyhow::Result<()> {
    refuse_broken(source, &source.verify(None)?)
}

fn refuse_broken(source: &LogSource, report: &VerifyReport) -> anyhow::Result<()> {
    match &report.fault {
        None => Ok(()),
        Some(fault) => bail!(
            "{} is not what was written, and nothing of it is told or computed again: event {}: {}",
            source.path().display(),
            fault.seq,
            fault.reason
        ),
    }
}

/// Computes all decisions of `source` again, or those of one job. The chain is walked meanwhile; when it is broken that is the answer, whatever
/// was computed.
///
/// # Errors
/// When the log is broken, or holds what this program does not understand.
pub fn recompute(source: &LogSource, only: Option<JobId>) -> anyhow::Result<CheckReport> {
    // What a supervisor writes meanwhile is not this log.
    let upto = match source {
        LogSource::Lines(_) => Seq(i64::MAX),
        LogSource::Database(path) => OfflineLog::open(path)?.head()?.seq,
    };
    let mut rounds = false;
    source.for_each_event(Replay::Stream(StreamId::Cluster), |_| {
        rounds = true;
        Ok::<(), ReadError>(())
    })?;
    let workers = if rounds || only.is_some() { 1 } else { threads() };
    let (verified, reports) = thread::scope(|scope| {
        let chain = scope.spawn(|| source.verify(None));
        let workers: Vec<_> =
            (0..workers).map(|number| scope.spawn(move || part(source, only, upto, (number, workers)))).collect();
        let reports: Vec<_> = workers.into_iter().map(join).collect();
        (join(chain), reports)
    });
    refuse_broken(source, &verified?)?;
    let mut all = CheckReport::default();
    for report in reports {
        all = all.and(report?);
    }
    Ok(all)
}

/// A thread that panics takes the process with it: nothing it has found is known.
fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// One of so many parts of the jobs, in one pass over the log.
fn part(
    source: &LogSource,
    only: Option<JobId>,
    upto: Seq,
    (number, of): (usize, usize),
) -> Result<CheckReport, Broken> {
    let mut checker = if only.is_some() { Checker::of_jobs_alone() } else { Checker::default() };
    let scope = only.map_or(Replay::Everything, |job| Replay::Stream(job.into()));
    if only.is_none() {
        source.for_each_event(Replay::Stream(StreamId::Cluster), |event| {
            if event.seq <= upto { Ok(checker.expect(event)?) } else { Ok::<(), Broken>(()) }
        })?;
    }
    let mine = |event: &StoredEvent| match event.stream.job() {
        _ if of == 1 => true,
        None => number == 0,
        // The last bytes of a UUID are as good as random.
        Some(job) => job.as_bytes().iter().fold(0, |sum, byte| sum + usize::from(*byte)) % of == number,
    };
    source.for_each_event(scope, |event| {
        if event.seq <= upto && mine(event) { Ok(checker.take(event)?) } else { Ok::<(), Broken>(()) }
    })?;
    Ok(checker.finish())
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_THREADS)
}

/// The first finding of `report`, for people.
pub fn first_finding(report: &CheckReport) -> String {
    let shown = |value: &Option<serde_json::Value>| value.as_ref().map_or("nothing".to_owned(), ToString::to_string);
    let different = report.differences.first();
    let unreadable = report.unreadable.first();
    match (different, unreadable) {
        (Some(difference), unreadable) if unreadable.is_none_or(|other| difference.seq < other.seq) => format!(
            "event {} ({} {} of {}) does not follow from the events before it: {} is recorded as {}, and recomputed as {}",
            difference.seq,
            difference.kind,
            difference.version,
            difference.job,
            difference.field,
            shown(&difference.recorded),
            shown(&difference.recomputed)
        ),
        (_, Some(other)) => {
            format!("event {} of {} cannot be computed again by this program: {}", other.seq, other.job, other.reason)
        }
        _ => "nothing".to_owned(),
    }
}
