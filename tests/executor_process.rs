//! Processes under real limits: rates by the kernel's counters, kills, and nothing left behind.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests; figures are printed for the reader"
)]

#[path = "support/own_kernel.rs"]
mod own_kernel;
#[path = "support/rate.rs"]
mod rate;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mesos_qos::local::executor::process::limiter::LimiterChoice::{self, Auto, CgroupV2, DutyCycle};
use mesos_qos::local::executor::process::{ProcessExecutor, ProcessOptions};
use mesos_qos::local::executor::{Executor, Exit, SharedNode, TaskSpec};
use mesos_qos::qos::units::Cpus;
use rate::{FACTOR, assert_rate, assert_rate_of_all};

const BUSY: &str = "while :; do :; done";

fn executor(directory: &Path, limiter: LimiterChoice) -> ProcessExecutor {
    let options = ProcessOptions { cpu_factor: FACTOR, state_dir: directory.join("state"), limiter, env: Vec::new() };
    ProcessExecutor::new(options).unwrap()
}

fn shell(directory: &Path, id: &str, script: &str, cpus: f64) -> TaskSpec {
    TaskSpec {
        id: id.into(),
        argv: ["/bin/sh", "-c", script].map(String::from).to_vec(),
        env: vec![("GREETING".into(), "it's \"so\" $(nice)\nreally".into())],
        cpus: Cpus::try_from_f64(cpus).unwrap(),
        node: None,
        memory_mib: 64.0,
        sandbox: directory.join(id),
        container: None,
    }
}

fn output(directory: &Path, id: &str, name: &str) -> String {
    std::fs::read_to_string(directory.join(id).join(name)).unwrap()
}

/// A shell that has more weight than ordinary processes where that is permitted: it must be its limit that holds it back, and not
/// other work. The controller of duty cycles has more weight still.
fn favoured(script: &str) -> String {
    format!("renice -n -8 -p $$ >/dev/null 2>&1; {script}")
}

/// Whether a process whose command line contains `marker` lives.
fn lives(marker: &str) -> bool {
    let all = procfs::process::all_processes().unwrap().flatten();
    all.filter_map(|p| p.cmdline().ok()).any(|line| line.iter().any(|word| word.contains(marker)))
}

fn gone_within(marker: &str, limit: Duration) -> bool {
    let start = Instant::now();
    while lives(marker) {
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

async fn limits_hold(limiter: LimiterChoice, script: &str, what: &str) {
    let directory = tempfile::tempdir().unwrap();
    let executor = executor(directory.path(), limiter);
    let what = format!("{} {what}", executor.describe());
    let task = executor.launch(shell(directory.path(), "busy", &favoured(script), 0.5)).await.unwrap();
    assert_rate(&task, 0.5, &what).await;
    task.resize(Cpus::from_milli(1700)).await.unwrap();
    assert_rate(&task, 1.7, &format!("{what} after resize")).await;
    task.resize(Cpus::from_milli(100)).await.unwrap();
    assert_rate(&task, 0.1, &format!("{what} after another")).await;
    let before = task.usage();
    task.kill(Duration::from_secs(3)).await;
    assert!(task.usage().total() >= before.total(), "usage stays readable after the end");
    assert_eq!(task.wait().await, Exit::Signal(15));
}

#[tokio::test]
async fn one_busy_process_is_held_to_its_virtual_cpus() {
    limits_hold(Auto, BUSY, "one thread").await;
    limits_hold(DutyCycle, BUSY, "one thread").await;
}

#[tokio::test]
async fn two_busy_processes_share_one_limit() {
    let script = format!("({BUSY}) & {BUSY}");
    limits_hold(Auto, &script, "two processes").await;
    limits_hold(DutyCycle, &script, "two processes").await;
}

#[tokio::test]
async fn tasks_of_one_node_use_together_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let executor = executor(directory.path(), Auto);
    assert!(executor.describe().contains("cgroup"), "this test needs control groups: {}", executor.describe());
    // One virtual CPU in all, and each of them could use all of it.
    let node = SharedNode { hostname: "node/1".into(), cpus: Cpus::from_milli(1000) };
    let mut tasks = Vec::new();
    for id in ["one", "other"] {
        let script = favoured(&format!("echo $$; {BUSY}"));
        let spec = TaskSpec { node: Some(node.clone()), ..shell(directory.path(), id, &script, 1.0) };
        tasks.push(executor.launch(spec).await.unwrap());
    }
    let main = first_line(directory.path(), "one").await;
    let group = Path::new(V2).join(cpu_controller()).join(path_of(&main, cpu_controller()).unwrap());
    assert!(group.exists() && group.parent().unwrap().exists(), "{}", group.display());
    assert_rate_of_all(&tasks, 1.0, "two tasks of a node").await;
    tasks[1].kill(Duration::from_secs(3)).await;
    assert_rate(&tasks[0], 1.0, "the one that is left").await;
    drop(tasks);
    drop(executor);
    let start = Instant::now();
    while group.parent().unwrap().exists() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!group.parent().unwrap().exists(), "the node's group goes with the last task: {}", group.display());
}

