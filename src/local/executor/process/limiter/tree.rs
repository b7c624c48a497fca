//! The processes of one task, found without control groups, and the CPU time of all that ever were among them.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::time::ClockId;
use nix::unistd::Pid;
use procfs::process::{Process, Stat};

use crate::local::executor::CpuUsage;
use crate::local::executor::process::identity::{self, Identity};
use crate::local::executor::process::spawn;

/// A member as it was last seen.
#[derive(Debug, Clone, Copy)]
struct Seen {
    start: u64,
    group: i32,
    /// Its own CPU time, of all its threads.
    own: Duration,
    /// CPU time of the children that it collected; the kernel shows it in ticks.
    children: Duration,
    user_ticks: u64,
    system_ticks: u64,
    ended: bool,
    running: bool,
}

/// A main process, everything that descends from it, and everything that still carries the task's key.
///
/// CPU time is the sum over the living members and the children they collected, plus what this process collected
/// itself, plus the last reading of members that vanished and have not shown up in anybody's children yet (the
/// kernel's counter of those moves in ticks, or not at all when the parent ignores its children's end).
#[derive(Debug)]
pub struct Tree {
    main: Pid,
    key: String,
    members: BTreeMap<i32, Seen>,
    /// Looked at and found to belong to others.
    foreign: HashSet<Identity>,
    collected: CpuUsage,
    vanished: Duration,
}

impl Tree {
    /// The tree below `main`, a session leader whose environment holds `key`.
    pub fn of(main: Pid, key: &str) -> Self {
        let mut tree = Tree {
            main,
            key: key.to_owned(),
            members: BTreeMap::new(),
            foreign: HashSet::new(),
            collected: CpuUsage::default(),
            vanished: Duration::ZERO,
        };
        if let Some((stat, seen)) = look(main.as_raw()) {
            tree.members.insert(stat.pid, seen);
        }
        tree
    }

    /// Looks at the members and their children; a thorough look also finds those that left their family.
    pub fn look(&mut self, thorough: bool) {
        let before = std::mem::take(&mut self.members);
        let mut queue: Vec<i32> = before.keys().copied().collect();
        if thorough {
            queue.extend(self.strays(&before));
        }
        let mut gone_to_us = HashSet::new();
        while let Some(pid) = queue.pop() {
            if self.members.contains_key(&pid) {
                continue;
            }
            let Some((stat, seen)) = look(pid) else { continue };
            if before.get(&pid).is_some_and(|known| known.start != seen.start) {
                continue; // The number belongs to another process now.
            }
            let ours_to_collect = seen.ended && pid != self.main.as_raw() && Pid::from_raw(stat.ppid) == Pid::this();
            if ours_to_collect && let Some((_, usage)) = spawn::collect(Pid::from_raw(pid)) {
                self.collected.user += usage.user;
                self.collected.system += usage.system;
                gone_to_us.insert(pid);
                continue;
            }
            if !seen.ended {
                queue.extend(children(pid));
            }
            self.members.insert(pid, seen);
        }
        self.account(&before, &gone_to_us);
    }

    fn account(&mut self, before: &BTreeMap<i32, Seen>, gone_to_us: &HashSet<i32>) {
        let mut grown = Duration::ZERO;
        for (pid, was) in before {
            match self.members.get(pid) {
                Some(is) => grown += is.children.saturating_sub(was.children),
                None if gone_to_us.contains(pid) => {}
                None => self.vanished += was.own + was.children,
            }
        }
        self.vanished = self.vanished.saturating_sub(grown);
    }

    /// Members of the session or bearers of the key that are not among `known`.
    fn strays(&mut self, known: &BTreeMap<i32, Seen>) -> Vec<i32> {
        let Ok(all) = procfs::process::all_processes() else { return Vec::new() };
        let mut strays = Vec::new();
        let mut foreign = HashSet::new();
        for process in all.flatten().filter(|p| !known.contains_key(&p.pid)) {
            let Ok(stat) = process.stat() else { continue };
            let identity = Identity::of(&stat);
            if stat.session == self.main.as_raw() {
                strays.push(stat.pid);
            } else if self.foreign.contains(&identity) || !identity::carries_key(stat.pid, &self.key) {
                foreign.insert(identity);
            } else {
                strays.push(stat.pid);
            }
        }
        self.foreign = foreign;
        strays
    }

