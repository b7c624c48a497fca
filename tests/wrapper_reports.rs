//! What a wrapped command reports, to whom, and how often.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod wrapper_support;

use std::net::TcpListener;
use std::time::Duration;

use mesos_qos::launcher::wrapper::Wrapper;
use wrapper_support::{Supervisor, TOKEN, Task, UUID, shells, which};

fn wrap(command: &str, window: u64) -> String {
    let window = Duration::from_secs(window);
    Wrapper { name: "job1", command, callback_window: window, cacert: None, chain: false }.build().unwrap()
}

#[test]
fn start_and_end_are_reported_with_one_identity_and_the_exit_code() {
    for shell in shells() {
        let supervisor = Supervisor::start();
        let task = Task::new(&shell, &supervisor.url())
            .env("MESOS_TASK_ID", "ct:1420843781398:0:job1:")
            .env("mesos_task_id", "older")
            .env("HOST", "node-3.example.com");
        let outcome = task.run(&wrap("sleep 0.3; exit 3", 0));
        assert_eq!(outcome.code, Some(3), "{shell:?}: {outcome:?}");
        assert_eq!(outcome.stderr, "", "{shell:?}");

        let received = supervisor.received();
        assert_eq!(received.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["/startTask", "/updateTask"]);
        for one in &received {
            assert_eq!(one.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
            assert_eq!(one.header("content-type"), Some("application/json"));
        }
        let (start, end) = (received[0].json(), received[1].json());
        for report in [&start, &end] {
            assert_eq!(report["uuid"], UUID);
            assert_eq!(report["name"], "job1");
            assert_eq!(report["hostname"], "node-3.example.com");
            assert_eq!(report["run"], "ct:1420843781398:0:job1:");
            assert_eq!(report["index"], 0);
        }
        assert_eq!(end["exit_code"], 3);
        assert_eq!(start["started_at"], end["started_at"]);
        let seconds = |key: &str| end[key].as_f64().unwrap();
        let lasted = seconds("finished_at") - seconds("started_at");
        // busybox brings a date of its own, which knows no fractions.
        let least = if shell[0] == "busybox" { 0.0 } else { 0.3 };
        assert!((least..30.0).contains(&lasted), "with a fraction of a second: {lasted}");
        assert!(seconds("sent_at") >= seconds("finished_at"));
        serde_json::from_value::<mesos_qos::api::report::StartReport>(start).unwrap();
        serde_json::from_value::<mesos_qos::api::report::FinishReport>(end).unwrap();
    }
}

#[test]
fn a_run_without_a_task_id_makes_one_and_two_runs_differ() {
    for shell in shells() {
        let supervisor = Supervisor::start();
        for _ in 0..2 {
            Task::new(&shell, &supervisor.url()).run(&wrap("true", 0));
        }
        let runs: Vec<String> =
            supervisor.received().iter().map(|one| one.json()["run"].as_str().unwrap().to_owned()).collect();
        assert_eq!((&runs[0], &runs[2]), (&runs[1], &runs[3]));
        assert_ne!(runs[0], runs[2]);
        assert!(runs[0].len() >= 8);
    }
}

#[test]
fn chronos_2_4_task_ids_and_hostile_ones_arrive_as_plain_text() {
    for shell in shells() {
        let supervisor = Supervisor::start();
        let task = Task::new(&shell, &supervisor.url())
            .env("mesos_task_id", "ct:1:0:job#1:\"a\" \\ $(touch PWNED)\n é *")
            .env("HOST", "h\"o'st\\");
        assert_eq!(task.run(&wrap("true", 0)).code, Some(0));
        let end = &supervisor.bodies("/updateTask")[0];
        let run = end["run"].as_str().unwrap();
        assert!(run.starts_with("ct:1:0:job#1:_a_ _ __touch PWNED__ "), "{run:?}");
        assert_eq!(end["hostname"], "h_o_st_");
        assert_eq!(task.files(), Vec::<String>::new());
    }
}

#[test]
fn without_a_token_no_authorization_is_sent() {
    let supervisor = Supervisor::start();
    let mut task = Task::new(&["sh".into()], &supervisor.url());
    task.environment.retain(|(key, _)| key != "MESOS_QOS_TOKEN");
    assert_eq!(task.run(&wrap("exit 4", 0)).code, Some(4));
    assert_eq!(supervisor.received().len(), 2);
    assert!(supervisor.received().iter().all(|one| one.header("authorization").is_none()));
}

#[test]
fn the_token_is_in_no_argument_and_not_in_the_environment_of_the_job() {
    let curl = which("curl");
    let logging = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >>arguments\nexec {} \"$@\"\n", curl.display());
    for shell in shells() {
        let supervisor = Supervisor::start();
        let task = Task::new(&shell, &supervisor.url()).with_program("curl", &logging);
        let outcome = task.run(&wrap("env", 0));
        let arguments = std::fs::read_to_string(task.directory.path().join("arguments")).unwrap();
        assert!(arguments.contains("--data-binary"));
        assert!(!arguments.contains(TOKEN), "{arguments}");
        assert!(outcome.stdout.contains(UUID));
        assert!(!outcome.stdout.contains(TOKEN), "a job that prints its environment must not leak the token");
        assert!(!outcome.stderr.contains(TOKEN));
        assert_eq!(supervisor.received()[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    }
}

#[test]
fn an_end_is_reported_again_with_a_new_sent_at_until_it_is_taken() {
    let first_answers = [(503, "{}"), (500, ""), (429, "{}"), (408, ""), (302, "")];
    std::thread::scope(|scope| {
        for shell in shells() {
            scope.spawn(move || reported_again(&shell, &[(503, "{}"), (500, "")]));
        }
        for answer in first_answers {
            scope.spawn(move || reported_again(&["sh".into()], &[answer]));
        }
    });
}

fn reported_again(shell: &[String], answers: &[(u16, &'static str)]) {
    let supervisor = Supervisor::start().answer_ends_with(answers);
    let outcome = Task::new(shell, &supervisor.url()).run(&wrap("exit 7", 60));
    assert_eq!(outcome.code, Some(7));
    let mut ends = supervisor.bodies("/updateTask");
    assert_eq!(ends.len(), answers.len() + 1, "{}", outcome.stderr);
    let sent: Vec<f64> = ends.iter_mut().map(|end| end["sent_at"].take().as_f64().unwrap()).collect();
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] > 0.9), "a pause before each attempt: {sent:?}");
    assert!(ends.iter().all(|end| end == &ends[0]), "all else stays");
    assert!(outcome.stderr.contains("next attempt in"));
}

#[test]
fn a_refused_end_is_not_sent_again_and_the_log_says_why() {
    for shell in shells() {
        let supervisor = Supervisor::start().answer_ends_with(&[(422, r#"{"detail":"finished_at: not a number"}"#)]);
        let outcome = Task::new(&shell, &supervisor.url()).run(&wrap("exit 5", 600));
        assert_eq!(outcome.code, Some(5));
        assert_eq!(supervisor.bodies("/updateTask").len(), 1);
        assert!(outcome.stderr.contains("finished_at: not a number"), "{}", outcome.stderr);
    }
}

#[test]
fn a_supervisor_that_is_down_costs_neither_the_job_nor_its_exit_code() {
    for shell in shells() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let outcome = Task::new(&shell, &url).run(&wrap("echo done; exit 9", 2));
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(9), "done\n"));
        assert!(outcome.stderr.contains("the job runs all the same"));
        assert!(outcome.stderr.contains("this was the last attempt"));
    }
}

#[test]
fn a_supervisor_that_comes_back_within_the_window_gets_the_report() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let task = Task::new(&["sh".into()], &format!("http://{address}"));
    let child = task.command(&wrap("exit 6", 60)).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let supervisor = Supervisor::on(TcpListener::bind(address).unwrap());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert_eq!(supervisor.bodies("/updateTask")[0]["exit_code"], 6);
}

