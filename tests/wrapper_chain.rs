//! A chained job's task runs the next iteration itself for as long as the answers to its reports say so.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod wrapper_support;

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use mesos_qos::launcher::wrapper::Wrapper;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use wrapper_support::{Supervisor, Task, shells};

const ON: (u16, &str) = (200, r#"{"next":"continue"}"#);

fn wrap(command: &str, window: u64) -> String {
    let window = Duration::from_secs(window);
    Wrapper { name: "a", command, callback_window: window, cacert: None, chain: true }.build().unwrap()
}

fn indices(supervisor: &Supervisor, route: &str) -> Vec<u64> {
    supervisor.bodies(route).iter().map(|body| body["index"].as_u64().unwrap()).collect()
}

#[test]
fn the_command_runs_again_in_the_same_task_until_the_answer_says_exit() {
    for shell in shells() {
        let supervisor =
            Supervisor::start().answer_ends_with(&[ON, (200, r#"{"duplicate": true, "next": "continue"}"#)]);
        let task = Task::new(&shell, &supervisor.url());
        let outcome = task.run(&wrap("echo \"run $PPID\"", 0));
        let lines: Vec<_> = outcome.stdout.lines().collect();
        assert!(lines.len() == 3 && lines.iter().all(|line| *line == lines[0]), "{shell:?} {outcome:?}");
        assert_eq!(outcome.code, Some(0));
        for route in ["/startTask", "/updateTask"] {
            assert_eq!(indices(&supervisor, route), [0, 1, 2], "{shell:?} {route}");
            let bodies = supervisor.bodies(route);
            assert!(bodies.iter().all(|body| body["run"] == bodies[0]["run"]), "one task, one run id");
        }
        let ends = supervisor.bodies("/updateTask");
        let instant = |n: usize, key: &str| ends[n][key].as_f64().unwrap();
        for n in 0..3 {
            assert!(instant(n, "started_at") <= instant(n, "finished_at"), "{ends:?}");
            assert!(n == 0 || instant(n - 1, "finished_at") <= instant(n, "started_at"), "{ends:?}");
        }
    }
}

#[test]
fn an_iteration_that_fails_ends_the_task_whatever_the_answer() {
    for shell in shells() {
        let supervisor = Supervisor::start().answer_ends_with(&[ON, ON, ON]);
        let task = Task::new(&shell, &supervisor.url());
        let outcome = task.run(&wrap("echo x >> count; [ \"$(wc -l < count)\" -lt 2 ] || exit 7", 0));
        assert_eq!(outcome.code, Some(7), "{shell:?} {outcome:?}");
        assert_eq!(indices(&supervisor, "/updateTask"), [0, 1]);
    }
}

#[test]
fn a_job_that_is_not_chained_takes_no_such_answer() {
    for shell in shells() {
        let supervisor = Supervisor::start().answer_ends_with(&[ON]);
        let wrapper =
            Wrapper { name: "a", command: "echo x", callback_window: Duration::ZERO, cacert: None, chain: false };
        let outcome = Task::new(&shell, &supervisor.url()).run(&wrapper.build().unwrap());
        assert_eq!((outcome.stdout.as_str(), supervisor.bodies("/updateTask").len()), ("x\n", 1), "{shell:?}");
    }
}

#[test]
fn any_other_answer_means_exit() {
    for shell in shells() {
        for answer in [
            (200, ""),
            (200, r#"{"next":"whatever"}"#),
            (200, r#"{"ignored":"completed","next":"exit"}"#),
            (200, "continue"),
            (404, r#"{"next":"continue"}"#),
        ] {
            let supervisor = Supervisor::start().answer_ends_with(&[answer]);
            let outcome = Task::new(&shell, &supervisor.url()).run(&wrap("echo x", 0));
            assert_eq!((outcome.stdout.as_str(), outcome.code), ("x\n", Some(0)), "{shell:?} {answer:?}");
        }
    }
}

#[test]
fn a_task_without_an_answer_asks_again_and_then_goes_on() {
    for shell in shells() {
        let supervisor = Supervisor::start().answer_ends_with(&[(503, "{}"), (503, "{}"), ON]);
        let outcome = Task::new(&shell, &supervisor.url()).run(&wrap("echo x", 60));
        assert_eq!((outcome.stdout.as_str(), outcome.code), ("x\nx\n", Some(0)), "{shell:?} {outcome:?}");
        assert_eq!(indices(&supervisor, "/updateTask"), [0, 0, 0, 1]);
        let mut ends = supervisor.bodies("/updateTask");
        ends.iter_mut().for_each(|end| drop(end.as_object_mut().unwrap().remove("sent_at")));
        assert_eq!(ends[0], ends[2], "the same report");
    }
}

#[test]
fn a_task_that_is_never_answered_ends_with_the_exit_code_of_its_last_iteration() {
    for shell in shells() {
        let supervisor = Supervisor::start().answer_ends_with(&[ON, (503, "{}"), (503, "{}"), (503, "{}")]);
        let outcome = Task::new(&shell, &supervisor.url()).run(&wrap("echo x", 1));
        assert_eq!((outcome.stdout.as_str(), outcome.code), ("x\nx\n", Some(0)), "{shell:?} {outcome:?}");
        assert_eq!(indices(&supervisor, "/startTask"), [0, 1]);
    }
}

/// Starts the task and reads `lines` lines of its output.
fn started(task: &Task, command: &str, lines: usize) -> std::process::Child {
    let mut child = task.command(command).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..lines {
        output.read_line(&mut String::new()).unwrap();
    }
    child
}

fn terminate(mut child: std::process::Child) -> Option<i32> {
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("the task did not end");
}

#[test]
fn a_signal_in_a_later_iteration_ends_it_and_the_task() {
    for shell in shells() {
        let supervisor = Supervisor::start().answer_ends_with(&[ON, ON, ON]);
        let task = Task::new(&shell, &supervisor.url());
        let child = started(&task, &wrap("echo up; [ -e second ] || { touch second; exit 0; }; exec sleep 60", 0), 2);
        assert_eq!(terminate(child), Some(143), "{shell:?}");
        let ends = supervisor.bodies("/updateTask");
        assert_eq!(indices(&supervisor, "/updateTask"), [0, 1]);
        assert_eq!((&ends[1]["exit_code"], &ends[1]["ending"]), (&143.into(), &true.into()), "{ends:?}");
    }
}

#[test]
fn a_job_that_takes_the_signal_for_its_end_is_not_run_again() {
    for shell in shells() {
        let supervisor = Supervisor::start().answer_ends_with(&[ON]);
        let task = Task::new(&shell, &supervisor.url());
        let child = started(&task, &wrap("trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done", 0), 1);
        assert_eq!(terminate(child), Some(0), "{shell:?}");
        let ends = supervisor.bodies("/updateTask");
        assert_eq!((ends.len(), &ends[0]["ending"]), (1, &true.into()), "{ends:?}");
        assert_eq!(indices(&supervisor, "/startTask"), [0]);
    }
}

#[test]
fn a_signal_between_two_iterations_ends_the_task_with_the_code_of_the_one_before() {
    for shell in shells() {
        // The answer is waited for when the signal comes; the next attempt is the last, and would be told to go on.
        let supervisor = Supervisor::start().answer_ends_with(&[(503, "{}"), (503, "{}"), (503, "{}"), ON]);
        let task = Task::new(&shell, &supervisor.url());
        let child = started(&task, &wrap("echo up", 60), 1);
        let until = Instant::now() + Duration::from_secs(60);
        while supervisor.bodies("/updateTask").len() < 2 {
            assert!(Instant::now() < until, "{shell:?}: no second attempt");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(terminate(child), Some(0), "{shell:?}");
        assert_eq!(indices(&supervisor, "/startTask"), [0], "{shell:?}: nothing more was begun");
    }
}
