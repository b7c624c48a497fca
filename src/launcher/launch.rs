//! The order of things for a Chronos job: look, register, submit, verify; and back again when the submission fails.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::chronos_job::ChronosJobFile;
use super::error::LaunchError;
use super::findings::Finding;
use super::introduce::{Introduced, introduce};
use super::job_file::JobSource;
use super::rewrite::{Callback, rewrite};
use super::submit::{Submission, SubmitError, SubmitTiming};
use super::supervisor_api::{SupervisorApi, SupervisorError};
use super::under_agent::EXECUTOR_PATH;
use super::wrapper::WrapError;
use crate::api::register::{AdmissionReply, AdmissionView, RegisterRequest};
use crate::clients::chronos::ChronosClient;
use crate::clock::Clock;
use crate::qos::ids::{Framework, JobId};

/// Stands for the token in what a dry run prints.
pub const TOKEN_PLACEHOLDER: &str = "<callback-token>";

/// How a job is launched.
#[derive(Clone)]
pub struct LaunchOptions {
    /// Tells past starts from future ones.
    pub clock: Arc<dyn Clock>,
    /// For how long a task reports its end again and again.
    pub callback_window: Duration,
    /// A PEM file in the job's image that the supervisor's certificate is checked against.
    pub task_cacert: Option<String>,
    /// Where `shell_trap` lies on the nodes, for jobs that are to run under it.
    pub executor_path: String,
    /// Replace a job of the same name.
    pub replace: bool,
    /// Submit only when the supervisor does not call the deadline infeasible.
    pub require_feasible: bool,
    /// How patient the submission is.
    pub timing: SubmitTiming,
    /// Gets a sentence at each step.
    pub progress: Arc<dyn Fn(&str) + Send + Sync>,
}

impl LaunchOptions {
    /// The defaults, silent.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        LaunchOptions {
            clock,
            callback_window: Duration::from_secs(600),
            task_cacert: None,
            executor_path: EXECUTOR_PATH.to_owned(),
            replace: false,
            require_feasible: false,
            timing: SubmitTiming::default(),
            progress: Arc::new(|_| {}),
        }
    }
}

/// A job that is registered and submitted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Launched {
    /// The job's identity.
    pub uuid: JobId,
    /// The framework that runs it.
    pub framework: Framework,
    /// Its name there.
    pub name: String,
    /// Whether the deadline can be kept.
    pub admission: AdmissionView,
    /// Always true: a job that was not submitted is an error.
    pub submitted: bool,
    /// What the job's author should know.
    #[serde(skip)]
    pub warnings: Vec<Finding>,
}

/// The job as it would be submitted, with [`TOKEN_PLACEHOLDER`]; asks nobody and changes nothing.
///
/// # Errors
/// When the job file or its command cannot be used.
pub fn dry_run(
    source: JobSource,
    supervisor: &reqwest::Url,
    options: &LaunchOptions,
) -> Result<(Value, Vec<Finding>), LaunchError> {
    let file = source.load(options.clock.now())?;
    let job = rewritten(&file, JobId::random(), supervisor, Some(TOKEN_PLACEHOLDER), options)?;
    Ok((job, file.warnings))
}

/// What the supervisor says of the job's deadline, and which one could be kept. Nothing is registered, and nothing submitted.
///
/// # Errors
/// When the job file cannot be used, or the supervisor does not answer the question.
pub async fn ask_admission(
    source: JobSource,
    supervisor: &SupervisorApi,
    options: &LaunchOptions,
) -> Result<AdmissionReply, LaunchError> {
    let file = source.load(options.clock.now())?;
    file.warnings.iter().for_each(|warning| (options.progress)(&format!("warning: {warning}")));
    let request = registration(&file, JobId::random(), options);
    supervisor.admission(&request).await.map_err(LaunchError::Admission)
}

/// Registers the job, then submits it, then makes sure that it is there.
///
/// # Errors
/// When any step fails; a registration whose job is not there is withdrawn.
pub async fn launch(
    source: JobSource,
    chronos: &ChronosClient,
    supervisor: &SupervisorApi,
    options: LaunchOptions,
) -> Result<Launched, LaunchError> {
    let file = source.load(options.clock.now())?;
    let say = &options.progress;
    file.warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
    let uuid = JobId::random();
    // A command that cannot be wrapped is found before anything is changed.
    rewritten(&file, uuid, supervisor.url(), Some(TOKEN_PLACEHOLDER), &options)?;
    if chronos.find(&file.name).await.map_err(LaunchError::Chronos)?.is_some() {
        if !options.replace {
            return Err(LaunchError::NameTaken(file.name));
        }
        say(&format!("replacing the job {:?}", file.name));
    }

    let Introduced { admission, token } = introduce(supervisor, &registration(&file, uuid, &options), &options).await?;
    let job = rewritten(&file, uuid, supervisor.url(), token.as_deref(), &options)?;
    let submission = Submission { chronos, name: &file.name, uuid, job: &job, timing: options.timing };
    if let Err(error) = submission.run().await {
        take_back(supervisor, &submission, error).await?;
    }
    say(&format!("submitted {:?} to Chronos", file.name));
    let ChronosJobFile { name, warnings, .. } = file;
    Ok(Launched { uuid, framework: Framework::Chronos, name, admission, submitted: true, warnings })
}

/// After a failed submission: withdraws the registration. `Ok` when the job turns out to be there after all.
async fn take_back(
    supervisor: &SupervisorApi,
    submission: &Submission<'_>,
    error: SubmitError,
) -> Result<(), LaunchError> {
    let uuid = submission.uuid;
    if let SubmitError::Invisible(_) = error {
        return Err(LaunchError::Unconfirmed { cause: error, uuid });
    }
    let withdrawal = supervisor.withdraw(uuid, &error.to_string()).await.err();
    let there = matches!(submission.chronos.find(submission.name).await, Ok(Some(job)) if job.carries(uuid));
    match &withdrawal {
        // The supervisor has started it in the meantime, so it is there.
        Some(SupervisorError::Refused { status: 409, .. }) if there => return Ok(()),
        // It showed up late. Nobody supervises it now, and it carries our identity: it is ours to remove.
        None if there => drop(submission.chronos.delete(submission.name).await),
        _ => {}
    }
    Err(LaunchError::Submission { cause: Box::new(error), withdrawal })
}

fn rewritten(
    file: &ChronosJobFile,
    uuid: JobId,
    url: &reqwest::Url,
    token: Option<&str>,
    options: &LaunchOptions,
) -> Result<Value, WrapError> {
    let cacert = options.task_cacert.as_deref();
    rewrite(
        file,
        &Callback { uuid, url, token, window: options.callback_window, cacert, executor: &options.executor_path },
    )
}

fn registration(file: &ChronosJobFile, uuid: JobId, options: &LaunchOptions) -> RegisterRequest {
    RegisterRequest {
        uuid,
        name: file.name.clone(),
        framework: Framework::Chronos,
        job_duration: file.qos.duration.seconds(),
        deadline: file.qos.deadline.seconds(),
        desv_deadline: file.qos.desv_deadline,
        iterations: Some(file.iterations),
        cpus: Some(file.cpus.as_f64()),
        policy: file.qos.policy.clone(),
        dry_run: file.qos.dry_run,
        chain: Some(true).filter(|_| file.qos.chain),
        max_failures: file.qos.max_failures,
        arguments_version: Some(1),
        start_at: file.start_at.map(|at| at.epoch_seconds()),
        callback_window: Some(options.callback_window.as_secs() as f64),
    }
}
