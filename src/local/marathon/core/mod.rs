//! The scheduler as a state machine: events in, actions out, the time as an argument. No clock, no network, no files.
//!
//! | file | what it holds |
//! |---|---|
//! | `messages` | what it is told, and what it answers |
//! | `change` | apps come, are changed, go: plans, locks, versions |
//! | `requests` | what the requests of the interface mean |
//! | `deploy` | deployments and their steps |
//! | `demand`, `offers`, `launch` | how many tasks are wanted, where they run, with which command and environment |
//! | `tasks`, `status` | tasks, their kills and their ends |
//! | `events` | what listeners hear |
//! | `groups` | apps by the path of their ids |
//! | `views`, `restore` | looking on, beginning again after a stop |

mod change;
mod demand;
mod deploy;
mod events;
mod groups;
mod launch;
mod messages;
mod offers;
mod requests;
mod restore;
mod status;
mod tasks;
#[cfg(test)]
mod tests;
mod views;

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

pub use messages::{Answer, Caller, Event, GroupChange, Refusal, Reply};
pub use restore::Record;
pub use tasks::Task;
pub use views::Embed;

use self::deploy::Deployment;
use super::app::App;
use super::backoff::Backoff;
use super::plan::Root;
use super::version::MarathonVersion;
use crate::local::action::Action;
use crate::local::journal::Entry;
use crate::local::nodes::Nodes;
use crate::local::options::CpuLimit;
use crate::local::timers::{Due, OfferClock, Timers, first_due};
use crate::qos::units::{Span, Timestamp};

/// What the scheduler is told once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose behaviour.
    pub version: MarathonVersion,
    /// How much CPU a task may use.
    pub limit: CpuLimit,
    /// Of the cluster; ids of nodes and frameworks begin with it.
    pub cluster: Uuid,
    /// Offers come at multiples of this.
    pub offer_interval: Span,
    /// From the match of an offer to the start of the process, the CPU being reserved: shortest and longest.
    pub deployment_delay: (Span, Span),
    /// From the end of the process to the framework's knowing it: shortest and longest.
    pub teardown_delay: (Span, Span),
    /// Added to the environment of every task.
    pub env: Vec<(String, String)>,
    /// Of the choices of nodes, ports and delays.
    pub seed: u64,
}

/// Why a task of an app failed.
#[derive(Debug, Clone, PartialEq)]
struct Failure {
    task: String,
    node: usize,
    host: String,
    state: &'static str,
    message: String,
    at: Timestamp,
    version: Timestamp,
}

/// An app that is there.
#[derive(Debug, Clone)]
struct Known {
    order: u64,
    /// Oldest first; the last is what shall be.
    versions: Vec<Arc<App>>,
    failure: Option<Failure>,
    /// Since when tasks are wanted.
    queued_since: Option<Timestamp>,
}

/// Something that happens at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Timer {
    /// A task's image has been deployed.
    Deployed(u64),
    /// The framework learns the end of a task.
    Terminal(u64),
    /// Apps that have more tasks than they should are looked at.
    ScaleCheck,
}

/// How often apps are looked at that have too many tasks.
const SCALE_CHECK: Span = Span::from_secs(300);

/// The scheduler.
#[derive(Debug)]
pub struct Core {
    settings: Settings,
    /// The instant of the event in hand.
    now: Timestamp,
    rng: StdRng,
    apps: IndexMap<String, Known>,
    /// Groups that were made, beside those that the apps' ids make.
    groups: BTreeMap<String, Timestamp>,
    tasks: BTreeMap<u64, Task>,
    deployments: IndexMap<String, Deployment>,
    backoff: Backoff,
    timers: Timers<Timer>,
    offers: OfferClock,
    last_version: Timestamp,
    next_order: u64,
    /// Launched, finished, failed, killed.
    counts: [u64; 4],
    actions: Vec<Action>,
}

