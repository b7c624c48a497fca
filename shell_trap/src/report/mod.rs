//! Telling the supervisor: in order, with patience, and without ever holding up the job.

pub mod http;
pub mod messages;
pub mod queue;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hyper::Uri;
use serde::Deserialize;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use self::http::{Client, Reply};
use self::queue::{Message, Queue, Target};
use crate::config::Config;
use crate::{clock, files};

/// Undelivered messages, in the job's directory: the beginning of the file's name, before the epoch.
const OUTBOX: &str = "outbox-";
/// For the last writing of it.
const STORING: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

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
        if !left.is_empty() {
            return files::replace(path, &serde_json::to_vec(&left)?);
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("undelivered reports"),
            _ => Ok(()),
        }
    }
}

/// What an answer means for its message.
#[derive(Debug, PartialEq)]
enum Verdict {
    Settled(Wish),
    /// Will never be accepted.
    Hopeless,
    /// Perhaps later: the job may not be registered yet.
    Unknown,
    Again,
}

#[derive(Deserialize)]
struct Answer {
    cpus: Option<f64>,
    rescale: Option<String>,
}

fn judge(reply: &Reply) -> Verdict {
    match reply.status {
        200..300 => {
            let answer: Option<Answer> = serde_json::from_slice(&reply.body).ok();
            let wanted =
                answer.filter(|answer| answer.rescale.as_deref() == Some("in-place")).and_then(|answer| answer.cpus);
            Verdict::Settled(Wish { in_place: wanted.filter(|cpus| cpus.is_finite() && *cpus > 0.0) })
        }
        401 | 403 | 404 => Verdict::Unknown,
        408 | 425 | 429 | 500.. => Verdict::Again,
        _ => Verdict::Hopeless,
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
            tokio::spawn(send_all(shared.clone(), client, addresses, wishes));
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

    /// Keeps what must arrive and is not delivered yet in the job's directory from here on, so that not even a kill loses
    /// it, and takes up what earlier tasks left there. Each epoch has a file of its own: a task that has lost the job
    /// overwrites nothing of its successor's.
    pub fn keep_in(&self, job_dir: &Path, epoch: u64) {
        if !self.shared.enabled {
            return;
        }
        let own = job_dir.join(format!("{OUTBOX}{epoch:010}.json"));
        let mut taken = Vec::new();
        for path in outboxes(job_dir).into_iter().filter(|path| *path != own) {
            match fs::read(&path).map(|text| serde_json::from_slice::<Vec<Message>>(&text)) {
                Ok(Ok(messages)) => {
                    messages.into_iter().for_each(|message| self.send(message));
                    taken.push(path);
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "undelivered reports of an earlier task make no sense");
                    taken.push(path);
                }
                // The next task may be luckier.
                Err(error) => tracing::warn!(%error, "undelivered reports of an earlier task cannot be read"),
            }
        }
        *self.shared.outbox() = Some(own);
        if self.shared.keep().is_ok() {
            taken.iter().for_each(|path| drop(fs::remove_file(path)));
        }
    }

    /// Leaves what could not be delivered for the next task of the job.
    pub async fn store(&self) {
        let shared = self.shared.clone();
        let kept = tokio::task::spawn_blocking(move || shared.keep());
        // A file server that hangs must not keep the task.
        match timeout(STORING, kept).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!("reports are lost: {error:#}"),
            _ => tracing::warn!("reports may be lost: the shared directory does not answer"),
        }
    }
}

/// Files of undelivered reports, the oldest first.
fn outboxes(job_dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(job_dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_outbox = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(OUTBOX) && name.ends_with(".json")
    };
    let mut found: Vec<PathBuf> = entries.filter(is_outbox).collect();
    found.sort();
    found
}

/// Writes changes of what must arrive to disk as they come, without holding up anything else.
async fn keep_all(shared: Arc<Shared>) {
    loop {
        shared.changed.notified().await;
        let writing = shared.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || writing.keep()).await {
            tracing::warn!("reports cannot be kept: {error:#}");
        }
    }
}

