//! The scheduler as a state machine: events in, actions out, the time as an argument. No clock, no network, no files.
//!
//! | file | what it holds |
//! |---|---|
//! | `submit`, `remove` | jobs come, are replaced, go |
//! | `streams` (2.4), `reload` (3.x) | when a schedule makes a job due, and how its stored text is rewritten |
//! | `queue`, `offers`, `launch` | from a wanted run to a place on a node and a command |
//! | `status` | what the end of a task means for its job |
//! | `dependencies` | jobs that wait for jobs |
//! | `timers`, `restore`, `views` | waiting, beginning again after a stop, looking on |

mod dependencies;
mod launch;
mod offers;
mod queue;
mod reload;
mod remove;
mod restore;
mod status;
mod streams;
mod submit;
#[cfg(test)]
mod tests;
mod timers;
mod views;

use std::collections::{BTreeMap, VecDeque};

use indexmap::IndexMap;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub use restore::Record;
use streams::Stream;
use timers::Timer;

use super::histogram::Histogram;
use super::job::Job;
use super::task::{Placed, Wanted};
use super::version::ChronosVersion;
pub use crate::local::action::Action;
use crate::local::journal::{Entry, TaskEnd};
use crate::local::nodes::Nodes;
use crate::local::options::CpuLimit;
use crate::local::timers::{OfferClock, Timers};
use crate::qos::units::{Span, Timestamp};

/// What the scheduler is told once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose behaviour.
    pub version: ChronosVersion,
    /// 2.4: how far ahead occurrences are queued, and how often that is looked at. 3.x: the longest time between looks.
    pub horizon: Span,
    /// From a failure to its retry.
    pub failure_retry: Span,
    /// 3.x: how long a created job cannot be seen yet.
    pub visibility_delay: Span,
    /// Offers come at multiples of this.
    pub offer_interval: Span,
    /// From the match of an offer to the start of the process, the CPU being reserved: shortest and longest.
    pub deployment_delay: (Span, Span),
    /// From the end of the process to the framework's knowing it: shortest and longest.
    pub teardown_delay: (Span, Span),
    /// Added to the environment of every task.
    pub env: Vec<(String, String)>,
    /// How much CPU a task may use.
    pub limit: CpuLimit,
    /// Of the choices of nodes and delays.
    pub seed: u64,
}

/// What happens to the scheduler.
#[derive(Debug, Clone)]
pub enum Event {
    /// POST (or PUT, in 2.4) `iso8601`.
    Schedule(Job),
    /// POST (or PUT, in 2.4) `dependency`.
    Depend(Job),
    /// PUT `job/{name}`.
    Start {
        /// The job's name.
        job: String,
        /// `?arguments=`
        arguments: Option<String>,
    },
    /// DELETE `job/{name}`.
    Delete(String),
    /// DELETE `task/kill/{name}`.
    Kill(String),
    /// 2.4: DELETE `task/all`.
    Purge,
    /// 2.4: PUT `task/{id}`: the end of an `async` task.
    Report {
        /// Task id.
        task: String,
        /// 0 is success.
        status_code: i64,
    },
    /// 3.x: PUT `job/success/{name}`.
    MarkSuccessful(String),
    /// The executor has started a task.
    Started(u64),
    /// A task's processes are gone.
    Ended {
        /// Number of its placement.
        seq: u64,
        /// How.
        end: TaskEnd,
        /// Seconds of CPU in user mode and in the kernel.
        cpu: (f64, f64),
    },
    /// Time has passed.
    Tick,
}

/// Why a request was turned down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A requirement failed: 400.
    Requirement(String),
    /// 400 too; but 2.4 says nothing about it, and 3.x one sentence.
    Sentence(String),
    /// The original breaks on it: 500.
    Failure(String),
}

/// The outcome of an event.
pub type Answer = Result<(), Refusal>;

/// A job and its place in the order of creation.
#[derive(Debug, Clone)]
struct Known {
    order: u64,
    job: Job,
}

