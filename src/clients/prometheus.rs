//! Questions to the HTTP API of Prometheus, or of anything that speaks it (Thanos, Mimir, VictoriaMetrics).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::transport::{BodyError, SetupError, TransportOptions, build_client, innermost, read_body};

/// A vector of many thousand series fits.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// So much of what a server says about an error is passed on, in characters.
const LONGEST_REASON: usize = 300;

/// A question that was not answered.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    /// The client cannot be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// No answer, or none that is usable.
    #[error("POST {url}: {reason}")]
    Query {
        /// Where, without a password.
        url: String,
        /// What was wrong.
        reason: String,
    },
}

/// A client of one Prometheus.
#[derive(Debug)]
pub struct PrometheusClient {
    http: Client,
    /// Of the instant queries.
    url: Url,
    authorization: Option<HeaderValue>,
}

/// One series of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value at the instant of the query; may be infinite or not a number.
    pub value: f64,
}

#[derive(Deserialize)]
struct Answer<'a> {
    status: &'a str,
    #[serde(default)]
    error: String,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(rename = "resultType")]
    kind: &'a str,
    /// Of a form that depends on the kind.
    #[serde(borrow)]
    result: &'a RawValue,
}

#[derive(Deserialize)]
struct Sample {
    metric: BTreeMap<String, String>,
    /// The instant, and the value as a text.
    value: (f64, String),
}

impl PrometheusClient {
    /// A client that has not yet spoken to anybody. `base` is where the server's own page is; `authorization` is sent with every
    /// question.
    ///
    /// # Errors
    /// When `options` cannot be met.
    pub fn new(
        base: &Url,
        authorization: Option<HeaderValue>,
        options: &TransportOptions,
    ) -> Result<Self, PrometheusError> {
        let mut url = base.clone();
        url.set_path(&format!("{}/api/v1/query", base.path().trim_end_matches('/')));
        url.set_query(None);
        let authorization = authorization.map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Ok(PrometheusClient { http: build_client(options)?, url, authorization })
    }

    /// The instant vector that `query` (PromQL) gives now.
    ///
    /// # Errors
    /// When there is no usable answer in time, or it is not a vector.
    pub async fn vector(&self, query: &str) -> Result<Vec<Series>, PrometheusError> {
        self.ask(query).await.map_err(|reason| PrometheusError::Query { url: shown(&self.url), reason })
    }

    async fn ask(&self, query: &str) -> Result<Vec<Series>, String> {
        // In the body: a query about many jobs is longer than a URL may be.
        let mut request = self.http.post(self.url.clone()).form(&[("query", query)]);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let response = request.send().await.map_err(|error| innermost(&error.without_url()))?;
        let status = response.status();
        let body = match read_body(response, BODY_LIMIT).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return Err(format!("more than {} MiB", BODY_LIMIT / (1024 * 1024))),
            Err(BodyError::Transport(error)) => return Err(innermost(&error.without_url())),
        };
        if !status.is_success() {
            return Err(format!("status {}{}", status.as_u16(), said(&body)));
        }
        vector(&body)
    }
}

/// What the body of an error says, from a colon on.
fn said(body: &[u8]) -> String {
    let reason = serde_json::from_slice::<Answer<'_>>(body).map(|answer| answer.error).unwrap_or_default();
    let mut text = String::new();
    if !reason.is_empty() {
        let short: String = reason.chars().take(LONGEST_REASON).collect();
        let _ = write!(text, ": {}", short.escape_debug());
    }
    text
}

fn vector(body: &[u8]) -> Result<Vec<Series>, String> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| format!("not an answer: {error}"))?;
    let data = answer.data.filter(|_| answer.status == "success");
    let Some(data) = data else { return Err(format!("status {:?}{}", answer.status, said(body))) };
    if data.kind != "vector" {
        return Err(format!("expected a vector, found a {}", data.kind));
    }
    let mut json = serde_json::Deserializer::from_str(data.result.get());
    let samples: Vec<Sample> = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| format!("result{}: {}", error.path(), error.inner()))?;
    let series = samples.into_iter().map(|Sample { metric, value: (_, text) }| {
        let value = text.parse().map_err(|_| format!("expected a number, found {text:?}"))?;
        Ok(Series { labels: metric, value })
    });
    series.collect()
}

/// For messages.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // A URL with a host, as all are here, can be without either.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_read_with_its_infinities() {
        let body = br#"{"status":"success","warnings":["half"],"data":{"resultType":"vector","result":[
            {"metric":{"name":"a"},"value":[1700000000.5,"12.25"]},{"metric":{},"value":[1700000000,"+Inf"]}]}}"#;
        let series = vector(body).unwrap();
        assert_eq!((series[0].labels["name"].as_str(), series[0].value), ("a", 12.25));
        assert_eq!((series[1].labels.len(), series[1].value), (0, f64::INFINITY));
    }

    #[test]
    fn what_is_no_vector_is_an_error_that_says_so() {
        for (body, reason) in [
            ("<html>", "not an answer"),
            (r#"{"status":"error","errorType":"bad_data","error":"parse\nerror"}"#, r"parse\nerror"),
            (r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#, "found a scalar"),
            (r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}"#, "result[0]"),
            (
                r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}"#,
                "expected a number, found \"x\"",
            ),
        ] {
            let found = vector(body.as_bytes()).unwrap_err();
            assert!(found.contains(reason), "{body}: {found}");
        }
    }

    #[test]
    fn a_server_behind_a_path_is_asked_below_it_and_its_password_is_in_no_message() {
        let base = "https://reader:hunter2@host/prometheus/?x=1".parse().unwrap();
        let client = PrometheusClient::new(&base, None, &TransportOptions::default()).unwrap();
        assert_eq!(shown(&client.url), "https://host/prometheus/api/v1/query");
        let header = HeaderValue::from_static("Bearer hunter2");
        let client = PrometheusClient::new(&base, Some(header), &TransportOptions::default()).unwrap();
        assert!(!format!("{:?}", client.authorization).contains("hunter2"));
    }
}
