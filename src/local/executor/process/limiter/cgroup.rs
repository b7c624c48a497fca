//! What groups of both versions of control groups share.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::{Group, Node, Record, files};
use crate::local::executor::limit::Bandwidth;
use crate::local::executor::usage::UsageMeter;
use crate::local::executor::{CpuUsage, ExecutorError};

/// What the counters say: the exact total, and its coarser parts in any common unit.
pub struct Reading {
    pub total: Duration,
    pub user: f64,
    pub system: f64,
}

/// Where the two versions differ.
pub trait Interface: Send + Sync {
    /// Sets the limit.
    fn limit(&self, bandwidth: Bandwidth) -> Result<(), ExecutorError>;
    /// Lifts the limit.
    fn unlimit(&self) -> Result<(), ExecutorError>;
    /// Reads the counters; nothing once the group is gone.
    fn read(&self) -> Option<Reading>;
}

/// More than a node has by this share, so that no rounding makes a task that may use all of it ask for more than its parent has.
const NODE_ROUNDING: f64 = 1.001;

/// Makes the group of a node, in which those of its tasks are, or finds it. What it has made of one that cannot be made goes again.
pub fn make_node(interface: &impl Interface, directories: &[PathBuf], cores: f64) -> Result<(), ExecutorError> {
    let mut new = Vec::new();
    let made = directories.iter().try_for_each(|directory| match fs::create_dir(directory) {
        Ok(()) => {
            new.push(directory);
            Ok(())
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(files::about(directory, e)),
    });
    let limited = made.and_then(|()| match new.is_empty() {
        true => Ok(()),
        false => interface.limit(Bandwidth::of_cores(cores * NODE_ROUNDING)),
    });
    limited.inspect_err(|_| new.into_iter().for_each(|directory| files::remove(directory)))
}

/// Where the group `name` is below the limiter's own.
pub fn below(node: Option<&Node>, name: &str) -> PathBuf {
    node.map_or_else(PathBuf::new, |node| PathBuf::from(&node.name)).join(name)
}

/// A group as one directory in each hierarchy that it needs. What the task has made below it (a container engine does, when it is
/// told to) is counted with the task, hears nothing of TERM, and ends with the task.
pub struct CgroupGroup<I> {
    interface: I,
    directories: Vec<PathBuf>,
    /// Where the same group would be in all other hierarchies: an engine makes it there, too.
    elsewhere: Vec<PathBuf>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    meter: UsageMeter,
    main: Option<Pid>,
    closed: bool,
}

impl<I: Interface> CgroupGroup<I> {
    /// Makes the directories and sets the limit, or leaves nothing.
    pub fn make(
        interface: I,
        directories: Vec<PathBuf>,
        elsewhere: Vec<PathBuf>,
        cores: f64,
    ) -> Result<Self, ExecutorError> {
        let group = CgroupGroup { interface, directories, elsewhere, state: Mutex::default() };
        let made = group
            .directories
            .iter()
            .try_for_each(|directory| fs::create_dir(directory).map_err(|e| files::about(directory, e)))
            .and_then(|()| group.limit(cores));
        if let Err(error) = made {
            group.close(&mut CpuUsage::default);
            return Err(error);
        }
        Ok(group)
    }

    fn everywhere(&self) -> impl Iterator<Item = &PathBuf> {
        self.directories.iter().chain(&self.elsewhere)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is plain numbers: valid whatever a panicking holder was doing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I: Interface> Group for CgroupGroup<I> {
    fn join(&self) -> Result<Vec<File>, ExecutorError> {
        self.directories.iter().map(|directory| files::open_for_joining(directory)).collect()
    }

    fn started(&self, main: Pid, _record: Arc<Record>) {
        self.state().main = Some(main);
    }

    fn limit(&self, cores: f64) -> Result<(), ExecutorError> {
        if self.state().closed { Ok(()) } else { self.interface.limit(Bandwidth::of_cores(cores)) }
    }

    fn usage(&self) -> CpuUsage {
        let mut state = self.state();
        match self.interface.read() {
            Some(reading) if !state.closed => state.meter.advance(reading.total, reading.user, reading.system),
            _ => state.meter.last(),
        }
    }

    fn signal(&self, signal: Signal) {
        // Held, so that the group is not closed, and a member's pid not given to another process, meanwhile.
        let state = self.state();
        if state.closed {
            return;
        }
        if signal == Signal::SIGKILL {
            // A process needs CPU time to end, too: under a small quota that can take seconds.
            let _ = self.interface.unlimit();
            self.everywhere().for_each(|directory| files::kill_all_below(directory));
            return;
        }
        // To the task's own processes. What runs in a group below is no child of theirs, unless it is the main process that
        // stepped down there with them: in version two it must, to have groups with limits beside it.
        let is_own = |group: &PathBuf| {
            self.directories.contains(group) || state.main.is_some_and(|main| files::members(group).contains(&main))
        };
        let groups = self.directories.iter().flat_map(|directory| files::with_all_below(directory));
        groups.filter(is_own).for_each(|group| files::signal_members(&group, signal));
    }

    fn has_others(&self) -> bool {
        let main = self.state().main;
        let groups = self.directories.iter().flat_map(|directory| files::with_all_below(directory));
        groups.into_iter().any(|group| files::members(&group).into_iter().any(|pid| Some(pid) != main))
    }

    fn close(&self, collect: &mut dyn FnMut() -> CpuUsage) {
        // The group's own counters know more than the main process's.
        collect();
        let _ = self.usage();
        self.state().closed = true;
        self.everywhere().for_each(|directory| files::remove_all_below(directory));
    }
}
