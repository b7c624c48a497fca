//! Telling the supervisor: in order, with patience, and without ever holding up the job.

pub mod http;
pub mod messages;
pub mod queue;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hyper::Uri;
use serde::Deserialize;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};

use self::http::{Client, Reply};
use self::queue::{Message, Queue, Target};
use crate::clock;
use crate::config::Config;

/// Undelivered messages of a task that had to end, in the job's directory.
const OUTBOX: &str = "outbox.json";
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
    /// The supervisor knows us not, or does not want us.
    refused: Mutex<bool>,
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
        }
        Ok(Reporter { shared, wish })
    }

    /// Adds a message.
    pub fn send(&self, message: Message) {
        if self.shared.enabled {
            self.shared.queue().push(message);
            self.shared.more.notify_one();
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

    /// Leaves what could not be delivered for the next task of the job.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, job_dir: &Path) -> Result<()> {
        let left = self.shared.queue().undelivered();
        let path = job_dir.join(OUTBOX);
        if left.is_empty() {
            let _ = fs::remove_file(&path);
            return Ok(());
        }
        fs::write(&path, serde_json::to_vec(&left)?).with_context(|| path.display().to_string())
    }

    /// Takes up what an earlier task left.
    pub fn take_up(&self, job_dir: &Path) {
        let path = job_dir.join(OUTBOX);
        let Ok(text) = fs::read(&path) else { return };
        match serde_json::from_slice::<Vec<Message>>(&text) {
            Ok(messages) => messages.into_iter().for_each(|message| self.send(message)),
            Err(error) => tracing::warn!(%error, "undelivered reports of an earlier task cannot be read"),
        }
        let _ = fs::remove_file(&path);
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
