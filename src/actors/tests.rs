use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use super::cpu::{CpuSource, Read, RunningJob};
use super::{Receipt, Running, Startup, Supervisor, start};
use crate::api::register::RegisterRequest;
use crate::clock::ManualClock;
use crate::events::job::RescaleMode;
use crate::events::store::StoreOptions;
use crate::qos::ids::JobId;
use crate::qos::job::Command;
use crate::qos::job::command::ExecutionFacts;
use crate::qos::job::registration::Defaults;
use crate::qos::policy::{Policies, PolicyName};
use crate::qos::units::{Span, Timestamp};

async fn started(dir: &tempfile::TempDir) -> Running {
    start(startup(dir)).await.unwrap()
}

pub(super) fn startup(dir: &tempfile::TempDir) -> Startup {
    Startup {
        data_dir: dir.path().join("data"),
        store: StoreOptions::default(),
        clock: Arc::new(ManualClock::at(Timestamp::from_micros(1_800_000_000_000_000))),
        defaults: Defaults {
            policies: Policies::defaults(PolicyName::Step),
            max_failures: 3,
            overdue_factor_milli: 3000,
            monitoring_period: Span::from_secs(120),
            rescale: RescaleMode::Restart,
            chain_start: Span::from_secs(60),
        },
        chronos: None,
        marathon: None,
        cpu_source: None,
        metrics: None,
        webhook: None,
        cluster: None,
    }
}

pub(super) fn request(job: JobId, name: &str) -> RegisterRequest {
    serde_json::from_value(serde_json::json!({
        "uuid": job, "name": name, "framework": "chronos", "job_duration": 400, "deadline": 1800, "desv_deadline": 0.2,
        "iterations": 4, "cpus": 1.0, "arguments_version": 1
    }))
    .unwrap()
}

pub(super) fn receipt() -> Receipt {
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

/// A source whose answer keeps its thread busy, as a large one does, until it is told that there was a decision meanwhile.
struct Busy {
    reading: tokio::sync::mpsc::UnboundedSender<std::thread::ThreadId>,
    decided: std::sync::mpsc::Receiver<()>,
    late: Arc<AtomicBool>,
}

impl CpuSource for Busy {
    fn name(&self) -> &'static str {
        "Busy"
    }

    fn read<'a>(&'a mut self, _jobs: &'a [RunningJob]) -> Read<'a> {
        Box::pin(async move {
            self.reading.send(std::thread::current().id()).unwrap_or_default();
            let waited = self.decided.recv_timeout(Duration::from_secs(60));
            self.late.fetch_or(waited.is_err(), Ordering::SeqCst);
            Ok(vec![])
        })
    }
}

#[test]
fn while_the_answer_of_a_cpu_source_is_read_jobs_are_decided_by_another_thread() {
    actix::System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let ((reading, mut read_by), (tell, decided)) =
            (tokio::sync::mpsc::unbounded_channel(), std::sync::mpsc::channel());
        let late = Arc::new(AtomicBool::new(false));
        let source = Busy { reading, decided, late: Arc::clone(&late) };
        let mut startup = startup(&dir);
        startup.defaults.monitoring_period = Span::from_secs(1);
        startup.cpu_source = Some(Box::new(source));
        let running = start(startup).await.unwrap();
        let supervisor = &running.supervisor;
        let job = JobId::from_bytes([1; 16]);
        let app: RegisterRequest = serde_json::from_value(serde_json::json!({
            "uuid": job, "name": "/app", "framework": "marathon", "job_duration": 400, "deadline": 1800,
            "desv_deadline": 0.2, "cpus": 1.0, "arguments_version": 1
        }))
        .unwrap();
        supervisor.register(&app, receipt()).await.unwrap();
        let begins =
            ExecutionFacts { started_at: supervisor.clock().now(), sent_at: None, execution: None, hostname: None };
        supervisor.submit(job, Command::MarathonStart(begins), None).await.unwrap();
        let reader = tokio::time::timeout(Duration::from_secs(60), read_by.recv()).await.unwrap().unwrap();
        // The reading thread does nothing else until these are decided.
        for n in 2..20 {
            let answer =
                supervisor.register(&request(JobId::from_bytes([n; 16]), &format!("job {n}")), receipt()).await;
            assert!(answer.is_ok(), "{answer:?}");
        }
        assert!(!late.load(Ordering::SeqCst), "it was waited for the reading");
        assert_ne!(reader, running.deciding_thread().await);
        // From here on nothing waits.
        drop(tell);
        running.stop().await;
    });
}
