use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::exporter::Exporter;
use crate::helpers::on_actix;
use crate::marathon_world::{VERSIONS, World, job};
use crate::server::Prometheus;

/// Some settings name files that must live as long as the supervisor.
type Setting<'a> = (&'a str, &'a str, &'a str);

async fn world(url: &str, more: &[Setting<'_>]) -> World {
    let mut settings = vec![
        ("cpu_source", "kind", "prometheus"),
        ("prometheus", "url", url),
        ("prometheus", "connect_timeout", "1"),
        ("prometheus", "request_timeout", "1"),
    ];
    settings.extend(more);
    World::start(VERSIONS[2], &settings).await
}

/// An app whose agent says that it uses a thousand CPUs; by its container it uses the one that it needs.
async fn launch(world: &World, exporter: &Exporter) -> String {
    let uuid = world.launch(job(1.0, 1000.0, 4_000_000.0)).await;
    exporter.measure(&uuid);
    uuid
}

/// Waits until `/readyz` says this of the source; gives the detail.
async fn wait_for_source(world: &World, state: &str) -> Value {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let detail = world.app.get("/readyz").await.1["detail"].clone();
        if detail["cpu_source"] == state {
            return detail;
        }
        assert!(Instant::now() < patience, "not {state}: {detail}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The samples in the log, as instant and CPU time, in microseconds.
async fn samples(world: &World, uuid: &str) -> Vec<(i64, i64)> {
    let samples = world.events(uuid, "CpuSample").await;
    samples.iter().map(|one| (one["at"].as_i64().unwrap(), one["cpu"].as_i64().unwrap())).collect()
}

#[test]
fn the_figures_of_the_container_count_with_their_own_instants_and_not_those_of_the_agent() {
    on_actix(async {
        let exporter = Exporter::start().await;
        let prometheus = Prometheus::start(&exporter.target()).await;
        let world = world(&prometheus.url, &[]).await;
        let uuid = launch(&world, &exporter).await;
        world.wait_for_events(&uuid, "CpuSample", 4).await;
        let samples = samples(&world, &uuid).await;
        for (at, cpu) in &samples {
            // One CPU: what it has used is the time until the instant of the measurement, not until that of the question. The way
            // of the question may make the instant look earlier.
            let ahead = cpu - (at - exporter.began_micros());
            assert!((-10_000..1_000_000).contains(&ahead), "{ahead} us ahead: {samples:?}");
        }
        assert!(samples.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{samples:?}");
        // By the agent's word the job would be done a thousand times over.
        assert_eq!(world.count(&uuid, "ProgressDecided").await, samples.len());
        let decided = world.events(&uuid, "ProgressDecided").await;
        assert!(decided.iter().all(|one| one["performance"] != "OVER_PERFORMANT"), "{decided:?}");
        wait_for_source(&world, "reachable").await;
        world.stop().await;
    });
}

#[test]
fn figures_that_are_late_are_no_idleness_and_nothing_is_decided_on_them() {
    on_actix(async {
        let exporter = Exporter::start().await;
        let prometheus = Prometheus::start(&exporter.target()).await;
        let world = world(&prometheus.url, &[]).await;
        let uuid = launch(&world, &exporter).await;
        world.wait_for_events(&uuid, "CpuSample", 1).await;
        exporter.set_measuring(false);
        let stopped_at = exporter.last_micros();
        let lost = world.count(&uuid, "TelemetryLost").await;
        world.wait_for_events(&uuid, "TelemetryLost", lost + 1).await;
        let last = *samples(&world, &uuid).await.last().unwrap();
        // Prometheus knows instants to the millisecond.
        assert!(last.0 <= stopped_at + 1000, "{last:?} was measured when nothing was, after {stopped_at}");
        let (rescaled, flags) = (world.count(&uuid, "Rescaled").await, world.app.job(&uuid).await["flags"].clone());
        assert!(flags.as_array().unwrap().contains(&"telemetry_lost".into()), "{flags}");
        // The same figure is there all the time: late, not absent.
        assert!(!prometheus.query("container_cpu_usage_seconds_total{cpu=\"cpu00\"}").await.is_empty());
        wait_for_source(&world, "reachable").await;
        assert_eq!(world.count(&uuid, "Rescaled").await, rescaled, "decided without figures");
        exporter.set_measuring(true);
        let so_far = world.count(&uuid, "CpuSample").await;
        world.wait_for_events(&uuid, "CpuSample", so_far + 1).await;
        world.wait_for(&uuid, |job| !job["flags"].as_array().unwrap().contains(&"telemetry_lost".into())).await;
        world.stop().await;
    });
}

#[test]
fn a_prometheus_that_hangs_is_waited_for_no_longer_than_the_time_out_and_stops_nothing() {
    on_actix(async {
        let exporter = Exporter::start().await;
        let prometheus = Prometheus::start(&exporter.target()).await;
        let world = world(&prometheus.url, &[]).await;
        let uuid = launch(&world, &exporter).await;
        world.wait_for_events(&uuid, "CpuSample", 1).await;
        kill(prometheus.pid(), Signal::SIGSTOP).unwrap();
        let detail = wait_for_source(&world, "unreachable").await;
        let error = detail["cpu_source_last_error"].as_str().unwrap();
        assert!(error.contains("/api/v1/query") && error.contains("timed out"), "{error}");
        // The supervisor goes on meanwhile.
        world.app.registered("another").await;
        world.wait_for_events(&uuid, "TelemetryLost", 1).await;
        let so_far = world.count(&uuid, "CpuSample").await;
        kill(prometheus.pid(), Signal::SIGCONT).unwrap();
        wait_for_source(&world, "reachable").await;
        world.wait_for_events(&uuid, "CpuSample", so_far + 1).await;
        world.stop().await;
    });
}

const USER: &str = "supervisor";
const PASSWORD: &str = "a password of the test";

/// Of `PASSWORD`, by bcrypt at its lowest cost.
const HASH: &str = "$2b$04$P2hzx9YCFwdJm.Uc/L30i.ULY2ULkHSFUI//L2IuE8gkDIGQCLPFy";

/// Writes a file that only its owner can read.
fn private(dir: &tempfile::TempDir, name: &str, content: &str) -> PathBuf {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = dir.path().join(name);
    let mut file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path).unwrap();
    file.write_all(content.as_bytes()).unwrap();
    path
}

#[test]
fn a_prometheus_with_tls_and_passwords_is_asked_with_the_header_and_trusted_by_its_certificate() {
    on_actix(async {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
        let certificate = private(&dir, "tls.crt", &made.cert.pem());
        let key = private(&dir, "tls.key", &made.signing_key.serialize_pem());
        let web = format!(
            "tls_server_config: {{cert_file: {}, key_file: {}}}\nbasic_auth_users: {{{USER}: {HASH}}}\n",
            certificate.display(),
            key.display()
        );
        let web = private(&dir, "web.yml", &web);
        let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([trusted]).no_proxy().build().unwrap();
        let exporter = Exporter::start().await;
        let prometheus = Prometheus::start_with(&exporter.target(), Some(&web), client).await;
        let basic = |password: &str| format!("Basic {}\n", BASE64_STANDARD.encode(format!("{USER}:{password}")));
        let wrong = private(&dir, "wrong", &basic("another one"));
        let right = private(&dir, "right", &basic(PASSWORD));
        let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
        let (certificate, wrong, right) = (text(&certificate), text(&wrong), text(&right));
        for (more, reason) in [
            (vec![("prometheus", "authorization_file", right.as_str())], "certificate"),
            (vec![("prometheus", "cacert", certificate.as_str())], "status 401"),
            (vec![("prometheus", "cacert", &certificate), ("prometheus", "authorization_file", &wrong)], "status 401"),
        ] {
            let world = world(&prometheus.url, &more).await;
            launch(&world, &exporter).await;
            let detail = wait_for_source(&world, "unreachable").await;
            let error = detail["cpu_source_last_error"].as_str().unwrap().to_lowercase();
            assert!(error.contains(reason), "{more:?}: {error}");
            world.stop().await;
        }
        let more = [("prometheus", "cacert", certificate.as_str()), ("prometheus", "authorization_file", &right)];
        let world = world(&prometheus.url, &more).await;
        let uuid = launch(&world, &exporter).await;
        world.wait_for_events(&uuid, "CpuSample", 1).await;
        world.stop().await;
    });
}
