//! The actor that decides over several jobs: the only writer of events to the cluster's stream. It has a thread of its own.
//!
//! A round goes to disk first and is told to the jobs then. Should the supervisor end in between, the first round after the next start
//! finds the jobs without their grants and tells them anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, SpawnHandle, WrapFuture};
use serde::Serialize;

use super::directory::Directory;
use super::submit::Submit;
use crate::clock::Clock;
use crate::events::cluster::{ArbitrationRound, ClusterSized, Inputs};
use crate::events::envelope::{NewEvent, StreamId, Version};
use crate::events::store::{Append, AppendError, EventLog};
use crate::qos::arbitration::{Aim, Nodes};
use crate::qos::job::{Command, JobState, Outlooks, next_to_begin, round_with};
use crate::qos::units::Timestamp;

/// A round that could not be recorded is tried again after this time.
const AGAIN: Duration = Duration::from_secs(5);

/// After a round there is none for so many times as long as it took to compute, and never for less than this: it is computed beside the
/// thread that decides, but on the same machine.
const REST: u32 = 4;
const SHORTEST_REST: Duration = Duration::from_millis(20);

/// What there is to share, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cluster {
    /// What is sacrificed when not everything can be had.
    pub aim: Aim,
    /// The nodes; none when the Mesos master says what there is.
    pub nodes: Option<Nodes>,
}

/// Decides over all jobs.
pub struct ClusterActor {
    cluster: Cluster,
    log: EventLog,
    clock: Arc<dyn Clock>,
    directory: Directory,
    /// How far the cluster's stream goes, the number of its last round, and what that was recorded with.
    version: Version,
    last_round: u64,
    recorded: Inputs,
    /// What is known of the jobs from the rounds before.
    outlooks: Outlooks,
    /// A size that the Mesos master has said and that is not on disk yet.
    measured: Option<Nodes>,
    /// Rings when the next job begins that is to start in the future.
    next_start: Option<SpawnHandle>,
    /// All jobs are there: a round over some of them would give away what the others need.
    begun: bool,
    /// A round is being recorded or told.
    busy: bool,
    /// The last round was computed a moment ago.
    resting: bool,
    /// Something has changed since it was computed.
    again: bool,
}

/// What the cluster's stream ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClusterHead {
    /// Events in it.
    pub version: Version,
    /// The number of its last round.
    pub round: u64,
    /// What there was to share then.
    pub nodes: Option<Nodes>,
}

/// All jobs that were in the log are revived: there may be rounds from now on.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Begin;

/// Something has changed that may call for another sharing.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Arbitrate;

/// So much there is, the Mesos master says.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Measured(pub Nodes);

impl ClusterActor {
    /// Goes on from the end of the cluster's stream. Where nobody has configured how much there is, that is what it was at the end of the
    /// stream until the master says otherwise.
    pub fn new(
        cluster: Cluster,
        head: ClusterHead,
        log: EventLog,
        clock: Arc<dyn Clock>,
        directory: Directory,
    ) -> Self {
        ClusterActor {
            cluster: Cluster { nodes: cluster.nodes.or(head.nodes), ..cluster },
            log,
            clock,
            directory,
            version: head.version,
            last_round: head.round,
            recorded: Inputs::default(),
            outlooks: Outlooks::default(),
            measured: None,
            next_start: None,
            begun: false,
            busy: false,
            resting: false,
            again: false,
        }
    }

    /// A round over all jobs, and when a job that is to start later begins.
    fn round(&mut self, nodes: Nodes, now: Timestamp) -> (ArbitrationRound, Option<Timestamp>) {
        let mut states = self.directory.states();
        states.sort_by_key(|state| (state.registered_at, state.registered.job));
        let jobs: Vec<&JobState> = states.iter().map(AsRef::as_ref).collect();
        // Without a cluster a start has lifted grants by rounds of its own.
        let known = jobs.iter().filter_map(|state| state.grant.as_ref()).map(|grant| grant.round).max().unwrap_or(0);
        let number = self.last_round.max(known).saturating_add(1);
        let round = round_with(&mut self.outlooks, self.cluster.aim, nodes, number, now, &jobs);
        (round, next_to_begin(now, jobs))
    }

    fn rest(&mut self, ctx: &mut Context<Self>, time: Duration) {
        self.resting = true;
        ctx.run_later(time.max(SHORTEST_REST), |actor, ctx| {
            actor.resting = false;
            if actor.again {
                actor.arbitrate(ctx);
            }
        });
    }

