//! How the webhook does.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::actors::performer::FrameworkStatus;

/// Figures for `/readyz` and `/metrics`.
#[derive(Debug)]
pub struct WebhookStatus {
    webhook: FrameworkStatus,
    delivered: AtomicU64,
    given_up: AtomicU64,
}

impl Default for WebhookStatus {
    fn default() -> Self {
        let webhook = FrameworkStatus::of("the webhook");
        WebhookStatus { webhook, delivered: AtomicU64::new(0), given_up: AtomicU64::new(0) }
    }
}

impl WebhookStatus {
    /// Whether it answers.
    pub fn webhook(&self) -> &FrameworkStatus {
        &self.webhook
    }

    /// Notices that it has taken.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Notices that it refused or did not take in time.
    pub fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }

    pub(super) fn note_delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_given_up(&self) {
        self.given_up.fetch_add(1, Ordering::Relaxed);
    }
}