#[test]
fn an_image_without_curl_still_runs_the_job_and_says_what_is_missing() {
    for shell in shells() {
        let supervisor = Supervisor::start();
        let mut task = Task::new(&shell, &supervisor.url());
        let bin = task.directory.path().join(".bin");
        std::fs::create_dir(&bin).unwrap();
        for program in ["date", "sh"] {
            std::os::unix::fs::symlink(which(program), bin.join(program)).unwrap();
        }
        task.path = bin.display().to_string();
        let outcome = task.run(&wrap("echo done; exit 8", 600));
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(8), "done\n"));
        assert!(outcome.stderr.contains("Install curl in the image"), "{}", outcome.stderr);
        assert!(supervisor.received().is_empty());
    }
}

#[test]
fn a_date_without_fractions_gives_whole_seconds() {
    for (name, date) in [
        ("prints the format", "#!/bin/sh\n[ \"$1\" = +%s ] && echo 1790000000 || echo 1790000000.%N\n"),
        ("prints nothing for it", "#!/bin/sh\n[ \"$1\" = +%s ] && echo 1790000000 || echo 1790000000.\n"),
        ("fails", "#!/bin/sh\n[ \"$1\" = +%s ] || exit 1\necho 1790000000\n"),
    ] {
        // busybox takes its own date, whatever PATH says.
        for shell in shells().into_iter().filter(|shell| shell[0] != "busybox") {
            let supervisor = Supervisor::start();
            Task::new(&shell, &supervisor.url()).with_program("date", date).run(&wrap("true", 0));
            assert_eq!(supervisor.bodies("/updateTask")[0]["finished_at"].as_f64(), Some(1.79e9), "{name} {shell:?}");
        }
    }
}

