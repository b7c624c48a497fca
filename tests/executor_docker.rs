//! Containers of a real daemon under real limits. Needs root; a private daemon is started, installed when missing.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests; figures are printed for the reader"
)]

#[path = "support/docker.rs"]
mod docker;
#[path = "support/rate.rs"]
mod rate;

use std::path::Path;
use std::time::{Duration, Instant};

use docker::Daemon;
use mesos_qos::demo::calibrate::{Calibration, Settings};
use mesos_qos::local::executor::docker::image::{PROGRAM_IN_IMAGE, build_demo_image};
use mesos_qos::local::executor::docker::{DockerExecutor, DockerOptions};
use mesos_qos::local::executor::{ContainerSpec, Executor, Exit, TaskSpec};
use mesos_qos::qos::units::Cpus;
use rate::{FACTOR, assert_rate};

const BUSY: &str = "while :; do :; done";
const IMAGE: &str = "mesos-qos-test:latest";

impl Daemon {
    async fn executor(&self) -> DockerExecutor {
        let options = DockerOptions {
            cpu_factor: FACTOR,
            state_dir: self.path().join("state"),
            host: Some(self.host.clone()),
            image: Some(IMAGE.into()),
            env: vec![("COMMON".into(), "to all".into())],
        };
        DockerExecutor::connect(options).await.unwrap()
    }

    fn spec(&self, id: &str, script: &str, cpus: f64) -> TaskSpec {
        TaskSpec {
            id: id.into(),
            argv: ["/bin/sh", "-c", script].map(String::from).to_vec(),
            env: Vec::new(),
            cpus: Cpus::try_from_f64(cpus).unwrap(),
            node: None,
            memory_mib: 64.0,
            // Colons and commas as in the names of Chronos tasks and their directories.
            sandbox: self.path().join("box:,es").join(id),
            container: None,
        }
    }
}

fn read(spec: &TaskSpec, name: &str) -> String {
    std::fs::read_to_string(spec.sandbox.join(name)).unwrap()
}

fn cgroups_left() -> Vec<String> {
    let mut found = Vec::new();
    for hierarchy in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        for group in std::fs::read_dir(hierarchy.path()).into_iter().flatten().flatten() {
            let name = group.file_name().to_string_lossy().into_owned();
            if name.contains("docker-test") {
                found.push(group.path().display().to_string());
            }
        }
    }
    found
}

/// One daemon for all of it: starting and stopping one takes seconds.
#[tokio::test]
async fn containers_run_under_the_same_contract_as_processes() {
    let daemon = Daemon::start();
    let program = Path::new(env!("CARGO_BIN_EXE_mesos-qos"));
    build_demo_image(Some(&daemon.host), IMAGE, program, daemon.path()).await.unwrap();
    let image = daemon.docker(&["image", "inspect", "--format", "{{.Id}}", IMAGE]);
    build_demo_image(Some(&daemon.host), IMAGE, program, daemon.path()).await.unwrap();
    assert_eq!(daemon.docker(&["image", "inspect", "--format", "{{.Id}}", IMAGE]), image, "the same image is kept");
    assert!(DockerExecutor::detect(Some(&daemon.host)).await);
    assert!(!DockerExecutor::detect(Some("unix:///no/such/socket")).await);

    let executor = daemon.executor().await;
    limits_hold(&daemon, &executor).await;
    environment_output_and_exit_code(&daemon, &executor).await;
    the_workload_and_curl_run_inside(&daemon, &executor).await;
    a_refused_container_is_an_error(&daemon, &executor).await;
    a_kill_escalates(&daemon, &executor).await;
    assert_eq!(daemon.docker(&["ps", "-aq"]), "", "ended containers are removed");
    assert_eq!(cgroups_left(), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(daemon.path().join("state")).unwrap().count(), 1, "the lock alone is left");
    what_a_crash_left_is_swept(&daemon, executor).await;
}

async fn limits_hold(daemon: &Daemon, executor: &DockerExecutor) {
    let task = executor.launch(daemon.spec("docker-test-busy", &format!("({BUSY}) & {BUSY}"), 0.5)).await.unwrap();
    assert_rate(&task, 0.5, "docker").await;
    task.resize(Cpus::from_milli(1700)).await.unwrap();
    assert_rate(&task, 1.7, "docker after resize").await;
    let before = task.usage();
    executor.shutdown(Duration::ZERO).await;
    assert_eq!(task.wait().await, Exit::Signal(9));
    assert!(task.usage().total() >= before.total());
    task.resize(Cpus::from_milli(500)).await.unwrap();
}

