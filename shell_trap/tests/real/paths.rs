//! The ways by which a node dumps and restores, and nodes that can do neither: chosen and said at each start.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use shell_trap::checkpoint::generations;
use shell_trap::docker::Docker;
use shell_trap::layer::unpack;
use shell_trap::restore::engine;

use crate::support::node::{IMAGE, Restores};
use crate::support::task::{Job, Task, without};
use crate::support::{Bench, Node, Supervisor};

/// Says the agent how it dumps and restores, in one line of its log?
fn says(task: &Task, restore: &str, dump: &str) {
    let line = task.log().lines().find(|line| line.contains("checkpoints can be made")).map(str::to_owned);
    let line = line.unwrap_or_else(|| panic!("nothing about checkpoints: {}", task.log()));
    assert!(line.contains(&format!(" restore={restore} ")) && line.ends_with(&format!(" dump={dump}")), "{line}");
}

const ENGINE: &str = "Engine API (experimental)";

/// Copies of images that Docker has left in the temporary directory of its daemon.
fn copies(node: &Node) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(node.directory.join("tmp")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("ctrd-checkpoint")).collect()
}

#[test]
fn a_node_without_runc_dumps_and_restores_by_the_engine_alone_and_its_images_go_anywhere() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let nodes = [bench.node("a", Restores::Engine), bench.node("b", Restores::Engine)];
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 7, 4);
    for segment in 0..4 {
        let node = &nodes[segment % 2];
        let last = segment == 3;
        let command = job.command(node, 1.0);
        // The last one has a runc, and restores what the Engine has dumped.
        let mut task = job.spawn(if last { command } else { without("runc docker-runc", &command) });
        let start = job.started(&mut task, segment);
        says(&task, ENGINE, if last { "Runc" } else { "Engine" });
        if segment > 0 {
            assert_eq!(start["restored_generation"], segment, "{}", task.log());
        }
        job.works(10);
        assert_eq!(copies(node), Vec::<PathBuf>::new(), "Docker's copies of the images are left");
        if last {
            bench.enough();
            assert_eq!(task.wait().code(), Some(7), "{}", task.log());
            assert!(task.log().contains(&bench.complete()), "{}", task.log());
        } else {
            task.stop();
            assert_eq!(node.containers(), Vec::<String>::new());
            let left = std::fs::read_dir(job.directory()).unwrap().map(|e| e.unwrap().file_name());
            let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("tmp")).collect();
            assert!(left.is_empty(), "drafts are left: {left:?}");
        }
    }
    let ends = supervisor.samples("end");
    let used =
        |end: &serde_json::Value| end["user_seconds"].as_f64().unwrap() + end["system_seconds"].as_f64().unwrap();
    let (counted, own) = (ends.iter().map(used).sum::<f64>(), bench.progress().unwrap().1);
    println!("CPU-seconds by the Engine's way: {counted:.3} by the segments, {own:.3} by the workload itself");
    // What CRIU does in the program's own process is taken for the program's work, at each of the three restores.
    assert!(counted > own * 0.98 && counted < own * 1.02 + 3.0 * 0.05, "{counted} counted, {own} by the workload");
}

/// The last that CRIU said of each restore whose container is there still.
fn criu_said(node: &Node) -> String {
    let find = Command::new("find").arg(&node.directory).args(["-name", "restore.log"]).output().unwrap();
    let logs = String::from_utf8(find.stdout).unwrap();
    let texts = logs.lines().map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned());
    let last = texts.map(|text| text.lines().rev().take(12).collect::<Vec<_>>().join("\n"));
    last.collect::<Vec<_>>().join("\n---\n")
}

/// containerd refuses images that it is just taking from somebody else.
#[test]
fn a_checkpoint_that_the_engine_restores_twice_at_once_is_tried_again_until_containerd_takes_it() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Engine);
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 7, 1);
    let mut task = job.start(&node, 1.0);
    job.started(&mut task, 0);
    job.works(10);
    task.stop();
    let generation = generations::open(&job.directory(), &job.hex(), 1).unwrap();
    let refused = || {
        let log = std::fs::read_to_string(node.directory.join("log")).unwrap();
        log.lines().filter(|line| line.contains("/start returned error") && line.contains("already exists")).count()
    };
    // The copies of both must be of the same second to be the same for containerd.
    for round in 1..=60 {
        let volume = format!("{}:/progress", bench.base.join("progress").display());
        let made = [0, 1].map(|_| {
            let id = node.docker(&["create", "--network", "none", "-v", &volume, IMAGE, "/steps-program"]);
            let upper = node.inspect(&id)["GraphDriver"]["Data"]["UpperDir"].as_str().unwrap().to_owned();
            unpack::unpack(&generation.layer(), Path::new(&upper)).unwrap();
            id
        });
        let docker = Docker::at(&node.socket());
        let root = node.directory.join("data");
        let images = generation.images();
        let start = |id| engine::start(&docker, &root, id, &images, Duration::from_secs(120));
        let both = async { tokio::join!(start(&made[0]), start(&made[1])) };
        let (one, other) = actix_rt::System::new().block_on(both);
        let said = || criu_said(&node);
        // Two restores of one checkpoint at once, which no agent does, are hard on CRIU, and the tidying of one can take the other's
        // images away: no matter here. What must not come out is the refusal itself.
        let failures =
            [&one, &other].into_iter().filter_map(|end| end.as_ref().err().map(|error| format!("{error:#}")));
        let failures: Vec<_> = failures.collect();
        if !failures.is_empty() {
            println!("round {round}: {failures:?}: {}", said());
            assert!(!failures.iter().any(|failure| failure.contains("already exists")), "round {round}: {failures:?}");
            node.docker(&["rm", "-f", &made[0], &made[1]]);
            continue;
        }
        for id in &made {
            assert_eq!(node.inspect(id)["State"]["Running"], true, "round {round}");
        }
        job.works(1);
        assert_eq!(copies(&node), Vec::<PathBuf>::new(), "round {round}");
        if refused() > 0 {
            println!("round {round}: containerd has refused {} starts, and both containers run", refused());
            return;
        }
        node.docker(&["rm", "-f", &made[0], &made[1]]);
    }
    // Never did both run after one; what came out at last was CRIU's affair each time, and not the refusal.
    println!("containerd has refused {} starts", refused());
    assert!(refused() > 0, "containerd has refused no start: this proves nothing");
}