    /// CPU time of all members so far.
    pub fn total(&self) -> Duration {
        self.members.values().map(|seen| seen.own + seen.children).sum::<Duration>()
            + self.collected.user
            + self.collected.system
            + self.vanished
    }

    /// User and system time in seconds, at the coarse resolution of the kernel's ticks.
    pub fn coarse(&self) -> (f64, f64) {
        let ticks = procfs::ticks_per_second() as f64;
        let sum = |part: fn(&Seen) -> u64| self.members.values().map(part).sum::<u64>() as f64 / ticks;
        (
            sum(|seen| seen.user_ticks) + self.collected.user.as_secs_f64(),
            sum(|seen| seen.system_ticks) + self.collected.system.as_secs_f64(),
        )
    }

    /// The main process was collected outside, with this usage of itself and its descendants.
    pub fn main_collected(&mut self, usage: CpuUsage) {
        if let Some(seen) = self.members.remove(&self.main.as_raw()) {
            let grown = usage.total().saturating_sub(seen.own + seen.children);
            self.vanished = self.vanished.saturating_sub(grown);
        }
        self.collected.user += usage.user;
        self.collected.system += usage.system;
    }

    /// Signals every member that has not ended. Only legal while the main process is uncollected.
    pub fn signal(&self, signal: Signal) {
        let _ = killpg(self.main, signal);
        let elsewhere = |seen: &Seen| !seen.ended && seen.group != self.main.as_raw();
        for (pid, _) in self.members.iter().filter(|(_, seen)| elsewhere(seen)) {
            let _ = kill(Pid::from_raw(*pid), signal);
        }
    }

    /// Whether a member could use CPU time now, although all were told to stop.
    pub fn any_running(&self) -> bool {
        self.members.values().any(|seen| seen.running)
    }

    /// Whether a member other than the main process has not ended.
    pub fn has_others(&self) -> bool {
        self.members.iter().any(|(&pid, seen)| pid != self.main.as_raw() && !seen.ended)
    }

    /// The members that have not ended.
    pub fn identities(&self) -> Vec<Identity> {
        let living = self.members.iter().filter(|(_, seen)| !seen.ended);
        living.map(|(&pid, seen)| Identity { pid, start: seen.start }).collect()
    }
}

fn look(pid: i32) -> Option<(Stat, Seen)> {
    let stat = Process::new(pid).and_then(|process| process.stat()).ok()?;
    let ticks = |count: u64| Duration::from_secs_f64(count as f64 / procfs::ticks_per_second() as f64);
    // Nanoseconds over all threads, those that ended too; readable until the process is collected.
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid)).and_then(ClockId::now);
    let own = clock.map_or_else(|_| ticks(stat.utime + stat.stime), Duration::from);
    let from_children = |count: i64| u64::try_from(count).unwrap_or(0);
    let (user, system) = (from_children(stat.cutime), from_children(stat.cstime));
    let seen = Seen {
        start: stat.starttime,
        group: stat.pgrp,
        own,
        children: ticks(user + system),
        user_ticks: stat.utime + user,
        system_ticks: stat.stime + system,
        ended: matches!(stat.state, 'Z' | 'X'),
        running: matches!(stat.state, 'R' | 'S' | 'D'),
    };
    Some((stat, seen))
}

/// The kernel may leave some out while others end; a later look finds them.
fn children(pid: i32) -> Vec<i32> {
    let Ok(tasks) = Process::new(pid).and_then(|process| process.tasks()) else { return Vec::new() };
    let of_threads = tasks.flatten().filter_map(|task| task.children().ok()).flatten();
    of_threads.filter_map(|child| i32::try_from(child).ok()).collect()
}
