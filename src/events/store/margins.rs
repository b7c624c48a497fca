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
    let (order, beyond) = if filter.newest_first { ("DESC", "<") } else { ("ASC", ">") };
    let mut jobs = match after {
        None => part(conn, filter, "margin IS NOT NULL", vec![], order, limit)?,
        Some(MarginPlace { margin: Some(margin), job }) => {
            let micros = Value::from(margin.micros());
            let rest = format!("margin {beyond}= ? AND (margin {beyond} ? OR uuid > ?)");
            let values = vec![micros.clone(), micros, job.as_bytes().to_vec().into()];
            part(conn, filter, &rest, values, order, limit)?
        }
        Some(MarginPlace { margin: None, .. }) => vec![],
    };
    let left = limit - jobs.len();
    if left > 0 {
        let last = after.filter(|after| after.margin.is_none()).map(|after| Value::from(after.job.as_bytes().to_vec()));
        let rest = if last.is_some() { "margin IS NULL AND uuid > ?" } else { "margin IS NULL" };
        jobs.extend(part(conn, filter, rest, last.into_iter().collect(), order, left)?);
    }
    Ok(jobs)
}

/// Those of them for which `rest` holds, with or without a margin: in one statement SQLite would sort them all.
fn part(
    conn: &Connection,
    filter: &JobFilter,
    rest: &str,
    compared: Vec<Value>,
    order: &str,
    limit: usize,
) -> Result<Vec<(MarginPlace, JobRow)>, ReadError> {
    let mut conditions = Conditions::default();
    conditions.narrow(&JobFilter { active: Some(false), ..filter.clone() });
    let (text, mut values) = conditions.done();
    values.extend(compared);
    values.push(sql_limit(limit).into());
    // By another index it would have to sort whatever the filter lets through.
    let sql = format!(
        "SELECT {JOB_COLUMNS}, margin FROM jobs INDEXED BY jobs_over_by_margin WHERE {text} AND {rest} \
         ORDER BY margin {order}, uuid LIMIT ?"
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
