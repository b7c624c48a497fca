//! A small process beside the agent that pauses the container when the lease runs out: because the agent was killed,
//! hangs, or cannot reach the shared directory. It is no child of the agent, survives the end of the task, needs neither
//! the shared directory nor Docker for the pausing, and no disk: each of them may be what hangs.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::file::LeaseDir;
use crate::cgroup::{self, Cgroups};
use crate::docker::Docker;
use crate::process;
use crate::runtime::docker::end_groups;
use crate::{clock, files, groups};

/// Name of the local file with the epoch of the last agent that started on this node.
const SUCCESSOR: &str = "epoch";
/// A guard that was left with a paused container gives up after this.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// Timers do not run while the machine sleeps, leases do.
const NAP: Duration = Duration::from_secs(1);

/// What a guard watches over.
#[derive(Debug, Clone)]
pub struct Post {
    /// Docker's socket.
    pub socket: PathBuf,
    /// The container's name: it may not be there yet.
    pub container: String,
    /// The epoch under which it runs.
    pub epoch: u64,
    /// The lease's directory.
    pub lease: PathBuf,
    /// This job's local directory.
    pub local: PathBuf,
    /// Cores of the node: a throttled container cannot be paused.
    pub cores: f64,
    /// This node, as leases name it.
    pub node: String,
    /// The control group around the container of this epoch. One that was taken up is in the group of an earlier one,
    /// beside it; where that is another place, a group there comes after it.
    pub groups: Vec<String>,
}

/// The agent's end.
#[derive(Debug)]
pub struct Guard {
    input: ChildStdin,
}

impl Guard {
    /// Starts one.
    ///
    /// # Errors
    /// When the process cannot be made.
    pub async fn start(post: &Post, deadline: Duration) -> Result<Self> {
        let log = fs::File::options().create(true).append(true).open(post.local.join("guard.log"))?;
        let mut command = Command::new(process::own_file()?);
        command.arg("guard").arg(&post.socket).arg(&post.container).arg(post.epoch.to_string()).arg(&post.lease);
        command.arg(&post.local).arg(post.cores.to_string()).arg(&post.node).args(&post.groups);
        command.env_remove("SHELL_TRAP_TOKEN").current_dir("/");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn().context("starting the guard")?;
        let input = child.stdin.take().context("the guard has no input")?;
        // It starts the guard proper and ends.
        let status = child.wait().await?;
        if !status.success() {
            bail!("the guard did not start ({status}): see {}", post.local.join("guard.log").display());
        }
        let mut guard = Guard { input };
        guard.renewed(deadline).await?;
        Ok(guard)
    }

    /// Tells it the new instant, since boot, at which the container must stand still.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn renewed(&mut self, deadline: Duration) -> Result<()> {
        self.input.write_all(format!("{}\n", deadline.as_millis()).as_bytes()).await.context("the guard is gone")
    }

    /// Relieves it: the container is gone, or ended.
    pub async fn dismiss(mut self) {
        // One that is gone needs no relief.
        let _ = self.input.write_all(b"done\n").await;
    }
}

/// Notes on this node that epoch `epoch` cares for what earlier ones left here. As a whole or not at all: guards read it at any
/// moment, and one that reads half a number, or none, takes the container of its successor for its own to stop and to remove.
///
/// # Errors
/// When the file cannot be written; what stood there stays.
pub fn take_over(local: &Path, epoch: u64) -> Result<()> {
    files::replace(&local.join(SUCCESSOR), epoch.to_string().as_bytes())
}

/// The `guard` command. Its first process only starts the second, which then is nobody's child.
///
/// # Errors
/// When it cannot do its work.
pub fn run(arguments: &[OsString]) -> Result<()> {
    if arguments.first().is_none_or(|first| first != "--detached") {
        nix::unistd::setsid().context("setsid")?;
        let mut command = std::process::Command::new(process::own_file()?);
        command.arg("guard").arg("--detached").args(arguments).spawn().context("starting the guard")?;
        return Ok(());
    }
    let text: Vec<String> = arguments.iter().map(|a| a.to_string_lossy().into_owned()).collect();
    let [_, socket, container, epoch, lease, local, cores, node, groups @ ..] = text.as_slice() else {
        bail!("guard: eight arguments and groups")
    };
    let post = Post {
        socket: socket.into(),
        container: container.clone(),
        epoch: epoch.parse()?,
        lease: lease.into(),
        local: local.into(),
        cores: cores.parse()?,
        node: node.clone(),
        groups: groups.to_vec(),
    };
    cgroup::leave_task_groups();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(watch(&post));
    // A look at a shared directory that hangs must not keep it.
    runtime.shutdown_background();
    done
}

async fn watch(post: &Post) -> Result<()> {
    // The framework signals the whole tree of processes.
    let mut ignored =
        [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?];
    let [term, int, hup] = &mut ignored;
    let docker = Docker::at(&post.socket);
    let cgroups = Cgroups::find()?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut deadline = clock::since_boot() + Duration::from_secs(60);
    let (mut still, mut alone) = (Still::No, false);
    loop {
        let left = deadline.saturating_sub(clock::since_boot());
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            _ = hup.recv() => {}
            line = lines.next_line(), if !alone => match line.unwrap_or_default().as_deref() {
                Some("done") => return Ok(()),
                Some(text) => {
                    deadline = Duration::from_millis(text.parse().context("guard: input")?);
                    if still != Still::No && clock::since_boot() < deadline {
                        eprintln!("the lease is renewed: the container goes on");
                        go_on(&cgroups, &docker, post, still).await;
                        still = Still::No;
                    }
                }
                None => alone = true,
            },
            () = sleep(left.min(NAP)), if still == Still::No => {
                if clock::since_boot() < deadline {
                    continue;
                }
                if successor(post) {
                    return Ok(());
                }
                still = stand_still(&cgroups, &docker, post).await;
                if still == Still::No {
                    if alone {
                        return Ok(());
                    }
                    // The agent may be about to make the container.
                    sleep(Duration::from_millis(20)).await;
                }
            }
            done = tidy(&cgroups, &docker, post), if still != Still::No => return done,
        }
    }
}

