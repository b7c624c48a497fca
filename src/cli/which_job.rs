//! A job as people name it: by its uuid, the beginning of one, or its name in its framework.

use std::convert::Infallible;
use std::str::FromStr;

use anyhow::bail;

use super::jobs::all;
use super::remote::Remote;
use crate::api::view::{JobState, JobView};
use crate::events::job::{JobEvent, upcasters};
use crate::events::source::LogSource;
use crate::events::store::{OfflineLog, ReadError, Replay};
use crate::qos::ids::JobId;

/// Which jobs are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhichJob {
    /// Every one.
    All,
    /// The one that is called so.
    Named(String),
}

impl FromStr for WhichJob {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "all" { WhichJob::All } else { WhichJob::Named(text.to_owned()) })
    }
}

/// The one job among `jobs` (uuid and name) that `wanted` names.
///
/// # Errors
/// When there is none, or more than one.
pub fn pick(jobs: &[(JobId, String)], wanted: &str) -> anyhow::Result<JobId> {
    if let Some((job, _)) = jobs.iter().find(|(job, _)| wanted.parse() == Ok(*job)) {
        return Ok(*job);
    }
    let named: Vec<&(JobId, String)> = jobs.iter().filter(|(_, name)| name == wanted).collect();
    let begins = |(job, _): &&(JobId, String)| wanted.len() >= 4 && job.to_string().starts_with(&wanted.to_lowercase());
    let matching = if named.is_empty() { jobs.iter().filter(begins).collect() } else { named };
    match matching.as_slice() {
        [(job, _)] => Ok(*job),
        [] => bail!("no job is called {wanted:?}: a uuid, at least four characters of one, or a name is wanted"),
        several => {
            let listed: Vec<String> =
                several.iter().take(5).map(|(job, name)| super::replay::named(*job, name)).collect();
            let more = if several.len() > 5 { ", .." } else { "" };
            bail!("{wanted:?} may be {} jobs: {}{more}", several.len(), listed.join(", "))
        }
    }
}

/// The same among the jobs of a supervisor: a name or a beginning that one living job has is its, whatever jobs of before had it.
///
/// # Errors
/// As [`pick`], and when the supervisor cannot be asked.
pub async fn ask(remote: &Remote, wanted: &str) -> anyhow::Result<JobId> {
    if let Ok(job) = wanted.parse() {
        return Ok(job);
    }
    let jobs = all(remote, &[]).await?.items;
    let named = |jobs: &[&JobView]| jobs.iter().map(|job| (job.uuid, job.name.clone())).collect::<Vec<_>>();
    let living: Vec<&JobView> =
        jobs.iter().filter(|job| matches!(job.state, JobState::Registered | JobState::Running)).collect();
    pick(&named(&living), wanted).or_else(|_| pick(&named(&jobs.iter().collect::<Vec<_>>()), wanted))
}

/// The same among the jobs of a log.
///
/// # Errors
/// As [`pick`], and when the log cannot be read.
pub fn find(source: &LogSource, wanted: &str) -> anyhow::Result<JobId> {
    // The list of jobs, where there is one: it needs no archive.
    if let LogSource::Database(path) = source {
        return pick(&OfflineLog::open(path)?.jobs()?, wanted);
    }
    let (table, mut jobs) = (upcasters(), Vec::new());
    source.for_each_event(Replay::Everything, |event| {
        if event.version.0 == 1
            && let Some(job) = event.stream.job()
            && let Ok(data) = table.newest(event)
            && let Ok(JobEvent::Registered(registered)) = JobEvent::decode(&event.kind, &data)
        {
            jobs.push((job, registered.name));
        }
        Ok::<(), ReadError>(())
    })?;
    pick(&jobs, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_found_by_uuid_beginning_or_name_unless_that_may_be_several() {
        let job = |text: &str| text.parse::<JobId>().unwrap();
        let (a, b) = (job("11111111-0000-4000-8000-000000000001"), job("11112222-0000-4000-8000-000000000002"));
        let jobs = [(a, "linpack".to_owned()), (b, "linpack".to_owned())];
        assert_eq!(pick(&jobs, &b.to_string()).unwrap(), b);
        assert_eq!(pick(&jobs, "11112").unwrap(), b);
        assert!(pick(&jobs, "1111").unwrap_err().to_string().contains("2 jobs"));
        assert!(pick(&jobs, "linpack").unwrap_err().to_string().contains("2 jobs"));
        assert_eq!(pick(&jobs[..1], "linpack").unwrap(), a);
        assert!(pick(&jobs, "11").unwrap_err().to_string().contains("no job"));
        assert!(pick(&jobs, "111122223").is_err());
    }
}
