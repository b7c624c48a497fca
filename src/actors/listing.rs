//! Jobs as operators see them, one or many: the living ones from memory, those that are over from their rows. What a row cannot tell, the
//! log tells again.

use crate::api::view::{JobView, UnreadableJob};
use crate::events::envelope::Version;
use crate::events::job::{JobEvent, upcasters};
use crate::events::store::{JobCursor, JobFilter, JobRow, MarginPlace, ReadError};
use crate::qos::ids::JobId;
use crate::qos::job::{JobState, Recorded};
use crate::qos::units::Span;

use super::supervisor::Supervisor;
use super::view::{job_view, margin};

/// Events of one read.
const PAGE: usize = 1000;

/// More living jobs than there can be.
const ALL: usize = 10_000_000;

/// A job of a list.
#[derive(Debug, Clone, PartialEq)]
pub enum Listed {
    /// The job.
    Job(Box<JobView>),
    /// A job that cannot be shown.
    Unreadable(UnreadableJob),
}

impl Listed {
    fn job(state: &JobState) -> Self {
        Listed::Job(Box::new(job_view(state)))
    }

    /// The job, if it can be shown.
    pub fn view(&self) -> Option<&JobView> {
        match self {
            Listed::Job(view) => Some(view),
            Listed::Unreadable(_) => None,
        }
    }
}

impl Supervisor {
    /// A job as operators see it, living or finished.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn view(&self, job: JobId) -> Result<Option<Listed>, ReadError> {
        if let Some(state) = self.state(job) {
            return Ok(Some(Listed::job(&state)));
        }
        match self.log().job_row(job).await? {
            Some(row) => self.seen(row).await.map(Some),
            None => Ok(None),
        }
    }

    /// Jobs in the order of their registration, or against it, living and finished. No row is left out.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn list(
        &self,
        filter: JobFilter,
        after: Option<JobCursor>,
        limit: usize,
    ) -> Result<Vec<(JobCursor, Listed)>, ReadError> {
        let mut listed = Vec::new();
        for (cursor, row) in self.log().job_rows(filter, after, limit).await? {
            listed.push((cursor, self.seen(row).await?));
        }
        Ok(listed)
    }

    /// Jobs in the order of their margins: the least first, or the largest with [`JobFilter::newest_first`].
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn list_by_margin(
        &self,
        filter: JobFilter,
        after: Option<MarginPlace>,
        limit: usize,
    ) -> Result<Vec<(MarginPlace, Listed)>, ReadError> {
        // The living ones first: one that ends in between is then found among both, and not among neither.
        let (mut rows, largest_first) = (Vec::new(), filter.newest_first);
        if filter.active != Some(false) {
            let living = JobFilter { active: Some(true), ..filter.clone() };
            for (_, row) in self.log().job_rows(living, None, ALL).await? {
                let margin = self.margin_of(&row);
                rows.push((MarginPlace { margin, job: row.uuid }, row));
            }
            rows.retain(|(place, _)| after.is_none_or(|after| place.compare(&after, largest_first).is_gt()));
        }
        if filter.active != Some(true) {
            let over = self.log().jobs_by_margin(filter, after, limit).await?;
            rows.retain(|(place, _)| over.iter().all(|(other, _)| other.job != place.job));
            rows.extend(over);
        }
        rows.sort_by(|(one, _), (other, _)| one.compare(other, largest_first));
        rows.truncate(limit);
        let mut listed = Vec::with_capacity(rows.len());
        for (place, row) in rows {
            listed.push((place, self.seen(row).await?));
        }
        Ok(listed)
    }

    fn margin_of(&self, row: &JobRow) -> Option<Span> {
        margin(self.state(row.uuid)?.as_ref())
    }

    async fn seen(&self, row: JobRow) -> Result<Listed, ReadError> {
        if let Some(state) = self.state(row.uuid) {
            return Ok(Listed::job(&state));
        }
        let view = row.view.as_deref().map(serde_json::from_str::<JobView>);
        if let Some(Ok(view)) = view {
            return Ok(Listed::Job(Box::new(view)));
        }
        // It has ended since its row was read, or its view was written by a version that wrote it otherwise.
        Ok(match self.retold(row.uuid).await {
            Ok(state) => Listed::job(&state),
            Err(Untold::Read(ReadError::Closed)) => return Err(ReadError::Closed),
            Err(error) => {
                let JobRow { uuid, framework, name, state, .. } = row;
                tracing::error!(job = %uuid, name, %error, "a job cannot be shown");
                let problem = format!("{error}; `mesos-qos log verify` tells whether the log is whole");
                Listed::Unreadable(UnreadableJob { uuid, name, framework, state, problem })
            }
        })
    }

    /// The job's state, from its events.
    async fn retold(&self, job: JobId) -> Result<JobState, Untold> {
        let (upcasters, mut state, mut after) = (upcasters(), None, Version::NONE);
        loop {
            let events = self.log().read_stream(job.into(), after, PAGE).await?;
            let Some(last) = events.last().map(|event| event.version) else { break };
            for event in &events {
                let wrong = |error: &dyn std::fmt::Display| Untold::Event {
                    version: event.version.0,
                    problem: error.to_string(),
                };
                let data = upcasters.newest(event).map_err(|error| wrong(&error))?;
                let decoded = JobEvent::decode(&event.kind, &data).map_err(|error| wrong(&error))?;
                let recorded = Recorded { version: event.version.0, at: event.at, event: decoded };
                if !JobState::follow(&mut state, &recorded) {
                    return Err(Untold::Unregistered);
                }
            }
            if events.len() < PAGE {
                break;
            }
            after = last;
        }
        state.ok_or(Untold::Unregistered)
    }
}

/// Why the log does not tell of a job.
#[derive(Debug, thiserror::Error)]
enum Untold {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("its event {version} cannot be understood: {problem}")]
    Event { version: u64, problem: String },
    #[error("its events do not begin with a registration")]
    Unregistered,
}
