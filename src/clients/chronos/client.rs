//! The calls, over several masters and two API versions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};

use reqwest::Method;
use serde_json::Value;

use super::error::ChronosError;
use super::job::ChronosJob;
use super::request::{Answer, judge};
use super::summary::{self, JobActivity};
use crate::clients::exchange::Call;
use crate::clients::masters::Masters;
use crate::clients::transport::TransportOptions;
use crate::credentials::FrameworkCredentials;

/// Limits and trust of the client.
pub type ChronosClientOptions = TransportOptions;

/// Far above what any cluster holds; the default of 10 cuts off the wanted job.
const SEARCH_LIMIT: &str = "1000000";

/// Which of the two path prefixes a Chronos serves; none serves both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiVersion {
    /// `/scheduler`: 2.4 and 2.5.
    Unversioned,
    /// `/v1/scheduler`: 3.0 and later.
    V1,
}

impl ApiVersion {
    fn prefix(self) -> &'static [&'static str] {
        match self {
            ApiVersion::Unversioned => &["scheduler"],
            ApiVersion::V1 => &["v1", "scheduler"],
        }
    }
}

/// A client of one Chronos cluster.
///
/// A read is tried at each master in turn, a write only at the first one that takes the connection.
#[derive(Debug)]
pub struct ChronosClient {
    masters: Masters,
    /// 0 unknown, 1 [`ApiVersion::Unversioned`], 2 [`ApiVersion::V1`].
    version: AtomicU8,
}

impl ChronosClient {
    /// A client that has not yet spoken to anybody.
    ///
    /// # Errors
    /// When there is no URL, or `options` cannot be met.
    pub fn new(credentials: FrameworkCredentials, options: ChronosClientOptions) -> Result<Self, ChronosError> {
        Ok(ChronosClient { masters: Masters::new(credentials, &options)?, version: AtomicU8::new(0) })
    }

    /// Every job.
    ///
    /// # Errors
    /// When no master gives a usable answer; so for all calls below.
    pub async fn jobs(&self) -> Result<Vec<ChronosJob>, ChronosError> {
        let answer = self.call(Call::new(Method::GET, &["jobs"])).await?;
        job_list(&answer)
    }

    /// The job of exactly this name, if there is one.
    pub async fn find(&self, name: &str) -> Result<Option<ChronosJob>, ChronosError> {
        if self.api_version().await? == ApiVersion::V1 {
            match self.call(Call::new(Method::GET, &["job", name])).await {
                Ok(answer) => {
                    let job = ChronosJob::parse(answer.json()?).map_err(|reason| answer.bad(reason))?;
                    return Ok(Some(job).filter(|job| job.name() == name));
                }
                Err(error) if error.is_not_found() => return Ok(None),
                // Not in every 3.x; or the cluster has become a 2.x in the meantime.
                Err(error) if error.is_wrong_path() => {}
                Err(error) => return Err(error),
            }
        }
        let mut search = Call::new(Method::GET, &["jobs", "search"]);
        search.query = vec![("name", name), ("limit", SEARCH_LIMIT)];
        let answer = self.call(search).await?;
        Ok(job_list(&answer)?.into_iter().find(|job| job.name() == name))
    }

    /// What every job is doing, in one read.
    pub async fn summary(&self) -> Result<BTreeMap<String, JobActivity>, ChronosError> {
        if self.api_version().await? == ApiVersion::V1 {
            match self.call(Call::new(Method::GET, &["jobs", "summary"])).await {
                Ok(answer) => return summary::from_json(answer.body()).map_err(|reason| answer.bad(reason)),
                Err(error) if error.is_wrong_path() => {}
                Err(error) => return Err(error),
            }
        }
        let answer = self.call(Call::new(Method::GET, &["graph", "csv"])).await?;
        summary::from_csv(answer.body()).map_err(|reason| answer.bad(reason))
    }

    /// Creates the job, or replaces the whole job of the same name.
    pub async fn post_job(&self, job: &Value) -> Result<(), ChronosError> {
        let mut call = Call::new(Method::POST, &["iso8601"]);
        call.body = Some(job);
        self.call(call).await.map(drop)
    }

    /// Queues one task of the job. Success tells nothing about whether it will run.
    pub async fn start(&self, name: &str) -> Result<(), ChronosError> {
        self.call(Call::new(Method::PUT, &["job", name])).await.map(drop)
    }

    /// Removes the job and kills its tasks.
    pub async fn delete(&self, name: &str) -> Result<(), ChronosError> {
        self.call(Call::new(Method::DELETE, &["job", name])).await.map(drop)
    }

    /// Whether a master answers and accepts the credentials.
    pub async fn ping(&self) -> Result<(), ChronosError> {
        self.at_some_master(&Call::new(Method::GET, &["ping"])).await.map(drop)
    }

    /// The API version, found out by the first call and remembered while it answers.
    pub async fn api_version(&self) -> Result<ApiVersion, ChronosError> {
        match self.version.load(Ordering::Relaxed) {
            1 => Ok(ApiVersion::Unversioned),
            2 => Ok(ApiVersion::V1),
            _ => self.detect().await,
        }
    }

    async fn detect(&self) -> Result<ApiVersion, ChronosError> {
        let mut nowhere = None;
        for version in [ApiVersion::V1, ApiVersion::Unversioned] {
            match self.at_some_master(&prefixed(version, &Call::new(Method::GET, &["jobs"]))).await {
                Ok(_) => {
                    self.version.store(if version == ApiVersion::V1 { 2 } else { 1 }, Ordering::Relaxed);
                    return Ok(version);
                }
                Err(error) if error.is_wrong_path() => nowhere = Some(error),
                Err(error) => return Err(error),
            }
        }
        let call = nowhere.map(|error| error.to_string()).unwrap_or_default();
        let reason = "neither /v1/scheduler/jobs nor /scheduler/jobs is there: is this the URL of a Chronos?".into();
        Err(ChronosError::BadAnswer { call, reason })
    }

    /// Sends `call` under the known prefix; finds the prefix out again when the path is not there any more.
    async fn call(&self, call: Call<'_>) -> Result<Answer, ChronosError> {
        let version = self.api_version().await?;
        let result = self.at_some_master(&prefixed(version, &call)).await;
        match result {
            // A 404 comes from the router: the request was not processed and may be sent again.
            Err(error) if error.is_wrong_path() => {
                self.version.store(0, Ordering::Relaxed);
                let now = self.detect().await?;
                if now == version { Err(error) } else { self.at_some_master(&prefixed(now, &call)).await }
            }
            other => other,
        }
    }

    async fn at_some_master(&self, call: &Call<'_>) -> Result<Answer, ChronosError> {
        self.masters.ask(call, judge).await
    }
}

fn prefixed<'a>(version: ApiVersion, call: &Call<'a>) -> Call<'a> {
    let mut call = call.clone();
    call.path.splice(0..0, version.prefix().iter().copied());
    call
}

fn job_list(answer: &Answer) -> Result<Vec<ChronosJob>, ChronosError> {
    let Value::Array(jobs) = answer.json()? else { return Err(answer.bad("not an array of jobs")) };
    jobs.into_iter().map(|job| ChronosJob::parse(job).map_err(|reason| answer.bad(reason))).collect()
}
