//! The masters of one framework, tried in turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Client;

use super::exchange::{Call, Reply, exchange};
use super::transport::{TransportError, TransportOptions, build_client};
use crate::credentials::FrameworkCredentials;

/// What decides whether another master is asked.
pub trait CallFailure: From<TransportError> {
    /// Whether no connection was made, so that the request was surely not processed.
    fn is_refused(&self) -> bool;

    /// Whether the same call may succeed later without anybody changing anything.
    fn is_retriable(&self) -> bool;
}

/// The masters of one framework.
///
/// A read is tried at each master in turn, after any failure that may pass. A write goes to the next master only
/// when no connection was made, so that it is never carried out twice behind the caller's back.
#[derive(Debug)]
pub struct Masters {
    http: Client,
    credentials: FrameworkCredentials,
    /// The master that answered last: asked first.
    preferred: AtomicUsize,
}

impl Masters {
    /// The masters that `credentials` name.
    ///
    /// # Errors
    /// When there is none, or `options` cannot be met.
    pub fn new(credentials: FrameworkCredentials, options: &TransportOptions) -> Result<Self, TransportError> {
        if credentials.urls.is_empty() {
            return Err(nobody());
        }
        let http = build_client(options)?;
        Ok(Masters { http, credentials, preferred: AtomicUsize::new(0) })
    }

    /// Sends `call` to one master after the other until `judge` makes a result of an answer, or an error that another
    /// master would not cure.
    ///
    /// # Errors
    /// The last master's.
    pub async fn ask<T, E: CallFailure>(&self, call: &Call<'_>, judge: impl Fn(Reply) -> Result<T, E>) -> Result<T, E> {
        let masters = &self.credentials.urls;
        let first = self.preferred.load(Ordering::Relaxed);
        let mut last = None;
        for offset in 0..masters.len() {
            let index = (first + offset) % masters.len();
            let answered = exchange(&self.http, &self.credentials, &masters[index], call).await;
            match answered.map_err(E::from).and_then(&judge) {
                Ok(result) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(result);
                }
                Err(error) if error.is_refused() || (call.is_read() && error.is_retriable()) => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| nobody().into()))
    }
}

fn nobody() -> TransportError {
    TransportError::Configuration("url: no master is named".into())
}
