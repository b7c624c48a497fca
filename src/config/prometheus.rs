//! `[prometheus]`: the Prometheus that is asked for CPU times.

use std::path::PathBuf;

use reqwest::Url;
use serde::Serialize;

use super::reader::Reader;
use super::render;
use crate::qos::units::Span;

const SECTION: &str = "prometheus";

/// cAdvisor's counter of CPU-seconds.
const METRIC: &str = "container_cpu_usage_seconds_total";

/// Where cAdvisor puts Docker's name of a container.
const LABEL: &str = "name";

/// `[prometheus]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrometheusSettings {
    /// Where it answers; absent means `cpu_source.url`.
    #[serde(serialize_with = "render::url", skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// The counter of CPU-seconds by container.
    pub metric: String,
    /// Its label with the container's name.
    pub label: String,
    /// A request without answer has failed after this time.
    #[serde(serialize_with = "render::seconds")]
    pub request_timeout: Span,
    /// A connection that does not come about has failed after this time.
    #[serde(serialize_with = "render::seconds")]
    pub connect_timeout: Span,
    /// Holds what is sent as the `Authorization` header, such as `Bearer ...` or `Basic ...`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_file: Option<PathBuf>,
    /// PEM certificates trusted beside those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cacert: Option<PathBuf>,
}

impl PrometheusSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section(SECTION);
        PrometheusSettings {
            url: s.optional_url("url"),
            metric: s.text("metric", METRIC),
            label: s.text("label", LABEL),
            request_timeout: s.span("request_timeout", 10.0, 0.01..=3600.0),
            connect_timeout: s.span("connect_timeout", 3.0, 0.01..=3600.0),
            authorization_file: s.optional_path("authorization_file"),
            cacert: s.optional_path("cacert"),
        }
    }

    pub(super) fn check(&self, reader: &mut Reader) {
        if self.connect_timeout > self.request_timeout {
            let expected = format!("must not be above {SECTION}.request_timeout = {}", self.request_timeout.seconds());
            reader.conflict(SECTION, "connect_timeout", self.connect_timeout.seconds(), expected);
        }
        // They become part of a query.
        if !is_name(&self.metric, true) {
            let expected = format!("expected the name of a metric, such as {METRIC:?}");
            reader.conflict(SECTION, "metric", format!("{:?}", self.metric), expected);
        }
        if !is_name(&self.label, false) {
            let expected = format!("expected the name of a label, such as {LABEL:?}");
            reader.conflict(SECTION, "label", format!("{:?}", self.label), expected);
        }
    }
}

/// Letters, digits and underscores, no digit first; in the name of a metric colons too.
fn is_name(text: &str, metric: bool) -> bool {
    let sign = |c: char| c.is_ascii_alphanumeric() || c == '_' || (metric && c == ':');
    text.chars().all(sign) && text.starts_with(|first: char| !first.is_ascii_digit())
}
