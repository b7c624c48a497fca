//! What is refused, with its reason and the fix.

use mesos_qos::launcher::JobSource;
use mesos_qos::launcher::job_file::JobFileError;
use mesos_qos::launcher::marathon::spec::Program;
use mesos_qos::qos::units::Timestamp;
use serde_json::{Value, json};

use super::*;

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
fn each_framework_recognises_the_others_file() {
    let chronos = json!({"name": "a", "command": "true", "schedule": "R1//PT1M"});
    let error = load(chronos).unwrap_err();
    assert_eq!(error, JobFileError::Chronos);
    assert!(error.to_string().contains("launch it with -c"));
    let error = JobSource::Json(valid()).load(Timestamp::from_micros(0)).unwrap_err();
    assert!(error.to_string().contains("launch it with -m"));
}
