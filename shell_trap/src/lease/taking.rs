//! How a lease is taken, and given back when it was taken for nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::file::{LeaseDir, Take};
use super::process::is_dead_here;
use super::state::{Holder, Record, Verdict, Watcher, renewal_interval};
use super::{Lease, blocking};
use crate::aside::aside;
use crate::checkpoint::secure;
use crate::clock;

/// What stood there before.
#[derive(Debug, Clone)]
pub struct Predecessor {
    /// The last holder's record.
    pub record: Record,
}

impl Lease {
    /// Waits until the job is free and takes it. `None` when it was `asked` before to give that up: nothing is held then,
    /// and nobody waits for longer than without it. What is taken at that very moment is given back, as [`Lease::release`]
    /// does, so whoever drops this instead has others wait for the lease to run out.
    ///
    /// # Errors
    /// When the shared directory fails.
    pub async fn take(
        directory: LeaseDir,
        holder: Holder,
        length: Duration,
        grace: Duration,
        asked: impl Future<Output = ()>,
    ) -> Result<Option<(Self, Option<Predecessor>)>> {
        let poll = (length / 10).clamp(Duration::from_millis(100), Duration::from_secs(1));
        let mut watcher = Watcher::new(grace, poll);
        let mut told = false;
        tokio::pin!(asked);
        loop {
            let newest = tokio::select! {
                biased;
                () = &mut asked => return Ok(None),
                newest = blocking(&directory, LeaseDir::newest) => newest?,
            };
            let began = clock::since_boot();
            let dead = newest.as_ref().is_some_and(|record| is_dead_here(&record.holder, &holder));
            match watcher.judge(newest.as_ref(), began, dead) {
                Verdict::Wait(pause) => {
                    if let (false, Some(record)) = (told, &newest) {
                        told = true;
                        tracing::warn!(holder = %record.holder.hostname, task = %record.holder.task, epoch = record.epoch,
                            "another task holds this job: waiting until it gives it back, or until its lease has run out");
                    }
                    tokio::select! {
                        () = &mut asked => return Ok(None),
                        () = tokio::time::sleep(pause) => {}
                    }
                }
                Verdict::Take(epoch) => {
                    let lease_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
                    let held_since = newest.as_ref().map_or(epoch, |newest| newest.held_since_on(&holder.node, epoch));
                    let record =
                        Record { epoch, holder: holder.clone(), lease_ms, renewals: 0, released: false, held_since };
                    let draft = record.clone();
                    // Never called back half-way: what was taken must be known, to be given back.
                    let Take::Taken { before } = blocking(&directory, move |directory| directory.take(&draft)).await?
                    else {
                        continue;
                    };
                    let left_here_ms =
                        newest.as_ref().filter(|newest| dead && !newest.released).map(|newest| newest.lease_ms);
                    let mut lease =
                        Lease { directory, record, renewed_at: began, left_here_ms, written: Arc::default() };
                    let returned = match (&newest, &before) {
                        (Some(seen), Some(before)) => seen.renewals != before.renewals && !before.released,
                        _ => false,
                    };
                    let before = before.filter(|_| returned);
                    let until = before.map_or(Duration::ZERO, |before| lease.last_moment_of(&before));
                    tokio::select! {
                        biased;
                        () = &mut asked => {
                            lease.give_up(until).await?;
                            return Ok(None);
                        }
                        waited = lease.wait(until) => waited?,
                    }
                    return Ok(Some((lease, newest.map(|record| Predecessor { record }))));
                }
            }
        }
    }

    /// The holder before has renewed in the moment of the taking: it runs the job on until it learns of it, at its next
    /// renewal, or stands still because that one fails. By then it has.
    fn last_moment_of(&self, before: &Record) -> Duration {
        tracing::warn!(holder = %before.holder.hostname, "the holder before has come back in the last moment: waiting until it knows");
        clock::since_boot() + Duration::from_millis(before.lease_ms)
    }

    /// Holds the lease until then.
    async fn wait(&mut self, until: Duration) -> Result<()> {
        while clock::since_boot() < until {
            tokio::time::sleep(renewal_interval(self.length())).await;
            self.renew().await?;
        }
        Ok(())
    }

    /// Gives back what was taken and not used. Where the holder before may run the job until `until` the next one must wait
    /// for that as well, and for no longer: the lease is cut short instead.
    async fn give_up(mut self, until: Duration) -> Result<()> {
        let left = until.saturating_sub(clock::since_boot());
        if left.is_zero() {
            return self.release().await;
        }
        self.record.lease_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        self.renew().await
    }
}

