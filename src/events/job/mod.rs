//! The events of one job. Pure data: what each one means for the job's state is `qos::job`.

mod chain;
mod deadline;
mod decision;
mod ending;
mod grant;
mod iteration;
mod marathon;
mod progress;
mod registered;
mod resize;
mod segment;
mod start;

pub use chain::{ChainAnswered, ChainNext};
pub use deadline::DeadlinePassed;
pub use decision::{Decided, DecisionInputs, PolicyChanged};
pub use ending::{Cancelled, Completed, Failed, Removal, Removed, Withdrawn};
pub use grant::GrantReceived;
pub use iteration::{IterationFinished, IterationLost, IterationStarted, LossReason, Outcome, RunKey};
pub use marathon::{MarathonEnded, MarathonStarted};
pub use progress::{ProgressDecided, ProgressInputs};
pub use registered::{Origin, Registered, RescaleMode, Supervision};
pub use resize::{CpuObserved, RescaleApplied, RescaleFailed, RescaleTakenBack, RescaleUnanswered, Rescaled};
pub use segment::{CpuSample, SegmentEnd, SegmentEnded, SegmentStarted, TelemetryLost};
pub use start::{Activity, LookedUp, Overdue, SeenInFramework, StartAttempted, StartDropped, Starter};

use super::upcast::Upcasters;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Why stored bytes are not an event of this program.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer program, or not by this one at all.
    #[error("unknown event kind {0:?}: the log was written by a newer version of mesos-qos")]
    UnknownKind(String),
    /// The bytes are not what the kind promises.
    #[error("event {kind:?}: {source}")]
    Malformed {
        /// The event's kind.
        kind: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Lists the events once: each is a variant, a kind in the log, a payload and the payload's schema version.
macro_rules! job_events {
    ($($(#[doc = $doc:literal])+ $kind:ident = $schema:literal,)+) => {
        /// Something that happened to a job.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum JobEvent {
            $($(#[doc = $doc])+ $kind($kind),)+
        }

        $(impl From<$kind> for JobEvent {
            fn from(payload: $kind) -> Self {
                JobEvent::$kind(payload)
            }
        })+

        impl JobEvent {
            /// The newest schema version of each kind.
            pub const SCHEMAS: &'static [(&'static str, u16)] = &[$((stringify!($kind), $schema)),+];

            /// The event's kind, as stored and shown.
            pub const fn kind(&self) -> &'static str {
                match self { $(JobEvent::$kind(_) => stringify!($kind),)+ }
            }

            /// The schema version of the payload that this program writes.
            pub const fn schema(&self) -> u16 {
                match self { $(JobEvent::$kind(_) => $schema,)+ }
            }

            /// The payload as stored: JSON text.
            ///
            /// # Errors
            /// Never for the payloads of this module; serialisation to memory is fallible by type only.
            pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
                match self { $(JobEvent::$kind(payload) => serde_json::to_vec(payload),)+ }
            }

            /// Reads a payload of the newest schema.
            ///
            /// # Errors
            /// When the kind is unknown or the bytes do not fit it.
            pub fn decode(kind: &str, data: &[u8]) -> Result<Self, DecodeError> {
                match kind {
                    $(stringify!($kind) => parse(stringify!($kind), data).map(JobEvent::$kind),)+
                    other => Err(DecodeError::UnknownKind(other.to_owned())),
                }
            }
        }
    };
}

fn parse<T: DeserializeOwned>(kind: &'static str, data: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(data).map_err(|source| DecodeError::Malformed { kind, source })
}

