//! The calls, over several masters and all versions.

use std::sync::{Mutex, PoisonError};

use reqwest::Method;
use serde_json::{Value, json};

use super::answer::{Answer, judge};
use super::documents::{Accepted, Apps, Changed, Deployment, MarathonApp, MarathonInfo, MarathonTask, OneApp, Tasks};
use super::error::MarathonError;
use super::id::AppId;
use super::version::MarathonVersion;
use crate::clients::exchange::Call;
use crate::clients::masters::Masters;
use crate::clients::transport::TransportOptions;
use crate::credentials::FrameworkCredentials;
use crate::qos::units::Cpus;

/// Limits and trust of the client.
pub type MarathonClientOptions = TransportOptions;

/// Some answers exist as a table for people, too.
const JSON: &str = "application/json, */*;q=0.1";

/// What becomes of a deployment that holds the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locks {
    /// It goes on, and the call fails with [`MarathonError::Locked`].
    Respect,
    /// It is cancelled in favour of this call.
    Override,
}

/// A client of one Marathon.
///
/// A read is tried at each master in turn, a write only at the first one that takes the connection. Every master passes
/// requests on to the leader.
#[derive(Debug)]
pub struct MarathonClient {
    masters: Masters,
    version: Mutex<Option<MarathonVersion>>,
}

impl MarathonClient {
    /// A client that has not yet spoken to anybody.
    ///
    /// # Errors
    /// When there is no URL, or `options` cannot be met.
    pub fn new(credentials: FrameworkCredentials, options: MarathonClientOptions) -> Result<Self, MarathonError> {
        Ok(MarathonClient { masters: Masters::new(credentials, &options)?, version: Mutex::new(None) })
    }

    /// Who answers.
    ///
    /// # Errors
    /// When no master gives a usable answer; so for all calls below.
    pub async fn info(&self) -> Result<MarathonInfo, MarathonError> {
        match self.call(Call::new(Method::GET, &["v2", "info"])).await {
            Ok(answer) => answer.document(),
            Err(error) if error.is_wrong_route() => {
                let reason = "there is no /v2/info: is this the URL of a Marathon?".into();
                Err(MarathonError::BadAnswer { call: error.to_string(), reason })
            }
            Err(error) => Err(error),
        }
    }

    /// The version, found out by the first call and remembered until an answer shows that it has changed.
    pub async fn version(&self) -> Result<MarathonVersion, MarathonError> {
        if let Some(version) = self.known_version() {
            return Ok(version);
        }
        let info = self.info().await?;
        let version = info.version.parse();
        let version = version.map_err(|reason| MarathonError::BadAnswer { call: "GET /v2/info".into(), reason })?;
        self.remember(Some(version));
        Ok(version)
    }

    /// Whether a master answers and accepts the credentials.
    pub async fn ping(&self) -> Result<(), MarathonError> {
        self.call(Call::new(Method::GET, &["ping"])).await.map(drop)
    }

    /// Every app, without its tasks.
    pub async fn apps(&self) -> Result<Vec<MarathonApp>, MarathonError> {
        self.call(Call::new(Method::GET, &["v2", "apps"])).await?.document::<Apps>().map(|list| list.apps)
    }

