//! From a ruling to one transaction: events, effects, the stored reply and the job's row, all or nothing.

use std::collections::BTreeSet;

use crate::events::envelope::{NewEvent, StreamId, Version};
use crate::events::job::JobEvent;
use crate::events::store::{Append, JobRow, NewEffect, NewReply, OutboxChange};
use crate::qos::ids::JobId;
use crate::qos::job::{EffectChange, EffectKey, JobState, Recorded, Reply, react};
use crate::qos::units::Timestamp;

use super::outbox::Settled;
use super::submit::{Receipt, SubmitError};
use super::view::job_view;

/// The state after `events`, recorded at `now`. `None` when they do not begin with a registration and there was none.
pub fn advance(state: Option<&JobState>, events: &[JobEvent], now: Timestamp) -> Option<JobState> {
    let mut next = state.cloned();
    for event in events {
        let version = next.as_ref().map_or(0, |state| state.version) + 1;
        let recorded = Recorded { version, at: now, event: event.clone() };
        if !JobState::follow(&mut next, &recorded) {
            return None;
        }
    }
    next
}

/// What goes to disk for `events`, which lead from `before` to `after`. `pending` are the job's effects that wait, and afterwards
/// those that will; a statement is only made for what changes.
pub fn append(
    job: JobId,
    before: Option<&JobState>,
    after: &JobState,
    events: &[JobEvent],
    pending: &mut BTreeSet<EffectKey>,
    answer: Option<(&Receipt, &Reply)>,
    now: Timestamp,
) -> Result<Append, SubmitError> {
    let internal = |error: serde_json::Error| SubmitError::Internal(error.to_string());
    let stream = StreamId::Job(job);
    let mut encoded = Vec::with_capacity(events.len());
    for event in events {
        let data = event.encode().map_err(internal)?;
        encoded.push(NewEvent { kind: event.kind(), schema: event.schema(), at: now, data });
    }
    let expected = Version(before.map_or(0, |state| state.version));
    let mut append = Append::at(now).events(stream, expected, encoded);
    for change in react(after, events) {
        append = match change {
            EffectChange::ResolveAll if pending.is_empty() => append,
            EffectChange::ResolveAll => {
                pending.clear();
                append.resolve_all(stream)
            }
            EffectChange::Resolve(key) if pending.remove(&key) => append.resolve(stream, key.as_str()),
            EffectChange::Resolve(_) => append,
            EffectChange::Add(effect) => {
                let (key, payload) = (effect.key(), serde_json::to_string(&effect).map_err(internal)?);
                let name = key.as_str();
                // A newer effect takes the place of an older one of its kind, also of one that these events have just settled.
                let settled_now = append.outbox.iter().position(|change| is_resolve(change, name));
                if let Some(settled_now) = settled_now {
                    append.outbox.remove(settled_now);
                }
                if pending.insert(key) && settled_now.is_none() {
                    append.effect(stream, name, name, payload)
                } else {
                    append.replace_effect(NewEffect { stream, effect_key: name.into(), kind: name.into(), payload })
                }
            }
        };
    }
    if let Some((receipt, reply)) = answer {
        let reply = serde_json::to_string(reply).map_err(internal)?;
        append = append.reply(NewReply { stream, key: receipt.key.clone(), digest: receipt.digest, reply });
    }
    if before.is_none_or(|before| row_differs(before, after)) {
        append = append.job(row(job, after)?);
    }
    Ok(append)
}

/// The effects that `append` settles, of those that waited before it.
pub fn settled(append: &Append) -> Vec<Settled> {
    let settled = append.outbox.iter().filter_map(|change| match change {
        OutboxChange::Add(_) => None,
        OutboxChange::Resolve { effect_key, .. } | OutboxChange::Replace(NewEffect { effect_key, .. }) => {
            Some(Settled::One(effect_key.clone()))
        }
        OutboxChange::ResolveAll { .. } => Some(Settled::All),
    });
    settled.collect()
}

fn is_resolve(change: &OutboxChange, key: &str) -> bool {
    matches!(change, OutboxChange::Resolve { effect_key, .. } if effect_key == key)
}

/// The row is written when what lists and look-ups show has changed, not with every event.
fn row_differs(before: &JobState, after: &JobState) -> bool {
    before.state_name() != after.state_name() || before.is_finished() != after.is_finished()
}

fn row(job: JobId, state: &JobState) -> Result<JobRow, SubmitError> {
    let view = job_view(state);
    let finished = state.is_finished();
    let text = finished.then(|| serde_json::to_string(&view)).transpose();
    Ok(JobRow {
        uuid: job,
        framework: state.registered.framework,
        name: state.registered.name.clone(),
        state: state.state_name().to_owned(),
        active: !finished,
        registered_at: state.registered_at,
        finished_at: super::view::finished_at(state),
        version: Version(state.version),
        view: text.map_err(|error| SubmitError::Internal(error.to_string()))?,
    })
}
