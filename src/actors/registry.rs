//! Makes and retires job actors.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix::{Actor, AsyncContext, Context, Handler, Message, MessageResult};
use arc_swap::ArcSwapOption;

use super::directory::{Directory, Entry};
use super::job::{JobActor, JobContext};
use crate::qos::ids::JobId;
use crate::qos::job::{EffectKey, JobState};

/// Serial, so that one uuid never has two actors.
pub struct Registry {
    directory: Directory,
    context: JobContext,
}

impl Registry {
    /// A registry that enters its jobs in `directory`.
    pub fn new(directory: Directory, context: JobContext) -> Self {
        Registry { directory, context }
    }

    fn make(&self, ctx: &Context<Self>, id: JobId, state: Option<JobState>, pending: BTreeSet<EffectKey>) -> Entry {
        let published = Arc::new(ArcSwapOption::empty());
        let actor = JobActor::new(id, state, pending, Arc::clone(&published), self.context.clone(), ctx.address());
        let entry = Entry { actor: actor.start(), state: published };
        self.directory.insert(id, entry.clone());
        entry
    }
}

impl Actor for Registry {
    type Context = Context<Self>;
}

/// The job's actor; a new one without state when there is none.
#[derive(Message)]
#[rtype(result = "Entry")]
pub struct FindOrMake(pub JobId);

impl Handler<FindOrMake> for Registry {
    type Result = MessageResult<FindOrMake>;

    fn handle(&mut self, FindOrMake(id): FindOrMake, ctx: &mut Context<Self>) -> Self::Result {
        MessageResult(self.directory.get(id).unwrap_or_else(|| self.make(ctx, id, None, BTreeSet::new())))
    }
}

/// A job that the log holds.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Revive {
    /// Its replayed state.
    pub state: Box<JobState>,
    /// Its effects that wait.
    pub pending: BTreeSet<EffectKey>,
}

impl Handler<Revive> for Registry {
    type Result = ();

    fn handle(&mut self, revived: Revive, ctx: &mut Context<Self>) {
        let id = revived.state.registered.job;
        self.make(ctx, id, Some(*revived.state), revived.pending);
    }
}

/// A job with nothing left to do, or whose registration failed, leaves memory.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Retire(pub JobId);

impl Handler<Retire> for Registry {
    type Result = ();

    fn handle(&mut self, Retire(id): Retire, _ctx: &mut Context<Self>) {
        // Its actor ends with its last address.
        let unused = self.directory.get(id).is_some_and(|entry| {
            let state = entry.state.load();
            state.as_ref().is_none_or(|state| state.is_finished())
        });
        if unused {
            self.directory.remove(id);
        }
    }
}
