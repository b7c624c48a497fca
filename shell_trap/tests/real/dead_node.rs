//! A node dies with everything on it, or stands still as a whole and wakes up when its job runs elsewhere.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shell_trap::stat::{self, Stat};

use crate::support::node::Restores;
use crate::support::task::{Job, Task};
use crate::support::{Bench, Node, Supervisor, eventually};

const LEASE: Duration = Duration::from_secs(5);
const GRACE: Duration = Duration::from_secs(1);

/// Starts a task on `node`, which takes the job in this epoch: not before the lease of a holder of whom it knows nothing has run
/// out, by its own clock.
fn take_over(job: &Job, node: &Node, epoch: u64) -> Task {
    let began = Instant::now();
    let task = job.start(node, 1.0);
    let lease = job.directory().join(format!("lease/{epoch:010}"));
    eventually("the next epoch", || lease.exists().then_some(()));
    let waited = began.elapsed();
    println!("epoch {epoch} was taken after {:.1} s", waited.as_secs_f64());
    assert!(waited >= LEASE + GRACE, "taken after {waited:?}: {}", task.log());
    assert!(task.log().contains("another task holds this job"), "{}", task.log());
    task
}

/// All processes of a node and of its job, standing still. They go on when this is dropped.
struct Standing(Vec<Pid>);

impl Standing {
    fn all_of(node: &Node, job: &Job, agent: &Task) -> Self {
        let own = format!("{}/", node.directory.display());
        let is_own = |pid: &i32| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).contains(&own)
        };
        let mut pids: Vec<i32> = stat::living().map(|(pid, _)| pid).filter(is_own).collect();
        // Daemon, containerd, shim and guard; the agent is told the node by its environment.
        assert!(pids.len() >= 4, "{pids:?}");
        pids.extend([agent.pid().as_raw(), node.process(&job.hex())]);
        let standing = Standing(pids.into_iter().map(Pid::from_raw).collect());
        standing.all(Signal::SIGSTOP);
        standing
    }

    fn all(&self, signal: Signal) {
        for pid in &self.0 {
            let _ = kill(*pid, signal);
        }
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.all(Signal::SIGCONT);
    }
}

#[test]
fn a_job_of_a_node_that_is_gone_goes_on_elsewhere_after_lease_and_grace_and_never_on_both() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let (a, b) = (bench.node("a", Restores::Runtime), bench.node("b", Restores::Runtime));
    let (lease, grace) = (LEASE.as_secs().to_string(), GRACE.as_secs().to_string());
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 7, 1)
        .with("SHELL_TRAP_LEASE_SECONDS", &lease)
        .with("SHELL_TRAP_LEASE_GRACE_SECONDS", &grace);
    let mut first = job.start(&a, 1.0);
    job.started(&mut first, 0);
    job.works(20);
    first.stop();
    let checkpointed = bench.progress().unwrap().0;
    let mut first = job.start(&a, 1.0);
    job.started(&mut first, 1);
    job.works(5);

    // Everything of the job on the first node ends at once, and tells nobody.
    let program = Pid::from_raw(a.process(&job.hex()));
    first.signal(Signal::SIGKILL);
    kill(program, Signal::SIGKILL).unwrap();
    first.wait();
    let mut second = take_over(&job, &b, 3);
    assert_eq!(job.started(&mut second, 2)["restored_generation"], 1, "{}", second.log());
    assert!(supervisor.posted("/endMarathonApp").is_empty());
    eventually("the removal of what is left on the first node", || a.containers().is_empty().then_some(()));
    eventually("the work since the checkpoint", || bench.progress().filter(|now| now.0 > checkpointed + 10));

    // The second one stands still as a whole, as a machine that is suspended.
    let (program, standing) = (b.process(&job.hex()), Standing::all_of(&b, &job, &second));
    let mut third = take_over(&job, &a, 4);
    assert_eq!(job.started(&mut third, 3)["restored_generation"], 1, "{}", third.log());
    job.works(5);
    let asleep = stat::cpu_clock(program).unwrap();
    drop(standing);
    let mut awake = asleep;
    eventually("the end of the program on the second node", || {
        awake = stat::cpu_clock(program).unwrap_or(awake);
        Stat::of(program).is_none().then_some(())
    });
    println!("it ran for {:.3} s when its node woke up", (awake - asleep).as_secs_f64());
    assert_eq!(second.wait().code(), Some(75), "{}", second.log());
    eventually("the removal of the container there", || b.containers().is_empty().then_some(()));
    assert!(third.running(), "{}", third.log());
    assert_eq!(job.generations(), [1], "the one that woke up has published nothing");
    job.works(5);
    bench.enough();
    assert_eq!(third.wait().code(), Some(7), "{}", third.log());
    assert!(third.log().contains(&bench.complete()), "{}", third.log());
    assert_eq!(supervisor.posted("/endMarathonApp").len(), 1);
}
