//! Tasks: where they run, with what, and how they are killed.

use std::collections::BTreeMap;

use super::*;

fn kill(sim: &mut Sim, ids: &[&str], scale: bool) -> Answer {
    let ids = ids.iter().map(|id| (*id).to_owned()).collect();
    sim.event(Event::KillTasks { tasks: BTreeMap::from([("/a".to_owned(), ids)]), scale, force: false })
}

#[test]
fn killing_with_scale_lowers_the_instances() {
    for version in ALL {
        let mut sim = Sim::new(version);
        sim.create("/a", json!({"cpus": 0.5, "instances": 3}));
        let second = sim.launches[1].task.clone();
        deployment(&kill(&mut sim, &[&second], true));
        sim.wait(5.0);
        assert_eq!((&sim.app("/a")["instances"], sim.alive("/a").len()), (&json!(2), 2));
        assert!(sim.core.tasks().all(|task| task.id != second), "it was this very task");
    }
}

#[test]
fn what_is_killed_is_told_and_replaced() {
    let mut sim = Sim::new(V1_1);
    sim.create("/a", json!({}));
    let id = sim.launches[0].task.clone();
    let Ok(Reply::Killing(told)) = kill(&mut sim, &[&id], false) else { panic!("nothing is killed") };
    assert_eq!((&told[0]["id"], told[0].get("state")), (&json!(id), None));
    assert_eq!(kill(&mut sim, &["a.unknown"], false), Ok(Reply::Killing(Vec::new())));
    sim.wait(2.0);
    assert_eq!(sim.alive("/a"), [2]);
}

#[test]
fn the_grace_is_the_app_s_except_in_1_1() {
    for version in ALL {
        let mut sim = Sim::new(version);
        sim.create("/a", json!({"taskKillGracePeriodSeconds": 120}));
        sim.event(Event::Delete { id: "/a".into(), force: true }).unwrap();
        let expected = (version != V1_1).then(|| Span::from_secs(120));
        assert_eq!(sim.kills, [(1, expected)]);
    }
}

#[test]
fn tasks_of_apps_wait_until_they_fit_and_keep_no_other_app_waiting() {
    let mut sim = Sim::new(V1_4);
    sim.post("/big", json!({"cpus": 3})).unwrap();
    sim.post("/a", json!({})).unwrap();
    sim.wait(10.0);
    assert_eq!((sim.alive("/big").len(), sim.alive("/a").len(), sim.deployments()), (0, 1, 1));
    assert!(sim.nodes.iter().all(|node| node.used <= node.total));
}

#[test]
fn constraints_and_roles_choose_the_node() {
    let mut sim = Sim::new(V1_5);
    sim.create("/a", json!({"cpus": 0.1, "instances": 4, "constraints": [["hostname", "CLUSTER", "node2"]]}));
    assert!(sim.core.tasks().all(|task| task.hostname == "node2"));
    sim.post("/b", json!({"cpus": 0.1, "instances": 3, "constraints": [["hostname", "UNIQUE"]]})).unwrap();
    sim.post("/c", json!({"cpus": 0.1, "acceptedResourceRoles": ["special"]})).unwrap();
    sim.wait(5.0);
    assert_eq!((sim.alive("/b").len(), sim.alive("/c").len()), (2, 0));
}

