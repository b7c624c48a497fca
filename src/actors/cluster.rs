//! The actor that decides over several jobs: the only writer of events to the cluster's stream.
//!
//! A round goes to disk first and is told to the jobs then. Should the supervisor end in between, the first round after the next start
//! finds the jobs without their grants and tells them anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};

use super::directory::Directory;
use super::submit::Submit;
use crate::clock::Clock;
use crate::events::cluster::ArbitrationRound;
use crate::events::envelope::{NewEvent, StreamId, Version};
use crate::events::store::{Append, EventLog};
use crate::qos::arbitration::{Aim, Nodes};
use crate::qos::job::{Command, JobState, round};
use crate::qos::units::Timestamp;

/// A round that could not be recorded is tried again after this time.
const AGAIN: Duration = Duration::from_secs(5);

/// After a round there is none for so many times as long as it took to compute, and never for less than this.
const REST: u32 = 20;
const SHORTEST_REST: Duration = Duration::from_millis(20);

/// What there is to share, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cluster {
    /// What is sacrificed when not everything can be had.
    pub aim: Aim,
    /// The nodes.
    pub nodes: Nodes,
}

/// Decides over all jobs.
pub struct ClusterActor {
    cluster: Cluster,
    log: EventLog,
    clock: Arc<dyn Clock>,
    directory: Directory,
    /// How far the cluster's stream goes, and the number of its last round.
    version: Version,
    last_round: u64,
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
}

/// Something has changed that may call for another sharing.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Arbitrate;

impl ClusterActor {
    /// Goes on from the end of the cluster's stream.
    pub fn new(
        cluster: Cluster,
        head: ClusterHead,
        log: EventLog,
        clock: Arc<dyn Clock>,
        directory: Directory,
    ) -> Self {
        let ClusterHead { version, round } = head;
        ClusterActor {
            cluster,
            log,
            clock,
            directory,
            version,
            last_round: round,
            busy: false,
            resting: false,
            again: false,
        }
    }

    fn round(&self, now: Timestamp) -> ArbitrationRound {
        let mut states = self.directory.states();
        states.sort_by_key(|state| (state.registered_at, state.registered.job));
        let jobs: Vec<&JobState> = states.iter().map(AsRef::as_ref).collect();
        // Without a cluster a start has lifted grants by rounds of its own.
        let known = jobs.iter().filter_map(|state| state.grant.as_ref()).map(|grant| grant.round).max().unwrap_or(0);
        let number = self.last_round.max(known).saturating_add(1);
        round(self.cluster.aim, self.cluster.nodes, number, now, &jobs)
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
        if self.busy || self.resting {
            self.again = true;
            return;
        }
        self.again = false;
        let began = Instant::now();
        // The round's instant is that of its event: it is recomputed from it.
        let now = self.clock.now();
        let round = self.round(now);
        // This thread decides about all jobs: rounds take no more than a small part of its time.
        self.rest(ctx, began.elapsed() * REST);
        if round.grants.is_empty() {
            return;
        }
        let data = match serde_json::to_vec(&round) {
            Ok(data) => data,
            Err(error) => {
                tracing::error!(%error, "a round of the arbitration cannot be written");
                return;
            }
        };
        self.busy = true;
        let event = NewEvent { kind: ArbitrationRound::KIND, schema: ArbitrationRound::SCHEMA, at: now, data };
        let append = Append::at(now).events(StreamId::Cluster, self.version, vec![event]);
        let (log, directory) = (self.log.clone(), self.directory.clone());
        let recorded = async move {
            log.append(append).await?;
            tell(&directory, &round).await;
            Ok(round.number)
        };
        ctx.spawn(recorded.into_actor(self).map(|outcome: anyhow::Result<u64>, actor, ctx| {
            actor.busy = false;
            match outcome {
                Ok(number) => {
                    actor.version = Version(actor.version.0 + 1);
                    actor.last_round = number;
                    if actor.again {
                        actor.arbitrate(ctx);
                    }
                }
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "a round of the arbitration could not be recorded");
                    ctx.notify_later(Arbitrate, AGAIN);
                }
            }
        }));
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

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
