//! Jobs as operators see them, one or many: the living ones from memory, those that are over from their rows. What a row cannot tell, the
//! log tells again.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::api::view::{JobView, UnreadableJob};
use crate::events::envelope::Version;
use crate::events::job::{JobEvent, Registered, upcasters};
use crate::events::store::{JobCursor, JobFilter, JobRow, MarginPlace, ReadError};
use crate::qos::ids::JobId;
use crate::qos::job::{JobState, Recorded};

use super::supervisor::Supervisor;
use super::view::{job_view, margin};

/// Events of one read.
const PAGE: usize = 1000;

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

/// A job that is to be shown, if its page reaches it.
enum Found {
    Living(Arc<JobState>),
    Over(JobRow),
}

/// Whether the filter lets a job through that lives: what the store does for rows.
fn passes(filter: &JobFilter, state: &JobState) -> bool {
    let Registered { job, name, framework, .. } = &state.registered;
    let searched = |search: &String| {
        let (name, text) = (name.to_ascii_lowercase(), search.to_ascii_lowercase());
        name.contains(&text) || hex::encode(job.as_bytes()).starts_with(&text.replace('-', ""))
    };
    !state.is_finished()
        && filter.state.as_ref().is_none_or(|wanted| wanted == state.state_name())
        && filter.framework.is_none_or(|wanted| wanted == *framework)
        && filter.search.as_ref().is_none_or(searched)
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

    /// Jobs in the order of their registration or of their names, or against it, living and finished. No row is left out.
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
        let (mut found, largest_first) = (Vec::new(), filter.newest_first);
        if filter.active != Some(false) {
            let living = self.directory.states().into_iter().filter(|state| passes(&filter, state));
            let placed = living.map(|state| {
                let place = MarginPlace { margin: margin(&state), job: state.registered.job };
                (place, Found::Living(state))
            });
            found.extend(
                placed.filter(|(place, _)| after.is_none_or(|after| place.compare(&after, largest_first).is_gt())),
            );
        }
        if filter.active != Some(true) {
            let over = self.log().jobs_by_margin(filter, after, limit).await?;
            let both: BTreeSet<JobId> = over.iter().map(|(place, _)| place.job).collect();
            found.retain(|(place, _)| !both.contains(&place.job));
            found.extend(over.into_iter().map(|(place, row)| (place, Found::Over(row))));
        }
        found.sort_by(|(one, _), (other, _)| one.compare(other, largest_first));
        found.truncate(limit);
        let mut listed = Vec::with_capacity(found.len());
        for (place, one) in found {
            let one = match one {
                Found::Living(state) => Listed::job(&state),
                Found::Over(row) => self.seen(row).await?,
            };
            listed.push((place, one));
        }
        Ok(listed)
    }

    async fn seen(&self, row: JobRow) -> Result<Listed, ReadError> {
        if let Some(state) = self.state(row.uuid) {
            return Ok(Listed::job(&state));
        }
        let whole = |text: &&str| serde_json::from_str::<Written>(text).is_ok();
        let view = row.view.as_deref().filter(whole).map(serde_json::from_str::<JobView>);
        if let Some(Ok(view)) = view {
            return Ok(Listed::Job(Box::new(view)));
        }
        // It has ended since its row was read, or its view was written by a version that wrote it otherwise.
        Ok(match self.retold(row.uuid, u64::MAX).await {
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

    /// The job's state, from its events up to the one of version `last`.
    pub(super) async fn retold(&self, job: JobId, last: u64) -> Result<JobState, Untold> {
        let (upcasters, mut state, mut after) = (upcasters(), None, Version::NONE);
        loop {
            let events = self.log().read_stream(job.into(), after, PAGE).await?;
            let Some(newest) = events.last().map(|event| event.version) else { break };
            for event in events.iter().filter(|event| event.version.0 <= last) {
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
            if events.len() < PAGE || newest.0 >= last {
                break;
            }
            after = newest;
        }
        state.ok_or(Untold::Unregistered)
    }
}

/// What the first versions did not write into a view: one without it does not say what the job was.
#[derive(serde::Deserialize)]
struct Written {
    #[expect(dead_code, reason = "only that it is there counts")]
    chain: bool,
    #[expect(dead_code, reason = "only that it is there counts")]
    in_place: bool,
}

/// Why the log does not tell of a job.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is there cannot be understood.
    #[error("its event {version} cannot be understood: {problem}")]
    Event {
        /// Its place.
        version: u64,
        /// What is wrong.
        problem: String,
    },
    /// There is no such job, or its beginning is missing.
    #[error("its events do not begin with a registration")]
    Unregistered,
}
