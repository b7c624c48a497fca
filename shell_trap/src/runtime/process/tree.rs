//! All processes of a session, and the CPU time that they have used.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::unistd::{Pid, SysconfVar, sysconf};

use crate::cgroup::CpuTime;
use crate::stat::{self, Stat};

/// Sums over processes that come and go.
#[derive(Debug)]
pub struct Tree {
    session: i32,
    ticks: f64,
    /// By process: what was seen last, in ticks, user and system.
    seen: BTreeMap<i32, (u64, u64)>,
    gone: (u64, u64),
}

impl Tree {
    /// Of the session that `leader` leads.
    pub fn of(leader: Pid) -> Self {
        let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
        // A hundred, or a thousand at most.
        Tree { session: leader.as_raw(), ticks: ticks as f64, seen: BTreeMap::new(), gone: (0, 0) }
    }

    /// Looks at all processes now; what those have used that are gone is kept.
    pub fn look(&mut self) -> CpuTime {
        let session = self.session;
        let found = stat::processes().filter(|(_, stat)| stat.session == session);
        let now = found.map(|(pid, stat)| (pid, (stat.user, stat.system))).collect();
        self.take(now)
    }

    /// Looks at those that are known, which costs a small part of it.
    pub fn glance(&mut self) -> CpuTime {
        let known = self.seen.keys().filter_map(|pid| Some((*pid, Stat::any(*pid)?)));
        let session = self.session;
        let now = known.filter(|(_, stat)| stat.session == session);
        let now = now.map(|(pid, stat)| (pid, (stat.user, stat.system))).collect();
        self.take(now)
    }

    fn take(&mut self, now: BTreeMap<i32, (u64, u64)>) -> CpuTime {
        for (pid, (user, system)) in &self.seen {
            if !now.contains_key(pid) {
                self.gone.0 += user;
                self.gone.1 += system;
            }
        }
        self.seen = now;
        let sum = |part: fn(&(u64, u64)) -> u64| self.seen.values().map(part).sum::<u64>() + part(&self.gone);
        let time = |ticks: u64| Duration::from_secs_f64(ticks as f64 / self.ticks);
        let (user, system) = (sum(|v| v.0), sum(|v| v.1));
        CpuTime { total: time(user + system), user: time(user) }
    }

    /// Those that were seen last.
    pub fn members(&self) -> impl Iterator<Item = Pid> + '_ {
        self.seen.keys().copied().map(Pid::from_raw)
    }
}
