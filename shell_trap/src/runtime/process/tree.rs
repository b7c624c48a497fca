//! All processes of a session, and the CPU time that they have used.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use nix::unistd::{Pid, SysconfVar, sysconf};

use crate::cgroup::CpuTime;

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
        let mut now = BTreeMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
            let Some(pid) = pid else { continue };
            let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            if let Some((session, user, system)) = parse(&text)
                && session == self.session
            {
                now.insert(pid, (user, system));
            }
        }
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

/// Session, user and system ticks of `/proc/PID/stat`; the name in it may hold anything.
fn parse(text: &str) -> Option<(i32, u64, u64)> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    Some((fields.get(3)?.parse().ok()?, fields.get(11)?.parse().ok()?, fields.get(12)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_is_no_trap() {
        let text = "7 (a) b (c) S 1 7 42 0 -1 4194304 1 2 3 4 55 66 0 0 20 0 1 0 99 0 0";
        assert_eq!(parse(text), Some((42, 55, 66)));
        assert_eq!(parse("7 (x"), None);
    }
}
