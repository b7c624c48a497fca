//! Watches the jobs to their end, and does not wait for ever.

use std::time::{Duration, Instant};

use super::progress::Progress;
use super::scaling::{JobPlan, Speed};
use super::snapshot::Snapshot;
use super::testbed::Testbed;
use super::watchdog::Watchdog;
use crate::qos::units::Timestamp;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(150);

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
        let mut watchdog = Watchdog::new(self.plans, self.speed, Instant::now());
        loop {
            let now = Snapshot::take(&self.testbed.supervising.supervisor, self.plans, self.start).await?;
            progress.show(&now);
            if now.is_over(self.plans.len()) {
                return Ok(now);
            }
            if let Some(silence) = watchdog.look(&now, Instant::now()) {
                anyhow::bail!(watchdog.report(&now, silence, &self.testbed.activities().await));
            }
            tokio::time::sleep(PERIOD).await;
        }
    }
}
