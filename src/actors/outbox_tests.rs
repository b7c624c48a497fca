use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use actix::{Actor, Context, Handler};

use super::outbox::{Changed, Outbox, Perform, Performing, Settled};
use crate::events::envelope::{StreamId, Version};
use crate::events::store::OutboxRow;
use crate::qos::ids::{Framework, JobId};
use crate::qos::job::{Effect, EffectKey};
use crate::qos::units::{Cpus, Timestamp};

/// Notes whose effects it is handed, and is never done with them.
struct Performer {
    performed: Arc<Mutex<Vec<JobId>>>,
    under_way: Vec<Performing>,
}

impl Actor for Performer {
    type Context = Context<Self>;
}

impl Handler<Perform> for Performer {
    type Result = ();

    fn handle(&mut self, request: Perform, _ctx: &mut Context<Self>) {
        self.performed.lock().unwrap().push(request.job);
        self.under_way.push(request.done);
    }
}

fn waits(job: JobId, framework: Framework) -> Changed {
    let row = OutboxRow {
        id: i64::from(job.as_bytes()[0]),
        stream: StreamId::Job(job),
        version: Version(1),
        position: 0,
        effect_key: "await".into(),
        kind: "await".into(),
        payload: serde_json::to_string(&Effect::AwaitJob).unwrap(),
        created_at: Timestamp::from_micros(0),
    };
    Changed { job, framework, settled: vec![], added: vec![row] }
}

/// Notes what it is handed, and ends as soon as it is asked to.
struct Noting {
    performed: Arc<Mutex<Vec<EffectKey>>>,
}

impl Actor for Noting {
    type Context = Context<Self>;
}

impl Handler<Perform> for Noting {
    type Result = ();

    fn handle(&mut self, request: Perform, _ctx: &mut Context<Self>) {
        self.performed.lock().unwrap().push(request.effect.key());
        actix::spawn(async move {
            request.stop.cancelled().await;
            drop(request.done);
        });
    }
}

fn row(id: i64, effect: &Effect) -> OutboxRow {
    let payload = serde_json::to_string(effect).unwrap();
    let key: String = effect.key().as_str().into();
    OutboxRow {
        id,
        effect_key: key.clone(),
        kind: key,
        payload,
        ..waits(JobId::from_bytes([1; 16]), Framework::Chronos).added.remove(0)
    }
}

#[test]
fn a_new_cpu_takes_the_place_of_a_start_that_waits_for_its_instant() {
    actix::System::new().block_on(async {
        let performed = Arc::new(Mutex::new(Vec::new()));
        let performer = Noting { performed: Arc::clone(&performed) }.start().recipient();
        let outbox = Outbox::new(BTreeMap::from([(Framework::Chronos, performer)]), Arc::default()).start();
        let (job, framework) = (JobId::from_bytes([1; 16]), Framework::Chronos);
        let start = Effect::StartIteration { iteration: 2, not_before: Timestamp::from_micros(0) };
        let cpus = Effect::SetCpus { cpus: Cpus::from_milli(500) };
        let changed = |settled, added| Changed { job, framework, settled, added };
        let seen = async |keys: &[EffectKey]| {
            for _ in 0..1000 {
                if *performed.lock().unwrap() == keys {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            panic!("{:?}, not {keys:?}", performed.lock().unwrap());
        };
        outbox.send(changed(vec![], vec![row(1, &start)])).await.unwrap();
        seen(&[EffectKey::Start]).await;
        outbox.send(changed(vec![], vec![row(2, &cpus)])).await.unwrap();
        seen(&[EffectKey::Start, EffectKey::Cpus]).await;
        outbox.send(changed(vec![Settled::One("cpus".into())], vec![])).await.unwrap();
        seen(&[EffectKey::Start, EffectKey::Cpus, EffectKey::Start]).await;
    });
}

#[test]
fn effects_go_to_their_framework_and_wait_where_it_has_no_performer() {
    actix::System::new().block_on(async {
        let performed = Arc::new(Mutex::new(Vec::new()));
        let depth = Arc::new(AtomicUsize::new(0));
        let performer = Performer { performed: Arc::clone(&performed), under_way: vec![] }.start().recipient();
        let performers = BTreeMap::from([(Framework::Marathon, performer)]);
        let outbox = Outbox::new(performers, Arc::clone(&depth)).start();
        let (batch, steady) = (JobId::from_bytes([1; 16]), JobId::from_bytes([2; 16]));
        outbox.send(waits(batch, Framework::Chronos)).await.unwrap();
        outbox.send(waits(steady, Framework::Marathon)).await.unwrap();
        while performed.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(*performed.lock().unwrap(), [steady]);
        assert_eq!(depth.load(Ordering::Relaxed), 2, "both wait for their outcome");
    });
}
