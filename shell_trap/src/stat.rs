//! The processes of this machine, as the kernel tells of them.

use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// All processes that have not ended.
pub fn living() -> impl Iterator<Item = (i32, Stat)> {
    processes().filter(|(_, stat)| !stat.ended)
}

/// All processes, with those that have ended and wait to be collected.
pub fn processes() -> impl Iterator<Item = (i32, Stat)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    pids.filter_map(|pid| Some((pid, Stat::any(pid)?)))
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Its session.
    pub session: i32,
    /// Ticks of CPU time in user mode.
    pub user: u64,
    /// Ticks of CPU time in the kernel.
    pub system: u64,
    /// Ticks of CPU time of its children that have ended and were waited for, and of theirs.
    pub children: u64,
    /// When it was started, in ticks since boot: numbers are given again.
    pub started: u64,
    /// It has ended and waits to be collected.
    pub ended: bool,
}

impl Stat {
    /// Of one that has not ended.
    pub fn of(pid: i32) -> Option<Self> {
        Self::any(pid).filter(|stat| !stat.ended)
    }

    /// Of one that may have ended, and waits to be collected.
    pub fn any(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name in it may hold anything.
    fn parse(text: &str) -> Option<Self> {
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
        let ended = matches!(*fields.first()?, "Z" | "X");
        let session = fields.get(3)?.parse().ok()?;
        let children = number(13)?.saturating_add(number(14)?);
        Some(Stat { session, user: number(11)?, system: number(12)?, children, started: number(19)?, ended })
    }
}

/// CPU time that a process has used itself, those of its threads that have ended included; one that CRIU has restored begins
/// at nothing.
pub fn cpu_clock(pid: i32) -> Option<Duration> {
    clock_getcpuclockid(Pid::from_raw(pid)).and_then(ClockId::now).ok().map(Duration::from)
}

/// CPU time of a process's children that have ended and that it has waited for, and of theirs, in whole ticks; one that CRIU
/// has restored begins at nothing.
pub fn cpu_of_children(pid: i32) -> Option<Duration> {
    let ticks = Stat::of(pid)?.children;
    let hertz = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|hertz| u32::try_from(hertz).ok())?;
    Some(Duration::from_secs_f64(ticks as f64 / f64::from(hertz.max(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_children_is_counted_once_they_were_waited_for() {
        let script = "i=0; (while [ $i -lt 300000 ]; do i=$((i+1)); done); echo over; read end";
        let mut shell = std::process::Command::new("sh");
        let shell = shell.args(["-c", script]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut over = [0; 5];
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut over).unwrap();
        let pid = shell.id().cast_signed();
        let (children, own) = (cpu_of_children(pid).unwrap(), cpu_clock(pid).unwrap());
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert!(children >= Duration::from_millis(20) && children > own, "{children:?} of the children, {own:?} own");
        assert_eq!(cpu_of_children(pid), None);
    }

    #[test]
    fn a_process_s_own_clock_counts_its_work_and_nobody_has_that_of_one_that_is_gone() {
        let own = || cpu_clock(std::process::id().cast_signed()).unwrap();
        let before = own();
        while own() < before + Duration::from_millis(5) {
            std::hint::black_box(0);
        }
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert_eq!(cpu_clock(child.id().cast_signed()), None);
    }

    #[test]
    fn a_name_with_brackets_and_blanks_is_no_trap_and_the_dead_are_known() {
        let text = "7 (a) b (c) S 1 7 42 0 -1 4194304 1 2 3 4 55 66 7 8 20 0 1 0 99 0 0";
        assert_eq!(
            Stat::parse(text),
            Some(Stat { session: 42, user: 55, system: 66, children: 15, started: 99, ended: false })
        );
        assert!(Stat::parse(&text.replace(") S ", ") Z ")).unwrap().ended);
        assert_eq!(Stat::parse("7 (x"), None);
    }
}
