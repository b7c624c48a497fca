//! A job that runs as a process: it does not survive its agent, does not run without a lease, and is counted to its last moment.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../../tests/support/own_kernel.rs"]
mod own_kernel;
#[path = "support/process_job.rs"]
mod process_job;
#[path = "real/support/supervisor.rs"]
#[expect(dead_code, reason = "shared with the tests of containers")]
mod supervisor;

use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use process_job::{Job, NO_GROUP, eventually, groups_of, keeper_of, pid_of, shared_directory};
use shell_trap::cgroup::Cgroups;
use shell_trap::lease::file::LeaseDir;
use shell_trap::lease::state::{Holder, Record};
use shell_trap::stat::Stat;
use supervisor::Supervisor;

/// A job with a shared directory, which reports to a supervisor.
fn reporting_job() -> (tempfile::TempDir, Supervisor, Job) {
    let shared = shared_directory();
    let supervisor = Supervisor::start();
    let url = supervisor.url();
    let variables =
        [("SHELL_TRAP_SUPERVISOR", url.as_str()), ("SHELL_TRAP_CHECKPOINT_DIR", shared.path().to_str().unwrap())];
    let job = Job::new(&variables);
    (shared, supervisor, job)
}

#[test]
fn all_processes_of_a_job_end_with_an_agent_that_is_killed() {
    for variables in [&[][..], &[NO_GROUP]] {
        let job = Job::new(variables);
        let mut agent = job.family();
        job.three_sleep();
        agent.kill().unwrap();
        agent.wait().unwrap();
        eventually("the end of all of them", || job.sleepers().is_empty().then_some(()));
        eventually("the end of its groups", || groups_of(&job).is_empty().then_some(()));
    }
}

#[test]
fn what_an_agent_left_that_was_killed_with_its_keeper_is_ended_by_the_next_start() {
    for variables in [&[][..], &[NO_GROUP]] {
        let job = Job::new(variables);
        let mut agent = job.family();
        let before = job.three_sleep();
        let keeper = eventually("the keeper", || keeper_of(&agent));
        kill(Pid::from_raw(keeper), Signal::SIGKILL).unwrap();
        agent.kill().unwrap();
        agent.wait().unwrap();
        assert!(!job.sleepers().is_empty(), "nobody was there to end them");
        let mut next = job.start("exit 7");
        assert_eq!(next.wait().unwrap().code(), Some(7));
        assert!(job.sleepers().is_empty(), "{before:?} became {:?}", job.sleepers());
        assert_eq!(groups_of(&job), Vec::<PathBuf>::new());
    }
}

#[test]
fn all_processes_of_another_user_s_job_end_as_root_s_do() {
    const USER: u32 = 61_234;
    for variables in [&[][..], &[NO_GROUP]] {
        let mut job = Job::new(variables);
        job.user = Some(USER);
        let (mut agent, log) = job.start_with_log(&job.family_script());
        let sleepers = job.three_sleep();
        for pid in &sleepers {
            let process = std::fs::metadata(format!("/proc/{pid}")).unwrap();
            assert_eq!((process.uid(), process.gid()), (USER, USER));
        }
        kill(pid_of(&agent), Signal::SIGTERM).unwrap();
        assert_eq!(agent.wait().unwrap().code(), Some(143), "{}", std::fs::read_to_string(&log).unwrap());
        assert!(job.sleepers().is_empty());
        let mut agent = job.family();
        job.three_sleep();
        agent.kill().unwrap();
        agent.wait().unwrap();
        eventually("the end of all of them", || job.sleepers().is_empty().then_some(()));
        eventually("the end of its groups", || groups_of(&job).is_empty().then_some(()));
    }
}

#[test]
fn a_keeper_that_still_ends_the_last_run_leaves_the_next_one_alone() {
    let job = Job::new(&[]);
    let mut agent = job.family();
    job.three_sleep();
    let keeper = eventually("the keeper", || keeper_of(&agent));
    // It learns of the end of its agent late.
    kill(Pid::from_raw(keeper), Signal::SIGSTOP).unwrap();
    agent.kill().unwrap();
    agent.wait().unwrap();
    let last = job.sleepers();
    let mut next = job.family();
    let new = eventually("the next run", || {
        Some(job.sleepers()).filter(|found| found.len() == 3 && found.iter().all(|pid| !last.contains(pid)))
    });
    kill(Pid::from_raw(keeper), Signal::SIGCONT).unwrap();
    eventually("the end of the keeper", || Stat::of(keeper).is_none().then_some(()));
    assert_eq!(job.sleepers(), new, "the next run was ended with the last");
    assert!(next.try_wait().unwrap().is_none());
    kill(pid_of(&next), Signal::SIGTERM).unwrap();
    assert_eq!(next.wait().unwrap().code(), Some(143));
    eventually("the end of its groups", || groups_of(&job).is_empty().then_some(()));
}

