//! A signal for the task reaches the job, and what comes of it is reported.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod wrapper_support;

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use mesos_qos::launcher::wrapper::Wrapper;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use wrapper_support::{Supervisor, Task, shells};

fn wrap(command: &str, window: u64) -> String {
    let window = Duration::from_secs(window);
    Wrapper { name: "a", command, callback_window: window, cacert: None, chain: false }.build().unwrap()
}

struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Running {
    /// Starts the task, as leader of a process group or not, and waits until its job has printed a line.
    fn start(task: &Task, command: &str, leader: bool) -> Self {
        let mut command = task.command(command);
        if leader {
            command.process_group(0);
        }
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut running = Running { child, lines };
        running.line();
        running
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let state = self.state();
        self.child.kill().unwrap();
        panic!("the task did not end:\n{state}");
    }

    /// What the task's shell and its children do, and which signals they have, wait for, and ignore.
    fn state(&self) -> String {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let ids = std::iter::once(id.to_string()).chain(children.split_whitespace().map(str::to_owned));
        let of = |id: String| {
            let read = |file: &str| std::fs::read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default();
            let status = read("status");
            let said = status.lines().filter(|line| ["State", "Sig", "ShdPnd"].iter().any(|key| line.starts_with(key)));
            let said = said.collect::<Vec<_>>().join(" ");
            format!("{id} {} {said} {}\n", read("cmdline").replace('\0', " "), read("wchan"))
        };
        ids.map(of).collect()
    }
}

#[test]
fn the_job_that_dies_of_the_signal_is_reported_with_128_and_the_signal() {
    for shell in shells() {
        for leader in [false, true] {
            for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
                let supervisor = Supervisor::start();
                let task = Task::new(&shell, &supervisor.url());
                let mut running = Running::start(&task, &wrap("echo up; exec sleep 60", 0), leader);
                running.signal(signal);
                assert_eq!(running.wait().code(), Some(143), "{shell:?} leader {leader} {signal}");
                assert_eq!(supervisor.bodies("/updateTask")[0]["exit_code"], 143);
            }
        }
    }
}

#[test]
fn a_job_that_is_killed_for_its_memory_is_reported_as_such() {
    for shell in shells() {
        let supervisor = Supervisor::start();
        let outcome = Task::new(&shell, &supervisor.url()).run(&wrap("kill -9 $$", 0));
        assert_eq!(outcome.code, Some(137), "{shell:?}");
        assert_eq!(supervisor.bodies("/updateTask")[0]["exit_code"], 137);
    }
}

#[test]
fn the_job_that_cleans_up_keeps_its_own_exit_code() {
    let command = "trap 'sleep 0.3; echo cleaned; exit 5' TERM; echo up; while :; do sleep 0.1; done";
    for shell in shells() {
        for leader in [false, true] {
            let supervisor = Supervisor::start();
            let task = Task::new(&shell, &supervisor.url());
            let mut running = Running::start(&task, &wrap(command, 0), leader);
            running.signal(Signal::SIGTERM);
            assert_eq!(running.wait().code(), Some(5), "{shell:?} leader {leader}");
            assert_eq!(running.line(), "cleaned");
            assert_eq!(supervisor.bodies("/updateTask")[0]["exit_code"], 5);
        }
    }
}

#[test]
fn a_job_that_ignores_the_signal_runs_on() {
    for shell in shells() {
        let supervisor = Supervisor::start();
        let task = Task::new(&shell, &supervisor.url());
        let command = "trap '' TERM; echo up; sleep 0.5; echo still; exit 0";
        let mut running = Running::start(&task, &wrap(command, 0), true);
        running.signal(Signal::SIGTERM);
        running.signal(Signal::SIGTERM);
        assert_eq!(running.wait().code(), Some(0), "{shell:?}");
        assert_eq!(running.line(), "still");
    }
}

#[test]
fn the_leader_of_a_group_passes_the_signal_to_the_whole_task() {
    for shell in shells() {
        let supervisor = Supervisor::start();
        let task = Task::new(&shell, &supervisor.url());
        // The shell of this job does not pass signals on: without the group its program would outlive the task.
        let command = "sh -c 'echo $$; exec sleep 60'; echo never";
        let mut child = task.command(&wrap(command, 0)).process_group(0).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut program = String::new();
        lines.read_line(&mut program).unwrap();
        let program = Pid::from_raw(program.trim().parse().unwrap());
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
        child.wait().unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while kill(program, None).is_ok() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(kill(program, None).is_err(), "{shell:?}: the program outlived its task");
    }
}

#[test]
fn a_signal_while_the_end_is_being_reported_ends_the_attempts_and_keeps_the_exit_code() {
    for shell in shells() {
        let task = Task::new(&shell, "http://127.0.0.1:9");
        let mut running = Running::start(&task, &wrap("echo up; exit 3", 600), true);
        std::thread::sleep(Duration::from_millis(1500));
        let before = Instant::now();
        running.signal(Signal::SIGTERM);
        assert_eq!(running.wait().code(), Some(3), "{shell:?}");
        assert!(before.elapsed() < Duration::from_secs(30), "the window is ten minutes");
    }
}
