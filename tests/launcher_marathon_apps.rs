//! Marathon app files: what is refused, what is put right, and what is submitted.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use mesos_qos::clients::marathon::MarathonVersion;
use mesos_qos::clock::ManualClock;
use mesos_qos::launcher::job_file::JobFileError;
use mesos_qos::launcher::marathon::app_file::MarathonAppFile;
use mesos_qos::launcher::marathon::rewrite::{Trap, rewrite, warnings};
use mesos_qos::launcher::marathon::spec::{Program, Spec};
use mesos_qos::launcher::{AgentSettings, JobSource, LaunchOptions, dry_run_app};
use mesos_qos::qos::ids::JobId;
use mesos_qos::qos::units::{Cpus, Span, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

const UUID: &str = "6f1fce6a-63b6-4c4d-9c0e-0123456789ab";

fn valid() -> Value {
    json!({
        "id": "/openmplinpack1", "cmd": "/linpack_openmp 6000", "cpus": 1, "mem": 512,
        "container": {"type": "DOCKER", "docker": {"image": "linpack-openmp", "network": "HOST"}},
        "qos": {"duration": 400, "deadline": 480, "desv_deadline": 0.1}
    })
}

/// The valid app with these members in place of its own; null takes one away.
fn with(change: Value) -> Value {
    let mut app = valid();
    for (key, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(app.as_object_mut().unwrap().shift_remove(key)),
            value => app[key] = value.clone(),
        }
    }
    app
}

/// The valid app with a container of this network and these ports, in the form of 1.5.
fn networked(networks: Value, mappings: Value) -> Value {
    let container = json!({"type": "DOCKER", "docker": {"image": "i"}, "portMappings": mappings});
    with(json!({"networks": networks, "container": container}))
}

/// The same in the form of 1.1 to 1.4.
fn old_networked(network: &str, mappings: Value) -> Value {
    let docker = json!({"image": "i", "network": network, "portMappings": mappings});
    with(json!({"container": {"type": "DOCKER", "docker": docker}}))
}

fn load(app: Value) -> Result<MarathonAppFile, JobFileError> {
    JobSource::Json(app).load_app()
}

fn errors(app: Value) -> Vec<String> {
    match load(app.clone()).map(drop) {
        Err(JobFileError::Invalid(errors)) => errors.iter().map(ToString::to_string).collect(),
        other => panic!("{app}: {other:?}"),
    }
}

fn agent() -> AgentSettings {
    AgentSettings {
        executor_path: "/usr/local/bin/shell_trap".into(),
        checkpoint_dir: "/mnt/checkpoints".into(),
        kill_grace_seconds: 60,
    }
}

fn rewritten_for(app: Value, version: MarathonVersion) -> Value {
    let file = load(app).unwrap();
    let uuid: JobId = UUID.parse().unwrap();
    let supervisor = "http://supervisor:30000/".parse().unwrap();
    let agent = agent();
    let trap =
        Trap { uuid, supervisor: &supervisor, token: Some("t0ken"), cacert: Some("/ca.pem"), agent: &agent, version };
    rewrite(&file, &trap)
}

fn rewritten(app: Value) -> Value {
    rewritten_for(app, MarathonVersion::new(1, 5, 6))
}

fn spec_of(app: &Value) -> Spec {
    serde_json::from_str(app["env"]["SHELL_TRAP_SPEC"].as_str().unwrap()).unwrap()
}

#[test]
fn the_example_is_the_published_case_iii() {
    let path = format!("{}/examples/openmpLinpackMarathon.json", env!("CARGO_MANIFEST_DIR"));
    let app = JobSource::File(path.into()).load_app().unwrap();
    assert_eq!((app.id.as_str(), app.cpus), ("/openmplinpack1", Cpus::from_milli(1000)));
    assert_eq!((app.qos.duration, app.qos.deadline), (Span::from_secs(400), Span::from_secs(480)));
    assert_eq!(app.qos.desv_deadline, 0.1);
    assert!(app.warnings.is_empty(), "{:?}", app.warnings);
}

