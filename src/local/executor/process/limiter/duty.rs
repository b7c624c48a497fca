//! Without control groups: the processes are stopped and continued so that their mean rate is the limit.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::bucket::Bucket;
use super::tree::Tree;
use super::{Group, Limiter, Node, Record, spawn};
use crate::local::executor::usage::UsageMeter;
use crate::local::executor::{CpuUsage, ExecutorError};

/// Between two thorough looks, which read all of `/proc`: that takes milliseconds, in which a running group overdraws.
const THOROUGH_WHILE_STOPPED: Duration = Duration::from_secs(1);
const THOROUGH_WHILE_RUNNING: Duration = Duration::from_secs(3);
/// Between two looks at whether the record of the members is still right.
const RECORDING: Duration = Duration::from_millis(50);

/// Makes groups that are controlled by a thread each.
pub struct DutyCycle(());

impl DutyCycle {
    /// Makes this process the one to which orphans of its tasks fall, so that they are found among its children.
    /// Orphans of other children of this process fall to it too, and are left alone.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn open() -> Result<Self, ExecutorError> {
        prctl::set_child_subreaper(true)
            .map_err(|e| ExecutorError(format!("cannot become the reaper of orphaned processes: {e}")))?;
        Ok(DutyCycle(()))
    }
}

impl Limiter for DutyCycle {
    fn name(&self) -> &'static str {
        "duty-cycle"
    }

    fn group(&self, _name: &str, cores: f64, _node: Option<&Node>) -> Result<Box<dyn Group>, ExecutorError> {
        Ok(Box::new(DutyGroup { shared: Arc::new(Shared::new(cores)), threads: Mutex::default() }))
    }

    fn parents(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

struct DutyGroup {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    bucket: Bucket,
    meter: UsageMeter,
    /// Present from the start of the main process until it is collected.
    tree: Option<Tree>,
    stopped: bool,
    /// The group is being ended: nothing is stopped any more.
    ending: bool,
    looked: Instant,
    looked_thoroughly: Instant,
}

impl State {
    /// Looks at the processes and tells how much more was used since the last look.
    fn look(&mut self, thorough: bool) -> (Duration, Duration) {
        let now = Instant::now();
        let elapsed = now.duration_since(self.looked);
        let before = self.meter.last().total();
        if let Some(tree) = &mut self.tree {
            tree.look(thorough);
            let (user, system) = tree.coarse();
            self.meter.advance(tree.total(), user, system);
        }
        self.looked = now;
        if thorough {
            self.looked_thoroughly = now;
        }
        (elapsed, self.meter.last().total().saturating_sub(before))
    }

    fn signal(&self, signal: Signal) {
        if let Some(tree) = &self.tree {
            tree.signal(signal);
        }
    }

    /// One step of the control loop; the nap until the next.
    fn control(&mut self) -> Duration {
        let due = if self.stopped { THOROUGH_WHILE_STOPPED } else { THOROUGH_WHILE_RUNNING };
        let thorough = self.looked_thoroughly.elapsed() >= due;
        let (elapsed, used) = self.look(thorough);
        let step = self.bucket.step(elapsed, used);
        let stop = step.stop && !self.ending;
        let slipped = self.tree.as_ref().is_some_and(Tree::any_running);
        if stop && (!self.stopped || slipped) {
            self.signal(Signal::SIGSTOP);
        } else if !stop && self.stopped {
            self.signal(Signal::SIGCONT);
        }
        self.stopped = stop;
        step.nap
    }
}

impl Shared {
    fn new(cores: f64) -> Self {
        let now = Instant::now();
        let state = State {
            bucket: Bucket::new(cores),
            meter: UsageMeter::default(),
            tree: None,
            stopped: false,
            ending: false,
            looked: now,
            looked_thoroughly: now,
        };
        Shared { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panicking holder would have left numbers that the next look corrects.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        spawn::favour_this_thread();
        let mut state = self.state();
        while state.tree.is_some() {
            let nap = state.control();
            state = self.changed.wait_timeout(state, nap).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Keeps the record of the members. A busy disk may take its time for that, and whoever waited for it would let a group run
    /// that has to stand still: members that come and go with each look would have it written with each look.
    fn keep(&self, record: &Record) {
        let mut known = Vec::new();
        loop {
            let members = self.state().tree.as_ref().map(Tree::identities);
            let Some(members) = members else { return };
            if members != known {
                record.set_processes(&members);
                known = members;
            }
            let running = |state: &mut State| state.tree.is_some();
            let nap = self.changed.wait_timeout_while(self.state(), RECORDING, running);
            drop(nap.unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Group for DutyGroup {
    fn join(&self) -> Result<Vec<File>, ExecutorError> {
        Ok(Vec::new())
    }

    fn started(&self, main: Pid, record: Arc<Record>) {
        let shared = self.shared.clone();
        {
            let mut state = shared.state();
            state.tree = Some(Tree::of(main, record.key()));
            state.looked = Instant::now();
        }
        let control = std::thread::Builder::new().name("duty-cycle".into()).spawn({
            let shared = shared.clone();
            move || shared.run()
        });
        // Without one the key finds what a crash leaves.
        let keep = std::thread::Builder::new().name("duty-record".into()).spawn(move || shared.keep(&record));
        let keep = keep.inspect_err(|error| tracing::warn!(%error, "no thread to record a task's processes"));
        // Without its controller the task would run unlimited: better not at all.
        let control = control.inspect_err(|error| {
            tracing::error!(%error, "no thread to limit a task with: it is ended");
            self.shared.state().signal(Signal::SIGKILL);
        });
        *self.threads.lock().unwrap_or_else(PoisonError::into_inner) = control.into_iter().chain(keep).collect();
    }

    fn limit(&self, cores: f64) -> Result<(), ExecutorError> {
        self.shared.state().bucket.set_cores(cores);
        self.shared.changed.notify_all();
        Ok(())
    }

    fn usage(&self) -> CpuUsage {
        // As of the controller's last look, which is never long ago. A look by whoever asks, on a thread that other work holds up,
        // would hold up the controller, and the group would run meanwhile.
        self.shared.state().meter.last()
    }

    fn signal(&self, signal: Signal) {
        let mut state = self.shared.state();
        match signal {
            Signal::SIGKILL => {
                state.ending = true;
                state.look(true);
                state.signal(signal);
            }
            // A stopped process acts on no signal but these two.
            _ => {
                state.signal(signal);
                state.signal(Signal::SIGCONT);
                state.stopped = false;
                state.bucket.forgive();
            }
        }
    }

    fn has_others(&self) -> bool {
        let mut state = self.shared.state();
        state.look(true);
        state.tree.as_ref().is_some_and(Tree::has_others)
    }

    fn close(&self, collect: &mut dyn FnMut() -> CpuUsage) {
        {
            let mut state = self.shared.state();
            let main = collect();
            if let Some(mut tree) = state.tree.take() {
                tree.main_collected(main);
                let (user, system) = tree.coarse();
                state.meter.advance(tree.total(), user, system);
            }
        }
        self.shared.changed.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // Its panic, if any, was reported by the panic hook.
            let _ = thread.join();
        }
    }
}
