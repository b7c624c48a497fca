//! The newest of many.

use serde::{Deserialize, Serialize};

/// The newest values, oldest first, never more than a fixed number. A few dozen bytes to copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent<T> {
    values: Vec<T>,
    most: usize,
}

impl<T> Recent<T> {
    /// Keeps the newest `most` values.
    pub const fn of(most: usize) -> Self {
        Recent { values: Vec::new(), most }
    }

    /// Takes a value in, and forgets the oldest when there is no room.
    pub fn push(&mut self, value: T) {
        if self.most == 0 {
            return;
        }
        if self.values.len() >= self.most {
            self.values.remove(0);
        }
        self.values.push(value);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.values.clear();
    }

    /// The values, oldest first.
    pub fn as_slice(&self) -> &[T] {
        &self.values
    }

    /// The newest value.
    pub fn last(&self) -> Option<&T> {
        self.values.last()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_when_there_is_no_room() {
        let mut recent = Recent::of(3);
        (1..=5).for_each(|n| recent.push(n));
        assert_eq!(recent.as_slice(), [3, 4, 5]);
        let mut none = Recent::of(0);
        none.push(1);
        assert!(none.is_empty());
    }
}
