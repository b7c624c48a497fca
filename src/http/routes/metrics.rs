//! `/metrics`: figures of the process, of the log, of the frameworks and of the living jobs.

use std::fmt;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::actors::view::job_view;
use crate::actors::{FrameworkStatus, MetricsStatus, Supervisor, WebhookStatus};
use crate::events::store::{COMMIT_BUCKETS_MICROS, Health, LogStats};
use crate::http::auth::ScrapeAccess;
use crate::http::metrics_text::{Format, Metrics};
use crate::http::problem::Problem;
use crate::qos::ids::Framework;

/// Figures for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "supervisor", security(("scrape" = []), ("operator" = [])), responses(
    (status = 200, description = "Text, in OpenMetrics where that is asked for",
        content((String = "text/plain"), (String = "application/openmetrics-text"))),
    (status = 401, response = crate::http::openapi::Unauthorized),
))]
pub async fn scrape(
    _scraper: ScrapeAccess,
    request: HttpRequest,
    supervisor: Data<Supervisor>,
    metrics: Data<Metrics>,
) -> Result<HttpResponse, Problem> {
    let format = Format::of(&request);
    let jobs: Vec<_> = supervisor.states().iter().map(|state| job_view(state)).collect();
    let text = metrics.render(&jobs, format).map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().content_type(format.content_type()).body(text))
}

/// The supervisor's own figures, read at each scrape.
#[derive(Clone)]
pub struct SupervisorCollector(pub Supervisor);

impl fmt::Debug for SupervisorCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SupervisorCollector")
    }
}

impl SupervisorCollector {
    /// What is asked over the network, with its name in metrics.
    fn outside(&self) -> Vec<(&'static str, &FrameworkStatus)> {
        let frameworks = self.0.frameworks().iter().map(|(framework, status)| (framework.as_str(), status.as_ref()));
        let others = [
            ("cpu_source", self.0.cpu_source()),
            ("monasca", self.0.metrics().map(MetricsStatus::monasca)),
            ("webhook", self.0.webhook().map(WebhookStatus::webhook)),
        ];
        frameworks.chain(others.into_iter().filter_map(|(name, status)| Some((name, status?)))).collect()
    }
}

impl Collector for SupervisorCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let stats = self.0.log().stats();
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: f64| {
            let metric = ConstGauge::new(value);
            let family = encoder.encode_descriptor(name, help, unit, metric.metric_type())?;
            metric.encode(family)
        };
        gauge(
            "event_log_writable",
            "1 while the event log can be written",
            None,
            f64::from(u8::from(self.0.log().health() == Health::Good)),
        )?;
        gauge("event_log_size", "Size of the event log on disk", Some(&Unit::Bytes), stats.log_bytes as f64)?;
        gauge("event_log_queue_depth", "Appends that wait for the writer", None, stats.queue_depth as f64)?;
        gauge("outbox_depth", "Effects that wait for their outcome", None, self.0.outbox_depth() as f64)?;
        let under_way = self.0.commands_under_way() as f64;
        gauge("commands_under_way", "Commands that wait for their answers", None, under_way)?;
        gauge("jobs_living", "Jobs with something left to do", None, self.0.states().len() as f64)?;
        for (name, status) in self.outside() {
            let reachable = f64::from(u8::from(status.unreachable_since().is_none()));
            let help = format!("1 while calls to {} work", status.name());
            gauge(&format!("{name}_reachable"), &help, None, reachable)?;
        }
        if let Some(metrics) = self.0.metrics() {
            let lag = metrics.lag(self.0.clock().now()).seconds();
            gauge("monasca_lag", "Age of the oldest metric that Monasca has not taken", Some(&Unit::Seconds), lag)?;
            let behind = metrics.lag_events(stats.head.seq) as f64;
            gauge("monasca_lag_events", "Events whose metrics Monasca has not taken", None, behind)?;
        }
        let mut counter = |name: &str, help: &str, value: u64| {
            let metric = ConstCounter::new(value);
            let family = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
            metric.encode(family)
        };
        counter("event_log_events", "Events in the log", stats.events)?;
        counter("event_log_commits", "Transactions committed", stats.commits)?;
        counter("event_log_failed_commits", "Transactions that could not be committed", stats.failed_commits)?;
        counter("event_log_overloaded", "Appends refused because the queue was full", stats.overloaded)?;
        let surplus = self.0.surplus_not_recorded();
        counter(
            "surplus_reports_not_recorded",
            "Reports of runs that nobody asked for, beyond those recorded",
            surplus,
        )?;
        for (name, status) in self.outside() {
            let help = format!("Calls to {} that failed", status.name());
            counter(&format!("{name}_errors"), &help, status.errors())?;
        }
        if let Some(metrics) = self.0.metrics() {
            counter("monasca_metrics_sent", "Metrics that Monasca has taken", metrics.sent())?;
            counter("monasca_requests", "Requests with metrics to Monasca", metrics.requests())?;
            counter("monasca_metrics_rejected", "Metrics that Monasca refused", metrics.rejected())?;
            counter("monasca_metrics_too_old", "Metrics that were too old to be sent", metrics.too_old())?;
        }
        if let Some(webhook) = self.0.webhook() {
            counter("webhook_delivered", "Notices that the webhook has taken", webhook.delivered())?;
            counter(
                "webhook_given_up",
                "Notices that the webhook refused, or did not take in time",
                webhook.given_up(),
            )?;
        }
        for (framework, status) in self.0.frameworks() {
            let help = format!("Resizes that {} has taken", status.name());
            counter(&format!("{framework}_resizes"), &help, status.resizes())?;
        }
        if let Some(chronos) = self.0.frameworks().get(&Framework::Chronos) {
            counter("chronos_starts", "Starts asked for", chronos.starts())?;
        }
        commit_times(&stats, encoder)
    }
}

/// How long the transactions of the event log took.
fn commit_times(stats: &LogStats, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
    let bounds = COMMIT_BUCKETS_MICROS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(stats.commit_buckets).collect();
    let help = "Time that a transaction of the event log took";
    let mut family =
        encoder.encode_descriptor("event_log_commit", help, Some(&Unit::Seconds), MetricType::Histogram)?;
    let count = stats.commit_buckets.iter().sum();
    family.encode_histogram::<NoLabelSet>(stats.commit_micros as f64 / 1e6, count, &buckets, None)
}
