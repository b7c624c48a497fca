//! Whether Monasca has every value that follows from the event log, and no other.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use super::evidence::Unreadable;
use super::testbed::Testbed;
use crate::events::envelope::{Seq, StreamId};
use crate::events::job::{JobEvent, upcasters};
use crate::events::store::{OfflineLog, Replay};
use crate::openstack::Metric;
use crate::openstack::measurements::{Measured, NAMES, Point};
use crate::qos::job::Recorded;

/// The longest wait for metrics that are still on their way.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks.
const PERIOD: Duration = Duration::from_millis(20);

/// What Monasca has at one moment.
#[derive(Debug)]
pub struct Stored {
    /// What follows from the log up to here had to be there.
    pub upto: Seq,
    /// All that is there, of the nodes' agents too.
    pub metrics: Vec<Metric>,
    /// Why something may be missing.
    pub trouble: Option<String>,
}

impl Stored {
    /// Waits until all is sent, within reason; that not all is sent is no failure of the jobs.
    pub async fn take(testbed: &Testbed) -> Self {
        let supervisor = &testbed.supervising.supervisor;
        let began = Instant::now();
        loop {
            let upto = supervisor.log().stats().head.seq;
            let waiting = supervisor.metrics().map_or(0, |metrics| metrics.lag_events(upto));
            if waiting == 0 || began.elapsed() >= PATIENCE {
                let error = supervisor.metrics().and_then(|metrics| metrics.monasca().last_error());
                let trouble = (waiting > 0).then(|| error.unwrap_or_else(|| "not sent yet".to_owned()));
                return Stored { upto, metrics: testbed.cluster.metrics(), trouble };
            }
            tokio::time::sleep(PERIOD).await;
        }
    }
}

/// What came of the metrics of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Arrival {
    /// Values that follow from the event log.
    pub expected: usize,
    /// Those of them that are in Monasca, each with its instant and its dimensions.
    pub arrived: usize,
    /// Values of the same metrics in Monasca that do not follow from it.
    pub surplus: usize,
    /// CPU times of containers that the nodes' agents have published.
    pub by_agents: usize,
    /// Why something is missing, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// What tells one value from all others: name, uuid, instant in milliseconds.
type Key = (String, String, i64);

impl Arrival {
    /// Compares what is `stored` with the event log at `log`, value by value.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn compare(log: &Path, stored: Stored) -> anyhow::Result<Self> {
        let expected = points(log)?;
        let Stored { upto, metrics, trouble } = stored;
        let (own, others): (Vec<Metric>, Vec<Metric>) =
            metrics.into_iter().partition(|metric| NAMES.contains(&metric.name.as_str()));
        let found: BTreeMap<Key, &Metric> = own.iter().map(|metric| (key(metric), metric)).collect();
        let is_there = |point: &Point| {
            let dimensions = [
                ("jobname", point.jobname.as_str()),
                ("framework", point.framework.as_str()),
                ("uuid", &point.job.to_string()),
            ];
            let wanted = dimensions.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
            let key = (point.name.to_owned(), point.job.to_string(), point.timestamp);
            found.get(&key).is_some_and(|metric| metric.value == point.value && metric.dimensions == wanted)
        };
        let there = expected.iter().filter(|(_, point)| is_there(point)).count();
        let due: Vec<&Point> = expected.iter().filter(|(seq, _)| *seq <= upto).map(|(_, point)| point).collect();
        Ok(Arrival {
            expected: due.len(),
            arrived: due.iter().filter(|point| is_there(point)).count(),
            surplus: own.len().saturating_sub(there),
            by_agents: others.len(),
            trouble,
        })
    }

    /// For people.
    pub fn sentence(&self) -> String {
        let Arrival { expected, arrived, surplus, trouble, .. } = self;
        if arrived == expected && *surplus == 0 {
            return format!(
                "Metrics: all {expected} values that follow from the event log are in Monasca, and no others."
            );
        }
        let mut text = format!("Metrics: {arrived} of {expected} values that follow from the event log are in Monasca");
        if *surplus > 0 {
            text.push_str(&format!(", and {surplus} that do not"));
        }
        let reason = trouble.as_ref().map(|trouble| format!(" ({trouble})")).unwrap_or_default();
        text + &reason + "."
    }
}

fn key(metric: &Metric) -> Key {
    let uuid = metric.dimensions.get("uuid").cloned().unwrap_or_default();
    (metric.name.clone(), uuid, metric.timestamp)
}

/// Every value that follows from the log, with the event that brings it.
fn points(log: &Path) -> anyhow::Result<Vec<(Seq, Point)>> {
    let upcasters = upcasters();
    let mut jobs: BTreeMap<StreamId, Measured> = BTreeMap::new();
    let mut points = Vec::new();
    let each = |event: &crate::events::envelope::StoredEvent| -> Result<(), Unreadable> {
        if event.stream == StreamId::Cluster {
            return Ok(());
        }
        let data = upcasters.newest(event).map_err(anyhow::Error::from)?;
        let event_of_job = JobEvent::decode(&event.kind, &data).map_err(anyhow::Error::from)?;
        let recorded = Recorded { version: event.version.0, at: event.at, event: event_of_job };
        let new = match jobs.get_mut(&event.stream) {
            Some(measured) => measured.advance(&recorded),
            None => match Measured::begin(&recorded) {
                Some((measured, first)) => {
                    jobs.insert(event.stream, measured);
                    first
                }
                None => Vec::new(),
            },
        };
        points.extend(new.into_iter().map(|point| (event.seq, point)));
        Ok(())
    };
    let log = OfflineLog::open(log).context("the event log")?;
    log.for_each_event(Replay::Everything, each).map_err(|Unreadable(error)| error.context("the event log"))?;
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_too_much_is_told_with_its_reason() {
        let mut arrival = Arrival { expected: 7, arrived: 7, surplus: 0, by_agents: 4, trouble: None };
        let all = "Metrics: all 7 values that follow from the event log are in Monasca, and no others.";
        assert_eq!(arrival.sentence(), all);
        arrival.arrived = 5;
        arrival.trouble = Some("no connection".to_owned());
        assert!(
            arrival.sentence().starts_with("Metrics: 5 of 7 values") && arrival.sentence().contains("(no connection)")
        );
        arrival.surplus = 2;
        assert!(arrival.sentence().contains(", and 2 that do not ("));
    }
}
