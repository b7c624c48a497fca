//! What a Mesos master and its agents measure, read over HTTP. They are asked without credentials, as Mesos is delivered.

use reqwest::header::{ACCEPT, LOCATION};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::qos::units::Cpus;

use super::transport::{BodyError, SetupError, TransportOptions, build_client, innermost, read_body};

/// A list of many thousand agents fits.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// A master that does not lead points at the one that does; that one may just have changed.
const REDIRECTS: usize = 3;

/// A question to Mesos that was not answered.
#[derive(Debug, thiserror::Error)]
pub enum MesosError {
    /// The client cannot be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// No answer, or none that is usable.
    #[error("GET {url}: {reason}")]
    Get {
        /// What was asked, without a password.
        url: String,
        /// What was wrong.
        reason: String,
    },
}

/// A client of one Mesos cluster.
#[derive(Debug)]
pub struct MesosClient {
    http: Client,
    master: Url,
}

/// An agent, as the master knows it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MesosAgent {
    /// Its id, which its tasks name.
    pub id: String,
    /// `slave(1)@10.0.0.1:5051`.
    pid: String,
    /// All that it has.
    resources: Resources,
    /// What tasks have reserved.
    used_resources: Resources,
    /// It is connected.
    #[serde(default = "connected")]
    active: bool,
}

const fn connected() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Resources {
    #[serde(default)]
    cpus: f64,
}

impl MesosAgent {
    /// Where it answers; none when its `pid` is not of the documented form.
    pub fn url(&self) -> Option<Url> {
        let (_, address) = self.pid.split_once('@')?;
        Url::parse(&format!("http://{address}/")).ok()
    }

    /// All CPUs that it offers; none when it is not connected, or says what no machine has.
    pub fn cpus(&self) -> Option<Cpus> {
        Cpus::try_from_f64(self.resources.cpus).ok().filter(|_| self.active)
    }

    /// CPUs that no task has reserved, never below 0.
    pub fn free_cpus(&self) -> f64 {
        (self.resources.cpus - self.used_resources.cpus).max(0.0)
    }
}

/// What an agent measured of one executor.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ExecutorStatistics {
    /// The id of the task, for one with a command.
    pub executor_id: String,
    /// The same, for one with a command.
    #[serde(default)]
    pub source: String,
    /// Absent or without CPU times when the agent has trouble to measure.
    #[serde(default)]
    pub statistics: Option<CpuStatistics>,
}

/// CPU time since the task's start.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct CpuStatistics {
    /// In user mode, seconds.
    #[serde(default)]
    pub cpus_user_time_secs: Option<f64>,
    /// In the kernel, seconds.
    #[serde(default)]
    pub cpus_system_time_secs: Option<f64>,
}

impl CpuStatistics {
    /// Both together, seconds; none when either is missing.
    pub fn cpu_seconds(self) -> Option<f64> {
        Some(self.cpus_user_time_secs? + self.cpus_system_time_secs?)
    }
}

#[derive(Deserialize)]
struct Slaves {
    slaves: Vec<MesosAgent>,
}

impl MesosClient {
    /// A client that has not yet spoken to anybody.
    ///
    /// # Errors
    /// When `options` cannot be met.
    pub fn new(master: Url, options: &TransportOptions) -> Result<Self, MesosError> {
        Ok(MesosClient { http: build_client(options)?, master })
    }

    /// Every agent.
    ///
    /// # Errors
    /// When neither the master nor the one it points at gives a usable answer.
    pub async fn agents(&self) -> Result<Vec<MesosAgent>, MesosError> {
        let mut url = at(&self.master, "slaves");
        for _ in 0..REDIRECTS {
            match self.get::<Slaves>(&url).await? {
                Got::Document(list) => return Ok(list.slaves),
                Got::ElsewhereAt(other) => url = other,
            }
        }
        Err(MesosError::Get { url: shown(&url), reason: "the masters point at each other".into() })
    }

    /// What the agent at `agent` measures of all its executors.
    ///
    /// # Errors
    /// When it gives no usable answer.
    pub async fn statistics(&self, agent: &Url) -> Result<Vec<ExecutorStatistics>, MesosError> {
        let url = at(agent, "monitor/statistics");
        match self.get(&url).await? {
            Got::Document(list) => Ok(list),
            Got::ElsewhereAt(other) => {
                let reason = format!("an agent does not point elsewhere, to {}", shown(&other));
                Err(MesosError::Get { url: shown(&url), reason })
            }
        }
    }

    async fn get<T: DeserializeOwned>(&self, url: &Url) -> Result<Got<T>, MesosError> {
        let bad = |reason: String| MesosError::Get { url: shown(url), reason };
        let request = self.http.get(url.clone()).header(ACCEPT, "application/json");
        let response = request.send().await.map_err(|error| bad(innermost(&error.without_url())))?;
        let status = response.status();
        if status == StatusCode::TEMPORARY_REDIRECT {
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let other = location.and_then(|location| url.join(location).ok());
            return other.map(Got::ElsewhereAt).ok_or_else(|| bad("points elsewhere, but not where".into()));
        }
        if !status.is_success() {
            return Err(bad(format!("status {}", status.as_u16())));
        }
        let body = read_body(response, BODY_LIMIT).await.map_err(|error| match error {
            BodyError::TooLarge => bad(format!("more than {} MiB", BODY_LIMIT / (1024 * 1024))),
            BodyError::Transport(error) => bad(innermost(&error.without_url())),
        })?;
        let mut json = serde_json::Deserializer::from_slice(&body);
        let document = serde_path_to_error::deserialize(&mut json);
        document.map(Got::Document).map_err(|error| bad(format!("{}: {}", error.path(), error.inner())))
    }
}

enum Got<T> {
    Document(T),
    ElsewhereAt(Url),
}

/// For messages.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // A URL with a host, as all are here, can be without either.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.into()
}

/// `path` below `base`.
fn at(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_found_by_its_pid_and_never_has_less_than_nothing_free() {
        let agent: MesosAgent = serde_json::from_str(
            r#"{"id": "S0", "hostname": "node1", "port": 5051, "pid": "slave(1)@10.0.0.1:5051",
                "resources": {"cpus": 2.0}, "used_resources": {"cpus": 2.1}}"#,
        )
        .unwrap();
        assert_eq!((agent.url().unwrap().as_str(), agent.free_cpus()), ("http://10.0.0.1:5051/", 0.0));
    }

    #[test]
    fn half_a_measurement_is_none() {
        let list: Vec<ExecutorStatistics> = serde_json::from_str(
            r#"[{"executor_id": "a", "statistics": {"cpus_user_time_secs": 1.5, "cpus_system_time_secs": 0.25}},
                {"executor_id": "b", "source": "b", "statistics": {"cpus_user_time_secs": 1.5}},
                {"executor_id": "c", "source": "c"}]"#,
        )
        .unwrap();
        let seconds: Vec<_> = list.iter().map(|one| one.statistics.and_then(CpuStatistics::cpu_seconds)).collect();
        assert_eq!(seconds, [Some(1.75), None, None]);
    }

    #[test]
    fn a_password_in_the_url_is_in_no_message() {
        let url = "http://reader:hunter2@host:5050/slaves".parse().unwrap();
        assert_eq!(shown(&url), "http://host:5050/slaves");
    }

    #[test]
    fn a_path_below_a_master_behind_a_proxy_keeps_the_proxys_own() {
        let base: Url = "http://host:5050/mesos/".parse().unwrap();
        assert_eq!(at(&base, "slaves").as_str(), "http://host:5050/mesos/slaves");
    }
}
