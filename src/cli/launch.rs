//! `mesos-qos launch`: registers a job with the supervisor and submits it to its framework.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Url;
use secrecy::SecretString;

use crate::api::register::AdmissionReply;
use crate::clients::chronos::ChronosClient;
use crate::clients::marathon::MarathonClient;
use crate::clients::transport::TransportOptions;
use crate::clock::Clock;
use crate::config::{FlagValue, Settings};
use crate::credentials::{FrameworkCredentials, Loaded};
use crate::launcher::{
    AgentSettings, JobSource, LaunchOptions, Launched, SupervisorApi, ask_admission, ask_app_admission, dry_run,
    dry_run_app, launch, launch_app,
};

/// The port of a supervisor that is named without one.
const DEFAULT_PORT: u16 = 30000;

/// Register a job with the supervisor, then submit it to its framework
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("framework").required(true))]
pub struct LaunchArgs {
    /// Job file: the framework's own job JSON with "qos" added
    #[arg(short = 'j', long, value_name = "FILE")]
    pub job_file: PathBuf,
    /// Chronos credentials file: {"url", "user", "password"}
    #[arg(short = 'c', long, value_name = "FILE", group = "framework")]
    pub credentials_chronos: Option<PathBuf>,
    /// Marathon credentials file: {"url", "user", "password"}
    #[arg(short = 'm', long, value_name = "FILE", group = "framework")]
    pub credentials_marathon: Option<PathBuf>,
    /// Address of the supervisor, as the job's tasks reach it too
    #[arg(short = 'i', long, alias = "rest-ip", value_name = "URL", value_parser = parse_supervisor)]
    pub supervisor: Url,
    /// File that holds the operator token
    #[arg(long, value_name = "FILE", env = "MESOS_QOS_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// PEM certificates to trust, here and (at the same path) in the job's image, or on the agents of Marathon
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// Replace a job of the same name, or an app of the same id
    #[arg(long)]
    pub replace: bool,
    /// Submit only if the supervisor does not call the deadline infeasible; otherwise nothing is registered either
    #[arg(long)]
    pub require_feasible: bool,
    /// Print the least deadline in seconds that the supervisor would not call infeasible, and change nothing
    #[arg(long, conflicts_with_all = ["dry_run", "replace", "require_feasible"])]
    pub what_deadline: bool,
    /// Chronos: seconds for which a task reports its end again while the supervisor does not answer
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub callback_window: u64,
    /// Marathon, and chained jobs of Chronos with in_place: where shell_trap lies on the agents [default: /usr/local/bin/shell_trap]
    #[arg(long, value_name = "PATH")]
    pub executor_path: Option<String>,
    /// Marathon: directory of the checkpoints, which all agents share
    #[arg(long, value_name = "PATH")]
    pub checkpoint_dir: Option<String>,
    /// Marathon: seconds between TERM and KILL, in which a task writes its checkpoint [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub task_kill_grace_period_seconds: Option<String>,
    /// Configuration file, of which the section "launcher" is used
    #[arg(long, value_name = "FILE", env = "MESOS_QOS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Print the job as it would be submitted, and touch nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl LaunchArgs {
    /// What the agents are known by. `variables` is the environment.
    ///
    /// # Errors
    /// When the settings are wrong or do not say enough.
    fn agent(&self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> anyhow::Result<AgentSettings> {
        let given = [
            ("executor_path", "--executor-path", &self.executor_path),
            ("checkpoint_dir", "--checkpoint-dir", &self.checkpoint_dir),
            (
                "task_kill_grace_period_seconds",
                "--task-kill-grace-period-seconds",
                &self.task_kill_grace_period_seconds,
            ),
        ];
        let flags = given
            .into_iter()
            .filter_map(|(key, flag, value)| Some(FlagValue { section: "launcher", key, flag, value: value.clone()? }));
        let settings = Settings::load(flags.collect(), variables, self.config.clone())?;
        Ok(AgentSettings::new(&settings.launcher)?)
    }
}

impl LaunchArgs {
    /// Where `shell_trap` lies on the nodes, when anything says so: a Chronos job seldom asks.
    ///
    /// # Errors
    /// When the settings are wrong.
    fn executor_path(&self) -> anyhow::Result<Option<String>> {
        const VARIABLE: &str = "MESOS_QOS_LAUNCHER_EXECUTOR_PATH";
        if self.executor_path.is_none() && self.config.is_none() && std::env::var_os(VARIABLE).is_none() {
            return Ok(None);
        }
        let value = self.executor_path.clone();
        let flag =
            value.map(|value| FlagValue { section: "launcher", key: "executor_path", flag: "--executor-path", value });
        let settings = Settings::load(flag.into_iter().collect(), std::env::vars_os(), self.config.clone())?;
        let path = settings.launcher.executor_path;
        Ok(Some(path.to_str().with_context(|| format!("launcher.executor_path: {path:?} should be UTF-8"))?.to_owned()))
    }
}

/// Gets the lines of standard error.
type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// Runs the command. Returns what belongs on standard output; `say` gets the lines of standard error.
///
/// # Errors
/// When the job was not launched; the text says why and what state that leaves.
pub async fn execute(args: LaunchArgs, clock: Arc<dyn Clock>, say: Say) -> anyhow::Result<String> {
    let mut options = LaunchOptions::new(clock);
    options.callback_window = Duration::from_secs(args.callback_window);
    options.task_cacert = args.cacert.as_deref().map(task_path).transpose()?;
    options.replace = args.replace;
    options.require_feasible = args.require_feasible;
    options.progress = say.clone();
    let source = JobSource::File(args.job_file.clone());
    match (&args.credentials_chronos, &args.credentials_marathon) {
        (Some(credentials), _) => on_chronos(&args, credentials, source, options, &say).await,
        (None, Some(credentials)) => on_marathon(&args, credentials, source, options, &say).await,
        (None, None) => bail!("-c or -m: one of the two names the framework"),
    }
}

async fn on_chronos(
    args: &LaunchArgs,
    credentials: &Path,
    source: JobSource,
    mut options: LaunchOptions,
    say: &Say,
) -> anyhow::Result<String> {
    if let Some(path) = args.executor_path()? {
        options.executor_path = path;
    }
    if args.dry_run {
        let (job, warnings) = dry_run(source, &args.supervisor, &options)?;
        warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
        return Ok(serde_json::to_string_pretty(&job)?);
    }
    let credentials = warned(FrameworkCredentials::read_chronos(credentials)?, say);
    let (supervisor, transport) = supervisor(args, say)?;
    if args.what_deadline {
        return least_deadline(args, &ask_admission(source, &supervisor, &options).await?, say);
    }
    let chronos = ChronosClient::new(credentials, transport)?;
    report(args, &launch(source, &chronos, &supervisor, options).await?)
}

async fn on_marathon(
    args: &LaunchArgs,
    credentials: &Path,
    source: JobSource,
    options: LaunchOptions,
    say: &Say,
) -> anyhow::Result<String> {
    // Read first: a file for something else is a more likely mistake than a missing setting.
    let credentials = warned(FrameworkCredentials::read_marathon(credentials)?, say);
    let agent = match args.agent(std::env::vars_os()) {
        // What is wrong with the file comes first: one of Chronos needs none of these settings.
        Err(error) => return Err(source.load_app().err().map_or(error, Into::into)),
        Ok(agent) => agent,
    };
    if args.dry_run {
        let (app, warnings) = dry_run_app(source, &args.supervisor, &agent, &options)?;
        warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
        say("this is the app for Marathon 1.5 and later; older ones get it without \"networks\"");
        return Ok(serde_json::to_string_pretty(&app)?);
    }
    let (supervisor, transport) = supervisor(args, say)?;
    if args.what_deadline {
        return least_deadline(args, &ask_app_admission(source, &supervisor).await?, say);
    }
    let marathon = MarathonClient::new(credentials, transport)?;
    report(args, &launch_app(source, &marathon, &supervisor, &agent, options).await?)
}

fn supervisor(args: &LaunchArgs, say: &Say) -> anyhow::Result<(SupervisorApi, TransportOptions)> {
    let token = args.token_file.as_deref().map(|path| read_token(path, &**say)).transpose()?;
    if token.is_some() && args.supervisor.scheme() == "http" && !is_loopback(&args.supervisor) {
        say("warning: the token goes over plain HTTP to another machine: use https");
    }
    let transport = TransportOptions { cacert: args.cacert.clone(), ..TransportOptions::default() };
    Ok((SupervisorApi::new(args.supervisor.clone(), token, &transport)?, transport))
}

fn report(args: &LaunchArgs, launched: &Launched) -> anyhow::Result<String> {
    if args.json {
        return Ok(serde_json::to_string(launched)?);
    }
    Ok(format!("{} {} launched: {}", launched.uuid, launched.name, launched.admission.reason))
}

/// The number alone, for scripts; the verdict on the deadline in the job file goes to standard error.
fn least_deadline(args: &LaunchArgs, answer: &AdmissionReply, say: &Say) -> anyhow::Result<String> {
    if args.json {
        return Ok(serde_json::to_string(answer)?);
    }
    let AdmissionReply { admission, least_deadline } = answer;
    let Some(least) = least_deadline else { bail!("no deadline is long enough: {}", admission.reason) };
    say(&format!("the deadline of the job file is {}: {}", admission.verdict, admission.reason));
    Ok(least.to_string())
}

fn warned(loaded: Loaded<FrameworkCredentials>, say: &Say) -> FrameworkCredentials {
    loaded.warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
    loaded.value
}

/// The path of the certificates as a task, which runs in another directory, has to name it.
fn task_path(path: &Path) -> anyhow::Result<String> {
    let path = std::path::absolute(path).with_context(|| format!("cacert {}", path.display()))?;
    path.into_os_string().into_string().map_err(|path| anyhow::anyhow!("cacert {path:?}: should be UTF-8"))
}

pub(super) fn parse_supervisor(text: &str) -> Result<Url, String> {
    const WISHED: &str = "should be a URL such as http://supervisor:30000";
    let bare = !text.contains("://");
    let full = if bare { format!("http://{text}") } else { text.to_owned() };
    let mut url = Url::parse(&full).map_err(|error| format!("{WISHED}: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(WISHED.into());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{WISHED}, without user, password, ? and #"));
    }
    // Written without a scheme it is an address of the published tools, whose port was fixed.
    if bare && url.port().is_none() && url.set_port(Some(DEFAULT_PORT)).is_err() {
        return Err(WISHED.into());
    }
    Ok(url)
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

pub(super) fn read_token(path: &Path, say: &(dyn Fn(&str) + Send + Sync)) -> anyhow::Result<SecretString> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("token file {name}"))?;
    let token = text.trim();
    if token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic()) {
        bail!("token file {name}: should hold one token on one line");
    }
    let mode = std::fs::metadata(path).with_context(|| format!("token file {name}"))?.permissions().mode();
    if mode & 0o077 != 0 {
        say(&format!("warning: {name} can be read by others (mode {:o}): chmod 600 {name}", mode & 0o777));
    }
    Ok(SecretString::from(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_may_be_named_as_for_the_published_tools() {
        assert_eq!(parse_supervisor("10.0.0.1").unwrap().as_str(), "http://10.0.0.1:30000/");
        assert_eq!(parse_supervisor("host:31000").unwrap().as_str(), "http://host:31000/");
        assert_eq!(parse_supervisor("https://host").unwrap().as_str(), "https://host/");
        for wrong in ["", "ftp://host", "http://user:pw@host", "http://host?x", "http://"] {
            assert!(parse_supervisor(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn loopback_is_recognised_by_name_and_address() {
        for (url, loopback) in [("http://localhost:1", true), ("http://[::1]:1", true), ("http://10.0.0.1", false)] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }
}
