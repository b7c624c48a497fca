//! Measurements of long-running jobs between two looks: kept in memory, of which the newest goes into the log with the next look.

use std::collections::VecDeque;

use actix::{AsyncContext, Context, Handler, Message};

use super::job::JobActor;
use super::submit::Submit;
use crate::api::agent::AllocationReply;
use crate::events::job::RescaleMode;
use crate::qos::ids::Framework;
use crate::qos::job::command::{LookFacts, SampleFacts, Witness};
use crate::qos::job::{Command, JobState};
use crate::qos::units::{Cpus, Span, Timestamp};

/// A measurement; losing it costs resolution only.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Option<AllocationReply>")]
pub enum Sample {
    /// By the job's agent.
    Pushed {
        /// What was measured.
        facts: SampleFacts,
        /// Its execution, if the agent says it.
        execution: Option<String>,
    },
    /// By the source that is asked.
    Read {
        /// What was measured.
        facts: SampleFacts,
        /// Since when the segment was known that was asked about: numbers of segments come again with another execution.
        since: Timestamp,
    },
}

/// Who tells the CPU time of long-running jobs. Two that measure differently would take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Their agents.
    Agents,
    /// A source that is asked. The agents tell the limit in force all the same, and their figures show whether the source measures
    /// the job at all.
    Source,
    /// The same, of a source that knows the job's container by its name: it cannot measure anything else, and may be minutes late, so
    /// that the agents' figures neither show nor confirm anything.
    Container,
}

/// So many figures of the agent are kept to check those of another source, whose reading may take a while, by.
const WITNESSES: usize = 16;

/// The newest measurements of one job's running segment.
#[derive(Debug)]
pub struct Newest {
    telling: Telling,
    /// By whoever tells.
    sample: Option<SampleFacts>,
    /// By the agent, oldest first, where somebody else tells.
    told: VecDeque<SampleFacts>,
}

impl Newest {
    /// Nothing yet.
    pub fn new(telling: Telling) -> Self {
        Newest { telling, sample: None, told: VecDeque::new() }
    }

    /// What is known when the job is looked at.
    pub fn facts(&self) -> LookFacts {
        let mut facts = LookFacts { sample: self.sample, ..LookFacts::default() };
        if self.telling != Telling::Agents {
            facts.witness = Witness::Silent;
            if let Some(sample) = &mut facts.sample {
                let mut told = self.told.iter().rev().filter(|told| told.segment == sample.segment);
                sample.limit = sample.limit.or_else(|| told.clone().find_map(|told| told.limit));
                // What was used by then is in the sample, if the sample is of the same.
                let earlier = told.find(|told| told.at <= sample.at);
                // The first figure of a segment is near zero, with which any other agrees.
                let not_the_first = told.next().is_some();
                facts.witness = earlier.filter(|_| not_the_first).map_or(Witness::Silent, |told| Witness::Says(*told));
            }
            if self.telling == Telling::Container {
                facts.witness = Witness::NotNeeded;
            }
        }
        facts
    }

    /// CPU time of the segment as its agent said last.
    pub fn by_the_agent(&self) -> Option<Span> {
        let told = match self.telling {
            Telling::Agents => self.sample.as_ref(),
            Telling::Source | Telling::Container => self.told.back(),
        };
        told.map(|told| told.cpu)
    }

    /// Forgets everything: another segment runs.
    pub fn clear(&mut self) {
        *self = Newest::new(self.telling);
    }

    fn note(&mut self, sample: &Sample) {
        let facts = match (sample, self.telling) {
            (Sample::Pushed { facts, .. }, Telling::Agents) => *facts,
            (Sample::Pushed { facts, .. }, Telling::Source | Telling::Container) => {
                if self.told.len() == WITNESSES {
                    self.told.pop_front();
                }
                self.told.push_back(*facts);
                return;
            }
            (Sample::Read { facts, .. }, _) => *facts,
        };
        if self.sample.is_none_or(|known| facts.at > known.at) {
            self.sample = Some(facts);
        }
    }
}

