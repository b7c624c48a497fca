//! Behaviour in virtual time.

mod backoff;
mod deployments;
mod invariants;
mod locks;
mod restart;
mod strategies;
mod tasks;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Caller, Core, Event, Refusal, Reply, Settings};
use crate::local::action::{Action, LaunchOrder};
use crate::local::journal::{Entry, TaskEnd};
use crate::local::marathon::update::Update;
pub(super) use crate::local::marathon::version::MarathonVersion::{self, V1_1, V1_4, V1_5};
use crate::local::nodes::Nodes;
use crate::local::options::CpuLimit;
use crate::local::ports::Ports;
use crate::qos::units::{Cpus, Span, Timestamp};

/// 2015-12-18T10:30:00Z
pub(super) const START: Timestamp = Timestamp::from_micros(1_450_434_600_000_000);

pub(super) const ALL: [MarathonVersion; 3] = [V1_1, V1_4, V1_5];

/// Stop, then start.
pub(super) const STOP_FIRST: (f64, f64) = (0.0, 0.0);

/// A scheduler with two nodes of two CPUs, whose tasks start at once and end when told. A killed task ends at once,
/// unless `stubborn`.
pub(super) struct Sim {
    pub(super) core: Core,
    pub(super) nodes: Nodes,
    pub(super) now: Timestamp,
    pub(super) journal: Vec<Entry>,
    pub(super) launches: Vec<LaunchOrder>,
    /// Placements that are to be killed, with their grace.
    pub(super) kills: Vec<(u64, Option<Span>)>,
    pub(super) events: Vec<Value>,
    /// Kills are only noted.
    pub(super) stubborn: bool,
}

pub(super) fn settings(version: MarathonVersion) -> Settings {
    Settings {
        version,
        limit: CpuLimit::Quota,
        cluster: Uuid::from_u128(7),
        offer_interval: Span::from_secs(1),
        deployment_delay: (Span::ZERO, Span::ZERO),
        teardown_delay: (Span::ZERO, Span::ZERO),
        env: Vec::new(),
        seed: 1,
    }
}

impl Sim {
    pub(super) fn new(version: MarathonVersion) -> Sim {
        Sim::with(settings(version))
    }

    pub(super) fn with(settings: Settings) -> Sim {
        let mut nodes = Nodes::new(2, Cpus::from_milli(2000));
        nodes.ports = Ports::imagined();
        Sim {
            core: Core::new(settings, START),
            nodes,
            now: START,
            journal: Vec::new(),
            launches: Vec::new(),
            kills: Vec::new(),
            events: Vec::new(),
            stubborn: false,
        }
    }

    pub(super) fn event(&mut self, event: Event) -> Answer {
        let (answer, actions) = self.core.apply(event, self.now, &mut self.nodes);
        self.perform(actions);
        answer
    }

    pub(super) fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Record(entry) => self.journal.push(entry),
                Action::Publish(event) => self.events.push(event),
                Action::Persist(_) | Action::Forget(_) => {}
                Action::Kill { seq, grace } => {
                    self.kills.push((seq, grace));
                    if !self.stubborn {
                        self.end(seq, TaskEnd::Signal(15));
                    }
                }
                Action::Launch(order) => {
                    let seq = order.seq;
                    self.launches.push(order);
                    self.event(Event::Started(seq)).unwrap();
                }
            }
        }
    }

    /// Posts an app; `fields` are added to a command that needs one CPU.
    pub(super) fn post(&mut self, id: &str, fields: Value) -> Answer {
        let mut body = json!({"id": id, "cmd": "work", "cpus": 1});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let update = Box::new(Update::decode(&body, self.core.version()).unwrap());
        self.event(Event::Create { update, force: false, caller: Caller::default() })
    }

    /// Posts an app and waits until its tasks run.
    pub(super) fn create(&mut self, id: &str, fields: Value) {
        assert!(matches!(self.post(id, fields), Ok(Reply::Deployed { created: true, .. })));
        self.wait(2.0);
        assert_eq!(self.deployments(), 0, "{:?}", self.core.deployments_json());
    }

    pub(super) fn put(&mut self, id: &str, body: Value, force: bool) -> Answer {
        self.change(id, body, true, true, force)
    }

    pub(super) fn change(&mut self, id: &str, body: Value, partial: bool, create: bool, force: bool) -> Answer {
        let update = Update::decode(&body, self.core.version()).unwrap();
        let updates = vec![(id.to_owned(), update)];
        self.event(Event::Change { updates, partial, create, force, caller: Caller::default() })
    }

    pub(super) fn end(&mut self, seq: u64, end: TaskEnd) {
        self.event(Event::Ended { seq, end, cpu: (1.0, 0.5) }).unwrap();
    }

    /// Lets time pass, stopping at each instant at which something is due.
    pub(super) fn wait(&mut self, seconds: f64) {
        let until = self.now + Span::try_from_seconds(seconds).unwrap();
        while let Some(at) = self.core.next_wakeup().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.event(Event::Tick).unwrap();
        }
        self.now = until;
        self.event(Event::Tick).unwrap();
    }

    /// The placements of an app whose processes are there.
    pub(super) fn alive(&self, id: &str) -> Vec<u64> {
        let ended = |seq: u64| self.journal.iter().any(|e| matches!(e, Entry::End { seq: s, .. } if *s == seq));
        self.core.of_app(id).map(|task| task.seq).filter(|seq| !ended(*seq)).collect()
    }

    pub(super) fn deployments(&self) -> usize {
        self.core.deployments_json().as_array().unwrap().len()
    }

    pub(super) fn app(&self, id: &str) -> Value {
        let embed = super::Embed { counts: true, deployments: true, last_task_failure: true, ..Default::default() };
        self.core.app_info(id, embed).unwrap()
    }

    /// The types of the events so far; forgets them.
    pub(super) fn heard(&mut self) -> Vec<String> {
        let kind = |event: Value| event["eventType"].as_str().unwrap().to_owned();
        std::mem::take(&mut self.events).into_iter().map(kind).collect()
    }
}

pub(super) fn strategy((minimum, over): (f64, f64)) -> Value {
    json!({"minimumHealthCapacity": minimum, "maximumOverCapacity": over})
}

/// The id of the deployment that a request led to.
pub(super) fn deployment(answer: &Answer) -> String {
    match answer {
        Ok(Reply::Deployed { id, .. }) => id.clone(),
        other => panic!("no deployment: {other:?}"),
    }
}
