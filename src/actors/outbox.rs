//! Effects that wait on disk, handed to their performers: first in, first out, one in flight per job; only a new CPU goes before a
//! start that waits ([`EffectKey::place_among`](crate::qos::job::EffectKey::place_among)).
//!
//! An effect is over when an event says so, never because its performer returned; a performer that is no longer wanted is asked
//! to stop and finishes the call that it is in, so that no call of an older effect lands after one of a newer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message, Recipient};
use tokio_util::sync::CancellationToken;

use crate::events::store::OutboxRow;
use crate::qos::ids::{Framework, JobId};
use crate::qos::job::Effect;

/// An effect to perform until it is over or `stop` is asked for.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Perform {
    /// The job.
    pub job: JobId,
    /// What to do.
    pub effect: Effect,
    /// Asked to stop.
    pub stop: CancellationToken,
    /// Dropped when the performer has ended.
    pub done: Performing,
}

/// Tells the outbox, when it is dropped, that a performer has ended.
pub struct Performing {
    job: JobId,
    row: i64,
    outbox: Recipient<Ended>,
}

impl Drop for Performing {
    fn drop(&mut self) {
        self.outbox.do_send(Ended { job: self.job, row: self.row });
    }
}

/// A performer has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Ended {
    job: JobId,
    row: i64,
}

/// A job's events are on disk, and have changed its effects.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Changed {
    /// The job.
    pub job: JobId,
    /// Who performs its effects.
    pub framework: Framework,
    /// Effects that are over, of those that waited before.
    pub settled: Vec<Settled>,
    /// Effects that wait from now on.
    pub added: Vec<OutboxRow>,
}

/// Effects that are over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The one with this key.
    One(String),
    /// All of the job.
    All,
}

/// A performer that ends without an outcome is started again after this time.
const AGAIN: Duration = Duration::from_secs(1);

struct InFlight {
    row: i64,
    stop: CancellationToken,
}

struct Waiting {
    row: i64,
    key: String,
    effect: Effect,
}

struct Queue {
    framework: Framework,
    waiting: VecDeque<Waiting>,
    in_flight: Option<InFlight>,
}

impl Queue {
    fn add(&mut self, added: Waiting) {
        let place = added.effect.key().place_among(self.waiting.iter().map(|waiting| waiting.effect.key()));
        self.waiting.insert(place, added);
    }
}

/// The effects of all jobs.
pub struct Outbox {
    queues: BTreeMap<JobId, Queue>,
    performers: BTreeMap<Framework, Recipient<Perform>>,
    depth: Arc<AtomicUsize>,
    stopping: bool,
}

impl Outbox {
    /// An outbox that counts what waits in `depth`. Effects of a framework without a performer wait for a restart that has one.
    pub fn new(performers: BTreeMap<Framework, Recipient<Perform>>, depth: Arc<AtomicUsize>) -> Self {
        Outbox { queues: BTreeMap::new(), performers, depth, stopping: false }
    }

    /// Starts the first waiting effect, stops one that is no longer wanted.
    fn drive(&mut self, job: JobId, ctx: &Context<Self>) {
        let Some(queue) = self.queues.get_mut(&job) else { return };
        let first = queue.waiting.front();
        match (&queue.in_flight, first) {
            (Some(in_flight), first) => {
                if first.is_none_or(|first| first.row != in_flight.row) {
                    in_flight.stop.cancel();
                }
            }
            (None, None) => {
                self.queues.remove(&job);
            }
            (None, Some(first)) => {
                let performer = self.performers.get(&queue.framework).filter(|_| !self.stopping);
                let Some(performer) = performer else { return };
                let (row, effect) = (first.row, first.effect.clone());
                let stop = CancellationToken::new();
                let done = Performing { job, row, outbox: ctx.address().recipient() };
                performer.do_send(Perform { job, effect, stop: stop.clone(), done });
                queue.in_flight = Some(InFlight { row, stop });
            }
        }
    }

    fn count(&self) {
        self.depth.store(self.queues.values().map(|queue| queue.waiting.len()).sum(), Ordering::Relaxed);
    }
}

impl Actor for Outbox {
    type Context = Context<Self>;
}

impl Handler<Changed> for Outbox {
    type Result = ();

    fn handle(&mut self, changed: Changed, ctx: &mut Context<Self>) {
        let new = || Queue { framework: changed.framework, waiting: VecDeque::new(), in_flight: None };
        let queue = self.queues.entry(changed.job).or_insert_with(new);
        for settled in &changed.settled {
            match settled {
                Settled::All => queue.waiting.clear(),
                Settled::One(key) => queue.waiting.retain(|waiting| waiting.key != *key),
            }
        }
        for row in changed.added {
            match serde_json::from_str(&row.payload) {
                Ok(effect) => queue.add(Waiting { row: row.id, key: row.effect_key, effect }),
                // Written by a newer version: it stays on disk for it.
                Err(error) => {
                    tracing::error!(job = %changed.job, row = row.id, %error, "an effect that this version does not know")
                }
            }
        }
        self.count();
        self.drive(changed.job, ctx);
    }
}

impl Handler<Ended> for Outbox {
    type Result = ();

    fn handle(&mut self, ended: Ended, ctx: &mut Context<Self>) {
        let Some(queue) = self.queues.get_mut(&ended.job) else { return };
        if queue.in_flight.as_ref().is_none_or(|in_flight| in_flight.row != ended.row) {
            return;
        }
        queue.in_flight = None;
        if queue.waiting.front().is_some_and(|first| first.row == ended.row) {
            ctx.run_later(AGAIN, move |outbox, ctx| outbox.drive(ended.job, ctx));
        } else {
            self.drive(ended.job, ctx);
        }
    }
}

/// Ends all performers and starts no more; answers at once.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Stop;

impl Handler<Stop> for Outbox {
    type Result = ();

    fn handle(&mut self, _: Stop, _ctx: &mut Context<Self>) {
        self.stopping = true;
        for queue in self.queues.values() {
            if let Some(in_flight) = &queue.in_flight {
                in_flight.stop.cancel();
            }
        }
    }
}