#[tokio::test]
async fn many_short_children_are_counted() {
    // Each child lives for a fraction of a control period; only its parent's counter of collected children shows it.
    limits_hold(DutyCycle, "while :; do /bin/true; done", "short children").await;
}

/// The record of a task's processes is for the next start. A disk that takes its time for it must not have the task run meanwhile.
#[tokio::test]
async fn a_limit_holds_while_the_record_of_the_processes_cannot_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let executor = executor(directory.path(), DutyCycle);
    // Its members change all the time.
    let script = favoured("echo up; while :; do /bin/true; done");
    let task = executor.launch(shell(directory.path(), "forking", &script, 0.5)).await.unwrap();
    first_line(directory.path(), "forking").await;
    let state = std::fs::read_dir(directory.path().join("state")).unwrap().flatten().map(|entry| entry.path());
    let record = state.into_iter().find(|path| path.to_string_lossy().contains("forking")).unwrap();
    let (draft, pipe) = (record.with_extension("new"), directory.path().join("pipe"));
    loop {
        // Whoever opens a pipe to write waits for a reader.
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR).unwrap();
        std::fs::rename(&pipe, &draft).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        // A draft that was just being written has become the record itself otherwise.
        let is_pipe = |file: std::fs::Metadata| std::os::unix::fs::FileTypeExt::is_fifo(&file.file_type());
        if std::fs::metadata(&draft).is_ok_and(is_pipe) {
            break;
        }
    }
    assert_rate(&task, 0.5, "a disk that hangs").await;
    let reader = std::fs::File::options().read(true).write(true).open(&draft).unwrap();
    task.kill(Duration::from_secs(3)).await;
    assert_eq!(task.wait().await, Exit::Signal(15));
    drop(reader);
}

#[tokio::test]
async fn the_usage_is_what_the_shell_counts_of_itself() {
    for limiter in [Auto, DutyCycle] {
        let directory = tempfile::tempdir().unwrap();
        let executor = executor(directory.path(), limiter);
        let script = "i=0; while [ $i -lt 400 ]; do /bin/true; i=$((i+1)); done; times";
        let task = executor.launch(shell(directory.path(), "times", script, 4.0)).await.unwrap();
        assert_eq!(task.wait().await, Exit::Code(0));
        // Two lines, of itself and of its children, each with minutes and seconds of user and system time.
        let times = output(directory.path(), "times", "stdout");
        let seconds = times.split_whitespace().map(|time| {
            let (minutes, seconds) = time.trim_end_matches('s').split_once('m').unwrap();
            minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
        });
        let (own, ours) = (seconds.sum::<f64>(), task.usage().total().as_secs_f64());
        println!("{}: {ours:.3} s, by the shell's own count {own:.3} s", executor.describe());
        // The shell counts in ticks of 10 ms, four times, and not its own start.
        assert!((ours - own).abs() < 0.05 * own + 0.04, "{}: {ours} s is not {own} s", executor.describe());
    }
}

#[tokio::test]
async fn control_groups_are_used_where_they_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let description = executor(directory.path(), Auto).describe();
    let v1 =
        Path::new("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").exists() || Path::new("/sys/fs/cgroup/cpu/tasks").exists();
    if nix::unistd::geteuid().is_root() && v1 {
        assert_eq!(description, "process/cgroup-v1");
    }
}

