//! A limit that got lost, in Docker or past it, is in force again before it matters.

use std::time::Duration;

use serde_json::json;

use crate::support::door::Door;
use crate::support::node::Restores;
use crate::support::task::Job;
use crate::support::{Bench, Supervisor, eventually};

fn near(limit: f64, cores: f64) -> bool {
    (limit - cores).abs() < 0.001
}

#[test]
fn a_restored_program_has_its_limit_from_its_first_step_and_one_that_gets_lost_later_is_set_again() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    let door = Door::before(&node);
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 7, 1)
        .with("SHELL_TRAP_DOCKER_SOCKET", door.socket.to_str().unwrap())
        .with("SHELL_TRAP_LEASE_SECONDS", "5");
    let mut task = job.start(&node, 1.0);
    job.started(&mut task, 0);
    job.works(20);
    task.stop();

    // Docker is told the limit after the restore, says that it is done, and does nothing.
    let before = bench.progress().unwrap().1;
    door.lose_updates(true);
    let mut task = job.start(&node, 0.2);
    assert_eq!(job.started(&mut task, 1)["restored_generation"], 1, "{}", task.log());
    let all_cores = std::thread::available_parallelism().unwrap().get() as f64;
    let known = node.inspect(&job.hex())["HostConfig"]["NanoCpus"].as_f64().unwrap() / 1e9;
    assert!(door.lost() > 0 && near(known, all_cores), "{} lost, Docker knows of {known} cores", door.lost());
    assert!(near(node.limit(&job.hex()), 0.2), "{} cores for the restored program", node.limit(&job.hex()));
    std::thread::sleep(Duration::from_secs(3));
    let (used, time) = (bench.progress().unwrap().1 - before, door.started().unwrap().elapsed().as_secs_f64());
    // One period's worth at once, and the step that was under way.
    assert!(used < 0.2 * time + 0.1, "{used} s of CPU time within {time} s, from the program's first step on");

    // The same with a resize in place: the agent sees that another limit is in force, and tells Docker again and again.
    supervisor.reply(200, json!({"cpus": 0.4, "rescale": "in-place"}));
    eventually("the agent's word", || supervisor.samples("sample").last().filter(|s| s["limit"] == 0.4).cloned());
    let lost = door.lost();
    eventually("another attempt", || (door.lost() > lost + 1).then_some(()));
    assert!(near(node.limit(&job.hex()), 0.2), "nobody has set it yet");
    assert!(task.log().contains("another limit than the job's is in force"), "{}", task.log());
    door.lose_updates(false);
    eventually("the limit of the resize", || near(node.limit(&job.hex()), 0.4).then_some(()));

    // And past Docker.
    node.lift_limit(&job.hex());
    assert!(node.limit(&job.hex()).is_infinite());
    eventually("the limit of the resize", || near(node.limit(&job.hex()), 0.4).then_some(()));
    bench.enough();
    assert_eq!(task.wait().code(), Some(7), "{}", task.log());
    assert!(task.log().contains(&bench.complete()), "{}", task.log());
}