#[test]
fn a_group_that_an_earlier_version_left_is_ended_by_the_next_start() {
    let job = Job::new(&[]);
    let cgroups = Cgroups::find().unwrap();
    let own = cgroups.of_process(std::process::id().cast_signed()).unwrap();
    let group = own.join(format!("shell_trap-{}", job.uuid.replace('-', "")));
    std::fs::create_dir(&group).unwrap();
    let mut left = Command::new("sleep").arg(&job.word).spawn().unwrap();
    std::fs::write(group.join("cgroup.procs"), left.id().to_string()).unwrap();
    let mut next = job.start("exit 7");
    assert_eq!(next.wait().unwrap().code(), Some(7));
    assert!(!left.wait().unwrap().success());
    assert_eq!(groups_of(&job), Vec::<PathBuf>::new());
}

#[test]
fn a_job_stands_still_while_its_agent_hangs_longer_than_the_lease() {
    let shared = shared_directory();
    let directory = shared.path().to_str().unwrap();
    for group in [None, Some(NO_GROUP)] {
        let lease = [("SHELL_TRAP_CHECKPOINT_DIR", directory), ("SHELL_TRAP_LEASE_SECONDS", "5")];
        let job = Job::new(&lease.into_iter().chain(group).collect::<Vec<_>>());
        let mut agent = job.family();
        job.three_sleep();
        // Longer than a lease: the agent renews it.
        std::thread::sleep(Duration::from_secs(6));
        let stopped = || job.sleepers().into_iter().filter(|pid| state(*pid) == Some('T')).count();
        eventually("all run", || (stopped() == 0).then_some(()));
        kill(pid_of(&agent), Signal::SIGSTOP).unwrap();
        eventually("all stand still", || (stopped() == 3).then_some(()));
        kill(pid_of(&agent), Signal::SIGCONT).unwrap();
        eventually("all go on", || (stopped() == 0).then_some(()));
        kill(pid_of(&agent), Signal::SIGTERM).unwrap();
        assert_eq!(agent.wait().unwrap().code(), Some(143));
        assert!(job.sleepers().is_empty());
    }
}

fn state(pid: i32) -> Option<char> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(')')?.1.trim_start().chars().next()
}

#[test]
fn a_program_that_works_on_after_the_signal_is_counted_to_its_last_moment() {
    for variables in [&[][..], &[NO_GROUP]] {
        let supervisor = Supervisor::start();
        let url = supervisor.url();
        let job =
            Job::new(&variables.iter().copied().chain([("SHELL_TRAP_SUPERVISOR", url.as_str())]).collect::<Vec<_>>());
        let file = job.directory.path().join("times");
        let burn = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let script = format!("trap '{burn}; times >{}; exit 0' TERM; while :; do :; done", file.display());
        let mut agent = job.start(&script);
        eventually("a sample", || supervisor.samples("sample").iter().any(|s| s["user_seconds"] != 0.0).then_some(()));
        kill(pid_of(&agent), Signal::SIGTERM).unwrap();
        assert_eq!(agent.wait().unwrap().code(), Some(0));
        let own = seconds(&std::fs::read_to_string(&file).unwrap());
        let end = &supervisor.samples("end")[0];
        let counted = end["user_seconds"].as_f64().unwrap() + end["system_seconds"].as_f64().unwrap();
        // The start and the end of the program come on top; its own figures have hundredths.
        assert!(counted > own - 0.02 && counted < own * 1.05 + 0.15, "{counted} counted, {own} by the program: {end}");
    }
}

/// Its program kills the agent with its first step, before the supervisor, who is away, can be told anything.
#[test]
fn an_execution_that_kills_its_agent_at_its_start_is_reported_by_the_next_task() {
    let (_shared, supervisor, job) = reporting_job();
    supervisor.reply(503, serde_json::json!({}));
    for _ in 0..5 {
        let mut agent = job.start("kill -9 $PPID; sleep 600");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&agent.wait().unwrap()), Some(9));
    }
    assert!(supervisor.requests().is_empty());
    supervisor.reply(200, serde_json::json!({}));
    let mut agent = job.start("exit 7");
    assert_eq!(agent.wait().unwrap().code(), Some(7));
    let told = |body: &serde_json::Value| body["execution"].as_str().unwrap().to_owned();
    let inits: Vec<String> = supervisor.posted("/initMarathonApp").iter().map(told).collect();
    let starts = supervisor.samples("start");
    assert_eq!((inits.len(), starts.len()), (6, 6), "{inits:?} {starts:?}");
    assert_eq!(starts.iter().map(told).collect::<Vec<_>>(), inits);
    let segments: Vec<u64> = starts.iter().map(|start| start["segment"].as_u64().unwrap()).collect();
    assert_eq!(segments, [1, 2, 3, 4, 5, 6]);
    assert_eq!(supervisor.requests()[0].path, "/initMarathonApp");
    let end = &supervisor.posted("/endMarathonApp")[0];
    assert_eq!((told(end), &end["exit_code"]), (inits[5].clone(), &serde_json::json!(7)));
}

