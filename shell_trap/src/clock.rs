//! The two clocks: the wall clock for instants that are reported, the monotonic one for everything that is decided.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Seconds since 1970 by this node's wall clock, with fractions.
pub fn unix_seconds() -> f64 {
    seconds(ClockId::CLOCK_REALTIME).as_secs_f64()
}

/// Time since boot, the time spent in suspend included: a lease must run out on a node that was asleep, too.
pub fn since_boot() -> Duration {
    seconds(ClockId::CLOCK_BOOTTIME)
}

fn seconds(clock: ClockId) -> Duration {
    // Both clocks exist on each Linux since 2.6.39; a failure would read as zero, which makes a lease look expired: safe.
    clock_gettime(clock).map(Duration::from).unwrap_or_default()
}
