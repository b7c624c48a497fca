//! One node: what it has and what is reserved of it.

use std::collections::BTreeMap;

use crate::qos::units::Cpus;

/// A node with the CPU that its tasks have reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    capacity: Cpus,
    reserved: BTreeMap<usize, Cpus>,
}

impl Node {
    /// An empty node with this much CPU.
    pub fn new(capacity: Cpus) -> Self {
        Node { capacity, reserved: BTreeMap::new() }
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

    /// What `job` could have at most.
    pub fn room_for(&self, job: usize) -> Cpus {
        self.free().saturating_add(self.reserved.get(&job).copied().unwrap_or(Cpus::from_milli(0)))
    }

    /// Reserves `cpus` for `job`, in place of what it had.
    pub fn reserve(&mut self, job: usize, cpus: Cpus) {
        self.reserved.insert(job, cpus);
    }

    /// `job` has gone.
    pub fn release(&mut self, job: usize) {
        self.reserved.remove(&job);
    }
}