#[tokio::test]
async fn environment_output_and_exit_code_are_the_tasks_own() {
    for limiter in [Auto, DutyCycle] {
        let directory = tempfile::tempdir().unwrap();
        let executor = executor(directory.path(), limiter);
        let script = r#"printf '%s|%s|%s' "$GREETING" "$MESOS_QOS_CPU_FACTOR" "$PWD"; echo trouble >&2; exit 7"#;
        let task = executor
            .launch(shell(directory.path(), "ct:1:0:odd name/..:", script, 1.0).in_sandbox("out"))
            .await
            .unwrap();
        // Many may wait, also after the end.
        let exits = tokio::join!(task.wait(), task.wait());
        assert_eq!((exits.0, exits.1, task.wait().await), (Exit::Code(7), Exit::Code(7), Exit::Code(7)));
        let expected = format!("it's \"so\" $(nice)\nreally|0.17|{}", directory.path().join("out").display());
        assert_eq!(output(directory.path(), "out", "stdout"), expected);
        assert_eq!(output(directory.path(), "out", "stderr"), "trouble\n");
    }
}

trait InSandbox {
    fn in_sandbox(self, name: &str) -> Self;
}

impl InSandbox for TaskSpec {
    fn in_sandbox(mut self, name: &str) -> Self {
        self.sandbox.set_file_name("");
        // The id of this spec holds a slash, so the sandbox is put beside it by hand.
        while !self.sandbox.exists() || self.sandbox.ends_with("..") {
            self.sandbox.pop();
        }
        self.sandbox.push(name);
        self
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let executor = executor(directory.path(), Auto);
    let mut spec = shell(directory.path(), "x", "", 1.0);
    spec.argv = vec!["/no/such/program".into()];
    let error = executor.launch(spec).await.err().unwrap().to_string();
    assert!(error.contains("/no/such/program"), "{error}");
}

#[tokio::test]
async fn a_kill_escalates_through_a_tree_that_ignores_term() {
    for (limiter, marker) in [(Auto, "61.5501"), (DutyCycle, "61.5502")] {
        let directory = tempfile::tempdir().unwrap();
        let executor = executor(directory.path(), limiter);
        // A grandchild in a session of its own, too: it has left the process group.
        let script = format!(
            "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep {marker} & {BUSY}' & sh -c 'sleep {marker}; :' & echo up; {BUSY}"
        );
        let task = executor.launch(shell(directory.path(), "tree", &script, 1.0)).await.unwrap();
        while !lives(marker) || output(directory.path(), "tree", "stdout").is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let start = Instant::now();
        task.kill(Duration::from_millis(700)).await;
        assert!(start.elapsed() >= Duration::from_millis(700), "TERM was ignored, so the grace had to pass");
        assert_eq!(task.wait().await, Exit::Signal(9));
        assert!(!lives(marker), "{} left a process", executor.describe());
    }
}

#[tokio::test]
async fn what_the_main_process_leaves_is_ended_before_its_exit_is_reported() {
    for (limiter, marker) in [(Auto, "61.6601"), (DutyCycle, "61.6602")] {
        let directory = tempfile::tempdir().unwrap();
        let executor = executor(directory.path(), limiter);
        // Forked twice and in another session: no parent and no group leads to it.
        let script = format!("(setsid sleep {marker} &) ; (setsid sh -c 'sleep {marker}; :' &); sleep 0.3; exit 3");
        let task = executor.launch(shell(directory.path(), "leaver", &script, 1.0)).await.unwrap();
        assert_eq!(task.wait().await, Exit::Code(3));
        assert!(!lives(marker), "{} left a process", executor.describe());
    }
}

/// A process that a container engine, and not the task, has started in groups below the task's own. Ended when dropped.
struct Outsider {
    child: std::process::Child,
    /// The task's group, of all hierarchies in which a part of it is.
    groups: Vec<PathBuf>,
}

impl Outsider {
    /// One that computes below the groups of process `main`.
    fn below(main: &str) -> Self {
        let script = "trap 'exit 9' TERM; while :; do :; done";
        let child = std::process::Command::new("/bin/sh").args(["-c", script]).spawn().unwrap();
        let path = |controller: &str| path_of(main, controller).unwrap();
        let groups: Vec<PathBuf> = if cpu_controller().is_empty() {
            vec![Path::new(V2).join(path(""))]
        } else {
            // In the third the task itself has no group; an engine makes one all the same.
            let below = path("cpuacct");
            ["cpu", "cpuacct", "freezer"].map(|name| Path::new(V2).join(name).join(&below)).to_vec()
        };
        for group in &groups {
            std::fs::create_dir_all(group.join("job/container")).unwrap();
            std::fs::write(group.join("job/container/cgroup.procs"), child.id().to_string()).unwrap();
        }
        Outsider { child, groups }
    }