    /// The app of exactly this id, if there is one, with its tasks and deployments.
    pub async fn find(&self, id: &AppId) -> Result<Option<MarathonApp>, MarathonError> {
        match self.call(Call::new(Method::GET, &address(id, &[]))).await {
            Ok(answer) => {
                let app = answer.document::<OneApp>()?.app;
                if app.id == *id { Ok(Some(app)) } else { Err(answer.bad(format!("this is {}", app.id))) }
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an app. [`MarathonError::AlreadyExists`] when its id is taken.
    pub async fn create(&self, app: &Value) -> Result<Accepted, MarathonError> {
        let mut call = Call::new(Method::POST, &["v2", "apps"]);
        call.body = Some(app);
        self.call(call).await?.document::<MarathonApp>().map(Accepted::from)
    }

    /// Puts `app` in the place of the whole app `id`, from 1.4 on; `None` before, where a PUT leaves what it does not name.
    pub async fn replace(&self, id: &AppId, app: &Value) -> Result<Option<Accepted>, MarathonError> {
        if !self.version().await?.has_patch() {
            return Ok(None);
        }
        let mut call = Call::new(Method::PUT, &address(id, &[]));
        call.query = vec![("partialUpdate", "false"), ("force", "false")];
        call.body = Some(app);
        self.call(call).await?.document::<Changed>().map(|changed| Some(changed.into()))
    }

    /// Gives the tasks of the app other CPUs, which replaces them, and changes nothing else.
    ///
    /// [`MarathonError::NotFound`] when there is no such app: none is ever created.
    pub async fn set_cpus(&self, id: &AppId, cpus: Cpus) -> Result<Accepted, MarathonError> {
        let body = json!({ "cpus": cpus.as_f64() });
        if self.version().await?.has_patch() {
            match self.change(Method::PATCH, id, &body).await {
                // The cluster has become an older one in the meantime; the router has not processed it.
                Err(error) if error.is_wrong_route() => self.remember(None),
                other => return other,
            }
            if self.version().await?.has_patch() {
                return self.change(Method::PATCH, id, &body).await;
            }
        }
        if self.find(id).await?.is_none() {
            return Err(gone(id));
        }
        match self.change(Method::PUT, id, &body).await {
            // Such a body makes no app, so one that was deleted since the look is refused.
            Err(MarathonError::Invalid { .. }) if self.find(id).await?.is_none() => Err(gone(id)),
            other => other,
        }
    }

    /// Removes the app and kills its tasks. [`MarathonError::NotFound`] when there is none.
    pub async fn delete(&self, id: &AppId, locks: Locks) -> Result<Accepted, MarathonError> {
        let mut call = Call::new(Method::DELETE, &address(id, &[]));
        // Said either way: without it, Marathon overrides.
        call.query = vec![("force", if locks == Locks::Override { "true" } else { "false" })];
        self.call(call).await?.document::<Changed>().map(Accepted::from)
    }

    /// The tasks of the app.
    pub async fn tasks(&self, id: &AppId) -> Result<Vec<MarathonTask>, MarathonError> {
        let answer = self.call(Call::new(Method::GET, &address(id, &["tasks"]))).await?;
        answer.document::<Tasks>().map(|list| list.tasks)
    }

    /// The tasks of all apps that run or are about to.
    pub async fn all_tasks(&self) -> Result<Vec<MarathonTask>, MarathonError> {
        self.call(Call::new(Method::GET, &["v2", "tasks"])).await?.document::<Tasks>().map(|list| list.tasks)
    }

    /// Every deployment that is under way.
    pub async fn deployments(&self) -> Result<Vec<Deployment>, MarathonError> {
        self.call(Call::new(Method::GET, &["v2", "deployments"])).await?.document()
    }

    /// Undoes a deployment that is under way, by another one that brings its apps back to what they were before.
    ///
    /// [`MarathonError::NotFound`] when it is over.
    pub async fn roll_back(&self, deployment: &str) -> Result<Accepted, MarathonError> {
        let mut call = Call::new(Method::DELETE, &["v2", "deployments", deployment]);
        // With force it would be left as it is, half done.
        call.query = vec![("force", "false")];
        self.call(call).await?.document::<Changed>().map(Accepted::from)
    }

    /// Whether the deployment is still under way; Marathon forgets the ones that are over, however they ended.
    pub async fn is_deploying(&self, deployment: &str) -> Result<bool, MarathonError> {
        Ok(self.deployments().await?.iter().any(|one| one.id == deployment))
    }

    async fn change(&self, method: Method, id: &AppId, body: &Value) -> Result<Accepted, MarathonError> {
        let created_by_put = method == Method::PUT;
        let mut call = Call::new(method, &address(id, &[]));
        call.body = Some(body);
        let answer = self.call(call).await?;
        if created_by_put && answer.status() == 201 {
            return Err(answer.bad("the app had been deleted, and was created anew"));
        }
        answer.document::<Changed>().map(Accepted::from)
    }

    async fn call(&self, mut call: Call<'_>) -> Result<Answer, MarathonError> {
        call.accept = Some(JSON);
        self.masters.ask(&call, judge).await
    }

    fn known_version(&self) -> Option<MarathonVersion> {
        *self.version.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, version: Option<MarathonVersion>) {
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = version;
    }
}

/// `v2/apps/<id>/<below>`, the id's own slashes parting its segments.
fn address<'a>(id: &'a AppId, below: &[&'a str]) -> Vec<&'a str> {
    ["v2", "apps"].into_iter().chain(id.segments()).chain(below.iter().copied()).collect()
}

fn gone(id: &AppId) -> MarathonError {
    MarathonError::NotFound { call: format!("PUT {{\"cpus\"}} to {id}"), message: "the app does not exist".into() }
}
