//! The calls about containers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::create::nano_cpus;
use super::{Answer, Docker, DockerError, QUICK, SLOW, encode};

/// A pull may move gigabytes.
const PULL: Duration = Duration::from_secs(1800);

/// The parts of an inspection that matter here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    /// 64 hex digits.
    pub id: String,
    /// The image's id.
    #[serde(default)]
    pub image: String,
    /// What it does.
    pub state: State,
    /// What it was made with.
    pub config: Created,
    #[serde(default)]
    graph_driver: GraphDriver,
    #[serde(default)]
    network_settings: NetworkSettings,
}

/// What a container does.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct State {
    /// `created`, `running`, `paused`, `exited`, `dead`, ...
    pub status: String,
    /// True while paused, too.
    pub running: bool,
    /// Frozen.
    pub paused: bool,
    /// Meaningful once it has exited.
    pub exit_code: i64,
    /// The kernel ended it for its memory.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// Of its first process, on the node; 0 when there is none.
    pub pid: i32,
    /// Why it could not be started.
    pub error: String,
}

impl State {
    /// It ran and has ended.
    pub fn has_exited(&self) -> bool {
        matches!(self.status.as_str(), "exited" | "dead")
    }
}

/// What a container was made with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Created {
    /// Also ours.
    #[serde(deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// With a terminal, standard output and error are one stream.
    pub tty: bool,
}

fn null_is_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(d).map(Option::unwrap_or_default)
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct GraphDriver {
    #[serde(deserialize_with = "null_is_default")]
    data: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    sandbox_key: String,
}

impl Container {
    /// The writable layer, where the storage driver has it as a directory.
    pub fn upper_dir(&self) -> Option<PathBuf> {
        self.graph_driver.data.get("UpperDir").and_then(Value::as_str).map(PathBuf::from)
    }

    /// The daemon's `exec-root`, told from where it keeps network namespaces: `EXECROOT/netns/...`.
    pub fn exec_root(&self) -> Option<PathBuf> {
        let key = std::path::Path::new(&self.network_settings.sandbox_key);
        let netns = key.parent().filter(|parent| parent.ends_with("netns"))?;
        netns.parent().map(PathBuf::from)
    }

    /// The segment in whose time it was made.
    pub fn segment(&self) -> Option<u64> {
        self.config.labels.get(super::create::LABEL_SEGMENT)?.parse().ok()
    }
}

impl Docker {
    /// # Errors
    /// See [`DockerError`], as all of these.
    pub async fn inspect(&self, id: &str) -> Answer<Container> {
        let value = self.get(&format!("/containers/{}/json", encode(id)), QUICK).await?;
        Container::deserialize(value).map_err(|e| DockerError::Unreachable(format!("inspecting {id}: {e}")))
    }

    /// Makes the container and gives its id.
    pub async fn create(&self, name: &str, body: &Value) -> Answer<String> {
        let value = self.post(&format!("/containers/create?name={}", encode(name)), Some(body), SLOW).await?;
        value["Id"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| DockerError::Unreachable("create answered without an id".into()))
    }

    /// Starts it, within `limit`; from a checkpoint in its own `checkpoints` directory when one is named.
    pub async fn start(&self, id: &str, checkpoint: Option<&str>, limit: Duration) -> Answer<()> {
        let query = checkpoint.map(|name| format!("?checkpoint={}", encode(name))).unwrap_or_default();
        self.post(&format!("/containers/{id}/start{query}"), None, limit).await.map(drop)
    }

    /// Changes the limit in place.
    pub async fn set_cores(&self, id: &str, cores: f64) -> Answer<()> {
        self.post(&format!("/containers/{id}/update"), Some(&json!({"NanoCpus": nano_cpus(cores)})), QUICK)
            .await
            .map(drop)
    }

    /// Freezes all its processes.
    pub async fn pause(&self, id: &str) -> Answer<()> {
        self.post(&format!("/containers/{id}/pause"), None, QUICK).await.map(drop)
    }

    /// Lets them go on.
    pub async fn unpause(&self, id: &str) -> Answer<()> {
        self.post(&format!("/containers/{id}/unpause"), None, QUICK).await.map(drop)
    }

    /// TERM, and KILL after `grace`.
    pub async fn stop(&self, id: &str, grace: Duration) -> Answer<()> {
        let path = format!("/containers/{id}/stop?t={}", grace.as_secs());
        self.post(&path, None, grace + QUICK).await.map(drop)
    }

    /// Ends and removes it; one that is gone already is fine.
    pub async fn remove(&self, id: &str) -> Answer<()> {
        match self.delete(&format!("/containers/{id}?force=1&v=1"), SLOW).await {
            Err(error) if error.is_missing() => Ok(()),
            // Somebody else's removal is under way.
            Err(DockerError::Refused { status: 409, message }) if message.contains("in progress") => Ok(()),
            other => other,
        }
    }

    /// Returns once it is not running any more, with its exit code. Has no time-out of its own.
    pub async fn wait(&self, id: &str) -> Answer<i64> {
        let forever = Duration::from_secs(u32::MAX.into());
        let value = self.post(&format!("/containers/{id}/wait"), None, forever).await?;
        value["StatusCode"].as_i64().ok_or_else(|| DockerError::Unreachable(format!("the wait for {id} was cut off")))
    }

    /// Ids of all containers with this label, whatever their state.
    pub async fn labelled(&self, label: &str) -> Answer<Vec<String>> {
        let filters = encode(&json!({"label": [label]}).to_string());
        let value = self.get(&format!("/containers/json?all=1&filters={filters}"), QUICK).await?;
        let ids = value.as_array().into_iter().flatten().filter_map(|c| c["Id"].as_str());
        Ok(ids.map(str::to_owned).collect())
    }

    /// Makes sure that the image is there. `true` when it had to be pulled.
    pub async fn need_image(&self, image: &str, always_pull: bool) -> Answer<bool> {
        if !always_pull {
            match self.get(&format!("/images/{}/json", encode(image)), QUICK).await {
                Ok(_) => return Ok(false),
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(error),
            }
        }
        // Without a tag or digest the API would pull all tags.
        let last = image.rsplit('/').next().unwrap_or(image);
        let tag = if last.contains([':', '@']) { "" } else { "&tag=latest" };
        self.post(&format!("/images/create?fromImage={}{tag}", encode(image)), None, PULL).await?;
        // A pull that fails half-way has answered 200 by then.
        self.get(&format!("/images/{}/json", encode(image)), QUICK).await.map(|_| true)
    }

    /// Dumps into `directory/name` through the daemon, the container left running. Needs an experimental daemon.
    pub async fn checkpoint(&self, id: &str, name: &str, directory: &str, limit: Duration) -> Answer<()> {
        let body = json!({"CheckpointID": name, "CheckpointDir": directory, "Exit": false});
        self.post(&format!("/containers/{id}/checkpoints"), Some(&body), limit).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inspection_is_read_with_nulls_and_without_optional_parts() {
        let value = json!({"Id": "ab", "State": {"Status": "paused", "Running": true, "Paused": true, "Pid": 7, "ExitCode": 0},
            "Config": {"Labels": null}, "GraphDriver": {"Data": null, "Name": "vfs"},
            "NetworkSettings": {"SandboxKey": "/run/docker/netns/0123"}});
        let container = Container::deserialize(value).unwrap();
        assert_eq!(container.exec_root().unwrap(), PathBuf::from("/run/docker"));
        assert_eq!((container.upper_dir(), container.segment()), (None, None));
        assert!(container.state.paused && !container.state.has_exited());
    }
}
