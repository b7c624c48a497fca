//! What can be asked of a job, and what it answers.

use serde::{Deserialize, Serialize};

use super::judge::Verdict;
use crate::api::register::AdmissionView;
use crate::api::report::{Next, ReportReply};
use crate::events::job::{Activity, GrantReceived, JobEvent, Registered, Removal, RunKey, SegmentEnd};
use crate::qos::policy::{PolicySettings, UnknownVersion};
use crate::qos::units::{Cpus, Span, Timestamp};

/// Something asked of a job, or a fact that its framework told.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A launcher introduces the job.
    Register(Box<Registered>),
    /// The launcher takes the registration back.
    Withdraw {
        /// Why.
        reason: String,
        /// The launcher is certain that it has not submitted the job, nor will.
        never_submitted: bool,
    },
    /// An operator ends the job.
    Cancel {
        /// Why.
        reason: String,
    },
    /// The container reports an iteration's start.
    ReportStart(StartFacts),
    /// The container reports an iteration's end.
    ReportFinish(FinishFacts),
    /// A Marathon job's agent reports that an execution begins.
    MarathonStart(ExecutionFacts),
    /// A Marathon container reports its end.
    MarathonEnd {
        /// By its clock.
        finished_at: Timestamp,
        /// By its clock, at the sending.
        sent_at: Option<Timestamp>,
        /// The job's own exit code.
        exit_code: i32,
    },
    /// A Marathon job's agent has started its container.
    SegmentStart(Box<SegmentStartFacts>),
    /// A Marathon job's container has ended, or is in a checkpoint.
    SegmentEnd(SegmentEndFacts),
    /// Time to look at a Marathon job.
    Look(LookFacts),
    /// A Marathon job's agent has a CPU limit in force.
    LimitInForce {
        /// The segment that it is about; none when the agent knows no segments.
        segment: Option<u64>,
        /// The limit.
        cpus: Cpus,
    },
    /// The framework shows the job.
    Seen(FrameworkFacts),
    /// The framework never showed the job within its time.
    NeverSeen,
    /// The framework no longer shows the job, and it was not us.
    RemovedOutside,
    /// About to start an iteration: the framework's facts before it.
    AttemptStart(FrameworkFacts),
    /// What became of a start, or of a run that is overdue.
    Judged {
        /// The iteration that was judged.
        iteration: u32,
        /// The attempt that was judged.
        attempt: u32,
        /// What the framework's facts add up to.
        verdict: Verdict,
        /// The facts last seen.
        facts: FrameworkFacts,
    },
    /// The framework has this CPU, and the log does not.
    ObserveCpus(Cpus),
    /// The framework took the new CPU.
    CpusApplied(Cpus),
    /// The framework did not take the new CPU.
    CpusRefused {
        /// What was intended.
        cpus: Cpus,
        /// Why.
        reason: String,
        /// No node had room for it.
        no_room: bool,
    },
    /// The framework is about to be asked to go back to the CPU before.
    CpusTakenBack {
        /// What was intended.
        cpus: Cpus,
        /// Why.
        reason: String,
    },
    /// A request to set the CPU may still be carried out by the framework.
    CpusUnanswered {
        /// What was asked for.
        cpus: Cpus,
        /// What is known about the request.
        reason: String,
    },
    /// The framework's job was dealt with.
    JobRemoved(Removal),
    /// The wait for a report is over, by a clock that nobody sets.
    ReportAwaited {
        /// When the report was due, by the wall clock.
        due: Timestamp,
    },
    /// The wait for the deadline is over.
    DeadlineReached,
    /// The configuration changed.
    SetPolicy(PolicySettings),
    /// The arbitration over all jobs has decided.
    Grant(GrantReceived),
}

/// A start report's facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartFacts {
    /// Which run.
    pub key: RunKey,
    /// Where.
    pub hostname: String,
    /// By the container's clock.
    pub started_at: Timestamp,
}

/// An end report's facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishFacts {
    /// Which run.
    pub key: RunKey,
    /// Where.
    pub hostname: String,
    /// By the container's clock.
    pub started_at: Timestamp,
    /// By the container's clock.
    pub finished_at: Timestamp,
    /// By the container's clock, at the sending.
    pub sent_at: Option<Timestamp>,
    /// The job's own exit code.
    pub exit_code: i32,
    /// Its task ends, whatever it is answered.
    pub ending: bool,
    /// CPU of its node that nobody has reserved, when that is known.
    pub free: Option<Cpus>,
}

/// The start of a Marathon execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionFacts {
    /// By the container's clock.
    pub started_at: Timestamp,
    /// By the container's clock, at the sending.
    pub sent_at: Option<Timestamp>,
    /// Tells executions apart; the published agent does not say.
    pub execution: Option<String>,
    /// Where.
    pub hostname: Option<String>,
}

