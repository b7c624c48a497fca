//! What a recorded decision has weighed, as operators ask for it.

use crate::api::weighed::{WeighedCpus, WeighedView};
use crate::events::envelope::Version;
use crate::events::job::{JobEvent, upcasters};
use crate::qos::ids::JobId;
use crate::qos::job::{Weighed, weigh};

use super::listing::Untold;
use super::supervisor::Supervisor;

impl Supervisor {
    /// What the decision that is this event of the job has weighed; none when it is no decision.
    ///
    /// # Errors
    /// When the log cannot be read, or does not tell.
    pub async fn weighed(&self, job: JobId, version: u64) -> Result<Option<WeighedView>, Untold> {
        let Some(before) = version.checked_sub(1).filter(|before| *before > 0) else { return Ok(None) };
        let found = self.log().read_stream(job.into(), Version(before), 1).await?;
        let Some(stored) = found.first() else { return Ok(None) };
        let wrong = |error: &dyn std::fmt::Display| Untold::Event { version, problem: error.to_string() };
        let data = upcasters().newest(stored).map_err(|error| wrong(&error))?;
        let event = JobEvent::decode(&stored.kind, &data).map_err(|error| wrong(&error))?;
        let (by, with) = match event {
            JobEvent::Decided(decided) => (decided.bounds.upper, weigh(&self.retold(job, before).await?, &decided)),
            // A long-running job is not asked for the whole of its future.
            JobEvent::ProgressDecided(_) => (self.retold(job, before).await?.deadline_at(), vec![]),
            _ => return Ok(None),
        };
        Ok(Some(WeighedView { version, by: by.into(), with: with.into_iter().map(shown).collect() }))
    }
}

fn shown(one: Weighed) -> WeighedCpus {
    WeighedCpus { cpus: one.cpus.as_f64(), finish: one.finish.into(), chance_on_time: one.chance }
}
