//! Tells a webhook what an operator should know at once.
//!
//! - `notice`: finds it in the log and in how the frameworks do, and puts it into the outbox
//! - `deliver`: takes it from there, signed, again and again until it was taken
//! - [`WebhookStatus`]: how that does, for `/readyz` and `/metrics`
//!
//! Into the outbox a notice goes exactly once, in one transaction with the place in the log up to which was looked. Out of it a notice goes
//! at least once: one whose answer was lost is sent again, under the same id.

mod deliver;
mod notice;
mod status;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::follow::Watch;
use super::performer::FrameworkStatus;
use crate::api::notice::Notice;
use crate::clients::transport::{SetupError, TransportOptions, build_client};
use crate::clock::Clock;
use crate::events::store::EventLog;
use crate::qos::ids::Framework;
use crate::qos::job::Recorded;
use crate::qos::notice::Noticed;
use crate::qos::units::Span;
use crate::token::WebhookSecret;
use deliver::Deliverer;
pub use status::WebhookStatus;

/// What such an effect is called in the outbox.
const KIND: &str = "webhook";

/// A webhook to tell.
#[derive(Debug)]
pub struct Webhook {
    http: reqwest::Client,
    url: reqwest::Url,
    secret: WebhookSecret,
    /// A framework that has not answered for this long is told of.
    unreachable_after: Duration,
    /// A notice that was not taken for this long is given up.
    give_up_after: Span,
}

impl Webhook {
    /// A webhook at `url`.
    ///
    /// # Errors
    /// When `options` cannot be met.
    pub fn new(
        url: reqwest::Url,
        secret: WebhookSecret,
        options: &TransportOptions,
        unreachable_after: Duration,
        give_up_after: Span,
    ) -> Result<Self, SetupError> {
        Ok(Webhook { http: build_client(options)?, url, secret, unreachable_after, give_up_after })
    }
}

/// What the tasks of a webhook work with.
pub struct Surroundings {
    /// The event log.
    pub log: EventLog,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The frameworks to watch.
    pub frameworks: BTreeMap<Framework, Arc<FrameworkStatus>>,
    /// How the webhook does.
    pub status: Arc<WebhookStatus>,
}

/// To be done before anything new is recorded: from here on nothing is missed.
pub async fn begin(around: &Surroundings) {
    if let Err(failure) = notice::begin(around).await {
        tracing::warn!(%failure, "notices for the webhook begin later");
    }
}

/// Tells until `stop`.
pub async fn run(webhook: Webhook, around: Surroundings, stop: CancellationToken) {
    let put = Notify::new();
    let finder = notice::Finder::new(&around, &put, webhook.give_up_after);
    let deliverer = Deliverer::new(&webhook, &around, &put);
    let both = async {
        tokio::join!(finder.follow_the_log(), finder.watch_frameworks(webhook.unreachable_after), deliverer.run());
    };
    stop.run_until_cancelled(both).await;
}

impl Watch for Noticed {
    type Item = Notice;

    fn begin(first: &Recorded) -> Option<(Self, Vec<Notice>)> {
        Noticed::begin(first)
    }

    fn advance(&mut self, recorded: &Recorded) -> Vec<Notice> {
        Noticed::advance(self, recorded)
    }

    fn is_over(&self) -> bool {
        Noticed::is_over(self)
    }
}