/// By which means the container stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Still {
    No,
    /// The group around it is frozen.
    Frozen,
    /// Docker has paused it.
    Paused,
}

/// Has an agent that started later on this node taken charge of what `epoch` left here?
pub fn has_successor(local: &Path, epoch: u64) -> bool {
    let text = fs::read_to_string(local.join(SUCCESSOR)).unwrap_or_default();
    text.trim().parse::<u64>().is_ok_and(|successor| successor > epoch)
}

fn successor(post: &Post) -> bool {
    has_successor(&post.local, post.epoch)
}

/// The groups of the job on this node: its own, where a container may be about to start, and earlier ones that are not empty.
fn groups(cgroups: &Cgroups, post: &Post) -> Vec<String> {
    let all = post.groups.iter().flat_map(|base| groups::up_to(cgroups, base, &post.container, post.epoch));
    let own = |group: &String| post.groups.first() == Some(group);
    all.filter(|group| own(group) || cgroups.populated(&cgroups.directory(group))).collect()
}

async fn stand_still(cgroups: &Cgroups, docker: &Docker, post: &Post) -> Still {
    let (mut still, mut failed) = (Still::No, false);
    for group in groups(cgroups, post) {
        match cgroups.freeze(&group) {
            Ok(true) => {
                eprintln!("the lease of epoch {} has run out: {group} stands still", post.epoch);
                still = Still::Frozen;
            }
            Ok(false) => {}
            Err(error) => {
                eprintln!("{error:#}; pausing by Docker");
                failed = true;
            }
        }
    }
    if !failed {
        return still;
    }
    let _ = docker.set_cores(&post.container, post.cores).await;
    match docker.pause(&post.container).await {
        Ok(()) => Still::Paused,
        Err(error) => {
            eprintln!("pausing: {error}");
            Still::No
        }
    }
}

async fn go_on(cgroups: &Cgroups, docker: &Docker, post: &Post, still: Still) {
    if still == Still::Frozen {
        groups(cgroups, post).iter().for_each(|group| {
            cgroups.thaw(group);
        });
    } else if let Err(error) = docker.unpause(&post.container).await {
        // The agent looks for this, too.
        eprintln!("unpausing: {error}");
    }
}

/// Nobody on this node will come for the paused container once another node has taken the job.
async fn tidy(cgroups: &Cgroups, docker: &Docker, post: &Post) -> Result<()> {
    let began = clock::since_boot();
    while clock::since_boot() - began < PATIENCE {
        sleep(Duration::from_secs(2)).await;
        if successor(post) {
            return Ok(());
        }
        let directory = LeaseDir::existing(&post.lease);
        let look = tokio::task::spawn_blocking(move || match fs::metadata(directory.path()) {
            // The job's directory was removed: nobody will come.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            _ => directory.newest(),
        });
        let Ok(Ok(Ok(newest))) = tokio::time::timeout(Duration::from_secs(30), look).await else { continue };
        // An agent of this node cares for it itself.
        let elsewhere = newest.is_none_or(|record| record.epoch > post.epoch && record.holder.node != post.node);
        if elsewhere && !successor(post) {
            eprintln!("the job runs elsewhere: removing {}", post.container);
            let groups = groups(cgroups, post);
            end_groups(cgroups, &groups);
            docker.remove(&post.container).await?;
            groups.iter().for_each(|group| cgroups.remove(group));
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_that_looks_while_the_file_is_written_again_sees_a_successor_all_the_time() {
        let local = tempfile::tempdir().unwrap();
        take_over(local.path(), 10).unwrap();
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let looking = scope.spawn(|| {
                let mut looks = 0u64;
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    assert!(has_successor(local.path(), 9), "after {looks} looks");
                    looks += 1;
                }
                looks
            });
            for epoch in 11..311 {
                take_over(local.path(), epoch).unwrap();
            }
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(looking.join().unwrap() > 0);
        });
        assert!(has_successor(local.path(), 309) && !has_successor(local.path(), 310));
    }

    /// What a write left that was cut off: why it must never be seen.
    #[test]
    fn half_a_number_is_no_successor() {
        let local = tempfile::tempdir().unwrap();
        assert!(!has_successor(local.path(), 11));
        for torn in ["", "1"] {
            fs::write(local.path().join(SUCCESSOR), torn).unwrap();
            assert!(!has_successor(local.path(), 11), "{torn:?} of 12");
        }
        // One that was cut off before it took the file's name has changed nothing.
        take_over(local.path(), 12).unwrap();
        fs::write(local.path().join("epoch.draft"), "1").unwrap();
        assert!(has_successor(local.path(), 11));
        take_over(local.path(), 13).unwrap();
        assert!(has_successor(local.path(), 12));
    }

    #[test]
    fn where_nothing_can_be_written_the_last_one_stays() {
        let local = tempfile::tempdir().unwrap();
        take_over(local.path(), 12).unwrap();
        // No draft can be made: as little as on a full disk.
        fs::create_dir(local.path().join("epoch.draft")).unwrap();
        assert!(take_over(local.path(), 13).is_err());
        assert!(has_successor(local.path(), 11) && !has_successor(local.path(), 12));
    }
}