    fn arbitrate(&mut self, ctx: &mut Context<Self>) {
        let Some(nodes) = self.cluster.nodes.filter(|_| self.begun) else { return };
        if self.busy || self.resting {
            self.again = true;
            return;
        }
        self.again = false;
        let began = Instant::now();
        // The round's instant is that of its event: it is recomputed from it.
        let now = self.clock.now();
        let (round, next_start) = self.round(nodes, now);
        self.rest(ctx, began.elapsed() * REST);
        if let Some(alarm) = self.next_start.take() {
            ctx.cancel_future(alarm);
        }
        self.next_start = next_start.map(|at| ctx.notify_later(Arbitrate, at.since(now).to_std()));
        if round.grants.is_empty() {
            return;
        }
        let round = self.recorded.abridged(round);
        let number = round.number;
        let Some(event) = encoded(ArbitrationRound::KIND, ArbitrationRound::SCHEMA, now, &round) else { return };
        let (directory, told) = (self.directory.clone(), round.clone());
        let tell = async move { tell(&directory, &told).await };
        self.append(ctx, event, tell, move |actor| {
            actor.last_round = number;
            // It was abridged by the same account, which knows the round before it.
            if let Err(error) = actor.recorded.take(&round) {
                tracing::error!(%error, "the account of the rounds is wrong; the next one is recorded whole");
                actor.recorded = Inputs::default();
            }
        });
    }

    /// Puts the size that the master has said on disk, and shares anew.
    fn resize(&mut self, ctx: &mut Context<Self>) {
        let Some(nodes) = self.measured.filter(|_| !self.busy) else { return };
        self.measured = None;
        if self.cluster.nodes == Some(nodes) {
            return;
        }
        tracing::info!(nodes = nodes.count, cpus = %nodes.cpus, "the cluster's size, as the Mesos master says");
        let sized = ClusterSized { nodes, round: self.last_round };
        let encoded = encoded(ClusterSized::KIND, ClusterSized::SCHEMA, self.clock.now(), &sized);
        let Some(event) = encoded else { return };
        self.append(ctx, event, std::future::ready(()), move |actor| {
            actor.cluster.nodes = Some(nodes);
            actor.again = true;
        });
    }

    /// Appends an event, then sees `after` through, then takes it into account by `done`.
    fn append(
        &mut self,
        ctx: &mut Context<Self>,
        event: NewEvent,
        after: impl Future<Output = ()> + 'static,
        done: impl FnOnce(&mut Self) + 'static,
    ) {
        self.busy = true;
        let append = Append::at(event.at).events(StreamId::Cluster, self.version, vec![event]);
        let log = self.log.clone();
        let recorded = async move {
            log.append(append).await?;
            after.await;
            Ok(())
        };
        ctx.spawn(recorded.into_actor(self).map(|outcome: Result<(), AppendError>, actor, ctx| {
            actor.busy = false;
            match outcome {
                Ok(()) => {
                    actor.version = Version(actor.version.0 + 1);
                    done(actor);
                    actor.resize(ctx);
                    if actor.again {
                        actor.arbitrate(ctx);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "an event of the cluster could not be recorded");
                    ctx.notify_later(Arbitrate, AGAIN);
                }
            }
        }));
    }
}

fn encoded(kind: &'static str, schema: u16, at: Timestamp, event: &impl Serialize) -> Option<NewEvent> {
    match serde_json::to_vec(event) {
        Ok(data) => Some(NewEvent { kind, schema, at, data }),
        Err(error) => {
            tracing::error!(%error, kind, "an event of the cluster cannot be written");
            None
        }
    }
}

/// Tells each job what the round, which is on disk, leaves to it.
async fn tell(directory: &Directory, round: &ArbitrationRound) {
    for (job, grant) in round.told() {
        let Some(entry) = directory.get(job) else { continue };
        tracing::info!(%job, round = grant.round, cap = ?grant.cap, standing = ?grant.standing, "the cluster's share");
        if let Ok(Err(error)) = entry.actor.send(Submit::plain(Command::Grant(grant))).await {
            // It has ended meanwhile, or its log cannot be written: the next round tells it.
            tracing::warn!(%job, %error, "a grant was not taken");
        }
    }
}

impl Actor for ClusterActor {
    type Context = Context<Self>;
}

impl Handler<Arbitrate> for ClusterActor {
    type Result = ();

    fn handle(&mut self, _: Arbitrate, ctx: &mut Context<Self>) {
        self.arbitrate(ctx);
    }
}

impl Handler<Begin> for ClusterActor {
    type Result = ();

    fn handle(&mut self, _: Begin, ctx: &mut Context<Self>) {
        self.begun = true;
        self.arbitrate(ctx);
    }
}

impl Handler<Measured> for ClusterActor {
    type Result = ();

    fn handle(&mut self, Measured(nodes): Measured, ctx: &mut Context<Self>) {
        self.measured = Some(nodes);
        self.resize(ctx);
    }
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