impl Core {
    /// A scheduler without apps, started `now`.
    pub fn new(settings: Settings, now: Timestamp) -> Core {
        let mut timers = Timers::default();
        timers.set(now + SCALE_CHECK, Timer::ScaleCheck);
        Core {
            rng: StdRng::seed_from_u64(settings.seed),
            now,
            apps: IndexMap::new(),
            groups: BTreeMap::new(),
            tasks: BTreeMap::new(),
            deployments: IndexMap::new(),
            backoff: Backoff::new(settings.version, now),
            timers,
            offers: OfferClock::new(now, settings.offer_interval),
            last_version: Timestamp::from_micros(0),
            next_order: 0,
            counts: [0; 4],
            actions: Vec::new(),
            settings,
        }
    }

    /// Handles an event, and everything else that is due by `now`.
    pub fn apply(&mut self, event: Event, now: Timestamp, nodes: &mut Nodes) -> (Answer, Vec<Action>) {
        self.now = now.max(self.now);
        self.catch_up(nodes);
        let answer = match event {
            Event::Create { update, force, caller } => self.create(&update, force, &caller),
            Event::Change { updates, partial, create, force, caller } => {
                self.change_apps(&updates, partial, create, force, &caller)
            }
            Event::Delete { id, force } => self.delete(&id, force),
            Event::Restart { id, force } => self.restart(&id, force),
            Event::KillTasks { tasks, scale, force } => self.kill_tasks(&tasks, scale, force, nodes),
            Event::CancelDeployment { id, force } => self.cancel_deployment(&id, force),
            Event::ResetDelay(id) => self.reset_delay(&id),
            Event::ChangeGroup { id, change, force } => self.change_group(&id, change, force),
            Event::DeleteGroup { id, force } => self.delete_group(&id, force),
            Event::Started(seq) => {
                self.task_started(seq);
                Ok(Reply::Done)
            }
            Event::Ended { seq, end, cpu } => {
                self.task_ended(seq, end, cpu, nodes);
                Ok(Reply::Done)
            }
            Event::Tick => Ok(Reply::Done),
        };
        self.advance(nodes);
        self.catch_up(nodes);
        (answer, std::mem::take(&mut self.actions))
    }

    /// When [`Event::Tick`] is wanted next, if nothing else happens.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        self.timers.next().into_iter().chain(self.next_launch()).min()
    }

    /// Whose behaviour this is.
    pub fn version(&self) -> MarathonVersion {
        self.settings.version
    }

    /// Runs what is due, in the order of time.
    fn catch_up(&mut self, nodes: &mut Nodes) {
        while let Some(due) = first_due(&self.timers, &self.offers, self.now) {
            match due {
                Due::Timer => self.run_timer(nodes),
                Due::Offer => {
                    self.offer_round(nodes);
                    self.offers.passed(self.now);
                }
            }
        }
    }

    fn run_timer(&mut self, nodes: &mut Nodes) {
        match self.timers.pop_due(self.now) {
            Some(Timer::Deployed(seq)) => self.deployed(seq, nodes),
            Some(Timer::Terminal(seq)) => self.terminal(seq, nodes),
            Some(Timer::ScaleCheck) => {
                for id in self.apps.keys().cloned().collect::<Vec<_>>() {
                    self.kill_surplus(&id, nodes);
                }
                self.timers.set(self.now + SCALE_CHECK, Timer::ScaleCheck);
            }
            None => {}
        }
        self.advance(nodes);
    }

    /// An app as it shall be.
    fn app(&self, id: &str) -> Option<&Arc<App>> {
        self.apps.get(id).and_then(|known| known.versions.last())
    }

    /// All apps as they shall be.
    fn root(&self) -> Root {
        self.apps.keys().filter_map(|id| Some((id.clone(), self.app(id)?.clone()))).collect()
    }

    fn record(&mut self, entry: Entry) {
        self.actions.push(Action::Record(entry));
    }

    /// A span drawn uniformly from a range.
    fn draw(&mut self, (shortest, longest): (Span, Span)) -> Span {
        Span::from_micros(self.rng.random_range(shortest.micros()..=longest.micros().max(shortest.micros())))
    }

    fn draw_uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.rng.random()).into_uuid()
    }
}
