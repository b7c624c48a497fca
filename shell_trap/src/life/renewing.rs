//! Keeping the job while something takes longer than its lease.

use std::time::Duration;

use anyhow::Result;
use tokio::time::interval;

use crate::lease::guard::Guard;
use crate::lease::{self, Lease, state};

/// Does the work and renews the lease meanwhile; each time `renewed` is told until when the job may run.
///
/// # Errors
/// Those of the work, and that somebody else has the job: the work is dropped then.
pub async fn renewing<T>(
    work: impl Future<Output = Result<T>>,
    lease: Option<&mut Lease>,
    mut renewed: impl AsyncFnMut(Duration),
) -> Result<T> {
    let Some(lease) = lease else { return work.await };
    tokio::pin!(work);
    let mut renewals = interval(state::renewal_interval(lease.length()));
    loop {
        // A renewal that hangs must not hold up the work, nor the end of its time.
        let renewal = async {
            renewals.tick().await;
            lease.renew().await?;
            renewed(lease.pause_at()).await;
            Ok(())
        };
        tokio::select! {
            done = &mut work => return done,
            done = renewal => match done {
                Ok(()) => {}
                Err(error) if lease::is_superseded(&error) => return Err(error),
                // The guard or the keeper has the job stand still, should this last.
                Err(error) => tracing::warn!("the lease cannot be renewed: {error:#}"),
            }
        }
    }
}

/// As [`renewing`], for a job that a guard watches, or none.
///
/// # Errors
/// As [`renewing`].
pub async fn guarded<T>(
    work: impl Future<Output = Result<T>>,
    lease: &mut Lease,
    guard: &mut Option<Guard>,
) -> Result<T> {
    let tell = async |until| {
        if let Some(guard) = guard.as_mut() {
            // One that is gone is replaced while the job runs.
            let _ = guard.renewed(until).await;
        }
    };
    renewing(work, Some(lease), tell).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::file::LeaseDir;
    use crate::lease::state::Holder;

    #[tokio::test(flavor = "current_thread")]
    async fn the_lease_is_renewed_while_the_work_is_done_and_the_work_ends_when_another_has_the_job() {
        let base = tempfile::tempdir().unwrap();
        let directory = LeaseDir::open(base.path()).unwrap();
        let length = Duration::from_secs(1);
        let holder = Holder { node: "n".into(), ..Holder::default() };
        let never = std::future::pending();
        let taken = Lease::take(directory.clone(), holder, length, length, never).await.unwrap();
        let mut lease = taken.unwrap().0;
        let (first, mut told) = (lease.pause_at(), Vec::new());
        let (enough, mut waiting) = tokio::sync::mpsc::unbounded_channel();
        let work = async {
            waiting.recv().await;
            waiting.recv().await;
            Ok(7)
        };
        let done = renewing(work, Some(&mut lease), async |until| {
            told.push(until);
            let _ = enough.send(());
        });
        assert_eq!(done.await.unwrap(), 7);
        assert!(told[0] > first && told[1] > told[0] && lease.pause_at() == told[1], "{first:?} {told:?}");
        let record = directory.newest().unwrap().unwrap();
        assert!(directory.take(&state::Record { epoch: record.epoch + 1, ..record }).is_ok());
        let hang = std::future::pending::<Result<()>>();
        assert!(lease::is_superseded(&guarded(hang, &mut lease, &mut None).await.unwrap_err()));
        assert_eq!(renewing(async { Ok(8) }, None, async |_| {}).await.unwrap(), 8);
    }
}
