//! Finding all processes of a job, whatever they did to hide: by its control groups, its session, and a variable that its processes
//! inherit.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::stat::{Stat, living};

/// What the job's processes inherit: the job, and the agent that started them.
pub const MARK: &str = "SHELL_TRAP_JOB";
/// What the names of control groups begin with.
const PREFIX: &str = "shell_trap-";
/// Between two looks for what is left.
const PAUSE: Duration = Duration::from_millis(5);
/// Looks until what does not end is given up: in the kernel, waiting for a device.
const LOOKS: u32 = 400;
/// Deeper than any hierarchy of control groups is nested.
const DEEPEST: usize = 16;

/// What is known about the processes of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// The value of [`MARK`].
    pub mark: String,
    /// The session of the job's first process.
    pub session: Option<i32>,
    /// Directories of its control groups.
    pub groups: Vec<PathBuf>,
}

impl Traces {
    /// Of what the agent that wrote `mark` starts, in these groups.
    pub fn of(mark: String, groups: Vec<PathBuf>) -> Self {
        Traces { mark, session: None, groups }
    }

    /// All that live, this process left out.
    pub fn members(&self) -> BTreeSet<i32> {
        let of_groups = self.groups.iter().flat_map(|group| members(group));
        let marked = living().filter(|(pid, stat)| {
            self.session == Some(stat.session) || mark_of(*pid).is_some_and(|mark| mark == self.mark)
        });
        let own = std::process::id().cast_signed();
        of_groups.chain(marked.map(|(pid, _)| pid)).filter(|pid| *pid != own && Stat::of(*pid).is_some()).collect()
    }

    /// Sends it to each.
    pub fn signal(&self, signal: Signal) {
        for pid in self.members() {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Kills all of them; whether none is left. The groups with their counters stay.
    pub fn end(&self) -> bool {
        end_all(|| self.members())
    }

    /// Removes the groups, which are empty.
    pub fn clear(&self) {
        self.groups.iter().for_each(|group| remove(group));
    }
}

/// What this process marks its run of the job `job` (hexadecimal) with: no other run ever has the same.
pub fn own_mark(job: &str) -> String {
    let pid = std::process::id();
    let began = Stat::of(pid.cast_signed()).map_or(0, |stat| stat.started);
    format!("{job}.{pid}.{began}")
}

/// The name of the control group of the run with this mark. Earlier versions named it by the job alone.
pub fn group_name(mark: &str) -> String {
    format!("{PREFIX}{mark}")
}

/// Ends what agents that are gone have left of the job `job` on this node; how many processes there were.
pub fn sweep(job: &str, roots: &[PathBuf]) -> usize {
    let mut groups = Vec::new();
    roots.iter().for_each(|root| of_job(root, job, DEEPEST, &mut groups));
    groups.retain(|group| !is_in_use(group));
    let left = || -> BTreeSet<i32> {
        let marked = living().filter(|(pid, _)| {
            mark_of(*pid).is_some_and(|mark| mark.split('.').next() == Some(job) && !is_kept(&mark))
        });
        marked.map(|(pid, _)| pid).chain(groups.iter().flat_map(|group| members(group))).collect()
    };
    let count = left().len();
    end_all(left);
    groups.iter().for_each(|group| remove(group));
    count
}

/// The agent that made this group still lives: by the group's name, or by what its processes inherited.
fn is_in_use(group: &Path) -> bool {
    let name = group.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mark = name.strip_prefix(PREFIX).unwrap_or_default();
    is_kept(mark) || members(group).into_iter().any(|pid| mark_of(pid).is_some_and(|mark| is_kept(&mark)))
}

/// The agent in this mark still lives.
fn is_kept(mark: &str) -> bool {
    let mut parts = mark.split('.').skip(1).map(str::parse::<u64>);
    let (Some(Ok(pid)), Some(Ok(started))) = (parts.next(), parts.next()) else { return false };
    i32::try_from(pid).ok().and_then(Stat::of).is_some_and(|stat| stat.started == started)
}

fn end_all(left: impl Fn() -> BTreeSet<i32>) -> bool {
    for _ in 0..LOOKS {
        let living = left();
        if living.is_empty() {
            return true;
        }
        for pid in living {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        std::thread::sleep(PAUSE);
    }
    false
}

/// The mark in the environment that a process was started with; none in those of other users.
fn mark_of(pid: i32) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = |variable: &[u8]| {
        let value = variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"=")?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    environment.split(|byte| *byte == 0).find_map(value)
}

fn members(group: &Path) -> Vec<i32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).filter(|pid| Stat::of(*pid).is_some()).collect()
}

