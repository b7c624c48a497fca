//! Deployments: their steps, their events, the way back.

use super::*;

#[test]
fn a_creation_has_two_steps_and_is_told_step_by_step() {
    for version in ALL {
        let mut sim = Sim::new(version);
        let id = deployment(&sim.post("/a", json!({})));
        let listed = &sim.core.deployments_json()[0];
        assert_eq!((&listed["id"], &listed["currentStep"], &listed["totalSteps"]), (&json!(id), &json!(2), &json!(2)));
        assert_eq!(listed["affectedApps"], json!(["/a"]));
        assert_eq!(listed["currentActions"][0]["action"], "ScaleApplication");
        let key = if version == V1_1 { "type" } else { "action" };
        assert_eq!(listed["steps"][0]["actions"], json!([{key: "StartApplication", "app": "/a"}]));
        assert_eq!(listed.get("affectedPods").is_some(), version != V1_1);
        sim.wait(2.0);
        let mut expected = vec![
            "group_change_success",
            "api_post_event",
            "deployment_info",
            "deployment_step_success",
            "deployment_info",
            "status_update_event",
            "instance_changed_event",
            "deployment_step_success",
            "deployment_success",
        ];
        if version == V1_1 {
            expected.retain(|kind| *kind != "instance_changed_event");
        }
        let success = sim.events.last().unwrap();
        assert_eq!((&success["id"], &success["plan"]["id"]), (&json!(id), &json!(id)));
        assert_eq!(success["plan"]["target"]["apps"][0]["id"], "/a");
        assert_eq!(sim.heard(), expected);
    }
}

#[test]
fn a_change_of_nothing_is_over_at_once() {
    let mut sim = Sim::new(V1_5);
    sim.create("/a", json!({}));
    let versions = sim.core.versions("/a").unwrap();
    deployment(&sim.put("/a", json!({"cpus": 1}), false));
    assert_eq!((sim.deployments(), sim.kills.len()), (0, 0));
    assert_eq!(sim.core.versions("/a").unwrap(), versions);
    assert_eq!(sim.heard().last().unwrap(), "deployment_success");
}

#[test]
fn scaling_keeps_the_tasks_that_are_there_and_the_configuration_s_age() {
    let mut sim = Sim::new(V1_5);
    sim.create("/a", json!({"cpus": 0.5}));
    let before = sim.app("/a");
    sim.put("/a", json!({"instances": 3}), false).unwrap();
    assert_eq!(sim.core.deployments_json()[0]["steps"][0]["actions"][0]["action"], "ScaleApplication");
    sim.wait(2.0);
    let after = sim.app("/a");
    assert_eq!((sim.alive("/a").len(), &after["tasksRunning"]), (3, &json!(3)));
    assert_eq!(after["versionInfo"]["lastConfigChangeAt"], before["versionInfo"]["lastConfigChangeAt"]);
    assert_eq!(after["versionInfo"]["lastScalingAt"], after["version"]);
    sim.put("/a", json!({"instances": 1}), false).unwrap();
    sim.wait(1.0);
    assert_eq!((sim.alive("/a"), sim.deployments()), (vec![1], 0), "the youngest go first");
    sim.put("/a", json!({"instances": 2, "killSelection": "OLDEST_FIRST"}), false).unwrap();
    sim.wait(4.0);
    let eldest = sim.alive("/a")[0];
    sim.put("/a", json!({"instances": 1}), false).unwrap();
    sim.wait(1.0);
    assert!(!sim.alive("/a").contains(&eldest));
}

