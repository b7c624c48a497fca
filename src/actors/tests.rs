use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{Receipt, Running, Startup, Supervisor, start};
use crate::api::register::RegisterRequest;
use crate::clock::ManualClock;
use crate::events::job::RescaleMode;
use crate::events::store::StoreOptions;
use crate::qos::ids::JobId;
use crate::qos::job::registration::Defaults;
use crate::qos::policy::{Policies, PolicyName};
use crate::qos::units::{Span, Timestamp};

async fn started(dir: &tempfile::TempDir) -> Running {
    let startup = Startup {
        data_dir: dir.path().join("data"),
        store: StoreOptions::default(),
        clock: Arc::new(ManualClock::at(Timestamp::from_micros(1_800_000_000_000_000))),
        defaults: Defaults {
            policies: Policies::defaults(PolicyName::Step),
            max_failures: 3,
            overdue_factor_milli: 3000,
            monitoring_period: Span::from_secs(120),
            rescale: RescaleMode::Restart,
        },
        chronos: None,
        marathon: None,
        cpu_source: None,
        metrics: None,
        webhook: None,
        cluster: None,
    };
    start(startup).await.unwrap()
}

fn request(job: JobId, name: &str) -> RegisterRequest {
    serde_json::from_value(serde_json::json!({
        "uuid": job, "name": name, "framework": "chronos", "job_duration": 400, "deadline": 1800, "desv_deadline": 0.2,
        "iterations": 4, "cpus": 1.0, "arguments_version": 1
    }))
    .unwrap()
}

fn receipt() -> Receipt {
    Receipt { key: "register".into(), digest: [0; 32], strict: true }
}

/// Registers, and goes away as soon as the job has an actor; false when the answer came first.
async fn register_and_go_away(supervisor: &Supervisor, job: JobId, name: &str) -> bool {
    let request = request(job, name);
    let mut registering = Box::pin(supervisor.register(&request, receipt()));
    loop {
        let answered = poll_fn(|context| Poll::Ready(registering.as_mut().poll(context).is_ready())).await;
        if answered {
            return false;
        }
        if supervisor.directory.get(job).is_some() {
            return true;
        }
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_refused_registration_whose_client_went_away_leaves_no_actor_behind() {
    actix::System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let running = started(&dir).await;
        let supervisor = &running.supervisor;
        supervisor.register(&request(JobId::from_bytes([1; 16]), "taken"), receipt()).await.unwrap();
        let mut went_away = 0;
        for n in 2..50 {
            let gone = register_and_go_away(supervisor, JobId::from_bytes([n; 16]), "taken").await;
            went_away += u32::from(gone);
        }
        assert!(went_away > 0, "every answer was quicker than its client");
        for n in 2..50 {
            let job = JobId::from_bytes([n; 16]);
            for _ in 0..500 {
                if supervisor.directory.get(job).is_none() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert!(supervisor.directory.get(job).is_none(), "the actor of registration {n} is still there");
        }
        running.stop().await;
    });
}

#[test]
fn a_good_registration_whose_client_went_away_is_kept() {
    actix::System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let running = started(&dir).await;
        let job = JobId::from_bytes([1; 16]);
        register_and_go_away(&running.supervisor, job, "kept").await;
        for _ in 0..500 {
            if running.supervisor.state(job).is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(running.supervisor.state(job).is_some());
        let again = running.supervisor.register(&request(job, "kept"), receipt()).await.unwrap();
        assert!(again.repeated);
        running.stop().await;
    });
}
