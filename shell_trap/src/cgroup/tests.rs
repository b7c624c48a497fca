//! Of both versions, on trees that look like them and on what this machine has.

use super::*;

#[test]
fn version_one_is_preferred_where_it_accounts_for_cpu_time() {
    let hybrid = "cgroup /c/cpu cgroup rw,cpu 0 0\ncgroup /c/acct cgroup rw,cpuacct 0 0\ncgroup2 /c/u cgroup2 rw 0 0\n";
    assert_eq!(
        Cgroups::among(hybrid, Path::new("/proc")).unwrap().directory("/docker/x"),
        PathBuf::from("/c/acct/docker/x")
    );
    let unified = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n";
    assert_eq!(Cgroups::among(unified, Path::new("/proc")).unwrap().directory("a"), PathBuf::from("/sys/fs/cgroup/a"));
    assert_eq!(Cgroups::among("proc /proc proc rw 0 0\n", Path::new("/proc")), None);
}

#[test]
fn the_counters_of_version_two_are_microseconds() {
    let time = parse_stat("usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n").unwrap();
    assert_eq!((time.total, time.user), (Duration::from_millis(1500), Duration::from_secs(1)));
    assert_eq!(parse_stat("nr_periods 1\n"), None);
}

#[test]
fn the_user_part_is_never_more_than_the_whole() {
    let time = |total, user| CpuTime { total: Duration::from_millis(total), user: Duration::from_millis(user) };
    assert_eq!(time(100, 90).since(time(95, 10)), time(5, 5));
    assert_eq!(time(1, 1).since(time(5, 5)), time(0, 0));
}

#[test]
fn a_group_goes_from_all_hierarchies_also_where_version_two_is_mounted_beside_the_first() {
    let base = tempfile::tempdir().unwrap();
    let at = |name: &str| base.path().join(name);
    let mounts = format!(
        "cgroup {} cgroup rw,cpuacct 0 0\ncgroup2 {} cgroup2 rw 0 0\n",
        at("acct").display(),
        at("unified").display()
    );
    let cgroups = Cgroups::among(&mounts, Path::new("/proc")).unwrap();
    // Of the second an earlier agent has removed the group with the counters only.
    for group in ["acct/jobs/a-1", "unified/jobs/a-1/container", "unified/jobs/a-2"] {
        fs::create_dir_all(at(group)).unwrap();
    }
    let siblings = cgroups.siblings("/jobs/a-1");
    assert_eq!(siblings, ["/jobs/a-1", "/jobs/a-2"]);
    siblings.iter().for_each(|group| cgroups.remove(group));
    let left = |name: &str| fs::read_dir(at(name)).unwrap().count();
    assert_eq!((left("acct/jobs"), left("unified/jobs")), (0, 0));
}

#[test]
fn in_version_two_everything_of_a_group_is_in_one_directory() {
    let tree = fake::Tree::new();
    let cgroups = tree.cgroups();
    let process = tree.group_with_process("/jobs/a-1", 42);
    assert_eq!(cgroups.of_process(42).unwrap(), process);
    assert_eq!((cgroups.members(&process), cgroups.populated(&tree.path("/jobs"))), (vec![42], true));
    fs::write(process.join("cpu.stat"), "usage_usec 5\nuser_usec 3\nsystem_usec 2\n").unwrap();
    let time = CpuTime { total: Duration::from_micros(5), user: Duration::from_micros(3) };
    assert_eq!(cgroups.cpu_time(&process).unwrap(), time);
    fs::write(process.join("cpu.max"), "max 100000\n").unwrap();
    cgroups.limit_process(42, 1.5).unwrap();
    assert_eq!(fs::read_to_string(process.join("cpu.max")).unwrap(), "150000 100000");
    // What is in no group of its own is in the root, which has no limit.
    tree.process(43, "/");
    assert!(cgroups.limit_process(43, 1.0).is_err());
    assert!(cgroups.of_process(44).is_err());
}

#[test]
fn this_process_has_a_group_that_counts() {
    let cgroups = Cgroups::find().unwrap();
    let directory = cgroups.of_process(std::process::id() as i32).unwrap();
    assert!(cgroups.cpu_time(&directory).is_ok(), "{}", directory.display());
}
