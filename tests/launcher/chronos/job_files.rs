//! Job files: what is refused, what is put right, and what is submitted in the end.

use mesos_qos::clock::ManualClock;
use mesos_qos::launcher::chronos_job::ChronosJobFile;
use mesos_qos::launcher::job_file::JobFileError;
use mesos_qos::launcher::{JobSource, LaunchOptions, dry_run};
use mesos_qos::qos::units::{Cpus, Span, Timestamp};
use serde_json::{Value, json};

use crate::world::NOW;

fn valid() -> Value {
    json!({
        "name": "job1", "command": "/linpack 6000", "schedule": "R4//PT5M", "cpus": "1", "mem": "500", "owner": "me",
        "async": "false", "unknownToUs": {"kept": [1, "2"]},
        "qos": {"duration": 400, "deadline": 1800, "desv_deadline": 0.2}
    })
}

fn with(changes: Value) -> Value {
    let mut job = valid();
    for (key, value) in changes.as_object().unwrap() {
        job[key] = value.clone();
    }
    job
}

fn load(job: Value) -> Result<ChronosJobFile, JobFileError> {
    JobSource::Json(job).load(NOW)
}

fn errors(job: Value) -> Vec<String> {
    match load(job) {
        Err(JobFileError::Invalid(errors)) => errors.iter().map(ToString::to_string).collect(),
        other => panic!("expected an invalid job, got {other:?}"),
    }
}

fn rewritten(job: Value) -> Value {
    let options = LaunchOptions::new(std::sync::Arc::new(ManualClock::at(NOW)));
    dry_run(JobSource::Json(job), &"http://supervisor:30000/".parse().unwrap(), &options).unwrap().0
}

#[test]
fn every_example_is_a_valid_job() {
    let expected = [("1", 4, 400), ("2", 4, 400), ("3", 13, 130), ("4", 11, 130), ("5", 12, 130), ("6", 14, 80)];
    for (number, iterations, duration) in expected {
        let path = format!("{}/examples/openmpLinpack{number}.json", env!("CARGO_MANIFEST_DIR"));
        let job = JobSource::File(path.into()).load(NOW).unwrap();
        assert_eq!((job.name.as_str(), job.iterations), (format!("openmpLinpack{number}").as_str(), iterations));
        assert_eq!((job.cpus, job.qos.duration), (Cpus::from_milli(1000), Span::from_secs(duration)));
        assert_eq!((job.qos.deadline, job.qos.desv_deadline), (Span::from_secs(1800), 0.2));
        assert!(job.warnings.is_empty(), "{:?}", job.warnings);
    }
}

