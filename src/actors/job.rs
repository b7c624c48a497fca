//! The actor of one job: the only writer of its stream.

use std::collections::HashMap;
use std::sync::Arc;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, AtomicResponse, Context, Handler, SpawnHandle, WrapFuture};
use arc_swap::ArcSwapOption;

use super::commit;
use super::outbox::{Changed, Outbox, Settled};
use super::registry::{Registry, Retire};
use super::submit::{Answer, Receipt, Submit, SubmitError};
use crate::clock::Clock;
use crate::events::store::{AppendError, Appended, EventLog, StoredReply};
use crate::qos::ids::JobId;
use crate::qos::job::{Command, JobState, Reply, decide, report_due};

/// What a job actor talks to.
#[derive(Clone)]
pub struct JobContext {
    /// The event log.
    pub log: EventLog,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Told of every change of the job's effects.
    pub outbox: Addr<Outbox>,
}

/// One job.
pub struct JobActor {
    id: JobId,
    context: JobContext,
    registry: Addr<Registry>,
    state: Option<Arc<JobState>>,
    /// Shared with readers, who see each state only once it is on disk.
    published: Arc<ArcSwapOption<JobState>>,
    /// Replies that were given, by key.
    replies: HashMap<String, ([u8; 32], String)>,
    overdue: Option<SpawnHandle>,
}

impl JobActor {
    /// A job with the state that its log gives, or without one before its registration.
    pub fn new(
        id: JobId,
        state: Option<JobState>,
        replies: Vec<StoredReply>,
        published: Arc<ArcSwapOption<JobState>>,
        context: JobContext,
        registry: Addr<Registry>,
    ) -> Self {
        let state = state.map(Arc::new);
        published.store(state.clone());
        let replies = replies.into_iter().map(|reply| (reply.key, (reply.digest, reply.reply))).collect();
        JobActor { id, context, registry, state, published, replies, overdue: None }
    }

    /// The answer to a request that was answered before.
    fn repeated(&self, receipt: &Receipt) -> Option<Result<Answer, SubmitError>> {
        let (digest, reply) = self.replies.get(&receipt.key)?;
        Some(repeated(self.id, receipt, digest, reply))
    }

    /// Takes what is on disk into account.
    fn committed(
        &mut self,
        ctx: &mut Context<Self>,
        next: JobState,
        settled: Vec<Settled>,
        appended: Appended,
        answer: Option<(Receipt, &Reply)>,
    ) {
        let next = Arc::new(next);
        if let Some((receipt, reply)) = answer
            && let Ok(text) = serde_json::to_string(reply)
        {
            self.replies.insert(receipt.key, (receipt.digest, text));
        }
        self.state = Some(Arc::clone(&next));
        self.published.store(Some(Arc::clone(&next)));
        for event in appended.events.iter() {
            let data = std::str::from_utf8(&event.data).unwrap_or_default();
            tracing::info!(job = %self.id, name = next.registered.name, version = event.version.0, kind = %event.kind, data, "event");
        }
        if !(settled.is_empty() && appended.outbox_added.is_empty()) {
            self.context.outbox.do_send(Changed { job: self.id, settled, added: appended.outbox_added });
        }
        self.watch_for_overdue(ctx);
        if next.is_finished() {
            self.registry.do_send(Retire(self.id));
        }
    }

    /// Sets the alarm for the next report.
    fn watch_for_overdue(&mut self, ctx: &mut Context<Self>) {
        if let Some(alarm) = self.overdue.take() {
            ctx.cancel_future(alarm);
        }
        if let Some(due) = self.state.as_deref().and_then(report_due) {
            let wait = due.since(self.context.clock.now()).to_std();
            self.overdue = Some(ctx.notify_later(Submit::plain(Command::Tick), wait));
        }
    }
}

/// Answers a repeated request from what was stored with the first one.
pub fn repeated(job: JobId, receipt: &Receipt, digest: &[u8; 32], reply: &str) -> Result<Answer, SubmitError> {
    if *digest != receipt.digest {
        if receipt.strict {
            return Err(SubmitError::Conflict);
        }
        tracing::warn!(%job, key = receipt.key, "a report was repeated with another content; the first one stands");
    }
    let reply = serde_json::from_str(reply).map_err(|error| SubmitError::Internal(error.to_string()))?;
    Ok(Answer { reply, repeated: true })
}

impl Actor for JobActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.watch_for_overdue(ctx);
    }
}

impl Handler<Submit> for JobActor {
    // Atomic: a job's commands are decided one after the other, each on the state that the one before left on disk.
    type Result = AtomicResponse<Self, Result<Answer, SubmitError>>;

    fn handle(&mut self, submit: Submit, _ctx: &mut Context<Self>) -> Self::Result {
        let Submit { command, receipt } = submit;
        let answered = |answer| AtomicResponse::new(Box::pin(std::future::ready(answer).into_actor(self)));
        if let Some(answer) = receipt.as_ref().and_then(|receipt| self.repeated(receipt)) {
            return answered(answer);
        }
        let now = self.context.clock.now();
        let state = self.state.as_deref();
        let ruling = match decide(state, command, now) {
            Ok(ruling) => ruling,
            Err(rejection) => return answered(Err(rejection.into())),
        };
        let reply = ruling.reply;
        if ruling.events.is_empty() {
            return answered(Ok(Answer { reply, repeated: false }));
        }
        let Some(next) = commit::advance(state, &ruling.events, now) else {
            return answered(Err(SubmitError::Internal("events before a registration".into())));
        };
        let answer = receipt.as_ref().map(|receipt| (receipt, &reply));
        let append = match commit::append(self.id, state, &next, &ruling.events, answer, now) {
            Ok(append) => append,
            Err(error) => return answered(Err(error)),
        };
        let settled = commit::settled(&append);
        let log = self.context.log.clone();
        let written = async move { log.append(append).await }.into_actor(self).map(move |outcome, actor, ctx| {
            match outcome {
                Ok(appended) => {
                    actor.committed(ctx, next, settled, appended, receipt.map(|receipt| (receipt, &reply)));
                    Ok(Answer { reply, repeated: false })
                }
                // The key was used before this actor lived.
                Err(AppendError::DuplicateKey(stored)) => match receipt {
                    Some(receipt) => repeated(actor.id, &receipt, &stored.digest, &stored.reply),
                    None => Err(SubmitError::Internal("a reply without a receipt".into())),
                },
                Err(error) => Err(error.into()),
            }
        });
        AtomicResponse::new(Box::pin(written))
    }
}
