//! CPU time of a job whose agent knows no segments: of all its containers together, each of which counts from zero.

use std::collections::BTreeMap;

use super::combine::Measured;
use crate::actors::cpu::RunningJob;
use crate::qos::units::Timestamp;

/// What is known of one job's containers. A container on another host is another series; one that follows on the same host is the same
/// series, whose figure falls.
#[derive(Debug)]
pub struct Carried {
    since: Timestamp,
    series: BTreeMap<BTreeMap<String, String>, Counter>,
}

#[derive(Debug, Default)]
struct Counter {
    /// Of containers that are over.
    before: f64,
    /// Of the present one.
    now: f64,
    at: Option<Timestamp>,
}

impl Carried {
    /// What its containers have used since the job began, as far as it can still be read.
    pub fn begin(job: &RunningJob, past: &[&Measured]) -> Self {
        let most = |one: &Measured| one.ticks.iter().map(|(_, ticks)| *ticks).fold(0.0, f64::max);
        let counter = |one: &&Measured| (one.key.clone(), Counter { before: 0.0, now: most(one), at: None });
        Carried { since: job.since, series: past.iter().map(counter).collect() }
    }

    /// Whether this is about that execution of the job.
    pub fn is_of(&self, job: &RunningJob) -> bool {
        job.segment == 0 && self.since == job.since
    }

    /// Takes what was read into account; when the newest figure was measured, and ticks of all containers together.
    pub fn advance(&mut self, job: &RunningJob, measured: &[&Measured]) -> Option<(Timestamp, f64)> {
        let mut newest = None;
        for one in measured {
            let counter = self.series.entry(one.key.clone()).or_default();
            for (at, ticks) in one.ticks.iter().copied().filter(|(at, _)| *at > job.since) {
                if counter.at.is_some_and(|known| at <= known) {
                    continue;
                }
                // The first figures may be among those that it began with.
                if ticks < counter.now && counter.at.is_some() {
                    counter.before += counter.now;
                    counter.now = ticks;
                } else {
                    counter.now = counter.now.max(ticks);
                }
                counter.at = Some(at);
            }
            newest = newest.max(counter.at);
        }
        let ticks = self.series.values().map(|counter| counter.before + counter.now).sum();
        newest.map(|at| (at, ticks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qos::ids::JobId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    fn on(host: &str, values: &[(i64, f64)]) -> Measured {
        let key = [("hostname".to_owned(), host.to_owned())].into();
        Measured { key, container: None, ticks: values.iter().map(|(second, ticks)| (at(*second), *ticks)).collect() }
    }

    #[test]
    fn containers_one_after_the_other_on_one_host_or_several_add_up() {
        let job = RunningJob { job: JobId::from_bytes([1; 16]), name: "/a".into(), segment: 0, since: at(100) };
        let mut carried = Carried::begin(&job, &[&on("a", &[(100, 40.0)])]);
        assert!(carried.is_of(&job) && !carried.is_of(&RunningJob { since: at(101), ..job.clone() }));
        assert_eq!(carried.advance(&job, &[&on("a", &[(110, 30.0), (120, 50.0)])]), Some((at(120), 50.0)));
        // Read again, and further: nothing counts twice.
        assert_eq!(carried.advance(&job, &[&on("a", &[(110, 30.0), (120, 50.0), (130, 60.0)])]), Some((at(130), 60.0)));
        assert_eq!(carried.advance(&job, &[&on("a", &[(140, 5.0)])]), Some((at(140), 65.0)), "a new container");
        let both = [&on("a", &[(140, 5.0)]), &on("b", &[(150, 7.0)])];
        assert_eq!(carried.advance(&job, &both), Some((at(150), 72.0)));
        assert_eq!(carried.advance(&job, &[]), None, "nothing has come");
    }
}
