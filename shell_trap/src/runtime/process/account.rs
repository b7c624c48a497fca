//! Small figures about processes.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};

use crate::cgroup::CpuTime;

/// CPU time of this process's children that were collected.
pub fn of_children() -> CpuTime {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return CpuTime::default() };
    let time = |value: TimeVal| Duration::from_micros(u64::try_from(value.num_microseconds()).unwrap_or_default());
    let (user, system) = (time(usage.user_time()), time(usage.system_time()));
    CpuTime { total: user + system, user }
}

/// As a shell has it: 128 and the number for a signal.
pub fn code(status: std::process::ExitStatus) -> i64 {
    use std::os::unix::process::ExitStatusExt as _;
    let signalled = || status.signal().map_or(255, |signal| 128 + i64::from(signal));
    status.code().map_or_else(signalled, i64::from)
}

/// The cores that this process may use.
pub fn cores_of_node() -> f64 {
    // A count of cores is exact as a float.
    std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64)
}
