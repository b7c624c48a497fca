//! Holds one thread to one virtual CPU.

use std::thread;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// What a thread may catch up at most, in time at its rate: a little more than one period of the limiters, so that a
/// thread and its container can be held to the same rate without losing to each other.
const CATCH_UP: Duration = Duration::from_millis(60);
/// The same in CPU time.
const CATCH_UP_CPU: Duration = Duration::from_millis(20);
/// What a thread runs in one go before it rests, in time at its rate.
const SLICE: Duration = Duration::from_millis(20);

/// Credit in CPU seconds; pure arithmetic.
#[derive(Debug)]
struct Credit {
    rate: f64,
    balance: f64,
}

impl Credit {
    /// `used` CPU time was used in the last `elapsed`; how long to rest now.
    fn spend(&mut self, elapsed: Duration, used: Duration) -> Duration {
        let most = (self.rate * CATCH_UP.as_secs_f64()).min(CATCH_UP_CPU.as_secs_f64());
        self.balance = (self.balance + self.rate * elapsed.as_secs_f64()).min(most) - used.as_secs_f64();
        // First the work, then the rest that pays for it: nothing that was earned is left over when the work ends.
        let slice = (self.rate * SLICE.as_secs_f64()).min(most / 2.0);
        if self.balance > -slice {
            return Duration::ZERO;
        }
        self.time_to_pay()
    }

    fn time_to_pay(&self) -> Duration {
        Duration::from_secs_f64((-self.balance).max(0.0) / self.rate)
    }
}

/// Paces the thread that made it. Time in which the thread was held up from outside, beyond a short catching up, is lost.
#[derive(Debug)]
pub struct Pacer {
    credit: Credit,
    wall: Instant,
    cpu: Duration,
    used: Used,
}

/// CPU time of a thread since its pacer was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// All of it, whatever became of the kernel's own count.
    pub cpu: Duration,
    /// The kernel's count began anew: the program goes on from a checkpoint, and what its process shows is not all of it.
    pub restored: bool,
}

impl Pacer {
    /// Holds the calling thread to `rate` cores, starting with no credit.
    ///
    /// # Errors
    /// When the system has no CPU clock for threads.
    pub fn of_this_thread(rate: f64) -> nix::Result<Self> {
        Ok(Pacer {
            credit: Credit { rate, balance: 0.0 },
            wall: Instant::now(),
            cpu: thread_cpu()?,
            used: Used::default(),
        })
    }

    /// Before each piece of work: rests if the thread has used more than it was given. Unparking the thread ends its
    /// rest early; it stays in debt then.
    pub fn rest(&mut self) {
        let rest = self.spend();
        if !rest.is_zero() {
            thread::park_timeout(rest);
        }
    }

    /// Before a new part of the work: waiting for the other thread has earned nothing.
    pub fn begin_part(&mut self) {
        self.spend();
        self.credit.balance = self.credit.balance.min(0.0);
    }

    /// At the end: stays until what was used is paid for. What was used in all.
    pub fn settle(&mut self) -> Used {
        self.spend();
        thread::sleep(self.credit.time_to_pay());
        self.used
    }

    fn spend(&mut self) -> Duration {
        // The clock was readable when the pacer was made, so it is now.
        let (wall, cpu) = (Instant::now(), thread_cpu().unwrap_or(self.cpu));
        // A clock that goes back is that of a restored thread. What it shows by now is mostly the work of the restore.
        self.used.restored |= cpu < self.cpu;
        let used = cpu.saturating_sub(self.cpu);
        self.used.cpu += used;
        let rest = self.credit.spend(wall.duration_since(self.wall), used);
        (self.wall, self.cpu) = (wall, cpu);
        rest
    }
}

/// CPU time of the calling thread.
///
/// # Errors
/// When the system has no such clock.
pub fn thread_cpu() -> nix::Result<Duration> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from)
}

/// CPU time of this process, all its threads.
///
/// # Errors
/// When the system has no such clock.
pub fn process_cpu() -> nix::Result<Duration> {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_rate_is_met_in_pieces_of_a_millisecond() {
        for rate in [0.01, 0.17, 0.5, 1.0] {
            let mut credit = Credit { rate, balance: 0.0 };
            let (piece, mut wall, mut cpu) = (Duration::from_millis(1), Duration::ZERO, Duration::ZERO);
            let mut rest = Duration::ZERO;
            while wall < Duration::from_secs(20) {
                rest = credit.spend(rest + piece, piece);
                (wall, cpu) = (wall + rest + piece, cpu + piece);
            }
            assert!((cpu.as_secs_f64() / wall.as_secs_f64() / rate - 1.0).abs() < 0.01, "{rate}");
        }
    }

    #[test]
    fn what_a_thread_has_used_is_counted_on_when_its_clock_begins_anew() {
        let mut pacer = Pacer::of_this_thread(1.0).unwrap();
        let spin = || {
            let began = thread_cpu().unwrap();
            while thread_cpu().unwrap() < began + Duration::from_millis(20) {}
        };
        spin();
        pacer.spend();
        let before = pacer.used;
        assert!(before.cpu >= Duration::from_millis(20) && !before.restored, "{before:?}");
        // As after a restore: the clock shows less than it did.
        pacer.cpu += Duration::from_secs(3600);
        pacer.spend();
        assert_eq!(pacer.used, Used { restored: true, ..before });
        spin();
        let after = pacer.settle();
        assert!(after.restored && after.cpu >= before.cpu + Duration::from_millis(20), "{after:?}");
    }

    #[test]
    fn a_long_hold_up_is_not_caught_up() {
        let mut credit = Credit { rate: 0.17, balance: 0.0 };
        credit.spend(Duration::from_secs(60), Duration::ZERO);
        assert!(!credit.spend(Duration::from_millis(15), Duration::from_millis(15)).is_zero());
    }
}
