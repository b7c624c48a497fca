//! The order of things: look, register, submit; and back again when the submission fails.

use reqwest::Url;
use serde_json::Value;

use super::agent::AgentSettings;
use super::app_file::MarathonAppFile;
use super::rewrite::{Trap, rewrite, warnings};
use super::submit::{AppSubmission, AppSubmitError};
use crate::api::register::{AdmissionReply, RegisterRequest};
use crate::clients::marathon::{Locks, MarathonClient, MarathonVersion};
use crate::launcher::error::LaunchError;
use crate::launcher::introduce::{Introduced, introduce};
use crate::launcher::job_file::JobSource;
use crate::launcher::launch::{LaunchOptions, Launched, TOKEN_PLACEHOLDER};
use crate::launcher::supervisor_api::{SupervisorApi, SupervisorError};
use crate::qos::ids::{Framework, JobId};

/// The version whose form a dry run prints, which asks nobody.
pub const DRY_RUN_VERSION: MarathonVersion = MarathonVersion::new(1, 5, 0);

/// The app as it would be submitted, with [`TOKEN_PLACEHOLDER`], and what its author should know; asks nobody and
/// changes nothing.
///
/// # Errors
/// When the app file cannot be used.
pub fn dry_run_app(
    source: JobSource,
    supervisor: &Url,
    agent: &AgentSettings,
    options: &LaunchOptions,
) -> Result<(Value, Vec<String>), LaunchError> {
    let file = source.load_app()?;
    let uuid = JobId::random();
    let app = rewritten(&file, uuid, supervisor, Some(TOKEN_PLACEHOLDER), DRY_RUN_VERSION, agent, options);
    Ok((app, all_warnings(&file, agent, DRY_RUN_VERSION)))
}

/// What the supervisor says of the app's deadline, and which one could be kept. Nothing is registered, and nothing submitted.
///
/// # Errors
/// When the app file cannot be used, or the supervisor does not answer the question.
pub async fn ask_app_admission(source: JobSource, supervisor: &SupervisorApi) -> Result<AdmissionReply, LaunchError> {
    let file = source.load_app()?;
    supervisor.admission(&registration(&file, JobId::random())).await.map_err(LaunchError::Admission)
}

/// Registers the job, then submits its app, which Marathon starts at once: its first report finds the job known.
///
/// # Errors
/// When any step fails; a registration whose app is surely not there is withdrawn, and one whose app may come stays.
pub async fn launch_app(
    source: JobSource,
    marathon: &MarathonClient,
    supervisor: &SupervisorApi,
    agent: &AgentSettings,
    options: LaunchOptions,
) -> Result<Launched, LaunchError> {
    let file = source.load_app()?;
    let say = &options.progress;
    let version = marathon.version().await.map_err(LaunchError::Marathon)?;
    all_warnings(&file, agent, version).iter().for_each(|warning| say(&format!("warning: {warning}")));
    let replaces = marathon.find(&file.id).await.map_err(LaunchError::Marathon)?.is_some();
    if replaces {
        if !options.replace {
            return Err(LaunchError::AppExists(file.id));
        }
        say(&format!("replacing the app {}", file.id));
    }
    let uuid = JobId::random();
    let Introduced { admission, token } = introduce(supervisor, &registration(&file, uuid), &options).await?;
    let app = rewritten(&file, uuid, supervisor.url(), token.as_deref(), version, agent, &options);
    let submission = AppSubmission { marathon, id: &file.id, uuid, app: &app, replaces, timing: options.timing };
    if let Err(error) = submission.run().await {
        take_back(supervisor, &submission, error).await?;
    }
    say(&format!("submitted {} to Marathon {version}", file.id));
    let MarathonAppFile { id, warnings, .. } = file;
    let (framework, name) = (Framework::Marathon, id.to_string());
    Ok(Launched { uuid, framework, name, admission, submitted: true, warnings })
}

/// After a failed submission: withdraws the registration, unless the app may come yet. `Ok` when it turns out to be there after all.
async fn take_back(
    supervisor: &SupervisorApi,
    submission: &AppSubmission<'_>,
    error: AppSubmitError,
) -> Result<(), LaunchError> {
    let uuid = submission.uuid;
    if let AppSubmitError::Unknown { .. } = error {
        // Marathon starts what it gets: without its registration nobody would supervise it, nor end it.
        return Err(LaunchError::AppUnconfirmed { cause: error, uuid });
    }
    let withdrawal = supervisor.withdraw(uuid, &error.to_string()).await.err();
    let there = submission.is_there().await;
    match &withdrawal {
        // The job has reported its start in the meantime, so it is there and supervised.
        Some(SupervisorError::Refused { status: 409, .. }) if there => return Ok(()),
        // It showed up late. Nobody supervises it now, and it carries our identity: it is ours to remove, and so is the
        // deployment that brings it up.
        None if there => drop(submission.marathon.delete(submission.id, Locks::Override).await),
        _ => {}
    }
    Err(LaunchError::AppSubmission { cause: Box::new(error), withdrawal })
}

fn all_warnings(file: &MarathonAppFile, agent: &AgentSettings, version: MarathonVersion) -> Vec<String> {
    let of_file = file.warnings.iter().map(ToString::to_string);
    of_file.chain(warnings(file, agent, version)).collect()
}

fn rewritten(
    file: &MarathonAppFile,
    uuid: JobId,
    supervisor: &Url,
    token: Option<&str>,
    version: MarathonVersion,
    agent: &AgentSettings,
    options: &LaunchOptions,
) -> Value {
    let cacert = options.task_cacert.as_deref();
    rewrite(file, &Trap { uuid, supervisor, token, cacert, agent, version })
}

fn registration(file: &MarathonAppFile, uuid: JobId) -> RegisterRequest {
    RegisterRequest {
        uuid,
        name: file.id.to_string(),
        framework: Framework::Marathon,
        job_duration: file.qos.duration.seconds(),
        deadline: file.qos.deadline.seconds(),
        desv_deadline: file.qos.desv_deadline,
        iterations: None,
        cpus: Some(file.cpus.as_f64()),
        policy: file.qos.policy.clone(),
        dry_run: file.qos.dry_run,
        chain: None,
        max_failures: file.qos.max_failures,
        arguments_version: Some(1),
        start_at: None,
        callback_window: None,
    }
}
