//! Shows a job: the fields of its version in its version's order.

use serde_json::{Map, Value, json};

use super::job::{Fetch, Job, Trigger};
use super::version::ChronosVersion;

/// The job as `GET job/{name}` and searches return it.
pub fn encode(job: &Job, version: ChronosVersion) -> Value {
    let v3 = version.is_v3();
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| {
        fields.insert(key.into(), value);
    };
    put("name", job.name.as_str().into());
    put("command", job.command.as_str().into());
    put("shell", job.shell.into());
    if !v3 {
        put("epsilon", job.epsilon.as_str().into());
    }
    put("executor", job.executor.as_str().into());
    put("executorFlags", job.executor_flags.as_str().into());
    if v3 {
        put("taskInfoData", job.task_info_data.as_str().into());
    }
    put("retries", job.retries.into());
    put("owner", job.owner.as_str().into());
    put("ownerName", job.owner_name.as_str().into());
    put("description", job.description.as_str().into());
    if !v3 {
        put("async", job.asynchronous.into());
    }
    put("successCount", job.success_count.into());
    put("errorCount", job.error_count.into());
    put("lastSuccess", job.last_success.as_str().into());
    put("lastError", job.last_error.as_str().into());
    put("cpus", job.cpus.into());
    put("disk", job.disk.into());
    put("mem", job.mem.into());
    put("disabled", job.disabled.into());
    put("softError", job.soft_error.into());
    put("dataProcessingJobType", job.data_processing.into());
    put("errorsSinceLastSuccess", job.errors_since_last_success.into());
    if v3 {
        put("fetch", job.fetch.iter().map(fetch).collect());
    }
    put("uris", job.uris.iter().map(String::as_str).collect());
    put("environmentVariables", job.environment.iter().map(|(n, v)| json!({"name": n, "value": v})).collect());
    put("arguments", job.arguments.iter().map(String::as_str).collect());
    put("highPriority", job.high_priority.into());
    put("runAsUser", job.run_as_user.as_str().into());
    if v3 {
        put("concurrent", job.concurrent.into());
    }
    if let Some(container) = &job.container {
        put("container", container.to_json());
    }
    put("constraints", job.constraints.iter().map(|c| c.to_json()).collect());
    match &job.trigger {
        Trigger::Parents(parents) => put("parents", parents.iter().map(String::as_str).collect()),
        Trigger::Schedule { text, zone } => {
            put("schedule", text.as_str().into());
            put("scheduleTimeZone", zone.as_str().into());
        }
    }
    Value::Object(fields)
}

/// The job as the list of all jobs returns it: 3.x shows `uris` as `fetch` and the other way round there.
pub fn encode_listed(job: &Job, version: ChronosVersion) -> Value {
    if !version.is_v3() {
        return encode(job, version);
    }
    let mut mirrored = job.clone();
    if mirrored.fetch.is_empty() {
        mirrored.fetch = mirrored.uris.iter().map(|uri| Fetch::of_uri(uri)).collect();
    } else {
        mirrored.uris = mirrored.fetch.iter().map(|fetch| fetch.uri.clone()).collect();
    }
    encode(&mirrored, version)
}

fn fetch(fetch: &Fetch) -> Value {
    let mut fields =
        json!({"uri": fetch.uri, "executable": fetch.executable, "cache": fetch.cache, "extract": fetch.extract});
    if !fetch.output_file.is_empty() {
        fields["output_file"] = fetch.output_file.as_str().into();
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::chronos::decode::decode;
    use crate::qos::units::Timestamp;
    use ChronosVersion::{V2_4, V3_0};

    /// 2015-12-18T10:30:09.755Z
    const NOW: Timestamp = Timestamp::from_micros(1_450_434_609_755_000);

    fn back(sent: Value, version: ChronosVersion) -> Value {
        encode(&decode(&sent, version, NOW).unwrap(), version)
    }

    const FIELDS_2: &str = "name command shell epsilon executor executorFlags retries owner ownerName description async \
        successCount errorCount lastSuccess lastError cpus disk mem disabled softError dataProcessingJobType \
        errorsSinceLastSuccess uris environmentVariables arguments highPriority runAsUser constraints schedule \
        scheduleTimeZone";
    const FIELDS_3: &str = "name command shell executor executorFlags taskInfoData retries owner ownerName description \
        successCount errorCount lastSuccess lastError cpus disk mem disabled softError dataProcessingJobType \
        errorsSinceLastSuccess fetch uris environmentVariables arguments highPriority runAsUser concurrent constraints \
        schedule scheduleTimeZone";

    #[test]
    fn fields_and_their_order_are_those_of_the_version() {
        for (version, fields, schedule) in
            [(V2_4, FIELDS_2, "R1//PT24H"), (V3_0, FIELDS_3, "R1/2015-12-18T10:30:09.755Z/PT24H")]
        {
            let shown = back(json!({"name": "n", "command": "c", "unknown": 1, "qos": {}}), version);
            let keys: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys, fields.split_whitespace().collect::<Vec<_>>());
            assert_eq!(shown["schedule"], schedule);
            assert_eq!((&shown["cpus"], &shown["mem"], &shown["disk"]), (&json!(0.1), &json!(128.0), &json!(256.0)));
            assert_eq!((&shown["retries"], &shown["runAsUser"]), (&json!(2), &json!("root")));
        }
        assert_eq!(back(json!({"name": "n", "command": "c"}), V2_4)["epsilon"], "PT60S");
    }

    #[test]
    fn scalars_are_read_leniently_and_null_becomes_a_word() {
        let sent = json!({"name": 36, "command": "c", "cpus": "1", "mem": "500", "disk": "lots", "async": "false",
            "scheduleTimeZone": null, "schedule": "R//PT5M"});
        let shown = back(sent, V2_4);
        assert_eq!(shown.to_string().matches("\"cpus\":1.0,\"disk\":256.0,\"mem\":500.0").count(), 1);
        assert_eq!((&shown["name"], &shown["async"]), (&json!("36"), &json!(false)));
        assert_eq!(shown["scheduleTimeZone"], "null");
    }

    #[test]
    fn what_is_missing_differs_by_version() {
        assert!(decode(&json!({"command": "c"}), V3_0, NOW).is_err());
        assert!(decode(&json!({"name": "n"}), V2_4, NOW).is_err());
        assert_eq!(back(json!({"name": "n"}), V3_0)["command"], "");
    }

    #[test]
    fn the_list_of_3_mirrors_uris_and_fetch() {
        let job = decode(&json!({"name": "n", "uris": ["file:///a"]}), V3_0, NOW).unwrap();
        assert_eq!(encode(&job, V3_0)["fetch"], json!([]));
        assert_eq!(encode_listed(&job, V3_0)["fetch"][0]["uri"], "file:///a");
        let job = decode(&json!({"name": "n", "fetch": [{"uri": "file:///b"}]}), V3_0, NOW).unwrap();
        assert_eq!(encode_listed(&job, V3_0)["uris"], json!(["file:///b"]));
    }

    #[test]
    fn what_was_shown_reads_back_the_same() {
        for version in [V2_4, V3_0] {
            let shown = back(
                json!({"name": "n", "command": "c", "parents": ["a", "b", "a"], "successCount": 3, "epsilon": "PT5M",
                    "constraints": [["rack", "EQUALS", "1"], ["rack", "NEAR", "2"]],
                    "environmentVariables": [{"name": "A", "value": 1}]}),
                version,
            );
            assert_eq!(shown["parents"], json!(["a", "b"]));
            assert_eq!(back(shown.clone(), version), shown);
        }
    }
}
