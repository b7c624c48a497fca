//! How long a job's runs took, as the metrics library of Chronos keeps it.

use serde_json::{Value, json};

/// Values kept; of more, the oldest go (the original keeps a random sample of this size).
const CAPACITY: usize = 1028;

/// Run times of one job in milliseconds, from due to finished.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    count: u64,
    values: Vec<i64>,
}

impl Histogram {
    /// Adds one run.
    pub fn update(&mut self, millis: i64) {
        self.count += 1;
        if self.values.len() == CAPACITY {
            self.values.remove(0);
        }
        self.values.push(millis);
    }

    /// The value below which this share of the runs lies, interpolated; 0 without runs.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_unstable();
        let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return 0.0 };
        let position = share * (sorted.len() as f64 + 1.0);
        if position < 1.0 {
            return *first as f64;
        }
        let index = position as usize;
        match sorted.get(index) {
            Some(upper) => {
                let lower = sorted[index - 1] as f64;
                lower + (position - position.floor()) * (*upper as f64 - lower)
            }
            None => *last as f64,
        }
    }

    /// One of the figures of `stats/{figure}` in milliseconds; `None` for an unknown name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let share = match name {
            "99thPercentile" => 0.99,
            "98thPercentile" => 0.98,
            "95thPercentile" => 0.95,
            "75thPercentile" => 0.75,
            // What Chronos calls the mean is the median too.
            "median" | "mean" => 0.5,
            "count" => return Some(self.values.len() as f64),
            _ => return None,
        };
        Some(self.quantile(share))
    }

    /// As in `job/stat/{name}`.
    pub fn to_json(&self) -> Value {
        json!({
            "75thPercentile": self.quantile(0.75), "95thPercentile": self.quantile(0.95),
            "98thPercentile": self.quantile(0.98), "99thPercentile": self.quantile(0.99),
            "median": self.quantile(0.5), "mean": self.quantile(0.5), "count": self.values.len(),
        })
    }

    /// As in `/metrics`.
    pub fn to_metric(&self) -> Value {
        let n = self.values.len() as f64;
        let mean = if n > 0.0 { self.values.iter().map(|v| *v as f64).sum::<f64>() / n } else { 0.0 };
        let squares: f64 = self.values.iter().map(|v| (*v as f64 - mean).powi(2)).sum();
        json!({
            "count": self.count, "max": self.values.iter().max().unwrap_or(&0), "mean": mean,
            "min": self.values.iter().min().unwrap_or(&0), "p50": self.quantile(0.5), "p75": self.quantile(0.75),
            "p95": self.quantile(0.95), "p98": self.quantile(0.98), "p99": self.quantile(0.99),
            "p999": self.quantile(0.999), "stddev": if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { 0.0 },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_between_neighbours() {
        let mut times = Histogram::default();
        assert_eq!(times.to_json()["mean"], 0.0);
        for millis in [40, 10, 30, 20] {
            times.update(millis);
        }
        assert_eq!((times.quantile(0.5), times.quantile(0.99), times.quantile(0.1)), (25.0, 40.0, 10.0));
        assert_eq!(times.figure("mean"), Some(25.0));
        assert_eq!(times.figure("60thPercentile"), None);
    }
}
