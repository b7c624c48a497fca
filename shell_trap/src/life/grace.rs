//! The framework's wish that the task ends, and how the time is used that it grants for that.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// SIGTERM and SIGINT: seen at once, whatever else is under way, and not forgotten.
#[derive(Debug, Clone)]
pub struct Stop {
    asked: watch::Receiver<Option<Instant>>,
    grace: Duration,
}

/// What is still to be done in the last part of the grace, and by when: whatever takes longer than its share is cut off,
/// so that what follows has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The job: its checkpoint, or its end.
    Work,
    /// What became of it is known, and its output kept.
    Kept,
    /// Its container is removed, or goes on.
    Removed,
    /// The lease is given back.
    Released,
    /// The supervisor is told.
    Told,
    /// What it was not told is on disk.
    Stored,
}

impl Step {
    /// Of the margin, how much has passed by then.
    fn share(self) -> f64 {
        match self {
            Step::Work => 0.0,
            Step::Kept => 0.25,
            Step::Removed => 0.55,
            Step::Released => 0.7,
            Step::Told => 0.85,
            Step::Stored => 0.95,
        }
    }
}

impl Stop {
    /// Listens from now on. The framework waits for `grace` after it has asked, and not longer.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn listen(grace: Duration) -> Result<Self> {
        let one = |kind| signal(kind).context("signals");
        let (mut terminate, mut interrupt) = (one(SignalKind::terminate())?, one(SignalKind::interrupt())?);
        let (sender, asked) = watch::channel(None);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            sender.send_replace(Some(Instant::now()));
            // Whoever asks again gets nothing done faster, and ends nothing.
            std::future::pending::<()>().await;
        });
        Ok(Stop { asked, grace })
    }

    /// Resolves once the task is asked to end, and at once when it was.
    pub async fn asked(&self) {
        let mut asked = self.asked.clone();
        if asked.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// When the task was asked to end.
    pub fn asked_at(&self) -> Option<Instant> {
        *self.asked.borrow()
    }

    /// When a step must be done, once the task was asked to end.
    pub fn by(&self, step: Step) -> Option<Instant> {
        let margin = margin(self.grace);
        Some(self.asked_at()? + self.grace - margin + margin.mul_f64(step.share()))
    }

    /// The result of the work, unless the task is asked to end before; the work is then dropped.
    pub async fn unless<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.asked() => None,
            done = work => Some(done),
        }
    }

    /// The result of the work when it is there within `limit`, and in time for `step` once the task is asked to end,
    /// before or meanwhile; the work is dropped otherwise.
    pub async fn within<T>(&self, step: Step, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let until = Instant::now() + limit;
        tokio::pin!(work);
        loop {
            let limit = self.by(step).map_or(until, |by| by.min(until));
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = sleep_until(limit) => return None,
                () = self.asked(), if self.asked_at().is_none() => {}
            }
        }
    }
}

/// For what follows the job's own end or checkpoint: the grace "may not be granted in full".
fn margin(grace: Duration) -> Duration {
    (grace / 5).clamp(Duration::from_millis(100), Duration::from_secs(5)).min(grace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Step; 6] = [Step::Work, Step::Kept, Step::Removed, Step::Released, Step::Told, Step::Stored];

    fn asked_with(grace: Duration) -> (watch::Sender<Option<Instant>>, Stop) {
        let (sender, asked) = watch::channel(None);
        (sender, Stop { asked, grace })
    }

    #[test]
    fn every_step_is_over_before_the_grace_is_and_after_the_one_before_it() {
        for grace in [100, 500, 3000, 60_000, 3_600_000] {
            let grace = Duration::from_millis(grace);
            let (sender, stop) = asked_with(grace);
            assert_eq!(stop.by(Step::Work), None);
            let asked = Instant::now();
            sender.send_replace(Some(asked));
            let ends: Vec<Instant> = STEPS.iter().map(|step| stop.by(*step).unwrap()).collect();
            assert!(ends.is_sorted_by(|a, b| a < b), "{grace:?}");
            assert!(*ends.first().unwrap() >= asked && *ends.last().unwrap() < asked + grace, "{grace:?}");
        }
        assert_eq!(margin(Duration::from_secs(120)), Duration::from_secs(5));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn work_that_hangs_is_cut_off_by_its_limit_and_by_a_wish_to_end_that_comes_meanwhile() {
        let hang = std::future::pending::<()>;
        let (sender, stop) = asked_with(Duration::from_millis(200));
        assert_eq!(stop.within(Step::Stored, Duration::from_millis(20), hang()).await, None);
        assert_eq!(stop.unless(async { 1 }).await, Some(1));
        let asking = async {
            tokio::task::yield_now().await;
            sender.send_replace(Some(Instant::now()));
        };
        let day = Duration::from_secs(24 * 3600);
        let (cut, ()) = tokio::join!(stop.within(Step::Removed, day, hang()), asking);
        assert_eq!(cut, None);
        // It is not forgotten, however often it was seen.
        assert_eq!((stop.unless(hang()).await, stop.unless(async { 1 }).await), (None, None));
        assert_eq!(stop.within(Step::Removed, day, async { 2 }).await, Some(2), "what is done is done");
        assert_eq!(stop.within(Step::Removed, day, hang()).await, None);
    }
}