#[test]
fn each_odd_job_is_refused_with_its_reason_and_the_fix() {
    for (change, field, words) in [
        (json!({"schedule": "R//PT5M"}), "schedule", "never ends"),
        (json!({"schedule": "R0//PT5M"}), "schedule", "never runs"),
        (json!({"schedule": null}), "schedule", "R4//PT5M"),
        (json!({"parents": ["other"]}), "parents", "schedule"),
        (json!({"async": true}), "async", "leave it out"),
        (json!({"async": "true"}), "async", "leave it out"),
        (json!({"async": "perhaps"}), "async", "true or false"),
        (json!({"concurrent": true}), "concurrent", "leave it out"),
        (json!({"shell": false, "arguments": ["a"]}), "shell", "command"),
        (json!({"executor": "/opt/executor"}), "executor", "leave it out"),
        (json!({"command": "http://host/script.sh"}), "command", "address"),
        (json!({"command": "ftp://host/script.sh"}), "command", "address"),
        (json!({"command": "httpd -X"}), "command", "exec"),
        (json!({"command": ""}), "command", "shell command"),
        (json!({"command": 7, "cpus": {}}), "cpus", "number"),
        (json!({"command": "a\u{0}b"}), "command", "NUL"),
        (json!({"cpus": "many"}), "cpus", "for instance 1"),
        (json!({"cpus": 0}), "cpus", "0.001"),
        (json!({"cpus": -1}), "cpus", "0.001"),
        (json!({"mem": "lots"}), "mem", "MiB"),
        (json!({"name": "x$(touch PWNED)"}), "name", "no version of Chronos"),
        (json!({"name": "it's"}), "name", "no version of Chronos"),
        (json!({"name": "a/b"}), "name", "no version of Chronos"),
        (json!({"name": ".."}), "name", "no version of Chronos"),
        (json!({"name": ""}), "name", "no version of Chronos"),
        (json!({"name": "a\nb"}), "name", "line break"),
        (json!({"name": "ñ"}), "name", "no version of Chronos"),
        (json!({"name": ["a"]}), "name", "in quotes"),
        (json!({"environmentVariables": {"A": "b"}}), "environmentVariables", "list"),
        (json!({"environmentVariables": [{"name": "A"}]}), "environmentVariables", "value"),
        (
            json!({"environmentVariables": [{"name": "MESOS_QOS_TOKEN", "value": "x"}]}),
            "environmentVariables",
            "launcher",
        ),
        (json!({"container": {"type": "DOCKER"}}), "container.image", "missing"),
        (json!({"container": {"image": "a", "network": "bridge"}}), "container.network", "BRIDGE"),
        (json!({"uris": ["http://a"], "fetch": [{"uri": "http://b"}]}), "uris", "one of the two"),
        (json!({"arguments": [7]}), "arguments", "texts"),
        (json!({"qos": 7}), "qos", "object"),
        (json!({"qos": null}), "qos", "missing"),
    ] {
        let errors = errors(with(change.clone()));
        let told = errors.iter().any(|error| error.starts_with(&format!("{field}: ")) && error.contains(words));
        assert!(told, "{change}: {errors:?}");
    }
}

#[test]
fn all_errors_are_told_at_once() {
    let errors = errors(json!({"nam": "a", "cpus": "x", "schedule": "R//", "async": true, "qos": {"deadlin": 5}}));
    for start in [
        "name: missing (is \"nam\" meant",
        "cpus: ",
        "schedule: ",
        "async: ",
        "command: missing",
        "qos.deadlin: ",
        "qos.deadline: missing",
        "qos.duration: missing",
        "qos.desv_deadline: missing",
    ] {
        assert!(errors.iter().any(|error| error.starts_with(start)), "{start}: {errors:#?}");
    }
    let text = JobFileError::Invalid(Vec::new()).to_string();
    assert!(text.contains("0 errors"));
}

#[test]
fn what_can_be_put_right_is_and_is_said() {
    for (change, field, words) in [
        (json!({"name": "a b"}), "name", "Chronos 3"),
        (json!({"name": "a.b"}), "name", "2.4"),
        (json!({"retries": "2"}), "retries", "becomes 0"),
        (json!({"disabled": true}), "disabled", "becomes false"),
        (json!({"arguments": ["--size", "3"]}), "arguments", "into the command"),
        (json!({"scheduleTimeZone": null}), "scheduleTimeZone", "null"),
        (json!({"successCount": 3}), "successCount", "without history"),
        (json!({"schedule": "R4/2014-01-01T00:00:00Z/PT5M"}), "schedule", "past"),
        (json!({"qos": {"duration": 1, "deadline": 2, "desv_deadline": 0.8}}), "qos.desv_deadline", "overprogress"),
    ] {
        let job = load(with(change.clone())).unwrap();
        let told = job.warnings.iter().any(|warning| warning.field == field && warning.message.contains(words));
        assert!(told, "{change}: {:?}", job.warnings);
    }
}

