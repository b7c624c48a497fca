//! Waiting for what must come.

use std::time::{Duration, Instant};

/// Waits for something, and fails with `what` after two minutes: other work on the machine may slow everything.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
