//! A chained job: its task goes on with the next iteration when its supervisor says so, and ends otherwise.

use super::long_running::cpu_time;
use super::{SimulationError, Stage, What, World, seconds};
use crate::api::report::Next;
use crate::events::job::SegmentEnd;
use crate::qos::job::command::{FinishFacts, SegmentEndFacts, SegmentStartFacts};
use crate::qos::job::{Command, Reply};
use crate::qos::units::Span;

/// The name that agents give to the container of this task.
fn execution(task: u32) -> Option<String> {
    Some(format!("simulated:{task}"))
}

impl World<'_> {
    /// The agent of a new task begins.
    pub(super) fn begin_chain(&mut self, job: usize) -> Result<(), SimulationError> {
        let running = &mut self.jobs[job];
        running.base = 0.0;
        let facts = SegmentStartFacts {
            segment: u64::from(running.task.0),
            at: self.now,
            sent_at: Some(self.now),
            execution: execution(running.task.0),
            base: Span::ZERO,
            generation: None,
            runtime: None,
            limit: Some(running.held()),
            checkpoints: Some(false),
            container: None,
            task: None,
            last_told: None,
            hostname: Some(self.hostname(job)),
        };
        self.submit(job, Command::SegmentStart(Box::new(facts))).map(|_| ())
    }

    /// An iteration has ended with `facts`, for which it had `used` CPU-seconds. Its task keeps its node until it knows the answer.
    pub(super) fn finish_link(&mut self, job: usize, facts: FinishFacts, used: f64) -> Result<(), SimulationError> {
        let ended = &mut self.jobs[job];
        ended.base += used;
        ended.segment += 1;
        let reply = self.submit(job, Command::ReportFinish(facts))?;
        let goes_on = matches!(reply, Reply::Report(report) if report.next == Next::Continue);
        if goes_on {
            self.jobs[job].task.1 += 1;
            let gap = seconds(self.gap(job));
            self.agenda.plan(self.now + gap, (job, What::Begin));
            return Ok(());
        }
        let node = self.jobs[job].node;
        self.leave_node(job);
        let ended = &mut self.jobs[job];
        let (task, base) = (ended.task.0, ended.base);
        ended.task = (task + 1, 0);
        if ended.stage == Stage::Running {
            ended.stage = Stage::Idle;
        }
        if self.scenario.in_place {
            let facts = SegmentEndFacts {
                segment: u64::from(task),
                execution: execution(task),
                at: self.now,
                sent_at: Some(self.now),
                cpu: cpu_time(base),
                reason: SegmentEnd::Exited,
                generation: None,
                dump: None,
            };
            self.submit(job, Command::SegmentEnd(facts))?;
        }
        self.perform(job)?;
        self.place();
        node.map_or(Ok(()), |node| self.resize_on(node))
    }

    /// The agents of a node whose room has changed do what they were told to and could not.
    pub(super) fn resize_on(&mut self, node: usize) -> Result<(), SimulationError> {
        for job in 0..self.jobs.len() {
            if self.jobs[job].node == Some(node) {
                self.resize_in_place(job)?;
            }
        }
        Ok(())
    }
}