/// The scheduler.
#[derive(Debug)]
pub struct Core {
    settings: Settings,
    /// The instant of the event in hand.
    now: Timestamp,
    rng: StdRng,
    jobs: IndexMap<String, Known>,
    /// 3.x: created, but not loaded yet; with the instant from which on they may be.
    unseen: IndexMap<String, (Timestamp, Known)>,
    /// High priority, normal priority.
    queues: [VecDeque<Wanted>; 2],
    /// 2.4: where each schedule stands. It is not always where the stored text says.
    streams: Vec<Stream>,
    tasks: BTreeMap<u64, Placed>,
    timers: Timers<Timer>,
    offers: OfferClock,
    /// How often each parent succeeded since its child ran.
    invocations: BTreeMap<(String, String), u64>,
    /// `idle`, `queued`, `running`; absent is idle.
    activity: BTreeMap<String, String>,
    histograms: BTreeMap<String, Histogram>,
    /// Successes and failures.
    outcomes: BTreeMap<String, (u64, u64)>,
    next_order: u64,
    actions: Vec<Action>,
}

impl Core {
    /// A scheduler without jobs, started `now`.
    pub fn new(settings: Settings, now: Timestamp) -> Core {
        let offers = OfferClock::new(now, settings.offer_interval);
        let mut core = Core {
            rng: StdRng::seed_from_u64(settings.seed),
            settings,
            now,
            jobs: IndexMap::new(),
            unseen: IndexMap::new(),
            queues: Default::default(),
            streams: Vec::new(),
            tasks: BTreeMap::new(),
            timers: Timers::default(),
            offers,
            invocations: BTreeMap::new(),
            activity: BTreeMap::new(),
            histograms: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            next_order: 0,
            actions: Vec::new(),
        };
        core.plan_look();
        core
    }

    /// Handles an event, and everything else that is due by `now`.
    pub fn apply(&mut self, event: Event, now: Timestamp, nodes: &mut Nodes) -> (Answer, Vec<Action>) {
        self.now = now.max(self.now);
        self.catch_up(nodes);
        let answer = match event {
            Event::Schedule(job) => self.submit_scheduled(job),
            Event::Depend(job) => self.submit_dependent(job),
            Event::Start { job, arguments } => self.start(&job, arguments),
            Event::Delete(name) => self.delete(&name, nodes),
            Event::Kill(name) => self.kill_tasks_of(&name, nodes),
            Event::Purge => {
                self.purge();
                Ok(())
            }
            Event::Report { task, status_code } => {
                self.report(&task, status_code);
                Ok(())
            }
            Event::MarkSuccessful(name) => self.mark_successful(&name),
            Event::Started(seq) => {
                self.task_started(seq);
                Ok(())
            }
            Event::Ended { seq, end, cpu } => {
                self.task_ended(seq, end, cpu, nodes);
                Ok(())
            }
            Event::Tick => Ok(()),
        };
        self.catch_up(nodes);
        (answer, std::mem::take(&mut self.actions))
    }

    /// Whose behaviour this is.
    pub fn version(&self) -> ChronosVersion {
        self.settings.version
    }

    fn v3(&self) -> bool {
        self.settings.version.is_v3()
    }

    fn job(&self, name: &str) -> Option<&Job> {
        self.jobs.get(name).map(|known| &known.job)
    }

    /// Changes a job and has it kept.
    fn update(&mut self, name: &str, change: impl FnOnce(&mut Job)) {
        if let Some(known) = self.jobs.get_mut(name) {
            change(&mut known.job);
            self.actions.push(Action::Persist(name.to_owned()));
        }
    }

    fn record(&mut self, entry: Entry) {
        self.actions.push(Action::Record(entry));
    }

    fn dropped(&mut self, wanted: &Wanted, why: &str) {
        let entry =
            Entry::Dropped { at: self.now, job: wanted.job.clone(), task: wanted.to_string(), why: why.to_owned() };
        self.record(entry);
    }

    fn running_count(&self, name: &str) -> usize {
        self.tasks.values().filter(|task| task.wanted.job == name).count()
    }

    /// A span drawn uniformly from a range.
    fn draw(&mut self, (shortest, longest): (Span, Span)) -> Span {
        Span::from_micros(self.rng.random_range(shortest.micros()..=longest.micros().max(shortest.micros())))
    }
}