#[test]
fn the_environment_is_marathon_s_and_the_app_s_own_wins() {
    for version in ALL {
        let mut options = settings(version);
        options.env = vec![("CLUSTER".into(), "here".into()), ("HOST".into(), "wrong".into())];
        let mut sim = Sim::with(options);
        sim.nodes.set_env(Some("node1"), "FACTOR", "0.5");
        sim.nodes.set_env(None, "EVERYWHERE", "1");
        let ports = json!([{"port": 0, "name": "http-x"}, {"port": 9000}]);
        sim.create(
            "/shop/a",
            json!({"cpus": 1.4, "env": {"MARATHON_APP_ID": "mine", "A": "b"}, "labels": {"my.key": "v"},
                "portDefinitions": ports, "constraints": [["hostname", "CLUSTER", "node1"]]}),
        );
        let order = sim.launches[0].clone();
        let get = |name: &str| order.env.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!((get("MARATHON_APP_ID"), get("A"), get("CLUSTER")), (Some("mine"), Some("b"), Some("here")));
        assert_eq!((get("HOST"), get("FACTOR"), get("EVERYWHERE")), (Some("node1"), Some("0.5"), Some("1")));
        assert_eq!((get("MARATHON_APP_RESOURCE_CPUS"), get("MARATHON_APP_RESOURCE_MEM")), (Some("1.4"), Some("128.0")));
        assert_eq!(get("MARATHON_APP_RESOURCE_GPUS").is_some(), version != V1_1);
        assert_eq!((get("MARATHON_APP_LABELS"), get("MARATHON_APP_LABEL_MY_KEY")), (Some("MY_KEY"), Some("v")));
        assert_eq!(get("MESOS_TASK_ID"), Some(order.task.as_str()));
        assert!(order.task.starts_with("shop_a."), "{}", order.task);
        let ports: Vec<&str> = ["PORT0", "PORT1"].iter().filter_map(|name| get(name)).collect();
        assert_eq!((get("PORT"), get("PORTS")), (Some(ports[0]), Some(ports.join(",").as_str())));
        assert_eq!(get("PORT_9000"), Some(ports[1]));
        assert_eq!(get("PORT_HTTP_X"), (version != V1_1).then_some(ports[0]));
        let told = &sim.core.task_json(sim.core.tasks().next().unwrap(), true);
        let shown: Vec<String> = told["ports"].as_array().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ports);
        assert_eq!(told["servicePorts"][1], 9000);
    }
}

#[test]
fn arguments_are_the_command_itself() {
    let mut sim = Sim::new(V1_5);
    let update = Update::decode(&json!({"id": "a", "args": ["sleep", "1 0"]}), V1_5).unwrap();
    let create = Event::Create { update: Box::new(update), force: false, caller: Caller::default() };
    sim.event(create).unwrap();
    sim.create("/b", json!({"cmd": "exec sleep 1"}));
    assert_eq!(sim.launches[0].argv, ["sleep", "1 0"]);
    assert_eq!(sim.launches[1].argv, ["/bin/sh", "-c", "exec sleep 1"]);
}

#[test]
fn ports_of_a_container_on_a_bridge_are_published() {
    let mut sim = Sim::new(V1_4);
    let mappings =
        json!([{"containerPort": 80, "hostPort": 0}, {"containerPort": 53, "hostPort": 5300, "protocol": "udp"}]);
    let docker = json!({"image": "debian", "network": "BRIDGE", "portMappings": mappings, "privileged": true});
    sim.create("/a", json!({"container": {"type": "DOCKER", "docker": docker}}));
    let container = sim.launches[0].container.clone().unwrap();
    let any = sim.core.tasks().next().unwrap().ports[0];
    let parameter = |key: &str, value: String| (key.to_owned(), value);
    let expected = [
        parameter("privileged", "true".into()),
        parameter("publish", format!("{any}:80/tcp")),
        parameter("publish", "5300:53/udp".into()),
    ];
    assert_eq!((container.parameters.as_slice(), container.network.as_deref()), (&expected[..], Some("BRIDGE")));
}

#[test]
fn without_quotas_a_task_may_use_its_node_and_still_reserves_its_own() {
    let mut options = settings(V1_5);
    options.limit = CpuLimit::Node;
    let mut sim = Sim::with(options);
    sim.create("/a", json!({"cpus": 0.5}));
    assert_eq!(sim.launches[0].cpus, Cpus::from_milli(2000));
    assert_eq!(sim.nodes.iter().map(|node| node.used.milli()).sum::<u32>(), 500);
}
