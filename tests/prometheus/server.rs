use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::helpers::dead_port;

/// A real Prometheus with a database of its own, killed with its test.
pub struct Prometheus {
    pub url: String,
    process: Child,
    client: reqwest::Client,
    dir: tempfile::TempDir,
}

impl Prometheus {
    /// Scrapes with these `scrape_configs` (YAML list items) once in a quarter of a second.
    pub async fn start(scrape_configs: &str) -> Self {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build().unwrap();
        Self::start_with(scrape_configs, None, client).await
    }

    /// With TLS and users: `web_config` is the file that says so. `client` must be let in.
    pub async fn start_with(scrape_configs: &str, web_config: Option<&Path>, client: reqwest::Client) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config =
            format!("global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}\nscrape_configs:\n{scrape_configs}\n");
        std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        // Somebody else may take the port before Prometheus does.
        for _ in 0..5 {
            let (mut process, url) = spawn(dir.path(), web_config, dead_port());
            let patience = Instant::now() + Duration::from_secs(60);
            while process.try_wait().unwrap().is_none() {
                let ready = client.get(format!("{url}/-/ready")).send().await;
                if ready.is_ok_and(|response| response.status() != 503) {
                    return Prometheus { url, process, client, dir };
                }
                assert!(Instant::now() < patience, "Prometheus is not ready: {}", said(dir.path()));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        panic!("Prometheus ends at once: {}", said(dir.path()));
    }

    /// The vector that answers `query` now.
    pub async fn query(&self, query: &str) -> Vec<Value> {
        let request = self.client.get(format!("{}/api/v1/query", self.url)).query(&[("query", query)]);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }

    /// Waits until `query` has an answer, and gives it.
    pub async fn wait_for(&self, query: &str) -> Vec<Value> {
        let patience = Instant::now() + Duration::from_secs(30);
        loop {
            let found = self.query(query).await;
            if !found.is_empty() {
                return found;
            }
            assert!(Instant::now() < patience, "no answer to {query}: {}", said(self.dir.path()));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Its process.
    pub fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.process.id().cast_signed())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(dir: &Path, web_config: Option<&Path>, port: u16) -> (Child, String) {
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("tsdb").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(web_config.map(|file| format!("--web.config.file={}", file.display())))
        .stdout(Stdio::null())
        .stderr(File::create(dir.join("stderr")).unwrap());
    let process = command.spawn().unwrap_or_else(|error| panic!("prometheus is needed (Debian package): {error}"));
    let scheme = if web_config.is_some() { "https" } else { "http" };
    (process, format!("{scheme}://127.0.0.1:{port}"))
}

fn said(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("stderr")).unwrap_or_default()
}

/// What `promtool check metrics` has to say about `text`; empty when nothing.
pub fn complaints(text: &str) -> String {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool is needed (Debian package prometheus): {error}"));
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.success() { said.into_owned() } else { format!("{}: {said}", output.status) }
}
