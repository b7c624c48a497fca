//! The actor of one job: the only writer of its stream.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, AtomicResponse, Context, Handler, SpawnHandle, WrapFuture};
use arc_swap::ArcSwapOption;

use super::cluster::{Arbitrate, ClusterActor};
use super::commit;
use super::cpu::Nodes;
use super::deadline::DeadlineAlarm;
use super::directory::{Directory, Entry};
use super::effect_times::EffectTimes;
use super::figures::Figures;
use super::outbox::{Changed, Outbox, Settled};
use super::registry::{Registry, Retire};
use super::sample::{Newest, Telling};
use super::submit::{Answer, Receipt, Submit, SubmitError};
use crate::clock::Clock;
use crate::events::job::JobEvent;
use crate::events::store::{AppendError, Appended, EventLog};
use crate::qos::ids::JobId;
use crate::qos::job::command::{FinishFacts, LookFacts};
use crate::qos::job::{
    AwaitedReport, Command, EffectKey, JobState, Rejection, Ruling, asks_for_a_round, awaited_report, decide,
    is_time_to_look,
};
use crate::qos::units::{Span, Timestamp};

/// An alarm that rang and could not be recorded, or rang early, rings again after this time at the soonest.
const RING_AGAIN: Duration = Duration::from_secs(1);

/// What a job actor talks to.
#[derive(Clone)]
pub struct JobContext {
    /// The event log.
    pub log: EventLog,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Told of every change of the job's effects.
    pub outbox: Addr<Outbox>,
    /// Who tells the CPU time of long-running jobs.
    pub telling: Telling,
    /// What of each node is free.
    pub nodes: Nodes,
    /// Where a registered job is entered.
    pub directory: Directory,
    /// Told of what is on disk.
    pub figures: Figures,
    /// Who shares the cluster among the jobs, when it is known how large that is.
    pub cluster: Option<Addr<ClusterActor>>,
}

/// One job.
pub struct JobActor {
    id: JobId,
    context: JobContext,
    registry: Addr<Registry>,
    pub(super) state: Option<Arc<JobState>>,
    /// Shared with readers, who see each state only once it is on disk.
    published: Arc<ArcSwapOption<JobState>>,
    /// The job's effects that wait on disk.
    pending: BTreeSet<EffectKey>,
    effect_times: EffectTimes,
    overdue: Option<SpawnHandle>,
    pub(super) deadline: Option<DeadlineAlarm>,
    /// Measurements that are not in the log yet.
    pub(super) newest: Newest,
    /// What the alarm is for, and when it rings at the latest, by a clock that nobody sets.
    awaited: Option<(AwaitedReport, Instant)>,
    /// When this actor began to hear reports.
    listening_since: Option<Timestamp>,
}

impl JobActor {
    /// A job with the state that its log gives, or without one before its registration.
    pub fn new(
        id: JobId,
        state: Option<JobState>,
        pending: BTreeSet<EffectKey>,
        published: Arc<ArcSwapOption<JobState>>,
        context: JobContext,
        registry: Addr<Registry>,
    ) -> Self {
        let state = state.map(Arc::new);
        published.store(state.clone());
        if let Some(state) = &state {
            context.nodes.give(id, state);
        }
        let newest = Newest::new(context.telling);
        let effect_times = EffectTimes::default();
        JobActor {
            id,
            context,
            registry,
            state,
            published,
            pending,
            effect_times,
            overdue: None,
            deadline: None,
            awaited: None,
            newest,
            listening_since: None,
        }
    }