#[test]
fn each_odd_app_is_refused_with_its_reason_and_the_fix() {
    let docker = |more: Value| {
        let mut docker = json!({"image": "i"});
        docker.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"container": {"type": "DOCKER", "docker": docker}})
    };
    let volume = |volume: Value| json!({"container": {"docker": {"image": "i"}, "volumes": [volume]}});
    for (change, field, words) in [
        (json!({"id": "openmpLinpack1"}), "id", "capital letter 'L'"),
        (json!({"id": "/a/tasks"}), "id", "keeps for itself"),
        (json!({"id": null}), "id", "missing"),
        (json!({"cpus": "many"}), "cpus", "for instance 1"),
        (json!({"cpus": 0}), "cpus", "0.001"),
        (json!({"mem": 0}), "mem", "at least 6"),
        (json!({"disk": -1}), "disk", "negative"),
        (json!({"cmd": ""}), "cmd", "empty"),
        (json!({"cmd": "a\u{0}b"}), "cmd", "NUL"),
        (json!({"cmd": "x".repeat(131_072)}), "cmd", "script file"),
        (json!({"args": ["a"]}), "args", "either cmd or args"),
        (json!({"cmd": null, "args": [{}]}), "args", "texts"),
        (json!({"cmd": null, "container": null}), "cmd", "missing"),
        (json!({"env": []}), "env", "object"),
        (json!({"env": {"SHELL_TRAP_UUID": "x"}}), "env.SHELL_TRAP_UUID", "rename it"),
        (json!({"env": {"SHELL_TRAP_ANYTHING": "x"}}), "env.SHELL_TRAP_ANYTHING", "rename it"),
        (json!({"env": {"PORT0": "80"}}), "env.PORT0", "would win"),
        (json!({"env": {"MARATHON_APP_RESOURCE_CPUS": "9"}}), "env.MARATHON_APP_RESOURCE_CPUS", "would win"),
        (json!({"env": {"A": {"secret": "s"}}}), "env.A", "secrets"),
        (json!({"env": {"A": ["x"]}}), "env.A", "in quotes"),
        (json!({"env": {"A=B": "x"}}), "env.A=B", "no name"),
        (json!({"env": {"A": "x\u{0}y"}}), "env.A", "NUL"),
        (json!({"gpus": 1}), "gpus", "checkpointed"),
        (json!({"residency": {"taskLostBehavior": "WAIT_FOREVER"}}), "residency", "agent"),
        (json!({"secrets": {"s": {"source": "x"}}}), "secrets", "Marathon's own tasks"),
        (json!({"readinessChecks": [{"portName": "http"}]}), "readinessChecks", "held up"),
        (json!({"check": {"exec": {}}}), "check", "outside the container"),
        (json!({"resourceLimits": {"cpus": "unlimited"}}), "resourceLimits", "cpus and mem"),
        (json!({"storeUrls": ["http://x"]}), "storeUrls", "fetch"),
        (json!({"executor": "/opt/executor"}), "executor", "in place of a shell"),
        (json!({"uris": ["http://a"], "fetch": [{"uri": "http://b"}]}), "uris", "one of the two"),
        (json!({"taskKillGracePeriodSeconds": 0}), "taskKillGracePeriodSeconds", "from 1 to 3600"),
        (json!({"taskKillGracePeriodSeconds": 1.5}), "taskKillGracePeriodSeconds", "whole number"),
        (json!({"healthChecks": [{"protocol": "COMMAND"}]}), "healthChecks[0].protocol", "outside the container"),
        (json!({"healthChecks": [{"protocol": "MESOS_HTTP"}]}), "healthChecks[0].protocol", "outside the container"),
        (json!({"healthChecks": [{"intervalSeconds": "x"}]}), "healthChecks[0].intervalSeconds", "number"),
        (json!({"container": 7}), "container", "object"),
        (json!({"container": {"type": "DOCKER"}}), "container.docker", "name the image"),
        (json!({"container": {"type": "ROCKET", "docker": {"image": "i"}}}), "container.type", "DOCKER"),
        (json!({"container": {"docker": {"image": ""}}}), "container.docker.image", "empty"),
        (json!({"container": {"docker": {"imag": "x"}}}), "container.docker.image", "is \"imag\" meant"),
        (json!({"container": {"docker": {"image": "i"}, "linuxInfo": {"x": 1}}}), "container.linuxInfo", "not known"),
        (docker(json!({"devices": ["/dev/x"]})), "container.docker.devices", "not known"),
        (docker(json!({"credential": {"principal": "p"}})), "container.docker.credential", "agent's own"),
        (docker(json!({"pullConfig": {"secret": "p"}})), "container.docker.pullConfig", "agent's own"),
        (docker(json!({"privileged": "perhaps"})), "container.docker.privileged", "true or false"),
        (docker(json!({"parameters": [{"key": "--name", "value": "x"}]})), "container.docker.parameters[0]", "uuid"),
        (docker(json!({"parameters": [{"key": "cpus", "value": 2}]})), "container.docker.parameters[0]", "app's cpus"),
        (docker(json!({"parameters": [{"key": "init", "value": ""}]})), "container.docker.parameters[0]", "restored"),
        (
            docker(json!({"parameters": [{"key": "env", "value": "SHELL_TRAP_X=1"}]})),
            "container.docker.parameters[0]",
            "SHELL_TRAP_",
        ),
        (docker(json!({"parameters": ["--rm"]})), "container.docker.parameters[0]", "key and a value"),
        (docker(json!({"network": "bridge"})), "container.docker.network", "\"BRIDGE\""),
        (docker(json!({"network": "USER"})), "ipAddress.networkName", "missing"),
        (volume(json!({"containerPath": "/a", "mode": "RW"})), "container.volumes[0]", "hostPath is missing"),
        (volume(json!({"hostPath": "a", "containerPath": "/a", "mode": "RW"})), "container.volumes[0]", "absolute"),
        (volume(json!({"hostPath": "/a:b", "containerPath": "/a", "mode": "RW"})), "container.volumes[0]", "colon"),
        (volume(json!({"hostPath": "/a", "containerPath": "/a", "mode": "rw"})), "container.volumes[0]", "\"RW\""),
        (volume(json!({"persistent": {"size": 1}, "containerPath": "a"})), "container.volumes[0]", "one agent"),
        (volume(json!({"external": {"name": "x"}})), "container.volumes[0]", "mounted by Mesos"),
        (volume(json!("/a:/b")), "container.volumes[0]", "object"),
        (json!({"ipAddress": {"groups": ["x"]}}), "ipAddress", "USER"),
        (json!({"container": null, "ipAddress": {"groups": ["x"]}}), "ipAddress", "containers of Mesos"),
        (json!({"networks": [{"mode": "host"}]}), "networks", "keep one of the two forms"),
        (json!({"ports": [1], "portDefinitions": [{"port": 2}]}), "ports", "keep one of the two"),
        (json!({"ports": ["x"]}), "ports[0]", "number"),
        (json!({"portDefinitions": [{"port": 70000}]}), "portDefinitions[0].port", "65535"),
        (json!({"qos": 7}), "qos", "object"),
        (json!({"qos": null}), "qos", "missing"),
    ] {
        let errors = errors(with(change.clone()));
        let told = errors.iter().any(|error| error.starts_with(&format!("{field}: ")) && error.contains(words));
        assert!(told, "{change}: {errors:?}");
    }
}

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
fn without_an_image_there_is_no_container_to_put_things_into() {
    let volumes = json!([{"hostPath": "/a", "containerPath": "/b", "mode": "RO"}]);
    let app =
        with(json!({"container": {"type": "MESOS", "volumes": volumes}, "networks": [{"mode": "container/bridge"}]}));
    let errors = errors(app);
    assert!(errors.iter().any(|error| error.starts_with("container.volumes: need an image")), "{errors:?}");
    assert!(errors.iter().any(|error| error.starts_with("networks: ") && error.contains("image")), "{errors:?}");

    let file = load(with(json!({"container": null}))).unwrap();
    assert_eq!((file.spec.image, file.spec.program), (None, Some(Program::Shell("/linpack_openmp 6000".into()))));
    assert!(file.warnings.iter().any(|warning| warning.message.contains("cannot be checkpointed")));
}

