//! What is submitted to Marathon.

use mesos_qos::clients::marathon::MarathonVersion;
use mesos_qos::launcher::JobSource;
use mesos_qos::qos::units::{Cpus, Span};
use serde_json::{Value, json};

use super::*;

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