/// Groups of any run of the job, of this version and of earlier ones.
fn of_job(directory: &Path, job: &str, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name();
        let mark = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).unwrap_or_default();
        if mark.split('.').next() == Some(job) {
            found.push(entry.path());
        } else if depth > 0 {
            of_job(&entry.path(), job, depth - 1, found);
        }
    }
}

/// Removes a group that is empty, or will be in a moment.
pub fn remove(group: &Path) {
    for _ in 0..20 {
        // The kernel says "busy" for a moment after the last member has ended.
        if fs::remove_dir(group).is_ok() || !group.exists() {
            break;
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    /// A process that leaves the session of its parent.
    fn hidden(mark: &str) -> Child {
        Command::new("setsid").args(["sleep", "600"]).env(MARK, mark).spawn().unwrap()
    }

    fn eventually(what: &str, mut look: impl FnMut() -> bool) {
        let began = std::time::Instant::now();
        while !look() {
            assert!(began.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
            std::thread::sleep(PAUSE);
        }
    }

    #[test]
    fn a_process_in_another_session_is_found_by_what_it_inherited() {
        let job = uuid::Uuid::new_v4().simple().to_string();
        let traces = Traces::of(own_mark(&job), Vec::new());
        let mut child = hidden(&traces.mark);
        let pid = child.id().cast_signed();
        eventually("the child", || traces.members().contains(&pid));
        // Its agent, this process, lives: it is nobody's leftover.
        assert_eq!(sweep(&job, &[]), 0);
        assert!(traces.end());
        assert!(!child.wait().unwrap().success());
        assert!(traces.members().is_empty());
    }

    #[test]
    fn groups_of_dead_agents_are_swept_also_those_of_earlier_versions_and_those_of_living_ones_stay() {
        let job = uuid::Uuid::new_v4().simple().to_string();
        let root = tempfile::tempdir().unwrap();
        let group = |name: String| root.path().join("task/below").join(name);
        let dead = [format!("{PREFIX}{job}"), group_name(&format!("{job}.4194305.1"))].map(group);
        let alive = [group_name(&own_mark(&job)), group_name(&format!("{job}0.4194305.1")), job.clone()].map(group);
        dead.iter().chain(&alive).for_each(|group| fs::create_dir_all(group).unwrap());
        // The directory that an agent's own mark is on is spared while it is empty, too.
        assert_eq!(sweep(&job, &[root.path().to_owned()]), 0);
        assert_eq!(dead.map(|group| group.exists()), [false, false]);
        assert_eq!(alive.map(|group| group.exists()), [true, true, true]);
    }

    #[test]
    fn what_a_dead_agent_left_is_swept_and_nothing_else() {
        let job = uuid::Uuid::new_v4().simple().to_string();
        // A number that no process has, and one whose process was started at another time.
        let mut left = [hidden(&format!("{job}.4194305.1")), hidden(&format!("{job}.{}.1", std::process::id()))];
        let mut other = hidden(&format!("{}.4194305.1", uuid::Uuid::new_v4().simple()));
        eventually("the children", || left.iter().chain([&other]).all(|c| mark_of(c.id().cast_signed()).is_some()));
        assert_eq!(sweep(&job, &[]), 2);
        left.iter_mut().for_each(|child| assert!(!child.wait().unwrap().success()));
        assert!(Stat::of(other.id().cast_signed()).is_some());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