/// A program named `criu` in a directory of its own.
fn fake_criu(bench: &Bench, name: &str, script: &str) -> String {
    let directory = bench.base.join(name);
    std::fs::create_dir(&directory).unwrap();
    let program = directory.join("criu");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", directory.display(), std::env::var("PATH").unwrap_or_default())
}

#[test]
fn without_a_criu_that_works_the_agent_says_so_and_the_job_runs_to_its_own_end_or_to_the_task_s() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    let broken = fake_criu(&bench, "broken", "exit 1");
    let script = "[ \"$1\" != --version ] || { echo Version: 3.17.1; exit 0; }; echo no such kernel >&2; exit 1";
    let too_old = fake_criu(&bench, "old", script);
    let cases = [
        (Some(&broken), "criu --version: exit status: 1"),
        (Some(&too_old), "criu 3.17.1 does not work here: criu check: exit status: 1: no such kernel"),
        (None, "there is no criu on this node"),
    ];
    for (case, (path, reason)) in cases.into_iter().enumerate() {
        let known = || supervisor.samples("start").len();
        let begin = |steps| {
            let mut job = Job::new(&bench, &supervisor, steps, 5_000_000, 7, 1).with("SHELL_TRAP_GRACE_SECONDS", "60");
            job = path.into_iter().fold(job, |job, path| job.with("PATH", path));
            if case > 0 {
                // The first one waits for a program that heeds no signal, for longer than a lease.
                job.spec["parameters"] = json!([{"key": "stop-signal", "value": "SIGKILL"}]);
            }
            let command = job.command(&node, 2.0);
            let task = job.spawn(if path.is_some() { command } else { without("criu", &command) });
            (job, task)
        };
        let before = known();
        let (job, mut task) = begin(5);
        assert_eq!(task.wait().code(), Some(7), "{}", task.log());
        let warning = format!(" WARN no checkpoints: {reason}");
        assert!(task.log().contains(&warning), "{warning}: {}", task.log());
        assert!(task.log().contains("complete 5"), "{}", task.log());
        let start = supervisor.samples("start")[before].clone();
        assert_eq!((&start["checkpoints"], &start["runtime"]), (&json!(false), &json!("docker")), "{start}");
        let end =
            supervisor.posted("/endMarathonApp").into_iter().find(|end| end["uuid"] == job.uuid.as_str()).unwrap();
        assert_eq!(end["exit_code"], 7);

        // Asked to end it must: its work is gone, which is not success.
        let before = known();
        let (job, mut task) = begin(1_000_000);
        assert_eq!(job.started(&mut task, before)["checkpoints"], false);
        task.signal(Signal::SIGTERM);
        assert_eq!(task.wait().code(), Some(143), "case {case}: {}", task.log());
        let end = supervisor.samples("end").pop().unwrap();
        assert_eq!(end["reason"], "killed");
        assert!(end["detail"].as_str().unwrap().contains(reason), "{end}");
        assert!(!supervisor.posted("/endMarathonApp").iter().any(|end| end["uuid"] == job.uuid.as_str()));
        assert_eq!((job.generations(), node.containers()), (vec![], vec![]));
    }
    let mut check = Command::new(crate::support::node::AGENT);
    let output =
        check.arg("check").env("PATH", &broken).env("SHELL_TRAP_DOCKER_SOCKET", node.socket()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.lines().any(|line| line.starts_with("checkpoints  NO: criu --version: exit status: 1")), "{text}");
}

#[test]
fn a_node_with_the_runtime_entry_says_that_it_restores_by_it() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let options = ["--add-runtime", &format!("shell_trap={}", crate::support::node::AGENT), "--experimental"];
    let node = bench.node_with("a", options.map(str::to_owned).to_vec());
    let job = Job::new(&bench, &supervisor, 5, 5_000_000, 7, 1);
    let mut task = job.start(&node, 2.0);
    assert_eq!(task.wait().code(), Some(7), "{}", task.log());
    says(&task, "OCI runtime \"shell_trap\"", "Runc");
    // The entry is worth nothing without the runc that it calls.
    let job = Job::new(&bench, &supervisor, 5, 5_000_000, 7, 1);
    let mut task = job.spawn(without("runc docker-runc", &job.command(&node, 2.0)));
    assert_eq!(task.wait().code(), Some(7), "{}", task.log());
    says(&task, ENGINE, "Engine");
}
