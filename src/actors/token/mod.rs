//! Keeps the token of Keystone: one login at a time, whoever asks; renewed before its end.
//!
//! - `lease`: how long a token is good for, by a clock that nobody sets
//! - [`KeptTokens`] is the handle for everybody who needs one

mod lease;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture};
use tokio::sync::oneshot;

use crate::openstack::Awaited;
use crate::openstack::{Keystone, KeystoneError, Login, Token, TokenError, TokenSource};
use lease::Lease;

/// Those who wait for a login at once; one more is refused.
const MOST_WAITING: usize = 1024;

/// After a login that failed nobody asks again for this time, at first.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest of these times. A refusal repeated quickly would lock the account where Keystone is set up so.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The only one that logs in.
pub struct TokenActor {
    keystone: Arc<Keystone>,
    lease: Option<Lease>,
    number: u64,
    logging_in: bool,
    waiting: Vec<oneshot::Sender<Result<Token, TokenError>>>,
    failed: Option<Failure>,
}

/// The last login, when it failed.
struct Failure {
    error: KeystoneError,
    again_at: Instant,
    pause: Duration,
}

impl TokenActor {
    /// An actor that has not logged in yet.
    pub fn new(keystone: Keystone) -> Self {
        let keystone = Arc::new(keystone);
        TokenActor { keystone, lease: None, number: 0, logging_in: false, waiting: Vec::new(), failed: None }
    }

    fn log_in(&mut self, ctx: &mut Context<Self>) {
        if self.logging_in {
            return;
        }
        self.logging_in = true;
        let keystone = Arc::clone(&self.keystone);
        let login = async move { keystone.login().await };
        ctx.spawn(login.into_actor(self).map(|outcome, actor, _| actor.logged_in(outcome)));
    }

    fn logged_in(&mut self, outcome: Result<Login, KeystoneError>) {
        self.logging_in = false;
        let answer = match outcome {
            Ok(login) => {
                self.number += 1;
                self.failed = None;
                tracing::info!(lifetime_seconds = login.lifetime.as_secs_f64(), "logged in at Keystone");
                let token = Token { header: login.token, number: self.number, asked: login.asked };
                self.lease = Some(Lease::new(token.clone(), login.lifetime));
                Ok(token)
            }
            Err(error) => {
                let before = self.failed.as_ref().map(|failed| failed.pause);
                let refused = !matches!(error, KeystoneError::Call(_));
                let pause = match before {
                    Some(before) if refused => (before * 2).min(LONGEST_PAUSE),
                    _ => PAUSE,
                };
                tracing::warn!(%error, "no login at Keystone");
                let again_at = Instant::now() + pause;
                self.failed = Some(Failure { error: error.clone(), again_at, pause });
                Err(TokenError::from(error))
            }
        };
        for waiting in self.waiting.drain(..) {
            // Whoever has given up in the meantime needs no answer.
            drop(waiting.send(answer.clone()));
        }
    }

    fn give(&mut self, refused: Option<u64>, ctx: &mut Context<Self>) -> Given {
        let now = Instant::now();
        if self.lease.as_ref().is_some_and(|lease| refused == Some(lease.token().number)) {
            self.lease = None;
        }
        let resting = self.failed.as_ref().filter(|failed| now < failed.again_at);
        if let Some(lease) = self.lease.as_ref().filter(|lease| lease.is_usable(now)) {
            let token = lease.token().clone();
            if lease.is_due(now) && resting.is_none() {
                self.log_in(ctx);
            }
            return Given::Now(Ok(token));
        }
        if let Some(failed) = resting {
            return Given::Now(Err(failed.error.clone().into()));
        }
        if self.waiting.len() >= MOST_WAITING {
            return Given::Now(Err(TokenError::Overloaded));
        }
        let (later, token) = oneshot::channel();
        self.waiting.push(later);
        self.log_in(ctx);
        Given::Later(token)
    }
}

enum Given {
    Now(Result<Token, TokenError>),
    Later(oneshot::Receiver<Result<Token, TokenError>>),
}

impl Actor for TokenActor {
    type Context = Context<Self>;
}

/// A token is wanted.
#[derive(Message)]
#[rtype(result = "Result<Token, TokenError>")]
struct Want {
    refused: Option<u64>,
}

impl Handler<Want> for TokenActor {
    type Result = ResponseFuture<Result<Token, TokenError>>;

    fn handle(&mut self, want: Want, ctx: &mut Context<Self>) -> Self::Result {
        let given = self.give(want.refused, ctx);
        Box::pin(async move {
            match given {
                Given::Now(answer) => answer,
                Given::Later(token) => token.await.unwrap_or(Err(TokenError::Closed)),
            }
        })
    }
}

/// The handle on a [`TokenActor`].
#[derive(Clone)]
pub struct KeptTokens(Addr<TokenActor>);

impl KeptTokens {
    /// Asks this actor.
    pub fn new(actor: Addr<TokenActor>) -> Self {
        KeptTokens(actor)
    }
}

impl TokenSource for KeptTokens {
    fn token(&self, refused: Option<u64>) -> Awaited<'_> {
        Box::pin(async move { self.0.send(Want { refused }).await.unwrap_or(Err(TokenError::Closed)) })
    }
}
