//! Tasks as process groups under a real CPU limit.
//!
//! Each task has a thread that starts its main process, waits for it, ends whatever it left behind, and only then
//! reports the exit. The limit and the CPU counters are a [`limiter`]'s; `orphans` makes sure that a crash of this
//! process leaves nothing running once it is started again. Memory is not limited.

mod identity;
pub mod limiter;
pub(super) mod orphans;
mod spawn;
mod task;

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use self::limiter::{Limiter, LimiterChoice, Node};
use self::orphans::{Record, StateDir};
use self::task::{Handle, ProcessTask};
use super::limit::CpuFactor;
use super::name::safe_name;
use super::{Executor, ExecutorError, RunningTask, SharedNode, TaskSpec};

/// The variable that tells a task how many real cores one of its virtual CPUs is.
pub const CPU_FACTOR_VARIABLE: &str = "MESOS_QOS_CPU_FACTOR";

/// The search path of a task that brings none.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long dropping an executor waits for its killed tasks.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// How a process executor works.
#[derive(Debug, Clone)]
pub struct ProcessOptions {
    /// Real cores behind one virtual CPU.
    pub cpu_factor: f64,
    /// Where running tasks are recorded, so that the next start ends what a crash left. One executor at a time.
    pub state_dir: PathBuf,
    /// How tasks are limited.
    pub limiter: LimiterChoice,
    /// Environment of every task; a task's own entries win.
    pub env: Vec<(String, String)>,
}

/// Runs tasks as processes of this machine. Dropping it kills them, and blocks until they are gone;
/// [`ProcessExecutor::shutdown`] gives them time to end.
pub struct ProcessExecutor {
    inner: Arc<Inner>,
    swept: usize,
}

struct Inner {
    factor: CpuFactor,
    env: Vec<(String, String)>,
    tasks: Mutex<Vec<Weak<ProcessTask>>>,
    // Dropped in this order: the directories of the limiter go before the record of them, that before the lock.
    limiter: Arc<dyn Limiter>,
    _record: OwnRecord,
    state: StateDir,
}

impl ProcessExecutor {
    /// Ends what an earlier executor with the same state directory left, and prepares the limiter.
    ///
    /// # Errors
    /// When the factor is no positive number, the state directory is not usable, or the limiter does not work here.
    pub fn new(options: ProcessOptions) -> Result<Self, ExecutorError> {
        let factor = CpuFactor::new(options.cpu_factor)?;
        let (state, swept) = StateDir::open(&options.state_dir)?;
        if swept > 0 {
            tracing::warn!(processes = swept, "ended what an earlier run left");
        }
        let key = uuid::Uuid::new_v4().simple().to_string();
        let instance = format!("mesos-qos-{}", &key[..12]);
        let limiter = limiter::choose(options.limiter, &instance)?;
        let record = OwnRecord(state.record(&instance, "executor", &key, limiter.parents())?);
        let inner = Inner { factor, env: options.env, tasks: Mutex::default(), limiter, _record: record, state };
        Ok(ProcessExecutor { inner: Arc::new(inner), swept })
    }

    /// How many processes of an earlier run the start found and ended.
    pub fn swept(&self) -> usize {
        self.swept
    }

    /// Kills every task (TERM, KILL after `grace`) and completes when all are gone.
    pub async fn shutdown(&self, grace: Duration) {
        let tasks = self.inner.living();
        tasks.iter().for_each(|task| task.begin_kill(grace));
        for task in tasks {
            Handle(task).wait().await;
        }
    }

    fn prepare(&self, spec: &TaskSpec, key: &str) -> Result<Command, ExecutorError> {
        let [program, arguments @ ..] = spec.argv.as_slice() else {
            return Err(ExecutorError(format!("task {}: argv is empty: it begins with the program", spec.id)));
        };
        let sandbox = &spec.sandbox;
        let about = |e: std::io::Error| ExecutorError(format!("sandbox {}: {e}", sandbox.display()));
        std::fs::create_dir_all(sandbox).map_err(about)?;
        let output = |name: &str| File::options().create(true).append(true).open(sandbox.join(name)).map_err(about);
        let mut command = Command::new(program);
        command.args(arguments).current_dir(sandbox);
        command.stdin(Stdio::null()).stdout(output("stdout")?).stderr(output("stderr")?);
        command.env_clear().env("PATH", USUAL_PATH).env("HOME", sandbox);
        command.envs(self.inner.env.iter().cloned()).envs(spec.env.iter().cloned());
        command.env(CPU_FACTOR_VARIABLE, self.inner.factor.get().to_string()).env(identity::KEY, key);
        Ok(command)
    }
}

impl Executor for ProcessExecutor {
    fn describe(&self) -> String {
        format!("process/{}", self.inner.limiter.name())
    }

    fn launch(&self, spec: TaskSpec) -> BoxFuture<'_, Result<Arc<dyn RunningTask>, ExecutorError>> {
        async move {
            let key = uuid::Uuid::new_v4().simple().to_string();
            let command = self.prepare(&spec, &key)?;
            // The key tells two runs of one id apart, which may overlap while the first is being ended.
            let name = format!("{}.{}", safe_name(&spec.id), &key[..8]);
            let record = self.inner.state.record(&name, &spec.id, &key, Vec::new())?;
            let factor = self.inner.factor;
            let on = |node: &SharedNode| Node { name: safe_name(&node.hostname), cores: factor.cores(node.cpus) };
            let node = spec.node.as_ref().map(on);
            let group = self.inner.limiter.group(&name, factor.cores(spec.cpus), node.as_ref());
            let group = group.inspect_err(|_| record.remove())?;
            let (report, started) = oneshot::channel();
            let inner = self.inner.clone();
            thread::Builder::new()
                .name("task".into())
                .spawn(move || ProcessTask::start(command, group, record, inner, report))
                .map_err(|e| ExecutorError(format!("no thread for task {}: {e}", spec.id)))?;
            let gone = |_| ExecutorError(format!("task {}: its thread ended early", spec.id));
            let task = started.await.map_err(gone)??;
            Ok(Arc::new(Handle(task)) as Arc<dyn RunningTask>)
        }
        .boxed()
    }
}

impl Drop for ProcessExecutor {
    fn drop(&mut self) {
        let tasks = self.inner.living();
        tasks.iter().for_each(|task| task.begin_kill(Duration::ZERO));
        // Killed processes are gone in milliseconds; what is not stays on record for the next start.
        let deadline = Instant::now() + LAST_MOMENT;
        tasks.iter().for_each(|task| task.wait_until(deadline));
    }
}

impl Inner {
    fn remember(&self, task: &Arc<ProcessTask>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| task.strong_count() > 0);
        tasks.push(Arc::downgrade(task));
    }

    fn living(&self) -> Vec<Arc<ProcessTask>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
    }
}

/// The executor's own record; goes with it.
struct OwnRecord(Record);

impl Drop for OwnRecord {
    fn drop(&mut self) {
        self.0.remove();
    }
}
