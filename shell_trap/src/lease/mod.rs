//! Never two nodes for one job: an epoch file in the shared directory, renewed by its holder and waited out by takers.

pub mod file;
pub mod guard;
pub mod state;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

use self::file::{LeaseDir, Superseded, Take};
use self::state::{Holder, Record, Verdict, Watcher};
use crate::aside::{aside, aside_within};
use crate::checkpoint::secure;
use crate::clock;
use crate::stat::Stat;

/// A look at a shared directory that takes longer has failed; its file server may be away.
const LOOK: Duration = Duration::from_secs(10);

/// A lease that is held.
#[derive(Debug)]
pub struct Lease {
    directory: LeaseDir,
    record: Record,
    renewed_at: Duration,
    /// It was taken at once from a process of this node that is dead, and what that one left may run on here: the validity
    /// of its lease in milliseconds. Nobody else may take the job at once then.
    left_here_ms: Option<u64>,
    /// The last renewal that is written, by its number: one that nobody waited for to its end overwrites no later one.
    written: Arc<Mutex<u64>>,
}

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
            tokio::time::sleep(state::renewal_interval(self.length())).await;
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

    /// The epoch, which is the number of the segment.
    pub fn epoch(&self) -> u64 {
        self.record.epoch
    }

    /// Who holds it: this process.
    pub fn holder(&self) -> &Holder {
        &self.record.holder
    }

    /// Its files.
    pub fn directory(&self) -> &LeaseDir {
        &self.directory
    }

    /// How long it is valid after a renewal.
    pub fn length(&self) -> Duration {
        Duration::from_millis(self.record.lease_ms)
    }

    /// When the container must stand still, unless it is renewed before.
    pub fn pause_at(&self) -> Duration {
        state::pause_at(self.renewed_at, self.length())
    }

    /// Renews it.
    ///
    /// # Errors
    /// [`Superseded`] when somebody took over; else the failure of the shared directory, to be tried again.
    pub async fn renew(&mut self) -> Result<()> {
        let began = clock::since_boot();
        // Counted before it is done: one that nobody waited for to its end may have been seen, and the next must look new.
        self.record.renewals += 1;
        let record = self.record.clone();
        let written = self.written.clone();
        blocking(&self.directory, move |directory| write(directory, &written, &record)).await?;
        self.renewed_at = began;
        Ok(())
    }

    /// Nothing runs here any more of what the holder before may have left.
    pub fn settle(&mut self) {
        self.left_here_ms = None;
    }

    /// Gives it back: the next may start at once. Where the holder before may have left something that runs, only the next
    /// on this node may, which finds it; others wait until that stands still.
    ///
    /// # Errors
    /// As [`Lease::renew`].
    pub async fn release(mut self) -> Result<()> {
        match self.left_here_ms {
            None => self.record.released = true,
            Some(left) => self.record.lease_ms = self.record.lease_ms.max(left),
        }
        self.renew().await
    }
}

/// Writes a renewal, unless a later one is written.
fn write(directory: &LeaseDir, written: &Mutex<u64>, record: &Record) -> Result<()> {
    // Held for as long as the file is being written: the number is of the last that was.
    let mut last = written.lock().unwrap_or_else(PoisonError::into_inner);
    if *last < record.renewals {
        directory.renew(record)?;
        *last = record.renewals;
    }
    Ok(())
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

/// Did somebody take over?
pub fn is_superseded(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Superseded>().is_some()
}

async fn blocking<T: Send + 'static>(
    directory: &LeaseDir,
    work: impl FnOnce(&LeaseDir) -> Result<T> + Send + 'static,
) -> Result<T> {
    let directory = directory.clone();
    aside_within(LOOK, move || work(&directory)).await
}

/// This process, as a holder on `node`.
pub fn this_process(engine: &str, task: Option<&str>) -> Holder {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let hostname = nix::unistd::gethostname().unwrap_or_default();
    let pid = std::process::id();
    let limited = |text: &str| text.chars().take(200).collect::<String>();
    Holder {
        node: format!("{}/{engine}", boot.trim()),
        hostname: limited(&hostname.to_string_lossy()),
        task: limited(task.unwrap_or_default()),
        pid,
        pid_started: started(pid).unwrap_or_default(),
        pid_namespace: pid_namespace(),
    }
}

fn pid_namespace() -> String {
    fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned()).unwrap_or_default()
}

/// When it was started; a zombie has ended, and its parent just did not look yet.
fn started(pid: u32) -> Option<u64> {
    Stat::of(i32::try_from(pid).ok()?).map(|stat| stat.started)
}

/// Only a process whose number means the same here can be called dead.
fn is_dead_here(holder: &Holder, us: &Holder) -> bool {
    let comparable = holder.node == us.node && holder.pid_namespace == us.pid_namespace && holder.pid != 0;
    comparable && started(holder.pid) != Some(holder.pid_started)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(pid: u32) -> Holder {
        Holder { pid, pid_started: started(pid).unwrap_or(0), ..this_process("engine", None) }
    }

    #[test]
    fn a_dead_process_of_this_node_is_known_as_dead() {
        let us = this_process("engine", None);
        assert!(!is_dead_here(&us, &us));
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let holder = here(child.id());
        assert!(!is_dead_here(&holder, &us));
        child.kill().unwrap();
        while started(child.id()).is_some() {
            std::thread::yield_now();
        }
        assert!(is_dead_here(&holder, &us), "a zombie counts as dead");
        child.wait().unwrap();
        assert!(is_dead_here(&holder, &us));
        let elsewhere = Holder { node: "other".into(), ..holder };
        assert!(!is_dead_here(&elsewhere, &us), "of other nodes nothing is known");
    }

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
    async fn a_renewal_that_nobody_waits_for_any_more_does_not_undo_the_giving_back() {
        let base = tempfile::tempdir().unwrap();
        let directory = LeaseDir::open(base.path()).unwrap();
        let (mut lease, _) = taken(&directory, this_process("here", None)).await;
        let written = lease.written.clone();
        let (held, is_held) = std::sync::mpsc::channel();
        let (let_go, wait) = std::sync::mpsc::channel::<()>();
        // As a file server that is slow.
        let slow = std::thread::spawn(move || {
            let _last = written.lock().unwrap();
            held.send(()).unwrap();
            wait.recv().unwrap();
        });
        is_held.recv().unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), lease.renew()).await.is_err(), "it is under way");
        let (written, late) = (lease.written.clone(), lease.record.clone());
        let releasing = tokio::spawn(lease.release());
        tokio::time::sleep(Duration::from_millis(50)).await;
        let_go.send(()).unwrap();
        releasing.await.unwrap().unwrap();
        slow.join().unwrap();
        // Both threads are through with the file.
        while Arc::strong_count(&written) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Its thread may as well come last.
        write(&directory, &written, &late).unwrap();
        let newest = directory.newest().unwrap().unwrap();
        assert_eq!((late.renewals, newest.released, newest.renewals), (1, true, 2));
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
