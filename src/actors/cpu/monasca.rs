//! CPU time as the agents of Monasca publish it: of a container that has the job's uuid as its name, in clock ticks since its start.
//!
//! What is read is half a minute to two minutes old, and counts for the moment at which it was measured. What has not come yet is unknown
//! and not zero.

mod carried;
mod combine;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join;
use uuid::Uuid;

use super::{CpuSource, Read, Reading, RunningJob, SourceError};
use crate::clock::Clock;
use crate::openstack::{Monasca, MonascaError, Query, Series};
use crate::qos::ids::JobId;
use crate::qos::units::{Span, Timestamp};
use carried::Carried;
use combine::{Measured, combine, newest};

const USER: &str = "container.cpu.user_time";
const SYSTEM: &str = "container.cpu.system_time";

/// How far back is looked. An agent's period and the way into the store take up to two minutes.
const WINDOW: Span = Span::from_secs(300);

/// How far ahead of this machine's clock those of the nodes may be.
const AHEAD: Span = Span::from_secs(60);

/// Rows that an answer shall have at most; beyond 10,000 it would be cut off.
const ROWS: u64 = 9_000;

/// Parts this many times longer, at most.
const COARSEST: u64 = 32;

/// After so many good answers shorter parts are tried again.
const GOOD_ANSWERS: u32 = 100;

/// Jobs that a query names; of more, all containers of the project are asked for, or its address would be too long.
const MOST_NAMED: usize = 50;

/// Asks Monasca twice for all jobs, whatever their number; twice more for jobs whose agent knows no segments, when they are new here.
pub struct MonascaSource {
    monasca: Monasca,
    clock: Arc<dyn Clock>,
    ticks_per_second: f64,
    carried: BTreeMap<JobId, Carried>,
    /// How much longer the parts of a window are than its jobs alone would need: there are other containers in the project.
    coarser: u64,
    good_answers: u32,
}

impl MonascaSource {
    /// A source that has not asked anything yet. `ticks_per_second`: in which unit CPU time is published.
    pub fn new(monasca: Monasca, clock: Arc<dyn Clock>, ticks_per_second: u32) -> Self {
        MonascaSource {
            monasca,
            clock,
            ticks_per_second: f64::from(ticks_per_second),
            carried: BTreeMap::new(),
            coarser: 1,
            good_answers: 0,
        }
    }

    async fn read_all(&mut self, jobs: &[RunningJob]) -> Result<Vec<Reading>, SourceError> {
        let now = self.clock.now();
        self.carried.retain(|job, carried| jobs.iter().any(|one| one.job == *job && carried.is_of(one)));
        let new: Vec<&RunningJob> =
            jobs.iter().filter(|job| job.segment == 0 && !self.carried.contains_key(&job.job)).collect();
        if let Some(from) = new.iter().map(|job| job.since).min() {
            // One part for the whole time: of each container the most that it had.
            let whole = u64::try_from(now.since(from).micros() / 1_000_000).unwrap_or(0).saturating_add(3600);
            let past = self.ask(&new, from.min(now - WINDOW), now, whole).await.map_err(SourceError::of)?;
            for job in new {
                self.carried.insert(job.job, Carried::begin(job, &of(job, &past)));
            }
        }
        let all: Vec<&RunningJob> = jobs.iter().collect();
        let period = (jobs.len() as u64 * 2 * (WINDOW + AHEAD).micros().unsigned_abs() / 1_000_000).div_ceil(ROWS);
        let period = period.max(1) * self.coarser;
        let found = self.ask(&all, now - WINDOW, now + AHEAD, period).await;
        self.learn(&found);
        let found = found.map_err(SourceError::of)?;
        let readings = jobs.iter().filter_map(|job| {
            let measured = of(job, &found);
            let (at, ticks) = match self.carried.get_mut(&job.job).filter(|_| job.segment == 0) {
                Some(carried) => carried.advance(job, &measured)?,
                None => newest(&measured, job.since)?,
            };
            let cpu = Span::try_from_seconds(ticks / self.ticks_per_second).ok()?;
            // A node's clock may be ahead; nothing was measured after now.
            Some(Reading {
                job: job.job,
                segment: job.segment,
                since: job.since,
                cpu,
                node: None,
                free: None,
                at: Some(at.min(now)),
            })
        });
        Ok(readings.collect())
    }

    /// Fewer rows when there were too many; more again after a while.
    fn learn<T>(&mut self, answer: &Result<T, MonascaError>) {
        match answer {
            Err(MonascaError::CutOff { .. }) => {
                self.coarser = (self.coarser * 2).min(COARSEST);
                self.good_answers = 0;
            }
            Ok(_) if self.good_answers < GOOD_ANSWERS => self.good_answers += 1,
            Ok(_) => {
                self.coarser = (self.coarser / 2).max(1);
                self.good_answers = 0;
            }
            Err(_) => {}
        }
    }

    /// User and system time of the containers of `jobs`, added up series by series.
    async fn ask(
        &self,
        jobs: &[&RunningJob],
        from: Timestamp,
        to: Timestamp,
        period: u64,
    ) -> Result<Vec<Measured>, MonascaError> {
        let names =
            if jobs.len() <= MOST_NAMED { jobs.iter().flat_map(|job| names(job.job)).collect() } else { vec![] };
        let query = |name: &str| Query {
            name: name.to_owned(),
            dimension: ("name".to_owned(), names.clone()),
            from,
            to: to.max(from + Span::from_secs(1)),
            period: period.max(1),
        };
        let (user, system) = (query(USER), query(SYSTEM));
        let answers = try_join(self.monasca.maxima(&user), self.monasca.maxima(&system)).await;
        let (user, system): (Vec<Series>, Vec<Series>) = answers?;
        Ok(combine(user, system))
    }
}

/// A container is called by the uuid, with or without its hyphens.
fn names(job: JobId) -> [String; 2] {
    [Uuid::from_bytes(*job.as_bytes()).simple().to_string(), job.to_string()]
}

fn of<'a>(job: &RunningJob, found: &'a [Measured]) -> Vec<&'a Measured> {
    let names = names(job.job);
    found.iter().filter(|one| one.container.as_ref().is_some_and(|name| names.contains(name))).collect()
}

impl CpuSource for MonascaSource {
    fn name(&self) -> &'static str {
        "Monasca"
    }

    fn knows_the_container(&self) -> bool {
        true
    }

    fn read<'a>(&'a mut self, jobs: &'a [RunningJob]) -> Read<'a> {
        Box::pin(self.read_all(jobs))
    }
}
