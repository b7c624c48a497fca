//! Starting a process inside its limits, and collecting it. The only unsafe code of the executors.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::time::Duration;

use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, getppid, setsid, write};

use crate::local::executor::{CpuUsage, Exit};

/// Starts `command` as the leader of its own session, killed when the CALLING THREAD ends, and inside every cgroup
/// whose open `cgroup.procs` is in `join`. The program's first instruction already runs under the limits.
///
/// # Errors
/// When the process cannot be made, cannot join, or its program cannot be executed.
pub fn spawn(mut command: Command, join: Vec<File>) -> io::Result<Child> {
    let parent = Pid::this();
    let prepare = move || -> io::Result<()> {
        setsid()?;
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the signal was asked for.
        if getppid() != parent {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        for procs in &join {
            write(procs, b"0")?;
        }
        Ok(())
    };
    #[expect(unsafe_code, reason = "runs between fork and exec; makes system calls only, no allocation, no lock")]
    unsafe {
        command.pre_exec(prepare);
    }
    command.spawn()
}

/// Blocks until the child `pid` has ended, and leaves it to be collected by [`collect`]: until then its pid, and the
/// process group and session of that number, cannot be given to anybody else.
///
/// # Errors
/// When `pid` is not a child of this process that is still to be collected.
pub fn wait_until_ended(pid: Pid) -> nix::Result<()> {
    loop {
        match waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Err(nix::errno::Errno::EINTR) => {}
            other => return other.map(|_| ()),
        }
    }
}

/// Collects the ended child `pid`: how it ended, and the CPU time of itself and of all descendants it collected.
/// `None` when it has not ended or is no child of this process.
pub fn collect(pid: Pid) -> Option<(Exit, CpuUsage)> {
    let mut status: libc::c_int = 0;
    #[expect(unsafe_code, reason = "both pointers are to live locals; a zeroed rusage is a valid one")]
    let (collected, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid.as_raw(), &raw mut status, libc::WNOHANG, &raw mut usage), usage)
    };
    if collected != pid.as_raw() {
        return None;
    }
    let exit = if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    };
    Some((exit, CpuUsage { user: duration(usage.ru_utime), system: duration(usage.ru_stime) }))
}

/// Lets the calling thread run before ordinary ones where that is permitted: a controller that comes late on a loaded
/// machine overdraws what it controls.
pub fn favour_this_thread() {
    const NICENESS: libc::c_int = -10;
    #[expect(unsafe_code, reason = "passes three numbers; on Linux 0 means the calling thread alone")]
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS);
    }
}

fn duration(time: libc::timeval) -> Duration {
    // The kernel never reports a negative time.
    Duration::from_micros(time.tv_sec.unsigned_abs() * 1_000_000 + time.tv_usec.unsigned_abs())
}
