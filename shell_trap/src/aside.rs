//! Work on the shared directory, whose file server may hang for as long as it likes: never done by the thread that
//! everything else waits for, above all the framework's wish that the task ends.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// So much work may hang at once; what comes then waits for it, as it would hang too. Names are looked up by threads of
/// the same kind, of which there must always be some left.
static ROOM: Semaphore = Semaphore::const_new(64);

/// Does the work on a thread of its own and waits for it, without end: whoever calls this is interrupted himself. Work
/// that nobody waits for any more goes on.
///
/// # Errors
/// Those of the work.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let room = ROOM.acquire().await.context("no more work is done")?;
    let done = tokio::task::spawn_blocking(move || {
        let _room = room;
        work()
    });
    done.await.context("the work was cut off")?
}

/// As [`aside`], and waits for at most `limit`.
///
/// # Errors
/// Those of the work, and that it takes longer.
pub async fn aside_within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    timeout(limit, aside(work)).await.context("the shared directory does not answer")?
}

/// Does the work some time, and nobody waits for it: on a thread of its own where there are any.
pub fn unattended(work: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(work)),
        Err(_) => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test(flavor = "current_thread")]
    async fn work_that_hangs_holds_up_nothing_else_and_ends_by_its_limit() {
        let (release, hang) = mpsc::channel::<()>();
        let hanging = aside_within(Duration::from_millis(50), move || Ok(hang.recv()?));
        let (hung, other) = tokio::join!(hanging, aside(|| Ok(7)));
        assert!(hung.unwrap_err().to_string().contains("does not answer"));
        assert_eq!(other.unwrap(), 7);
        drop(release);
        let failed = aside(|| -> Result<()> { anyhow::bail!("no such thing") }).await;
        assert_eq!(failed.unwrap_err().to_string(), "no such thing");
    }
}
