//! Notification methods: how Monasca tells people.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Monasca, MonascaError};

const PATH: &str = "notification-methods";

/// The kinds that Monasca is delivered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "UPPERCASE")]
#[value(rename_all = "UPPER")]
pub enum NotificationType {
    /// A mail.
    Email,
    /// A POST to an address.
    Webhook,
    /// A PagerDuty service key.
    Pagerduty,
}

/// A notification method, without what Monasca adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationMethod {
    /// Unique in the project.
    pub name: String,
    /// How.
    #[serde(rename = "type")]
    pub kind: NotificationType,
    /// Where to.
    pub address: String,
    /// Told again after this time in seconds while the alarm lasts; 0 is once.
    pub period: u32,
}

impl Monasca {
    /// Every notification method of the project, as Monasca shows it.
    ///
    /// # Errors
    /// When a request fails; so for all calls below.
    pub async fn notification_methods(&self) -> Result<Vec<Value>, MonascaError> {
        self.list(PATH).await
    }

    /// Makes a notification method; returns it as Monasca shows it.
    ///
    /// # Errors
    /// 409 when the name is taken, 400 when the address is none of its kind.
    pub async fn create_notification_method(&self, wanted: &NotificationMethod) -> Result<Value, MonascaError> {
        self.post(&[PATH], &json!(wanted)).await
    }

    /// Deletes the one with this id; whether there was one. Alarm definitions that name it lose it.
    pub async fn delete_notification_method(&self, id: &str) -> Result<bool, MonascaError> {
        self.delete(&[PATH, id]).await
    }
}
