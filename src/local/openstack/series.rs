//! The metrics that were taken, in memory.

use std::collections::BTreeMap;

/// Values that are kept, over all series.
const MOST_VALUES: usize = 1_000_000;

/// What makes two values of one series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub tenant: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
}

/// By instant, in milliseconds.
pub(super) type Values = BTreeMap<i64, f64>;

#[derive(Debug, Default)]
pub(super) struct Store {
    series: BTreeMap<Key, Values>,
    count: usize,
}

impl Store {
    /// Keeps a value; an earlier one of the same series and millisecond is overwritten. The oldest make room for the newest.
    pub fn put(&mut self, key: Key, at: i64, value: f64) {
        let values = self.series.entry(key).or_default();
        self.count += usize::from(values.insert(at, value).is_none());
        while self.count > MOST_VALUES {
            let oldest = self.series.iter_mut().min_by_key(|(_, values)| values.keys().next().copied());
            let Some((key, values)) = oldest.map(|(key, values)| (key.clone(), values)) else { return };
            self.count -= usize::from(values.pop_first().is_some());
            if values.is_empty() {
                self.series.remove(&key);
            }
        }
    }

    /// Every series.
    pub fn all(&self) -> impl Iterator<Item = (&Key, &Values)> {
        self.series.iter()
    }

    /// The series of `tenant` that `wanted` takes.
    pub fn matching<'a>(
        &'a self,
        tenant: &'a str,
        wanted: impl Fn(&Key) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a Key, &'a Values)> {
        self.series.iter().filter(move |(key, _)| key.tenant == tenant && wanted(key))
    }
}
