//! How a job ends, and what happens when that is in the middle of something.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::node::{IMAGE, Restores};
use crate::support::task::Job;
use crate::support::{Bench, Supervisor, eventually};

/// The program ends at about the moment of SIGTERM: it counts as finished with its own code, or as checkpointed, and
/// then it ends after the restore. Never is anything else reported.
#[test]
fn a_job_that_ends_during_a_dump_has_finished_with_its_own_code() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    let (mut finished_at_once, mut checkpointed) = (0, 0);
    for round in 0..24 {
        let job = Job::new(&bench, &supervisor, 160, 5_000_000, 7, 1);
        let known = supervisor.samples("start").len();
        let mut task = job.start(&node, 2.0);
        job.started(&mut task, known);
        // From so many steps before the end that a dump comes first to so few that it comes too late.
        let steps = [5, 80, 120, 140, 150, 154, 157, 159][round % 8];
        eventually("the last steps", || bench.progress().filter(|(done, _)| (steps..=160).contains(done)));
        task.signal(Signal::SIGTERM);
        let mut status = task.wait();
        if status.code() == Some(0) {
            checkpointed += 1;
            assert_eq!(job.generations(), [1], "{}", task.log());
            task = job.start(&node, 2.0);
            status = task.wait();
        } else {
            finished_at_once += 1;
        }
        assert_eq!(status.code(), Some(7), "round {round}: {}", task.log());
        assert!(task.log().contains("complete 160"), "round {round}: {}", task.log());
        let ends: Vec<_> =
            supervisor.posted("/endMarathonApp").into_iter().filter(|e| e["uuid"] == job.uuid.as_str()).collect();
        assert_eq!(ends.iter().map(|e| e["exit_code"].clone()).collect::<Vec<_>>(), [json!(7)]);
        assert_eq!(node.containers(), Vec::<String>::new());
        if round >= 7 && finished_at_once > 0 && checkpointed > 0 {
            break;
        }
    }
    println!("{finished_at_once} ended before their dump, {checkpointed} after it");
    assert!(finished_at_once > 0 && checkpointed > 0, "one of the two never happened");
}

#[test]
fn a_finished_job_is_reported_again_and_not_run_again() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Nothing);
    supervisor.reply(503, json!({}));
    let job = Job::new(&bench, &supervisor, 5, 1000, 3, 1).with("SHELL_TRAP_END_WAIT_SECONDS", "1");
    // The supervisor is away all the time: the task ends in a bounded time, with the job's code.
    let mut task = job.start(&node, 1.0);
    assert_eq!(task.wait().code(), Some(3), "{}", task.log());
    assert!(supervisor.requests().is_empty());
    supervisor.reply(200, json!({}));
    let mut again = job.start(&node, 1.0);
    assert_eq!(again.wait().code(), Some(3), "{}", again.log());
    assert!(!again.log().contains("complete"), "run again: {}", again.log());
    // What could not be delivered comes first and in order.
    let paths: Vec<String> = supervisor.requests().into_iter().map(|r| r.path).collect();
    assert_eq!(
        (paths.first().unwrap().as_str(), paths.last().unwrap().as_str()),
        ("/initMarathonApp", "/endMarathonApp")
    );
    let kinds: Vec<_> = supervisor.requests().into_iter().filter_map(|r| r.body.get("kind").cloned()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&json!("start")), Some(&json!("end"))));
}

/// What the agent leaves that is killed as soon as Docker has started the container.
#[test]
fn a_job_that_ended_before_its_killed_agent_could_tell_anybody_is_told_from_its_beginning() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Nothing);
    supervisor.reply(503, json!({}));
    let job = Job::new(&bench, &supervisor, 1_000_000, 1_000_000, 7, 1).with("SHELL_TRAP_LEASE_SECONDS", "300");
    let mut task = job.start(&node, 1.0);
    let local = node.directory.join("run").join(job.hex());
    eventually("the segment's note", || local.join("told").exists().then_some(()));
    job.works(5);
    task.signal(Signal::SIGKILL);
    task.wait();
    bench.enough();
    eventually("the end of the program", || {
        let running = node.docker(&["ps", "-q", "--filter", "status=running"]);
        running.trim().is_empty().then_some(())
    });
    std::fs::remove_file(local.join("told")).unwrap();
    std::fs::remove_file(job.directory().join("execution.json")).unwrap();
    std::fs::remove_file(job.directory().join("outbox-0000000001.json")).unwrap();
    supervisor.reply(200, json!({}));
    let mut next = job.start(&node, 1.0);
    assert_eq!(next.wait().code(), Some(7), "{}", next.log());
    assert!(next.log().contains("the job has ended while no agent watched it"), "{}", next.log());
    let told: Vec<_> = supervisor.requests().into_iter().map(|r| (r.path, r.body)).collect();
    let what = |(path, body): &(String, serde_json::Value)| body["kind"].as_str().unwrap_or(path).to_owned();
    assert_eq!(
        told.iter().map(what).collect::<Vec<_>>(),
        ["/initMarathonApp", "start", "end", "/endMarathonApp"],
        "{told:?}"
    );
    assert!(told.iter().all(|(_, body)| body["execution"] == told[0].1["execution"]), "{told:?}");
    assert!(told[1..].iter().all(|(_, body)| body["segment"] == 1), "{told:?}");
    assert_eq!((&told[2].1["reason"], &told[3].1["exit_code"]), (&json!("exited"), &json!(7)), "{told:?}");
    assert_eq!(node.containers(), Vec::<String>::new());
}

