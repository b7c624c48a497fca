//! CRIU's images of a paused container, which stays: it is removed only after the generation is on disk.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::criu;
use crate::aside::aside;
use crate::docker::Docker;
use crate::docker::containers::Container;
use crate::process;

/// By which way images are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DumpPath {
    /// `runc checkpoint` on Docker's container: straight into the shared directory.
    Runc,
    /// The Engine API, which copies everything once more; needs an experimental daemon.
    Engine,
}

/// Writes the images of the container into `images`. Whatever happens, the container is still there afterwards.
///
/// # Errors
/// What CRIU, runc or Docker said, or that it took longer than `limit`.
pub async fn images(
    docker: &Docker,
    container: &Container,
    path: DumpPath,
    images: &Path,
    work: &Path,
    limit: Duration,
) -> Result<()> {
    match path {
        DumpPath::Runc => by_runc(container, images, work, limit).await,
        DumpPath::Engine => by_engine(docker, container, images, limit).await,
    }
}

async fn by_runc(container: &Container, images: &Path, work: &Path, limit: Duration) -> Result<()> {
    let root = criu::runc_root(container.exec_root().as_deref(), &container.id)?;
    let _ = fs::remove_dir_all(work);
    fs::create_dir_all(work).with_context(|| work.display().to_string())?;
    let mut command = process::in_own_session(&criu::runc()?)?;
    command.arg("--root").arg(root).args(["checkpoint", "--leave-running", "--file-locks", "--image-path"]);
    command.arg(images).arg("--work-path").arg(work).arg(&container.id);
    process::succeed(command, "runc checkpoint", limit)
        .await
        .map_err(|error| match last_errors(work) {
            Some(lines) => error.context(lines),
            None => error,
        })
        .map(drop)
}

/// CRIU's log names the cause; runc only says that it failed.
fn last_errors(work: &Path) -> Option<String> {
    let text = fs::read(work.join("dump.log")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let errors: Vec<&str> = text.lines().filter(|line| line.contains("Error")).collect();
    (!errors.is_empty()).then(|| errors[errors.len().saturating_sub(3)..].join(" | "))
}

async fn by_engine(docker: &Docker, container: &Container, images: &Path, limit: Duration) -> Result<()> {
    // Docker makes the folder of the checkpoint itself, and wants a name that is not taken.
    let parent = images.with_extension("docker");
    let directory = parent.to_str().context("the checkpoint directory's name is not UTF-8")?.to_owned();
    let (made, images) = (parent.clone(), images.to_owned());
    aside(move || super::secure::make(&made)).await?;
    docker.checkpoint(&container.id, "dump", &directory, limit).await?;
    aside(move || {
        fs::remove_dir(&images).with_context(|| images.display().to_string())?;
        fs::rename(parent.join("dump"), &images).with_context(|| images.display().to_string())?;
        fs::remove_dir_all(&parent).with_context(|| parent.display().to_string())
    })
    .await
}
