//! Given a history, when something happens, then these events follow.

mod by_node;
mod chain;
mod deadline;
mod grants;
mod limits;
mod marathon;
mod marathon_defects;
mod policies;
mod properties;
mod scenarios;
mod segments;
mod telemetry;

use super::command::{FinishFacts, FrameworkFacts, StartFacts};
use super::registration::{Defaults, validate};
use super::{Command, EffectChange, JobState, Recorded, Rejection, Reply, decide, react};
use crate::api::register::RegisterRequest;
use crate::events::job::{Activity, JobEvent, Registered, RescaleMode, RunKey};
use crate::qos::ids::JobId;
use crate::qos::policy::{Policies, PolicyName, PolicySettings};
use crate::qos::units::{Cpus, Span, Timestamp};

const T0: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// `seconds` after the registration.
fn at(seconds: i64) -> Timestamp {
    T0 + Span::from_secs(seconds)
}

fn defaults() -> Defaults {
    Defaults {
        policies: Policies::defaults(PolicyName::Step),
        max_failures: 3,
        overdue_factor_milli: 3000,
        monitoring_period: Span::from_secs(120),
        rescale: RescaleMode::Restart,
        chain_start: Span::from_secs(60),
    }
}

fn registration(body: serde_json::Value) -> Registered {
    let request: RegisterRequest = serde_json::from_value(body).unwrap();
    validate(&request, T0, &defaults()).unwrap()
}

/// The first published job, by our launcher.
fn native() -> Registered {
    registration(serde_json::json!({
        "uuid": JobId::from_bytes([7; 16]), "name": "openmpLinpack1", "framework": "chronos", "job_duration": 400, "deadline": 1800,
        "desv_deadline": 0.2, "iterations": 4, "cpus": 1.0, "arguments_version": 1
    }))
}

/// The same by the 2017 launcher.
fn adopted() -> Registered {
    registration(serde_json::json!({
        "uuid": JobId::from_bytes([7; 16]), "name": "openmpLinpack1", "framework": "chronos", "job_duration": 400,
        "deadline": T0.epoch_seconds() + 1800.0, "desv_deadline": 0.2, "iterations": 4
    }))
}

/// A job driven by commands as the supervisor drives it.
struct Job {
    state: Option<JobState>,
    log: Vec<Recorded>,
    effects: Vec<EffectChange>,
}

impl Job {
    fn new() -> Self {
        Job { state: None, log: vec![], effects: vec![] }
    }

    fn registered(registered: Registered) -> Self {
        let mut job = Job::new();
        job.run(0, Command::Register(Box::new(registered))).unwrap();
        job
    }

    /// Registered, and seen in its framework.
    fn seen(registered: Registered) -> Self {
        let mut job = Job::registered(registered);
        job.run(1, Command::Seen(idle(0, 0))).unwrap();
        job
    }

    /// Decides, records and applies; the kinds of the new events and the answer.
    fn run(&mut self, seconds: i64, command: Command) -> Result<(Vec<&'static str>, Reply), Rejection> {
        let now = at(seconds);
        let ruling = decide(self.state.as_ref(), command, now)?;
        for event in &ruling.events {
            let recorded = Recorded { version: self.log.len() as u64 + 1, at: now, event: event.clone() };
            assert!(JobState::follow(&mut self.state, &recorded), "a stream begins with a registration");
            self.log.push(recorded);
        }
        self.effects = self.state.as_ref().map_or(vec![], |state| react(state, &ruling.events));
        Ok((ruling.events.iter().map(JobEvent::kind).collect(), ruling.reply))
    }

    fn state(&self) -> &JobState {
        self.state.as_ref().unwrap()
    }

    /// Attempts a start and reports it, after the CPU that is decided on has been set.
    fn start(&mut self, seconds: i64, run: &str) {
        if let Some(cpus) = self.state().resizing_to {
            self.run(seconds, Command::CpusApplied(cpus)).unwrap();
        }
        let facts = FrameworkFacts { cpus: self.state().cpus.unwrap(), ..idle(0, 0) };
        self.run(seconds, Command::AttemptStart(facts)).unwrap();
        self.run(seconds, Command::ReportStart(start(seconds, run))).unwrap();
    }
}

fn idle(success_count: u64, error_count: u64) -> FrameworkFacts {
    FrameworkFacts { cpus: Cpus::from_milli(1000), success_count, error_count, activity: Activity::Idle }
}

fn key(run: &str) -> RunKey {
    RunKey::Run { run: run.into(), index: 0 }
}

fn start(seconds: i64, run: &str) -> StartFacts {
    StartFacts { key: key(run), hostname: "node1".into(), started_at: at(seconds) }
}

fn finish(from: i64, to: i64, run: &str, exit_code: i32) -> FinishFacts {
    FinishFacts {
        key: key(run),
        hostname: "node1".into(),
        started_at: at(from),
        finished_at: at(to),
        sent_at: Some(at(to)),
        exit_code,
        ending: false,
        free: None,
    }
}
