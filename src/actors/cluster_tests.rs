use std::time::Duration;

use super::*;
use crate::actors::tests::{receipt, request, startup};
use crate::actors::{ClusterSize, ClusterStartup, Running, Startup, start};
use crate::clients::mesos::MesosClient;
use crate::clients::transport::TransportOptions;
use crate::events::cluster::ClusterEvent;
use crate::events::envelope::StoredEvent;
use crate::events::job::JobEvent;
use crate::qos::arbitration::Standing;
use crate::qos::ids::JobId;
use crate::qos::job::{Recorded, round};
use crate::qos::policy::{Policies, PolicyName};
use crate::qos::units::Cpus;

const TWO_NODES: Cluster = Cluster { aim: Aim::MostOnTime, nodes: Some(TWO) };
const TWO: Nodes = Nodes { count: 2, cpus: Cpus::from_milli(2000) };

async fn started(dir: &tempfile::TempDir, cluster: Cluster) -> Running {
    let mut startup: Startup = startup(dir);
    startup.defaults.policies = Policies::defaults(PolicyName::Predictive);
    startup.cluster = Some(ClusterStartup { cluster, size: None });
    start(startup).await.unwrap()
}

/// Four jobs that each wish for most of a node, on two nodes.
async fn crowd(running: &Running) -> Vec<JobId> {
    let jobs: Vec<JobId> = (1..=4).map(|n| JobId::from_bytes([n; 16])).collect();
    for (n, job) in jobs.iter().enumerate() {
        running.supervisor.register(&request(*job, &format!("job{n}")), receipt()).await.unwrap();
    }
    jobs
}

async fn rounds(running: &Running) -> Vec<(StoredEvent, ArbitrationRound)> {
    let stored = running.supervisor.log().read_stream(StreamId::Cluster, Version(0), 1000).await.unwrap();
    stored
        .into_iter()
        .map(|event| {
            let round = serde_json::from_slice(&event.data).unwrap();
            (event, round)
        })
        .collect()
}

/// Waits until the last round of the log is what every job has been told.
async fn settled(running: &Running, jobs: &[JobId]) -> Vec<(StoredEvent, ArbitrationRound)> {
    for _ in 0..1000 {
        let rounds = rounds(running).await;
        let told = |(_, round): &(StoredEvent, ArbitrationRound)| {
            round.told().all(|(job, grant)| {
                running
                    .supervisor
                    .state(job)
                    .is_some_and(|state| state.grant.as_ref().is_some_and(|known| known.round >= grant.round))
            })
        };
        let mut inputs = Inputs::default();
        rounds.iter().for_each(|(_, round)| inputs.take(round).unwrap());
        let seen_all = inputs.jobs().count() == jobs.len();
        if seen_all && rounds.iter().all(told) {
            return rounds;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the rounds never came to rest: {:?}", rounds(running).await);
}

#[test]
fn jobs_that_do_not_fit_share_the_cluster_and_the_log_says_how() {
    actix::System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let running = started(&dir, TWO_NODES).await;
        let jobs = crowd(&running).await;
        let rounds = settled(&running, &jobs).await;
        let (_, last) = rounds.last().unwrap();
        assert_eq!((last.aim, last.nodes), (Aim::MostOnTime, TWO));
        assert!(rounds.iter().map(|(_, round)| round.number).eq(1..=rounds.len() as u64), "{rounds:?}");

        let states: Vec<_> = jobs.iter().map(|job| running.supervisor.state(*job).unwrap()).collect();
        let standings: Vec<Standing> =
            states.iter().map(|state| state.grant.as_ref().map_or(Standing::Unlimited, |g| g.standing)).collect();
        assert!(standings.contains(&Standing::Saved) && standings.contains(&Standing::GivesWay), "{standings:?}");
        let capped: u32 = states.iter().filter_map(|state| state.grant.as_ref()?.cap).map(Cpus::milli).sum();
        assert!(capped <= 4000, "{states:?}");
        for state in states.iter().filter(|state| state.grant.is_some()) {
            let cap = state.grant.as_ref().and_then(|grant| grant.cap);
            let intended = state.resizing_to.or(state.cpus);
            assert!(intended <= cap.or(intended), "{intended:?} under {cap:?}");
        }
        running.stop().await;
    });
}

/// The job as it was at `version` of its stream.
async fn state_at(running: &Running, job: JobId, version: u64) -> JobState {
    let stored = running.supervisor.log().read_stream(job.into(), Version(0), version as usize).await.unwrap();
    let recorded = stored.iter().map(|event| Recorded {
        version: event.version.0,
        at: event.at,
        event: JobEvent::decode(&event.kind, &event.data).unwrap(),
    });
    JobState::replay(recorded).unwrap()
}

