//! What a performer knows and may do for its job.

use std::ops::Deref;
use std::sync::Arc;

use super::ChronosPatience;
use super::poll::Poll;
use crate::actors::performer::{LONGEST_PAUSE, Stopped, Task, backoff};
use crate::clients::chronos::{ChronosClient, ChronosError, ChronosJob, JobActivity};
use crate::events::job::Activity;
use crate::qos::job::command::FrameworkFacts;

/// One performer's job.
pub struct Session {
    pub client: Arc<ChronosClient>,
    pub patience: ChronosPatience,
    pub poll: Poll,
    pub task: Task,
}

/// What Chronos shows of a job.
pub enum Look {
    /// Queued or running.
    Busy(Activity),
    /// Idle, with its JSON.
    Idle(FrameworkFacts, Box<ChronosJob>),
    /// Not there; or one of this name that is not ours.
    Absent,
}

impl Deref for Session {
    type Target = Task;

    /// What is the same for every framework.
    fn deref(&self) -> &Task {
        &self.task
    }
}

impl Session {
    /// A fresh look at the job. Waits for as long as Chronos does not answer.
    pub async fn look(&self) -> Result<Look, Stopped> {
        let snapshot = self.or_stopped(self.poll.next()).await?;
        match snapshot.jobs.get(&self.name) {
            Some(JobActivity::Queued) => return Ok(Look::Busy(Activity::Queued)),
            Some(JobActivity::Running(_)) => return Ok(Look::Busy(Activity::Running)),
            Some(JobActivity::Idle) | None => {}
        }
        Ok(match self.find().await? {
            None => Look::Absent,
            Some(job) if !job.carries(self.job) => Look::Absent,
            Some(job) => Look::Idle(facts(&job, Activity::Idle), Box::new(job)),
        })
    }

    /// The job as Chronos has it. Waits for as long as Chronos does not answer.
    pub async fn find(&self) -> Result<Option<ChronosJob>, Stopped> {
        let mut backoff = backoff();
        loop {
            match self.client.find(&self.name).await {
                Ok(job) => {
                    self.status.worked();
                    return Ok(job);
                }
                Err(error) => self.failed("find", &error),
            }
            self.sleep(backoff.next().unwrap_or(LONGEST_PAUSE)).await?;
        }
    }

    /// Records a failed call where people look.
    pub fn failed(&self, call: &str, error: &ChronosError) {
        self.task.failed(call, error, error.is_retriable() || error.is_outcome_unknown());
    }
}

/// What Chronos says of a job.
pub fn facts(job: &ChronosJob, activity: Activity) -> FrameworkFacts {
    FrameworkFacts { cpus: job.cpus(), success_count: job.success_count(), error_count: job.error_count(), activity }
}
