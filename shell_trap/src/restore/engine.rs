//! Restoring through the Engine API: a copy of the images in the container's own `checkpoints` directory, since a
//! directory given by name is refused; retries, since containerd fails now and then; and tidying up after it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

use crate::aside::aside;
use crate::docker::{Docker, DockerError};

/// Name of the copy.
const CHECKPOINT: &str = "restore";

/// Starts the container from the images, within `limit`.
///
/// # Errors
/// What Docker said last.
pub async fn start(docker: &Docker, docker_root: &Path, id: &str, images: &Path, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    let copy = docker_root.join("containers").join(id).join("checkpoints").join(CHECKPOINT);
    let (from, to) = (images.to_owned(), copy.clone());
    aside(move || copy_flat(&from, &to)).await.context("copying the images for Docker")?;
    let temporary = temporary_directory(docker).await;
    let before = leftovers(&temporary);
    let result = attempts(docker, id, deadline).await;
    let images = images.to_owned();
    let tidied = aside(move || {
        let _ = fs::remove_dir_all(&copy);
        // Only what came during our own start, and holds the very images of it.
        for directory in leftovers(&temporary).difference(&before).filter(|directory| same_pstree(directory, &images)) {
            let _ = fs::remove_dir_all(directory);
        }
        Ok(())
    });
    tidied.await?;
    result
}

async fn attempts(docker: &Docker, id: &str, deadline: Instant) -> Result<()> {
    let mut pause = Duration::from_millis(100);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match docker.start(id, Some(CHECKPOINT), left).await {
            // containerd's content store has the images of an attempt a moment ago: gone soon.
            Err(DockerError::Refused { message, .. }) if message.contains("already exists") && left > pause => {
                tracing::info!("containerd has the images of an attempt a moment ago still: trying again");
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
            other => return Ok(other?),
        }
    }
}

/// CRIU's images are files in one directory.
fn copy_flat(from: &Path, to: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(to);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).with_context(|| entry.path().display().to_string())?;
        }
    }
    Ok(())
}

/// Where the daemon puts temporary files: as its own environment says, when its process can be found.
async fn temporary_directory(docker: &Docker) -> PathBuf {
    let daemon = async {
        let stream = UnixStream::connect(docker.socket()).await.ok()?;
        let pid = stream.peer_cred().ok()?.pid()?;
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let value = environment.split(|&b| b == 0).find_map(|v| v.strip_prefix(b"TMPDIR="))?;
        Some(PathBuf::from(std::str::from_utf8(value).ok()?))
    };
    daemon.await.unwrap_or_else(|| "/tmp".into())
}

/// Each start from a checkpoint leaves a whole copy of the images there for ever.
fn leftovers(temporary: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(temporary).into_iter().flatten().flatten();
    entries.filter(|e| e.file_name().to_string_lossy().starts_with("ctrd-checkpoint")).map(|e| e.path()).collect()
}

fn same_pstree(directory: &Path, images: &Path) -> bool {
    let read = |base: &Path| fs::read(base.join("pstree.img")).ok();
    read(directory).is_some_and(|found| Some(found) == read(images))
}
