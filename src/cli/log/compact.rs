//! The data of jobs that are long over, in files beside the log.

use std::io::Write;
use std::path::Path;

use anyhow::Context as _;

use crate::clock::{Clock as _, SystemClock};
use crate::events::store::{CompactError, compact};
use crate::qos::units::Span;

/// Archives the data of the jobs in `path` that were over `older_than` ago.
///
/// # Errors
/// When a supervisor uses the log, or it is broken or cannot be written.
pub fn run(path: &Path, older_than: std::time::Duration, out: &mut impl Write) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let done = match compact(path, now - Span::from(older_than), now) {
        Err(error @ CompactError::Space { .. }) => return Err(error.into()),
        done => done.context("nothing more was compacted")?,
    };
    writeln!(out, "{} events of {} jobs are archived", done.events, done.jobs)?;
    if done.still_read > 0 {
        writeln!(out, "{} more stay until metrics and notices of them are sent", done.still_read)?;
    }
    Ok(())
}
