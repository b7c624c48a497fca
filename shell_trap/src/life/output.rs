//! The job's output: into this task's own streams while it runs, and into the shared directory at each dump.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::aside::aside;
use crate::docker::Docker;
use crate::docker::follow::Stream;

/// What is archived of one stream of one segment; the task's sandbox has it all.
const LARGEST: u64 = 64 << 20;

/// What is read at once.
type Pieces = Vec<(Stream, Vec<u8>)>;

/// Copies the container's output into this process's own until it ends.
pub fn follow(docker: Docker, id: String, since: f64, tty: bool) -> JoinHandle<()> {
    let (sender, mut receiver) = mpsc::channel::<Pieces>(64);
    // A reader of our output that is slow must slow down nothing but the output.
    std::thread::spawn(move || {
        while let Some(pieces) = receiver.blocking_recv() {
            for (stream, piece) in pieces {
                // Nobody reads any more: the log in Docker still has it.
                let _ = match stream {
                    Stream::Out => std::io::stdout().write_all(&piece).and_then(|()| std::io::stdout().flush()),
                    Stream::Err => std::io::stderr().write_all(&piece),
                };
            }
        }
    });
    tokio::spawn(async move {
        let copied = async {
            let mut logs = docker.logs(&id, true, since, tty).await?;
            while let Some(pieces) = logs.next().await? {
                if sender.send(pieces).await.is_err() {
                    break;
                }
            }
            anyhow::Ok(())
        };
        if let Err(error) = copied.await {
            tracing::warn!("the job's output cannot be followed: {error:#}");
        }
    })
}

/// Gives the follower time for what is still to come.
pub async fn drain(follower: JoinHandle<()>, limit: Duration) {
    let _ = tokio::time::timeout(limit, follower).await;
}

/// Writes the segment's output so far to `logs/<segment>.stdout` and `.stderr`.
///
/// # Errors
/// When it cannot be read from Docker, or not written.
pub async fn archive(docker: &Docker, id: &str, tty: bool, job_dir: &Path, segment: u64) -> Result<()> {
    let (sender, pieces) = mpsc::channel(64);
    let directory = job_dir.join("logs");
    let writing = aside(move || write(&directory, segment, pieces));
    let reading = async move {
        let mut logs = docker.logs(id, false, 0.0, tty).await?;
        while let Some(pieces) = logs.next().await? {
            if sender.send(pieces).await.is_err() {
                break;
            }
        }
        anyhow::Ok(())
    };
    let (read, written) = tokio::join!(reading, writing);
    written.and(read)
}

fn write(directory: &Path, segment: u64, mut pieces: mpsc::Receiver<Pieces>) -> Result<()> {
    crate::checkpoint::secure::make(directory)?;
    let open = |name: &str| {
        let path = directory.join(format!("{segment:06}.{name}"));
        File::create(&path).with_context(|| path.display().to_string())
    };
    let (mut out, mut err) = ((open("stdout")?, 0), (open("stderr")?, 0));
    while let Some(pieces) = pieces.blocking_recv() {
        for (stream, piece) in pieces {
            let (file, written) = if stream == Stream::Out { &mut out } else { &mut err };
            if *written < LARGEST {
                file.write_all(&piece).context("writing the logs")?;
                *written += piece.len() as u64;
            }
        }
    }
    Ok(())
}