/// A program that cannot be started is no execution.
#[test]
fn nobody_is_told_of_an_execution_that_did_not_begin() {
    let (shared, supervisor, job) = reporting_job();
    // While it waits for the lease, its own file, which it starts everything by, becomes no program.
    let base = shared.path().join(job.uuid.replace('-', ""));
    std::fs::DirBuilder::new().mode(0o700).create(&base).unwrap();
    let directory = LeaseDir::open(&base).unwrap();
    let holder = Holder { node: "other".into(), ..Holder::default() };
    let held = Record { epoch: 1, holder, lease_ms: 3_600_000, renewals: 0, released: false, held_since: 1 };
    directory.take(&held).unwrap();
    let program = job.directory.path().join("shell_trap");
    std::fs::copy(env!("CARGO_BIN_EXE_shell_trap"), &program).unwrap();
    let (mut agent, log) = job.start_by(&program, "exit 7");
    let said = || std::fs::read_to_string(&log).unwrap();
    eventually("the wait for the lease", || said().contains("another task holds this job").then_some(()));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o644)).unwrap();
    directory.renew(&Record { released: true, ..held }).unwrap();
    assert_eq!(agent.wait().unwrap().code(), Some(1), "{}", said());
    assert!(said().contains("Permission denied"), "{}", said());
    let mut agent = job.start("exit 7");
    assert_eq!(agent.wait().unwrap().code(), Some(7));
    assert_eq!(supervisor.posted("/initMarathonApp").len(), 1);
}

/// Its first reports are just being written down then.
#[test]
fn nobody_is_told_of_an_execution_whose_task_was_asked_to_end_before_it_began() {
    let (shared, supervisor, job) = reporting_job();
    let execution = shared.path().join(job.uuid.replace('-', "")).join("execution.json");
    let mut asked = 0;
    // Until one was asked early enough, which is a matter of luck.
    while asked < 30 || asked < 300 && supervisor.posted("/initMarathonApp").len() == asked {
        asked += 1;
        let mut agent = job.start("exec sleep 600");
        while !execution.exists() {
            std::thread::sleep(Duration::from_micros(50));
            assert!(agent.try_wait().unwrap().is_none());
        }
        kill(pid_of(&agent), Signal::SIGTERM).unwrap();
        assert_eq!(agent.wait().unwrap().code(), Some(143));
        std::fs::remove_file(&execution).unwrap();
    }
    let mut agent = job.start("exit 7");
    assert_eq!(agent.wait().unwrap().code(), Some(7));
    let told = |body: &serde_json::Value| body["execution"].as_str().unwrap().to_owned();
    let inits: Vec<String> = supervisor.posted("/initMarathonApp").iter().map(told).collect();
    let ends: Vec<String> = supervisor.samples("end").iter().map(told).collect();
    // Those that had begun by then have an end, too.
    assert_eq!(inits, ends);
    assert!(inits.len() < asked + 1, "none was asked early enough");
}

/// Whenever in its start a task is asked to end, no other one waits for its lease.
#[test]
fn a_task_that_is_asked_to_end_at_any_moment_of_its_start_holds_up_nobody() {
    let shared = shared_directory();
    let job = Job::new(&[("SHELL_TRAP_CHECKPOINT_DIR", shared.path().to_str().unwrap())]);
    let directory = LeaseDir::existing(&shared.path().join(job.uuid.replace('-', "")).join("lease"));
    let mut seen = std::collections::BTreeSet::new();
    let mut round = 0;
    while round < 60 || round < 600 && seen.len() == 1 {
        let mut agent = job.start("exec sleep 600");
        // On a slow machine later and later, until one has taken something before.
        std::thread::sleep(Duration::from_micros(500 * (round % 30) * (1 + round / 60)));
        kill(pid_of(&agent), Signal::SIGTERM).unwrap();
        let status = agent.wait().unwrap();
        // Before it listens, the signal ends it at once; then it has taken nothing either.
        let at_once = std::os::unix::process::ExitStatusExt::signal(&status) == Some(15);
        assert!(at_once || status.code() == Some(143), "{status}");
        let newest = directory.path().exists().then(|| directory.newest().unwrap()).flatten();
        assert!(newest.as_ref().is_none_or(|record| record.released), "round {round}: {newest:?}");
        seen.insert(newest.map_or(0, |record| record.epoch));
        round += 1;
    }
    assert!(seen.len() > 1, "the job was never taken: {seen:?}");
}