    /// It stands still, as a guard has it whose lease has run out.
    fn freeze(&self) {
        for group in &self.groups {
            for (file, order) in [("freezer.state", "FROZEN"), ("cgroup.freeze", "1")] {
                let file = group.join("job").join(file);
                if file.exists() {
                    std::fs::write(file, order).unwrap();
                }
            }
        }
    }

    /// How it ended, once nothing of the groups is left.
    fn end(&mut self) -> Option<i32> {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "a process below the task's group runs on");
            std::thread::sleep(Duration::from_millis(10));
        };
        let left: Vec<_> = self.groups.iter().filter(|group| group.exists()).collect();
        assert!(left.is_empty(), "left: {left:?}");
        std::os::unix::process::ExitStatusExt::signal(&status)
    }
}

impl Drop for Outsider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The name of the group that a process is in, in the hierarchy of this controller.
fn path_of(pid: &str, controller: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{}/cgroup", pid.trim())).ok()?;
    text.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|name| name == controller).then(|| path.trim_start_matches('/').to_owned())
    })
}

/// Under which name a process's group that limits its CPU is found: version 2 has one hierarchy without a name.
fn cpu_controller() -> &'static str {
    if Path::new(V2).join("cgroup.controllers").exists() { "" } else { "cpu" }
}

