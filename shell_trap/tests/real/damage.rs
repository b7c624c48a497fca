//! Damaged and missing checkpoints, a full directory, and nodes that cannot restore.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::node::Restores;
use crate::support::task::Job;
use crate::support::{Bench, Node, Supervisor, eventually};

/// Two generations; the CPU time in each.
fn two_generations(job: &Job, node: &Node, supervisor: &Supervisor) -> [f64; 2] {
    for segment in 0..2 {
        let mut task = job.start(node, 1.0);
        job.started(&mut task, segment);
        let before = job.bench.progress().map_or(0, |p| p.0);
        eventually("some steps", || job.bench.progress().filter(|(steps, _)| *steps > before + 30));
        task.stop();
    }
    assert_eq!(job.generations(), [2, 1]);
    let ends = supervisor.samples("end");
    let used = |i: usize| ends[i]["user_seconds"].as_f64().unwrap() + ends[i]["system_seconds"].as_f64().unwrap();
    [used(0), used(0) + used(1)]
}

fn pages(job: &Job, generation: u64) -> PathBuf {
    let images = job.directory().join(format!("gen-{generation:06}/img"));
    let mut found: Vec<_> = fs::read_dir(images).unwrap().map(|e| e.unwrap().path()).collect();
    found.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("pages-"));
    found.sort_by_key(|path| fs::metadata(path).unwrap().len());
    found.pop().unwrap()
}

fn truncate(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
}

fn zero(path: &Path) {
    use std::os::unix::fs::FileExt as _;
    File::options().write(true).open(path).unwrap().write_all_at(&[0; 4096], 8192).unwrap();
}

#[test]
fn damaged_images_are_refused_and_an_older_generation_takes_its_cpu_time_along() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 0, 4);
    let [first, second] = two_generations(&job, &node, &supervisor);
    assert!(second > first + 0.05, "{first} {second}");
    truncate(&pages(&job, 2));
    let mut task = job.start(&node, 1.0);
    let start = job.started(&mut task, 2);
    assert!(task.log().contains("bytes, the manifest says"), "{}", task.log());
    assert_eq!(start["restored_generation"], 1);
    let base = start["base_cpu_seconds"].as_f64().unwrap();
    assert!((base - first).abs() < 1e-6, "{base}, generation 1 holds {first}");
    task.signal(Signal::SIGKILL);
    task.wait();
    // Now no generation is whole, and the container of the killed task must not be mistaken for one.
    node.docker(&["rm", "-f", &job.hex()]);
    zero(&pages(&job, 1));
    let mut task = job.start(&node, 1.0);
    let start = job.started(&mut task, 3);
    assert!(task.log().contains("other contents than at the dump"), "{}", task.log());
    assert!(task.log().contains("starts anew"), "{}", task.log());
    assert!(start.get("restored_generation").is_none() && start["base_cpu_seconds"] == 0.0);
    let inits =
        eventually("the second execution", || Some(supervisor.posted("/initMarathonApp")).filter(|i| i.len() == 2));
    assert_ne!(inits[0]["execution"], inits[1]["execution"]);
    assert_eq!(start["execution"], inits[1]["execution"]);
    job.works(5);
    bench.enough();
    assert_eq!(task.wait().code(), Some(0), "{}", task.log());
    assert!(task.log().contains(&bench.complete()));
}

#[test]
fn a_full_directory_stops_no_job_and_a_later_attempt_succeeds() {
    let bench = Bench::new().with_small_shared_directory(6 * 1024);
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 0, 1).with("SHELL_TRAP_LEASE_SECONDS", "3");
    let mut task = job.start(&node, 1.0);
    job.started(&mut task, 0);
    // Full to the last byte: the lease is renewed all the same.
    let filler = bench.seen_shared().join("filler");
    let _ = fs::write(&filler, vec![1; 8 << 20]);
    std::thread::sleep(std::time::Duration::from_secs(5));
    let (before, _) = bench.progress().unwrap();
    eventually("steps in spite of the full directory", || bench.progress().filter(|(steps, _)| *steps > before + 5));
    task.signal(Signal::SIGTERM);
    eventually("a failed checkpoint", || task.log().contains("the checkpoint failed").then_some(()));
    eventually("steps after the failed checkpoint", || bench.progress().filter(|(steps, _)| *steps > before + 10));
    assert!(task.running() && job.generations().is_empty(), "{}", task.log());
    fs::remove_file(&filler).unwrap();
    assert_eq!(task.wait().code(), Some(0), "{}", task.log());
    assert_eq!(job.generations(), [1]);
    let mut task = job.start(&node, 2.0);
    let start = job.started(&mut task, 1);
    assert_eq!(start["restored_generation"], 1, "{}", task.log());
    bench.enough();
    assert_eq!(task.wait().code(), Some(0), "{}", task.log());
    assert!(task.log().contains(&bench.complete()));
}

