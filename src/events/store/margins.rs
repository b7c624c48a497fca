//! Jobs that are over, in the order of their margins. The margin stands in the job's view, which does not change any more.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::events::store::read::{JobFilter, ReadError, collect, sql_limit};
use crate::events::store::rows::{JOB_COLUMNS, JobRow, job_row};
use crate::events::store::select::Conditions;
use crate::qos::ids::JobId;
use crate::qos::units::Span;

/// Where a job stands in the order of margins; two never share a place. Jobs without a margin come last, whatever the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarginPlace {
    /// The margin; none while nobody knows it, or when the job never ended by itself.
    pub margin: Option<Span>,
    /// The job.
    pub job: JobId,
}

impl MarginPlace {
    /// Which of the two comes first.
    pub fn compare(&self, other: &Self, largest_first: bool) -> Ordering {
        let margins = match (self.margin, other.margin) {
            (Some(one), Some(two)) if largest_first => two.cmp(&one),
            (Some(one), Some(two)) => one.cmp(&two),
            (one, two) => one.is_none().cmp(&two.is_none()),
        };
        margins.then(self.job.cmp(&other.job))
    }
}

impl fmt::Display for MarginPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.margin {
            Some(margin) => write!(f, "{}.{}", margin.micros(), self.job),
            None => write!(f, "none.{}", self.job),
        }
    }
}

/// A text that is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a place in the order of margins")]
pub struct NoPlace;

impl FromStr for MarginPlace {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (margin, job) = text.split_once('.').ok_or(NoPlace)?;
        let margin = match margin {
            "none" => None,
            micros => Some(Span::from_micros(micros.parse().map_err(|_| NoPlace)?)),
        };
        Ok(MarginPlace { margin, job: job.parse().map_err(|_| NoPlace)? })
    }
}

/// Jobs that are over, beyond the one at `after`; `filter.newest_first` stands for the largest margin first.
pub(super) fn jobs_by_margin(
    conn: &Connection,
    filter: &JobFilter,
    after: Option<MarginPlace>,
    limit: usize,
) -> Result<Vec<(MarginPlace, JobRow)>, ReadError> {
    let mut conditions = Conditions::default();
    let filter = JobFilter { active: Some(false), ..filter.clone() };
    conditions.narrow(&filter);
    let (text, mut values) = conditions.done();
    let (order, beyond) = if filter.newest_first { ("DESC", "<") } else { ("ASC", ">") };
    let rest = match after {
        None => "1".to_owned(),
        Some(MarginPlace { margin: Some(margin), job }) => {
            let micros = Value::from(margin.micros());
            values.extend([micros.clone(), micros, job.as_bytes().to_vec().into()]);
            format!("(margin {beyond} ? OR (margin = ? AND uuid > ?) OR margin IS NULL)")
        }
        Some(MarginPlace { margin: None, job }) => {
            values.push(job.as_bytes().to_vec().into());
            "(margin IS NULL AND uuid > ?)".to_owned()
        }
    };
    values.push(sql_limit(limit).into());
    let micros = "CAST(round(json_extract(view, '$.margin_seconds') * 1000000) AS INTEGER)";
    let sql = format!(
        "SELECT {JOB_COLUMNS}, margin FROM (SELECT {JOB_COLUMNS}, {micros} AS margin FROM jobs WHERE {text}) \
         WHERE {rest} ORDER BY margin IS NULL, margin {order}, uuid LIMIT ?"
    );
    collect(conn.prepare_cached(&sql)?.query(params_from_iter(values))?, |row| {
        let (_, job) = job_row(row)?;
        let margin = row.get::<_, Option<i64>>(10)?.map(Span::from_micros);
        Ok((MarginPlace { margin, job: job.uuid }, job))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_as_text_and_the_order_is_total() {
        let place = |margin: Option<i64>, byte| MarginPlace {
            margin: margin.map(Span::from_micros),
            job: JobId::from_bytes([byte; 16]),
        };
        let places = [place(Some(-5), 1), place(Some(0), 1), place(Some(0), 2), place(None, 0), place(None, 3)];
        for (at, one) in places.iter().enumerate() {
            assert_eq!(one.to_string().parse(), Ok(*one));
            for (other_at, other) in places.iter().enumerate() {
                assert_eq!(one.compare(other, false), at.cmp(&other_at), "{one} {other}");
            }
        }
        assert_eq!(places[0].compare(&places[1], true), Ordering::Greater);
        assert_eq!(places[3].compare(&places[0], true), Ordering::Greater, "without a margin it is last either way");
        for text in ["", "7", "x.y", "1.2", "none.", "--1.00000000-0000-0000-0000-000000000000"] {
            assert_eq!(text.parse::<MarginPlace>(), Err(NoPlace), "{text}");
        }
    }
}
