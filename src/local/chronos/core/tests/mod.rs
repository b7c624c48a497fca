//! Behaviour in virtual time.

mod dependencies;
mod drops;
mod invariants;
mod replace;
mod restart;
mod retries;
mod schedules;

use serde_json::{Value, json};

use super::{Action, Answer, Core, Event, Refusal, Settings};
use crate::local::chronos::decode::decode;
use crate::local::chronos::encode::encode;
use crate::local::chronos::task::LaunchOrder;
use crate::local::chronos::version::ChronosVersion;
pub(super) use crate::local::chronos::version::ChronosVersion::{V2_4, V3_0};
use crate::local::journal::{Entry, TaskEnd};
use crate::local::nodes::Nodes;
use crate::local::options::CpuLimit;
use crate::qos::units::{Cpus, Span, Timestamp};

/// 2015-12-18T10:30:00Z
pub(super) const START: Timestamp = Timestamp::from_micros(1_450_434_600_000_000);

pub(super) const BOTH: [ChronosVersion; 2] = [V2_4, V3_0];

/// A schedule that never comes due by itself.
pub(super) const NEVER: &str = "R/2099-01-01T00:00:00Z/P1Y";

/// A scheduler with two nodes of two CPUs, whose tasks start at once and end when told.
pub(super) struct Sim {
    pub(super) core: Core,
    pub(super) nodes: Nodes,
    pub(super) now: Timestamp,
    pub(super) journal: Vec<Entry>,
    pub(super) launches: Vec<LaunchOrder>,
    /// Placements that are to be killed.
    pub(super) kills: Vec<u64>,
}

pub(super) fn settings(version: ChronosVersion) -> Settings {
    let second = Span::from_secs(1);
    Settings {
        version,
        horizon: Span::from_secs(60),
        failure_retry: Span::from_secs(60),
        visibility_delay: Span::from_micros(100_000),
        offer_interval: second,
        deployment_delay: (Span::ZERO, Span::ZERO),
        teardown_delay: (Span::from_micros(500_000), Span::from_micros(500_000)),
        env: Vec::new(),
        limit: CpuLimit::Quota,
        seed: 1,
    }
}

impl Sim {
    pub(super) fn new(version: ChronosVersion) -> Sim {
        Sim::with(settings(version))
    }

    pub(super) fn with(settings: Settings) -> Sim {
        Sim {
            core: Core::new(settings, START),
            nodes: Nodes::new(2, Cpus::from_milli(2000)),
            now: START,
            journal: Vec::new(),
            launches: Vec::new(),
            kills: Vec::new(),
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
                Action::Kill { seq, .. } => self.kills.push(seq),
                Action::Persist(_) | Action::Forget(_) | Action::Publish(_) => {}
                Action::Launch(order) => {
                    let seq = order.seq;
                    self.launches.push(order);
                    self.event(Event::Started(seq)).unwrap();
                }
            }
        }
    }

    /// Posts a job; `fields` are added to a command that needs one CPU.
    pub(super) fn post(&mut self, name: &str, schedule: &str, fields: Value) -> Answer {
        let mut body = json!({"name": name, "command": "work", "cpus": 1, "schedule": schedule});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let job = decode(&body, self.core.version(), self.now).unwrap();
        self.event(Event::Schedule(job))
    }

    /// Posts a job, and waits until it can be seen.
    pub(super) fn create(&mut self, name: &str, schedule: &str, fields: Value) {
        assert_eq!(self.post(name, schedule, fields), Ok(()));
        if self.core.version().is_v3() {
            self.wait(0.2);
        }
    }

    pub(super) fn start(&mut self, name: &str) -> Answer {
        self.event(Event::Start { job: name.into(), arguments: None })
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

    /// Ends the task that was launched last.
    pub(super) fn end_last(&mut self, end: TaskEnd) {
        let seq = self.launches.last().unwrap().seq;
        self.event(Event::Ended { seq, end, cpu: (1.0, 0.5) }).unwrap();
    }

    /// Ends it well and waits until the framework knows.
    pub(super) fn finish_last(&mut self) {
        self.end_last(TaskEnd::Code(0));
        self.wait(0.6);
    }

    pub(super) fn job(&self, name: &str) -> Value {
        encode(self.core.find(name).unwrap(), self.core.version())
    }

    /// The reasons for dropped runs, in order.
    pub(super) fn drops(&self) -> Vec<&str> {
        let why = |entry: &'_ Entry| match entry {
            Entry::Dropped { why, .. } => Some(why.clone()),
            _ => None,
        };
        self.journal.iter().filter_map(|entry| why(entry).map(|_| entry)).map(reason).collect()
    }

    /// The line of a job in the graph: last outcome and activity.
    pub(super) fn csv(&self, name: &str) -> String {
        let prefix = format!("node,{name},");
        self.core.csv().lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
    }
}

