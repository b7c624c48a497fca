//! `mesos-qos demo`: the published experiments on this machine.

use std::fs::File;
use std::io::{IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::Context as _;
use clap::Args;
use tracing_subscriber::filter::EnvFilter;

use super::local::ExecutorKind;
use crate::config::{Choice as _, PolicyName, RescaleMode};
use crate::demo::compare::{self, Compared};
use crate::demo::interrupt::Interrupted;
use crate::demo::options::{Case, DemoOptions};
use crate::demo::result::DemoResult;
use crate::demo::runner::RunnerKind;
use crate::demo::scaling::Speed;
use crate::demo::{self, progress, table};
use crate::local::ChronosVersion;
use crate::logging::FILTER_VARIABLE;
use crate::qos::policy::UnknownPolicy;
use crate::qos::units::Cpus;

/// Run the published experiments here: a cluster, a supervisor and real, CPU-limited jobs
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Experiments to run, one after the other
    #[arg(long, default_value = "i", value_delimiter = ',', value_name = "i|ii|iii,..")]
    pub cases: Vec<Case>,
    /// Divide the published times by this
    #[arg(long, default_value = "15", value_parser = parse_speed, value_name = "N")]
    pub speed: Speed,
    /// What runs the jobs
    #[arg(long, default_value = "auto", value_name = "KIND")]
    pub executor: ExecutorKind,
    /// How jobs get their new CPU [default: the job of case III by a checkpoint where one can be made; chained processes in place]
    #[arg(long, value_parser = parse_rescale, value_name = "in-place|restart")]
    pub rescale: Option<RescaleMode>,
    /// How much CPU the job of case III gives back at once; published: 0.4, which is late where limits are hard
    #[arg(long, default_value = "0.1", value_parser = parse_cpus, value_name = "CPUS")]
    pub step_down: Cpus,
    /// Who decides about the jobs' CPU
    #[arg(long, default_value = "predictive", value_parser = parse_policy, value_name = "POLICY")]
    pub policy: PolicyName,
    /// Run the iterations of a job in one task where that is cheaper; published: each in a task of its own
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_name = "true|false")]
    pub chain: bool,
    /// Each iteration in a task of its own; the same as --chain=false
    #[arg(long, conflicts_with = "chain")]
    pub no_chain: bool,
    /// Run the cases three times, one after the other: as published, with that policy chained, and with the default one
    #[arg(long, conflicts_with_all = ["policy", "chain", "no_chain"])]
    pub compare: bool,
    /// Whose behaviour the cluster has
    #[arg(long, default_value = "3.0", value_name = "2.4|3.0")]
    pub chronos_version: ChronosVersion,
    /// Seed of the choices of nodes, delays and (case ii) matrix orders
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Fail when a feasible job is late, too
    #[arg(long)]
    pub strict: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Keep the event log, the launch journal and all other files
    #[arg(long)]
    pub keep: bool,
}

/// Runs the demo; the result goes to `out`, everything else to standard error. The exit code says whether all is well, or which
/// signal ended it.
///
/// # Errors
/// When it could not be run to its end.
pub fn run(args: &DemoArgs, mut out: impl Write) -> anyhow::Result<ExitCode> {
    let dir = tempfile::Builder::new().prefix("mesos-qos-demo-").tempdir().context("a temporary directory")?;
    log_to(&dir.path().join("demo.log"))?;
    let options = args.options();
    let mut progress = progress::choose();
    let run = async {
        if args.compare {
            compare::run(&options, dir.path(), progress.as_mut()).await.map(Outcome::Compared)
        } else {
            demo::run(&options, dir.path(), progress.as_mut()).await.map(|result| Outcome::One(Box::new(result)))
        }
    };
    let result = actix_rt::System::new().block_on(run);
    progress.close();
    if args.keep {
        progress::say(&format!("The files are kept in {}", dir.keep().display()));
    } else {
        dir.close().context("removing the temporary directory")?;
    }
    let result = match result {
        Ok(result) => result,
        Err(error) => match error.downcast_ref::<Interrupted>() {
            Some(interrupted) => {
                progress::say("interrupted; everything is stopped");
                return Ok(ExitCode::from(interrupted.exit_code));
            }
            None => return Err(error),
        },
    };
    print(args, &result, &mut out)?;
    let failures = match &result {
        Outcome::One(result) => result.failures(args.strict),
        Outcome::Compared(compared) => compare::failures(compared, args.strict),
    };
    failures.iter().for_each(|failure| progress::say(&format!("error: {failure}")));
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl DemoArgs {
    fn options(&self) -> DemoOptions {
        DemoOptions {
            cases: self.cases.clone(),
            speed: self.speed,
            runner: match self.executor {
                ExecutorKind::Auto => None,
                ExecutorKind::Process => Some(RunnerKind::Process),
                ExecutorKind::Docker => Some(RunnerKind::Docker),
            },
            rescale: self.rescale,
            step_down: self.step_down,
            policy: self.policy,
            chain: self.chain && !self.no_chain,
            chronos_version: self.chronos_version,
            seed: self.seed,
        }
    }
}

/// One run, or several side by side.
enum Outcome {
    One(Box<DemoResult>),
    Compared(Vec<Compared>),
}

fn print(args: &DemoArgs, result: &Outcome, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.json {
        let document = match result {
            Outcome::One(result) => serde_json::to_string(result)?,
            Outcome::Compared(compared) => serde_json::json!({ "compared": compared }).to_string(),
        };
        writeln!(out, "{document}")?;
    } else {
        let colour =
            std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        match result {
            Outcome::One(result) => table::write(result, colour, out)?,
            Outcome::Compared(compared) => compare::write(compared, colour, out)?,
        }
    }
    Ok(out.flush()?)
}

/// Log lines would tear the bars apart: they go to a file.
fn log_to(path: &Path) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt().with_writer(Mutex::new(file)).with_ansi(false).with_env_filter(filter);
    // Somebody else who logs in this process was first: that is as good.
    let _ = subscriber.try_init();
    Ok(())
}

fn parse_speed(text: &str) -> Result<Speed, String> {
    let factor: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    Speed::new(factor).map_err(|error| error.to_string())
}

fn parse_policy(text: &str) -> Result<PolicyName, String> {
    text.parse().map_err(|error: UnknownPolicy| error.to_string())
}

fn parse_cpus(text: &str) -> Result<Cpus, String> {
    let cpus: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    Cpus::try_from_f64(cpus).map_err(|error| error.to_string())
}

fn parse_rescale(text: &str) -> Result<RescaleMode, String> {
    RescaleMode::from_word(text).ok_or_else(RescaleMode::expected)
}
