//! Makes and retires job actors.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture};
use arc_swap::ArcSwapOption;
use tokio::sync::OwnedSemaphorePermit;

use super::directory::Entry;
use super::job::{JobActor, JobContext};
use super::submit::{Answer, Submit, SubmitError};
use crate::qos::ids::JobId;
use crate::qos::job::{EffectKey, JobState};

/// Serial, so that one uuid never has two actors.
pub struct Registry {
    context: JobContext,
}

impl Registry {
    /// A registry that enters its jobs in the context's directory.
    pub fn new(context: JobContext) -> Self {
        Registry { context }
    }

    fn make(&self, ctx: &Context<Self>, id: JobId, state: Option<JobState>, pending: BTreeSet<EffectKey>) -> Entry {
        let published = Arc::new(ArcSwapOption::empty());
        let actor = JobActor::new(id, state, pending, Arc::clone(&published), self.context.clone(), ctx.address());
        let entry = Entry { actor: actor.start(), state: published };
        self.context.directory.insert(id, entry.clone());
        entry
    }
}

impl Actor for Registry {
    type Context = Context<Self>;
}

/// A registration, for the job's actor; a new one is made when there is none.
///
/// Once here, it is seen through and tidied up after, whether or not anybody still waits for the answer.
#[derive(Message)]
#[rtype(result = "Result<Answer, SubmitError>")]
pub struct Register {
    /// The job.
    pub job: JobId,
    /// The registration.
    pub submit: Submit,
    /// Counts it as under way.
    pub permit: OwnedSemaphorePermit,
}

impl Handler<Register> for Registry {
    type Result = ResponseFuture<Result<Answer, SubmitError>>;

    fn handle(&mut self, register: Register, ctx: &mut Context<Self>) -> Self::Result {
        let Register { job, submit, permit } = register;
        let entry = self.context.directory.get(job).unwrap_or_else(|| self.make(ctx, job, None, BTreeSet::new()));
        let registry = ctx.address();
        Box::pin(async move {
            let answer = entry.actor.send(submit).await;
            if entry.state.load().is_none() {
                registry.do_send(Retire(job));
            }
            drop(permit);
            answer.map_err(|_| SubmitError::Closed)?
        })
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
        let unused = self.context.directory.get(id).is_some_and(|entry| {
            let state = entry.state.load();
            state.as_ref().is_none_or(|state| state.is_finished())
        });
        if unused {
            self.context.directory.remove(id);
            self.context.nodes.forget(id);
        }
    }
}
