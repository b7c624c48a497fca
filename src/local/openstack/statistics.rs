//! `GET /v2.0/metrics/statistics` and its neighbours.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, SecondsFormat};
use reqwest::Url;
use serde_json::{Value, json};

use super::query::Parameters;
use super::reply;
use super::series::{Key, Store, Values};

const KNOWN: [&str; 5] = ["avg", "min", "max", "count", "sum"];

/// Seconds of a part when nothing is said.
const PERIOD: i64 = 300;

type Found<T> = Result<T, HttpResponse>;
type Group<'a> = (BTreeMap<String, String>, Vec<&'a Values>);

/// `/metrics`: which series there are.
pub(super) fn list(store: &Store, tenant: &str, request: &HttpRequest) -> Found<HttpResponse> {
    let parameters = Parameters::of(request);
    let wanted = parameters.series()?;
    let found = store.matching(tenant, |key| wanted.takes(key)).take(parameters.limit()?);
    let elements: Vec<Value> = found
        .enumerate()
        .map(|(id, (key, _))| json!({"id": id.to_string(), "name": key.name, "dimensions": key.dimensions}))
        .collect();
    Ok(page(request, elements))
}

/// `/metrics/names`
pub(super) fn names(store: &Store, tenant: &str, request: &HttpRequest) -> Found<HttpResponse> {
    let wanted = Parameters::of(request).series()?;
    let names: BTreeSet<&str> =
        store.matching(tenant, |key| wanted.takes(key)).map(|(key, _)| key.name.as_str()).collect();
    Ok(page(request, names.into_iter().map(|name| json!({"name": name})).collect()))
}

/// `/metrics/measurements`: every value.
pub(super) fn measurements(store: &Store, tenant: &str, request: &HttpRequest, now: i64) -> Found<HttpResponse> {
    let parameters = Parameters::of(request);
    let name = parameters.required("name")?.to_owned();
    let (from, to) = parameters.window(now)?;
    let groups = groups(store, tenant, &parameters)?;
    let mut left = parameters.limit()?;
    let mut elements = Vec::new();
    for (dimensions, series) in groups {
        let mut values: Vec<(i64, f64)> =
            series.iter().flat_map(|values| values.range(from..to)).map(|(at, value)| (*at, *value)).collect();
        values.sort_by_key(|(at, _)| *at);
        values.truncate(left);
        left -= values.len();
        if values.is_empty() {
            continue;
        }
        let rows: Vec<Value> = values.iter().map(|(at, value)| json!([iso(*at, true), value, {}])).collect();
        let id = elements.len().to_string();
        let columns = ["timestamp", "value", "value_meta"];
        elements
            .push(json!({"id": id, "name": name, "dimensions": dimensions, "columns": columns, "measurements": rows}));
    }
    Ok(page(request, elements))
}

/// `/metrics/statistics`
pub(super) fn statistics(store: &Store, tenant: &str, request: &HttpRequest, now: i64) -> Found<HttpResponse> {
    let parameters = Parameters::of(request);
    let name = parameters.required("name")?.to_owned();
    let wanted: Vec<String> = parameters.required("statistics")?.split(',').map(str::to_lowercase).collect();
    if wanted.iter().any(|one| !KNOWN.contains(&one.as_str())) {
        return Err(reply::unprocessable("Invalid statistic"));
    }
    let (from, to) = parameters.window(now)?;
    let period = match parameters.get("period") {
        None | Some("") => PERIOD,
        Some(text) => {
            let period: Option<u32> = text.parse().ok();
            i64::from(period.ok_or_else(|| reply::unprocessable(format!("Period {text} must be a positive integer")))?)
        }
    };
    let groups = groups(store, tenant, &parameters)?;
    let limit = parameters.limit()?;
    let after = parameters.get("offset").and_then(|offset| DateTime::parse_from_rfc3339(offset).ok());
    let (mut left, mut next) = (limit, None);
    let mut elements = Vec::new();
    for (dimensions, series) in groups {
        let mut parts: BTreeMap<i64, Vec<(i64, f64)>> = BTreeMap::new();
        for (at, value) in series.iter().flat_map(|values| values.range(from..to)) {
            // Aligned to 1970, so that a part may begin before the window.
            let part = if period == 0 { 0 } else { at.div_euclid(period * 1000) * period * 1000 };
            parts.entry(part).or_default().push((*at, *value));
        }
        if let Some(after) = after.filter(|_| elements.is_empty()) {
            parts.retain(|part, _| *part > after.timestamp_millis());
        }
        let mut rows = Vec::new();
        for (part, values) in parts {
            if left == 0 {
                next = next.or_else(|| rows.last().map(|row: &Value| row[0].as_str().unwrap_or_default().to_owned()));
                next = next.or(Some(iso(part, false)));
                break;
            }
            left -= 1;
            let mut row = vec![json!(iso(if period == 0 { at_max(&values) } else { part }, period == 0))];
            row.extend(wanted.iter().map(|statistic| compute(statistic, &values)));
            rows.push(Value::Array(row));
        }
        if rows.is_empty() {
            continue;
        }
        let columns: Vec<&str> = std::iter::once("timestamp").chain(wanted.iter().map(String::as_str)).collect();
        let id = elements.len().to_string();
        elements
            .push(json!({"id": id, "name": name, "dimensions": dimensions, "columns": columns, "statistics": rows}));
    }
    let mut links = vec![json!({"rel": "self", "href": own(request)})];
    links.extend(next.map(|offset| json!({"rel": "next", "href": next_page(request, &parameters, &offset)})));
    Ok(reply::with(200, &json!({"links": links, "elements": elements})))
}

