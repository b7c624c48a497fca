//! One deployment at a time holds an app.

use super::*;

fn locked(answer: &Answer) -> Vec<String> {
    match answer {
        Err(Refusal::Locked(deployments)) => deployments.clone(),
        other => panic!("not locked: {other:?}"),
    }
}

#[test]
fn an_app_is_held_from_its_creation_until_its_first_task_runs() {
    for version in ALL {
        let mut sim = Sim::new(version);
        let first = deployment(&sim.post("/a", json!({})));
        let held = vec![first];
        assert_eq!(locked(&sim.put("/a", json!({"cpus": 2}), false)), held);
        assert_eq!(locked(&sim.event(Event::Delete { id: "/a".into(), force: false })), held);
        assert_eq!(locked(&sim.event(Event::Restart { id: "/a".into(), force: false })), held);
        assert_eq!(sim.app("/a")["cpus"], 1, "what was refused changes nothing");
        assert!(sim.post("/b", json!({})).is_ok(), "others are not held");
        sim.wait(2.0);
        assert_eq!(sim.deployments(), 0);
        assert!(sim.put("/a", json!({"cpus": 2}), false).is_ok());
    }
}

#[test]
fn force_gives_up_the_deployment_in_the_way_and_starts_from_what_is() {
    let mut sim = Sim::new(V1_5);
    sim.create("/a", json!({}));
    sim.stubborn = true;
    let first = deployment(&sim.put("/a", json!({"cpus": 1.2}), false));
    sim.wait(2.0);
    assert_eq!((sim.alive("/a"), sim.kills.len()), (vec![1, 2], 1));
    sim.heard();
    let second = deployment(&sim.put("/a", json!({"cpus": 1.4}), true));
    let failed = sim.events.iter().find(|event| event["eventType"] == "deployment_failed").unwrap();
    assert_eq!(failed["id"], json!(first));
    let listed = sim.core.deployments_json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &json!(second)));
    sim.stubborn = false;
    sim.end(1, TaskEnd::Signal(15));
    sim.wait(3.0);
    assert_eq!((sim.alive("/a"), sim.deployments()), (vec![3], 0));
    assert_eq!(sim.launches.last().unwrap().cpus, Cpus::from_milli(1400));
}

#[test]
fn an_app_that_exists_is_another_conflict() {
    let mut sim = Sim::new(V1_4);
    sim.create("/a", json!({}));
    let exists = Refusal::Exists("An app with id [/a] already exists.".into());
    assert_eq!(sim.post("a", json!({})), Err(exists));
}

#[test]
fn a_deleted_app_is_gone_at_once_and_holds_its_id_until_its_tasks_are() {
    for version in ALL {
        let mut sim = Sim::new(version);
        sim.create("/a", json!({}));
        sim.stubborn = true;
        let delete = deployment(&sim.event(Event::Delete { id: "/a".into(), force: true }));
        assert!(sim.core.find("/a").is_none());
        assert_eq!((sim.kills.len(), sim.deployments()), (1, 1));
        assert_eq!(locked(&sim.post("/a", json!({}))), [delete]);
        sim.end(1, TaskEnd::Signal(15));
        sim.wait(0.1);
        assert_eq!(sim.deployments(), 0);
        assert!(sim.heard().contains(&"app_terminated_event".to_owned()));
        assert!(sim.post("/a", json!({})).is_ok());
    }
}
