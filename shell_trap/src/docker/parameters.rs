//! Options of `docker run`, as Marathon's `parameters` have them, in the words of the Engine API.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};

/// Adds one option to a container's description.
///
/// # Errors
/// When the option is unknown, would work against the supervision, or its value is malformed.
pub fn apply(body: &mut Value, key: &str, value: &str) -> Result<()> {
    let key = key.trim_start_matches('-');
    one(body, key, value).with_context(|| format!("parameters: {key}={value:?}"))
}

fn one(body: &mut Value, key: &str, value: &str) -> Result<()> {
    let host = |name: &str| format!("/HostConfig/{name}");
    match key {
        "env" | "e" => {
            ensure!(!reserved(value), "SHELL_TRAP_* variables belong to the agent");
            push(body, "/Env", json!(value))
        }
        "hostname" | "h" => set(body, "/Hostname", json!(value)),
        "domainname" => set(body, "/Domainname", json!(value)),
        "workdir" | "w" => set(body, "/WorkingDir", json!(value)),
        "user" | "u" => set(body, "/User", json!(value)),
        "entrypoint" => set(body, "/Entrypoint", json!([value])),
        "stop-signal" => set(body, "/StopSignal", json!(value)),
        "mac-address" => set(body, "/MacAddress", json!(value)),
        "tty" | "t" => set(body, "/Tty", json!(truth(value)?)),
        "interactive" | "i" => set(body, "/OpenStdin", json!(truth(value)?)),
        "label" | "l" => {
            let (name, text) = value.split_once('=').unwrap_or((value, ""));
            ensure!(!name.starts_with("shell_trap."), "labels that begin with shell_trap. belong to the agent");
            member(body, "/Labels", name, json!(text))
        }
        "volume" | "v" => push(body, &host("Binds"), json!(value)),
        "cap-add" => push(body, &host("CapAdd"), json!(value)),
        "cap-drop" => push(body, &host("CapDrop"), json!(value)),
        "security-opt" => push(body, &host("SecurityOpt"), json!(value)),
        "add-host" => push(body, &host("ExtraHosts"), json!(value)),
        "dns" => push(body, &host("Dns"), json!(value)),
        "dns-search" => push(body, &host("DnsSearch"), json!(value)),
        "dns-option" | "dns-opt" => push(body, &host("DnsOptions"), json!(value)),
        "group-add" => push(body, &host("GroupAdd"), json!(value)),
        "volumes-from" => push(body, &host("VolumesFrom"), json!(value)),
        "device" => push(body, &host("Devices"), device(value)?),
        "ulimit" => push(body, &host("Ulimits"), ulimit(value)?),
        "tmpfs" => {
            let (path, options) = value.split_once(':').unwrap_or((value, ""));
            member(body, &host("Tmpfs"), path, json!(options))
        }
        "sysctl" => pair(body, &host("Sysctls"), value),
        "storage-opt" => pair(body, &host("StorageOpt"), value),
        "log-opt" => pair(body, &host("LogConfig/Config"), value),
        "log-driver" => set(body, &host("LogConfig/Type"), json!(value)),
        "network" | "net" => set(body, &host("NetworkMode"), json!(value)),
        "ipc" => set(body, &host("IpcMode"), json!(value)),
        "pid" => set(body, &host("PidMode"), json!(value)),
        "uts" => set(body, &host("UTSMode"), json!(value)),
        "userns" => set(body, &host("UsernsMode"), json!(value)),
        "cpuset-cpus" => set(body, &host("CpusetCpus"), json!(value)),
        "cpuset-mems" => set(body, &host("CpusetMems"), json!(value)),
        "cpu-shares" | "c" => set(body, &host("CpuShares"), integer(value)?),
        "memory" | "m" => set(body, &host("Memory"), bytes(value)?),
        "memory-swap" => set(body, &host("MemorySwap"), bytes(value)?),
        "memory-reservation" => set(body, &host("MemoryReservation"), bytes(value)?),
        "memory-swappiness" => set(body, &host("MemorySwappiness"), integer(value)?),
        "shm-size" => set(body, &host("ShmSize"), bytes(value)?),
        "pids-limit" => set(body, &host("PidsLimit"), integer(value)?),
        "oom-score-adj" => set(body, &host("OomScoreAdj"), integer(value)?),
        "oom-kill-disable" => set(body, &host("OomKillDisable"), json!(truth(value)?)),
        "blkio-weight" => set(body, &host("BlkioWeight"), integer(value)?),
        "read-only" => set(body, &host("ReadonlyRootfs"), json!(truth(value)?)),
        "privileged" => set(body, &host("Privileged"), json!(truth(value)?)),
        "rm" | "detach" | "d" | "sig-proxy" => Ok(()),
        "cpus" | "cpu-quota" | "cpu-period" => bail!("the CPU limit is the task's allocation; leave this out"),
        "restart" => bail!("the framework restarts, not Docker; leave this out"),
        "name" => bail!("the container is named by the job's uuid; leave this out"),
        "init" => bail!("a container with --init cannot be restored; leave this out"),
        "cgroup-parent" => bail!("set SHELL_TRAP_CGROUP_PARENT on the node instead"),
        "runtime" => bail!("the runtime is chosen by what the node offers; leave this out"),
        _ => bail!("this option is not known here; docs/shell-trap.md lists those that are"),
    }
}

