//! Child processes: found without a shell, ended by time-outs, and started in a session of their own.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::prctl;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Gid, Pid, Uid, User, getppid, setgid, setgroups, setsid, setuid};
use tokio::process::Command;
use tokio::time::timeout;

/// Looks for a program in `PATH` and the directories of system programs.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|directory| directory.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok() && file.is_file()
}

/// A command that runs in its own session, so that signals for this task do not reach it, and is killed when this
/// process dies: nothing works on unseen.
///
/// # Errors
/// When this program's own file is not known.
pub fn in_own_session(program: &Path) -> Result<Command> {
    let mut command = Command::new(own_file()?);
    command.arg("enter").arg("--parent").arg(std::process::id().to_string()).arg("--").arg(program);
    command.stdin(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

/// This program's file, also when it was replaced since.
///
/// # Errors
/// When `/proc` is not there.
pub fn own_file() -> Result<PathBuf> {
    // The link itself, not its target: a replaced file has another name there.
    let link = PathBuf::from("/proc/self/exe");
    std::fs::read_link(&link).context("/proc/self/exe")?;
    Ok(link)
}

/// Runs to the end, at most `limit`; then the whole session is killed. Output is collected.
///
/// # Errors
/// When it cannot be started, or takes too long.
pub async fn output(mut command: Command, what: &str, limit: Duration) -> Result<Output> {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn();
    let child = child.with_context(|| format!("starting {what}"))?;
    let mut group = KillGroup(child.id().and_then(|pid| i32::try_from(pid).ok()));
    match timeout(limit, child.wait_with_output()).await {
        Ok(result) => {
            group.0 = None;
            result.with_context(|| what.to_owned())
        }
        Err(_) => bail!("{what} took longer than {:.1} s and was killed", limit.as_secs_f64()),
    }
}

/// Kills a process with all that it has started, when nobody waits for it any more.
struct KillGroup(Option<i32>);

impl Drop for KillGroup {
    fn drop(&mut self) {
        // It leads its own session, if it came so far; a process group of this number is its own in any case.
        if let Some(pid) = self.0 {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// As [`output`], and a failed exit is an error with what the program said last.
///
/// # Errors
/// As [`output`].
pub async fn succeed(command: Command, what: &str, limit: Duration) -> Result<String> {
    let output = output(command, what, limit).await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let said = if output.stderr.is_empty() { text(&output.stdout) } else { text(&output.stderr) };
    let last: Vec<&str> = said.lines().rev().take(3).collect();
    let last = last.into_iter().rev().collect::<Vec<_>>().join(" | ");
    ensure!(output.status.success(), "{what}: {}: {last}", output.status);
    Ok(text(&output.stdout))
}

/// The `enter` command: becomes the leader of a session, asks to die with its parent, joins control groups, takes on a
/// user, and turns into the program. Returns only when that fails.
///
/// # Errors
/// Which of these steps failed.
pub fn enter(arguments: &[OsString]) -> Result<std::convert::Infallible> {
    let mut arguments = arguments.iter();
    let (mut user, mut parent) = (None, None);
    let mut program = None;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{} has no value", argument.to_string_lossy()));
        match argument.to_str() {
            Some("--parent") => parent = Some(value()?.to_string_lossy().parse::<i32>()?),
            Some("--join") => {
                let file = value()?;
                std::fs::write(file, "0").with_context(|| format!("joining {}", file.to_string_lossy()))?;
            }
            Some("--user") => user = Some(value()?.to_string_lossy().into_owned()),
            Some("--") => {
                program = arguments.next();
                break;
            }
            _ => bail!("enter: {} is not known", argument.to_string_lossy()),
        }
    }
    let program = program.context("enter: no program")?;
    setsid().context("setsid")?;
    if let Some(user) = user {
        become_user(&user)?;
    }
    // A change of the user takes the wish back, so it comes last.
    if let Some(parent) = parent {
        prctl::set_pdeathsig(Signal::SIGKILL).context("parent-death signal")?;
        ensure!(getppid() == Pid::from_raw(parent), "the parent is gone");
    }
    let error = std::process::Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("executing {}", Path::new(OsStr::new(program)).display()))
}

fn become_user(text: &str) -> Result<()> {
    let (name, group) = text.split_once(':').map_or((text, None), |(name, group)| (name, Some(group)));
    let (uid, default_group) = match name.parse::<u32>() {
        Ok(number) => (Uid::from_raw(number), Gid::from_raw(number)),
        Err(_) => {
            let user =
                User::from_name(name)?.with_context(|| format!("user: there is no user {name:?} on this node"))?;
            (user.uid, user.gid)
        }
    };
    let gid = match group {
        Some(text) => Gid::from_raw(text.parse().with_context(|| format!("user: group {text:?} must be a number"))?),
        None => default_group,
    };
    setgroups(&[gid]).context("setgroups")?;
    setgid(gid).context("setgid")?;
    setuid(uid).context("setuid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_without_a_shell() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program-here").is_none());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_program_that_hangs_is_ended() {
        let mut command = Command::new("sleep");
        command.arg("600").process_group(0);
        let error = output(command, "sleep", Duration::from_millis(100)).await.unwrap_err();
        assert!(error.to_string().contains("longer than 0.1 s"), "{error}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_nobody_waits_for_any_more_is_ended_with_all_that_it_started() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("pid");
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $! >\"$0\"; wait"]).arg(&file).process_group(0);
        let pid = || std::fs::read_to_string(&file).ok()?.trim().parse::<u32>().ok();
        let started = async {
            while pid().is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = output(command, "sh", Duration::from_secs(600)) => panic!("it ended"),
            () = started => {}
        }
        let alive = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
        };
        while alive(pid().unwrap()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_a_failing_program_said_is_in_the_error() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one >&2; echo two >&2; exit 3"]);
        let error = succeed(command, "the test", Duration::from_secs(20)).await.unwrap_err().to_string();
        assert!(error.contains("one | two") && error.contains('3'), "{error}");
    }
}
