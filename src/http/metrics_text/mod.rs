//! `/metrics` for Prometheus, in the format that the scraper asks for.

mod format;
mod jobs;
mod overview;
mod requests;

use std::fmt;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::api::view::JobView;

pub use format::Format;
pub use jobs::MOST_JOBS;
pub use requests::{Requests, observe};

/// Every name begins with it.
const PREFIX: &str = "mesos_qos";

/// What the process counts about itself; the figures of the jobs are added at each scrape.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// Registers the counters of HTTP and whatever `more` adds.
    pub fn new(requests: &Requests, more: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        requests.register(&mut registry);
        more(&mut registry);
        Metrics { registry }
    }

    /// The text of one scrape.
    ///
    /// # Errors
    /// Never with the collectors of this crate; a foreign collector may fail.
    pub fn render(&self, jobs: &[JobView], format: Format) -> Result<String, fmt::Error> {
        let mut of_jobs = Registry::with_prefix(PREFIX);
        overview::register(&mut of_jobs, jobs);
        jobs::register(&mut of_jobs, jobs);
        let mut process = String::new();
        encode(&mut process, &self.registry)?;
        let mut text = String::new();
        encode(&mut text, &of_jobs)?;
        // Each part ends with the mark of the end; only the last may.
        Ok(format.write(process.trim_end_matches("# EOF\n").to_owned() + &text))
    }
}
