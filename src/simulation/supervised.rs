//! One job under the rules of production: commands in, events applied, effects kept until they are performed.

use std::collections::VecDeque;

use crate::events::job::JobEvent;
use crate::qos::job::{
    Command, Effect, EffectChange, EffectKey, JobState, Recorded, Rejection, Reply, Ruling, decide, react,
};
use crate::qos::units::{Cpus, Timestamp};

/// A job's state and what it waits for outside.
#[derive(Debug, Default)]
pub struct Supervised {
    state: Option<JobState>,
    pending: VecDeque<Effect>,
    resizes: Resizes,
}

/// What a command has led to.
#[derive(Debug)]
pub struct Outcome {
    /// The answer.
    pub reply: Reply,
    /// What was recorded.
    pub events: Vec<JobEvent>,
}

impl Supervised {
    /// Decides, applies and reacts, as production does.
    ///
    /// # Errors
    /// When the command does not fit the job's state; then nothing has changed.
    pub fn submit(&mut self, command: Command, now: Timestamp) -> Result<Outcome, Rejection> {
        let ruling = decide(self.state.as_ref(), command, now)?;
        Ok(self.record(ruling, now))
    }

    /// As [`Supervised::submit`], but the job is taken to have been looked at last at `looked_at`.
    ///
    /// A monitor with one clock for all jobs looks at a new one at any phase of its period; the rules of production, where the first
    /// look comes one period after the start, are told an earlier begin of the period.
    pub fn begin_execution(
        &mut self,
        command: Command,
        now: Timestamp,
        looked_at: Timestamp,
    ) -> Result<Outcome, Rejection> {
        let mut ruling = decide(self.state.as_ref(), command, now)?;
        for event in &mut ruling.events {
            if let JobEvent::MarathonStarted(started) = event {
                started.received_at = looked_at;
            }
        }
        Ok(self.record(ruling, now))
    }

    /// The state; none before the registration.
    pub fn state(&self) -> Option<&JobState> {
        self.state.as_ref()
    }

    /// The effect that is to be performed next.
    pub fn next_effect(&self) -> Option<&Effect> {
        self.pending.front()
    }

    /// How often its CPU was changed one way, the other and the first again at three decisions in a row.
    pub fn zigzags(&self) -> u32 {
        self.resizes.zigzags
    }

    fn record(&mut self, ruling: Ruling, now: Timestamp) -> Outcome {
        let Ruling { events, reply } = ruling;
        for event in &events {
            let version = self.state.as_ref().map_or(0, |state| state.version) + 1;
            let recorded = Recorded { version, at: now, event: event.clone() };
            self.resizes.note(event);
            // No command but a registration is accepted without a state.
            JobState::follow(&mut self.state, &recorded);
        }
        let changes = self.state.as_ref().map_or(vec![], |state| react(state, &events));
        for change in changes {
            match change {
                EffectChange::ResolveAll => self.pending.clear(),
                EffectChange::Resolve(key) => self.resolve(key),
                EffectChange::Add(effect) => {
                    self.resolve(effect.key());
                    let place = effect.key().place_among(self.pending.iter().map(Effect::key));
                    self.pending.insert(place, effect);
                }
            }
        }
        Outcome { reply, events }
    }

    fn resolve(&mut self, key: EffectKey) {
        self.pending.retain(|effect| effect.key() != key);
    }
}

/// The directions of the last resizes.
#[derive(Debug, Default)]
struct Resizes {
    periods: u32,
    cpus: Option<Cpus>,
    last: VecDeque<(u32, bool)>,
    zigzags: u32,
}

impl Resizes {
    fn note(&mut self, event: &JobEvent) {
        match event {
            JobEvent::IterationFinished(_) | JobEvent::ProgressDecided(_) => self.periods += 1,
            JobEvent::Registered(registered) => self.cpus = registered.cpus,
            // Only what took effect counts: a job may be decided about several times before its next iteration.
            JobEvent::RescaleApplied(applied) => {
                if let Some(from) = self.cpus.replace(applied.cpus).filter(|from| *from != applied.cpus) {
                    self.resized(from, applied.cpus);
                }
            }
            _ => {}
        }
    }

    fn resized(&mut self, from: Cpus, to: Cpus) {
        if self.last.len() == 3 {
            self.last.pop_front();
        }
        self.last.push_back((self.periods, to > from));
        if let [(first, a), (_, b), (third, c)] = self.last.make_contiguous()
            && *a == *c
            && *a != *b
            && *third - *first <= 2
        {
            self.zigzags += 1;
        }
    }
}
