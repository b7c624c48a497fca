//! Performs effects against Chronos, and brings what became of them back as commands.
//!
//! # Layout
//!
//! - `poll`: one shared look at what all jobs are doing
//! - `session`: what a performer knows and may do for its job
//! - `perform`: one file an effect

mod perform;
mod poll;
mod session;

use std::sync::Arc;

use actix::{Actor, Context, Handler};

use super::directory::Directory;
use super::outbox::Perform;
use super::performer::{FrameworkStatus, Task};
use crate::clients::chronos::ChronosClient;
use crate::clock::Clock;
use crate::qos::units::Span;
use poll::Poll;
use session::Session;

/// How patient to be with Chronos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChronosPatience {
    /// Between two looks at all jobs.
    pub poll_interval: Span,
    /// Between the two idle reads that show a dropped start.
    pub judge_interval: Span,
    /// The same for an adopted job's first run, which Chronos starts by itself.
    pub settle_time: Span,
    /// A job that Chronos never shows within this time after its registration is withdrawn.
    pub submit_timeout: Span,
    /// Setting the CPU may fail for this long; then the job starts at the old one.
    pub resize_patience: Span,
    /// A job that is to be removed may stay busy for its own callback window and this long on top.
    pub delete_grace: Span,
    /// A request to set the CPU that was not answered may still be carried out for this long after the job's removal.
    pub late_requests: Span,
    /// Between the two reads that show a job removed by somebody else.
    pub removed_after: Span,
}

/// Takes effects from the outbox and gives each a performer.
pub struct ChronosActor {
    client: Arc<ChronosClient>,
    patience: ChronosPatience,
    status: Arc<FrameworkStatus>,
    directory: Directory,
    clock: Arc<dyn Clock>,
    poll: Option<Poll>,
}

impl ChronosActor {
    /// An actor that reports the outcomes to the jobs in `directory`.
    pub fn new(
        client: ChronosClient,
        patience: ChronosPatience,
        status: Arc<FrameworkStatus>,
        directory: Directory,
        clock: Arc<dyn Clock>,
    ) -> Self {
        ChronosActor { client: Arc::new(client), patience, status, directory, clock, poll: None }
    }
}

impl Actor for ChronosActor {
    type Context = Context<Self>;

    fn started(&mut self, _ctx: &mut Self::Context) {
        let (client, status) = (Arc::clone(&self.client), Arc::clone(&self.status));
        self.poll = Some(Poll::start(client, status, Arc::clone(&self.clock), self.patience.poll_interval.to_std()));
    }
}

impl Handler<Perform> for ChronosActor {
    type Result = ();

    fn handle(&mut self, request: Perform, _ctx: &mut Context<Self>) {
        let Some(poll) = self.poll.clone() else { return };
        let (status, clock) = (Arc::clone(&self.status), Arc::clone(&self.clock));
        let Some(task) = Task::new(&request, &self.directory, status, clock) else { return };
        let session = Session { client: Arc::clone(&self.client), patience: self.patience, poll, task };
        let done = request.done;
        actix::spawn(async move {
            let effect = request.effect;
            if perform::perform(&session, &effect).await.is_err() {
                tracing::debug!(job = %session.job, ?effect, "no longer wanted");
            }
            drop(done);
        });
    }
}