/// The shell's own user and system time: the first line of `times`.
fn seconds(times: &str) -> f64 {
    let part = |text: &str| -> f64 {
        let (minutes, seconds) = text.trim_end_matches('s').split_once('m').unwrap();
        minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
    };
    times.lines().next().unwrap().split_whitespace().map(part).sum()
}

/// Another kernel, because one gives its cpu controller to one version.
#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "user-mode Linux is for x86 only")]
fn it_is_the_same_with_control_groups_of_version_two() {
    let tests = [
        "a_group_of_version_two_limits_stands_still_and_is_counted",
        "a_task_s_group_of_version_two_makes_room_for_groups_with_limits",
        "all_processes_of_a_job_end_with_an_agent_that_is_killed",
        "all_processes_of_another_user_s_job_end_as_root_s_do",
        "a_keeper_that_still_ends_the_last_run_leaves_the_next_one_alone",
        "a_group_that_an_earlier_version_left_is_ended_by_the_next_start",
        "a_job_stands_still_while_its_agent_hangs_longer_than_the_lease",
        "what_an_agent_left_that_was_killed_with_its_keeper_is_ended_by_the_next_start",
    ];
    own_kernel::run(&tests, &[]);
}

#[test]
#[ignore = "for a kernel of its own"]
fn a_task_s_group_of_version_two_makes_room_for_groups_with_limits() {
    let cgroups = Cgroups::find().unwrap();
    let group = cgroups.directory("/mesos-task");
    std::fs::create_dir(&group).unwrap();
    let pass_on = |directory: &std::path::Path, name: &str| {
        std::fs::write(directory.join("cgroup.subtree_control"), format!("+{name}"))
    };
    let root = group.parent().unwrap();
    let offered = std::fs::read_to_string(root.join("cgroup.controllers")).unwrap();
    // A group with processes passes those on that work for threads, as cpu does, and none of the others; Docker wants them all.
    let of_processes = ["memory", "io"].into_iter().find(|name| offered.split_whitespace().any(|other| other == *name));
    let wanted: Vec<&str> = of_processes.into_iter().chain(["cpu"]).collect();
    wanted.iter().for_each(|name| pass_on(root, name).unwrap());
    let mut tasks = [(); 3].map(|()| Command::new("sleep").arg("600").spawn().unwrap());
    for task in &tasks {
        std::fs::write(group.join("cgroup.procs"), task.id().to_string()).unwrap();
    }
    let refused = of_processes.is_none_or(|name| pass_on(&group, name).is_err());
    assert!(refused, "it has processes, and passes {of_processes:?} of {offered} on");
    cgroups.make_room("/mesos-task").unwrap();
    let mut moved = cgroups.members(&group.join("agent"));
    moved.sort_unstable();
    assert_eq!(moved, tasks.each_ref().map(|task| task.id().cast_signed()));
    wanted.iter().for_each(|name| pass_on(&group, name).unwrap());
    std::fs::create_dir(group.join("job-1")).unwrap();
    assert!(group.join("job-1/cpu.max").exists());
    cgroups.make_room("/mesos-task").unwrap();
    for task in &mut tasks {
        task.kill().unwrap();
        task.wait().unwrap();
    }
    eventually("the end of the group", || {
        cgroups.remove("/mesos-task");
        (!group.exists()).then_some(())
    });
}

#[test]
#[ignore = "for a kernel of its own"]
fn a_group_of_version_two_limits_stands_still_and_is_counted() {
    let cgroups = Cgroups::find().unwrap();
    let job = Job::new(&[]);
    let (mut agent, log) = job.start_with_log("while :; do :; done");
    let said = || std::fs::read_to_string(&log).unwrap();
    eventually("the start", || said().contains("the job runs as a process").then_some(()));
    assert!(said().contains("cgroup v2"), "{}", said());
    let group = groups_of(&job).remove(0);
    let pid = eventually("the program", || cgroups.members(&group).first().copied());
    assert_eq!(cgroups.of_process(pid).unwrap(), group);
    assert_eq!(std::fs::read_to_string(group.join("cpu.max")).unwrap(), "25000 50000\n");
    cgroups.limit_process(pid, 0.1).unwrap();
    assert_eq!(std::fs::read_to_string(group.join("cpu.max")).unwrap(), "5000 50000\n");
    let used = || cgroups.cpu_time(&group).unwrap().total;
    let works = |since: Duration| eventually("some work", || (used() > since + Duration::from_millis(5)).then_some(()));
    works(used());
    assert!(cgroups.freeze_process(pid).unwrap());
    let before = used();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(used(), before);
    cgroups.thaw_process(pid);
    works(before);
    kill(pid_of(&agent), Signal::SIGTERM).unwrap();
    assert_eq!(agent.wait().unwrap().code(), Some(143));
    assert_eq!(groups_of(&job), Vec::<PathBuf>::new());
}
