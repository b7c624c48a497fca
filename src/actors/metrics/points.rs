//! Points of the log as metrics of Monasca.

use crate::openstack::Metric;
use crate::openstack::measurements::Point;
use crate::qos::units::{Span, Timestamp};

/// When it was.
pub(super) fn instant(point: &Point) -> Timestamp {
    Timestamp::from_micros(0) + Span::from_micros(point.timestamp.saturating_mul(1000))
}

/// As it is sent.
pub(super) fn metric(point: &Point) -> Metric {
    let dimensions = [
        ("jobname", point.jobname.clone()),
        ("framework", point.framework.as_str().to_owned()),
        ("uuid", point.job.to_string()),
    ];
    Metric {
        name: point.name.to_owned(),
        dimensions: dimensions.map(|(key, value)| (key.to_owned(), value)).into(),
        timestamp: point.timestamp,
        value: point.value,
    }
}
