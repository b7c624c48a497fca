//! `[webhooks]`: who is told of what an operator should know at once.

use std::path::PathBuf;

use reqwest::Url;
use serde::Serialize;

use super::reader::Reader;
use super::render;
use crate::qos::units::Span;

const SECTION: &str = "webhooks";

/// `[webhooks]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WebhookSettings {
    /// Where notices are posted to; absent means nowhere.
    #[serde(serialize_with = "render::url", skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// Holds the secret that signs them; absent means `webhook.secret` in the data directory, made when it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// A request without answer has failed after this time.
    #[serde(serialize_with = "render::seconds")]
    pub request_timeout: Span,
    /// A framework that has not answered for this long is told of.
    #[serde(serialize_with = "render::seconds")]
    pub unreachable_after: Span,
    /// A notice that was not taken for this long is given up.
    #[serde(serialize_with = "render::seconds")]
    pub give_up_after: Span,
}

impl WebhookSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section(SECTION);
        WebhookSettings {
            url: s.optional_url("url"),
            secret_file: s.optional_path("secret_file"),
            request_timeout: s.span("request_timeout", 10.0, 0.01..=3600.0),
            unreachable_after: s.span("unreachable_after", 60.0, 0.0..=86_400.0),
            give_up_after: s.span("give_up_after", 86_400.0, 1.0..=31_536_000.0),
        }
    }

    pub(super) fn check(&self, reader: &mut Reader) {
        let Some(url) = &self.url else { return };
        if !url.username().is_empty() || url.password().is_some() {
            let expected = "should not hold a user or password: notices are signed".to_owned();
            reader.conflict(SECTION, "url", "(with a user or password)", expected);
        }
    }
}
