//! Measurements of long-running jobs between two looks: kept in memory, of which the newest goes into the log with the next look.

use actix::{AsyncContext, Context, Handler, Message};

use super::job::JobActor;
use super::submit::Submit;
use crate::api::agent::AllocationReply;
use crate::events::job::RescaleMode;
use crate::qos::ids::Framework;
use crate::qos::job::command::{LookFacts, SampleFacts};
use crate::qos::job::{Command, JobState};
use crate::qos::units::Cpus;

/// A measurement; losing it costs resolution only.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Option<AllocationReply>")]
pub struct Sample {
    /// What was measured.
    pub facts: SampleFacts,
    /// CPU of the job's node that nobody has reserved, when the source knows it.
    pub free: Option<Cpus>,
}

/// The newest measurements of one job.
#[derive(Debug, Default)]
pub struct Newest(LookFacts);

impl Newest {
    /// What is known when the job is looked at.
    pub fn facts(&self) -> LookFacts {
        self.0
    }

    fn note(&mut self, sample: Sample) {
        let order = |facts: SampleFacts| (facts.segment, facts.at);
        let newer = self.0.sample.is_none_or(|known| order(sample.facts) > order(known));
        if newer {
            self.0.sample = Some(sample.facts);
        }
        self.0.free = sample.free.or(self.0.free);
    }
}

impl Handler<Sample> for JobActor {
    type Result = Option<AllocationReply>;

    fn handle(&mut self, sample: Sample, ctx: &mut Context<Self>) -> Self::Result {
        self.newest.note(sample);
        let state = self.state.as_deref()?;
        if let Some(limit) = sample.facts.limit.filter(|limit| state.resizing_to == Some(*limit)) {
            ctx.notify(Submit::plain(Command::LimitInForce(limit)));
        }
        Some(allocation(state))
    }
}

/// What a job's agent is told: the last allocation that is on disk.
pub fn allocation(state: &JobState) -> AllocationReply {
    let supervision = &state.registered.supervision;
    let cpus = match supervision.rescale {
        // The framework brings a new CPU with a new task.
        RescaleMode::Restart => state.cpus,
        RescaleMode::InPlace => state.resizing_to.or(state.cpus_in_force()),
    };
    let ended = state.ending().is_some();
    AllocationReply {
        cpus: cpus.map(Cpus::as_f64),
        rescale: (state.registered.framework == Framework::Marathon).then(|| supervision.rescale.as_str().to_owned()),
        duplicate: None,
        ignored: ended.then(|| state.state_name().to_owned()),
    }
}
