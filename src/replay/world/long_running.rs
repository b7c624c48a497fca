//! A long-running job, run again: segments, looks, and what a change of CPU costs between two segments.

use super::{Course, Draw, Rerun};
use crate::events::job::{JobEvent, SegmentEnd};
use crate::qos::job::command::{
    ExecutionFacts, FrameworkFacts, LookFacts, SampleFacts, SegmentEndFacts, SegmentStartFacts,
};
use crate::qos::job::{Command, Effect, Ending};
use crate::qos::model::{Speed, median};
use crate::qos::policy::{Fixed, Policy, PolicySettings, Predictive};
use crate::qos::units::{Cpus, Span, Timestamp};
use crate::replay::error::ReplayError;
use crate::replay::facts::LongRunningFacts;
use crate::replay::history::JobHistory;
use crate::replay::law::Known;
use crate::replay::outcome::Outcome;
use crate::simulation::supervised::Supervised;

/// A run is given up after this many looks, and after four times as many as there are in its recorded life, or up to its deadline.
const LEAST_BOUND: u64 = 2_000;

/// The execution's name.
const EXECUTION: &str = "replay";

/// A job that is to run again.
pub(in crate::replay) struct LongRunningPlan<'a> {
    pub history: &'a JobHistory,
    pub facts: &'a LongRunningFacts,
    pub known: &'a Known,
    pub course: &'a Course,
    /// CPU-seconds that it needs in all.
    pub work_s: f64,
}

/// Runs `plan`.
///
/// # Errors
/// When the rules refuse what the replay asks of them.
pub(in crate::replay) fn run_long_running(
    plan: &LongRunningPlan<'_>,
    job: usize,
    draw: Draw,
) -> Result<Rerun, ReplayError> {
    let law = draw.of_the_law(job).map_or(plan.known.likeliest(), |(first, second)| plan.known.drawn(first, second));
    let now = plan.history.registered_at();
    let mut run = Run {
        plan,
        job,
        draw,
        law,
        now,
        supervised: Supervised::default(),
        limit: plan.facts.submitted,
        reserved: plan.facts.submitted,
        segment: 0,
        base: 0.0,
        used: 0.0,
        looks: 0,
        kept: 0.0,
        rescales: 0,
        decisions: Vec::new(),
        stretch: (0, 0.0),
    };
    run.all()?;
    Ok(run.rerun())
}

struct Run<'a> {
    plan: &'a LongRunningPlan<'a>,
    job: usize,
    draw: Draw,
    law: Speed,
    now: Timestamp,
    supervised: Supervised,
    limit: Cpus,
    reserved: Cpus,
    segment: u64,
    /// CPU-seconds of the segments that are over, and of all.
    base: f64,
    used: f64,
    looks: u32,
    kept: f64,
    rescales: u32,
    decisions: Vec<JobEvent>,
    /// The recorded stretch that is under way, and CPU-seconds of it that are done.
    stretch: (usize, f64),
}

