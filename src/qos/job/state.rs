//! What the events of a job add up to.

use std::collections::BTreeSet;

use rpds::RedBlackTreeMapSync;
use serde::{Deserialize, Serialize};

use super::execution::Execution;
use crate::events::job::{GrantReceived, JobEvent, Registered, RescaleMode, RunKey};
use crate::qos::chronos::Bounds;
use crate::qos::ids::Framework;
use crate::qos::model::History;
use crate::qos::performance::Performance;
use crate::qos::policy::PolicySettings;
use crate::qos::units::{Cpus, Span, Timestamp};

/// An event with its place in the job's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Position in the stream, from 1.
    pub version: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// What happened.
    pub event: JobEvent,
}

/// A job's state. Only [`JobState::apply`] changes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobState {
    /// Version of the last event applied.
    pub version: u64,
    /// How the job introduced itself.
    pub registered: Registered,
    /// When it did.
    pub registered_at: Timestamp,
    /// Who decides now.
    pub policy: PolicySettings,
    /// Where the job is in its life.
    pub phase: Phase,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What its framework is doing for it, as far as the log knows.
    pub work: Work,
    /// Its framework has shown it.
    pub seen: bool,
    /// The CPU that the framework has for the next run, or has reserved; unknown until an adopted job is seen.
    pub cpus: Option<Cpus>,
    /// The CPU limit that a Marathon job's agent has set in place of the reserved CPU.
    pub limit: Option<Cpus>,
    /// A CPU that is intended and whose outcome is not known yet.
    pub resizing_to: Option<Cpus>,
    /// No node had room for it, and the framework may have been asked to go back.
    pub taking_back: bool,
    /// The CPU for which no node had room, and when that was found.
    pub no_room: Option<(Cpus, Timestamp)>,
    /// A request for another CPU may still be carried out, long after it was given up here.
    pub unanswered: bool,
    /// How often the CPU was changed.
    pub rescales: u32,
    /// Iterations done.
    pub done: u32,
    /// The last start that was asked for: iteration and attempt.
    pub last_attempt: (u32, u32),
    /// Failed iterations since the last good one.
    pub failures_in_row: u32,
    /// Runs that were reported, or asked for in a chain, by their key. Shares its memory between the states before and after an event.
    #[serde(with = "super::pairs")]
    pub runs: RedBlackTreeMapSync<RunKey, ReportedRun>,
    /// Runs that were recorded although nobody had asked for them.
    pub surplus_runs: u32,
    /// The last counted iteration.
    pub last: Option<LastIteration>,
    /// The latest decision.
    pub decision: Option<LatestDecision>,
    /// What the arbitration over all jobs has said last.
    pub grant: Option<GrantReceived>,
    /// What an operator should know.
    pub flags: BTreeSet<Flag>,
    /// The framework no longer has the job: nothing is left to do.
    pub removed: bool,
    /// A Marathon job's execution, once it has begun.
    pub execution: Option<Execution>,
    /// Of a chained job: the start of the task that has reported a counted iteration and waits for its answer. Between the events of one
    /// transaction only.
    pub answering: Option<Attempt>,
    /// What was measured of it.
    pub history: History,
}

/// Where a job is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Introduced, never started.
    Registered,
    /// At least one start is confirmed.
    Running,
    /// Over.
    Ended(Ending),
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// All iterations done.
    Completed {
        /// When the last one ended.
        finished_at: Timestamp,
        /// Inside the deadline?
        on_time: bool,
        /// Deadline minus finish.
        margin: Span,
    },
    /// Given up.
    Failed {
        /// Why.
        reason: String,
    },
    /// Ended by an operator.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// Taken back before the first start.
    Withdrawn {
        /// Why.
        reason: String,
    },
}

/// What the framework is doing for a job, as far as the log knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Nothing was asked for.
    None,
    /// A start was asked for and is not confirmed.
    Attempted(Attempt),
    /// A run reported its start, or its task was told to begin it.
    Running(Run),
}

/// A start that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which iteration.
    pub iteration: u32,
    /// Which attempt at it, from 1.
    pub number: u32,
    /// The framework's good runs before it.
    pub success_count: u64,
    /// The framework's failed runs before it.
    pub error_count: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// How often its report was found overdue.
    pub overdue: u32,
    /// When it was found overdue last.
    pub overdue_at: Option<Timestamp>,
}

/// A run that reported its start, or whose task was told to begin it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The attempt that it confirms.
    pub attempt: Attempt,
    /// Its identity.
    pub key: RunKey,
    /// When its start report came, or its task was told.
    pub since: Timestamp,
    /// The framework is being asked about it.
    pub looking_up: bool,
    /// It has reported its start. One that follows in the same task is told to begin, and says so itself afterwards.
    pub announced: bool,
}

/// A run that has reported, or whose task was told to begin it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedRun {
    /// Which iteration it ran.
    pub iteration: u32,
    /// Its end was reported too.
    pub finished: bool,
}

/// The last counted iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastIteration {
    /// Its end.
    pub finished_at: Timestamp,
    /// How long it took.
    pub duration: Span,
    /// The CPU that it had; unknown for an adopted job that was not seen yet.
    pub cpus: Option<Cpus>,
}

/// The latest decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestDecision {
    /// How the job was doing.
    pub performance: Performance,
    /// Predicted finish.
    pub prediction: Timestamp,
    /// What was on plan.
    pub bounds: Bounds,
    /// The CPU that its policy wished for.
    pub wish: Cpus,
    /// The CPU that was decided on.
    pub to: Cpus,
}

