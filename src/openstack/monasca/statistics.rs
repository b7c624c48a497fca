//! Reading statistics of metrics.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use serde::Deserialize;
use serde_json::Value;

use super::{Monasca, MonascaError};
use crate::qos::units::Timestamp;

/// Rows that monasca-api puts into one answer. What is beyond cannot be had: its pages lose points on their edges.
const MOST_ROWS: usize = 10_000;

/// Which statistics are wanted: the largest value of each part of a window, of each series by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The metric's name.
    pub name: String,
    /// A dimension that the series have, and the values of it that are wanted; all when empty.
    pub dimension: (String, Vec<String>),
    /// From here on.
    pub from: Timestamp,
    /// Up to here, this moment excluded.
    pub to: Timestamp,
    /// Length of a part of the window in seconds, at least 1. The parts lie as the clock has them, not from `from` on.
    pub period: u64,
}

/// The values of one series, part by part; parts without values are missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// All its dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// Beginning of the part, and the largest value in it, in the order of time.
    pub maxima: Vec<(Timestamp, f64)>,
}

#[derive(Deserialize)]
struct Answer {
    elements: Vec<Element>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Element {
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
    columns: Vec<String>,
    statistics: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
}

impl Monasca {
    /// The maxima that `query` asks for, in one request. No series: nothing is there, or nothing is there yet.
    ///
    /// # Errors
    /// When the request fails, or there is more than one answer holds.
    pub async fn maxima(&self, query: &Query) -> Result<Vec<Series>, MonascaError> {
        let (key, values) = &query.dimension;
        let dimension = if values.is_empty() { key.clone() } else { format!("{key}:{}", values.join("|")) };
        let (from, to, period) = (iso(query.from), iso(query.to), query.period.max(1).to_string());
        let parameters = [
            ("name", query.name.as_str()),
            ("statistics", "max"),
            ("dimensions", &dimension),
            ("start_time", &from),
            ("end_time", &to),
            ("period", &period),
            // Without it several series are an error, and merged they would be the largest of all instead of each.
            ("group_by", "*"),
        ];
        let answer: Answer = self.get(&["metrics", "statistics"], &parameters).await?;
        let bad = |reason: String| MonascaError::BadAnswer { call: "GET metrics/statistics".into(), reason };
        if answer.links.iter().any(|link| link.rel == "next") {
            let call = format!("GET metrics/statistics of {}", query.name);
            return Err(MonascaError::CutOff { call, most: MOST_ROWS });
        }
        answer.elements.into_iter().map(|element| series(element).map_err(bad)).collect()
    }
}

fn series(element: Element) -> Result<Series, String> {
    let column = |name: &str| {
        let at = element.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        at.ok_or_else(|| format!("no column {name:?} in {:?}", element.columns))
    };
    let (time, max) = (column("timestamp")?, column("max")?);
    let mut maxima = Vec::with_capacity(element.statistics.len());
    for row in &element.statistics {
        // An empty part may come as null.
        let Some(value) = row.get(max).and_then(Value::as_f64).filter(|value| value.is_finite()) else { continue };
        let at = row.get(time).and_then(Value::as_str).and_then(|at| DateTime::parse_from_rfc3339(at).ok());
        let at = at.ok_or_else(|| format!("{row:?} has no time"))?;
        maxima.push((Timestamp::from_micros(at.timestamp_micros()), value));
    }
    maxima.sort_by_key(|(at, _)| *at);
    Ok(Series { dimensions: element.dimensions, maxima })
}

/// To the millisecond, in UTC. An instant outside the calendar is no time that anything was measured at.
fn iso(at: Timestamp) -> String {
    let at = DateTime::from_timestamp_micros(at.micros()).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