#[test]
fn a_dump_that_cannot_succeed_leaves_the_job_running_for_the_next_task() {
    let bench = Bench::new().with_small_shared_directory(2 * 1024);
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    // More memory than fits.
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 7, 4).with("SHELL_TRAP_GRACE_SECONDS", "3");
    let mut task = job.start(&node, 1.0);
    job.started(&mut task, 0);
    task.signal(Signal::SIGTERM);
    assert_eq!(task.wait().code(), Some(75), "{}", task.log());
    let end = eventually("the report", || supervisor.samples("end").first().cloned());
    assert_eq!(end["reason"], "killed");
    assert!(end["detail"].as_str().unwrap().len() > 10, "{end}");
    let (before, _) = bench.progress().unwrap();
    eventually("steps without an agent", || bench.progress().filter(|(steps, _)| *steps > before));
    let mut task = job.start(&node, 2.0);
    let start = job.started(&mut task, 1);
    assert!(start["base_cpu_seconds"].as_f64().unwrap() > 0.0, "{start}");
    bench.enough();
    assert_eq!(task.wait().code(), Some(7), "{}", task.log());
    // The output is whole: nothing was started anew.
    assert!(task.log().contains(&bench.complete()), "{}", task.log());
    assert_eq!(supervisor.posted("/initMarathonApp").len(), 1);
}

#[test]
fn a_node_that_cannot_restore_says_so_and_throws_no_work_away() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let able = bench.node("a", Restores::Runtime);
    let unable = bench.node("b", Restores::Nothing);
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 0, 1);
    let mut task = job.start(&able, 1.0);
    job.started(&mut task, 0);
    task.stop();
    let mut refused = job.start(&unable, 1.0);
    assert_eq!(refused.wait().code(), Some(75), "{}", refused.log());
    assert!(refused.log().contains("daemon.json"), "{}", refused.log());
    assert_eq!(job.generations(), [1]);
    let mut task = job.start(&able, 1.0);
    assert_eq!(job.started(&mut task, 1)["restored_generation"], 1);
    bench.enough();
    assert_eq!(task.wait().code(), Some(0), "{}", task.log());
    bench.not_enough();
    // A job without checkpoints runs on such a node, and ends when it is asked to.
    let other = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 0, 1).with("SHELL_TRAP_GRACE_SECONDS", "30");
    let mut task = other.start(&unable, 1.0);
    let start = other.started(&mut task, 2);
    assert_eq!(start["checkpoints"], false);
    task.signal(Signal::SIGTERM);
    // Its work is gone: it has neither finished nor a checkpoint.
    assert_eq!(task.wait().code(), Some(143), "{}", task.log());
    assert_eq!(unable.containers(), Vec::<String>::new());
    let end = supervisor.samples("end").pop().unwrap();
    assert_eq!(end["reason"], json!("killed"));
}

#[test]
fn a_directory_that_others_can_read_is_refused() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Nothing);
    let job = Job::new(&bench, &supervisor, 10, 1000, 0, 1);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(bench.shared(), open).unwrap();
    let mut task = job.start(&node, 1.0);
    assert_eq!(task.wait().code(), Some(1));
    assert!(task.log().contains("chmod 700"), "{}", task.log());
    assert_eq!(node.containers(), Vec::<String>::new());
}

/// Makes a generation that verifies and that no CRIU can restore.
fn break_within(job: &Job, generation: u64) {
    use shell_trap::checkpoint::manifest::{self, Manifest};
    let directory = job.directory().join(format!("gen-{generation:06}"));
    zero(&pages(job, generation));
    let cut = directory.join("img/pstree.img");
    File::options().write(true).open(&cut).unwrap().set_len(10).unwrap();
    let mut manifest = Manifest::read(&directory, &job.hex(), generation).unwrap();
    fs::remove_file(directory.join(manifest::NAME)).unwrap();
    manifest.files = manifest::stamp_all(&directory).unwrap();
    manifest.write(&directory).unwrap();
    manifest.verify(&directory).unwrap();
}

#[test]
fn what_one_node_cannot_restore_is_left_to_others_before_it_is_given_up() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    let job =
        Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 0, 1).with("SHELL_TRAP_RESTORE_PATIENCE_SECONDS", "0");
    let [first, _] = two_generations(&job, &node, &supervisor);
    break_within(&job, 2);
    for attempt in 1..=2 {
        let mut task = job.start(&node, 1.0);
        assert_eq!(task.wait().code(), Some(75), "attempt {attempt}: {}", task.log());
        assert!(task.log().contains(&format!("{attempt} of 3 tasks")), "{}", task.log());
        assert_eq!((job.generations(), node.containers()), (vec![2, 1], vec![]));
    }
    let mut task = job.start(&node, 2.0);
    let start = job.started(&mut task, 2);
    assert_eq!(start["restored_generation"], 1, "{}", task.log());
    assert!((start["base_cpu_seconds"].as_f64().unwrap() - first).abs() < 1e-6);
    // The next checkpoint takes the place of the broken one; the one that it came from is kept.
    task.stop();
    assert_eq!(job.generations(), [3, 1]);
    let mut task = job.start(&node, 2.0);
    assert_eq!(job.started(&mut task, 3)["restored_generation"], 3, "{}", task.log());
    bench.enough();
    assert_eq!(task.wait().code(), Some(0), "{}", task.log());
    assert!(task.log().contains(&bench.complete()), "{}", task.log());
}
