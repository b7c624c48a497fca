//! One thread reads the log, one walks its chain, several compute the decisions about jobs again, each of its own jobs, and one the rounds of the
//! arbitration from the states that those have kept for it.
//!
//! ```text
//!            events, in batches          states that rounds ask for
//!  reader ---------------------> jobs  ----------------------------> rounds
//!    |                           jobs                                  ^
//!    +---------------------------------- the same batches -------------+
//!    +---------------------------------- the same batches ---> chain
//! ```
//!
//! All queues are bounded. The rounds of a batch wait until all jobs' threads are through with it, and no thread waits for a later batch than the one
//! that it holds up: the reader hands a batch to everybody before it begins the next.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, ScopedJoinHandle};

use super::{Broken, Found, Walk};
use crate::events::envelope::{StoredEvent, StreamId};
use crate::events::store::{Place, Replay, Step, Verifier, VerifyReport};
use crate::qos::job::JobState;
use crate::replay::{CheckReport, JobsChecker, RoundsChecker, Wanted};

/// Events that go from hand to hand together.
const BATCH: usize = 512;

/// Batches that wait for one thread.
const WAITING: usize = 8;

/// Events, and where their data is when that is in an archive.
type Batch = Arc<Vec<(StoredEvent, Option<Place>)>>;

/// Computes everything in `walk` again. When its chain is broken, what was computed is as far as that came.
pub(super) fn run(walk: &Walk<'_>, workers: usize) -> Result<Found, Broken> {
    let mut wanted = Wanted::default();
    walk(Replay::Stream(StreamId::Cluster), &mut |event, _| Ok(wanted.expect(event)?))?;
    let wanted = &wanted;
    thread::scope(|scope| {
        let (mut takers, mut kept, mut found) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..workers {
            let (taker, batches) = sync_channel(WAITING);
            let (keeper, states) = sync_channel(WAITING);
            takers.push(taker);
            kept.push(states);
            found.push(scope.spawn(move || jobs(wanted, (number, workers), &batches, &keeper)));
        }
        let (taker, batches) = sync_channel(WAITING);
        takers.push(taker);
        found.push(scope.spawn(move || rounds(&batches, &kept)));
        let (taker, batches) = sync_channel(WAITING);
        takers.push(taker);
        let chain = scope.spawn(move || chain(&batches));
        let read = hand_out(walk, takers);
        let ((step, chain), found): (_, Vec<_>) = (join(chain), found.into_iter().map(join).collect());
        // What is wrong with the whole of a log is known only where it was read to its end.
        if step == Step::Broken {
            return Ok(Found { chain, report: CheckReport::default() });
        }
        // Who has stopped the others says why.
        let (stopped, found): (Vec<_>, Vec<_>) =
            found.into_iter().chain([read]).partition(|found| matches!(found, Err(Broken::Stopped)));
        let mut report = CheckReport::default();
        for one in found.into_iter().chain(stopped) {
            report = report.and(one?);
        }
        Ok(Found { chain, report })
    })
}

/// A thread that panics takes the process with it: nothing it has found is known.
fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Reads the log, and gives everybody all of it.
fn hand_out(walk: &Walk<'_>, takers: Vec<SyncSender<Batch>>) -> Result<CheckReport, Broken> {
    let give = |batch: &mut Vec<_>| {
        let batch = Arc::new(std::mem::replace(batch, Vec::with_capacity(BATCH)));
        takers.iter().try_for_each(|taker| taker.send(Arc::clone(&batch)).map_err(|_| Broken::Stopped))
    };
    let mut batch = Vec::with_capacity(BATCH);
    walk(Replay::Everything, &mut |event, place| {
        batch.push((event.clone(), place));
        if batch.len() == BATCH { give(&mut batch) } else { Ok(()) }
    })?;
    give(&mut batch)?;
    Ok(CheckReport::default())
}

/// Walks the chain until it ends or breaks.
fn chain(batches: &Receiver<Batch>) -> (Step, VerifyReport) {
    let mut chain = Verifier::default();
    for batch in batches {
        if batch.iter().any(|(event, place)| chain.step(event, place.as_ref()) == Step::Broken) {
            return (Step::Broken, chain.finish());
        }
    }
    (Step::Whole, chain.finish())
}

/// The jobs that are `mine`, the number of so many.
fn jobs(
    wanted: &Wanted,
    mine: (usize, usize),
    batches: &Receiver<Batch>,
    keeper: &SyncSender<Vec<JobState>>,
) -> Result<CheckReport, Broken> {
    let mut checker = JobsChecker::default();
    let (number, of) = mine;
    for batch in batches {
        for (event, _) in batch.iter() {
            // The bytes of a UUID are as good as random.
            let share =
                event.stream.job().map(|job| job.as_bytes().iter().map(|byte| usize::from(*byte)).sum::<usize>());
            if share.is_some_and(|sum| sum % of == number) {
                checker.take(event, wanted)?;
            }
        }
        keeper.send(checker.kept()).map_err(|_| Broken::Stopped)?;
    }
    Ok(checker.finish())
}

/// The cluster's stream, with the states that each thread of jobs has `kept` of a batch.
fn rounds(batches: &Receiver<Batch>, kept: &[Receiver<Vec<JobState>>]) -> Result<CheckReport, Broken> {
    let mut checker = RoundsChecker::default();
    for batch in batches {
        for states in kept {
            states.recv().map_err(|_| Broken::Stopped)?.into_iter().for_each(|state| checker.arrives(state));
        }
        for (event, _) in batch.iter().filter(|(event, _)| event.stream == StreamId::Cluster) {
            checker.take(event)?;
        }
    }
    Ok(checker.finish())
}
