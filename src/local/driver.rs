//! Between the scheduler and the world: it tells the scheduler what happened and does what the scheduler wants.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;

use super::chronos::core::{Action, Answer, Core, Event};
use super::chronos::task::LaunchOrder;
use super::executor::{CpuUsage, Executor, ExecutorError, RunningTask, TaskSpec};
use super::journal::{Entry, Journal, TaskEnd};
use super::nodes::Nodes;
use super::store::Store;
use super::usage::Ledger;
use crate::clock::Clock;
use crate::qos::units::Timestamp;

/// Sleeps no longer than this, whatever the wall clock says in between.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// Everything that changes, behind one lock that is never held across an await.
pub(super) struct State {
    pub core: Core,
    pub nodes: Nodes,
    pub ledger: Ledger,
    pub journal: Journal,
    pub store: Store,
    /// Started tasks by their placement.
    pub running: BTreeMap<u64, Arc<dyn RunningTask>>,
    /// Tasks given to the executor whose end has not been noted.
    pub active: usize,
    /// Runs the tasks. Let go when the cluster has stopped: HTTP workers may hold the driver for a moment longer, and
    /// whoever starts the next cluster needs what the executor locks.
    pub executor: Option<Arc<dyn Executor>>,
    /// No task is started any more, and the scheduler is told nothing.
    pub closing: bool,
}

/// Runs the scheduler.
pub(super) struct Driver {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    kill_grace: Duration,
    sandboxes: PathBuf,
    /// Something happened: the time of the next wake-up may have changed.
    wake: Notify,
    /// A task is over.
    over: Notify,
}

impl Driver {
    pub fn new(state: State, clock: Arc<dyn Clock>, kill_grace: Duration, sandboxes: PathBuf) -> Arc<Driver> {
        let (wake, over) = (Notify::new(), Notify::new());
        Arc::new(Driver { state: Mutex::new(state), clock, kill_grace, sandboxes, wake, over })
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Looks at the state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Tells the scheduler what happened and does what it wants. To be called inside the cluster's own runtime, or by
    /// its HTTP workers.
    pub fn apply(self: &Arc<Self>, event: Event) -> Answer {
        let mut state = self.lock();
        let now = self.clock.now();
        if state.closing {
            close_task(&mut state, event, now);
            return Ok(());
        }
        let State { core, nodes, .. } = &mut *state;
        let (answer, actions) = core.apply(event, now, nodes);
        self.perform(&mut state, actions);
        self.wake.notify_one();
        answer
    }

    /// Does what the scheduler wants, in its order: what is recorded is on file before it takes effect.
    pub fn perform(self: &Arc<Self>, state: &mut State, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Record(entry) => note(state, &entry),
                Action::Launch(order) => {
                    state.active += 1;
                    self.spawn_launch(order);
                }
                Action::Kill(seq) => {
                    if let Some(task) = state.running.get(&seq).cloned() {
                        let grace = self.kill_grace;
                        tokio::spawn(async move { task.kill(grace).await });
                    }
                }
                Action::Persist(name) => {
                    // A task may outlive its job: then there is nothing to keep.
                    let kept = state.core.stored(&name).map(|record| state.store.put(&name, &record));
                    if let Some(Err(e)) = kept {
                        tracing::error!(job = name, "the job cannot be stored: {e}");
                    }
                }
                Action::Forget(name) => {
                    if let Err(e) = state.store.remove(&name) {
                        tracing::error!(job = name, "the stored job cannot be removed: {e}");
                    }
                }
            }
        }
    }

    /// Wakes the scheduler when it wants to be.
    pub async fn run(self: Arc<Self>) {
        loop {
            let next = self.read(|state| state.core.next_wakeup());
            let until = next.map_or(LONGEST_SLEEP, |at| at.since(self.clock.now()).to_std().min(LONGEST_SLEEP));
            tokio::select! {
                () = tokio::time::sleep(until) => {
                    // A tick is refused by nobody.
                    let _ = self.apply(Event::Tick);
                }
                () = self.wake.notified() => {}
            }
        }
    }

    /// Ends all tasks; completes when no process is left.
    pub async fn close(self: &Arc<Self>) {
        let tasks: Vec<_> = {
            let mut state = self.lock();
            state.closing = true;
            state.running.values().cloned().collect()
        };
        join_all(tasks.iter().map(|task| task.kill(self.kill_grace))).await;
        loop {
            let over = self.over.notified();
            if self.read(|state| state.active) == 0 {
                self.lock().executor = None;
                return;
            }
            over.await;
        }
    }

    fn spawn_launch(self: &Arc<Self>, order: LaunchOrder) {
        let driver = self.clone();
        tokio::spawn(async move { driver.run_task(order).await });
    }

    async fn run_task(self: Arc<Self>, order: LaunchOrder) {
        let seq = order.seq;
        let (end, usage) = match self.launch(order).await {
            Err(e) => {
                tracing::warn!(seq, "a task cannot be started: {e}");
                (TaskEnd::NotStarted(e.to_string()), CpuUsage::default())
            }
            Ok(task) => {
                let closing = {
                    let mut state = self.lock();
                    state.running.insert(seq, task.clone());
                    state.closing
                };
                if closing {
                    task.kill(self.kill_grace).await;
                } else {
                    let _ = self.apply(Event::Started(seq));
                }
                let exit = task.wait().await;
                (exit.into(), task.usage())
            }
        };
        let cpu = (usage.user.as_secs_f64(), usage.system.as_secs_f64());
        let _ = self.apply(Event::Ended { seq, end, cpu });
        let mut state = self.lock();
        state.running.remove(&seq);
        state.active -= 1;
        self.over.notify_waiters();
    }

    async fn launch(&self, order: LaunchOrder) -> Result<Arc<dyn RunningTask>, ExecutorError> {
        let stopped = || ExecutorError("the cluster has stopped".into());
        let executor = self.read(|state| state.executor.clone()).ok_or_else(stopped)?;
        executor.launch(self.spec(order)).await
    }

    fn spec(&self, order: LaunchOrder) -> TaskSpec {
        let sandbox = self.sandboxes.join(order.seq.to_string());
        let mut env = order.env;
        env.push(("MESOS_SANDBOX".into(), sandbox.display().to_string()));
        TaskSpec {
            id: order.task,
            argv: order.argv,
            env,
            cpus: order.cpus,
            memory_mib: order.memory_mib,
            sandbox,
            container: order.container.map(|container| container.spec()),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(state: &mut State, entry: &Entry) {
    state.ledger.note(entry);
    if let Err(e) = state.journal.append(entry) {
        tracing::error!(path = %state.journal.path().display(), "the journal cannot be written: {e}");
    }
}

/// What ends while the cluster stops is noted, and told to the scheduler at the next start.
fn close_task(state: &mut State, event: Event, now: Timestamp) {
    let Event::Ended { seq, end, cpu: (user_seconds, system_seconds) } = event else { return };
    let Some(task) = state.core.tasks().find(|task| task.seq == seq) else { return };
    let (job, id) = (task.wanted.job.clone(), task.wanted.to_string());
    note(state, &Entry::End { at: now, seq, job, task: id, end, user_seconds, system_seconds });
}
