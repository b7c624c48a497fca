//! What can be seen of the scheduler from outside.

use std::fmt::Write;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::Core;
use crate::local::chronos::encode::encode_listed;
use crate::local::chronos::histogram::Histogram;
use crate::local::chronos::job::Job;
use crate::local::chronos::schedule::parse_instant;
use crate::local::chronos::task::Placed;

impl Core {
    /// All jobs that can be seen, in the order of creation.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values().map(|known| &known.job)
    }

    /// One job.
    pub fn find(&self, name: &str) -> Option<&Job> {
        self.job(name)
    }

    /// All tasks whose end has not been processed.
    pub fn tasks(&self) -> impl Iterator<Item = &Placed> {
        self.tasks.values()
    }

    /// `GET jobs`.
    pub fn list(&self) -> Value {
        self.jobs().map(|job| encode_listed(job, self.version())).collect()
    }

    /// `GET graph/csv`.
    pub fn csv(&self) -> String {
        let mut csv = String::new();
        for job in self.jobs() {
            let _ = writeln!(csv, "node,{},{},{}", job.name, last(job), self.activity(&job.name));
        }
        for (parent, child) in self.links() {
            let _ = writeln!(csv, "link,{parent},{child}");
        }
        csv
    }

    /// `GET graph/dot`.
    pub fn dot(&self) -> String {
        let numbers: IndexMap<&str, usize> = self.jobs().map(|job| job.name.as_str()).zip(1..).collect();
        let mut dot = String::from("digraph G {\n");
        for (name, number) in &numbers {
            let _ = writeln!(dot, "  {number} [ label=\"{name}\" ];");
        }
        for (parent, child) in self.links() {
            if let (Some(parent), Some(child)) = (numbers.get(parent), numbers.get(child)) {
                let _ = writeln!(dot, "  {parent} -> {child};");
            }
        }
        dot + "}\n"
    }

    /// `GET jobs/summary`: `status` holds the last outcome and `state` the activity; the original swaps them.
    pub fn summary(&self) -> Value {
        let line = |job: &Job| {
            json!({"name": job.name, "status": last(job), "state": self.activity(&job.name),
                "schedule": job.schedule().map_or("", |(text, _)| text), "parents": job.parents(),
                "disabled": job.disabled})
        };
        json!({"jobs": self.jobs().map(line).collect::<Vec<_>>()})
    }

    /// `GET job/stat/{name}`. The history needs a Cassandra in the original; without one it is empty.
    pub fn job_stat(&self, name: &str) -> Option<Value> {
        self.job(name)?;
        let histogram = self.histograms.get(name).map_or_else(|| Histogram::default().to_json(), Histogram::to_json);
        Some(json!({"taskStatHistory": [], "histogram": histogram}))
    }

    /// `GET stats/{figure}`: seconds, the slowest job first; an unknown figure finds nothing.
    pub fn stats(&self, figure: &str) -> Value {
        let none = Histogram::default();
        let mut times: Vec<(&str, f64)> = Vec::new();
        for job in self.jobs() {
            let histogram = self.histograms.get(&job.name).unwrap_or(&none);
            times.extend(histogram.figure(figure).map(|millis| (job.name.as_str(), millis / 1000.0)));
        }
        times.sort_by(|a, b| a.1.total_cmp(&b.1));
        times.iter().rev().map(|(name, seconds)| json!({"jobNameLabel": name, "time": seconds})).collect()
    }

    /// `GET /metrics`.
    pub fn metrics(&self) -> Value {
        let manager = "org.apache.mesos.chronos.scheduler.jobs.TaskManager";
        let count = |n: u64| json!({"count": n});
        let mut counters = Map::new();
        for (name, (successes, failures)) in &self.outcomes {
            counters.insert(format!("jobs.run.success.{name}"), count(*successes));
            counters.insert(format!("jobs.run.failure.{name}"), count(*failures));
        }
        let histogram = |(name, times): (&String, &Histogram)| (format!("jobs.run.time.{name}"), times.to_metric());
        let histograms: Map<String, Value> = self.histograms.iter().map(histogram).collect();
        json!({
            "version": "3.0.0",
            "gauges": {
                format!("{manager}.highQueueSize"): {"value": self.queues[0].len()},
                format!("{manager}.queueSize"): {"value": self.queues[1].len()},
            },
            "counters": counters, "histograms": histograms, "meters": {}, "timers": {},
        })
    }

    fn activity(&self, name: &str) -> &str {
        self.activity.get(name).map_or("idle", String::as_str)
    }

    fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        self.jobs().flat_map(|job| job.parents().iter().map(|parent| (parent.as_str(), job.name.as_str())))
    }
}

/// How a job's last run ended.
fn last(job: &Job) -> &'static str {
    match (job.last_success.is_empty(), job.last_error.is_empty()) {
        (true, true) => "fresh",
        (true, false) => "failure",
        (false, true) => "success",
        (false, false) if parse_instant(&job.last_success) > parse_instant(&job.last_error) => "success",
        (false, false) => "failure",
    }
}
