//! Telling the supervisor: in order, with patience, and without ever holding up the job.

pub mod http;
pub mod messages;
mod outbox;
pub mod queue;
mod send;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use self::http::Client;
use self::queue::{Message, Queue, Target};
use crate::aside::{aside, aside_within};
use crate::config::Config;

/// For the last writing of it.
const STORING: Duration = Duration::from_secs(5);

/// What the supervisor wants, by its last answer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Wish {
    /// CPUs of the framework to apply at once.
    pub in_place: Option<f64>,
}

/// The agent's end.
#[derive(Debug, Clone)]
pub struct Reporter {
    shared: Arc<Shared>,
    wish: watch::Receiver<Wish>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something was added.
    more: Notify,
    /// The next attempt shall be made now.
    hurry: Notify,
    /// Something was settled.
    settled: Notify,
    /// What must arrive has changed.
    changed: Notify,
    /// The supervisor knows us not, or does not want us.
    refused: Mutex<bool>,
    /// Where it is kept.
    outbox: Mutex<Option<PathBuf>>,
    enabled: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Each change of the queue is one call: a panicking holder leaves it whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, bool> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outbox(&self) -> MutexGuard<'_, Option<PathBuf>> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the file up to date. The lock makes the last writer the one who saw the last state.
    fn keep(&self) -> Result<()> {
        let outbox = self.outbox();
        let Some(path) = &*outbox else { return Ok(()) };
        let left = self.queue().undelivered();
        outbox::write(path, &left)
    }

    /// Adds a message that is on disk before anybody can know of it.
    fn add_kept(&self, message: Message) -> Result<()> {
        let outbox = self.outbox();
        if let Some(path) = &*outbox {
            let mut left = self.queue().undelivered();
            left.push(message.clone());
            outbox::write(path, &left)?;
        }
        self.queue().push(message);
        self.more.notify_one();
        Ok(())
    }

    /// Takes up what earlier tasks left, and keeps everything in the file of `epoch` from here on.
    fn take_up(&self, job_dir: &Path, epoch: u64) {
        let own = outbox::of(job_dir, epoch);
        let left = outbox::left(job_dir, &own);
        {
            let mut queue = self.queue();
            left.messages.into_iter().for_each(|message| queue.push(message));
        }
        self.more.notify_one();
        *self.outbox() = Some(own);
        if self.keep().is_ok() {
            left.files.iter().for_each(|path| drop(fs::remove_file(path)));
        }
    }
}

impl Reporter {
    /// Starts the sending. What an earlier task could not deliver comes first.
    ///
    /// # Errors
    /// When the certificates cannot be read.
    pub fn start(config: &Config) -> Result<Self> {
        let (wishes, wish) = watch::channel(Wish::default());
        let shared = Arc::new(Shared { enabled: config.endpoints.is_some(), ..Shared::default() });
        if let Some(endpoints) = &config.endpoints {
            let addresses = [endpoints.init.clone(), endpoints.samples(config.uuid)?, endpoints.end.clone()];
            let secure = addresses.iter().any(|uri| uri.scheme_str() == Some("https"));
            let client = Client::new(config.token.clone(), config.cacert.as_deref(), secure)?;
            tokio::spawn(send::all(shared.clone(), client, addresses, wishes));
            tokio::spawn(keep_all(shared.clone()));
        }
        Ok(Reporter { shared, wish })
    }

    /// Adds a message.
    pub fn send(&self, message: Message) {
        if self.shared.enabled {
            let must_arrive = message.target != Target::Sample;
            self.shared.queue().push(message);
            self.shared.more.notify_one();
            if must_arrive {
                self.shared.changed.notify_one();
            }
        }
    }

    /// Follows the wishes of the supervisor.
    pub fn wishes(&self) -> watch::Receiver<Wish> {
        self.wish.clone()
    }

    /// Waits until everything is answered, at most until `deadline`. Does not wait for a supervisor that refuses us.
    pub async fn flush(&self, deadline: Instant) -> bool {
        *self.shared.refused() = false;
        self.shared.hurry.notify_one();
        loop {
            let settled = self.shared.settled.notified();
            if self.shared.queue().is_empty() {
                return true;
            }
            if *self.shared.refused() || timeout_at(deadline, settled).await.is_err() {
                return self.shared.queue().is_empty();
            }
        }
    }

