//! `[chronos]`, `[cpu_source]`, `[metrics]`: the systems around the supervisor.

use reqwest::Url;
use serde::Serialize;

use super::choice::choice;
use super::prometheus::PrometheusSettings;
use super::reader::Reader;
use super::render;
use crate::qos::units::Span;

/// `[chronos]`: how patient the supervisor is with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChronosSettings {
    /// Time between two looks at the state of all jobs.
    #[serde(serialize_with = "render::seconds")]
    pub poll_interval: Span,
    /// Time between the two idle reads after which a start without outcome counts as dropped.
    #[serde(serialize_with = "render::seconds")]
    pub judge_interval: Span,
    /// A request without answer has failed after this time.
    #[serde(serialize_with = "render::seconds")]
    pub request_timeout: Span,
    /// A connection that does not come about has failed after this time.
    #[serde(serialize_with = "render::seconds")]
    pub connect_timeout: Span,
    /// A job that somebody else submitted must have been idle this long before its first start from here.
    #[serde(serialize_with = "render::seconds")]
    pub settle_time: Span,
    /// How long setting the CPU may fail before the next start goes ahead at the old one.
    #[serde(serialize_with = "render::seconds")]
    pub resize_patience: Span,
    /// How long, beyond the job's own callback window, the deletion of a finished job waits for it to be idle: deleting kills a task
    /// whose last report still waits for its answer.
    #[serde(serialize_with = "render::seconds")]
    pub delete_grace: Span,
    /// How long, beyond `request_timeout`, a request to set the CPU that was not answered may still be carried out after the job's
    /// deletion: for that long the deletion looks again.
    #[serde(serialize_with = "render::seconds")]
    pub late_request_margin: Span,
    /// A job that was seen once and is absent in two reads this far apart was removed by somebody else.
    #[serde(serialize_with = "render::seconds")]
    pub removed_after: Span,
}

impl ChronosSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section("chronos");
        ChronosSettings {
            poll_interval: s.span("poll_interval", 2.0, 0.01..=3600.0),
            judge_interval: s.span("judge_interval", 10.0, 0.01..=3600.0),
            request_timeout: s.span("request_timeout", 10.0, 0.01..=3600.0),
            connect_timeout: s.span("connect_timeout", 3.0, 0.01..=3600.0),
            settle_time: s.span("settle_time", 10.0, 0.0..=86_400.0),
            resize_patience: s.span("resize_patience", 60.0, 0.0..=86_400.0),
            delete_grace: s.span("delete_grace", 20.0, 0.0..=86_400.0),
            late_request_margin: s.span("late_request_margin", 20.0, 0.0..=86_400.0),
            removed_after: s.span("removed_after", 30.0, 0.01..=86_400.0),
        }
    }

    pub(super) fn check(&self, reader: &mut Reader) {
        if self.connect_timeout > self.request_timeout {
            let expected = format!("must not be above chronos.request_timeout = {}", self.request_timeout.seconds());
            reader.conflict("chronos", "connect_timeout", self.connect_timeout.seconds(), expected);
        }
    }
}

choice! {
    /// Where the CPU time of a Marathon job is learned.
    CpuSourceKind {
        /// Its agent tells.
        Pushed = "pushed",
        /// Monasca.
        Monasca = "monasca",
        /// The Mesos agents.
        Mesos = "mesos",
        /// Prometheus.
        Prometheus = "prometheus",
    }
}

/// `[cpu_source]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CpuSourceSettings {
    /// Where the CPU time is learned.
    pub kind: CpuSourceKind,
    /// Where that source answers: the Mesos master, or Prometheus when `prometheus.url` is absent.
    #[serde(serialize_with = "render::url", skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
}

impl CpuSourceSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section("cpu_source");
        CpuSourceSettings { kind: s.choice("kind", CpuSourceKind::Pushed), url: s.optional_url("url") }
    }

    pub(super) fn check(&self, prometheus: &PrometheusSettings, reader: &mut Reader) {
        let found = format!("{:?}", self.kind.as_str());
        if self.kind == CpuSourceKind::Mesos && self.url.is_none() {
            reader.conflict(
                "cpu_source",
                "kind",
                found,
                "needs cpu_source.url too, such as \"http://host:5050\"".into(),
            );
        } else if self.kind == CpuSourceKind::Prometheus && self.url.is_none() && prometheus.url.is_none() {
            let expected = "needs prometheus.url too, such as \"http://host:9090\"".into();
            reader.conflict("cpu_source", "kind", found, expected);
        }
    }
}

/// `[metrics]`: what is sent to Monasca.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricsSettings {
    /// Send metrics when there are OpenStack credentials.
    pub monasca: bool,
    /// The most metrics in one request.
    pub batch_size: u32,
    /// The longest that a metric waits for company.
    #[serde(serialize_with = "render::seconds")]
    pub batch_interval: Span,
    /// The most requests in a second: how fast a backlog is sent.
    pub requests_per_second: f64,
    /// What was acknowledged is taken for stored when a request succeeds this long after it, and till then sent again after an outage.
    #[serde(serialize_with = "render::seconds")]
    pub overlap: Span,
    /// Metrics of events older than this are not sent.
    #[serde(serialize_with = "render::seconds")]
    pub max_age: Span,
}

impl MetricsSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section("metrics");
        MetricsSettings {
            monasca: s.boolean("monasca", true),
            batch_size: s.whole("batch_size", 100, 1..=100),
            batch_interval: s.span("batch_interval", 5.0, 0.1..=3600.0),
            requests_per_second: s.real("requests_per_second", 10.0, 0.01..=1000.0),
            overlap: s.span("overlap", 120.0, 0.0..=86_400.0),
            // The Java API takes nothing that is older than 14 days.
            max_age: s.span("max_age", 1_123_200.0, 60.0..=3_153_600_000.0),
        }
    }
}
