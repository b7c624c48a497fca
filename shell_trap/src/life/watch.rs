//! While the job runs: samples, wishes of the supervisor, the lease, and the end.

use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Segment;
use super::grace::Stop;
use crate::clock;
use crate::compat::MyCgroup;
use crate::config::Config;
use crate::lease::guard::{Guard, Post};
use crate::lease::{self, Lease, state};
use crate::report::Reporter;
use crate::runtime::{Ended, Running};

/// Why the watch is over.
pub enum Outcome {
    /// The job has ended.
    Ended(Ended),
    /// The framework wants the task to end.
    Stop,
    /// Another node runs the job.
    Superseded,
}

/// What is watched.
pub struct Watch<'a, R> {
    pub config: &'a Config,
    pub reporter: &'a Reporter,
    pub job: &'a R,
    pub compat: Option<&'a MyCgroup>,
}

impl<R: Running> Watch<'_, R> {
    /// Watches until something happens that ends the segment. Nothing that is done meanwhile, and may hang, holds that up.
    pub async fn run(
        &self,
        segment: &mut Segment,
        lease: Option<&mut Lease>,
        guard: Option<(&mut Option<Guard>, &Post)>,
        stop: &Stop,
    ) -> Outcome {
        tokio::select! {
            // The job's own end goes before a stop that came in the same moment.
            biased;
            ended = self.job.ended() => Outcome::Ended(ended),
            () = stop.asked() => Outcome::Stop,
            () = self.attend(segment, lease, guard) => Outcome::Superseded,
        }
    }

    /// Samples, resizes and renews the lease until another task has it. May be dropped at any point.
    async fn attend(
        &self,
        segment: &mut Segment,
        mut lease: Option<&mut Lease>,
        mut guard: Option<(&mut Option<Guard>, &Post)>,
    ) {
        let mut samples = interval(self.config.sample);
        samples.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let length = lease.as_ref().map_or(Duration::from_secs(3600), |lease| lease.length());
        let mut renewals = interval(state::renewal_interval(length));
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // For what Docker does: of one that hangs the lease must know nothing, or the guard has the job stand still.
        let patience = length / 4;
        let mut wishes = self.reporter.wishes();
        wishes.mark_unchanged();
        loop {
            tokio::select! {
                biased;
                _ = renewals.tick(), if lease.is_some() => {
                    let Some(lease) = lease.as_deref_mut() else { continue };
                    // The guard may have had it stand still, and lifted its limit for that.
                    let before = lease.pause_at();
                    match renew(lease, &mut guard).await {
                        Renewed::Yes => {
                            let stood = timeout(patience, self.job.keep_running()).await.unwrap_or_default();
                            self.see_to_the_limit(segment, stood || clock::since_boot() > before, patience).await;
                        }
                        Renewed::NotNow if clock::since_boot() > lease.pause_at() => self.job.stand_still(),
                        Renewed::NotNow => {}
                        Renewed::Never => return,
                    }
                }
                _ = samples.tick() => self.sample(segment),
                Ok(()) = wishes.changed() => {
                    let wish = wishes.borrow_and_update().in_place;
                    if let Some(cpus) = wish {
                        self.resize(segment, cpus, patience).await;
                    }
                }
            }
        }
    }

    fn sample(&self, segment: &Segment) {
        let Some(time) = self.job.cpu_time() else { return };
        self.reporter.send(segment.words.sample(segment.cpu(time), segment.limit));
        if let Some(compat) = self.compat {
            compat.update(time);
        }
    }

    /// Sets the limit again where it was lifted, or where somebody else has changed it: an operator, or a daemon that answered
    /// and did not do it.
    async fn see_to_the_limit(&self, segment: &Segment, lifted: bool, patience: Duration) {
        let cores = segment.limit * segment.factor;
        if !lifted {
            if self.job.has_limit(cores) {
                return;
            }
            tracing::warn!(limit = segment.limit, "another limit than the job's is in force: it is set again");
        }
        if let Err(error) = self.set_cores(cores, patience).await {
            tracing::warn!("the limit cannot be set again: {error:#}");
        }
    }

    async fn resize(&self, segment: &mut Segment, cpus: f64, patience: Duration) {
        let limit = super::container::limit(cpus, segment.factor, self.job.cores());
        if (limit - segment.limit).abs() < 1e-6 {
            return;
        }
        match self.set_cores(limit * segment.factor, patience).await {
            Ok(()) => {
                tracing::info!(from = segment.limit, to = limit, "resized in place");
                segment.limit = limit;
                // The supervisor learns at once that it is done.
                self.sample(segment);
            }
            // The next answer of the supervisor has the wish again.
            Err(error) => tracing::warn!(cpus, "cannot resize in place: {error:#}"),
        }
    }

    async fn set_cores(&self, cores: f64, patience: Duration) -> Result<()> {
        let set = timeout(patience, self.job.set_cores(cores)).await;
        set.unwrap_or_else(|_| Err(anyhow!("no answer within {} s", patience.as_secs_f64())))
    }
}

/// How a renewal went.
enum Renewed {
    Yes,
    NotNow,
    Never,
}

async fn renew(lease: &mut Lease, guard: &mut Option<(&mut Option<Guard>, &Post)>) -> Renewed {
    match lease.renew().await {
        Ok(()) => {
            if let Some((guard, post)) = guard
                && let Err(error) = tell(guard, post, lease).await
            {
                tracing::error!("no guard pauses the container should this agent die: {error:#}");
            }
            Renewed::Yes
        }
        Err(error) if lease::is_superseded(&error) => {
            tracing::error!("{error:#}");
            Renewed::Never
        }
        Err(error) => {
            tracing::warn!("the lease cannot be renewed: {error:#}");
            Renewed::NotNow
        }
    }
}

async fn tell(guard: &mut Option<Guard>, post: &Post, lease: &Lease) -> Result<()> {
    if let Some(running) = guard {
        match running.renewed(lease.pause_at()).await {
            Ok(()) => return Ok(()),
            Err(error) => tracing::warn!("{error:#}; starting another"),
        }
    }
    *guard = Some(Guard::start(post, lease.pause_at()).await?);
    Ok(())
}