fn reason(entry: &Entry) -> &str {
    match entry {
        Entry::Dropped { why, .. } => why,
        _ => "",
    }
}

#[test]
fn names_are_checked_on_creation_only_and_answers_differ_by_version() {
    for (version, bad) in [(V2_4, "a.b"), (V3_0, "a b")] {
        let mut sim = Sim::new(version);
        let Err(Refusal::Requirement(message)) = sim.post(bad, NEVER, json!({})) else { panic!("{bad} was accepted") };
        assert!(message.starts_with("the job's name is invalid. Allowed names: '([\\w"), "{message}");
        assert!(matches!(sim.post("a", "R4/PT5M", json!({})), Err(Refusal::Sentence(_))));
        assert_eq!(sim.start("a"), Err(Refusal::Requirement("Job 'a' not found".into())));
    }
    let unknown = |version| Sim::new(version).event(Event::Kill("x".into()));
    assert_eq!(unknown(V2_4), Err(Refusal::Failure("Job 'x' not found".into())));
    assert_eq!(unknown(V3_0), Err(Refusal::Requirement("JobSchedule 'x' not found".into())));
}

#[test]
fn version_3_checks_more_on_creation_than_on_replacement() {
    let mut sim = Sim::new(V3_0);
    let both = json!({"uris": ["a"], "fetch": [{"uri": "a"}]});
    assert!(matches!(sim.post("a", NEVER, both.clone()), Err(Refusal::Sentence(_))));
    assert!(matches!(sim.post("a", "R/1969-01-01T00:00:00Z/P1Y", json!({})), Err(Refusal::Sentence(_))));
    sim.create("a", NEVER, json!({}));
    assert_eq!(sim.post("a", "R0/1969-01-01T00:00:00Z/P1Y", both), Ok(()));
}

#[test]
fn the_environment_is_that_of_the_version_and_cannot_be_overridden() {
    for version in BOTH {
        let mut options = settings(version);
        options.env = vec![("CLUSTER".into(), "here".into()), ("HOST".into(), "wrong".into())];
        let mut sim = Sim::with(options);
        let variables = json!([{"name": "HOST", "value": "mine"}, {"name": "A", "value": "b"}]);
        sim.create("a", NEVER, json!({"owner": "me", "environmentVariables": variables, "cpus": 1.4}));
        sim.start("a").unwrap();
        sim.wait(1.0);
        let order = sim.launches.last().unwrap();
        let get = |name: &str| order.env.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(order.env.iter().filter(|(name, _)| name == "HOST").count(), 1);
        assert!(get("HOST").unwrap().starts_with("node"));
        assert_eq!((get("A"), get("CLUSTER"), get("CHRONOS_JOB_OWNER")), (Some("b"), Some("here"), Some("me")));
        assert_eq!((get("CHRONOS_RESOURCE_CPU"), get("CHRONOS_RESOURCE_MEM")), (Some("1.4"), Some("128.0")));
        assert_eq!(get("mesos_task_id"), Some(order.task.as_str()));
        assert_eq!(get("MESOS_TASK_ID").is_some(), version == V3_0);
        assert_eq!(get("CHRONOS_JOB_RUN_ATTEMPT"), (version == V3_0).then_some("0"));
    }
}

#[test]
fn arguments_of_a_forced_start_are_used_by_3_only() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("a", NEVER, json!({}));
        sim.event(Event::Start { job: "a".into(), arguments: Some("-x; rm".into()) }).unwrap();
        sim.wait(1.0);
        let expected = if version == V3_0 { "work -x rm" } else { "work" };
        assert_eq!(sim.launches[0].argv, ["/bin/sh", "-c", expected]);
        assert_eq!(sim.launches[0].task.ends_with(":a:-x rm"), version == V3_0, "{}", sim.launches[0].task);
    }
}
