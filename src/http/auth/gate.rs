//! The decision itself: mode, access and token in, caller or refusal out.

use std::sync::Arc;

use crate::http::problem::Problem;
use crate::token::{CallbackKey, StoredToken};

use super::session::{HeldSession, Sessions, cookie_name};
use super::{Access, AuthMode, Caller, Hosts};
use crate::qos::units::Timestamp;

/// Why a request is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No token came.
    #[error("this route needs a token: send Authorization: Bearer <token>")]
    Missing,
    /// A token came that does not open this route.
    #[error("this token does not open this route")]
    Wrong,
    /// The page of another site asks, by a browser that is logged in here.
    #[error("this comes from a page of another site: its Origin is not this address")]
    ForeignOrigin,
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::ForeignOrigin => Problem::forbidden(error.to_string()),
            AuthError::Missing | AuthError::Wrong => {
                Problem::unauthorized(error.to_string(), error == AuthError::Wrong)
            }
        }
    }
}

/// The mode and the secrets that requests are checked against.
#[derive(Debug)]
pub struct Gate {
    mode: AuthMode,
    key: CallbackKey,
    operator: StoredToken,
    scrape: Option<StoredToken>,
    sessions: Option<Arc<Sessions>>,
    hosts: Hosts,
    trust_forwarded_proto: bool,
}

impl Gate {
    /// A gate for all routes.
    pub fn new(mode: AuthMode, key: CallbackKey, operator: StoredToken, scrape: Option<StoredToken>) -> Self {
        Gate { mode, key, operator, scrape, sessions: None, hosts: Hosts::default(), trust_forwarded_proto: false }
    }

    /// The same gate, through which browsers come with sessions, too.
    #[must_use]
    pub fn with_sessions(self, sessions: Sessions) -> Self {
        Gate { sessions: Some(Arc::new(sessions)), ..self }
    }

    /// The same gate, which answers to these names, too, where nobody needs a token.
    #[must_use]
    pub fn with_hosts(self, hosts: Hosts) -> Self {
        Gate { hosts, ..self }
    }

    /// The same gate, behind a proxy that says by `X-Forwarded-Proto` how it was asked.
    #[must_use]
    pub fn trusting_forwarded_proto(self, trust_forwarded_proto: bool) -> Self {
        Gate { trust_forwarded_proto, ..self }
    }

    /// The names that are answered where nobody needs a token.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Whether `X-Forwarded-Proto` is the word of our own proxy.
    pub fn trusts_forwarded_proto(&self) -> bool {
        self.trust_forwarded_proto
    }

    /// Begins a session for whoever knows the operator token: its secret, and when it ends.
    ///
    /// # Errors
    /// When that is not the operator token.
    pub fn log_in(&self, token: &str) -> Result<(String, Timestamp), AuthError> {
        match &self.sessions {
            Some(sessions) if self.operator.verify(token) => Ok(sessions.begin(&self.operator)),
            _ => Err(AuthError::Wrong),
        }
    }

    /// Ends a session.
    pub fn log_out(&self, secret: &str) {
        if let Some(sessions) = &self.sessions {
            sessions.end(&self.operator, secret);
        }
    }

    /// When the session of this secret ends; none when there is no such session.
    pub fn session_ends_at(&self, secret: &str) -> Option<Timestamp> {
        self.sessions.as_ref()?.ends_at(&self.operator, secret)
    }

    /// Holds the session of this secret for what it opens; none when there is no such session.
    pub fn hold_session(&self, secret: &str) -> Option<HeldSession> {
        self.sessions.as_ref()?.hold(&self.operator, secret)
    }

    /// The name of the cookie with a session's secret.
    pub fn cookie_name(&self) -> String {
        cookie_name(&self.operator)
    }

    /// The mode.
    pub fn mode(&self) -> AuthMode {
        self.mode
    }

    /// Derives the jobs' tokens.
    pub fn key(&self) -> &CallbackKey {
        &self.key
    }

    /// Who comes with the token `presented`, if they may have `access`.
    ///
    /// # Errors
    /// When they may not.
    pub fn authorise(&self, access: Access, presented: Option<&str>) -> Result<Caller, AuthError> {
        if self.mode == AuthMode::Off {
            return Ok(Caller::Operator);
        }
        let open = self.is_open(access);
        let Some(token) = presented else {
            return if open { Ok(Caller::Anyone) } else { Err(AuthError::Missing) };
        };
        match self.recognise(access, token) {
            Some(caller) => Ok(caller),
            None if access == Access::Public => Ok(Caller::Anyone),
            None => Err(AuthError::Wrong),
        }
    }

    /// Whether anyone may have `access`.
    pub fn is_open(&self, access: Access) -> bool {
        match self.mode {
            AuthMode::Off => true,
            AuthMode::LegacyCallbacks => access == Access::Public || access.is_published(),
            AuthMode::Required => access == Access::Public,
        }
    }

    fn recognise(&self, access: Access, token: &str) -> Option<Caller> {
        if self.operator.verify(token) {
            return Some(Caller::Operator);
        }
        match access {
            // From the uuid alone: whether such a job exists cannot be learned without its token.
            Access::Report(job) | Access::Job(job) => self.key.verify(&job, token).then_some(Caller::Job(job)),
            Access::Scrape => self.scrape.as_ref()?.verify(token).then_some(Caller::Scraper),
            Access::Public | Access::Register | Access::Operator => None,
        }
    }
}
