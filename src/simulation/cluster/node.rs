//! One node: what it has and what is reserved of it.

use std::collections::BTreeMap;

use crate::qos::units::Cpus;

/// A node with the CPU that its tasks have reserved, and what they may use of it in place of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    capacity: Cpus,
    reserved: BTreeMap<usize, Cpus>,
    limits: BTreeMap<usize, Cpus>,
}

impl Node {
    /// An empty node with this much CPU.
    pub fn new(capacity: Cpus) -> Self {
        Node { capacity, reserved: BTreeMap::new(), limits: BTreeMap::new() }
    }

    /// What it has.
    pub fn capacity(&self) -> Cpus {
        self.capacity
    }

    /// What nobody has reserved.
    pub fn free(&self) -> Cpus {
        let reserved = self.reserved.values().fold(Cpus::from_milli(0), |sum, cpus| sum.saturating_add(*cpus));
        self.capacity.saturating_sub(reserved)
    }

    /// What `job` could have at most beside what the others may use.
    pub fn room_for(&self, job: usize) -> Cpus {
        let others = self.reserved.iter().filter(|(other, _)| **other != job);
        let used = others.map(|(other, reserved)| self.limits.get(other).unwrap_or(reserved));
        self.capacity.saturating_sub(used.fold(Cpus::from_milli(0), |sum, cpus| sum.saturating_add(*cpus)))
    }

    /// Reserves `cpus` for `job`, in place of what it had.
    pub fn reserve(&mut self, job: usize, cpus: Cpus) {
        self.reserved.insert(job, cpus);
        self.limits.remove(&job);
    }

    /// `job` may use `cpus`; what it has reserved stays.
    pub fn limit(&mut self, job: usize, cpus: Cpus) {
        self.limits.insert(job, cpus);
    }

    /// `job` has gone.
    pub fn release(&mut self, job: usize) {
        self.reserved.remove(&job);
        self.limits.remove(&job);
    }
}