async fn first_line(directory: &Path, id: &str) -> String {
    while !output(directory, id, "stdout").contains('\n') {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    output(directory, id, "stdout")
}

/// As Mesos destroys the control group of a task that has ended, with all that was made in it.
#[tokio::test]
async fn what_runs_in_groups_below_a_task_s_own_is_counted_with_it_and_ends_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let executor = executor(directory.path(), Auto);
    assert!(executor.describe().contains("cgroup"), "this test needs writable control groups: {}", executor.describe());
    let mut parents = Vec::new();
    // A main process that is asked to end, one that must be killed, and one that ends while what is below it stands still.
    for (id, script, frozen) in [
        ("asked", "echo $$; exec sleep 600", false),
        ("killed", "trap '' TERM; echo $$; while :; do sleep 0.1; done", false),
        ("frozen", "echo $$; exec sleep 600", true),
    ] {
        let task = executor.launch(shell(directory.path(), id, script, 0.5)).await.unwrap();
        let main = first_line(directory.path(), id).await;
        let mut outsider = Outsider::below(&main);
        let before = task.usage().total();
        let started = Instant::now();
        while task.usage().total() < before + Duration::from_millis(50) {
            assert!(started.elapsed() < Duration::from_secs(60), "{id}: what is below the group is not counted");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if frozen {
            outsider.freeze();
        }
        task.kill(Duration::from_millis(700)).await;
        assert_eq!(task.wait().await, Exit::Signal(if id == "killed" { 9 } else { 15 }));
        assert_eq!(outsider.end(), Some(9), "{id}: TERM is for the task's own processes");
        parents.extend(outsider.groups.iter().map(|group| group.parent().unwrap().to_owned()));
    }
    drop(executor);
    parents.retain(|parent| parent.exists());
    assert_eq!(parents, Vec::<PathBuf>::new(), "of the executor itself");
}

/// A task that has groups with limits beside it is in a group below its own itself: version two has it so.
#[tokio::test]
async fn a_main_process_that_stepped_into_a_group_below_is_asked_to_end_there() {
    let directory = tempfile::tempdir().unwrap();
    let executor = executor(directory.path(), Auto);
    let script = "trap 'exit 5' TERM; echo $$; while :; do sleep 0.1; done";
    let task = executor.launch(shell(directory.path(), "stepped", script, 0.5)).await.unwrap();
    let main = first_line(directory.path(), "stepped").await;
    let mut outsider = Outsider::below(&main);
    let groups: Vec<_> = outsider.groups.iter().filter(|group| group.join("cgroup.procs").exists()).collect();
    for group in
        groups.into_iter().filter(|group| !std::fs::read_to_string(group.join("cgroup.procs")).unwrap().is_empty())
    {
        std::fs::create_dir(group.join("agent")).unwrap();
        std::fs::write(group.join("agent/cgroup.procs"), main.trim()).unwrap();
    }
    assert!(path_of(&main, cpu_controller()).unwrap().ends_with("/agent"));
    // Far less than the grace: KILL has no part in it.
    let ended = tokio::time::timeout(Duration::from_secs(120), task.kill(Duration::from_secs(600))).await;
    assert!(ended.is_ok(), "it was not asked");
    assert_eq!(task.wait().await, Exit::Code(5));
    assert_eq!(outsider.end(), Some(9));
}

#[tokio::test]
async fn a_dropped_executor_leaves_no_process_and_no_directory() {
    for (limiter, marker) in [(Auto, "61.7701"), (DutyCycle, "61.7702")] {
        let directory = tempfile::tempdir().unwrap();
        let executor = executor(directory.path(), limiter);
        for id in ["a", "b"] {
            executor.launch(shell(directory.path(), id, &format!("sleep {marker}; :"), 1.0)).await.unwrap();
        }
        assert!(lives(marker));
        drop(executor);
        assert!(gone_within(marker, Duration::from_secs(60)));
        let left = || -> Vec<String> {
            let files = std::fs::read_dir(directory.path().join("state")).unwrap().flatten();
            files.map(|f| f.file_name().to_string_lossy().into_owned()).filter(|name| name != "lock").collect()
        };
        let start = Instant::now();
        while !left().is_empty() && start.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(left(), Vec::<String>::new());
    }
}

/// Not a test of its own: the process that the next test kills. Started with the directory in this variable.
const CRASHER: &str = "EXECUTOR_CRASHER";

#[tokio::test]
async fn crasher() {
    let Ok(arguments) = std::env::var(CRASHER) else { return };
    let (limiter, rest) = arguments.split_once(' ').unwrap();
    let (marker, directory) = rest.split_once(' ').unwrap();
    let limiter = if limiter == "duty" { DutyCycle } else { Auto };
    let directory = Path::new(directory);
    let executor = executor(directory, limiter);
    // The children outlive the parent-death signal of the main process; one of them left the session, too.
    let script = format!("sh -c 'sleep {marker}; :' & setsid sh -c 'sleep {marker}; :' & echo $$; {BUSY}");
    let task = executor.launch(shell(directory, "victim", &script, 0.5)).await.unwrap();
    first_line(directory, "victim").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    std::fs::write(directory.join("ready"), "").unwrap();
    task.wait().await;
}

#[tokio::test]
async fn the_next_start_sweeps_what_a_crash_left() {
    for (limiter, name, marker) in [(Auto, "auto", "61.8801"), (DutyCycle, "duty", "61.8802")] {
        let directory = tempfile::tempdir().unwrap();
        let mut crasher = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crasher", "--nocapture"])
            .env(CRASHER, format!("{name} {marker} {}", directory.path().display()))
            .spawn()
            .unwrap();
        while !directory.path().join("ready").exists() {
            assert!(crasher.try_wait().unwrap().is_none(), "the crasher ended early");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // What an engine has put below the group of its task is in no list and has no key.
        let main = output(directory.path(), "victim", "stdout");
        let mut outsider = (limiter == Auto
            && path_of(&main, "cpuacct").or_else(|| path_of(&main, "")).is_some_and(|path| path.contains("victim")))
        .then(|| Outsider::below(&main));
        if let Some(outsider) = &outsider {
            outsider.freeze();
        }
        crasher.kill().unwrap();
        crasher.wait().unwrap();
        assert!(lives(marker), "the children of the task outlived the crash");
        let executor = executor(directory.path(), limiter);
        outsider.iter_mut().for_each(|outsider| assert_eq!(outsider.end(), Some(9)));
        assert!(executor.swept() >= 2, "{} swept", executor.swept());
        assert!(!lives(marker), "{} left a process", executor.describe());
        let files: Vec<_> = std::fs::read_dir(directory.path().join("state")).unwrap().flatten().collect();
        assert_eq!(files.iter().filter(|f| f.file_name().to_string_lossy().contains("victim")).count(), 0);
    }
}

/// The kernel of this machine may have given its cpu controller to version 1, and it has it once. Here it is version 2 that
/// really limits, kills and counts.
#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "user-mode Linux is for x86 only")]
fn control_groups_v2_hold_what_is_promised_in_a_kernel_that_has_no_others() {
    own_kernel::run(
        &[
            "version_2_limits_two_processes",
            "tasks_of_one_node_use_together_what_it_has",
            "environment_output_and_exit_code_are_the_tasks_own",
            "a_kill_escalates_through_a_tree_that_ignores_term",
            "what_the_main_process_leaves_is_ended_before_its_exit_is_reported",
            "what_runs_in_groups_below_a_task_s_own_is_counted_with_it_and_ends_with_it",
            "a_main_process_that_stepped_into_a_group_below_is_asked_to_end_there",
            "a_dropped_executor_leaves_no_process_and_no_directory",
            "the_next_start_sweeps_what_a_crash_left",
            "version_2_leaves_a_group_with_other_processes_alone",
            "version_2_leaves_no_group",
        ],
        &["version_2_works_in_a_delegated_group_without_rights"],
    );
}

/// The directories of control groups v2 that executors have made, below `base`.
fn groups(base: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(base).unwrap().flatten().filter(|entry| entry.path().is_dir());
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("mesos-qos")).collect()
}

const V2: &str = "/sys/fs/cgroup";

#[tokio::test]
#[ignore = "started in a kernel of its own by another test"]
async fn version_2_limits_two_processes() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(executor(directory.path(), Auto).describe(), "process/cgroup-v2", "the first choice");
    limits_hold(CgroupV2, &format!("({BUSY}) & {BUSY}"), "two processes").await;
}

