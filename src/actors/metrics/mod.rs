//! Sends metrics to Monasca: what follows from the log, from where the last start left off. It waits for nobody but Monasca, and nobody
//! waits for it: what is not sent yet is in the log and not in memory.
//!
//! - `sender`: fills batches from the log, sends them, goes back after an outage
//! - `window`: what Monasca has acknowledged and may have lost all the same
//! - `split`: finds the metric for which a batch was refused
//! - `proof`: whether Monasca takes any; `points`: what follows from the log, as metrics
//! - `pace`: how fast a backlog is sent
//! - [`MetricsStatus`]: how it does, for `/readyz` and `/metrics`

mod pace;
mod points;
mod proof;
mod sender;
mod split;
mod status;
mod window;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use status::MetricsStatus;

use super::follow::Watch;
use crate::clock::Clock;
use crate::events::store::EventLog;
use crate::openstack::Monasca;
use crate::openstack::measurements::{Measured, Point};
use crate::qos::job::Recorded;
use crate::qos::units::Span;
use sender::Sender;

/// How metrics are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricsPlan {
    /// The most metrics in a request.
    pub batch_size: usize,
    /// The longest that a metric waits for company.
    pub batch_interval: Duration,
    /// The most requests in a second.
    pub requests_per_second: f64,
    /// What was acknowledged is taken for stored when a request succeeds this long after it, and till then sent again after an outage.
    pub overlap: Duration,
    /// Metrics of events older than this are not sent.
    pub max_age: Span,
}

/// Sends until `stop`; then notes how far it has come.
pub async fn run(
    monasca: Monasca,
    plan: MetricsPlan,
    log: EventLog,
    clock: Arc<dyn Clock>,
    status: Arc<MetricsStatus>,
    stop: CancellationToken,
) {
    Sender::new(monasca, plan, log, clock, status, stop).run().await;
}

impl Watch for Measured {
    type Item = Point;

    fn begin(first: &Recorded) -> Option<(Self, Vec<Point>)> {
        Measured::begin(first)
    }

    fn advance(&mut self, recorded: &Recorded) -> Vec<Point> {
        Measured::advance(self, recorded)
    }

    fn is_over(&self) -> bool {
        Measured::is_over(self)
    }
}
