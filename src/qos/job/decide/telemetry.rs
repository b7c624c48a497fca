//! Whether a sample can be decided with: it is new, and it is of the job and not of something else.

use crate::events::job::CpuSample;
use crate::qos::job::command::{SampleFacts, Witness};
use crate::qos::job::execution::Execution;
use crate::qos::units::Span;

/// A source of another reading can be behind its agent by the grain of the kernel's figures, and no further.
const GRAIN: Span = Span::from_micros(200_000);

/// What there is to look with.
pub enum Telemetry {
    /// A sample of the running segment, as it is recorded.
    Sample(CpuSample),
    /// Nothing that says anything new.
    Nothing,
    /// The figure is not the job's, and why that is certain.
    NotTheJobs(String),
}

pub fn telemetry(execution: &Execution, sample: Option<SampleFacts>, witness: Witness) -> Telemetry {
    let Some(sample) = sample else { return Telemetry::Nothing };
    let SampleFacts { segment, at, cpu, limit } = sample;
    let Some(newest) = &execution.segment else {
        // The published agent knows no segments.
        return Telemetry::Sample(CpuSample { segment: segment.unwrap_or(0), at, cpu, limit });
    };
    if !newest.running || segment.is_some_and(|segment| segment != newest.number) {
        return Telemetry::Nothing;
    }
    match witness {
        Witness::Says(told) if told.cpu > cpu * 2 + GRAIN => {
            return Telemetry::NotTheJobs(format!(
                "{:.1} CPU-seconds of its task were measured, and its container has used {:.1}: the container is not under \
                 the task's control group, or its node counts its CPUs by a factor",
                cpu.seconds(),
                told.cpu.seconds()
            ));
        }
        // An agent that numbers its segments tells their CPU time, too: until then the figure may be of the agent alone.
        Witness::Silent if newest.number > 0 => return Telemetry::Nothing,
        Witness::NotNeeded | Witness::Silent | Witness::Says(_) => {}
    }
    if at > newest.sampled_at && cpu >= newest.cpu {
        Telemetry::Sample(CpuSample { segment: newest.number, at, cpu, limit })
    } else {
        Telemetry::Nothing
    }
}
