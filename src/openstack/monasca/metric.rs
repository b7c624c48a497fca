//! Sending metrics.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Serialize;

use super::{Monasca, MonascaError};

/// One value of one series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// What tells its series from others of the name.
    pub dimensions: BTreeMap<String, String>,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// Finite.
    pub value: f64,
}

impl Monasca {
    /// Sends `metrics` in one request. Success does not mean that they are stored: they may be lost behind the API.
    ///
    /// # Errors
    /// When the request fails. One metric that Monasca does not like lets it refuse all.
    pub async fn send_metrics(&self, metrics: &[Metric]) -> Result<(), MonascaError> {
        let body = serde_json::to_vec(metrics)
            .map_err(|error| MonascaError::BadAnswer { call: "POST metrics".into(), reason: error.to_string() })?;
        self.call(Method::POST, &["metrics"], &[], Some(body)).await.map(drop)
    }
}
