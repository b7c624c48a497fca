//! Processes that hold leases: who this one is, and whether another still lives.

use std::fs;

use super::state::Holder;
use crate::stat::Stat;

/// This process, as a holder on `node`.
pub fn this_process(engine: &str, task: Option<&str>) -> Holder {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let hostname = nix::unistd::gethostname().unwrap_or_default();
    let pid = std::process::id();
    let limited = |text: &str| text.chars().take(200).collect::<String>();
    Holder {
        node: format!("{}/{engine}", boot.trim()),
        hostname: limited(&hostname.to_string_lossy()),
        task: limited(task.unwrap_or_default()),
        pid,
        pid_started: started(pid).unwrap_or_default(),
        pid_namespace: pid_namespace(),
    }
}

fn pid_namespace() -> String {
    fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned()).unwrap_or_default()
}

/// When it was started; a zombie has ended, and its parent just did not look yet.
fn started(pid: u32) -> Option<u64> {
    Stat::of(i32::try_from(pid).ok()?).map(|stat| stat.started)
}

/// Only a process whose number means the same here can be called dead.
pub(super) fn is_dead_here(holder: &Holder, us: &Holder) -> bool {
    let comparable = holder.node == us.node && holder.pid_namespace == us.pid_namespace && holder.pid != 0;
    comparable && started(holder.pid) != Some(holder.pid_started)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(pid: u32) -> Holder {
        Holder { pid, pid_started: started(pid).unwrap_or(0), ..this_process("engine", None) }
    }

    #[test]
    fn a_dead_process_of_this_node_is_known_as_dead() {
        let us = this_process("engine", None);
        assert!(!is_dead_here(&us, &us));
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let holder = here(child.id());
        assert!(!is_dead_here(&holder, &us));
        child.kill().unwrap();
        while started(child.id()).is_some() {
            std::thread::yield_now();
        }
        assert!(is_dead_here(&holder, &us), "a zombie counts as dead");
        child.wait().unwrap();
        assert!(is_dead_here(&holder, &us));
        let elsewhere = Holder { node: "other".into(), ..holder };
        assert!(!is_dead_here(&elsewhere, &us), "of other nodes nothing is known");
    }
}
