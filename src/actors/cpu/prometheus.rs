//! CPU time as cAdvisor measures it and Prometheus has it: of the containers that carry a job's uuid as their name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{CpuSource, Read, Reading, RunningJob, SourceError};
use crate::clients::prometheus::{PrometheusClient, Series};
use crate::clock::Clock;
use crate::qos::ids::JobId;
use crate::qos::units::{Span, Timestamp};

/// What tells apart two containers that had the same name one after the other: cAdvisor's path of the control group.
const ID: &str = "id";

/// Which part of the answer a series is.
const PART: &str = "part";
const USED: &str = "used";
const AT: &str = "at";
const NOW: &str = "now";

/// Which series hold the CPU times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerMetric {
    /// The counter of CPU-seconds, `container_cpu_usage_seconds_total`.
    pub name: String,
    /// The label with the container's name.
    pub label: String,
}

/// Asks once for all jobs.
pub struct PrometheusSource {
    client: PrometheusClient,
    metric: ContainerMetric,
    clock: Arc<dyn Clock>,
    /// The container that each job's segment was found to run in.
    containers: BTreeMap<JobId, Bound>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    segment: u64,
    since: Timestamp,
    id: String,
}

/// A measurement of one container.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measured {
    cpu: Span,
    at: Timestamp,
}

/// By container: those of one name, by their ids.
type Containers = BTreeMap<String, BTreeMap<String, Measured>>;

impl PrometheusSource {
    /// A source that has not asked anything yet.
    pub fn new(client: PrometheusClient, metric: ContainerMetric, clock: Arc<dyn Clock>) -> Self {
        PrometheusSource { client, metric, clock, containers: BTreeMap::new() }
    }

    async fn read_all(&mut self, jobs: &[RunningJob]) -> Result<Vec<Reading>, SourceError> {
        let query = query(&self.metric, jobs);
        let asked_at = self.clock.now();
        let series = self.client.vector(&query).await.map_err(SourceError::of)?;
        let containers = containers(&series, &self.metric.label, asked_at)?;
        Ok(self.match_up(jobs, &containers))
    }

    /// The measurement of each job's segment, where that is certain.
    fn match_up(&mut self, jobs: &[RunningJob], containers: &Containers) -> Vec<Reading> {
        self.containers.retain(|job, _| jobs.iter().any(|one| one.job == *job));
        let mut readings = Vec::new();
        for job in jobs {
            let named = names(job.job).into_iter().filter_map(|name| containers.get(&name)).flatten();
            let before = self.containers.get(&job.job);
            let same_segment = |bound: &&Bound| (bound.segment, bound.since) == (job.segment, job.since);
            let mine = |id: &str| match before {
                // Without ids one container cannot be told from the next.
                _ if id.is_empty() => true,
                Some(bound) if same_segment(&bound) => bound.id == id,
                // The container of a segment that is over is over, too.
                Some(bound) => bound.id != id,
                None => true,
            };
            // What was measured before the segment was known may be of the one before it.
            let mut fresh = named.filter(|(id, measured)| measured.at > job.since && mine(id));
            // Of two containers nobody knows which one the segment runs in.
            let (Some((id, measured)), None) = (fresh.next(), fresh.next()) else { continue };
            readings.push(Reading {
                job: job.job,
                segment: job.segment,
                since: job.since,
                cpu: measured.cpu,
                node: None,
                at: Some(measured.at),
                free: None,
            });
            let bound = Bound { segment: job.segment, since: job.since, id: id.clone() };
            self.containers.insert(job.job, bound);
        }
        readings
    }
}

/// What a job's container may be called: its uuid without dashes by our agent, with them by the published one.
fn names(job: JobId) -> [String; 2] {
    [hex::encode(job.as_bytes()), job.to_string()]
}

/// One question for all jobs: CPU time and instant of each container, and the server's time.
fn query(metric: &ContainerMetric, jobs: &[RunningJob]) -> String {
    let ContainerMetric { name, label } = metric;
    let names: Vec<String> = jobs.iter().flat_map(|job| names(job.job)).collect();
    let series = format!("{name}{{{label}=~\"{}\"}}", names.join("|"));
    // The greatest: replicas of a Prometheus have the same container several times.
    let part = |part: &str, values: &str| {
        format!("label_replace(max by ({label}, {ID}) ({values}), \"{PART}\", \"{part}\", \"\", \"\")")
    };
    // A container is one series, or one for each CPU.
    let used = part(USED, &format!("sum without (cpu) ({series})"));
    let at = part(AT, &format!("timestamp({series})"));
    let now = part(NOW, "vector(time())");
    format!("{used} or {at} or {now}")
}

/// What `series` says, in this machine's time: the server's clock may differ, so only the age of a measurement is taken from it.
fn containers(series: &[Series], label: &str, asked_at: Timestamp) -> Result<Containers, SourceError> {
    let label_of = |one: &Series, label: &str| one.labels.get(label).cloned().unwrap_or_default();
    let of_part =
        |part: &'static str| series.iter().filter(move |one| one.labels.get(PART).is_some_and(|found| found == part));
    let now = of_part(NOW).next().map(|one| one.value).filter(|now| now.is_finite());
    let now = now.ok_or_else(|| SourceError::of("the answer does not say the server's time"))?;
    let key = |one: &Series| (label_of(one, label), label_of(one, ID));
    let instants: BTreeMap<_, f64> = of_part(AT).map(|one| (key(one), one.value)).collect();
    let mut containers = Containers::new();
    for one in of_part(USED) {
        let (name, id) = key(one);
        let Some(at) = instants.get(&(name.clone(), id.clone())) else { continue };
        // A measurement from the future is from now.
        let age = Span::try_from_seconds((now - at).max(0.0));
        let cpu = Span::try_from_seconds(one.value).ok().filter(|cpu| *cpu >= Span::ZERO);
        if let (Ok(age), Some(cpu)) = (age, cpu) {
            containers.entry(name).or_default().insert(id, Measured { cpu, at: asked_at - age });
        }
    }
    Ok(containers)
}

impl CpuSource for PrometheusSource {
    fn name(&self) -> &'static str {
        "Prometheus"
    }

    fn knows_the_container(&self) -> bool {
        true
    }

    fn read<'a>(&'a mut self, jobs: &'a [RunningJob]) -> Read<'a> {
        Box::pin(self.read_all(jobs))
    }
}

#[cfg(test)]
#[path = "prometheus_tests.rs"]
mod tests;
