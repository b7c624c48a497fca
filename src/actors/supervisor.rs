//! The handle on the running supervisor.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use actix::Addr;
use tokio::sync::Semaphore;

use super::directory::Directory;
use super::figures::Figures;
use super::job::repeated;
use super::metrics::MetricsStatus;
use super::performer::FrameworkStatus;
use super::registry::{Register, Registry};
use super::sample::{Sample, allocation};
use super::start::COMMANDS_UNDER_WAY;
use super::submit::{Answer, Receipt, Submit, SubmitError};
use super::webhook::WebhookStatus;
use crate::api::agent::AllocationReply;
use crate::api::register::{AdmissionReply, AdmissionView, RegisterRequest};
use crate::api::view::Instant;
use crate::clock::Clock;
use crate::events::store::{EventLog, ReadError};
use crate::qos::ids::{Framework, JobId};
use crate::qos::job::command::SampleFacts;
use crate::qos::job::registration::{Defaults, InvalidField, least_deadline, validate};
use crate::qos::job::{Command, JobState, Rejection, Reply};
use crate::qos::units::Span;

/// Takes commands and answers questions; cheap to clone.
#[derive(Clone)]
pub struct Supervisor {
    pub(super) directory: Directory,
    pub(super) registry: Addr<Registry>,
    pub(super) log: EventLog,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) defaults: Arc<Defaults>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) figures: Figures,
    pub(super) outbox_depth: Arc<AtomicUsize>,
    pub(super) surplus_not_recorded: Arc<AtomicU64>,
    pub(super) cpu_source: Option<Arc<FrameworkStatus>>,
    pub(super) metrics: Option<Arc<MetricsStatus>>,
    pub(super) webhook: Option<Arc<WebhookStatus>>,
    /// How long the removal of an app that was never seen looks for it.
    pub(super) marathon_submit_timeout: Option<Span>,
    pub(super) frameworks: BTreeMap<Framework, Arc<FrameworkStatus>>,
}

