//! One running task: from the thread that starts it to the moment when its group is gone.

use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::sync::{oneshot, watch};

use super::Inner;
use super::identity::Identity;
use super::limiter::Group;
use super::orphans::Record;
use super::spawn;
use crate::local::executor::limit::CpuFactor;
use crate::local::executor::{CpuUsage, ExecutorError, Exit, RunningTask};
use crate::qos::units::Cpus;

/// Between two attempts to end what the main process left behind.
const PERSISTENCE: Duration = Duration::from_millis(10);

/// A task of the process executor.
pub struct ProcessTask {
    factor: CpuFactor,
    group: Box<dyn Group>,
    exit: watch::Receiver<Option<Exit>>,
    ending: Mutex<Ending>,
    ended: Condvar,
}

#[derive(Default)]
struct Ending {
    /// When KILL follows TERM.
    deadline: Option<Instant>,
    over: bool,
}

impl ProcessTask {
    /// Starts `command` in `group` on a thread of its own. That thread collects it too: the parent-death signal comes
    /// when the STARTING thread ends, which therefore must live as long as the task.
    pub(super) fn start(
        command: Command,
        group: Box<dyn Group>,
        record: Record,
        executor: Arc<Inner>,
        report: oneshot::Sender<Result<Arc<Self>, ExecutorError>>,
    ) {
        let (exit_sender, exit) = watch::channel(None);
        let factor = executor.factor;
        let task = Arc::new(ProcessTask { factor, group, exit, ending: Mutex::default(), ended: Condvar::new() });
        let record = Arc::new(record);
        match task.begin(command, &record) {
            Ok(main) => {
                executor.remember(&task);
                // Nobody waits for the answer any more: then nobody wants the task.
                if let Err(Ok(task)) = report.send(Ok(task.clone())) {
                    task.group.signal(Signal::SIGKILL);
                }
                let exit = task.run_to_the_end(main);
                record.remove();
                // The last one clears up after the executor: before anybody hears that this task is over.
                drop(executor);
                task.ending().over = true;
                task.ended.notify_all();
                exit_sender.send_replace(Some(exit));
            }
            Err(error) => {
                task.group.close(&mut CpuUsage::default);
                record.remove();
                drop(executor);
                let _ = report.send(Err(error));
            }
        }
    }

    fn begin(&self, command: Command, record: &Arc<Record>) -> Result<Pid, ExecutorError> {
        let program = command.get_program().to_owned();
        let child = spawn::spawn(command, self.group.join()?)
            .map_err(|e| ExecutorError(format!("cannot start {}: {e}", program.display())))?;
        let main = Pid::from_raw(child.id().cast_signed());
        record.set_processes(&Identity::now(main.as_raw()).into_iter().collect::<Vec<_>>());
        self.group.started(main, record.clone());
        Ok(main)
    }

    fn run_to_the_end(&self, main: Pid) -> Exit {
        if let Err(error) = spawn::wait_until_ended(main) {
            tracing::error!(%error, pid = main.as_raw(), "a task's process was collected by somebody else");
        }
        while self.group.has_others() {
            self.group.signal(Signal::SIGKILL);
            thread::sleep(PERSISTENCE);
        }
        let mut exit = Exit::Code(-1);
        self.group.close(&mut || {
            let (how, usage) = spawn::collect(main).unwrap_or((exit, CpuUsage::default()));
            exit = how;
            usage
        });
        exit
    }

    /// Asks the group to end, and ends it after `grace`. A second call may only shorten the time that is left.
    pub(super) fn begin_kill(self: &Arc<Self>, grace: Duration) {
        let deadline = Instant::now() + grace;
        let first = {
            let mut ending = self.ending();
            if ending.over {
                return;
            }
            let first = ending.deadline.is_none();
            ending.deadline = Some(ending.deadline.map_or(deadline, |set| set.min(deadline)));
            first
        };
        self.ended.notify_all();
        if !first {
            return;
        }
        self.group.signal(Signal::SIGTERM);
        let task = self.clone();
        let escalation = thread::Builder::new().name("task-kill".into()).spawn(move || task.kill_at_deadline());
        if let Err(error) = escalation {
            tracing::error!(%error, "no thread to wait out a task's grace: it is killed at once");
            self.group.signal(Signal::SIGKILL);
        }
    }

    fn kill_at_deadline(&self) {
        let mut ending = self.ending();
        while !ending.over {
            let left = ending.deadline.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                drop(ending);
                self.group.signal(Signal::SIGKILL);
                return;
            }
            ending = self.ended.wait_timeout(ending, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Blocks until the task is over, but not beyond `deadline`.
    pub(super) fn wait_until(&self, deadline: Instant) {
        let mut ending = self.ending();
        while !ending.over {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            ending = self.ended.wait_timeout(ending, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn ending(&self) -> MutexGuard<'_, Ending> {
        // Two plain values, valid whatever a panicking holder was doing.
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task as its users hold it.
pub struct Handle(pub(super) Arc<ProcessTask>);

impl RunningTask for Handle {
    fn wait(&self) -> BoxFuture<'_, Exit> {
        let mut exit = self.0.exit.clone();
        async move {
            match exit.wait_for(Option::is_some).await {
                Ok(exit) => exit.unwrap_or(Exit::Code(-1)),
                // Its thread ended without a word, which only a panic in it can do.
                Err(_) => Exit::Code(-1),
            }
        }
        .boxed()
    }

    fn kill(&self, grace: Duration) -> BoxFuture<'_, ()> {
        async move {
            self.0.begin_kill(grace);
            self.wait().await;
        }
        .boxed()
    }

    fn resize(&self, cpus: Cpus) -> BoxFuture<'_, Result<(), ExecutorError>> {
        async move { self.0.group.limit(self.0.factor.cores(cpus)) }.boxed()
    }

    fn usage(&self) -> CpuUsage {
        self.0.group.usage()
    }
}
