use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use actix::{Actor, Context, Handler};

use super::outbox::{Changed, Outbox, Perform, Performing};
use crate::events::envelope::{StreamId, Version};
use crate::events::store::OutboxRow;
use crate::qos::ids::{Framework, JobId};
use crate::qos::job::Effect;
use crate::qos::units::Timestamp;

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
