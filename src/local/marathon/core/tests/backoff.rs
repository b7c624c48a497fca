//! Every end of a task is followed by a launch, sooner or later.

use super::*;

#[test]
fn a_task_that_ends_by_itself_is_launched_again_after_the_delay_whatever_its_code() {
    for version in ALL {
        for end in [TaskEnd::Code(0), TaskEnd::Code(3), TaskEnd::Signal(9)] {
            let mut sim = Sim::new(version);
            sim.create("/a", json!({"backoffSeconds": 300}));
            sim.end(1, end.clone());
            sim.wait(299.0);
            assert_eq!(sim.launches.len(), 1, "{version} {end:?}");
            sim.wait(2.0);
            assert_eq!(sim.launches.len(), 2, "{version} {end:?}");
        }
    }
}

#[test]
fn a_killed_task_is_launched_again_at_once() {
    for version in ALL {
        let mut sim = Sim::new(version);
        sim.create("/a", json!({"backoffSeconds": 300}));
        let id = sim.launches[0].task.clone();
        let tasks = std::collections::BTreeMap::from([("/a".to_owned(), vec![id])]);
        sim.event(Event::KillTasks { tasks, scale: false, force: false }).unwrap();
        sim.wait(1.1);
        assert_eq!(sim.launches.len(), 2);
        assert_eq!(sim.app("/a").get("lastTaskFailure"), None, "a kill is no failure");
    }
}

#[test]
fn the_delay_grows_by_its_factor_and_can_be_reset() {
    let mut sim = Sim::new(V1_5);
    sim.create("/a", json!({"backoffSeconds": 10, "backoffFactor": 3}));
    sim.end(1, TaskEnd::Code(1));
    sim.wait(12.0);
    sim.end(2, TaskEnd::Code(1));
    let queue = sim.core.queue_json();
    assert_eq!(queue["queue"][0]["delay"], json!({"timeLeftSeconds": 30, "overdue": false}));
    assert_eq!((&queue["queue"][0]["count"], &queue["queue"][0]["app"]["id"]), (&json!(1), &json!("/a")));
    assert_eq!(sim.event(Event::ResetDelay("/a".into())), Ok(Reply::Done));
    sim.wait(1.1);
    assert_eq!(sim.launches.len(), 3);
    let gone = Refusal::NotFound("Application /a not found in tasks queue.".into());
    assert_eq!(sim.event(Event::ResetDelay("/a".into())), Err(gone));
}

#[test]
fn a_deployment_forgets_the_delay() {
    for version in ALL {
        let mut sim = Sim::new(version);
        sim.create("/a", json!({"backoffSeconds": 300}));
        sim.end(1, TaskEnd::Code(0));
        sim.wait(10.0);
        sim.put("/a", json!({"cpus": 0.5}), false).unwrap();
        sim.wait(2.0);
        assert_eq!((sim.launches.len(), sim.deployments()), (2, 0), "{version}");
    }
}

#[test]
fn within_the_delay_an_app_can_be_deleted_before_it_runs_again() {
    for version in ALL {
        let mut sim = Sim::new(version);
        sim.create("/a", json!({"backoffSeconds": 300}));
        sim.end(1, TaskEnd::Code(0));
        sim.wait(200.0);
        sim.event(Event::Delete { id: "/a".into(), force: true }).unwrap();
        sim.wait(1000.0);
        assert_eq!((sim.launches.len(), sim.deployments()), (1, 0));
    }
}

#[test]
fn the_last_failure_is_told() {
    let mut sim = Sim::new(V1_5);
    sim.create("/a", json!({}));
    sim.end(1, TaskEnd::Code(3));
    sim.wait(0.1);
    let failure = &sim.app("/a")["lastTaskFailure"];
    assert_eq!(
        (&failure["state"], &failure["message"]),
        (&json!("TASK_FAILED"), &json!("Command exited with status 3"))
    );
    assert_eq!(failure["taskId"], json!(sim.launches[0].task));
}
