//! The decision itself: mode, access and token in, caller or refusal out.

use crate::http::problem::Problem;
use crate::token::{CallbackKey, StoredToken};

use super::{Access, AuthMode, Caller};

/// Why a request is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No token came.
    #[error("this route needs a token: send Authorization: Bearer <token>")]
    Missing,
    /// A token came that does not open this route.
    #[error("this token does not open this route")]
    Wrong,
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        Problem::unauthorized(error.to_string(), error == AuthError::Wrong)
    }
}

/// The mode and the secrets that requests are checked against.
#[derive(Debug)]
pub struct Gate {
    mode: AuthMode,
    key: CallbackKey,
    operator: StoredToken,
    scrape: Option<StoredToken>,
}

impl Gate {
    /// A gate for all routes.
    pub fn new(mode: AuthMode, key: CallbackKey, operator: StoredToken, scrape: Option<StoredToken>) -> Self {
        Gate { mode, key, operator, scrape }
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
