//! What the queries for metrics have in common: which series, which time.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::series::Key;
use super::{reply, validity};

/// The largest answer, in rows; also what is meant when nothing is said.
const MOST_ROWS: usize = 10_000;

/// The parameters as they were sent; of one that comes twice the last counts.
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    pub fn of(request: &HttpRequest) -> Self {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        Parameters(pairs.map(|pairs| pairs.into_inner().into_iter().collect()).unwrap_or_default())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Every parameter but this one.
    pub fn without(&self, name: &str) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter().filter(move |(key, _)| *key != name)
    }

    pub fn required(&self, name: &str) -> Result<&str, HttpResponse> {
        self.get(name).ok_or_else(|| reply::unprocessable(format!("Missing {name}")))
    }

    pub fn limit(&self) -> Result<usize, HttpResponse> {
        match self.get("limit") {
            None => Ok(MOST_ROWS),
            Some(text) => {
                let limit: usize =
                    text.parse().map_err(|_| reply::unprocessable(format!("Limit {text} is invalid")))?;
                Ok(if limit == 0 { MOST_ROWS } else { limit.min(MOST_ROWS) })
            }
        }
    }

    /// Which series: by name, when one is given, and by dimensions.
    pub fn series(&self) -> Result<Wanted, HttpResponse> {
        let name = self.get("name").map(str::to_owned);
        if let Some(name) = &name {
            validity::name(name).map_err(reply::unprocessable)?;
        }
        let mut dimensions = Vec::new();
        for part in self.get("dimensions").unwrap_or_default().split(',').filter(|part| !part.is_empty()) {
            let (key, values) = part.split_once(':').map_or((part, None), |(key, values)| (key, Some(values)));
            validity::dimension_key(key).map_err(reply::unprocessable)?;
            let values: Vec<String> =
                values.into_iter().flat_map(|values| values.split('|')).map(str::to_owned).collect();
            for value in &values {
                validity::dimension_value(value).map_err(reply::unprocessable)?;
            }
            dimensions.push((key.to_owned(), values));
        }
        Ok(Wanted { name, dimensions })
    }

    /// From (included) and to (excluded), in milliseconds.
    pub fn window(&self, now: i64) -> Result<(i64, i64), HttpResponse> {
        let from = instant(self.required("start_time")?)?;
        let to = self.get("end_time").map(instant).transpose()?.unwrap_or(now);
        if from >= to {
            return Err(reply::bad_request("start_time must be before end_time"));
        }
        Ok((from, to))
    }
}

/// Which series are asked for.
pub(super) struct Wanted {
    pub name: Option<String>,
    pub dimensions: Vec<(String, Vec<String>)>,
}

impl Wanted {
    pub fn takes(&self, key: &Key) -> bool {
        self.name.as_ref().is_none_or(|name| *name == key.name)
            && self.dimensions.iter().all(|(wanted, values)| {
                let found = key.dimensions.get(wanted);
                found.is_some_and(|found| values.is_empty() || values.contains(found))
            })
    }
}

/// ISO 8601: with or without a zone (UTC then), a fraction, a `T`, a time of day.
fn instant(text: &str) -> Result<i64, HttpResponse> {
    let unified = text.replacen(' ', "T", 1);
    let zoned = DateTime::parse_from_rfc3339(&unified).ok().map(|at| at.timestamp_millis());
    let naive = || NaiveDateTime::parse_from_str(&unified, "%Y-%m-%dT%H:%M:%S%.f").ok();
    let date = || NaiveDate::parse_from_str(&unified, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    let plain = || naive().or_else(date).map(|at| at.and_utc().timestamp_millis());
    zoned.or_else(plain).ok_or_else(|| reply::unprocessable(format!("Unable to parse date string {text}")))
}