/// A registration that was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// A field cannot be accepted.
    #[error("{}: {}", .0.field, .0.problem)]
    Invalid(InvalidField),
    /// It could not be recorded.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl Supervisor {
    /// Registers a job.
    ///
    /// # Errors
    /// When a field cannot be accepted, the uuid or the name is taken, or the log cannot be written.
    pub async fn register(&self, request: &RegisterRequest, receipt: Receipt) -> Result<Answer, RegisterError> {
        let job = request.uuid;
        // The first answer stands, also when the same request would no longer be accepted: its deadline may have passed since. Every
        // registration has one, so that the uuid of a job that is over is never used again either.
        if let Some(stored) = self.log.stored_reply(job.into(), receipt.key.clone()).await.map_err(storage)? {
            return Ok(repeated(job, &receipt, &stored.digest, &stored.reply)?);
        }
        let registered = validate(request, self.clock.now(), &self.defaults).map_err(RegisterError::Invalid)?;
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| SubmitError::Overloaded)?;
        let submit = Submit { command: Command::Register(Box::new(registered)), receipt: Some(receipt) };
        let answer = self.registry.send(Register { job, submit, permit }).await;
        match answer.map_err(|_| SubmitError::Closed)? {
            Err(SubmitError::Rejected(Rejection::AlreadyRegistered)) => Err(SubmitError::Conflict.into()),
            Err(SubmitError::NameTaken { framework, name, holder }) => {
                Err(self.name_taken(framework, name, holder).into())
            }
            answer => Ok(answer?),
        }
    }

    /// What a registration with this request would be told. Changes nothing.
    ///
    /// # Errors
    /// When a field cannot be accepted.
    pub fn admission(&self, request: &RegisterRequest) -> Result<AdmissionReply, RegisterError> {
        let registered = validate(request, self.clock.now(), &self.defaults).map_err(RegisterError::Invalid)?;
        let admission = AdmissionView::from(&registered.admission);
        Ok(AdmissionReply { admission, least_deadline: least_deadline(&registered).map(Span::seconds) })
    }

    /// Says of a name that a job has which is over until when it has it.
    fn name_taken(&self, framework: Framework, name: String, holder: JobId) -> SubmitError {
        let over = self.state(holder).filter(|state| state.ending().is_some());
        let Some(state) = over else { return SubmitError::NameTaken { framework, name, holder } };
        let removed = || format!("it will be when {framework} has removed it");
        let until = match (self.marathon_submit_timeout, state.ended_at) {
            // Its submission may still be under way: its removal looks for it until then.
            (Some(timeout), Some(ended_at)) if framework == Framework::Marathon && state.may_still_come() => {
                format!(
                    "its app may still come, and is waited for until {} (supervisor.submit_timeout after its end; longer when the \
                     supervisor is restarted meanwhile)",
                    Instant::from(ended_at + timeout)
                )
            }
            _ if !self.frameworks.contains_key(&framework) => {
                format!("this supervisor has no credentials for {framework}, and cannot see whether it is removed")
            }
            _ => removed(),
        };
        SubmitError::NameHeld { framework, name, holder, state: state.state_name(), until }
    }

    /// Submits a command to a job; a finished job answers from its history.
    ///
    /// # Errors
    /// When the job is unknown, refuses the command, or the log cannot be written.
    pub async fn submit(&self, job: JobId, command: Command, receipt: Option<Receipt>) -> Result<Answer, SubmitError> {
        let Some(entry) = self.directory.get(job) else { return self.submit_closed(job, command, receipt).await };
        let _permit = self.permits.try_acquire().map_err(|_| SubmitError::Overloaded)?;
        match entry.actor.send(Submit { command, receipt }).await.map_err(|_| SubmitError::Closed)? {
            // Answered like those that are recorded: its container can do nothing about it.
            Err(SubmitError::Rejected(Rejection::SurplusNotRecorded)) => {
                let reports = self.surplus_not_recorded.fetch_add(1, Ordering::Relaxed) + 1;
                if reports.is_power_of_two() {
                    tracing::warn!(%job, reports, "reports of runs that nobody asked for are no longer recorded");
                }
                Ok(Answer { reply: Reply::exit(), repeated: false })
            }
            answer => answer,
        }
    }

    async fn submit_closed(
        &self,
        job: JobId,
        command: Command,
        receipt: Option<Receipt>,
    ) -> Result<Answer, SubmitError> {
        let Some(row) = self.log.job_row(job).await.map_err(storage)? else {
            return Err(Rejection::Unknown.into());
        };
        if let Some(receipt) = &receipt
            && let Some(stored) = self.log.stored_reply(job.into(), receipt.key.clone()).await.map_err(storage)?
        {
            return repeated(job, receipt, &stored.digest, &stored.reply);
        }
        match command {
            Command::ReportStart(_)
            | Command::ReportFinish(_)
            | Command::MarathonStart(_)
            | Command::MarathonEnd { .. }
            | Command::SegmentStart(_)
            | Command::SegmentEnd(_) => Ok(Answer { reply: Reply::ignored(&row.state), repeated: false }),
            Command::Withdraw { .. } if row.state == "withdrawn" => Ok(Answer { reply: Reply::Done, repeated: true }),
            _ => Err(Rejection::TooLate(format!("the job is {} already", row.state)).into()),
        }
    }

    /// Notes a measurement of a long-running job; nothing is recorded before the next look. Answers with the job's allocation.
    ///
    /// # Errors
    /// When the job is unknown, or not a long-running one.
    pub async fn sample(
        &self,
        job: JobId,
        facts: SampleFacts,
        execution: Option<String>,
    ) -> Result<AllocationReply, SubmitError> {
        let Some(entry) = self.directory.get(job) else {
            let row = self.log.job_row(job).await.map_err(storage)?.ok_or(Rejection::Unknown)?;
            return Ok(AllocationReply { ignored: Some(row.state), ..AllocationReply::default() });
        };
        let kind = entry.state.load().as_ref().map(|state| (state.registered.framework, state.registered.chain));
        match kind {
            None => return Err(Rejection::Unknown.into()),
            Some((Framework::Marathon, _) | (Framework::Chronos, true)) => {}
            Some((actual, _)) => {
                let (actual, expected) = (actual.as_str(), Framework::Marathon.as_str());
                return Err(Rejection::WrongFramework { actual, expected }.into());
            }
        }
        let _permit = self.permits.try_acquire().map_err(|_| SubmitError::Overloaded)?;
        let reply = entry.actor.send(Sample::Pushed { facts, execution }).await.map_err(|_| SubmitError::Closed)?;
        reply.ok_or_else(|| Rejection::Unknown.into())
    }

    /// What a living job's agent is to be told; empty for any other.
    pub fn allocation(&self, job: JobId) -> AllocationReply {
        self.state(job).as_deref().map(allocation).unwrap_or_default()
    }

    /// The latest committed state of a living job.
    pub fn state(&self, job: JobId) -> Option<Arc<JobState>> {
        self.directory.get(job)?.state.load_full()
    }

    /// The latest committed states of all living jobs.
    pub fn states(&self) -> Vec<Arc<JobState>> {
        self.directory.states()
    }

    /// The event log, for reading.
    pub fn log(&self) -> &EventLog {
        &self.log
    }

    /// The supervisor's time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// How many effects wait for their outcome.
    pub fn outbox_depth(&self) -> usize {
        self.outbox_depth.load(Ordering::Relaxed)
    }

    /// How many commands wait for their answers.
    pub fn commands_under_way(&self) -> usize {
        COMMANDS_UNDER_WAY.saturating_sub(self.permits.available_permits())
    }

    /// What was decided, carried out and ended.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Reports, since the start, of runs that nobody had asked for and that were not recorded any more.
    pub fn surplus_not_recorded(&self) -> u64 {
        self.surplus_not_recorded.load(Ordering::Relaxed)
    }

    /// How the source of CPU times does; `None` when the agents of the jobs tell them.
    pub fn cpu_source(&self) -> Option<&FrameworkStatus> {
        self.cpu_source.as_deref()
    }

    /// How the sending of metrics does; `None` when none are sent.
    pub fn metrics(&self) -> Option<&MetricsStatus> {
        self.metrics.as_deref()
    }

    /// How the webhook does; `None` when there is none.
    pub fn webhook(&self) -> Option<&WebhookStatus> {
        self.webhook.as_deref()
    }

    /// How the frameworks do of which there are credentials.
    pub fn frameworks(&self) -> &BTreeMap<Framework, Arc<FrameworkStatus>> {
        &self.frameworks
    }
}

fn storage(error: ReadError) -> SubmitError {
    SubmitError::Storage(error.to_string())
}