    /// As [`Reporter::send`], for a message that no kill of this task may lose from here on: it is on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written down; then it is not sent either.
    pub async fn send_kept(&self, message: Message) -> Result<()> {
        if !self.shared.enabled {
            return Ok(());
        }
        let shared = self.shared.clone();
        aside(move || shared.add_kept(message)).await.context("writing down what the supervisor is to be told")
    }

    /// Writes down the first reports of an execution that is about to begin, and tells nobody yet. A kill of this task from
    /// here on does not lose them: the next task of the job tells them.
    ///
    /// # Errors
    /// When they cannot be written down; then they are forgotten.
    pub async fn announce(&self, messages: Vec<Message>) -> Result<()> {
        if !self.shared.enabled {
            return Ok(());
        }
        self.shared.queue().announce(messages);
        let shared = self.shared.clone();
        let written = aside(move || shared.keep()).await.context("writing down what the supervisor is to be told");
        if written.is_err() {
            self.shared.queue().settle_announced(false);
        }
        written
    }

    /// The execution that was announced has `begun`, and its reports are sent; or it has not, and they are forgotten.
    pub fn settle_announced(&self, begun: bool) {
        self.shared.queue().settle_announced(begun);
        self.shared.more.notify_one();
    }

    /// Keeps what must arrive and is not delivered yet in the job's directory from here on, so that not even a kill loses
    /// it, and takes up what earlier tasks left there.
    ///
    /// # Errors
    /// When the work is cut off.
    pub async fn keep_in(&self, job_dir: &Path, epoch: u64) -> Result<()> {
        if !self.shared.enabled {
            return Ok(());
        }
        let (shared, job_dir) = (self.shared.clone(), job_dir.to_owned());
        aside(move || {
            shared.take_up(&job_dir, epoch);
            Ok(())
        })
        .await
    }

    /// Leaves what could not be delivered for the next task of the job. Whether it is on disk.
    pub async fn store(&self) -> bool {
        let shared = self.shared.clone();
        // A file server that hangs must not keep the task.
        let stored = aside_within(STORING, move || shared.keep()).await;
        stored.inspect_err(|error| tracing::warn!("reports are lost, or may be: {error:#}")).is_ok()
    }
}

/// Writes changes of what must arrive to disk as they come, without holding up anything else.
async fn keep_all(shared: Arc<Shared>) {
    loop {
        shared.changed.notified().await;
        let writing = shared.clone();
        if let Err(error) = aside(move || writing.keep()).await {
            tracing::warn!("reports cannot be kept: {error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    #[tokio::test(flavor = "current_thread")]
    async fn an_announcement_that_nobody_waits_for_any_more_is_taken_back_once_it_is_written() {
        let base = tempfile::tempdir().unwrap();
        let path = outbox::of(base.path(), 1);
        let shared = Arc::new(Shared { enabled: true, outbox: Mutex::new(Some(path.clone())), ..Shared::default() });
        let reporter = Reporter { shared: shared.clone(), wish: watch::channel(Wish::default()).1 };
        let announced = || vec![Message { target: Target::Init, body: Map::new() }];
        reporter.announce(announced()).await.unwrap();
        assert!(path.exists());
        let (held, is_held) = std::sync::mpsc::channel();
        let (let_go, wait) = std::sync::mpsc::channel::<()>();
        let slow = std::thread::spawn(move || {
            let _directory = shared.outbox();
            held.send(()).unwrap();
            wait.recv().unwrap();
        });
        is_held.recv().unwrap();
        let dropped = tokio::time::timeout(Duration::from_millis(50), reporter.announce(announced())).await;
        assert!(dropped.is_err(), "it is still being written");
        reporter.settle_announced(false);
        let_go.send(()).unwrap();
        assert!(reporter.store().await);
        slow.join().unwrap();
        assert!(!path.exists());
    }
}