    /// Takes what is on disk into account.
    fn committed(
        &mut self,
        ctx: &mut Context<Self>,
        next: JobState,
        events: &[JobEvent],
        settled: Vec<Settled>,
        appended: Appended,
    ) {
        let next = Arc::new(next);
        let (framework, figures) = (next.registered.framework, &self.context.figures);
        events.iter().for_each(|event| figures.recorded(framework, event));
        self.effect_times.committed(&settled, &appended.outbox_added, self.context.clock.now(), framework, figures);
        let registered_now = self.state.is_none();
        if self.state.as_deref().is_none_or(|before| newest_segment(before) != newest_segment(&next)) {
            self.newest.clear();
        }
        self.context.nodes.give(self.id, &next);
        self.state = Some(Arc::clone(&next));
        self.published.store(Some(Arc::clone(&next)));
        if registered_now {
            // Again: a refused registration of the same uuid may have retired this actor in the meantime.
            let entry = Entry { actor: ctx.address(), state: Arc::clone(&self.published) };
            self.context.directory.insert(self.id, entry);
        }
        for event in appended.events.iter() {
            let data = std::str::from_utf8(&event.data).unwrap_or_default();
            tracing::info!(job = %self.id, name = next.registered.name, version = event.version.0, kind = %event.kind, data, "event");
        }
        if !(settled.is_empty() && appended.outbox_added.is_empty()) {
            let changed = Changed { job: self.id, framework, settled, added: appended.outbox_added };
            self.context.outbox.do_send(changed);
        }
        self.watch_for_overdue(ctx, Duration::ZERO);
        if let Some(cluster) = self.context.cluster.as_ref().filter(|_| asks_for_a_round(&next, events)) {
            cluster.do_send(Arbitrate);
        }
        self.watch_for_deadline(ctx);
        if next.is_finished() {
            self.registry.do_send(Retire(self.id));
        }
    }

    /// The present instant for the job. That of a long-running one goes on though the wall clock be set back: everything about it is
    /// lengths of time, from its start to its looks.
    pub(super) fn now(&self) -> Timestamp {
        let wall = self.context.clock.now();
        let long_running = self.state.as_ref().is_some_and(|state| state.is_long_running());
        let Some((report, ring_at)) = self.awaited.filter(|_| long_running) else { return wall };
        let now = Instant::now();
        let left = Span::from(ring_at.saturating_duration_since(now));
        let over = Span::from(now.saturating_duration_since(ring_at));
        wall.max(report.due - left + over)
    }

    /// How far the wall clock was set back for the job.
    pub(super) fn ahead_of_the_wall_clock(&self) -> Span {
        self.now().since(self.context.clock.now()).max(Span::ZERO)
    }

    /// What rang could not be recorded, or rang early.
    fn ring_again(&mut self, ctx: &mut Context<Self>, rung: Option<Alarm>) {
        match rung {
            None => {}
            Some(Alarm::Report) => self.watch_for_overdue(ctx, RING_AGAIN),
            Some(Alarm::Deadline) => self.set_deadline_alarm(ctx, RING_AGAIN),
        }
    }

    /// Sets the alarm for the next report, after `at_least` this time.
    fn watch_for_overdue(&mut self, ctx: &mut Context<Self>, at_least: Duration) {
        if let Some(alarm) = self.overdue.take() {
            ctx.cancel_future(alarm);
        }
        let present = self.now();
        let before = self.awaited.take();
        if let Some(report) = self.state.as_deref().and_then(awaited_report) {
            // A wall clock that is set back puts the alarm off neither beyond the planned wait nor beyond when it was to ring.
            let left = report.due.since(present).min(report.wait).to_std();
            let now = Instant::now();
            let planned = now.checked_add(left);
            let before = before.filter(|(same, _)| *same == report).map(|(_, ring_at)| ring_at);
            // One that is over stays over: how long ago says how late it is now.
            let ring_at = before.map_or(planned, |before| Some(planned.map_or(before, |planned| planned.min(before))));
            let wait = ring_at.map_or(left, |ring_at| ring_at.saturating_duration_since(now));
            self.awaited = ring_at.map(|ring_at| (report, ring_at));
            let rung = Submit::plain(Command::ReportAwaited { due: report.due });
            self.overdue = Some(ctx.notify_later(rung, wait.max(at_least)));
        }
    }
}

/// Which alarm a command comes from.
#[derive(Debug, Clone, Copy)]
enum Alarm {
    Report,
    Deadline,
}

impl Alarm {
    fn of(command: &Command) -> Option<Self> {
        match command {
            Command::ReportAwaited { .. } => Some(Alarm::Report),
            Command::DeadlineReached => Some(Alarm::Deadline),
            _ => None,
        }
    }
}

/// What tells one segment of a job from another.
fn newest_segment(state: &JobState) -> Option<(u64, Option<&String>)> {
    let segment = state.execution.as_ref()?.segment.as_ref()?;
    Some((segment.number, segment.execution.as_ref()))
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
        self.watch_for_overdue(ctx, Duration::ZERO);
        self.watch_for_deadline(ctx);
        self.listening_since = Some(self.now());
    }
}

