//! Questions with filters: only the conditions that are asked for become part of the statement, so that SQLite can use its indexes.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::events::envelope::{StoredEvent, StreamId};
use crate::events::store::archive::Archives;
use crate::events::store::read::{JobFilter, ReadError, collect, event, sql_limit};
use crate::events::store::rows::{EVENT_COLUMNS, JOB_COLUMNS, JobCursor, JobRow, job_row};
use crate::qos::ids::Framework;
use crate::qos::units::Timestamp;

/// Which events of a stream to read, and from which end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only events of these kinds; all when it is empty.
    pub kinds: Vec<String>,
    /// Only events recorded at this instant or later.
    pub since: Option<Timestamp>,
    /// Only events recorded before this instant.
    pub until: Option<Timestamp>,
    /// The newest first.
    pub newest_first: bool,
    /// Only events beyond the one of this version, in the direction of reading.
    pub after: Option<u64>,
}

/// Conditions and the values that they compare with.
#[derive(Default)]
pub(super) struct Conditions {
    text: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, text: impl Into<String>, value: impl Into<Value>) {
        self.text.push(text.into());
        self.values.push(value.into());
    }

    /// The jobs that the filter lets through.
    pub(super) fn narrow(&mut self, filter: &JobFilter) {
        if let Some(state) = &filter.state {
            self.add("state = ?", state.clone());
        }
        if let Some(framework) = filter.framework {
            self.add("framework = ?", Framework::as_str(framework).to_owned());
        }
        if let Some(active) = filter.active {
            // Not a value to compare with: there are indexes of the jobs that are active, or are not, alone.
            self.text.push(format!("active = {}", i64::from(active)));
        }
        if let Some(search) = &filter.search {
            self.add("(name LIKE ? ESCAPE '\\' OR hex(uuid) LIKE ? ESCAPE '\\')", format!("%{}%", escaped(search)));
            self.values.push(format!("{}%", escaped(&search.replace('-', ""))).into());
        }
    }

    /// All of them as one, and what they compare with.
    pub(super) fn done(self) -> (String, Vec<Value>) {
        (if self.text.is_empty() { "1".to_owned() } else { self.text.join(" AND ") }, self.values)
    }

    fn limit(self, limit: usize) -> (String, Vec<Value>) {
        let (text, mut values) = self.done();
        values.push(sql_limit(limit).into());
        (text, values)
    }
}

pub(super) fn stream_events(
    conn: &Connection,
    archives: &Archives,
    stream: StreamId,
    filter: &EventFilter,
    limit: usize,
) -> Result<Vec<StoredEvent>, ReadError> {
    let mut conditions = Conditions::default();
    conditions.add("stream = ?", stream.as_bytes().to_vec());
    let (order, beyond) = if filter.newest_first { ("DESC", "version < ?") } else { ("ASC", "version > ?") };
    if let Some(after) = filter.after {
        conditions.add(beyond, i64::try_from(after).unwrap_or(i64::MAX));
    }
    if let Some(since) = filter.since {
        conditions.add("at >= ?", since.micros());
    }
    if let Some(until) = filter.until {
        conditions.add("at < ?", until.micros());
    }
    if !filter.kinds.is_empty() {
        conditions.text.push(format!("kind IN ({})", vec!["?"; filter.kinds.len()].join(", ")));
        conditions.values.extend(filter.kinds.iter().cloned().map(Value::from));
    }
    let (text, values) = conditions.limit(limit);
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events WHERE {text} ORDER BY version {order} LIMIT ?");
    collect(conn.prepare_cached(&sql)?.query(params_from_iter(values))?, |row| event(conn, archives, row))
}

pub(super) fn jobs(
    conn: &Connection,
    filter: &JobFilter,
    after: Option<JobCursor>,
    limit: usize,
) -> Result<Vec<(JobCursor, JobRow)>, ReadError> {
    let mut conditions = Conditions::default();
    let (order, beyond) = if filter.newest_first { ("DESC", "<") } else { ("ASC", ">") };
    // Of jobs with the same name the one that was registered first comes first. There is no index by name: of ten thousand rows the first fifty
    // are found in a few milliseconds, and every new job would have to be sorted into one.
    let (by, place) = if filter.by_name {
        ("(name COLLATE NOCASE, position)", "(SELECT name COLLATE NOCASE, position FROM jobs WHERE position = ?)")
    } else {
        ("position", "?")
    };
    if let Some(after) = after {
        conditions.add(format!("{by} {beyond} {place}"), after);
    }
    conditions.narrow(filter);
    let (text, values) = conditions.limit(limit);
    let name = if filter.by_name { format!("name COLLATE NOCASE {order}, ") } else { String::new() };
    let sql = format!("SELECT {JOB_COLUMNS} FROM jobs WHERE {text} ORDER BY {name}position {order} LIMIT ?");
    collect(conn.prepare_cached(&sql)?.query(params_from_iter(values))?, job_row)
}

/// How many jobs there are in each state.
pub(super) fn job_counts(conn: &Connection) -> Result<Vec<(String, u64)>, ReadError> {
    let mut query = conn.prepare_cached("SELECT state, count(*) FROM jobs GROUP BY state ORDER BY state")?;
    collect(query.query([])?, |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))
}

/// How many jobs that are over have ended after their deadline.
pub(super) fn late_jobs(conn: &Connection) -> Result<u64, ReadError> {
    // By this index no view is looked at.
    let sql = "SELECT count(*) FROM jobs INDEXED BY jobs_over_by_margin WHERE active = 0 AND margin < 0";
    Ok(conn.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))?.cast_unsigned())
}

/// What is looked for, literally: `%` and `_` are no wildcards.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
