//! Takes notices from the outbox to the webhook, one after the other.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::{KIND, Surroundings, Webhook};
use crate::actors::performer::{LONGEST_PAUSE, backoff};
use crate::api::notice::Notice;
use crate::clients::transport::innermost;
use crate::events::store::{Append, OutboxRow};

/// Notices that are read at once.
const PAGE: usize = 32;

/// The longest nap without a look at the outbox.
const LONGEST_NAP: Duration = Duration::from_secs(30);

pub(super) struct Deliverer<'a> {
    webhook: &'a Webhook,
    around: &'a Surroundings,
    put: &'a Notify,
}

/// What became of an attempt.
enum Outcome {
    Taken,
    /// It will never be taken.
    Refused(String),
    /// Another time, perhaps.
    Failed(String),
}

impl<'a> Deliverer<'a> {
    pub fn new(webhook: &'a Webhook, around: &'a Surroundings, put: &'a Notify) -> Self {
        Deliverer { webhook, around, put }
    }

    /// Delivers for ever.
    pub async fn run(&self) {
        loop {
            match self.around.log.waiting(KIND, PAGE).await {
                Ok(rows) if rows.is_empty() => drop(timeout(LONGEST_NAP, self.put.notified()).await),
                Ok(rows) => {
                    for row in &rows {
                        self.deliver(row).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "notices for the webhook cannot be read");
                    sleep(LONGEST_PAUSE).await;
                }
            }
        }
    }

    async fn deliver(&self, row: &OutboxRow) {
        let mut pauses = backoff();
        loop {
            match self.attempt(row).await {
                Outcome::Taken => {
                    self.around.status.note_delivered();
                    if self.around.status.webhook().worked() {
                        tracing::info!("the webhook takes notices again");
                    }
                    break;
                }
                Outcome::Refused(reason) => {
                    tracing::error!(notice = row.payload, reason, "the webhook refuses a notice, which is given up");
                    self.around.status.note_given_up();
                    break;
                }
                Outcome::Failed(reason) => {
                    let now = self.around.clock.now();
                    if self.around.status.webhook().failed(&reason, now) {
                        tracing::warn!(reason, "notices wait until the webhook takes them");
                    }
                    if now.since(row.created_at) >= self.webhook.give_up_after {
                        tracing::error!(notice = row.payload, reason, "a notice was not taken in time and is given up");
                        self.around.status.note_given_up();
                        break;
                    }
                }
            }
            sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
        }
        self.forget(row).await;
    }

    async fn attempt(&self, row: &OutboxRow) -> Outcome {
        let Ok(notice) = serde_json::from_str::<Notice>(&row.payload) else {
            return Outcome::Refused("no notice of this version".into());
        };
        let seconds = self.around.clock.now().micros().div_euclid(1_000_000);
        let webhook = self.webhook;
        let request = webhook
            .http
            .post(webhook.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("X-Mesos-Qos-Event", notice.event.as_str())
            .header("X-Mesos-Qos-Delivery", &notice.id)
            .header("X-Mesos-Qos-Signature", webhook.secret.sign(seconds, row.payload.as_bytes()))
            .body(row.payload.clone());
        match request.send().await {
            // The address may hold a key.
            Err(error) => Outcome::Failed(innermost(&error.without_url())),
            Ok(answer) => match answer.status().as_u16() {
                200..=299 => Outcome::Taken,
                // About this one: it would stand in the way of all others.
                status @ (400 | 413 | 415 | 422) => Outcome::Refused(format!("status {status}")),
                status => Outcome::Failed(format!("status {status}")),
            },
        }
    }

    /// Takes it off the outbox. Until that has worked it would be sent again after a restart.
    async fn forget(&self, row: &OutboxRow) {
        let mut pauses = backoff();
        loop {
            let resolved = Append::at(self.around.clock.now()).resolve(row.stream, row.effect_key.clone());
            match self.around.log.append(resolved).await {
                Ok(_) => return,
                Err(error) => tracing::warn!(%error, "that a notice was delivered could not be noted yet"),
            }
            sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
        }
    }
}