impl Run<'_> {
    fn all(&mut self) -> Result<(), ReplayError> {
        let mut registered = self.plan.history.registered().clone();
        registered.cpus = Some(self.plan.facts.submitted);
        match self.plan.course {
            Course::Policy(policy) => registered.policy = policy.clone(),
            Course::Recorded => registered.policy = self.plan.facts.state.policy.clone(),
            Course::Forced(_) => {
                let (sleeping, deployment) = (registered.policy.sleeping_time, registered.policy.deployment_time);
                let fixed = PolicySettings::newest(Policy::Fixed(Fixed {}), sleeping, deployment);
                // What is forced is nobody's decision.
                registered.policy = PolicySettings { dry_run: true, ..fixed };
            }
        }
        if let Some(cpus) = self.forced() {
            (self.limit, self.reserved, registered.cpus) = (cpus, cpus, Some(cpus));
        }
        self.submit(Command::Register(Box::new(registered)))?;
        let (success_count, error_count, activity) = (0, 0, crate::events::job::Activity::Running);
        self.submit(Command::Seen(FrameworkFacts { cpus: self.reserved, success_count, error_count, activity }))?;
        self.now = self.plan.facts.started_at.max(self.now);
        let facts = ExecutionFacts {
            started_at: self.now,
            sent_at: Some(self.now),
            execution: Some(EXECUTION.to_owned()),
            hostname: None,
        };
        let looked_at = self.plan.facts.looked_at.min(self.now);
        let begun = self.supervised.begin_execution(Command::MarathonStart(facts), self.now, looked_at);
        begun.map_err(|rejection| self.refused(rejection))?;
        self.begin_segment()?;
        let period = self.plan.history.registered().supervision.monitoring_period;
        let most_looks = self.most_looks(period);
        loop {
            let due = self.supervised.state().and_then(|state| state.execution.as_ref());
            let due = due.map_or(self.now, |execution| execution.looked_at) + period;
            let until = due.max(self.now);
            if self.work_until(until) {
                return self.end();
            }
            self.looks += 1;
            if u64::from(self.looks) > most_looks {
                let (job, done) = (self.plan.history.job(), self.used / self.plan.work_s);
                return Err(ReplayError::TooSlow { job, cpus: self.limit, looks: most_looks, done });
            }
            self.look()?;
        }
    }

    fn most_looks(&self, period: Span) -> u64 {
        let recorded: f64 = self.plan.facts.stretches.iter().map(|one| one.wall_s).sum();
        let longest = recorded.max(self.plan.history.registered().declared.deadline.seconds());
        LEAST_BOUND.max((longest / period.seconds().max(0.001) * 4.0) as u64)
    }

    /// What is forced now: before the first look, and after each.
    fn forced(&self) -> Option<Cpus> {
        self.plan.course.forced(self.looks as usize)
    }

    /// Works until `until`, or until all is done, which it says.
    fn work_until(&mut self, until: Timestamp) -> bool {
        let mut left = until.since(self.now).seconds();
        while left > 0.0 || self.used >= self.plan.work_s {
            if self.used >= self.plan.work_s - 1e-6 {
                return true;
            }
            let (rate, of_stretch) = self.rate();
            let cpu = of_stretch.min(self.plan.work_s - self.used);
            let takes = cpu * rate;
            let (cpu, takes) = if takes > left { (left / rate, left) } else { (cpu, takes) };
            self.advance(cpu, takes);
            left -= takes;
            // What is left over is less than a microsecond.
            if left < 1e-6 {
                left = 0.0;
            }
        }
        self.used >= self.plan.work_s - 1e-6
    }

    fn advance(&mut self, cpu: f64, takes: f64) {
        self.used += cpu;
        self.kept += self.limit.as_f64() * takes;
        self.now = self.now + span(takes);
        self.stretch.1 += cpu;
        if let Some(stretch) = self.plan.facts.stretches.get(self.stretch.0)
            && self.stretch.1 >= stretch.cpu_s - 1e-9
        {
            self.stretch = (self.stretch.0 + 1, 0.0);
        }
    }

    /// Seconds that a CPU-second takes now, and for how many of them that holds.
    fn rate(&self) -> (f64, f64) {
        let takes = |cpus: f64| self.law.seconds(cpus).max(1e-9);
        let now = takes(self.limit.as_f64());
        match self.plan.facts.stretches.get(self.stretch.0) {
            Some(recorded) => {
                let left = (recorded.cpu_s - self.stretch.1).max(1e-9);
                let rate = if self.draw.fresh {
                    now * self.scatter()
                } else if (recorded.cpus - self.limit.as_f64()).abs() < 1e-9 {
                    recorded.wall_s / recorded.cpu_s
                } else {
                    // Another container than the one that was recorded, with a speed of its own.
                    recorded.wall_s / recorded.cpu_s * now / takes(recorded.cpus) * self.scatter()
                };
                (rate, left)
            }
            None => (now * self.scatter(), f64::MAX),
        }
    }

    /// The speed of a run is the same for as long as it runs.
    fn scatter(&self) -> f64 {
        self.plan.known.scatter(self.draw.of_a_measurement(self.job, u32::try_from(self.segment).unwrap_or(u32::MAX)))
    }

    fn begin_segment(&mut self) -> Result<(), ReplayError> {
        self.segment += 1;
        let facts = SegmentStartFacts {
            segment: self.segment,
            at: self.now,
            sent_at: Some(self.now),
            execution: Some(EXECUTION.to_owned()),
            hostname: None,
            base: span(self.base),
            generation: (self.segment > 1).then_some(self.segment),
            runtime: None,
            limit: Some(self.limit),
            checkpoints: self.plan.facts.checkpoints,
            container: None,
            task: None,
            last_told: None,
        };
        self.submit(Command::SegmentStart(Box::new(facts)))
    }

    fn look(&mut self) -> Result<(), ReplayError> {
        let elapsed = self.now.since(self.plan.facts.started_at).seconds();
        let known = self.plan.facts.free.iter().take_while(|(after, _)| *after <= elapsed + 1.0).last();
        let sample = SampleFacts {
            segment: Some(self.segment),
            at: self.now,
            cpu: span(self.used - self.base),
            limit: Some(self.limit),
        };
        let free = known.or(self.plan.facts.free.first()).and_then(|(_, free)| *free);
        self.submit(Command::Look(LookFacts { sample: Some(sample), free, ..LookFacts::default() }))?;
        if let Some(cpus) = self.forced() {
            return if cpus == self.limit { Ok(()) } else { self.resize(cpus, true) };
        }
        let state = self.supervised.state();
        let wanted = state.and_then(|state| Some((state.resizing_to?, state.resizes_in_place())));
        match wanted {
            None => Ok(()),
            Some((cpus, true)) => {
                self.limit = cpus;
                self.submit(Command::LimitInForce { segment: Some(self.segment), cpus })
            }
            Some((cpus, false)) => {
                let asked = matches!(self.supervised.next_effect(), Some(Effect::SetCpus { .. }));
                if asked { self.resize(cpus, false) } else { Ok(()) }
            }
        }
    }

    /// Another CPU: in place at once, else by a checkpoint and a restart.
    fn resize(&mut self, cpus: Cpus, forced: bool) -> Result<(), ReplayError> {
        let in_place = self.supervised.state().is_some_and(|state| state.resizes_in_place());
        self.rescales += u32::from(forced);
        if in_place {
            self.limit = cpus;
            return Ok(());
        }
        self.end_segment(SegmentEnd::Checkpointed)?;
        let downtime = self.downtime();
        self.now = self.now + downtime;
        (self.limit, self.reserved) = (cpus, cpus);
        self.kept += cpus.as_f64() * downtime.seconds();
        let known = if forced { Command::ObserveCpus(cpus) } else { Command::CpusApplied(cpus) };
        self.submit(known)?;
        self.begin_segment()
    }

    /// What a restart takes: as in fact, in its order; then as they were in the middle; before any was seen, as the policy assumes.
    fn downtime(&self) -> Span {
        let seen = &self.plan.facts.downtimes;
        let restart = usize::try_from(self.segment).unwrap_or(usize::MAX) - 1;
        let drawn = self.draw.luck(self.job, u32::try_from(restart).unwrap_or(u32::MAX)).restart;
        match seen.get(restart).filter(|_| !self.draw.fresh) {
            Some(downtime) => *downtime,
            None if seen.is_empty() => {
                let assumed = match self.plan.history.registered().policy.policy {
                    Policy::Predictive(policy) => policy.resize_downtime,
                    _ => Predictive::default().resize_downtime,
                };
                // Nobody has seen one: from half of it to half as much again.
                let factor = if self.draw.number > 0 { 0.5 + drawn } else { 1.0 };
                span(assumed.seconds() * factor)
            }
            None if self.draw.number > 0 => {
                seen.get((drawn * seen.len() as f64) as usize).copied().unwrap_or(Span::ZERO)
            }
            None => span(median(&seen.iter().map(|one| one.seconds()).collect::<Vec<_>>())),
        }
    }

    fn end_segment(&mut self, reason: SegmentEnd) -> Result<(), ReplayError> {
        let facts = SegmentEndFacts {
            segment: self.segment,
            execution: Some(EXECUTION.to_owned()),
            at: self.now,
            sent_at: Some(self.now),
            cpu: span(self.used - self.base),
            reason,
            generation: None,
            dump: None,
        };
        self.base = self.used;
        self.submit(Command::SegmentEnd(facts))
    }

    fn end(&mut self) -> Result<(), ReplayError> {
        self.end_segment(SegmentEnd::Exited)?;
        self.submit(Command::MarathonEnd { finished_at: self.now, sent_at: Some(self.now), exit_code: 0 })
    }

    fn submit(&mut self, command: Command) -> Result<(), ReplayError> {
        let outcome = self.supervised.submit(command, self.now).map_err(|rejection| self.refused(rejection))?;
        if self.forced().is_none() {
            let decisions = outcome.events.into_iter().filter(|event| matches!(event, JobEvent::ProgressDecided(_)));
            self.decisions.extend(decisions);
        }
        Ok(())
    }

    fn refused(&self, rejection: crate::qos::job::Rejection) -> ReplayError {
        let seconds = self.now.since(self.plan.history.registered_at()).seconds();
        ReplayError::Refused { job: self.plan.history.job(), seconds, rejection }
    }

    fn rerun(self) -> Rerun {
        let state = self.supervised.state();
        let finish = state.and_then(|state| match state.ending() {
            Some(Ending::Completed { finished_at, on_time, .. }) => Some((*finished_at, *on_time)),
            _ => None,
        });
        let outcome = Outcome {
            complete: finish.is_some(),
            finish_s: finish.map(|(at, _)| at.since(self.plan.facts.started_at).seconds()),
            on_time: finish.map(|(_, on_time)| on_time),
            cpu_seconds: self.kept,
            rescales: state.map_or(0, |state| state.rescales) + self.rescales,
            last_cpus: self.limit,
        };
        let predicted = (self.plan.work_s - self.plan.facts.work_s()).max(0.0);
        Rerun { outcome, decisions: self.decisions, predicted }
    }
}

fn span(seconds: f64) -> Span {
    Span::try_from_seconds(seconds).unwrap_or(Span::from_secs(1_000_000_000))
}