impl Handler<Sample> for JobActor {
    type Result = Option<AllocationReply>;

    fn handle(&mut self, mut sample: Sample, ctx: &mut Context<Self>) -> Self::Result {
        let ahead = self.ahead_of_the_wall_clock();
        let state = self.state.as_deref()?;
        // Measured by the wall clock, and kept by the job's.
        let (Sample::Pushed { facts, .. } | Sample::Read { facts, .. }) = &mut sample;
        facts.at = facts.at + ahead;
        // One of a segment that is not there must not stand in the way of those that are.
        if of_the_newest_segment(state, &sample) {
            if state.registered.framework == Framework::Chronos {
                // Other sources know the tasks of Marathon.
                self.newest.telling = Telling::Agents;
            }
            self.newest.note(&sample);
            if let Sample::Pushed { facts: SampleFacts { segment, limit: Some(cpus), .. }, .. } = sample
                && state.resizing_to == Some(cpus)
            {
                ctx.notify(Submit::plain(Command::LimitInForce { segment, cpus }));
            }
        }
        Some(allocation(state))
    }
}

/// Whether a measurement is of the newest segment, as far as it says; before the first segment any may be.
fn of_the_newest_segment(state: &JobState, sample: &Sample) -> bool {
    let newest = state.execution.as_ref().and_then(|execution| execution.segment.as_ref());
    newest.is_none_or(|newest| {
        let (facts, same) = match sample {
            Sample::Pushed { facts, execution } => (facts, newest.is_of(execution.as_ref())),
            Sample::Read { facts, since, .. } => (facts, newest.known_since == *since),
        };
        same && facts.segment.is_none_or(|segment| segment == newest.number)
    })
}

/// What a job's agent is told: the last allocation that is on disk.
pub fn allocation(state: &JobState) -> AllocationReply {
    let registered = &state.registered;
    // The agent of a chained job has nothing to wait for: no framework restarts its task.
    let rescale = if registered.chain { RescaleMode::InPlace } else { registered.supervision.rescale };
    let cpus = if state.resizes_in_place() {
        state.resizing_to.or(state.cpus_in_force())
    } else {
        // The framework brings a new CPU with a new task.
        state.cpus
    };
    let has_agent = registered.framework == Framework::Marathon || registered.chain;
    let ended = state.ending().is_some();
    AllocationReply {
        cpus: cpus.map(Cpus::as_f64),
        rescale: has_agent.then(|| rescale.as_str().to_owned()),
        duplicate: None,
        ignored: ended.then(|| state.state_name().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(seconds: i64, cpu: i64) -> SampleFacts {
        let at = Timestamp::from_micros(1_800_000_000_000_000) + Span::from_secs(seconds);
        SampleFacts { segment: Some(1), at, cpu: Span::from_micros(cpu), limit: None }
    }

    #[test]
    fn the_first_figure_of_an_agent_confirms_nothing() {
        let mut newest = Newest::new(Telling::Source);
        let tell = |newest: &mut Newest, seconds, cpu| {
            newest.note(&Sample::Pushed { facts: facts(seconds, cpu), execution: None });
        };
        let read = |newest: &mut Newest, seconds, cpu| {
            newest.note(&Sample::Read { facts: facts(seconds, cpu), since: facts(0, 0).at });
        };
        tell(&mut newest, 0, 20_000);
        // The agent's own CPU time, of a task whose container is elsewhere.
        read(&mut newest, 1, 80_000);
        assert_eq!(newest.facts().witness, Witness::Silent);
        tell(&mut newest, 3, 2_900_000);
        read(&mut newest, 4, 90_000);
        assert_eq!(newest.facts().witness, Witness::Says(facts(3, 2_900_000)), "which is another figure altogether");
        // One that is told after the reading is of a later time.
        tell(&mut newest, 6, 5_800_000);
        assert_eq!(newest.facts().witness, Witness::Says(facts(3, 2_900_000)));
    }
}
