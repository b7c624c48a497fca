//! `[openstack]`: how patient the supervisor is with Keystone and Monasca.

use serde::Serialize;

use super::reader::Reader;
use super::render;
use crate::qos::units::Span;

const SECTION: &str = "openstack";

/// `[openstack]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenStackSettings {
    /// A request without answer has failed after this time.
    #[serde(serialize_with = "render::seconds")]
    pub request_timeout: Span,
    /// A connection that does not come about has failed after this time.
    #[serde(serialize_with = "render::seconds")]
    pub connect_timeout: Span,
}

impl OpenStackSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section(SECTION);
        OpenStackSettings {
            request_timeout: s.span("request_timeout", 10.0, 0.01..=3600.0),
            connect_timeout: s.span("connect_timeout", 3.0, 0.01..=3600.0),
        }
    }

    pub(super) fn check(&self, reader: &mut Reader) {
        if self.connect_timeout > self.request_timeout {
            let expected = format!("must not be above {SECTION}.request_timeout = {}", self.request_timeout.seconds());
            reader.conflict(SECTION, "connect_timeout", self.connect_timeout.seconds(), expected);
        }
    }
}