#[test]
fn every_round_follows_from_the_log_to_the_byte() {
    actix::System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let running = started(&dir, TWO_NODES).await;
        let jobs = crowd(&running).await;
        let mut before = Inputs::default();
        for (event, recorded) in settled(&running, &jobs).await {
            let mut inputs = before.clone();
            inputs.take(&recorded).unwrap();
            let mut states = Vec::new();
            for input in inputs.jobs() {
                states.push(state_at(&running, input.job, input.version).await);
            }
            states.sort_by_key(|state| (state.registered_at, state.registered.job));
            let states: Vec<&JobState> = states.iter().collect();
            let again = round(recorded.aim, recorded.nodes, recorded.number, event.at, &states);
            assert_eq!(serde_json::to_vec(&before.abridged(again)).unwrap(), event.data.to_vec());
            before = inputs;
        }
        running.stop().await;
    });
}

#[test]
fn rounds_are_counted_on_after_a_restart_and_a_round_that_was_not_told_is_told_then() {
    actix::System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let running = started(&dir, TWO_NODES).await;
        let jobs = crowd(&running).await;
        let before = settled(&running, &jobs).await.len();
        running.stop().await;

        // The same jobs on a cluster where all of them fit: the caps are lifted by the first round after the start.
        let large = Cluster { nodes: Some(Nodes { count: 8, ..TWO }), ..TWO_NODES };
        let running = started(&dir, large).await;
        let mut lifted = false;
        for _ in 0..1000 {
            let caps = jobs.iter().filter_map(|job| running.supervisor.state(*job)?.grant.as_ref()?.cap).count();
            lifted = caps == 0;
            if lifted {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(lifted);
        let after = rounds(&running).await;
        assert!(after.len() > before && after.iter().map(|(_, round)| round.number).eq(1..=after.len() as u64));
        assert!(after.iter().zip(1..).all(|((event, _), version)| event.version == Version(version)));
        running.stop().await;
    });
}

/// A Mesos master with this many agents, until it is dropped.
async fn master(agents: usize) -> wiremock::MockServer {
    let agent = |n| {
        serde_json::json!({"id": format!("S{n}"), "pid": format!("slave(1)@10.0.0.{n}:5051"), "active": true,
            "resources": {"cpus": 2.0}, "used_resources": {"cpus": 0.0}})
    };
    let list = serde_json::json!({ "slaves": (1..=agents).map(agent).collect::<Vec<_>>() });
    let server = wiremock::MockServer::start().await;
    let answer = wiremock::ResponseTemplate::new(200).set_body_json(list);
    wiremock::Mock::given(wiremock::matchers::path("/slaves")).respond_with(answer).mount(&server).await;
    server
}

async fn sized_by(dir: &tempfile::TempDir, url: &str) -> Running {
    let mut startup: Startup = startup(dir);
    startup.defaults.policies = Policies::defaults(PolicyName::Predictive);
    let mesos = MesosClient::new(url.parse().unwrap(), &TransportOptions::default()).unwrap();
    let cluster = Cluster { nodes: None, ..TWO_NODES };
    startup.cluster = Some(ClusterStartup { cluster, size: Some(ClusterSize { mesos, node: None }) });
    start(startup).await.unwrap()
}

async fn events(running: &Running) -> Vec<ClusterEvent> {
    let stored = running.supervisor.log().read_stream(StreamId::Cluster, Version(0), 1000).await.unwrap();
    stored.iter().map(|event| ClusterEvent::decode(&event.kind, &event.data).unwrap()).collect()
}

/// Waits for something that will be.
async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came");
}

#[test]
fn the_mesos_master_says_how_large_the_cluster_is_and_the_last_answer_stands_while_it_is_away() {
    actix::System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let mesos = master(2).await;
        let running = sized_by(&dir, &mesos.uri()).await;
        let sized = async || events(&running).await.into_iter().next();
        let first = until(sized).await;
        assert_eq!(first, ClusterEvent::Sized(ClusterSized { nodes: TWO, round: 0 }));
        let jobs = crowd(&running).await;
        let capped = |running: &Running| {
            let caps = jobs.iter().filter_map(|job| running.supervisor.state(*job)?.grant.as_ref()?.cap);
            caps.count()
        };
        until(async || (capped(&running) > 0).then_some(())).await;
        running.stop().await;
        drop(mesos);

        // Nobody answers: the size is that of the log, and a new job is decided about under it.
        let nobody = "http://127.0.0.1:9";
        let running = sized_by(&dir, nobody).await;
        let before = events(&running).await.len();
        let another = JobId::from_bytes([9; 16]);
        running.supervisor.register(&request(another, "job9"), receipt()).await.unwrap();
        let rounds = until(async || Some(events(&running).await).filter(|events| events.len() > before)).await;
        assert!(rounds[before..].iter().all(|event| matches!(event, ClusterEvent::Round(round) if round.nodes == TWO)));
        running.stop().await;

        // It comes back larger: that is an event, and the caps are lifted.
        let mesos = master(9).await;
        let running = sized_by(&dir, &mesos.uri()).await;
        until(async || (capped(&running) == 0).then_some(())).await;
        let nine = Nodes { count: 9, ..TWO };
        assert!(events(&running).await.iter().any(|event| matches!(event, ClusterEvent::Sized(s) if s.nodes == nine)));
        running.stop().await;
    });
}
