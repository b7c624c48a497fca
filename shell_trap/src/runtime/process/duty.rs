//! Without control groups: a thread stops and continues the job so that its mean rate is the limit.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::bucket::Bucket;
use super::tree::Tree;
use crate::cgroup::CpuTime;
use crate::clock;

/// Between two looks; CPU time is counted in hundredths of a second.
const STEP: Duration = Duration::from_millis(10);
/// New processes are looked for in each so many steps: going through all of the node's costs more than many a job uses.
const THOROUGH: u32 = 10;

/// A controlled session.
#[derive(Debug)]
pub struct Duty {
    shared: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    bucket: Bucket,
    used: CpuTime,
    /// No lease: it must stand still.
    held: bool,
    /// From here on, since boot, there is no lease either.
    until: Option<Duration>,
    /// It is being ended: it must not stand still.
    released: bool,
    over: bool,
}

impl Duty {
    /// Starts the thread.
    pub fn start(session: Pid, cores: f64) -> Self {
        let state = State {
            bucket: Bucket::new(cores),
            used: CpuTime::default(),
            held: false,
            until: None,
            released: false,
            over: false,
        };
        let shared = Arc::new(Mutex::new(state));
        let theirs = shared.clone();
        std::thread::spawn(move || control(&theirs, session));
        Duty { shared }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared)
    }

    /// Changes the limit, in cores.
    pub fn limit(&self, cores: f64) {
        self.state().bucket.set_cores(cores);
    }

    /// Used since the start.
    pub fn cpu_time(&self) -> CpuTime {
        self.state().used
    }

    /// Lets it stand still or not, whatever it has used.
    pub fn hold(&self, still: bool) {
        self.state().held = still;
    }

    /// It stands still from an instant since boot on.
    pub fn until(&self, deadline: Duration) {
        self.state().until = Some(deadline);
    }

    /// From now on it is not stopped: a stopped process does not see how it is asked to end.
    pub fn release(&self) {
        self.state().released = true;
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        self.state().over = true;
    }
}

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    // A panicking holder would have left numbers that the next look corrects.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn control(shared: &Mutex<State>, session: Pid) {
    let mut tree = Tree::of(session);
    let (mut before, mut looked) = (CpuTime::default(), Instant::now());
    let (mut stopped, mut step) = (Stopped::default(), 0_u32);
    loop {
        std::thread::sleep(STEP);
        let now = if step.is_multiple_of(THOROUGH) { tree.look() } else { tree.glance() };
        step = step.wrapping_add(1);
        let elapsed = looked.elapsed();
        looked = Instant::now();
        let stop = {
            let mut state = lock(shared);
            if state.over {
                return;
            }
            state.used = CpuTime { total: now.total.max(state.used.total), user: now.user };
            let full = state.bucket.step(elapsed, now.total.saturating_sub(before.total));
            let late = state.until.is_some_and(|until| clock::since_boot() > until);
            (full || state.held || late) && !state.released
        };
        before = now;
        match stop {
            // A process that was made meanwhile runs although the others stand still, so the stop is repeated.
            true => stopped.stop(tree.members()),
            false => stopped.go_on(),
        }
    }
}

/// Those that were told to stand still. One may have left the session just before the signal reached it: it is a member no more,
/// and nobody else would ever continue it.
#[derive(Debug, Default)]
struct Stopped(BTreeSet<Pid>);

impl Stopped {
    fn stop(&mut self, members: impl Iterator<Item = Pid>) {
        self.0.extend(members.filter(|pid| kill(*pid, Signal::SIGSTOP).is_ok()));
    }

    fn go_on(&mut self) {
        for pid in std::mem::take(&mut self.0) {
            let _ = kill(pid, Signal::SIGCONT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_gets_what_the_limit_says_before_and_after_a_change() {
        // Not the leader of a group, so setsid(1) does not fork: the session has the child's number, never the test's.
        let mut child = std::process::Command::new("setsid").args(["sh", "-c", "while :; do :; done"]).spawn().unwrap();
        let session = child.id() as i32;
        let duty = Duty::start(Pid::from_raw(session), 0.2);
        let rate = |seconds: u64| {
            let (began, before) = (Instant::now(), duty.cpu_time());
            std::thread::sleep(Duration::from_secs(seconds));
            duty.cpu_time().since(before).total.as_secs_f64() / began.elapsed().as_secs_f64()
        };
        std::thread::sleep(Duration::from_millis(500));
        let low = rate(3);
        duty.limit(0.6);
        let high = rate(3);
        drop(duty);
        child.kill().unwrap();
        child.wait().unwrap();
        // Upper bounds hold on any machine; that it gets more after the change needs only some free time.
        assert!(low < 0.3 && high < 0.75 && high > low, "{low} {high}");
    }

    #[test]
    fn a_process_that_left_the_session_as_it_was_stopped_goes_on_with_the_others() {
        let mut leader = std::process::Command::new("setsid").args(["sleep", "600"]).spawn().unwrap();
        let mut left = std::process::Command::new("setsid").args(["sleep", "600"]).spawn().unwrap();
        let both = [&leader, &left].map(|child| Pid::from_raw(child.id().cast_signed()));
        let mut stopped = Stopped::default();
        stopped.stop(both.into_iter());
        let all_are = |wanted: char| {
            let state = |pid: Pid| {
                let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
                text.rsplit_once(')').unwrap().1.trim_start().chars().next()
            };
            let began = Instant::now();
            while !both.iter().all(|pid| state(*pid) == Some(wanted)) {
                assert!(began.elapsed() < Duration::from_secs(60), "{:?}", both.map(state));
                std::thread::sleep(STEP);
            }
        };
        all_are('T');
        // What the session has now.
        stopped.stop(both.into_iter().take(1));
        stopped.go_on();
        all_are('S');
        for child in [&mut leader, &mut left] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
