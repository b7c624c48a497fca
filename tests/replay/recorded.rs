//! Logs of many simulated runs that take place at the same time, with rounds of an arbitration over them. Shared with the benches.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::join_all;
use mesos_qos::config::Settings;
use mesos_qos::events::cluster::{ArbitrationRound, Inputs};
use mesos_qos::events::envelope::{NewEvent, StreamId, Version};
use mesos_qos::events::job::JobEvent;
use mesos_qos::events::store::{Append, DATABASE, EventStore, OfflineLog, StoreOptions};
use mesos_qos::qos::arbitration::{Aim, Nodes};
use mesos_qos::qos::ids::JobId;
use mesos_qos::qos::job::{JobState, Outlooks, Recorded, asks_for_a_round, round_with};
use mesos_qos::qos::policy::PolicyName;
use mesos_qos::qos::units::{Cpus, Timestamp};
use mesos_qos::simulation::outcome::Batch;
use mesos_qos::simulation::{Candidate, NoArbiter, Scenario, simulate_recorded};
use mesos_qos::supervise;

/// Runs that take place at the same time, each on five nodes of its own: the events of their jobs take turns.
const AT_ONCE: u64 = 10;

/// Appends that go to disk together.
const TOGETHER: usize = 64;

/// Runs of the scenarios in turn, [`AT_ONCE`] of each at a time, until there are so many events.
pub fn recorded(scenarios: &[&Scenario], policy: PolicyName, events: u64) -> Vec<Vec<Batch>> {
    let mut defaults = supervise::defaults(&Settings::default());
    defaults.policies.configured = policy;
    let candidate = Candidate { name: policy.as_str().into(), defaults, submitted: None, aim: None };
    let (mut groups, mut so_far, mut seed) = (Vec::new(), 0, 0);
    while so_far < events {
        let mut group = Vec::new();
        for scenario in scenarios {
            for _ in 0..AT_ONCE {
                seed += 1;
                group.extend(simulate_recorded(scenario, &candidate, &NoArbiter, seed).unwrap().1);
            }
        }
        group.sort_by_key(|batch: &Batch| batch.at);
        so_far += group.iter().map(|batch| batch.events.len() as u64).sum::<u64>();
        groups.push(group);
    }
    groups
}

/// Writes the log. A round is computed over the jobs of a group whenever one of them asks for it, as by a supervisor; nobody heeds it.
pub fn fill(path: &Path, groups: &[Vec<Batch>], rounds: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = EventStore::open(dir.path(), StoreOptions::default()).unwrap();
    let (mut appends, mut cluster) = (Vec::new(), Rounds::default());
    for group in groups {
        cluster.states.clear();
        for Batch { job, at, events } in group {
            let version = cluster.states.get(job).map_or(0, |state| state.version);
            let encoded = events.iter().map(|event| NewEvent {
                kind: event.kind(),
                schema: event.schema(),
                at: *at,
                data: event.encode().unwrap(),
            });
            appends.push(Append::at(*at).events(StreamId::Job(*job), Version(version), encoded.collect()));
            cluster.apply(*job, *at, events);
            if rounds && cluster.states.get(job).is_some_and(|state| asks_for_a_round(state, events)) {
                appends.push(cluster.round(*at));
            }
        }
    }
    runtime.block_on(async {
        let (log, mut appends) = (store.log(), appends.into_iter().peekable());
        while appends.peek().is_some() {
            let some = appends.by_ref().take(TOGETHER).map(|append| log.append(append));
            join_all(some).await.into_iter().for_each(|appended| drop(appended.unwrap()));
        }
        store.close().await;
    });
    OfflineLog::open(&dir.path().join(DATABASE)).unwrap().backup_to(path).unwrap();
}

/// The arbitration of the jobs that run at the same time.
#[derive(Default)]
struct Rounds {
    states: BTreeMap<JobId, JobState>,
    outlooks: Outlooks,
    inputs: Inputs,
    number: u64,
}

impl Rounds {
    fn apply(&mut self, job: JobId, at: Timestamp, events: &[JobEvent]) {
        for event in events {
            let version = self.states.get(&job).map_or(0, |state| state.version) + 1;
            let recorded = Recorded { version, at, event: event.clone() };
            match (self.states.get_mut(&job), event) {
                (Some(state), _) => state.apply(&recorded),
                (None, JobEvent::Registered(first)) => {
                    self.states.insert(job, JobState::new(first.clone(), &recorded));
                }
                (None, _) => unreachable!("a job begins with its registration"),
            }
        }
    }

    fn round(&mut self, at: Timestamp) -> Append {
        self.number += 1;
        let mut jobs: Vec<&JobState> = self.states.values().collect();
        jobs.sort_by_key(|state| (state.registered_at, state.registered.job));
        let nodes = Nodes { count: 5 * AT_ONCE as u32, cpus: Cpus::from_milli(2000) };
        let whole = round_with(&mut self.outlooks, Aim::MostOnTime, nodes, self.number, at, &jobs);
        let round = self.inputs.abridged(whole);
        self.inputs.take(&round).unwrap();
        let event = NewEvent::json(ArbitrationRound::KIND, ArbitrationRound::SCHEMA, at, &round).unwrap();
        Append::at(at).events(StreamId::Cluster, Version(self.number - 1), vec![event])
    }
}
