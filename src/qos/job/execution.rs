//! What the events of a long-running job add up to.

use serde::{Deserialize, Serialize};

use crate::events::job::{CpuSample, MarathonStarted, ProgressDecided, SegmentEnded, SegmentStarted};
use crate::qos::performance::Performance;
use crate::qos::units::{Cpus, Span, Timestamp};

/// So many executions that are over are remembered.
const EARLIER: usize = 16;

/// One execution of a Marathon job: from its first start to its end, over all checkpoints between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Its identity; unknown for the published agent.
    pub id: Option<String>,
    /// Executions before this one, whose late reports are no news; the oldest are forgotten.
    pub earlier: Vec<String>,
    /// What the last report of a start said: the execution and its instant.
    pub announced: Option<(Option<String>, Timestamp)>,
    /// Its first start. A later fresh start, after work was lost, does not move the deadline.
    pub started_at: Timestamp,
    /// Its end, when it has one.
    pub finished_at: Option<Timestamp>,
    /// The newest segment, running or not.
    pub segment: Option<Segment>,
    /// CPU time whose work was lost and done again.
    pub wasted: Span,
    /// When the job was last looked at with a fresh sample, or began.
    pub looked_at: Timestamp,
    /// The latest decision.
    pub progress: Option<Progress>,
    /// When the last resize was decided.
    pub resize_asked_at: Option<Timestamp>,
}

/// The newest segment of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Its number: it rises within an execution, and begins anew with the next one where the shared directory was lost.
    pub number: u64,
    /// Its execution; unknown for the published agent.
    pub execution: Option<String>,
    /// When its start was known here.
    pub known_since: Timestamp,
    /// CPU time that it began with.
    pub base: Span,
    /// Its own CPU time, as last recorded.
    pub cpu: Span,
    /// When that was measured.
    pub sampled_at: Timestamp,
    /// All its CPU time as its agent said at its end.
    pub ended_with: Option<Span>,
    /// It has not ended.
    pub running: bool,
    /// Where it runs.
    pub hostname: Option<String>,
    /// The framework's task that it runs in, when its agent says so.
    pub task: Option<String>,
}

/// The latest decision about a long-running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How the job was doing.
    pub performance: Performance,
    /// Current over desired CPU time, in millionths.
    pub ratio_millionths: i64,
    /// CPU time that should have been used by then.
    pub cpu_desired: Span,
    /// The CPU that was decided on.
    pub to: Cpus,
}

impl Segment {
    /// Whether a report is of this segment's execution; where one side gives no name, that is taken for granted.
    pub fn is_of(&self, execution: Option<&String>) -> bool {
        self.execution.as_ref().zip(execution).is_none_or(|(own, told)| own == told)
    }
}

impl Execution {
    fn begun(id: Option<String>, started_at: Timestamp, looked_at: Timestamp) -> Self {
        Execution {
            id,
            earlier: vec![],
            announced: None,
            started_at,
            finished_at: None,
            segment: None,
            wasted: Span::ZERO,
            looked_at,
            progress: None,
            resize_asked_at: None,
        }
    }

    /// The execution after `started`: a new one, or the one that was known before.
    pub fn started(known: Option<Execution>, started: &MarathonStarted) -> Self {
        let mut execution = known
            .unwrap_or_else(|| Execution::begun(started.execution.clone(), started.started_at, started.received_at));
        execution.is_now(started.execution.as_ref());
        execution.announced = Some((started.execution.clone(), started.started_at));
        // The report of the start may come after that of the first segment.
        execution.started_at = execution.started_at.min(started.started_at);
        execution
    }

    /// The execution after `started`; a segment may be reported before the execution.
    pub fn segment_started(known: Option<Execution>, started: &SegmentStarted) -> Self {
        let mut execution = known
            .unwrap_or_else(|| Execution::begun(started.execution.clone(), started.started_at, started.received_at));
        execution.is_now(started.execution.as_ref());
        execution.wasted = execution.wasted + started.discarded;
        execution.segment = Some(Segment {
            number: started.segment,
            execution: started.execution.clone(),
            known_since: started.received_at,
            base: started.base,
            cpu: Span::ZERO,
            sampled_at: started.received_at,
            ended_with: None,
            running: true,
            hostname: started.hostname.clone(),
            task: started.task.clone(),
        });
        execution
    }

    /// Takes the name of the execution that reports now.
    fn is_now(&mut self, id: Option<&String>) {
        let Some(id) = id else { return };
        if let Some(before) = self.id.replace(id.clone()).filter(|before| before != id) {
            if self.earlier.len() == EARLIER {
                self.earlier.remove(0);
            }
            self.earlier.push(before);
        }
    }

    /// Whether a report is of an execution that is over. One without a name is of the present one.
    pub fn is_over(&self, id: Option<&String>) -> bool {
        id.is_some_and(|id| self.id.as_ref() != Some(id) && self.earlier.contains(id))
    }

    /// Takes a sample into account.
    pub fn sampled(&mut self, sample: &CpuSample, recorded_at: Timestamp) {
        let began = std::mem::replace(&mut self.looked_at, recorded_at);
        let segment = self.segment.get_or_insert(Segment {
            number: sample.segment,
            execution: None,
            known_since: began,
            base: Span::ZERO,
            cpu: Span::ZERO,
            sampled_at: sample.at,
            ended_with: None,
            running: true,
            hostname: None,
            task: None,
        });
        if segment.number == sample.segment {
            segment.cpu = segment.cpu.max(sample.cpu);
            segment.sampled_at = segment.sampled_at.max(sample.at);
        }
    }

    /// Takes the end of a segment into account.
    pub fn segment_ended(&mut self, ended: &SegmentEnded) {
        if let Some(segment) = self.segment.as_mut().filter(|segment| segment.number == ended.segment) {
            segment.cpu = segment.cpu.max(ended.cpu);
            segment.sampled_at = segment.sampled_at.max(ended.ended_at);
            segment.ended_with = Some(ended.cpu);
            segment.running = false;
        }
    }

    /// Takes a decision into account.
    pub fn decided(&mut self, decided: &ProgressDecided) {
        self.progress = Some(Progress {
            performance: decided.performance,
            ratio_millionths: decided.ratio_millionths,
            cpu_desired: decided.inputs.cpu_desired,
            to: decided.to,
        });
    }

    /// CPU time used, over all segments: what the restored state contains and what the running segment has added.
    pub fn cpu_current(&self) -> Span {
        self.segment.as_ref().map_or(Span::ZERO, |segment| segment.base + segment.cpu)
    }

    /// CPU time used as the job's agent has counted it, which is what restored states are counted in: its word at the segment's end, the
    /// last it said (`told`), or what is recorded, which may be another source's figure.
    pub fn cpu_by_its_agent(&self, told: Option<Span>) -> Span {
        let used = |segment: &Segment| segment.base + segment.ended_with.or(told).unwrap_or(segment.cpu);
        self.segment.as_ref().map_or(Span::ZERO, used)
    }

    /// When CPU time was last measured, or the execution began.
    pub fn last_heard(&self) -> Timestamp {
        self.segment.as_ref().map_or(self.started_at, |segment| segment.sampled_at)
    }
}