async fn send_all(shared: Arc<Shared>, client: Client, addresses: [Uri; 3], wishes: watch::Sender<Wish>) {
    let mut failures = 0u32;
    let mut told = false;
    loop {
        let Some((number, message)) = ({ shared.queue().front() }) else {
            shared.more.notified().await;
            continue;
        };
        let [init, samples, end] = &addresses;
        let uri = match message.target {
            Target::Init => init,
            Target::Boundary | Target::Sample => samples,
            Target::End => end,
        };
        let mut body = message.body;
        body.insert("sent_at".into(), clock::unix_seconds().into());
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let verdict = match client.post(uri, body).await {
            Ok(reply) => {
                let verdict = judge(&reply);
                if !matches!(verdict, Verdict::Settled(_)) && !told {
                    told = true;
                    let text: String = String::from_utf8_lossy(&reply.body).chars().take(300).collect();
                    tracing::error!(status = reply.status, %uri, "the supervisor does not take reports: {text}; the job runs on");
                }
                verdict
            }
            Err(error) => {
                if failures == 0 {
                    tracing::warn!("the supervisor is away: {error:#}; reports are kept, the job runs on");
                }
                Verdict::Again
            }
        };
        match verdict {
            Verdict::Settled(wish) => {
                (failures, told) = (0, false);
                shared.queue().settle(number);
                wishes.send_replace(wish);
            }
            Verdict::Hopeless => shared.queue().settle(number),
            Verdict::Unknown => {
                *shared.refused() = true;
                failures = failures.max(3).saturating_add(1);
            }
            Verdict::Again => failures = failures.saturating_add(1),
        }
        if message.target != Target::Sample && matches!(verdict, Verdict::Settled(_) | Verdict::Hopeless) {
            shared.changed.notify_one();
        }
        shared.settled.notify_waiters();
        if matches!(verdict, Verdict::Unknown | Verdict::Again) {
            let pause = pause(failures, fastrand::f64());
            tokio::select! {
                () = sleep(pause) => {}
                // A new message does not shorten the pause; a flush does.
                () = shared.hurry.notified() => {}
            }
        }
    }
}

/// Doubles from a fifth of a second to ten seconds, less a random half: many agents do not come back at once.
fn pause(failures: u32, random: f64) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1u32 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
    longest.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Verdict {
        judge(&Reply { status, body: body.to_owned().into() })
    }

    #[test]
    fn only_in_place_wishes_are_applied_here() {
        let wish = |cpus| Verdict::Settled(Wish { in_place: cpus });
        assert_eq!(reply(200, r#"{"cpus":1.4,"rescale":"in-place"}"#), wish(Some(1.4)));
        assert_eq!(reply(200, r#"{"cpus":1.4,"rescale":"restart"}"#), wish(None));
        assert_eq!(reply(200, r#"{"cpus":-1,"rescale":"in-place"}"#), wish(None));
        assert_eq!(reply(204, ""), wish(None));
        assert_eq!(reply(200, "not json"), wish(None));
    }

    #[test]
    fn refusals_are_told_from_failures() {
        assert_eq!(reply(404, ""), Verdict::Unknown);
        assert_eq!(reply(401, ""), Verdict::Unknown);
        assert_eq!(reply(503, ""), Verdict::Again);
        assert_eq!(reply(422, ""), Verdict::Hopeless);
    }

    #[test]
    fn pauses_double_to_a_bound() {
        assert_eq!(pause(1, 1.0), FIRST_PAUSE);
        assert_eq!(pause(1, 0.0), FIRST_PAUSE / 2);
        assert_eq!(pause(3, 1.0), FIRST_PAUSE * 4);
        assert_eq!(pause(u32::MAX, 1.0), LONGEST_PAUSE);
    }
}
