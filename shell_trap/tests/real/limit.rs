//! The limit is a real one, by the kernel's own counters, and a resize in place takes effect at once.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shell_trap::cgroup::Cgroups;

use crate::support::node::Restores;
use crate::support::task::Job;
use crate::support::{Bench, Favoured, Supervisor, eventually};

/// The control group of the process `pid`.
fn group(pid: i32) -> (Cgroups, PathBuf) {
    let cgroups = Cgroups::find().unwrap();
    let directory = cgroups.of_process(pid).unwrap();
    (cgroups, directory)
}

/// CPUs used over some seconds.
fn rate(pid: i32, seconds: u64) -> f64 {
    let (cgroups, directory) = group(pid);
    let (began, before) = (Instant::now(), cgroups.cpu_time(&directory).unwrap());
    std::thread::sleep(Duration::from_secs(seconds));
    cgroups.cpu_time(&directory).unwrap().since(before).total.as_secs_f64() / began.elapsed().as_secs_f64()
}

/// How often the kernel held the group back.
fn throttled(pid: i32) -> u64 {
    let (_, directory) = group(pid);
    let v1 = PathBuf::from(directory.to_string_lossy().replacen("/cpuacct/", "/cpu/", 1));
    let text = std::fs::read_to_string(v1.join("cpu.stat"))
        .or_else(|_| std::fs::read_to_string(directory.join("cpu.stat")))
        .unwrap();
    text.lines().find_map(|line| line.strip_prefix("nr_throttled ")).unwrap().parse().unwrap()
}

/// Gives the groups of the process, which are this test's own, more weight than anything else that runs on the machine: it must be
/// its limit that holds it back, and not other work.
fn favour(pid: i32) {
    let (_, directory) = group(pid);
    let (file, most) =
        if directory.join("cpu.weight").exists() { ("cpu.weight", "10000") } else { ("cpu.shares", "262144") };
    let directory = PathBuf::from(directory.to_string_lossy().replacen("/cpuacct/", "/cpu/", 1));
    for group in directory.ancestors().take_while(|group| {
        group.parent().is_some_and(|parent| parent.join(file).exists() || parent.join("cgroup.procs").exists())
    }) {
        // The root has no weight.
        let _ = std::fs::write(group.join(file), most);
    }
}

/// `what` runs with a limit of 0.5 and then gets 0.25 and 0.5 again in place.
fn limits(pid: i32, supervisor: &Supervisor, what: &str) {
    favour(pid);
    // A busy program is held back only when it would have more than its limit; a little over it is the kernel's rounding.
    let check = |limit: f64| {
        let before = throttled(pid);
        let mut rates = Vec::new();
        // Other work on the machine can make it less for a while, never more.
        for _ in 0..20 {
            rates.push(rate(pid, 2));
            assert!(rates[rates.len() - 1] < limit * 1.06 + 0.01, "{what}: {rates:?} under a limit of {limit}");
            if rates[rates.len() - 1] > limit * 0.94 {
                break;
            }
        }
        println!("{what}: limit {limit}: {rates:.3?}");
        assert!(rates.last().unwrap() > &(limit * 0.94), "{what}: {rates:?} under a limit of {limit}");
        assert!(throttled(pid) > before, "{what}: nothing held it back at {limit}");
    };
    check(0.5);
    for cpus in [0.25, 0.5] {
        supervisor.reply(200, json!({"cpus": cpus, "rescale": "in-place"}));
        eventually("the applied limit", || supervisor.samples("sample").last().filter(|s| s["limit"] == cpus).cloned());
        check(cpus);
    }
    // A wish for a restart is not ours to fulfil.
    supervisor.reply(200, json!({"cpus": 0.1, "rescale": "restart"}));
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(supervisor.samples("sample").last().unwrap()["limit"], 0.5);
}

#[test]
fn half_a_cpu_is_half_a_cpu_before_and_after_a_resize_in_place() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    let mycgroup = bench.base.join("mycgroup");
    let favoured = Favoured::new();
    let job = Job::new(&bench, &supervisor, 100_000, 5_000_000, 0, 1)
        .with("SHELL_TRAP_MYCGROUP", mycgroup.to_str().unwrap())
        .with("SHELL_TRAP_CGROUP_PARENT", &favoured.0);
    let mut task = job.start(&node, 0.5);
    job.started(&mut task, 0);
    let id = node.containers().remove(0);
    let state = node.inspect(&id);
    assert_eq!(state["Name"], json!(format!("/{}", job.hex())));
    let pid = i32::try_from(state["State"]["Pid"].as_i64().unwrap()).unwrap();
    limits(pid, &supervisor, "container");
    // What the published plugin reads is what is reported.
    let text = std::fs::read_to_string(mycgroup.join("cpuacct").join(&id).join("cpuacct.stat")).unwrap();
    let ticks: f64 = text.split_whitespace().filter_map(|word| word.parse::<f64>().ok()).sum();
    let last = supervisor.samples("sample").pop().unwrap();
    let reported = last["user_seconds"].as_f64().unwrap() + last["system_seconds"].as_f64().unwrap();
    assert!((ticks / 100.0 - reported).abs() < 2.0, "{ticks} ticks, {reported} s");
    // A restored container has the limit of its own task.
    supervisor.reply(200, json!({}));
    task.stop();
    assert!(!mycgroup.join("cpuacct").join(&id).exists());
    let mut task = job.start(&node, 0.5);
    job.started(&mut task, 1);
    let pid = i32::try_from(node.inspect(&job.hex())["State"]["Pid"].as_i64().unwrap()).unwrap();
    let restored = rate(pid, 3);
    println!("restored: limit 0.5: {restored:.3}");
    assert!(restored < 0.55, "{restored}");
    task.stop();
}