job_events! {
    /// The launcher introduced the job.
    Registered = 4,
    /// The framework shows the job, with our identity in it.
    SeenInFramework = 1,
    /// A start is about to be asked for.
    StartAttempted = 1,
    /// The framework forgot a start that it had accepted.
    StartDropped = 1,
    /// The job's container says that an iteration has begun.
    IterationStarted = 1,
    /// The job's container says that an iteration has ended.
    IterationFinished = 1,
    /// An iteration ended without a word from its container.
    IterationLost = 2,
    /// The task of a chained job was told whether it runs the next iteration itself.
    ChainAnswered = 1,
    /// A report is late.
    Overdue = 1,
    /// The framework was asked about a late report, and the run is still going on.
    LookedUp = 1,
    /// The policy was asked.
    Decided = 2,
    /// Another CPU is intended.
    Rescaled = 2,
    /// The framework has taken the new CPU.
    RescaleApplied = 1,
    /// The framework has not taken the new CPU.
    RescaleFailed = 2,
    /// A request for another CPU may still be carried out by the framework.
    RescaleUnanswered = 1,
    /// A request for another CPU is about to be taken back.
    RescaleTakenBack = 1,
    /// Somebody else changed the job's CPU.
    CpuObserved = 1,
    /// The arbitration over all jobs has said how much this one may have.
    GrantReceived = 1,
    /// The configured policy changed under a running job.
    PolicyChanged = 2,
    /// All iterations are done.
    Completed = 1,
    /// The job will not be done.
    Failed = 1,
    /// An operator ended the job.
    Cancelled = 1,
    /// The registration was taken back before the first start.
    Withdrawn = 2,
    /// The job is gone from its framework, or was not ours to remove.
    Removed = 1,
    /// A long-running job began an execution.
    MarathonStarted = 2,
    /// A long-running job ended its execution.
    MarathonEnded = 1,
    /// An agent started a long-running job's container, fresh or from a checkpoint.
    SegmentStarted = 2,
    /// CPU time of a running segment.
    CpuSample = 1,
    /// A segment ended.
    SegmentEnded = 1,
    /// No CPU time has come for several periods, or none that can be the job's.
    TelemetryLost = 2,
    /// The policy was asked about a long-running job.
    ProgressDecided = 2,
    /// The job was not done at its deadline, as far as was known.
    DeadlinePassed = 1,
}

/// The way from every schema that was ever written to the newest.
pub fn upcasters() -> Upcasters {
    let known = JobEvent::SCHEMAS.iter().fold(Upcasters::new(), |known, (kind, newest)| known.kind(kind, *newest));
    known
        .add("Rescaled", 1, Rescaled::from_schema_1)
        .add("Registered", 1, Registered::from_schema_1)
        .add("Registered", 2, Registered::from_schema_2)
        .add("Registered", 3, Registered::from_schema_3)
        .add("IterationLost", 1, IterationLost::from_schema_1)
        .add("Decided", 1, Decided::from_schema_1)
        .add("ProgressDecided", 1, ProgressDecided::from_schema_1)
        .add("PolicyChanged", 1, PolicyChanged::from_schema_1)
        .add("MarathonStarted", 1, MarathonStarted::from_schema_1)
        .add("SegmentStarted", 1, SegmentStarted::from_schema_1)
        .add("TelemetryLost", 1, TelemetryLost::from_schema_1)
        .add("RescaleFailed", 1, RescaleFailed::from_schema_1)
        .add("Withdrawn", 1, Withdrawn::from_schema_1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{MarathonStarted, Registered};

    #[test]
    fn what_schema_1_of_long_running_jobs_did_not_say_is_filled_in() {
        let started = MarathonStarted::from_schema_1(json!({"started_at": 1, "received_at": 2}));
        let started: MarathonStarted = serde_json::from_value(started).unwrap();
        assert_eq!((started.received_at.micros(), started.execution, started.hostname), (2, None, None));
        let registered = Registered::from_schema_1(json!({"supervision": {"max_failures": 3}}));
        let expected = json!({"max_failures": 3, "monitoring_period": 120_000_000, "rescale": "restart"});
        assert_eq!(registered["supervision"], expected);
        let registered = Registered::from_schema_3(registered);
        assert_eq!(
            (&registered["chain"], &registered["supervision"]["chain_start"]),
            (&json!(false), &json!(60_000_000))
        );
        // Damaged data stays what it is: an error of the decoder, and no panic.
        assert_eq!(Registered::from_schema_1(json!([])), json!([]));
    }

    #[test]
    fn there_is_a_step_from_every_schema_to_the_next() {
        assert_eq!(super::upcasters().check(), Ok(()));
    }
}