#[test]
fn values_reach_the_program_as_they_are() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Nothing);
    let nasty = "a\"b'c $(touch /x) `id` \\ ; & | > é";
    let mut job = Job::new(&bench, &supervisor, 1, 1, 0, 1).with("PORT0", "31005");
    job.spec = json!({"version": 1, "image": IMAGE, "args": ["/steps-program", "show", nasty, ""], "env": {"NASTY": nasty},
        "parameters": [{"key": "env", "value": format!("OTHER={nasty}")}, {"key": "hostname", "value": "named"}], "network": "none"});
    let mut task = job.start(&node, 1.0);
    assert_eq!(task.wait().code(), Some(0), "{}", task.log());
    let log = task.log();
    for line in [
        &format!("word {nasty}"),
        "word ",
        &format!("env NASTY={nasty}"),
        &format!("env OTHER={nasty}"),
        "env PORT0=31005",
        "env HOSTNAME=named",
    ] {
        assert!(log.lines().any(|l| l == line), "{line}: {log}");
    }
    assert!(!log.contains("job-token") && !log.contains("SHELL_TRAP_"), "{log}");
}

#[test]
fn the_published_seven_arguments_work() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Nothing);
    let job = Job::new(&bench, &supervisor, 1, 1, 0, 1);
    let options = format!("-v {}:/progress:rw --env GREETING=hi ", bench.base.join("progress").display());
    let output = job.published(&node, 1.0, &options, "/steps-program show 'two  words' $HOME").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in ["word two  words", "word $HOME", "env GREETING=hi"] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    assert_eq!(supervisor.posted("/initMarathonApp")[0]["uuid"], job.uuid.as_str());
    assert_eq!(supervisor.posted("/endMarathonApp")[0]["exit_code"], 0);
}

/// What the published Executor was for: its call, a checkpoint at SIGTERM, and the same call on another node.
#[test]
fn the_published_seven_arguments_survive_resizes() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let nodes = [bench.node("a", Restores::Runtime), bench.node("b", Restores::Runtime)];
    let job = Job::new(&bench, &supervisor, 1, 1, 0, 1);
    let progress = bench.base.join("progress");
    let options = format!("-v {}:/progress --net=none --env GREETING=hi --memory 256m", progress.display());
    for segment in 0..3 {
        let node = &nodes[segment % 2];
        let mut task = job.spawn(job.published(node, 1.0, &options, "/steps-program 1000000 '5000000' 7 4"));
        let start = job.started(&mut task, segment);
        assert_eq!((&start["segment"], &start["checkpoints"]), (&json!(segment + 1), &json!(true)), "{}", task.log());
        if segment > 0 {
            assert_eq!(start["restored_generation"], segment, "{}", task.log());
        }
        let container = node.inspect(&job.hex());
        // The published call is `docker run -di`.
        assert_eq!(
            (&container["Config"]["OpenStdin"], &container["HostConfig"]["Memory"]),
            (&json!(true), &json!(256 << 20))
        );
        job.works(10);
        if segment < 2 {
            task.stop();
            assert_eq!(node.containers(), Vec::<String>::new());
            assert_eq!(job.generations().first(), Some(&(segment as u64 + 1)));
            let end = supervisor.samples("end").pop().unwrap();
            assert_eq!(end["reason"], "checkpointed", "{end}");
        } else {
            bench.enough();
            assert_eq!(task.wait().code(), Some(7), "{}", task.log());
            assert!(task.log().contains(&bench.complete()), "{}", task.log());
        }
    }
    assert_eq!(supervisor.posted("/initMarathonApp").len(), 1);
    assert_eq!(supervisor.posted("/endMarathonApp")[0]["exit_code"], 7);
    assert!(supervisor.requests().iter().all(|request| request.authorization.as_deref() == Some("Bearer job-token")));
}

#[test]
fn a_task_that_cannot_start_its_container_reports_no_end() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Nothing);
    let mut job = Job::new(&bench, &supervisor, 1, 1, 0, 1);
    job.spec["args"] = json!(["/no/such/program"]);
    let mut task = job.start(&node, 1.0);
    assert_eq!(task.wait().code(), Some(1), "{}", task.log());
    assert!(task.log().contains("/no/such/program"), "{}", task.log());
    std::thread::sleep(Duration::from_millis(300));
    assert!(supervisor.posted("/endMarathonApp").is_empty());
    assert_eq!(node.containers(), Vec::<String>::new());
}