#[test]
fn all_errors_are_told_at_once() {
    let errors = errors(json!({"idd": "a", "cpus": "x", "args": 7, "gpus": 2, "qos": {"deadlin": 5, "chain": true}}));
    for start in [
        "id: missing (is \"idd\" meant",
        "cpus: ",
        "args: ",
        "gpus: ",
        "qos.deadlin: ",
        "qos.deadline: missing",
        "qos.duration: missing",
        "qos.desv_deadline: missing",
        "qos.chain: is for Chronos",
    ] {
        assert!(errors.iter().any(|error| error.starts_with(start)), "{start}: {errors:#?}");
    }
    assert!(errors.iter().any(|error| error.contains("CPU seconds that the job needs in all")), "{errors:#?}");
}

#[test]
fn what_can_be_put_right_is_and_is_said() {
    for (change, field, words) in [
        (json!({"qos": {"duration": 1, "deadline": 2, "desv_deadline": 0.8}}), "qos.desv_deadline", "behind or ahead"),
        (json!({"instances": 3}), "instances", "becomes 1"),
        (json!({"instances": "0"}), "instances", "becomes 1"),
        (json!({"backoffSeconds": 1}), "backoffSeconds", "becomes 300"),
        (json!({"maxLaunchDelaySeconds": 60}), "maxLaunchDelaySeconds", "becomes 300"),
        (
            json!({"upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 1}}),
            "upgradeStrategy",
            "0 and 0",
        ),
        (json!({"upgradeStrategy": {"minimumHealthCapacity": 0}}), "upgradeStrategy", "0 and 0"),
        (json!({"tty": true}), "tty", "terminal"),
        (json!({"version": "2026-11-20T10:00:00.000Z", "tasksRunning": 1}), "version", "version, tasksRunning"),
        (json!({"uris": ["file:///etc/docker.tar.gz"]}), "fetch", "does not see it"),
        (json!({"healthChecks": [{"protocol": "TCP"}]}), "healthChecks", "maxConsecutiveFailures"),
        (json!({"container": {"type": "MESOS", "docker": {"image": "i"}}}), "container.type", "run by Docker"),
        (json!({"container": null}), "container", "no image"),
    ] {
        let app = load(with(change.clone())).unwrap();
        let told = app.warnings.iter().any(|warning| warning.field == field && warning.message.contains(words));
        assert!(told, "{change}: {:?}", app.warnings);
    }
    let mut bridged = old_networked("BRIDGE", json!([{"containerPort": 80}]));
    bridged["ports"] = json!([10000]);
    assert!(load(bridged).unwrap().warnings.iter().any(|warning| warning.field == "ports"));
}

#[test]
fn a_harmless_setting_gets_no_warning() {
    let app = with(json!({
        "instances": "1", "backoffSeconds": 600, "upgradeStrategy": {"minimumHealthCapacity": 0.0, "maximumOverCapacity": 0},
        "gpus": 0, "residency": null, "secrets": {}, "readinessChecks": [], "executor": "", "storeUrls": [], "tty": false,
        "uris": [], "fetch": [], "healthChecks": [], "ipAddress": null, "ports": [10000],
        "portDefinitions": [{"port": 10000, "protocol": "tcp", "labels": {}}], "labels": {"a": "b"}
    }));
    let file = load(app).unwrap();
    assert_eq!(file.warnings, []);
    for gone in ["gpus", "secrets", "executor", "storeUrls", "tty", "uris", "fetch", "ports"] {
        assert!(!file.app.contains_key(gone), "{gone}: would be refused or is of no account");
    }
    assert_eq!(file.app["portDefinitions"][0]["port"], 10000);
}

#[test]
fn the_submitted_app_runs_shell_trap_and_keeps_the_rest() {
    let app = with(json!({
        "instances": 5, "user": "alice", "labels": {"team": "a"}, "constraints": [["hostname", "LIKE", "n.*"]],
        "acceptedResourceRoles": ["*"], "unknownToUs": {"kept": [1, "2"]}, "cpus": "1.5", "mem": "512", "disk": "10",
        "backoffFactor": "1.2", "env": {"MINE": 7, "PATH": "/opt/bin", "LD_PRELOAD": "/x.so", "FLAG": true, "DOCKER_HOST": "x"}
    }));
    let mut rewritten = rewritten(app);
    let spec = spec_of(&rewritten);
    assert_eq!(spec.env.keys().collect::<Vec<_>>(), ["DOCKER_HOST", "FLAG", "LD_PRELOAD", "MINE", "PATH"]);
    assert_eq!((spec.user.as_deref(), spec.memory_mib), (Some("alice"), 512.0));
    rewritten["env"]["SHELL_TRAP_SPEC"].take();
    let wished = json!({
        "id": "/openmplinpack1", "cmd": "exec /usr/local/bin/shell_trap", "cpus": 1.5, "mem": 512, "instances": 1,
        "labels": {"team": "a"}, "constraints": [["hostname", "LIKE", "n.*"]], "acceptedResourceRoles": ["*"],
        "unknownToUs": {"kept": [1, "2"]}, "disk": 10, "backoffSeconds": 300, "backoffFactor": 1.2,
        "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}, "taskKillGracePeriodSeconds": 60,
        "networks": [{"mode": "host"}],
        // What would act on the agent's own shell and loader reaches the container alone.
        "env": {
            "MINE": "7", "FLAG": "true", "SHELL_TRAP_UUID": UUID, "SHELL_TRAP_SUPERVISOR": "http://supervisor:30000",
            "SHELL_TRAP_TOKEN": "t0ken", "SHELL_TRAP_CACERT": "/ca.pem", "SHELL_TRAP_CHECKPOINT_DIR": "/mnt/checkpoints",
            "SHELL_TRAP_GRACE_SECONDS": "60", "SHELL_TRAP_SPEC": null
        }
    });
    assert_eq!(rewritten, wished);
}

#[test]
fn the_spec_is_the_documented_document() {
    let app = with(json!({
        "cmd": null, "args": ["--size", 6000], "env": {"A": "b"},
        "container": {
            "type": "DOCKER",
            "docker": {
                "image": "linpack", "network": "BRIDGE", "privileged": "true", "forcePullImage": true,
                "parameters": [{"key": "ulimit", "value": "nofile=1024"}, {"key": "--read-only", "value": true}],
                "portMappings": [{"containerPort": "80", "hostPort": 31080, "protocol": "udp", "labels": {"a": "b"}}]
            },
            "volumes": [{"hostPath": "/mnt/a b", "containerPath": "/b", "mode": "RO"}]
        }
    }));
    let rewritten = rewritten(app);
    let spec: Value = serde_json::from_str(rewritten["env"]["SHELL_TRAP_SPEC"].as_str().unwrap()).unwrap();
    let wished = json!({
        "version": 1, "image": "linpack", "args": ["--size", "6000"], "user": null, "env": {"A": "b"},
        "volumes": [{"host": "/mnt/a b", "container": "/b", "mode": "RO"}], "network": "bridge",
        "ports": [{"container": 80, "host": 31080, "protocol": "udp"}],
        "parameters": [{"key": "ulimit", "value": "nofile=1024"}, {"key": "read-only", "value": "true"}],
        "privileged": true, "memory_mib": 512.0, "force_pull": true
    });
    assert_eq!(spec, wished);
    assert_eq!(rewritten["portDefinitions"], json!([{"port": 31080, "protocol": "udp", "labels": {"a": "b"}}]));
    assert_eq!(rewritten["requirePorts"], true);
    assert!(rewritten.get("args").is_none() && rewritten.get("container").is_none());

    let image_alone = rewritten_for(with(json!({"cmd": null})), MarathonVersion::new(1, 1, 1));
    let text = image_alone["env"]["SHELL_TRAP_SPEC"].as_str().unwrap();
    assert!(!text.contains("shell") && !text.contains("args"), "{text}");
    assert_eq!(spec_of(&image_alone).program, None);
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

#[test]
fn the_window_for_the_deletion_is_never_cut_short() {
    for (change, backoff, longest) in [
        (json!({}), 300, None),
        (json!({"backoffSeconds": "10"}), 300, None),
        (json!({"backoffSeconds": 600}), 600, Some(600)),
        (json!({"backoffSeconds": 600, "maxLaunchDelaySeconds": 900}), 600, Some(900)),
        (json!({"maxLaunchDelaySeconds": 30}), 300, Some(300)),
    ] {
        let rewritten = rewritten(with(change.clone()));
        assert_eq!(rewritten["backoffSeconds"], backoff, "{change}");
        assert_eq!(rewritten.get("maxLaunchDelaySeconds"), longest.map(Value::from).as_ref(), "{change}");
    }
}

#[test]
fn what_is_fetched_is_said_in_the_form_that_every_version_takes() {
    let rewritten = rewritten(with(json!({"uris": ["http://a", "http://b"]})));
    assert_eq!(rewritten["fetch"], json!([{"uri": "http://a"}, {"uri": "http://b"}]));
    assert!(rewritten.get("uris").is_none());
}

#[test]
fn an_app_that_was_read_back_from_any_version_can_be_launched() {
    let back = |more: Value| {
        with(more).as_object().unwrap().clone().into_iter().chain(
            json!({
                "version": "2026-11-20T10:00:00.000Z", "versionInfo": {"lastScalingAt": "x"}, "tasksStaged": 0,
                "tasksRunning": 0, "tasksHealthy": 0, "tasksUnhealthy": 0, "deployments": [], "tasks": []
            })
            .as_object()
            .unwrap()
            .clone(),
        )
    };
    let old = back(json!({
        "uris": ["http://a"], "fetch": [{"uri": "http://a", "extract": true, "executable": false, "cache": false}],
        "ports": [10000], "portDefinitions": [{"port": 10000}], "storeUrls": [], "requirePorts": false
    }));
    let mut old = Value::Object(old.collect());
    for unset in ["args", "user", "ipAddress", "residency", "acceptedResourceRoles"] {
        old[unset] = Value::Null;
    }
    let rewritten_old = rewritten_for(old, MarathonVersion::new(1, 1, 1));
    for refused in ["version", "versionInfo", "tasks", "deployments", "uris", "ports", "storeUrls", "ipAddress", "args"]
    {
        assert!(rewritten_old.get(refused).is_none(), "{refused}");
    }
    assert_eq!(rewritten_old["fetch"][0]["uri"], "http://a");

    let new = networked(json!([{"mode": "container/bridge"}]), json!([{"containerPort": 80, "hostPort": 0}]));
    let new = Value::Object(back(json!({})).chain(new.as_object().unwrap().clone()).collect());
    assert!(rewritten(new).get("version").is_none());
}

#[test]
fn the_grace_is_the_longer_of_the_apps_and_the_operators() {
    for (asked, version, submitted, effective, told) in [
        (None, (1, 4, 1), 60, "60", 0),
        (Some(90), (1, 4, 1), 90, "90", 0),
        (Some(10), (1, 4, 1), 60, "60", 1),
        // 1.1 ignores it: the agents kill after 3 s, and shell_trap must know.
        (Some(90), (1, 1, 1), 90, "3", 1),
    ] {
        let app = with(json!({"taskKillGracePeriodSeconds": asked}));
        let (major, minor, patch) = version;
        let version = MarathonVersion::new(major, minor, patch);
        let rewritten = rewritten_for(app.clone(), version);
        assert_eq!(rewritten["taskKillGracePeriodSeconds"], submitted);
        assert_eq!(rewritten["env"]["SHELL_TRAP_GRACE_SECONDS"], effective);
        let warnings = warnings(&load(app).unwrap(), &agent(), version);
        assert_eq!(warnings.len(), told, "{warnings:?}");
    }
}

#[test]
fn a_path_with_odd_characters_is_one_word_for_the_agents_shell() {
    let file = load(valid()).unwrap();
    let agent = AgentSettings { executor_path: "/opt/it's $(touch x)/shell_trap".into(), ..agent() };
    let supervisor = "http://s".parse().unwrap();
    let (uuid, version) = (UUID.parse().unwrap(), MarathonVersion::new(1, 5, 6));
    let trap = Trap { uuid, supervisor: &supervisor, token: None, cacert: None, agent: &agent, version };
    let app = rewrite(&file, &trap);
    let words = shlex::split(app["cmd"].as_str().unwrap()).unwrap();
    assert_eq!(words, ["exec", "/opt/it's $(touch x)/shell_trap"]);
    for absent in ["SHELL_TRAP_TOKEN", "SHELL_TRAP_CACERT"] {
        assert!(app["env"].get(absent).is_none(), "{absent}");
    }
}

#[test]
fn a_dry_run_shows_a_placeholder_for_the_token_and_every_warning() {
    let options = LaunchOptions::new(Arc::new(ManualClock::at(Timestamp::from_micros(0))));
    let app = with(json!({"instances": 2, "taskKillGracePeriodSeconds": 5}));
    let supervisor = "http://supervisor:30000".parse().unwrap();
    let (app, warnings) = dry_run_app(JobSource::Json(app), &supervisor, &agent(), &options).unwrap();
    assert_eq!(app["env"]["SHELL_TRAP_TOKEN"], "<callback-token>");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn each_framework_recognises_the_others_file() {
    let chronos = json!({"name": "a", "command": "true", "schedule": "R1//PT1M"});
    let error = load(chronos).unwrap_err();
    assert_eq!(error, JobFileError::Chronos);
    assert!(error.to_string().contains("launch it with -c"));
    let error = JobSource::Json(valid()).load(Timestamp::from_micros(0)).unwrap_err();
    assert!(error.to_string().contains("launch it with -m"));
}

/// What comes out of the environment of a real task: Mesos runs `cmd` by `sh -c`.
fn through_a_shell(variable: &str, app: &Value) -> String {
    let env = app["env"].as_object().unwrap().iter().map(|(name, value)| (name, value.as_str().unwrap()));
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("exec printenv {variable}")])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(env)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().strip_suffix('\n').unwrap().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing that an author writes is expanded, split or changed by the agent's shell.
    #[test]
    fn the_program_reaches_the_container_exactly(
        cmd in "[^\\x00]{0,40}[$`\"'\\\\;&|<>*?~!# \n\t][^\\x00]{0,40}x",
        args in prop::collection::vec("[^\\x00]{0,20}", 1..4),
        value in "[^\\x00]{0,40}",
        host in "/[^\\x00:]{0,20}",
    ) {
        let container = json!({
            "docker": {"image": "i", "parameters": [{"key": "label", "value": value}]},
            "volumes": [{"hostPath": host, "containerPath": "/b", "mode": "RO"}]
        });
        let env = json!({"A": value, "B": "$HOME $(id) `id`"});
        for program in [json!({"cmd": cmd}), json!({"cmd": null, "args": args})] {
            let mut app = with(program);
            app["container"] = container.clone();
            app["env"] = env.clone();
            let file = load(app.clone()).unwrap();
            let rewritten = rewritten(app);
            let arrived: Spec = serde_json::from_str(&through_a_shell("SHELL_TRAP_SPEC", &rewritten)).unwrap();
            prop_assert_eq!(&arrived, &file.spec);
            match arrived.program.as_ref().unwrap() {
                Program::Shell(arrived) => prop_assert_eq!(arrived, &cmd),
                Program::Args(arrived) => prop_assert_eq!(arrived, &args),
            }
            prop_assert_eq!(&arrived.env["A"], &value);
            prop_assert_eq!(&arrived.env["B"], "$HOME $(id) `id`");
            prop_assert_eq!(&arrived.volumes[0].host, &host);
            prop_assert_eq!(through_a_shell("A", &rewritten), value.as_str());
        }
    }
}
