//! Performs effects against Marathon, and brings what became of them back as commands.
//!
//! # Layout
//!
//! - `session`: what a performer knows and may do for its job
//! - `perform`: one file an effect
//! - `watch`: one look at all apps, which finds those that somebody else removed or changed

mod perform;
mod session;
mod watch;

use std::sync::Arc;

use actix::{Actor, Context, Handler};

use super::directory::Directory;
use super::outbox::Perform;
use super::performer::{FrameworkStatus, Task};
use crate::clients::marathon::MarathonClient;
use crate::clock::Clock;
use crate::qos::units::Span;
use session::Session;
use watch::Watch;

/// How patient to be with Marathon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarathonPatience {
    /// Between two looks at an app or a deployment that is waited for.
    pub poll_interval: Span,
    /// Between two looks at all apps.
    pub watch_interval: Span,
    /// An app that Marathon never shows within this time after its registration is withdrawn.
    pub submit_timeout: Span,
    /// Setting the CPU may fail, or wait for a lock, for this long; then the job keeps the old one.
    pub resize_patience: Span,
    /// A deployment of ours of which no task is placed for this long is rolled back.
    pub placement_patience: Span,
    /// The tasks of a removed app may take this long to be over.
    pub removal_patience: Span,
    /// Between the two reads that show an app removed by somebody else.
    pub removed_after: Span,
}

/// Takes effects from the outbox and gives each a performer.
pub struct MarathonActor {
    client: Arc<MarathonClient>,
    patience: MarathonPatience,
    status: Arc<FrameworkStatus>,
    directory: Directory,
    clock: Arc<dyn Clock>,
}

impl MarathonActor {
    /// An actor that reports the outcomes to the jobs in `directory`.
    pub fn new(
        client: Arc<MarathonClient>,
        patience: MarathonPatience,
        status: Arc<FrameworkStatus>,
        directory: Directory,
        clock: Arc<dyn Clock>,
    ) -> Self {
        MarathonActor { client, patience, status, directory, clock }
    }
}

impl Actor for MarathonActor {
    type Context = Context<Self>;

    fn started(&mut self, _ctx: &mut Self::Context) {
        let watch = Watch {
            client: Arc::clone(&self.client),
            patience: self.patience,
            status: Arc::clone(&self.status),
            directory: self.directory.clone(),
            clock: Arc::clone(&self.clock),
        };
        actix::spawn(watch.run());
    }
}

impl Handler<Perform> for MarathonActor {
    type Result = ();

    fn handle(&mut self, request: Perform, _ctx: &mut Context<Self>) {
        let (status, clock) = (Arc::clone(&self.status), Arc::clone(&self.clock));
        let Some(task) = Task::new(&request, &self.directory, status, clock) else { return };
        let session = Session::new(Arc::clone(&self.client), self.patience, task);
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
