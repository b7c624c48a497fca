//! A small process beside the agent that ends the job when the agent is gone, killed or not, and has it stand still while the agent
//! does not renew the lease, because it hangs or the shared directory does.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::traces::Traces;
use crate::{cgroup, clock, process};

/// While the job stands still: a process that was made meanwhile is stopped within this time.
const AGAIN: Duration = Duration::from_millis(50);

/// The agent's end. Dropping it ends the job.
#[derive(Debug)]
pub struct Keeper {
    child: Child,
}

impl Keeper {
    /// Starts one for what `traces` will find; before there is anything.
    ///
    /// # Errors
    /// When the process cannot be made.
    pub fn start(traces: &Traces) -> Result<Self> {
        let mut command = Command::new(process::own_file()?);
        command.arg("keep").arg(&traces.mark).args(&traces.groups).current_dir("/");
        command.env_remove("SHELL_TRAP_TOKEN").stdin(Stdio::piped()).stdout(Stdio::null());
        Ok(Keeper { child: command.spawn().context("starting the keeper")? })
    }

    /// Tells it the session of the job's first process.
    ///
    /// # Errors
    /// When it is gone.
    pub fn session(&mut self, session: i32) -> Result<()> {
        self.tell(&format!("session {session}\n"))
    }

    /// Tells it the instant since boot from which on the job stands still.
    ///
    /// # Errors
    /// When it is gone.
    pub fn until(&mut self, deadline: Duration) -> Result<()> {
        self.tell(&format!("until {}\n", deadline.as_millis()))
    }

    fn tell(&mut self, line: &str) -> Result<()> {
        let input = self.child.stdin.as_mut().context("the keeper has no input")?;
        // A pipe takes thousands of these lines before a write would wait for the reader.
        input.write_all(line.as_bytes()).context("the keeper is gone")
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The end of its input: it looks for what is left, ends it, and is done.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The `keep` command.
///
/// # Errors
/// When it cannot do its work.
pub fn run(arguments: &[OsString]) -> Result<()> {
    let Some((mark, groups)) = arguments.split_first() else { bail!("keep: a mark is missing") };
    // Signals for the task are not for it, and the end of the task's groups is what it is there for.
    nix::unistd::setsid().context("setsid")?;
    cgroup::leave_task_groups();
    let groups = groups.iter().map(PathBuf::from).collect();
    let mut traces = Traces { mark: mark.to_string_lossy().into_owned(), session: None, groups };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(watch(&mut traces))?;
    // Standard input is read by a thread that may still wait.
    runtime.shutdown_background();
    if !traces.end() {
        bail!("processes of the job do not end: {:?}", traces.members());
    }
    traces.clear();
    Ok(())
}

/// Until the agent is gone.
async fn watch(traces: &mut Traces) -> Result<()> {
    let mut ignored =
        [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?];
    let [term, int, hup] = &mut ignored;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let (mut deadline, mut still) = (None::<Duration>, false);
    loop {
        let left = match deadline {
            Some(_) if still => AGAIN,
            Some(deadline) => deadline.saturating_sub(clock::since_boot()),
            None => Duration::MAX,
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            _ = hup.recv() => {}
            line = lines.next_line() => {
                let Some(line) = line.unwrap_or_default() else { return Ok(()) };
                match line.split_once(' ') {
                    Some(("session", number)) => traces.session = Some(number.parse().context("keep: session")?),
                    Some(("until", milliseconds)) => {
                        deadline = Some(Duration::from_millis(milliseconds.parse().context("keep: until")?));
                        if still && deadline > Some(clock::since_boot()) {
                            still = false;
                            traces.signal(Signal::SIGCONT);
                        }
                    }
                    _ => bail!("keep: {line:?} is not known"),
                }
            }
            () = sleep(left), if deadline.is_some() => {
                if !still {
                    eprintln!("the lease was not renewed in time: the job stands still");
                }
                still = true;
                traces.signal(Signal::SIGSTOP);
            }
        }
    }
}
