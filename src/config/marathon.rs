//! `[marathon]`: how patient the supervisor is with it.

use serde::Serialize;

use super::reader::Reader;
use super::render;
use crate::qos::units::Span;

const SECTION: &str = "marathon";

/// `[marathon]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MarathonSettings {
    /// Time between two looks at an app or a deployment that is waited for.
    #[serde(serialize_with = "render::seconds")]
    pub poll_interval: Span,
    /// Time between two looks at all apps, which find those that somebody else removed or changed.
    #[serde(serialize_with = "render::seconds")]
    pub watch_interval: Span,
    /// A request without answer has failed after this time.
    #[serde(serialize_with = "render::seconds")]
    pub request_timeout: Span,
    /// A connection that does not come about has failed after this time.
    #[serde(serialize_with = "render::seconds")]
    pub connect_timeout: Span,
    /// How long setting the CPU may fail, or wait for somebody else's deployment, before the job keeps the old one.
    #[serde(serialize_with = "render::seconds")]
    pub resize_patience: Span,
    /// A deployment of ours of which no task is placed for this long is rolled back: no node has room for it.
    #[serde(serialize_with = "render::seconds")]
    pub placement_patience: Span,
    /// How long the tasks of a removed app may take to be over before its job counts as removed all the same.
    #[serde(serialize_with = "render::seconds")]
    pub removal_patience: Span,
    /// An app that was seen once and is absent in two reads this far apart was removed by somebody else.
    #[serde(serialize_with = "render::seconds")]
    pub removed_after: Span,
}

impl MarathonSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section(SECTION);
        MarathonSettings {
            poll_interval: s.span("poll_interval", 2.0, 0.01..=3600.0),
            watch_interval: s.span("watch_interval", 30.0, 0.01..=3600.0),
            request_timeout: s.span("request_timeout", 10.0, 0.01..=3600.0),
            connect_timeout: s.span("connect_timeout", 3.0, 0.01..=3600.0),
            resize_patience: s.span("resize_patience", 60.0, 0.0..=86_400.0),
            placement_patience: s.span("placement_patience", 120.0, 0.01..=86_400.0),
            removal_patience: s.span("removal_patience", 300.0, 0.0..=86_400.0),
            removed_after: s.span("removed_after", 30.0, 0.01..=86_400.0),
        }
    }

    pub(super) fn check(&self, reader: &mut Reader) {
        if self.connect_timeout > self.request_timeout {
            let expected = format!("must not be above {SECTION}.request_timeout = {}", self.request_timeout.seconds());
            reader.conflict(SECTION, "connect_timeout", self.connect_timeout.seconds(), expected);
        }
    }
}