/// The start of a segment of a Marathon execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentStartFacts {
    /// Rises with every start of an agent for the job.
    pub segment: u64,
    /// By the agent's clock.
    pub at: Timestamp,
    /// By the agent's clock, at the sending.
    pub sent_at: Option<Timestamp>,
    /// The execution.
    pub execution: Option<String>,
    /// Where.
    pub hostname: Option<String>,
    /// CPU time that the restored state contains.
    pub base: Span,
    /// The checkpoint that was restored.
    pub generation: Option<u64>,
    /// How the agent runs the container.
    pub runtime: Option<String>,
    /// The CPU limit in force.
    pub limit: Option<Cpus>,
    /// Whether the agent can write checkpoints.
    pub checkpoints: Option<bool>,
    /// The container's name.
    pub container: Option<String>,
    /// The framework's task that the agent runs in.
    pub task: Option<String>,
    /// CPU time of the segment before, as its agent said last; not in the log unless the job was looked at since.
    pub last_told: Option<Span>,
}

/// The end of a segment of a Marathon execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentEndFacts {
    /// The segment.
    pub segment: u64,
    /// The execution, if the agent says it.
    pub execution: Option<String>,
    /// By the agent's clock.
    pub at: Timestamp,
    /// By the agent's clock, at the sending.
    pub sent_at: Option<Timestamp>,
    /// All CPU time of the segment.
    pub cpu: Span,
    /// Why.
    pub reason: SegmentEnd,
    /// The checkpoint that holds its state.
    pub generation: Option<u64>,
    /// How long writing it took.
    pub dump: Option<Span>,
}

/// CPU time of a running segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleFacts {
    /// The segment; none when the source does not know segments and means the running one.
    pub segment: Option<u64>,
    /// When it was measured, in the supervisor's clock.
    pub at: Timestamp,
    /// CPU time since the segment's start.
    pub cpu: Span,
    /// The CPU limit in force, if the source knows it.
    pub limit: Option<Cpus>,
}

/// The agent's own figure, by which a sample of another source is checked: that source may measure something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Witness {
    /// The sample is the agent's.
    #[default]
    NotNeeded,
    /// The agent has not said anything yet.
    Silent,
    /// Its newest figure of the same segment that was measured no later than the sample.
    Says(SampleFacts),
}

/// What is known when a Marathon job is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LookFacts {
    /// The newest sample that has come.
    pub sample: Option<SampleFacts>,
    /// What its agent says, where the sample is somebody else's.
    pub witness: Witness,
    /// CPU of its node that nobody has reserved, when that is known.
    pub free: Option<Cpus>,
    /// Since when the job's agent could be heard here; what it could not say before was no silence.
    pub listening_since: Option<Timestamp>,
}

/// What a framework says of a job at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameworkFacts {
    /// The CPU of its next run.
    pub cpus: Cpus,
    /// Good runs.
    pub success_count: u64,
    /// Failed runs.
    pub error_count: u64,
    /// What it is doing.
    pub activity: Activity,
}

/// A command's outcome: what to record, and what to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// To be recorded in this order; empty when nothing changes.
    pub events: Vec<JobEvent>,
    /// To be answered once they are on disk.
    pub reply: Reply,
}

impl Ruling {
    /// Records `events` and answers with nothing but success.
    pub fn done(events: impl IntoIterator<Item = JobEvent>) -> Self {
        Ruling { events: events.into_iter().collect(), reply: Reply::Done }
    }

    /// Changes nothing.
    pub fn nothing() -> Self {
        Ruling::done([])
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is done.
    Done,
    /// To a registration.
    Registered {
        /// Whether the deadline can be kept.
        admission: AdmissionView,
    },
    /// To a report.
    Report(ReportReply),
}

impl Reply {
    /// The answer to a report that was counted: the task ends.
    pub fn exit() -> Self {
        Reply::Report(ReportReply { duplicate: None, ignored: None, next: Next::Exit })
    }

    /// The answer to a report that was counted, of a task that runs the next iteration itself.
    pub fn go_on() -> Self {
        Reply::Report(ReportReply { duplicate: None, ignored: None, next: Next::Continue })
    }

    /// The answer to a report of a job in this state, which takes none.
    pub fn ignored(state: &str) -> Self {
        Reply::Report(ReportReply { duplicate: None, ignored: Some(state.to_owned()), next: Next::Exit })
    }

    /// The answer to a report that was counted before.
    pub fn duplicate() -> Self {
        Reply::Report(ReportReply { duplicate: Some(true), ignored: None, next: Next::Exit })
    }
}

/// A command that cannot be carried out; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The job is not registered.
    #[error("no job with this uuid is registered")]
    Unknown,
    /// The job is registered already.
    #[error("a job with this uuid is already registered")]
    AlreadyRegistered,
    /// The command does not fit the job's framework.
    #[error("this is a {actual} job; the report is for {expected} jobs")]
    WrongFramework {
        /// The job's framework.
        actual: &'static str,
        /// The report's.
        expected: &'static str,
    },
    /// A run that nobody asked for, of a job of which enough such runs are recorded.
    #[error("a run that nobody asked for; the job has more of them than are recorded")]
    SurplusNotRecorded,
    /// The command comes too late.
    #[error("{0}")]
    TooLate(String),
    /// What the command was about is no longer so.
    #[error("the command is about something that is over: {0}")]
    Stale(&'static str),
    /// The log asks for a policy version that this program does not have.
    #[error(transparent)]
    UnknownPolicyVersion(#[from] UnknownVersion),
}
