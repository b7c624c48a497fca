//! Networks and ports, in both forms of an app file.

use mesos_qos::clients::marathon::MarathonVersion;
use serde_json::{Value, json};

use super::*;

#[test]
fn each_odd_network_is_refused_with_its_reason() {
    let mapping = |more: Value| json!([more]);
    for (app, field, words) in [
        (networked(json!([{"mode": "host"}, {"mode": "host"}]), json!([])), "networks", "one network"),
        (networked(json!({"mode": "host"}), json!([])), "networks", "list"),
        (networked(json!([{"mode": "cni"}]), json!([])), "networks", "container/bridge"),
        (networked(json!([{"mode": "container"}]), json!([])), "networks[0].name", "missing"),
        (networked(json!([{"mode": "container", "name": "host"}]), json!([])), "networks[0].name", "Docker's own"),
        (networked(json!([{"mode": "container", "name": "a b"}]), json!([])), "networks[0].name", "no name"),
        (networked(json!([{"mode": "host"}]), mapping(json!({"containerPort": 1}))), "portMappings", "host's network"),
        (old_networked("NONE", mapping(json!({"containerPort": 1}))), "portMappings", "without a network"),
        (
            networked(json!([{"mode": "container/bridge"}]), mapping(json!({"hostPort": 0}))),
            "container.portMappings[0].containerPort",
            "listens on",
        ),
        (
            old_networked("BRIDGE", mapping(json!({"containerPort": 1, "protocol": "udp,tcp"}))),
            "container.docker.portMappings[0].protocol",
            "two entries",
        ),
        (
            old_networked(
                "BRIDGE",
                json!([{"containerPort": 1, "hostPort": 0}, {"containerPort": 2, "hostPort": 31002}]),
            ),
            "portMappings",
            "all or to none",
        ),
        (
            old_networked(
                "BRIDGE",
                json!([{"containerPort": 1, "hostPort": 31000}, {"containerPort": 2, "hostPort": 31000}]),
            ),
            "portMappings",
            "asked for twice",
        ),
    ] {
        let errors = errors(app.clone());
        let told = errors.iter().any(|error| error.starts_with(&format!("{field}: ")) && error.contains(words));
        assert!(told, "{app}: {errors:?}");
    }
    let mut both = old_networked("BRIDGE", json!([{"containerPort": 1}]));
    both["container"]["portMappings"] = json!([{"containerPort": 1}]);
    assert!(errors(both)[0].contains("beside container.docker.portMappings"));
    let mut check = networked(json!([{"mode": "container", "name": "dmz"}]), json!([]));
    check["healthChecks"] = json!([{"protocol": "TCP"}]);
    assert!(errors(check)[0].contains("container's address"));
}

#[test]
fn both_network_forms_say_the_same() {
    let mappings = json!([
        {"containerPort": 80, "hostPort": 0, "servicePort": 10080, "name": "http"}, {"containerPort": 53, "protocol": "udp"}
    ]);
    let definitions = json!([{"port": 10080, "protocol": "tcp", "name": "http"}, {"port": 0, "protocol": "udp"}]);
    let ports = json!([
        {"container": 80, "host": 0, "protocol": "tcp"}, {"container": 53, "host": 0, "protocol": "udp"}
    ]);
    for app in [old_networked("BRIDGE", mappings.clone()), networked(json!([{"mode": "container/bridge"}]), mappings)] {
        for version in [(1, 1, 1), (1, 4, 1), (1, 5, 6), (1, 11, 24)] {
            let (major, minor, patch) = version;
            let rewritten = rewritten_for(app.clone(), MarathonVersion::new(major, minor, patch));
            let spec = spec_of(&rewritten);
            assert_eq!(spec.network, "bridge");
            assert_eq!(serde_json::to_value(&spec.ports).unwrap(), ports, "in the order of PORT0, PORT1");
            assert_eq!(rewritten["portDefinitions"], definitions);
            assert_eq!(rewritten["requirePorts"], false, "any port of the agent will do");
            assert_eq!(rewritten.get("networks").is_some(), minor >= 5, "1.4 and older do not know networks");
            assert!(rewritten.get("container").is_none() && rewritten.get("ipAddress").is_none());
        }
    }
}

#[test]
fn a_port_in_a_network_of_ones_own_is_published_only_when_it_names_a_host_port() {
    let mappings = json!([{"containerPort": 80}, {"containerPort": 81, "hostPort": 0}]);
    let mut old = old_networked("USER", mappings.clone());
    old["ipAddress"] = json!({"networkName": "dmz", "groups": [], "labels": {}});
    for app in [old, networked(json!([{"mode": "container", "name": "dmz"}]), mappings)] {
        let rewritten = rewritten(app);
        let spec = spec_of(&rewritten);
        assert_eq!((spec.network.as_str(), spec.ports.len(), spec.ports[0].container), ("dmz", 1, 81));
        assert_eq!(rewritten["portDefinitions"], json!([{"port": 0, "protocol": "tcp"}]));
    }
}

#[test]
fn a_program_in_the_hosts_network_keeps_its_ports_and_one_without_ports_gets_none() {
    let app = with(json!({"portDefinitions": [{"port": "0", "name": "http"}], "requirePorts": "false"}));
    let host = rewritten(app);
    assert_eq!(host["portDefinitions"], json!([{"port": 0, "name": "http"}]));
    assert_eq!((spec_of(&host).ports.len(), &host["requirePorts"]), (0, &json!(false)));
    let ports = rewritten(with(json!({"ports": ["8080", 0], "portDefinitions": []})));
    assert_eq!(ports["portDefinitions"], json!([{"port": 8080, "protocol": "tcp"}, {"port": 0, "protocol": "tcp"}]));
    assert!(ports.get("ports").is_none(), "1.5 and later do not return it");
    assert_eq!(rewritten(with(json!({"ports": []})))["portDefinitions"], json!([]), "none is something else than any");
    assert!(rewritten(valid()).get("portDefinitions").is_none(), "Marathon's default: one port");
    assert_eq!(rewritten(old_networked("NONE", json!([])))["portDefinitions"], json!([]));
    assert_eq!(spec_of(&rewritten(old_networked("NONE", json!([])))).network, "none");
}