impl Handler<Submit> for JobActor {
    // Atomic: a job's commands are decided one after the other, each on the state that the one before left on disk.
    type Result = AtomicResponse<Self, Result<Answer, SubmitError>>;

    fn handle(&mut self, submit: Submit, ctx: &mut Context<Self>) -> Self::Result {
        let Submit { command, receipt } = submit;
        let rung = Alarm::of(&command);
        let looks = self.state.as_ref().is_some_and(|state| is_time_to_look(state, self.now()));
        let command = match command {
            Command::ReportAwaited { .. } if looks => {
                let free = self.context.nodes.free_for(self.id);
                Command::Look(LookFacts { free, listening_since: self.listening_since, ..self.newest.facts() })
            }
            Command::ReportFinish(facts) => {
                Command::ReportFinish(FinishFacts { free: self.context.nodes.free_for(self.id), ..facts })
            }
            Command::SegmentStart(mut facts) => {
                facts.last_told = self.newest.by_the_agent();
                Command::SegmentStart(facts)
            }
            command => command,
        };
        let now = self.now();
        let ruling = match decide(self.state.as_deref(), command, now) {
            Ok(ruling) if !ruling.events.is_empty() => ruling,
            nothing => {
                // What was waited for has changed in the meantime.
                self.ring_again(ctx, rung);
                return self.nothing_to_record(nothing, receipt);
            }
        };
        self.record(ruling, receipt, now, rung)
    }
}

impl JobActor {
    /// Answers a command that changes nothing: as before, if the same request was answered before.
    fn nothing_to_record(
        &self,
        ruling: Result<Ruling, Rejection>,
        receipt: Option<Receipt>,
    ) -> AtomicResponse<Self, Result<Answer, SubmitError>> {
        let (log, job) = (self.context.log.clone(), self.id);
        let answer = async move {
            if let Some(receipt) = receipt {
                let stored = log.stored_reply(job.into(), receipt.key.clone()).await;
                if let Some(stored) = stored.map_err(|error| SubmitError::Storage(error.to_string()))? {
                    return repeated(job, &receipt, &stored.digest, &stored.reply);
                }
            }
            Ok(Answer { reply: ruling?.reply, repeated: false })
        };
        AtomicResponse::new(Box::pin(answer.into_actor(self)))
    }

    /// Puts a ruling on disk, then takes it into account and answers.
    fn record(
        &self,
        ruling: Ruling,
        receipt: Option<Receipt>,
        now: Timestamp,
        rung: Option<Alarm>,
    ) -> AtomicResponse<Self, Result<Answer, SubmitError>> {
        let Ruling { events, reply } = ruling;
        let state = self.state.as_deref();
        let mut pending = self.pending.clone();
        let prepared = commit::advance(state, &events, now)
            .ok_or_else(|| SubmitError::Internal("events before a registration".into()))
            .and_then(|next| {
                let answer = receipt.as_ref().map(|receipt| (receipt, &reply));
                Ok((commit::append(self.id, state, &next, &events, &mut pending, answer, now)?, next))
            });
        let (append, next) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return AtomicResponse::new(Box::pin(std::future::ready(Err(error)).into_actor(self))),
        };
        // Promised before it is on disk: another job of the node may be looked at meanwhile.
        self.context.nodes.give(self.id, &next);
        let settled = commit::settled(&append);
        let log = self.context.log.clone();
        let written = async move { log.append(append).await };
        AtomicResponse::new(Box::pin(written.into_actor(self).map(move |outcome, actor, ctx| match outcome {
            Ok(appended) => {
                actor.pending = pending;
                actor.committed(ctx, next, &events, settled, appended);
                Ok(Answer { reply, repeated: false })
            }
            Err(AppendError::DuplicateKey(stored)) => match receipt {
                Some(receipt) => repeated(actor.id, &receipt, &stored.digest, &stored.reply),
                None => Err(SubmitError::Internal("a reply without a receipt".into())),
            },
            Err(error) => {
                if let Some(state) = actor.state.as_deref() {
                    actor.context.nodes.give(actor.id, state);
                }
                actor.ring_again(ctx, rung);
                Err(error.into())
            }
        })))
    }
}