#[test]
fn a_curlrc_of_the_image_changes_nothing() {
    let supervisor = Supervisor::start();
    let task = Task::new(&["sh".into()], &supervisor.url());
    let home = task.directory.path().display().to_string();
    std::fs::write(task.directory.path().join(".curlrc"), "proxy = http://127.0.0.1:9\nfail\n").unwrap();
    task.env("HOME", &home).run(&wrap("true", 0));
    assert_eq!(supervisor.received().len(), 2);
}

#[test]
fn certificates_that_the_image_lacks_are_named() {
    let supervisor = Supervisor::start();
    let window = Duration::ZERO;
    let wrapper = Wrapper {
        name: "a",
        command: "exit 2",
        callback_window: window,
        cacert: Some("/no/such ca's.pem"),
        chain: false,
    };
    let outcome = Task::new(&["sh".into()], &supervisor.url()).run(&wrapper.build().unwrap());
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("cannot read /no/such ca's.pem"), "{}", outcome.stderr);
    assert_eq!(supervisor.received().len(), 2);
}

#[test]
fn certificates_of_the_image_are_given_to_curl_under_any_path() {
    let curl = which("curl");
    let logging = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >>arguments\nexec {} \"$@\"\n", curl.display());
    for shell in shells() {
        let supervisor = Supervisor::start();
        let task = Task::new(&shell, &supervisor.url()).with_program("curl", &logging);
        let cacert = task.directory.path().join("the ca's $(touch PWNED).pem");
        std::fs::write(&cacert, "").unwrap();
        let cacert = cacert.to_str().unwrap();
        let window = Duration::ZERO;
        let wrapper =
            Wrapper { name: "a", command: "exit 2", callback_window: window, cacert: Some(cacert), chain: false };
        assert_eq!(task.run(&wrapper.build().unwrap()).code, Some(2));
        let arguments = std::fs::read_to_string(task.directory.path().join("arguments")).unwrap();
        assert!(arguments.contains(&format!("--cacert\n{cacert}\n")), "{arguments}");
        assert!(!task.files().contains(&"PWNED".to_owned()));
    }
}

#[test]
fn missing_variables_are_named_and_cost_nothing() {
    let mut task = Task::new(&["sh".into()], "");
    task.environment.clear();
    let outcome = task.run(&wrap("exit 2", 600));
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("MESOS_QOS_URL"));
}
