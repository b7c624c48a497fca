//! How long a job's effects take, by a clock that nobody sets. Effects from before a restart are not timed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::figures::Figures;
use super::outbox::Settled;
use crate::events::store::OutboxRow;
use crate::qos::ids::Framework;
use crate::qos::job::{Effect, EffectKey};
use crate::qos::units::Timestamp;

/// Since when each of a job's effects has been due.
#[derive(Debug, Default)]
pub struct EffectTimes(BTreeMap<EffectKey, Instant>);

impl EffectTimes {
    /// Takes into account what a transaction, committed at `now`, has settled and then added.
    pub fn committed(
        &mut self,
        settled: &[Settled],
        added: &[OutboxRow],
        now: Timestamp,
        framework: Framework,
        figures: &Figures,
    ) {
        for settled in settled {
            match settled {
                // Nobody waited for what is not wanted any more.
                Settled::All => self.0.clear(),
                Settled::One(key) => {
                    let timed = EffectKey::named(key).and_then(|key| Some((key, self.0.remove(&key)?)));
                    if let Some((key, due)) = timed {
                        figures.settled(framework, key, due.elapsed());
                    }
                }
            }
        }
        for row in added {
            let Ok(effect) = serde_json::from_str::<Effect>(&row.payload) else { continue };
            let planned = match effect {
                Effect::StartIteration { not_before, .. } => not_before.since(now).to_std(),
                _ => Duration::ZERO,
            };
            if let Some(due) = Instant::now().checked_add(planned) {
                self.0.insert(effect.key(), due);
            }
        }
    }
}

#[cfg(test)]
#[path = "effect_times_tests.rs"]
mod tests;