/// A variable that speaks to the agent, not to the job.
pub fn reserved(name: &str) -> bool {
    name.starts_with("SHELL_TRAP_")
}

/// Sets the value at a path of objects, which are made as needed.
pub fn set(body: &mut Value, path: &str, value: Value) -> Result<()> {
    *at(body, path)? = value;
    Ok(())
}

fn push(body: &mut Value, path: &str, value: Value) -> Result<()> {
    let place = at(body, path)?;
    if place.is_null() {
        *place = json!([]);
    }
    place.as_array_mut().context("takes no second value")?.push(value);
    Ok(())
}

fn member(body: &mut Value, path: &str, name: &str, value: Value) -> Result<()> {
    let place = at(body, path)?;
    if place.is_null() {
        *place = json!({});
    }
    place.as_object_mut().context("takes no second value")?.insert(name.to_owned(), value);
    Ok(())
}

fn pair(body: &mut Value, path: &str, value: &str) -> Result<()> {
    let (name, text) = value.split_once('=').context("is not NAME=VALUE")?;
    member(body, path, name, json!(text))
}

fn at<'a>(body: &'a mut Value, path: &str) -> Result<&'a mut Value> {
    let mut place = body;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        place =
            place.as_object_mut().context("is inside something that is no object")?.entry(name).or_insert(Value::Null);
    }
    Ok(place)
}

fn truth(value: &str) -> Result<bool> {
    match value {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => bail!("is neither true nor false"),
    }
}

fn integer(value: &str) -> Result<Value> {
    Ok(json!(value.parse::<i64>().context("is no whole number")?))
}

/// A size such as `512m`; `-1` means without limit.
fn bytes(value: &str) -> Result<Value> {
    let lower = value.to_lowercase();
    let text = lower.strip_suffix('b').unwrap_or(&lower);
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'k') => (&text[..text.len() - 1], 10),
        Some(b'm') => (&text[..text.len() - 1], 20),
        Some(b'g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: i64 = digits.parse().context("is no size such as 512m")?;
    Ok(json!(if number < 0 { number } else { number.checked_mul(1 << shift).context("is too large")? }))
}

fn device(value: &str) -> Result<Value> {
    let mut parts = value.split(':');
    let host = parts.next().unwrap_or_default();
    ensure!(host.starts_with('/'), "is not /dev/NAME[:PATH[:rwm]]");
    let container = parts.next().unwrap_or(host);
    Ok(json!({"PathOnHost": host, "PathInContainer": container, "CgroupPermissions": parts.next().unwrap_or("rwm")}))
}

fn ulimit(value: &str) -> Result<Value> {
    let (name, limits) = value.split_once('=').context("is not NAME=SOFT[:HARD]")?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    Ok(json!({"Name": name, "Soft": integer(soft)?, "Hard": integer(hard)?}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(options: &[(&str, &str)]) -> Value {
        let mut body = json!({});
        options.iter().for_each(|(key, value)| apply(&mut body, key, value).unwrap());
        body
    }

    #[test]
    fn values_arrive_as_they_are() {
        let nasty = "X=a\"; touch /P; ' $(id) \\ `w`";
        assert_eq!(applied(&[("env", nasty), ("e", "Y=2")])["Env"], json!([nasty, "Y=2"]));
    }

    #[test]
    fn options_become_fields() {
        let body = applied(&[
            ("ulimit", "nofile=10:20"),
            ("memory", "512m"),
            ("shm-size", "1GB"),
            ("cap-add", "SYS_PTRACE"),
            ("sysctl", "net.core.somaxconn=10"),
            ("log-driver", "json-file"),
            ("log-opt", "max-size=1m"),
            ("read-only", "true"),
            ("tmpfs", "/run:size=1m"),
            ("--hostname", "h"),
        ]);
        assert_eq!(
            body,
            json!({"Hostname": "h", "HostConfig": {
                "Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}], "Memory": 512 << 20, "ShmSize": 1 << 30,
                "CapAdd": ["SYS_PTRACE"], "Sysctls": {"net.core.somaxconn": "10"}, "ReadonlyRootfs": true,
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}, "Tmpfs": {"/run": "size=1m"}}})
        );
    }

    #[test]
    fn what_works_against_the_supervision_is_refused_with_its_reason() {
        for (key, value, part) in [
            ("cpus", "4", "allocation"),
            ("restart", "always", "framework"),
            ("init", "", "restored"),
            ("frobnicate", "1", "not known"),
            ("memory", "lots", "size"),
            ("memory", "9999999999g", "too large"),
            ("env", "SHELL_TRAP_RESTORE=/etc", "agent"),
            ("label", "shell_trap.job=x", "agent"),
        ] {
            let error = format!("{:#}", apply(&mut json!({}), key, value).unwrap_err());
            assert!(error.contains(part) && error.contains(key), "{key}: {error}");
        }
    }
}