#[test]
fn a_deployment_that_is_deleted_is_undone_by_another() {
    for version in ALL {
        let mut sim = Sim::new(version);
        sim.nodes = Nodes::new(1, Cpus::from_milli(2000));
        sim.nodes.ports = Ports::imagined();
        sim.create("/a", json!({"cpus": 1.5}));
        let hanging = deployment(&sim.put("/a", json!({"cpus": 1.8}), false));
        sim.wait(5.0);
        sim.heard();
        let back = sim.event(Event::CancelDeployment { id: hanging.clone(), force: false });
        assert_ne!(deployment(&back), hanging);
        sim.wait(5.0);
        assert_eq!((&sim.app("/a")["cpus"], sim.alive("/a").len()), (&json!(1.5), 1));
        let failed = sim.events.iter().find(|event| event["eventType"] == "deployment_failed").unwrap();
        assert_eq!(failed["id"], json!(hanging));
        let unknown = sim.event(Event::CancelDeployment { id: "x".into(), force: false });
        assert_eq!(unknown, Err(Refusal::NotFound("DeploymentPlan x does not exist".into())));
    }
}

#[test]
fn a_creation_that_is_undone_leaves_no_app() {
    let mut sim = Sim::new(V1_5);
    let created = deployment(&sim.post("/a", json!({"cpus": 9})));
    sim.wait(5.0);
    sim.event(Event::CancelDeployment { id: created, force: false }).unwrap();
    sim.wait(1.0);
    assert!(sim.core.find("/a").is_none());
    assert_eq!(sim.deployments(), 0);
}

#[test]
fn a_deployment_deleted_by_force_leaves_everything_as_it_is() {
    let mut sim = Sim::new(V1_5);
    sim.create("/a", json!({}));
    sim.stubborn = true;
    let hanging = deployment(&sim.put("/a", json!({"cpus": 1.2}), false));
    sim.wait(2.0);
    assert_eq!(sim.alive("/a"), [1, 2]);
    assert_eq!(sim.event(Event::CancelDeployment { id: hanging, force: true }), Ok(Reply::Done));
    assert_eq!((sim.deployments(), &sim.app("/a")["cpus"]), (0, &json!(1.2)));
    sim.end(1, TaskEnd::Signal(15));
    sim.wait(5.0);
    assert_eq!(sim.alive("/a"), [2]);
}

#[test]
fn a_restart_replaces_the_tasks_and_a_version_can_be_gone_back_to() {
    let mut sim = Sim::new(V1_5);
    sim.create("/a", json!({"upgradeStrategy": strategy(STOP_FIRST)}));
    sim.event(Event::Restart { id: "/a".into(), force: false }).unwrap();
    sim.wait(2.0);
    assert_eq!((sim.alive("/a"), sim.core.versions("/a").unwrap().len()), (vec![2], 2));
    sim.put("/a", json!({"cpus": 0.5}), false).unwrap();
    sim.wait(2.0);
    let versions = sim.core.versions("/a").unwrap();
    assert_eq!((versions.len(), sim.app("/a")["version"].as_str()), (3, Some(versions[0].as_str())), "newest first");
    assert_eq!(sim.core.at_version("/a", &versions[1]).unwrap()["cpus"], 1);
    sim.put("/a", json!({"version": versions[1]}), false).unwrap();
    sim.wait(2.0);
    assert_eq!((&sim.app("/a")["cpus"], sim.alive("/a")), (&json!(1), vec![4]));
    assert_eq!(sim.core.versions("/a").unwrap().len(), 4, "going back is a new version");
    let nowhere = sim.put("/a", json!({"version": "2001-01-01T00:00:00.000Z"}), false);
    assert_eq!(nowhere, Err(Refusal::NotFound("App '/a' does not exist".into())));
}

#[test]
fn a_part_keeps_the_rest_and_a_whole_does_not() {
    let mut sim = Sim::new(V1_5);
    sim.create("/a", json!({"env": {"A": "1", "B": "2"}, "labels": {"x": "y"}, "mem": 64}));
    sim.put("/a", json!({"env": {"A": "3"}, "cpus": null}), false).unwrap();
    sim.wait(3.0);
    let app = sim.app("/a");
    assert_eq!((&app["env"], &app["labels"], &app["cpus"]), (&json!({"A": "3"}), &json!({"x": "y"}), &json!(1)));
    sim.change("/a", json!({"cmd": "other"}), false, true, false).unwrap();
    sim.wait(3.0);
    let app = sim.app("/a");
    assert_eq!((app.get("env"), &app["mem"], &app["cmd"]), (None, &json!(128), &json!("other")));
}