#[tokio::test]
#[ignore = "started in a kernel of its own by another test"]
async fn version_2_leaves_a_group_with_other_processes_alone() {
    let crowded = Path::new(V2).join("crowded");
    std::fs::create_dir(&crowded).unwrap();
    let mut other = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    for pid in [other.id(), std::process::id()] {
        std::fs::write(crowded.join("cgroup.procs"), pid.to_string()).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let executor = executor(directory.path(), CgroupV2);
    let task = executor.launch(shell(directory.path(), "busy", BUSY, 0.5)).await.unwrap();
    assert_rate(&task, 0.5, "beside a group with other processes").await;
    assert_eq!(groups(Path::new(V2)).len(), 1, "the next group upwards that can be divided is the root");
    let read = |file: &str| std::fs::read_to_string(crowded.join(file)).unwrap();
    assert_eq!((read("cgroup.type").as_str(), read("cgroup.subtree_control").as_str()), ("domain\n", ""));
    assert_eq!(read("cgroup.procs").lines().count(), 2, "and whoever was in it still is");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
#[ignore = "started in a kernel of its own by another test"]
fn version_2_leaves_no_group() {
    assert!(Path::new(V2).join("cgroup.controllers").exists(), "version 2 is mounted");
    assert_eq!(groups(Path::new(V2)), Vec::<String>::new());
}

#[tokio::test]
#[ignore = "started in a kernel of its own by another test"]
async fn version_2_works_in_a_delegated_group_without_rights() {
    assert!(!nix::unistd::geteuid().is_root());
    let base = Path::new(V2).join("delegated");
    let directory = tempfile::tempdir().unwrap();
    let executor = executor(directory.path(), CgroupV2);
    let task = executor.launch(shell(directory.path(), "busy", BUSY, 0.5)).await.unwrap();
    // A group with processes cannot limit groups below it: this process has stepped into a leaf.
    assert_eq!(std::fs::read_to_string(base.join("cgroup.procs")).unwrap(), "");
    assert_eq!(groups(&base).len(), 2, "its own leaf, and the one of all tasks: {:?}", groups(&base));
    assert_rate(&task, 0.5, "delegated").await;
    task.kill(Duration::from_secs(3)).await;
    assert_eq!(task.wait().await, Exit::Signal(15));
    drop(executor);
    assert_eq!(groups(&base), ["mesos-qos-self"], "its own leaf stays as long as it is in it");
}
