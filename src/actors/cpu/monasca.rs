//! CPU time as the agents of Monasca publish it: of a container that has the job's uuid as its name, in clock ticks since its start.
//!
//! What is read is half a minute to two minutes old, and counts for the moment at which it was measured. What has not come yet is unknown
//! and not zero.

mod carried;
mod combine;
mod parts;

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
use parts::Stretch;

const USER: &str = "container.cpu.user_time";
const SYSTEM: &str = "container.cpu.system_time";

/// How far back is looked. An agent's period and the way into the store take up to two minutes.
const WINDOW: Span = Span::from_secs(300);

/// How far ahead of this machine's clock those of the nodes may be.
const AHEAD: Span = Span::from_secs(60);

/// Seconds that a part of the window has at most, so that several of them are in it.
const LONGEST_PART: u64 = 75;

/// Parts this many times longer, at most.
const COARSEST: u64 = 32;

/// After so many good answers shorter parts are tried again.
const GOOD_ANSWERS: u32 = 100;

/// Jobs that a query names; of more, all containers of the project are asked for, or its address would be too long.
const MOST_NAMED: usize = 50;

/// Asks Monasca twice for all jobs, whatever their number; four times more at most when jobs whose agent knows no segments are new here.
pub struct MonascaSource {
    monasca: Monasca,
    clock: Arc<dyn Clock>,
    ticks_per_second: f64,
    carried: BTreeMap<JobId, Carried>,
    /// The last figure of each job whose agent knows segments.
    told: BTreeMap<JobId, Told>,
    /// How much longer the parts of a window are than its jobs alone would need: there are other containers in the project.
    coarser: u64,
    good_answers: u32,
}

/// A figure that was read.
#[derive(Debug, Clone, Copy)]
struct Told {
    since: Timestamp,
    /// The start of its part.
    start: Timestamp,
    ticks: f64,
    /// When it was measured at the latest.
    at: Timestamp,
}

impl MonascaSource {
    /// A source that has not asked anything yet. `ticks_per_second`: in which unit CPU time is published.
    pub fn new(monasca: Monasca, clock: Arc<dyn Clock>, ticks_per_second: u32) -> Self {
        MonascaSource {
            monasca,
            clock,
            ticks_per_second: f64::from(ticks_per_second),
            carried: BTreeMap::new(),
            told: BTreeMap::new(),
            coarser: 1,
            good_answers: 0,
        }
    }

    async fn read_all(&mut self, jobs: &[RunningJob]) -> Result<Vec<Reading>, SourceError> {
        let now = self.clock.now();
        self.carried.retain(|job, carried| jobs.iter().any(|one| one.job == *job && carried.is_of(one)));
        self.told.retain(|job, told| jobs.iter().any(|one| one.job == *job && one.since == told.since));
        self.begin_new(jobs, now).await.map_err(SourceError::of)?;
        let all: Vec<&RunningJob> = jobs.iter().collect();
        let stretch = Stretch::of(jobs.len(), now - WINDOW, now + AHEAD, self.coarser);
        let stretch = stretch.in_parts_of_at_most(LONGEST_PART);
        let found = self.ask(&all, &stretch).await.map_err(SourceError::of)?;
        // What is in the answer was measured before it came.
        let now = self.clock.now();
        let readings = jobs.iter().filter_map(|job| {
            let measured = of(job, &found);
            let (at, ticks) = match self.carried.get_mut(&job.job).filter(|_| job.segment == 0) {
                Some(carried) => carried.advance(&measured, &stretch, now)?,
                None => self.told(job, newest(&measured, job.since)?, &stretch, now),
            };
            let cpu = Span::try_from_seconds(ticks / self.ticks_per_second).ok()?;
            Some(Reading {
                job: job.job,
                segment: job.segment,
                since: job.since,
                cpu,
                node: None,
                free: None,
                at: Some(at),
            })
        });
        Ok(readings.collect())
    }

    /// Jobs without segments that are new here: each goes on from what is recorded of it, or begins with its execution.
    async fn begin_new(&mut self, jobs: &[RunningJob], now: Timestamp) -> Result<(), MonascaError> {
        let is_new = |job: &&RunningJob| job.segment == 0 && !self.carried.contains_key(&job.job);
        let new: Vec<&RunningJob> = jobs.iter().filter(is_new).collect();
        let known = |job: &&RunningJob| job.recorded.map(|recorded| recorded.at);
        let Some(since) = new.iter().map(|job| known(job).unwrap_or(job.since)).min() else { return Ok(()) };
        // Up to the newest record the parts are short, since they tell what is in a record and what came after it.
        let recorded = new.iter().filter_map(known).max().map(|newest| newest.min(now));
        let before = match recorded {
            Some(newest) => {
                let stretch = Stretch::of(new.len(), since - WINDOW, newest, self.coarser);
                (self.ask(&new, &stretch).await?, stretch)
            }
            None => (vec![], Stretch::of(new.len(), since, since, 1)),
        };
        let stretch = Stretch::of(new.len(), recorded.unwrap_or(since), now + AHEAD, self.coarser);
        let after = (self.ask(&new, &stretch).await?, stretch);
        let now = self.clock.now();
        for job in new {
            let mut carried = Carried::begin(job, self.ticks_per_second, &of(job, &before.0), &before.1);
            for (found, stretch) in [&before, &after] {
                carried.advance(&of(job, found), stretch, now);
            }
            self.carried.insert(job.job, carried);
        }
        Ok(())
    }

    /// When a figure was measured at the latest, with the figure: before the end of its part, and before it was first read.
    fn told(
        &mut self,
        job: &RunningJob,
        (start, ticks): (Timestamp, f64),
        stretch: &Stretch,
        now: Timestamp,
    ) -> (Timestamp, f64) {
        let before = self.told.get(&job.job).filter(|told| (told.start, told.ticks) == (start, ticks));
        let end = stretch.part(start).end.min(now);
        let at = before.map_or(end, |told| told.at.min(end));
        self.told.insert(job.job, Told { since: job.since, start, ticks, at });
        (at, ticks)
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
    async fn ask(&mut self, jobs: &[&RunningJob], stretch: &Stretch) -> Result<Vec<Measured>, MonascaError> {
        let names =
            if jobs.len() <= MOST_NAMED { jobs.iter().flat_map(|job| names(job.job)).collect() } else { vec![] };
        let query = |name: &str| Query {
            name: name.to_owned(),
            dimension: ("name".to_owned(), names.clone()),
            from: stretch.from,
            to: stretch.to,
            period: stretch.period,
        };
        let (user, system) = (query(USER), query(SYSTEM));
        let answers = try_join(self.monasca.maxima(&user), self.monasca.maxima(&system)).await;
        self.learn(&answers);
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
