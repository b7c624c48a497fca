//! The token, as those who need one see it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use reqwest::header::HeaderValue;

use super::keystone::KeystoneError;

/// A token that can be used now.
#[derive(Debug, Clone)]
pub struct Token {
    /// For `X-Auth-Token`; marked as sensitive.
    pub header: HeaderValue,
    /// Tells tokens apart: rises with each login.
    pub number: u64,
    /// When it was asked for.
    pub asked: Instant,
}

/// No token could be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Keystone does not give one.
    #[error(transparent)]
    Keystone(#[from] KeystoneError),
    /// Too many wait for the login already.
    #[error("too many calls wait for a login at Keystone")]
    Overloaded,
    /// Whoever keeps the token has ended.
    #[error("the supervisor is shutting down")]
    Closed,
}

/// A token that is on its way.
pub type Awaited<'a> = Pin<Box<dyn Future<Output = Result<Token, TokenError>> + Send + 'a>>;

/// Gives out the one token of this process.
pub trait TokenSource: Send + Sync {
    /// A token that can be used now. `refused` is the number of one that was answered with 401: it is not given out again.
    fn token(&self, refused: Option<u64>) -> Awaited<'_>;
}

/// A shared [`TokenSource`].
pub type Tokens = Arc<dyn TokenSource>;