/// The series that are asked for, put together as `group_by` and `merge_metrics` say.
fn groups<'a>(store: &'a Store, tenant: &'a str, parameters: &Parameters) -> Found<Vec<Group<'a>>> {
    let wanted = parameters.series()?;
    let asked: BTreeMap<String, String> = wanted
        .dimensions
        .iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(key, values)| (key.clone(), values.join("|")))
        .collect();
    let found: Vec<(&Key, &Values)> = store.matching(tenant, move |key| wanted.takes(key)).collect();
    // Any beginning, end or middle of the word.
    let merge =
        parameters.get("merge_metrics").is_some_and(|text| !text.is_empty() && "true".contains(&text.to_lowercase()));
    match parameters.get("group_by").filter(|by| !by.is_empty()) {
        Some("*") => Ok(found.into_iter().map(|(key, values)| (key.dimensions.clone(), vec![values])).collect()),
        // A key word of the query language behind it.
        Some(by) if by.split(',').any(|key| key == "name") => {
            Err(HttpResponse::InternalServerError().content_type("text/plain").body("Internal Server Error"))
        }
        Some(by) => {
            let keys: Vec<&str> = by.split(',').map(|key| key.trim_matches('"')).collect();
            let mut grouped: BTreeMap<BTreeMap<String, String>, Vec<&Values>> = BTreeMap::new();
            for (key, values) in found {
                let group =
                    keys.iter().map(|by| ((*by).to_owned(), key.dimensions.get(*by).cloned().unwrap_or_default()));
                grouped.entry(group.collect()).or_default().push(values);
            }
            Ok(grouped.into_iter().collect())
        }
        None if found.is_empty() => Ok(vec![]),
        None if merge => Ok(vec![(asked, found.into_iter().map(|(_, values)| values).collect())]),
        None => match found.as_slice() {
            [(key, values)] => Ok(vec![(key.dimensions.clone(), vec![*values])]),
            _ => {
                let text = "Found multiple metrics matching metric name and dimensions. Please refine your search criteria using a \
                            unique metric name or additional dimensions. Alternatively, you may specify 'merge_metrics=True' as a \
                            query parameter to combine all metrics matching search criteria into a single series.";
                Err(reply::refusal(409, "MultipleMetrics", text))
            }
        },
    }
}

fn compute(statistic: &str, values: &[(i64, f64)]) -> Value {
    let numbers = values.iter().map(|(_, value)| *value);
    let sum: f64 = numbers.clone().sum();
    match statistic {
        "count" => json!(values.len()),
        "sum" => json!(sum),
        "avg" => json!(sum / values.len() as f64),
        "min" => json!(numbers.fold(f64::INFINITY, f64::min)),
        _ => json!(numbers.fold(f64::NEG_INFINITY, f64::max)),
    }
}

fn at_max(values: &[(i64, f64)]) -> i64 {
    values.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| *at)
}

fn iso(at: i64, millis: bool) -> String {
    let form = if millis { SecondsFormat::Millis } else { SecondsFormat::Secs };
    DateTime::from_timestamp_millis(at).unwrap_or_default().to_rfc3339_opts(form, true)
}

fn own(request: &HttpRequest) -> String {
    format!("{}{}", reply::own_url(request), request.uri())
}

/// Encoded once more than it should be, so that whoever follows it gets 422.
fn next_page(request: &HttpRequest, parameters: &Parameters, offset: &str) -> String {
    let mut url = match Url::parse(&format!("{}{}", reply::own_url(request), request.path())) {
        Ok(url) => url,
        Err(_) => return own(request),
    };
    url.query_pairs_mut().append_pair("offset", offset);
    for (name, value) in parameters.without("offset") {
        let mut once = Url::clone(&url);
        once.set_query(None);
        once.query_pairs_mut().append_key_only(value);
        let encoded = once.query().unwrap_or_default().to_owned();
        url.query_pairs_mut().append_pair(name, &encoded);
    }
    url.into()
}

fn page(request: &HttpRequest, elements: Vec<Value>) -> HttpResponse {
    reply::with(200, &json!({"links": [{"rel": "self", "href": own(request)}], "elements": elements}))
}
