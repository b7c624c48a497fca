//! Why a job was not launched.

use crate::api::register::AdmissionView;
use crate::clients::chronos::ChronosError;
use crate::clients::marathon::{AppId, MarathonError};
use crate::qos::ids::JobId;

use super::job_file::JobFileError;
use super::marathon::submit::AppSubmitError;
use super::submit::SubmitError;
use super::supervisor_api::SupervisorError;
use super::wrapper::WrapError;

/// A launch that failed; the sentence says what state it left behind. It tells its cause itself, so that a printed chain of errors
/// does not say it twice.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The job file.
    #[error(transparent)]
    JobFile(#[from] JobFileError),
    /// The command.
    #[error("command: {0}")]
    Command(WrapError),
    /// The framework has a job of this name.
    #[error("name: Chronos has a job {0:?} already: choose another name, or replace it with --replace")]
    NameTaken(String),
    /// Marathon has an app of this id.
    #[error("id: Marathon has an app {0} already: choose another id, or replace it with --replace")]
    AppExists(AppId),
    /// Marathon cannot be asked; nothing was changed.
    #[error("nothing was changed, because Marathon cannot be asked: {0}")]
    Marathon(MarathonError),
    /// Chronos cannot be asked; nothing was changed.
    #[error("nothing was changed, because Chronos cannot be asked: {0}")]
    Chronos(ChronosError),
    /// The supervisor did not say what becomes of the deadline; nothing was changed.
    #[error("the supervisor does not say which deadline it can keep: {0}")]
    Admission(SupervisorError),
    /// The supervisor did not take the registration; nothing was submitted.
    #[error("the job was not registered and nothing was submitted: {0}")]
    Registration(SupervisorError),
    /// `--require-feasible`, and the deadline cannot be kept; nothing was registered.
    #[error("not submitted and not registered, as --require-feasible asks: {}; {least}", .admission.reason)]
    NotRegistered {
        /// The supervisor's verdict.
        admission: Box<AdmissionView>,
        /// The deadline that could be kept.
        least: String,
    },
    /// `--require-feasible`, and the deadline cannot be kept.
    #[error("not submitted, as --require-feasible asks: {}{}", .admission.reason, note(.withdrawal))]
    Infeasible {
        /// The supervisor's verdict.
        admission: Box<AdmissionView>,
        /// Why the registration could not be taken back, if it could not.
        withdrawal: Option<SupervisorError>,
    },
    /// The supervisor's token cannot be given to curl.
    #[error("the supervisor sent a callback token with characters that HTTP does not allow{}", note(.0))]
    Token(Option<SupervisorError>),
    /// The submission failed and the registration was taken back.
    #[error("{cause}{}", note(.withdrawal))]
    Submission {
        /// What happened.
        cause: Box<SubmitError>,
        /// Why the registration could not be taken back, if it could not.
        withdrawal: Option<SupervisorError>,
    },
    /// The submission of an app failed and the registration was taken back.
    #[error("{cause}{}", note(.withdrawal))]
    AppSubmission {
        /// What happened.
        cause: Box<AppSubmitError>,
        /// Why the registration could not be taken back, if it could not.
        withdrawal: Option<SupervisorError>,
    },
    /// Marathon may start the app yet: the registration stays.
    #[error(
        "{cause}; the registration {uuid} stays: the supervisor takes the app when it shows up, and withdraws the \
         registration otherwise; to give it up: mesos-qos cancel {uuid}"
    )]
    AppUnconfirmed {
        /// What happened.
        cause: AppSubmitError,
        /// The registration.
        uuid: JobId,
    },
    /// Accepted by Chronos, and not yet seen there; the registration stays.
    #[error(
        "{cause}; the registration {uuid} stays: the supervisor starts the job when it shows up, and withdraws it \
         otherwise"
    )]
    Unconfirmed {
        /// What happened.
        cause: SubmitError,
        /// The registration.
        uuid: JobId,
    },
}

fn note(withdrawal: &Option<SupervisorError>) -> String {
    match withdrawal {
        None => "; the registration was withdrawn".into(),
        Some(error) => format!("; the registration could not be withdrawn and will expire: {error}"),
    }
}

impl From<WrapError> for LaunchError {
    fn from(error: WrapError) -> Self {
        LaunchError::Command(error)
    }
}