async fn environment_output_and_exit_code(daemon: &Daemon, executor: &DockerExecutor) {
    let script = r#"printf '%s|' "$SECRET" "$LINES2" "$COMMON" "$EXTRA" "$MESOS_QOS_CPU_FACTOR" "$MESOS_SANDBOX"
        cat /data/in; echo trouble >&2; echo made > /mnt/mesos/sandbox/made; hostname; exit 7"#;
    let mut spec = daemon.spec("docker-test:ct:1:0:odd name:", script, 1.0);
    spec.env = vec![("SECRET".into(), "it's \"so\" $(x)".into()), ("LINES2".into(), "two\nlines".into())];
    let data = daemon.path().join("da,ta");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("in"), "volume|").unwrap();
    spec.container = Some(ContainerSpec {
        image: IMAGE.into(),
        network: Some("none".into()),
        volumes: vec![(data.display().to_string(), "/data".into(), true)],
        parameters: vec![("hostname".into(), "given".into()), ("env".into(), "EXTRA=a parameter".into())],
    });
    let task = executor.launch(spec.clone()).await.unwrap();
    let exits = tokio::join!(task.wait(), task.wait());
    assert_eq!((exits.0, exits.1, task.wait().await), (Exit::Code(7), Exit::Code(7), Exit::Code(7)));
    let expected = "it's \"so\" $(x)|two\nlines|to all|a parameter|0.17|/mnt/mesos/sandbox|volume|given\n";
    assert_eq!((read(&spec, "stdout").as_str(), read(&spec, "stderr").as_str()), (expected, "trouble\n"));
    assert_eq!(read(&spec, "made"), "made\n");
    assert!(task.usage().total() > Duration::ZERO, "CPU time stays readable after the container's end");
}

async fn the_workload_and_curl_run_inside(daemon: &Daemon, executor: &DockerExecutor) {
    let calibration = Calibration { seconds_per_factorisation: 0.01, matrix_order: 32, measured_under: 1 };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/report", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let script = format!(
        "{PROGRAM_IN_IMAGE} workload lu 3500 --calibration /mnt/mesos/sandbox/calibration.json && curl -sS --fail {url}"
    );
    let spec = daemon.spec("docker-test-lu", &script, 2.0);
    std::fs::create_dir_all(&spec.sandbox).unwrap();
    Settings { speed: 120.0, calibration }.write(&spec.sandbox.join("calibration.json")).unwrap();
    let exit = executor.launch(spec.clone()).await.unwrap().wait().await;
    let (stdout, stderr) = (read(&spec, "stdout"), read(&spec, "stderr"));
    assert_eq!(exit, Exit::Code(0), "{stdout}{stderr}");
    assert!(stdout.starts_with("lu order=3500 ") && stdout.ends_with("ok"), "{stdout}");
    assert!(server.join().unwrap().starts_with("GET /report"));
}

async fn a_refused_container_is_an_error(daemon: &Daemon, executor: &DockerExecutor) {
    let mut spec = daemon.spec("docker-test-refused", "true", 1.0);
    spec.argv = vec!["/no/such/program".into()];
    let error = executor.launch(spec.clone()).await.err().unwrap().to_string();
    assert!(error.contains("/no/such/program"), "{error}");
    spec.container = Some(ContainerSpec { parameters: vec![("cpus".into(), "9".into())], ..ContainerSpec::default() });
    let error = executor.launch(spec).await.err().unwrap().to_string();
    assert!(error.contains("\"cpus\""), "{error}");
}

async fn a_kill_escalates(daemon: &Daemon, executor: &DockerExecutor) {
    let spec = daemon.spec("docker-test-stubborn", &format!("trap '' TERM; echo up; {BUSY}"), 0.3);
    let task = executor.launch(spec.clone()).await.unwrap();
    while read(&spec, "stdout").is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let start = Instant::now();
    task.kill(Duration::from_millis(700)).await;
    assert!(start.elapsed() >= Duration::from_millis(700), "TERM was ignored, so the grace had to pass");
    assert_eq!(task.wait().await, Exit::Signal(9));

    let polite = daemon.spec("docker-test-polite", "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done", 1.0);
    let task = executor.launch(polite.clone()).await.unwrap();
    while read(&polite, "stdout").is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    task.kill(Duration::from_secs(30)).await;
    assert_eq!(task.wait().await, Exit::Code(5));
}

async fn what_a_crash_left_is_swept(daemon: &Daemon, executor: DockerExecutor) {
    // As a crash leaves it: a container with our label that no executor follows, found by the next start.
    let label = executor.label().to_owned();
    drop(executor);
    let id = daemon.docker(&["run", "-d", "--label", &label, "--network", "none", IMAGE, "sleep", "600"]);
    assert_eq!(id.len(), 64, "{id}");
    let other = daemon.docker(&["run", "-d", "--network", "none", IMAGE, "sleep", "600"]);
    let executor = daemon.executor().await;
    assert_eq!(executor.swept(), 1);
    assert_eq!(daemon.docker(&["ps", "-aq", "--no-trunc"]), other, "a container of somebody else is left alone");
    daemon.docker(&["rm", "-f", &other]);
}