#[test]
fn the_submitted_job_keeps_what_it_does_not_change_in_its_order() {
    let job = with(json!({
        "retries": 2, "disabled": true, "scheduleTimeZone": null, "successCount": 3, "parents": [],
        "environmentVariables": [{"name": "MINE", "value": 7}],
        "container": {"type": "DOCKER", "image": "a", "volumes": [{"hostPath": null, "containerPath": "/x"}]}
    }));
    let mut rewritten = rewritten(job);
    let keys: Vec<&str> = rewritten.as_object().unwrap().keys().map(String::as_str).collect();
    let wished = [
        "name",
        "command",
        "schedule",
        "cpus",
        "mem",
        "owner",
        "async",
        "unknownToUs",
        "retries",
        "disabled",
        "environmentVariables",
        "container",
    ];
    assert_eq!(keys, wished);
    assert_eq!(rewritten["environmentVariables"][0], json!({"name": "MINE", "value": "7"}));
    let ours: Vec<&Value> = rewritten["environmentVariables"].as_array().unwrap()[1..].iter().collect();
    assert_eq!(ours[0]["name"], "MESOS_QOS_UUID");
    assert_eq!(ours[1], &json!({"name": "MESOS_QOS_URL", "value": "http://supervisor:30000"}));
    assert_eq!(ours[2], &json!({"name": "MESOS_QOS_TOKEN", "value": "<callback-token>"}));
    assert!(rewritten["command"].as_str().unwrap().contains("/linpack 6000"));
    rewritten["command"].take();
    rewritten["environmentVariables"].take();
    let wished = json!({
        "name": "job1", "command": null, "schedule": "R/2099-01-01T00:00:00Z/P1Y", "cpus": 1.0, "mem": 500, "owner": "me",
        "async": false, "unknownToUs": {"kept": [1, "2"]}, "retries": 0, "disabled": false, "environmentVariables": null,
        "container": {"type": "DOCKER", "image": "a", "volumes": [{"containerPath": "/x"}]}
    });
    assert_eq!(rewritten, wished);
}

#[test]
fn arguments_stand_where_chronos_would_append_them() {
    let job = load(with(json!({"arguments": ["--size", "3"]}))).unwrap();
    assert_eq!(job.command, "/linpack 6000 --size 3");
    assert!(!job.job.contains_key("arguments"));
}

#[test]
fn a_future_start_is_read() {
    let job = load(with(json!({"schedule": "R4/2027-01-01T00:00:00Z/PT5M"}))).unwrap();
    assert_eq!(job.start_at.map(Timestamp::micros), Some(1_798_761_600_000_000));
}

#[test]
fn a_marathon_app_is_named_as_one() {
    let app = json!({"id": "/openmplinpack1", "cmd": "true", "cpus": 1, "qos": {}});
    let error = load(app).unwrap_err();
    assert_eq!(error, JobFileError::Marathon);
    assert!(error.to_string().contains("launch it with -m"));
}

#[test]
fn unreadable_files_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("job.json");
    for (text, words) in [("", "empty"), ("{", "not JSON"), ("[]", "one JSON object"), ("7", "one JSON object")] {
        std::fs::write(&path, text).unwrap();
        let error = JobSource::File(path.clone()).load(NOW).unwrap_err().to_string();
        assert!(error.contains("job.json: ") && error.contains(words), "{text}: {error}");
    }
    std::fs::write(&path, format!("\u{feff}{}", valid())).unwrap();
    assert!(JobSource::File(path).load(NOW).is_ok(), "a byte order mark is no error");
    assert!(JobSource::File("/no/such/job".into()).load(NOW).unwrap_err().to_string().starts_with("/no/such/job: "));
}

#[test]
fn a_chained_job_is_registered_as_one_and_only_its_wrapper_goes_on() {
    let qos = |more: Value| {
        let mut qos = json!({"duration": 1, "deadline": 2, "desv_deadline": 0.2});
        qos.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "qos": qos })
    };
    let job = load(with(qos(json!({"chain": "true"})))).unwrap();
    assert!(job.qos.chain && !job.qos.in_place && job.warnings.is_empty(), "{:?}", job.warnings);
    for (change, field) in
        [(qos(json!({"in_place": true})), "qos.in_place"), (qos(json!({"chain": "perhaps"})), "qos.chain")]
    {
        let errors = errors(with(change.clone()));
        assert!(errors.iter().any(|error| error.starts_with(field)), "{change}: {errors:?}");
    }
}
