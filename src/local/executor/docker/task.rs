//! One container from its start to its removal.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::Response;
use tokio::sync::watch;
use tokio::time::{Instant, interval, sleep, timeout};

use super::Inner;
use super::cgroup::Counter;
use super::logs::Demultiplexer;
use crate::local::executor::limit::Bandwidth;
use crate::local::executor::process::limiter::files;
use crate::local::executor::process::orphans::Record;
use crate::local::executor::{CpuUsage, ExecutorError, Exit, RunningTask};
use crate::qos::units::Cpus;

/// Between two readings of counters that vanish with the container.
const READING: Duration = Duration::from_millis(50);
/// How long the last output may take to arrive after the end.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Between two attempts to reach a daemon that does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// A task of the Docker executor.
pub struct DockerTask {
    pub(super) executor: Arc<Inner>,
    pub(super) id: String,
    pub(super) counter: Counter,
    pub(super) parent: Option<String>,
    pub(super) exit: watch::Receiver<Option<Exit>>,
    /// The earliest end of grace that a kill asked for.
    pub(super) deadline: watch::Sender<Option<Instant>>,
    pub(super) killed: AtomicBool,
}

impl DockerTask {
    /// Follows the started container to its end and removes what it left.
    pub(super) async fn follow(
        self: Arc<Self>,
        attached: Response,
        output: Demultiplexer<File>,
        record: Record,
        exit: watch::Sender<Option<Exit>>,
    ) {
        let logs = tokio::spawn(self.clone().copy_output(attached, output));
        let code = self.exit_code().await;
        if timeout(LAST_WORDS, logs).await.is_err() {
            tracing::warn!(container = %self.id, "the last output of a container did not arrive");
        }
        self.counter.usage();
        if let Err(error) = self.executor.api.remove(&self.id).await {
            tracing::warn!(container = %self.id, %error, "cannot remove a container");
        }
        if let Some(parent) = &self.parent {
            let directories = self.executor.hierarchies.directories(parent);
            // Waits for the kernel in small steps: not on a thread that others share.
            let _ = tokio::task::spawn_blocking(move || directories.iter().for_each(|d| files::remove(d))).await;
        }
        record.remove();
        exit.send_replace(Some(self.how(code)));
    }

    async fn exit_code(&self) -> i32 {
        let mut tick = interval(READING);
        let mut ended = self.executor.api.wait(&self.id).boxed();
        loop {
            tokio::select! {
                outcome = &mut ended => match outcome {
                    Ok(code) => return code,
                    Err(error) if error.0.contains("No such container") => return -1,
                    Err(error) => {
                        tracing::warn!(container = %self.id, %error, "waiting for a container: once more");
                        sleep(RETRY).await;
                        ended = self.executor.api.wait(&self.id).boxed();
                    }
                },
                // A parent group keeps its counters; everything else is read while it can be.
                _ = tick.tick(), if self.parent.is_none() => { self.counter.usage(); }
            }
        }
    }

    /// Docker reports a signal as 128 + its number, as shells do; it is taken for one only when we sent one.
    fn how(&self, code: i32) -> Exit {
        match code {
            129..=192 if self.killed.load(Ordering::Relaxed) => Exit::Signal(code - 128),
            code => Exit::Code(code),
        }
    }

    async fn copy_output(self: Arc<Self>, mut attached: Response, mut output: Demultiplexer<File>) {
        let copied = async {
            while let Some(chunk) = attached.chunk().await? {
                output.take(&chunk)?;
            }
            Ok::<(), anyhow::Error>(())
        };
        if let Err(error) = copied.await {
            tracing::warn!(container = %self.id, %error, "a container's output is not complete");
        }
    }

    /// TERM now, KILL after `grace`; a second call may only shorten the time that is left. Goes on when nobody waits.
    pub(super) fn begin_kill(self: &Arc<Self>, grace: Duration) {
        let deadline = Instant::now() + grace;
        self.deadline.send_modify(|set| *set = Some(set.map_or(deadline, |set| set.min(deadline))));
        if !self.killed.swap(true, Ordering::Relaxed) {
            tokio::spawn(self.clone().escalate());
        }
    }

    async fn escalate(self: Arc<Self>) {
        let api = &self.executor.api;
        if let Err(error) = api.signal(&self.id, "SIGTERM").await {
            tracing::warn!(container = %self.id, %error, "cannot end a container");
        }
        let mut deadline = self.deadline.subscribe();
        let mut exit = self.exit.clone();
        loop {
            let at = deadline.borrow_and_update().unwrap_or_else(Instant::now);
            tokio::select! {
                _ = exit.wait_for(Option::is_some) => return,
                _ = deadline.changed() => {}
                () = tokio::time::sleep_until(at) => break,
            }
        }
        // A process needs CPU time to end, too: under a small quota that can take seconds.
        let _ = api.unlimit(&self.id).await;
        while let Err(error) = api.signal(&self.id, "SIGKILL").await {
            tracing::warn!(container = %self.id, %error, "cannot kill a container: once more");
            sleep(RETRY).await;
        }
    }

    pub(super) async fn end(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::Code(-1)),
            // The runtime that followed the container was shut down.
            Err(_) => Exit::Code(-1),
        }
    }
}

/// The task as its users hold it.
pub struct Handle(pub(super) Arc<DockerTask>);

impl RunningTask for Handle {
    fn wait(&self) -> BoxFuture<'_, Exit> {
        self.0.end().boxed()
    }

    fn kill(&self, grace: Duration) -> BoxFuture<'_, ()> {
        async move {
            self.0.begin_kill(grace);
            self.0.end().await;
        }
        .boxed()
    }

    fn resize(&self, cpus: Cpus) -> BoxFuture<'_, Result<(), ExecutorError>> {
        let executor = &self.0.executor;
        let bandwidth = Bandwidth::of_cores(executor.factor.cores(cpus));
        async move {
            if self.0.exit.borrow().is_some() { Ok(()) } else { executor.api.limit(&self.0.id, bandwidth).await }
        }
        .boxed()
    }

    fn usage(&self) -> CpuUsage {
        self.0.counter.usage()
    }
}
