//! The whole log, computed again.

mod pipeline;

use std::num::NonZeroUsize;
use std::thread;

use anyhow::bail;

use crate::events::envelope::{Seq, StoredEvent, StreamId};
use crate::events::source::LogSource;
use crate::events::store::{OfflineLog, Place, ReadError, Replay, Step, Verifier, VerifyReport};
use crate::qos::ids::JobId;
use crate::replay::{CheckReport, Checker, ReplayError};

/// More threads for the jobs than this would only wait for the one that reads.
const MOST_WORKERS: usize = 8;

/// Takes an event that is lent, and where its data is when that is in an archive.
type Each<'a> = dyn FnMut(&StoredEvent, Option<Place>) -> Result<(), Broken> + 'a;

/// Hands all events of a scope to somebody.
type Walk<'a> = dyn Fn(Replay, &mut Each<'_>) -> Result<(), Broken> + 'a;

/// What was found in one pass over the log: all about its chain, and what was computed if it is whole.
struct Found {
    chain: VerifyReport,
    report: CheckReport,
}

#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Somebody who takes events has ended, and says why.
    #[error("the log is not read to its end")]
    Stopped,
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
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    recompute_with(source, only, processors.min(MOST_WORKERS))
}

/// As [`recompute`], with so many threads for the jobs; with one, all is done by the calling thread.
///
/// # Errors
/// As [`recompute`].
pub fn recompute_with(source: &LogSource, only: Option<JobId>, workers: usize) -> anyhow::Result<CheckReport> {
    if let Some(job) = only {
        whole(source)?;
        return Ok(of_one_job(source, job)?);
    }
    // What a supervisor writes meanwhile is not this log.
    let upto = match source {
        LogSource::Lines(_) => Seq(i64::MAX),
        LogSource::Database(path) => OfflineLog::open(path)?.head()?.seq,
    };
    let walk = |scope: Replay, each: &mut Each<'_>| -> Result<(), Broken> {
        source.for_each_placed(scope, |event, place| if event.seq <= upto { each(event, place) } else { Ok(()) })
    };
    let found = if workers <= 1 { alone(&walk) } else { pipeline::run(&walk, workers) };
    match found {
        Ok(Found { chain, report }) => refuse_broken(source, &chain).map(|()| report),
        // What cannot be read or understood may not be what was written.
        Err(error) => whole(source).and(Err(error.into())),
    }
}

/// All in one pass.
fn alone(walk: &Walk<'_>) -> Result<Found, Broken> {
    let (mut checker, mut chain) = (Checker::default(), Verifier::default());
    walk(Replay::Stream(StreamId::Cluster), &mut |event, _| Ok(checker.expect(event)?))?;
    let mut step = Step::Whole;
    walk(Replay::Everything, &mut |event, place| {
        if step == Step::Whole {
            step = chain.step(event, place.as_ref());
        }
        if step == Step::Whole { Ok(checker.take(event)?) } else { Ok(()) }
    })?;
    Ok(Found { chain: chain.finish(), report: checker.finish() })
}

fn of_one_job(source: &LogSource, job: JobId) -> Result<CheckReport, Broken> {
    let mut checker = Checker::of_jobs_alone();
    source.for_each_event(Replay::Stream(job.into()), |event| Ok::<(), Broken>(checker.take(event)?))?;
    Ok(checker.finish())
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
