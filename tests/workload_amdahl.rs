//! The workload under real limits does the published work, and takes the published time at one and two CPUs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests; figures are printed for the reader"
)]

use std::path::Path;
use std::time::Instant;

use mesos_qos::demo::calibrate::{Calibration, Settings};
use mesos_qos::demo::scaling::{THREADS_PER_JOB, cpu_factor};
use mesos_qos::local::executor::process::limiter::LimiterChoice;
use mesos_qos::local::executor::process::{ProcessExecutor, ProcessOptions};
use mesos_qos::local::executor::{Executor, Exit, TaskSpec};
use mesos_qos::qos::units::Cpus;
use mesos_qos::workload::published::Times;

const SPEED: f64 = 120.0;
const PROGRAM: &str = env!("CARGO_BIN_EXE_mesos-qos");

struct Bench {
    directory: tempfile::TempDir,
    executor: ProcessExecutor,
    factor: f64,
}

struct Outcome {
    exit: Exit,
    wall: f64,
    virtual_seconds: f64,
    output: String,
}

impl Bench {
    fn new(limiter: LimiterChoice) -> Self {
        let cores = std::thread::available_parallelism().unwrap().get();
        let factor = cpu_factor(cores, 5.0 * cores as f64);
        let directory = tempfile::tempdir().unwrap();
        let options =
            ProcessOptions { cpu_factor: factor, state_dir: directory.path().join("state"), limiter, env: Vec::new() };
        Bench { executor: ProcessExecutor::new(options).unwrap(), directory, factor }
    }

    /// Measures anew, under the load that the iteration itself makes: the machine's own speed is not the same at all
    /// times, nor the same for one busy core and for two.
    fn calibrate(&self, threads: usize) -> f64 {
        let status = std::process::Command::new(PROGRAM)
            .args(["workload", "calibrate", "--duration", "700ms", "--output"])
            .arg(self.file())
            .args(["--speed", &SPEED.to_string(), "--rate", &self.factor.to_string()])
            .args(["--threads", &threads.to_string()])
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        Settings::read(&self.file()).unwrap().calibration.seconds_per_factorisation
    }

    /// An iteration, right after a calibration. The speed of a shared machine changes between the two all the same.
    async fn run_calibrated(&self, order: u32, cpus: f64) -> Outcome {
        self.calibrate((cpus.ceil() as usize).min(THREADS_PER_JOB));
        self.run(&uuid::Uuid::new_v4().to_string(), &[&order.to_string()], cpus).await
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("calibration.json")
    }

    async fn run(&self, id: &str, arguments: &[&str], cpus: f64) -> Outcome {
        let sandbox = self.directory.path().join(id);
        let mut argv = vec![PROGRAM.to_owned(), "workload".into(), "lu".into()];
        argv.extend(arguments.iter().map(|a| (*a).to_owned()));
        argv.extend(["--calibration".into(), self.file().display().to_string()]);
        let spec = TaskSpec {
            id: id.into(),
            argv,
            env: vec![("MESOS_TASK_ID".into(), id.into())],
            cpus: Cpus::try_from_f64(cpus).unwrap(),
            node: None,
            memory_mib: 64.0,
            sandbox: sandbox.clone(),
            container: None,
        };
        let start = Instant::now();
        let task = self.executor.launch(spec).await.unwrap();
        let exit = task.wait().await;
        let wall = start.elapsed().as_secs_f64();
        let output = read(&sandbox, "stdout") + &read(&sandbox, "stderr");
        Outcome { exit, wall, virtual_seconds: task.usage().total().as_secs_f64() / self.factor, output }
    }
}

fn read(sandbox: &Path, name: &str) -> String {
    std::fs::read_to_string(sandbox.join(name)).unwrap()
}

/// The number after `name=` in the workload's line.
fn number(line: &str, name: &str) -> f64 {
    let value = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name} in {line:?}")).parse().unwrap()
}

/// An iteration is a fixed count of operations, worth the published CPU time at the speed that the calibration found; and the kernel
/// counts for it what the program counts. How long the operations take is printed and not judged: a shared machine's own speed changes by
/// more than the five per cent that the work may be off.
async fn published_work_is_done(limiter: LimiterChoice, orders: &[u32]) {
    let bench = Bench::new(limiter);
    for &order in orders {
        let times = Times::of_order(order);
        for cpus in [1.0, 2.0] {
            let outcome = bench.run_calibrated(order, cpus).await;
            assert_eq!(outcome.exit, Exit::Code(0), "{}", outcome.output);
            assert!(number(&outcome.output, "residual") < 16.0);
            let (published, model) = (times.one_cpu / SPEED, times.at(cpus) / SPEED);
            let each = Settings::read(&bench.file()).unwrap().calibration.seconds_per_factorisation;
            let work = number(&outcome.output, "factorisations") * each / bench.factor;
            println!(
                "{} order {order} at {cpus}: work {work:.3}, published {published:.3} virtual CPU-s; took {:.3} virtual CPU-s ({:+.1} %), wall {:.3} s, model {model:.3} s ({:+.1} %)",
                bench.executor.describe(),
                outcome.virtual_seconds,
                (outcome.virtual_seconds / published - 1.0) * 100.0,
                outcome.wall,
                (outcome.wall / model - 1.0) * 100.0,
            );
            assert!((work / published - 1.0).abs() < 0.05, "order {order} at {cpus} CPUs: {work} of {published}");
            let own = number(&outcome.output, "virtual_cpu_s");
            // Beside the program's own count the kernel has the start of the process.
            let kernel = outcome.virtual_seconds;
            assert!((own / kernel - 1.0).abs() < 0.05, "the program counts {own}, the kernel {kernel}");
        }
    }
}

#[tokio::test]
async fn both_published_columns_are_reproduced() {
    published_work_is_done(LimiterChoice::Auto, &[3500, 4000, 6000]).await;
    published_work_is_done(LimiterChoice::DutyCycle, &[4000]).await;
}

#[tokio::test]
async fn an_order_that_varies_is_one_of_two_and_the_same_for_the_same_task() {
    let bench = Bench::new(LimiterChoice::Auto);
    let calibration = Calibration { seconds_per_factorisation: 1.0, matrix_order: 8, measured_under: 1 };
    Settings { speed: SPEED, calibration }.write(&bench.file()).unwrap();
    let mut orders = Vec::new();
    for task in 0..12 {
        let arguments = ["4000", "--vary", "250", "--seed", "7"];
        let once = bench.run(&format!("t{task}"), &arguments, 2.0).await.output;
        orders.push(number(&once, "order"));
        if task == 0 {
            std::fs::remove_dir_all(bench.directory.path().join("t0")).unwrap();
            let again = bench.run("t0", &arguments, 2.0).await.output;
            assert_eq!(number(&again, "order"), orders[0]);
        }
    }
    assert!(orders.contains(&3750.0) && orders.contains(&4250.0), "{orders:?}");
    assert!(orders.iter().all(|order| [3750.0, 4250.0].contains(order)), "{orders:?}");
}

#[tokio::test]
async fn a_calibration_that_is_not_there_is_an_error_that_names_it() {
    let bench = Bench::new(LimiterChoice::Auto);
    let outcome = bench.run("none", &["4000"], 1.0).await;
    assert_eq!(outcome.exit, Exit::Code(1));
    assert!(outcome.output.contains("calibration.json"), "{}", outcome.output);
}