/// At night nobody is there to see to it: what a job computes is worth more than what a plugin reads of it.
#[test]
fn a_job_runs_on_where_its_file_for_the_published_plugin_cannot_be_made() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Nothing);
    let mycgroup = bench.base.join("mycgroup");
    std::fs::write(&mycgroup, "no directory").unwrap();
    let job =
        Job::new(&bench, &supervisor, 100_000, 5_000_000, 7, 1).with("SHELL_TRAP_MYCGROUP", mycgroup.to_str().unwrap());
    let mut task = job.start(&node, 1.0);
    job.started(&mut task, 0);
    eventually("some samples", || (supervisor.samples("sample").len() > 5).then_some(()));
    let said = |task: &crate::support::task::Task| task.log().matches("SHELL_TRAP_MYCGROUP: ").count();
    assert_eq!(said(&task), 1, "once, and not with each sample: {}", task.log());
    assert!(task.log().contains(mycgroup.to_str().unwrap()), "{}", task.log());
    std::fs::remove_file(&mycgroup).unwrap();
    let file = mycgroup.join("cpuacct").join(&node.containers()[0]).join("cpuacct.stat");
    eventually("the file, once it can be made", || file.exists().then_some(()));
    assert!(task.running(), "{}", task.log());
    bench.enough();
    assert_eq!(task.wait().code(), Some(7), "{}", task.log());
}

#[test]
fn a_cpu_of_the_framework_is_as_many_cores_as_the_node_says() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Nothing);
    let job = Job::new(&bench, &supervisor, 100_000, 5_000_000, 0, 1).with("SHELL_TRAP_CPU_FACTOR", "0.2");
    let mut task = job.start(&node, 2.0);
    job.started(&mut task, 0);
    assert_eq!(node.inspect(&job.hex())["HostConfig"]["NanoCpus"], 400_000_000);
    let start = supervisor.samples("start").remove(0);
    assert_eq!(start["limit"], 2.0);
    let pid = i32::try_from(node.inspect(&job.hex())["State"]["Pid"].as_i64().unwrap()).unwrap();
    let (cgroups, directory) = group(pid);
    let cores = || cgroups.cpu_time(&directory).unwrap().total.as_secs_f64();
    eventually("some work", || (cores() > 0.4).then_some(()));
    // Measured between two looks at the kernel's counter, whenever that is.
    let (before, asked) = (cores(), shell_trap::clock::unix_seconds());
    let sample = eventually("a sample", || {
        let mut samples = supervisor.samples("sample").into_iter();
        samples.by_ref().find(|sample| sample["at"].as_f64().unwrap() > asked)?;
        samples.next()
    });
    let after = cores();
    let reported = sample["user_seconds"].as_f64().unwrap() + sample["system_seconds"].as_f64().unwrap();
    assert!(
        reported > before / 0.2 - 0.01 && reported < after / 0.2 + 0.01,
        "{reported} reported, from {before} to {after} core-seconds in the kernel"
    );
}

#[test]
fn a_process_is_limited_and_resized_in_place_too() {
    let supervisor = Supervisor::start();
    let mut command = process(&supervisor, json!({"version": 1, "shell": "while :; do :; done"}));
    let mut child = command.env("MARATHON_APP_RESOURCE_CPUS", "0.5").spawn().unwrap();
    eventually("the start", || supervisor.samples("start").first().cloned());
    let children = || std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    // Until it has become the job it is in the agent's own group; the other child is the keeper.
    let is_the_job = |pid: &i32| group(*pid).1.to_string_lossy().contains("shell_trap-");
    let pid = eventually("the job's process", || {
        children().split_whitespace().filter_map(|pid| pid.parse().ok()).find(is_the_job)
    });
    limits(pid, &supervisor, "process");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    assert_eq!(supervisor.samples("end")[0]["reason"], "killed");
}

#[test]
fn a_process_ends_with_its_own_code_and_leaves_nothing_behind() {
    let supervisor = Supervisor::start();
    let output =
        process(&supervisor, json!({"version": 1, "shell": "sleep 600 & echo $X; exit 9", "env": {"X": "$(id)"}}))
            .output()
            .unwrap();
    assert_eq!(output.status.code(), Some(9), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "$(id)\n");
    let end = &supervisor.posted("/endMarathonApp")[0];
    assert_eq!(end["exit_code"], 9);
    let start = &supervisor.samples("start")[0];
    assert_eq!((&start["runtime"], &start["checkpoints"]), (&json!("process"), &json!(false)));
}

fn process(supervisor: &Supervisor, spec: Value) -> std::process::Command {
    let mut command = std::process::Command::new(crate::support::node::AGENT);
    command.env("SHELL_TRAP_UUID", uuid::Uuid::new_v4().to_string()).env("SHELL_TRAP_SPEC", spec.to_string());
    command.env("SHELL_TRAP_SUPERVISOR", supervisor.url()).env("SHELL_TRAP_SAMPLE_SECONDS", "0.2");
    command.env("SHELL_TRAP_GRACE_SECONDS", "5");
    command
}
