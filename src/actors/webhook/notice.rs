//! Finds notices and puts them into the outbox.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::sleep;

use super::{KIND, Surroundings};
use crate::actors::follow::Follower;
use crate::actors::performer::{LONGEST_PAUSE, backoff};
use crate::api::notice::{Notice, NoticeKind};
use crate::events::envelope::{Seq, StreamId};
use crate::events::store::{Append, NewEffect, ReadError};
use crate::qos::ids::Framework;
use crate::qos::notice::Noticed;
use crate::qos::units::Span;

/// The name under which the log keeps how far it was looked through.
const CURSOR: &str = "webhook";

/// Notices that wait at most; further ones stay in the log.
const MOST_WAITING: usize = 1000;

/// Without notices the place in the log is noted this often.
const CURSOR_EVERY: Duration = Duration::from_secs(10);

/// Between two looks at the frameworks, and at an outbox that is full.
const LOOK: Duration = Duration::from_millis(500);

pub(super) struct Finder<'a> {
    around: &'a Surroundings,
    put: &'a Notify,
    give_up_after: Span,
}

/// Where to look from: what happened before there ever was a webhook is no news.
pub(super) async fn begin(around: &Surroundings) -> Result<Seq, Failure> {
    if let Some(cursor) = around.log.cursor(CURSOR).await? {
        return Ok(cursor);
    }
    let head = around.log.stats().head.seq;
    let append = Append::at(around.clock.now()).cursor(CURSOR, head);
    around.log.append(append).await.map_err(|error| Failure::Put(error.to_string()))?;
    Ok(head)
}

impl<'a> Finder<'a> {
    pub fn new(around: &'a Surroundings, put: &'a Notify, give_up_after: Span) -> Self {
        Finder { around, put, give_up_after }
    }

    /// Looks through the log as it grows.
    pub async fn follow_the_log(&self) {
        let mut pauses = backoff();
        loop {
            let failure = match self.follow().await {
                Err(failure) => failure,
                Ok(never) => match never {},
            };
            tracing::warn!(%failure, "notices for the webhook wait");
            sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
        }
    }

    async fn follow(&self) -> Result<std::convert::Infallible, Failure> {
        let log = &self.around.log;
        let mut read = begin(self.around).await?;
        let mut follower: Follower<Noticed> = Follower::new(log.clone());
        let mut head = log.watch_head();
        let mut noted = Instant::now();
        loop {
            head.borrow_and_update();
            let page = follower.page(read).await?;
            // Found late, because there was no webhook for a while: what would have been given up by now is no news.
            let oldest = self.around.clock.now() - self.give_up_after;
            let notices = page.items.into_iter().map(|(_, notice)| notice);
            let notices: Vec<Notice> = notices.filter(|notice| notice.at.0 >= oldest).collect();
            let moved = page.upto != read;
            if !notices.is_empty() || (moved && noted.elapsed() >= CURSOR_EVERY) {
                while log.waiting(KIND, MOST_WAITING).await?.len() >= MOST_WAITING {
                    sleep(LOOK).await;
                }
                self.append(self.append_of(&notices)?.cursor(CURSOR, page.upto)).await?;
                noted = Instant::now();
            }
            read = page.upto;
            if !page.more {
                // An error is the end of the log, and of this process.
                tokio::select! {
                    _ = head.changed() => {}
                    () = sleep(CURSOR_EVERY) => {}
                }
            }
        }
    }

    /// Looks at the frameworks; of one that has been away for `patience` a notice is given, once for each time that it is away.
    pub async fn watch_frameworks(&self, patience: Duration) {
        let mut away: BTreeMap<Framework, (Instant, bool)> = BTreeMap::new();
        loop {
            sleep(LOOK).await;
            for (framework, status) in &self.around.frameworks {
                let Some(since) = status.unreachable_since() else {
                    away.remove(framework);
                    continue;
                };
                let (first, told) = away.entry(*framework).or_insert_with(|| (Instant::now(), false));
                if *told || first.elapsed() < patience {
                    continue;
                }
                let seconds = first.elapsed().as_secs();
                let error = status.last_error().unwrap_or_default();
                let notice = Notice {
                    id: format!("{framework}/{}/{}", since.micros(), NoticeKind::Unreachable.as_str()),
                    event: NoticeKind::Unreachable,
                    at: self.around.clock.now().into(),
                    framework: *framework,
                    job: None,
                    reason: format!("{} has not answered for {seconds} s: {error}", status.name()),
                };
                let put = match self.append_of(std::slice::from_ref(&notice)) {
                    Ok(append) => self.append(append).await,
                    Err(failure) => Err(failure),
                };
                match put {
                    Ok(()) => *told = true,
                    Err(failure) => tracing::warn!(%failure, "a notice for the webhook waits"),
                }
            }
        }
    }

    /// The stream of the cluster holds them: what is over for a job is not over for its notices.
    fn append_of(&self, notices: &[Notice]) -> Result<Append, Failure> {
        let mut append = Append::at(self.around.clock.now());
        for notice in notices {
            let payload = serde_json::to_string(notice).map_err(|error| Failure::Put(error.to_string()))?;
            append = append.replace_effect(NewEffect {
                stream: StreamId::Cluster,
                effect_key: format!("{KIND}/{}", notice.id),
                kind: KIND.into(),
                payload,
            });
        }
        Ok(append)
    }

    async fn append(&self, append: Append) -> Result<(), Failure> {
        self.around.log.append(append).await.map_err(|error| Failure::Put(error.to_string()))?;
        self.put.notify_one();
        Ok(())
    }
}

/// Why a notice is not in the outbox.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{0}")]
    Put(String),
}
