//! Delivering the messages one after the other, for as long as it takes.

use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::sleep;

use super::http::{Client, Reply};
use super::queue::Target;
use super::{Shared, Wish};
use crate::clock;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

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

/// Sends what is and comes into the queue; never ends.
pub async fn all(shared: Arc<Shared>, client: Client, addresses: [Uri; 3], wishes: watch::Sender<Wish>) {
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
