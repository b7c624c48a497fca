//! Between the schedulers and the world: it tells a scheduler what happened and does what the scheduler wants.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;

use super::action::{Action, LaunchOrder};
use super::bus::Bus;
use super::executor::{CpuUsage, Executor, ExecutorError, RunningTask, TaskSpec};
use super::journal::{Entry, Journal, TaskEnd};
use super::nodes::Nodes;
use super::store::Store;
use super::usage::Ledger;
use super::{chronos, marathon};
use crate::clock::Clock;
use crate::qos::units::Timestamp;

/// Sleeps no longer than this, whatever the wall clock says in between.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// Whose task or job something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framework {
    Chronos,
    Marathon,
}

/// What became of a task.
enum Happened {
    Started(u64),
    Ended { seq: u64, end: TaskEnd, cpu: (f64, f64) },
}

impl From<Happened> for chronos::core::Event {
    fn from(happened: Happened) -> Self {
        match happened {
            Happened::Started(seq) => Self::Started(seq),
            Happened::Ended { seq, end, cpu } => Self::Ended { seq, end, cpu },
        }
    }
}

impl From<Happened> for marathon::core::Event {
    fn from(happened: Happened) -> Self {
        match happened {
            Happened::Started(seq) => Self::Started(seq),
            Happened::Ended { seq, end, cpu } => Self::Ended { seq, end, cpu },
        }
    }
}

/// Everything that changes, behind one lock that is never held across an await.
pub(super) struct State {
    pub chronos: chronos::core::Core,
    pub marathon: marathon::core::Core,
    pub nodes: Nodes,
    pub ledger: Ledger,
    pub journal: Journal,
    pub jobs: Store,
    pub apps: Store,
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

/// Runs the schedulers.
pub(super) struct Driver {
    state: Mutex<State>,
    /// Marathon's events.
    pub bus: Bus,
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
        Arc::new(Driver { state: Mutex::new(state), bus: Bus::default(), clock, kill_grace, sandboxes, wake, over })
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Looks at the state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Tells Chronos what happened and does what it wants. To be called inside the cluster's own runtime, or by its
    /// HTTP workers.
    pub fn chronos(self: &Arc<Self>, event: chronos::core::Event) -> chronos::core::Answer {
        self.open(Ok(()), |state, now| {
            let (answer, actions) = state.chronos.apply(event, now, &mut state.nodes);
            self.perform(state, Framework::Chronos, actions);
            answer
        })
    }

    /// As [`Driver::chronos`], for Marathon.
    pub fn marathon(self: &Arc<Self>, event: marathon::core::Event) -> marathon::core::Answer {
        self.open(Ok(marathon::core::Reply::Done), |state, now| {
            let (answer, actions) = state.marathon.apply(event, now, &mut state.nodes);
            self.perform(state, Framework::Marathon, actions);
            answer
        })
    }

    /// Changes the state unless the cluster is closing.
    fn open<T>(&self, closed: T, change: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let mut state = self.lock();
        if state.closing {
            return closed;
        }
        let answer = change(&mut state, self.clock.now());
        self.wake.notify_one();
        answer
    }

    /// Tells a task's scheduler what became of it.
    fn report(self: &Arc<Self>, framework: Framework, happened: Happened) {
        let mut state = self.lock();
        let now = self.clock.now();
        if state.closing {
            return close_task(&mut state, happened, now);
        }
        let State { chronos, marathon, nodes, .. } = &mut *state;
        // A report is refused by nobody.
        let actions = match framework {
            Framework::Chronos => chronos.apply(happened.into(), now, nodes).1,
            Framework::Marathon => marathon.apply(happened.into(), now, nodes).1,
        };
        self.perform(&mut state, framework, actions);
        self.wake.notify_one();
    }

    /// Does what a scheduler wants, in its order: what is recorded is on file before it takes effect.
    pub fn perform(self: &Arc<Self>, state: &mut State, framework: Framework, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Record(entry) => note(state, &entry),
                Action::Launch(order) => {
                    state.active += 1;
                    let driver = self.clone();
                    tokio::spawn(async move { driver.run_task(framework, order).await });
                }
                Action::Kill { seq, grace } => {
                    if let Some(task) = state.running.get(&seq).cloned() {
                        let grace = grace.map_or(self.kill_grace, |grace| grace.to_std());
                        tokio::spawn(async move { task.kill(grace).await });
                    }
                }
                Action::Persist(name) => {
                    // A task may outlive its job: then there is nothing to keep.
                    let kept = match framework {
                        Framework::Chronos => state.chronos.stored(&name).map(|job| state.jobs.put(&name, &job)),
                        Framework::Marathon => state.marathon.stored(&name).map(|app| state.apps.put(&name, &app)),
                    };
                    if let Some(Err(e)) = kept {
                        tracing::error!(job = name, "the job cannot be stored: {e}");
                    }
                }
                Action::Forget(name) => {
                    let store = match framework {
                        Framework::Chronos => &state.jobs,
                        Framework::Marathon => &state.apps,
                    };
                    if let Err(e) = store.remove(&name) {
                        tracing::error!(job = name, "the stored job cannot be removed: {e}");
                    }
                }
                Action::Publish(event) => self.bus.publish(&event),
            }
        }
    }

    /// Wakes the schedulers when they want to be.
    pub async fn run(self: Arc<Self>) {
        loop {
            let next = self.read(|state| {
                let wanted = [state.chronos.next_wakeup(), state.marathon.next_wakeup()];
                wanted.into_iter().flatten().min()
            });
            let until = next.map_or(LONGEST_SLEEP, |at| at.since(self.clock.now()).to_std().min(LONGEST_SLEEP));
            tokio::select! {
                () = tokio::time::sleep(until) => {
                    // A tick is refused by nobody.
                    let _ = self.chronos(chronos::core::Event::Tick);
                    let _ = self.marathon(marathon::core::Event::Tick);
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

    async fn run_task(self: Arc<Self>, framework: Framework, order: LaunchOrder) {
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
                    self.report(framework, Happened::Started(seq));
                }
                let exit = task.wait().await;
                (exit.into(), task.usage())
            }
        };
        let cpu = (usage.user.as_secs_f64(), usage.system.as_secs_f64());
        self.report(framework, Happened::Ended { seq, end, cpu });
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
            node: order.node,
            memory_mib: order.memory_mib,
            sandbox,
            container: order.container,
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
fn close_task(state: &mut State, happened: Happened, now: Timestamp) {
    let Happened::Ended { seq, end, cpu: (user_seconds, system_seconds) } = happened else { return };
    let job = state.chronos.tasks().find(|task| task.seq == seq);
    let app = || state.marathon.tasks().find(|task| task.seq == seq);
    let found = job
        .map(|task| (task.wanted.job.clone(), task.wanted.to_string()))
        .or_else(|| app().map(|task| (task.app.id.clone(), task.id.clone())));
    if let Some((job, task)) = found {
        note(state, &Entry::End { at: now, seq, job, task, end, user_seconds, system_seconds });
    }
}
