//! What a performer knows and may do for its job.

use std::ops::Deref;
use std::sync::Arc;

use super::MarathonPatience;
use crate::actors::performer::{LONGEST_PAUSE, Stopped, Task, backoff};
use crate::clients::marathon::{AppId, MarathonApp, MarathonClient, MarathonError};
use crate::events::job::Activity;
use crate::qos::job::command::FrameworkFacts;

/// One performer's job.
pub struct Session {
    pub client: Arc<MarathonClient>,
    pub patience: MarathonPatience,
    /// The app's id; absent for a name that Marathon takes for none, so that there never is such an app.
    pub id: Option<AppId>,
    pub task: Task,
}

impl Deref for Session {
    type Target = Task;

    /// What is the same for every framework.
    fn deref(&self) -> &Task {
        &self.task
    }
}

impl Session {
    pub fn new(client: Arc<MarathonClient>, patience: MarathonPatience, task: Task) -> Self {
        let id = task.name.parse().ok();
        Session { client, patience, id, task }
    }

    /// The app of the job's name as Marathon shows it, asked for once.
    pub async fn read(&self) -> Result<Option<MarathonApp>, MarathonError> {
        let Some(id) = &self.id else { return Ok(None) };
        let read = self.client.find(id).await;
        match &read {
            Ok(_) => self.worked(),
            Err(error) => self.failed("find", error),
        }
        read
    }

    /// The app of the job's name, asked for until Marathon answers.
    pub async fn find(&self) -> Result<Option<MarathonApp>, Stopped> {
        let mut pauses = backoff();
        loop {
            if let Ok(app) = self.read().await {
                return Ok(app);
            }
            self.sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await?;
        }
    }

    /// Waits for as long as one of these deployments is under way, and Marathon says so.
    pub async fn follow(&self, deployments: &[String]) -> Result<(), Stopped> {
        let mut pauses = backoff();
        let mut patient_until = Some(self.now() + self.patience.resize_patience);
        loop {
            if patient_until.is_some_and(|until| self.now() >= until) {
                patient_until = None;
                let (job, name, under_way) = (self.job, &self.name, deployments.join(", "));
                // The task before it is over already: the job does not run.
                tracing::warn!(%job, name, under_way, "a deployment takes long: is there a node with that much CPU?");
            }
            match self.client.deployments().await {
                Ok(under_way) => {
                    self.worked();
                    pauses = backoff();
                    if !under_way.iter().any(|one| deployments.contains(&one.id)) {
                        return Ok(());
                    }
                    self.sleep(self.patience.poll_interval.to_std()).await?;
                }
                Err(error) => {
                    self.failed("deployments", &error);
                    self.sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await?;
                }
            }
        }
    }

    /// Records a failed call where people look.
    pub fn failed(&self, call: &str, error: &MarathonError) {
        self.task.failed(call, error, error.is_retriable() || error.is_outcome_unknown());
    }

    fn worked(&self) {
        if self.status.worked() {
            tracing::info!("Marathon answers again");
        }
    }
}

/// What Marathon says of an app.
pub fn facts(app: &MarathonApp) -> FrameworkFacts {
    FrameworkFacts {
        cpus: app.cpus,
        // Marathon counts no runs.
        success_count: 0,
        error_count: 0,
        activity: if app.tasks_running > 0 { Activity::Running } else { Activity::Queued },
    }
}