/// What an operator should know about a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Its deadline cannot be kept.
    Infeasible,
    /// The 2017 launcher wrote it.
    Adopted,
    /// A report is late.
    Overdue,
    /// A run ended well by the framework's count, and its report never came.
    ReportLost,
    /// A container's clock could not be right.
    ClockSkew,
    /// The framework did not take the last CPU.
    RescaleFailed,
    /// Somebody else changed its CPU.
    CpuChangedOutside,
    /// A run that nobody had asked for.
    SurplusRun,
    /// The framework has a job of this name that is not ours; it was left alone.
    NotOurs,
    /// No CPU time has come for several monitoring periods; nothing is decided.
    TelemetryLost,
    /// It has used all the CPU time that it declared and goes on; its CPU is held.
    OverDeclared,
    /// Its agent cannot write checkpoints: a restart would lose its work.
    NoCheckpoints,
    /// It was not done at its deadline.
    Late,
}

impl Flag {
    /// The name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Flag::Infeasible => "infeasible",
            Flag::Adopted => "adopted",
            Flag::Overdue => "overdue",
            Flag::ReportLost => "report_lost",
            Flag::ClockSkew => "clock_skew",
            Flag::RescaleFailed => "rescale_failed",
            Flag::CpuChangedOutside => "cpu_changed_outside",
            Flag::SurplusRun => "surplus_run",
            Flag::NotOurs => "not_ours",
            Flag::TelemetryLost => "telemetry_lost",
            Flag::OverDeclared => "over_declared",
            Flag::NoCheckpoints => "no_checkpoints",
            Flag::Late => "late",
        }
    }
}

impl JobState {
    /// Iterations left.
    pub fn remaining(&self) -> u32 {
        self.registered.iterations.saturating_sub(self.done)
    }

    /// The iteration that is, or will be, under way.
    pub fn next_iteration(&self) -> u32 {
        self.done.saturating_add(1)
    }

    /// When it has to be done. That of a long-running job counts from the start of its execution; before it, from the registration.
    pub fn deadline_at(&self) -> Timestamp {
        let Registered { deadline_at, declared, .. } = &self.registered;
        let execution = self.execution.as_ref().filter(|_| self.is_long_running());
        execution.map_or(*deadline_at, |execution| execution.started_at + declared.deadline)
    }

    /// A long-running job whose execution has begun. A repeated one has an execution, too, while its chain runs under an agent.
    pub fn is_long_running(&self) -> bool {
        self.registered.framework == Framework::Marathon && self.execution.is_some()
    }

    /// Whether its agent changes the job's CPU while it runs.
    pub fn resizes_in_place(&self) -> bool {
        match self.registered.framework {
            Framework::Marathon => self.registered.supervision.rescale == RescaleMode::InPlace,
            Framework::Chronos => self.in_chain() && self.has_agent(),
        }
    }

    /// A task of a chained job runs, or has just reported and waits for its answer: the next iteration may follow in it.
    pub fn in_chain(&self) -> bool {
        self.registered.chain && (self.answering.is_some() || matches!(self.work, Work::Running(_)))
    }

    /// An agent that changes CPU limits runs the job's container.
    fn has_agent(&self) -> bool {
        let segment = self.execution.as_ref().and_then(|execution| execution.segment.as_ref());
        segment.is_some_and(|segment| segment.running)
    }

    /// The CPU that the latest decision would give the job, where the policy only recommends.
    pub fn recommended(&self) -> Option<Cpus> {
        let progress = self.execution.as_ref().and_then(|execution| execution.progress);
        let decided = self.decision.map(|decision| decision.to).or(progress.map(|progress| progress.to));
        decided.filter(|_| self.policy.dry_run)
    }

    /// The CPU that the job may use now: the limit of its agent, or what its framework has reserved.
    pub fn cpus_in_force(&self) -> Option<Cpus> {
        self.limit.or(self.cpus)
    }

    /// CPU that the job has, or is about to get, beyond what its framework has reserved for it.
    pub fn beyond_its_reservation(&self) -> Cpus {
        let nothing = Cpus::from_milli(0);
        if !self.resizes_in_place() {
            return nothing;
        }
        // Until the outcome of a resize is known the job may have either.
        let most = self.resizing_to.max(self.limit);
        most.zip(self.cpus).map_or(nothing, |(most, reserved)| most.saturating_sub(reserved))
    }

    /// Whether its framework has neither shown it nor let it report: its submission may be under way, also when it is over.
    pub fn may_still_come(&self) -> bool {
        // A program that has reported was submitted.
        !self.seen && self.execution.is_none()
    }

    /// How the job ended, when it did.
    pub fn ending(&self) -> Option<&Ending> {
        match &self.phase {
            Phase::Ended(ending) => Some(ending),
            Phase::Registered | Phase::Running => None,
        }
    }

    /// The start that is asked for or confirmed.
    pub fn attempt(&self) -> Option<&Attempt> {
        match &self.work {
            Work::None => None,
            Work::Attempted(attempt) => Some(attempt),
            Work::Running(run) => Some(&run.attempt),
        }
    }

    /// Nothing is left to decide or to do: the job may leave memory.
    pub fn is_finished(&self) -> bool {
        self.ending().is_some() && self.removed
    }

    /// The state's name in answers: registered, running, completed, failed, cancelled or withdrawn.
    pub fn state_name(&self) -> &'static str {
        match &self.phase {
            Phase::Registered => "registered",
            Phase::Running => "running",
            Phase::Ended(Ending::Completed { .. }) => "completed",
            Phase::Ended(Ending::Failed { .. }) => "failed",
            Phase::Ended(Ending::Cancelled { .. }) => "cancelled",
            Phase::Ended(Ending::Withdrawn { .. }) => "withdrawn",
        }
    }
}
