//! Watches the jobs to their end, and does not wait for ever.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::progress::Progress;
use super::scaling::{JobPlan, Speed};
use super::snapshot::{Doing, Snapshot};
use super::testbed::Testbed;
use crate::qos::units::Timestamp;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(150);
/// However fast the experiment is, this long a silence is no proof of anything.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(60);
/// A job may take this many times longer than its iteration should.
const PATIENCE_FACTOR: u32 = 4;

/// The jobs of a case while they run.
pub struct Watch<'a> {
    /// Where they run.
    pub testbed: &'a Testbed,
    /// What they are.
    pub plans: &'a [JobPlan],
    /// Published times are divided by this.
    pub speed: Speed,
    /// When the first was launched.
    pub start: Timestamp,
}

impl Watch<'_> {
    /// Returns when every job has come to its end, good or bad.
    ///
    /// # Errors
    /// When no iteration of any job has ended for a generous time; the error tells what each is waiting for.
    pub async fn to_the_end(&self, progress: &mut dyn Progress) -> anyhow::Result<Snapshot> {
        let mut last = ((0, 0), Instant::now());
        loop {
            let now = Snapshot::take(&self.testbed.supervising.supervisor, self.plans, self.start).await?;
            progress.show(&now);
            if now.is_over(self.plans.len()) {
                return Ok(now);
            }
            // Not events: that a report is overdue is one, again and again.
            let done = now.jobs.iter().map(|job| job.done).sum::<u32>();
            let progress_made = (done, now.jobs.iter().filter(|job| job.is_over()).count());
            if progress_made != last.0 {
                last = (progress_made, Instant::now());
            } else if last.1.elapsed() > self.patience(&now) {
                anyhow::bail!("{}", self.stuck(&now, last.1.elapsed()).await);
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// A multiple of the longest iteration that is under way.
    fn patience(&self, now: &Snapshot) -> Duration {
        let living = now.jobs.iter().filter(|job| !job.is_over());
        let longest = living.filter_map(|job| {
            let plan = self.plans.iter().find(|plan| plan.name == job.name)?;
            Some(plan.iteration(job.cpus.max(0.001), self.speed).to_std())
        });
        (longest.max().unwrap_or_default() * PATIENCE_FACTOR).max(SHORTEST_PATIENCE)
    }

    async fn stuck(&self, now: &Snapshot, silence: Duration) -> String {
        let mut text =
            format!("no iteration has ended for {:.0} s, which is far too long. The jobs:", silence.as_secs_f64());
        let chronos = self.testbed.chronos.summary().await;
        for job in &now.jobs {
            let doing = match job.doing {
                Doing::Nothing => "between two iterations",
                Doing::Starting => "a start asked for and not confirmed",
                Doing::Running => "an iteration running",
            };
            let there = match &chronos {
                Ok(jobs) => jobs
                    .get(&job.name)
                    .map_or("not there".to_owned(), |activity| format!("{activity:?}").to_lowercase()),
                Err(_) => "unknown".to_owned(),
            };
            // Writing to a String does not fail.
            let _ = write!(
                text,
                "\n  {}: {}, {}/{} iterations, {} CPU, {doing}; in Chronos: {there}",
                job.name, job.state, job.done, job.iterations, job.cpus
            );
        }
        if let Err(error) = chronos {
            let _ = write!(text, "\n  Chronos does not answer: {error}");
        }
        text.push_str("\nWith --keep, the log, the launch journal and what the tasks printed stay for a look.");
        text
    }
}