/// Waits until the job with this directory is free and takes it, as [`Lease::take`]; the directory is made when it is missing.
///
/// # Errors
/// When the shared directory fails, or is not root's.
pub async fn take_job(
    job_dir: &Path,
    holder: Holder,
    length: Duration,
    grace: Duration,
    asked: impl Future<Output = ()>,
) -> Result<Option<(Lease, Option<Predecessor>)>> {
    let job_dir = job_dir.to_owned();
    let directory = aside(move || {
        secure::make(&job_dir)?;
        LeaseDir::open(&job_dir)
    });
    tokio::pin!(asked);
    let directory = tokio::select! {
        biased;
        () = &mut asked => return Ok(None),
        directory = directory => directory?,
    };
    Lease::take(directory, holder, length, grace, asked).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::{is_superseded, this_process};

    const LENGTH: Duration = Duration::from_secs(3);
    const GRACE: Duration = Duration::from_millis(500);

    async fn taken(directory: &LeaseDir, holder: Holder) -> (Lease, Option<Predecessor>) {
        Lease::take(directory.clone(), holder, LENGTH, GRACE, std::future::pending()).await.unwrap().unwrap()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_released_lease_is_taken_at_once_and_a_held_one_waited_out() {
        let base = tempfile::tempdir().unwrap();
        let directory = LeaseDir::open(base.path()).unwrap();
        let other = Holder { node: "other".into(), ..Holder::default() };
        let (first, before) = taken(&directory, other.clone()).await;
        assert!(before.is_none() && first.epoch() == 1);
        first.release().await.unwrap();
        let (mut second, before) = taken(&directory, other).await;
        assert_eq!((second.epoch(), before.unwrap().record.epoch), (2, 1));
        second.renew().await.unwrap();
        let must_stand_still = second.pause_at();
        let us = this_process("here", None);
        // Whoever is asked to give up while it waits has taken nothing.
        let asked = tokio::time::sleep(Duration::from_millis(300));
        let given_up = Lease::take(directory.clone(), us.clone(), LENGTH, GRACE, asked).await.unwrap();
        assert!(given_up.is_none() && directory.epochs().unwrap() == [2]);
        let (third, _) = taken(&directory, us).await;
        assert_eq!(third.epoch(), 3);
        assert!(clock::since_boot() > must_stand_still + GRACE);
        assert!(is_superseded(&second.renew().await.unwrap_err()));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_was_taken_from_a_dead_process_of_this_node_is_given_back_to_this_node_alone() {
        let base = tempfile::tempdir().unwrap();
        let directory = LeaseDir::open(base.path()).unwrap();
        let us = this_process("here", None);
        let dead = || Holder { pid_started: 1, ..this_process("here", None) };
        let newest = || directory.newest().unwrap().unwrap();
        let longer = LENGTH + Duration::from_millis(200);
        drop(Lease::take(directory.clone(), dead(), longer, GRACE, std::future::pending()).await.unwrap());
        // Asked as soon as it is taken.
        let asked = std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if newest().epoch == 1 { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
        });
        assert!(Lease::take(directory.clone(), dead(), LENGTH, GRACE, asked).await.unwrap().is_none());
        assert_eq!((newest().epoch, newest().released, newest().lease_ms), (2, false, 3200));
        let elsewhere = Holder { node: "other".into(), ..us.clone() };
        let wait = tokio::time::timeout(LENGTH, taken(&directory, elsewhere)).await;
        assert!(wait.is_err(), "what the dead one left may run on");
        let (lease, before) = taken(&directory, dead()).await;
        assert_eq!((lease.epoch(), before.unwrap().record.epoch), (3, 2));
        lease.release().await.unwrap();
        assert!(!newest().released);
        let (mut lease, _) = taken(&directory, us).await;
        lease.settle();
        lease.release().await.unwrap();
        assert!(newest().released && newest().epoch == 4, "nothing is left here");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_given_up_holds_up_the_next_for_no_longer_than_the_holder_before_may_run() {
        let base = tempfile::tempdir().unwrap();
        let directory = LeaseDir::open(base.path()).unwrap();
        let us = this_process("here", None);
        // Asked in the very moment of the taking, which is the first that the future is looked at after that.
        let mut looks = 0;
        let asked = std::future::poll_fn(|context| {
            looks += 1;
            context.waker().wake_by_ref();
            if directory.epochs().unwrap().is_empty() { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
        });
        let given_up = Lease::take(directory.clone(), us.clone(), LENGTH, GRACE, asked).await.unwrap();
        assert!(given_up.is_none() && looks > 1);
        assert!(directory.newest().unwrap().unwrap().released, "others need not wait for its end");
        let (lease, _) = taken(&directory, us.clone()).await;
        assert_eq!(lease.epoch(), 2);
        lease.give_up(clock::since_boot() + Duration::from_secs(3)).await.unwrap();
        let left = directory.newest().unwrap().unwrap();
        assert!(!left.released && (1..=3000).contains(&left.lease_ms), "{left:?}");
        let (lease, _) = taken(&directory, Holder { node: "other".into(), ..us }).await;
        lease.give_up(clock::since_boot().saturating_sub(Duration::from_millis(1))).await.unwrap();
        assert!(directory.newest().unwrap().unwrap().released);
    }
}
