//! The event log as it grows, for those who watch: read page by page on the threads that serve, never by those that decide.
//!
//! A watcher costs a slot, a few kilobytes on the way to it, and nothing more: one that does not take what it is sent is dropped, and
//! comes back by itself to where it was.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::sync::{Semaphore, mpsc};

use crate::api::view::Instant;
use crate::clock::Clock;
use crate::events::envelope::{Seq, StoredEvent};
use crate::events::store::{EventLog, ReadError};
use crate::http::auth::HeldSession;
use crate::qos::ids::JobId;

/// Watchers at the same time.
pub const MOST_WATCHERS: usize = 64;

/// Something is sent at least this often, so that both ends find out when the other is gone.
pub const HEART_BEAT: Duration = Duration::from_secs(10);

/// How long a page may wait for its watcher to take it.
const PATIENCE: Duration = Duration::from_secs(20);

/// After something was committed, what comes within this time is read together with it.
const GATHER: Duration = Duration::from_millis(100);

/// Pages that may be on the way to a watcher.
const ON_THE_WAY: usize = 4;

/// Events that are read at once.
const PAGE: usize = 64;

/// What is handed on at once, in bytes, or one event if that is more.
const PIECE: usize = 64 * 1024;

/// Watchers that read the log at the same moment; the others wait, and leave connections to those who decide.
const READERS: usize = 2;

/// Watches of the log.
#[derive(Debug, Clone)]
pub struct Feed {
    slots: Arc<Semaphore>,
    readers: Arc<Semaphore>,
}

impl Default for Feed {
    fn default() -> Self {
        Feed { slots: Arc::new(Semaphore::new(MOST_WATCHERS)), readers: Arc::new(Semaphore::new(READERS)) }
    }
}

/// What is watched.
pub struct Watched {
    /// The log.
    pub log: EventLog,
    /// The time, for the heart-beats.
    pub clock: Arc<dyn Clock>,
    /// Only this job's events.
    pub job: Option<JobId>,
    /// Events after this one; none for those from now on.
    pub after: Option<Seq>,
    /// The session that it was opened by: with it the watch ends in any case.
    pub session: Option<HeldSession>,
}

/// The body of an answer that goes on.
pub type Body = futures_util::stream::BoxStream<'static, Result<Bytes, Infallible>>;

impl Feed {
    /// How many watch.
    pub fn watchers(&self) -> usize {
        MOST_WATCHERS.saturating_sub(self.slots.available_permits())
    }

    /// Begins a watch; none when there are too many.
    pub fn watch(&self, watched: Watched) -> Option<Body> {
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        let (page, pages) = mpsc::channel(ON_THE_WAY);
        let readers = Arc::clone(&self.readers);
        actix_rt::spawn(async move {
            let _slot = slot;
            let Err(error) = follow(watched, &readers, &page).await;
            tracing::debug!(%error, "a watch of the event log has ended");
        });
        Some(Box::pin(futures_util::stream::unfold(pages, async |mut pages| Some((Ok(pages.recv().await?), pages)))))
    }
}

impl Collector for Feed {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let metric = ConstGauge::new(self.watchers() as f64);
        let about = "Streams of events that are open";
        metric.encode(encoder.encode_descriptor("watchers", about, None, metric.metric_type())?)
    }
}

#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the watcher is gone")]
    Gone,
    #[error("the watcher takes nothing")]
    Slow,
    #[error("the session is over")]
    Over,
    #[error(transparent)]
    Read(#[from] ReadError),
}

async fn follow(mut watched: Watched, readers: &Semaphore, pages: &mpsc::Sender<Bytes>) -> Result<Infallible, Ended> {
    let mut session = watched.session.take();
    let watched = &watched;
    let mut head = watched.log.watch_head();
    let present = head.borrow_and_update().seq;
    // A place beyond the end is of another log: what was before it is not known here.
    let is_other = watched.after.is_some_and(|after| after > present);
    let mut at = watched.after.filter(|_| !is_other).unwrap_or(present);
    let greeting = if is_other { "reset" } else { "begin" };
    send(pages, told(watched, greeting, at)).await?;
    loop {
        if session.as_ref().is_some_and(HeldSession::is_over) {
            send(pages, told(watched, "over", at)).await?;
            return Err(Ended::Over);
        }
        let events = read(watched, readers, at).await?;
        if let Some(last) = events.last() {
            at = last.seq;
            for piece in pieces_of(&events, watched.job) {
                send(pages, piece).await?;
            }
            if events.len() == PAGE {
                continue;
            }
        }
        let changed = tokio::select! {
            () = pages.closed() => return Err(Ended::Gone),
            () = ended(&mut session) => continue,
            changed = tokio::time::timeout(HEART_BEAT, head.changed()) => changed,
        };
        match changed {
            Ok(Ok(())) => tokio::time::sleep(GATHER).await,
            Ok(Err(_)) => return Err(ReadError::Closed.into()),
            Err(_) => send(pages, told(watched, "heart-beat", at)).await?,
        }
    }
}

/// Waits until a session has ended, which may be this one.
async fn ended(session: &mut Option<HeldSession>) {
    match session {
        Some(session) => session.changed().await,
        None => std::future::pending().await,
    }
}

async fn read(watched: &Watched, readers: &Semaphore, after: Seq) -> Result<Vec<StoredEvent>, Ended> {
    let _reading = readers.acquire().await.map_err(|_| ReadError::Closed)?;
    Ok(watched.log.read_all(after, PAGE).await?)
}

async fn send(pages: &mpsc::Sender<Bytes>, page: Bytes) -> Result<(), Ended> {
    match tokio::time::timeout(PATIENCE, pages.send(page)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Ended::Gone),
        Err(_) => Err(Ended::Slow),
    }
}

/// The events as messages, each with its place in the log as its id.
fn pieces_of(events: &[StoredEvent], job: Option<JobId>) -> Vec<Bytes> {
    let (mut pieces, mut text) = (Vec::new(), String::new());
    for event in events.iter().filter(|event| job.is_none_or(|job| event.stream.job() == Some(job))) {
        match serde_json::to_string(event) {
            // Stored data is one line, and so is its JSON form.
            Ok(data) => text.push_str(&format!("id: {}\ndata: {data}\n\n", event.seq)),
            Err(error) => tracing::error!(seq = event.seq.0, %error, "an event that cannot be shown is left out"),
        }
        if text.len() > PIECE {
            pieces.push(std::mem::take(&mut text).into());
        }
    }
    if !text.is_empty() {
        pieces.push(text.into());
    }
    pieces
}

/// A message that is no event of the log: where in it the watch is, where its end is, and what time it is here. Its id spares one who comes
/// back reading all of the log for the few events of one job.
fn told(watched: &Watched, what: &str, at: Seq) -> Bytes {
    let (now, head) = (Instant::from(watched.clock.now()), watched.log.stats().head.seq);
    format!("event: {what}\nid: {at}\ndata: {{\"seq\":{at},\"head\":{head},\"now\":\"{now}\"}}\n\n").into()
}