#[test]
fn a_whole_app_with_a_version_is_no_way_back_and_a_part_is() {
    for version in ALL {
        let mut sim = Sim::new(version);
        sim.create("/a", json!({"version": "2001-01-01T00:00:00.000Z"}));
        let whole = json!({"version": "2001-01-01T00:00:00.000Z", "cmd": "other"});
        let part = sim.put("/a", whole.clone(), false);
        assert_eq!(matches!(part, Err(Refusal::Invalid(_))), version == V1_5, "{part:?}");
        assert_eq!(matches!(part, Err(Refusal::Requirement(_))), version != V1_5, "{part:?}");
        assert_eq!(sim.put("/new", whole.clone(), false), part, "be the app there or not");
        sim.change("/a", whole, false, true, false).unwrap();
        sim.wait(3.0);
        assert_eq!(sim.app("/a")["cmd"], "other");
    }
}

#[test]
fn put_creates_what_is_not_there_when_it_can_and_patch_does_not() {
    let mut sim = Sim::new(V1_5);
    assert!(matches!(sim.put("/a", json!({"cpus": 1}), false), Err(Refusal::Invalid(_))), "there is no command");
    let gone = Err(Refusal::NotFound("App '/a' does not exist".into()));
    assert_eq!(sim.change("/a", json!({"cpus": 1}), true, false, false), gone);
    let whole = sim.put("/a", json!({"cmd": "work"}), false);
    assert!(matches!(whole, Ok(Reply::Deployed { created: true, .. })));
}

#[test]
fn several_apps_are_changed_by_one_deployment_those_first_that_others_depend_on() {
    let mut sim = Sim::new(V1_5);
    let body = json!([
        {"id": "/front", "cmd": "serve", "cpus": 0.5, "dependencies": ["/back"]},
        {"id": "/back", "cmd": "serve", "cpus": 0.5},
    ]);
    let updates = Update::decode_list(&body, V1_5).unwrap().into_iter();
    let updates = updates.map(|update| (update.id.clone().unwrap(), update)).collect();
    let change = Event::Change { updates, partial: true, create: true, force: false, caller: Caller::default() };
    deployment(&sim.event(change));
    let listed = &sim.core.deployments_json()[0];
    assert_eq!((&listed["affectedApps"], &listed["totalSteps"]), (&json!(["/back", "/front"]), &json!(3)));
    sim.wait(1.0);
    assert_eq!((sim.alive("/back").len(), sim.alive("/front").len()), (1, 0));
    sim.wait(1.0);
    assert_eq!((sim.alive("/front").len(), sim.deployments()), (1, 0));
}

#[test]
fn groups_follow_from_ids_and_are_made_scaled_and_deleted() {
    let mut sim = Sim::new(V1_4);
    sim.create("/shop/a", json!({"cpus": 0.2}));
    let root = sim.core.group_json("/").unwrap();
    assert_eq!((&root["groups"][0]["id"], &root["groups"][0]["apps"][0]["id"]), (&json!("/shop"), &json!("/shop/a")));
    let group = |change| Event::ChangeGroup { id: "/shop".into(), change, force: false };
    let exists = sim.event(group(super::super::GroupChange::Create(Vec::new(), Vec::new())));
    assert!(matches!(exists, Err(Refusal::Exists(_))));
    sim.event(group(super::super::GroupChange::Scale(3.0))).unwrap();
    sim.wait(2.0);
    assert_eq!(sim.alive("/shop/a").len(), 3);
    sim.event(Event::DeleteGroup { id: "/shop".into(), force: false }).unwrap();
    sim.wait(1.0);
    assert!(sim.core.find("/shop/a").is_none() && sim.core.group_json("/shop").is_none());
    let gone = Refusal::NotFound("Group '/shop' does not exist".into());
    assert_eq!(sim.event(Event::DeleteGroup { id: "/shop".into(), force: false }), Err(gone));
}
