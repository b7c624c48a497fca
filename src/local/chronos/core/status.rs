//! What becomes of a job when a task of it starts and ends.

use super::timers::Timer;
use super::{Action, Answer, Core};
use crate::local::chronos::job::Job;
use crate::local::chronos::schedule::{Recurrences, Schedule, parse_instant, utc_text};
use crate::local::chronos::task::{Phase, Terminal, Wanted};
use crate::local::journal::{Entry, TaskEnd};
use crate::local::nodes::Nodes;

impl Core {
    /// TASK_RUNNING. A kill that came before it is done now.
    pub(super) fn task_started(&mut self, seq: u64) {
        let Some(task) = self.tasks.get_mut(&seq).filter(|task| task.phase == Phase::Launching) else { return };
        task.phase = Phase::Running { since: self.now };
        let (name, kill) = (task.wanted.job.clone(), task.kill_requested);
        if kill {
            self.actions.push(Action::Kill { seq, grace: None });
        }
        if self.jobs.contains_key(&name) {
            self.set_activity(&name, "running", self.running_count(&name));
            self.reset_invocations(&name);
        }
    }

    /// The processes are gone: the CPU is free at once, the framework learns of it after the teardown.
    pub(super) fn task_ended(&mut self, seq: u64, end: TaskEnd, (user, system): (f64, f64), nodes: &mut Nodes) {
        let Some(task) = self.tasks.get_mut(&seq).filter(|task| !matches!(task.phase, Phase::Ended(_))) else { return };
        nodes.release(task.node, task.cpus);
        task.phase = Phase::Ended(end.clone());
        let (job, id) = (task.wanted.job.clone(), task.wanted.to_string());
        let end = Entry::End { at: self.now, seq, job, task: id, end, user_seconds: user, system_seconds: system };
        self.record(end);
        let delay = self.draw(self.settings.teardown_delay);
        self.timers.set(self.now + delay, Timer::Terminal(seq));
    }

    /// The terminal status is processed: from here on the job no longer counts as running.
    pub(super) fn terminal(&mut self, seq: u64) {
        let Some(task) = self.tasks.remove(&seq) else { return };
        self.actions.push(Action::Persist(task.wanted.job.clone()));
        let Phase::Ended(end) = &task.phase else { return };
        self.conclude(&task.wanted, Terminal::of(end, task.kill_requested));
    }

    /// Processes a terminal status.
    pub(super) fn conclude(&mut self, wanted: &Wanted, status: Terminal) {
        match status {
            // The job's real end is reported by PUT task/{id}; until then nothing changes but that it is not running.
            Terminal::Finished if self.job(&wanted.job).is_some_and(|job| job.asynchronous) => {}
            Terminal::Finished => self.finished(wanted),
            Terminal::Failed => self.failed(wanted),
            Terminal::Killed => self.set_activity(&wanted.job, "idle", self.running_count(&wanted.job)),
        }
    }

    /// 2.4: PUT `task/{id}`. An unknown task is passed over in silence.
    pub(super) fn report(&mut self, task: &str, status_code: i64) {
        match Wanted::parse(task) {
            Some(wanted) if status_code == 0 => self.finished(&wanted),
            Some(wanted) => self.failed(&wanted),
            None => tracing::warn!(task, "a report for what is no task id"),
        }
    }

    fn finished(&mut self, wanted: &Wanted) {
        let name = &wanted.job;
        if !self.jobs.contains_key(name) {
            return;
        }
        let millis = self.now.since(wanted.due).micros() / 1000;
        self.histograms.entry(name.clone()).or_default().update(millis);
        self.outcomes.entry(name.clone()).or_default().0 += 1;
        self.set_activity(name, "idle", self.running_count(name));
        self.count_success(name);
        self.start_dependents(name);
        self.disable_if_exhausted(name);
    }

    /// 3.x: PUT `job/success/{name}`; an unknown job is no error there, but the answer says so.
    pub(super) fn mark_successful(&mut self, name: &str) -> Answer {
        if self.jobs.contains_key(name) {
            self.outcomes.entry(name.to_owned()).or_default().0 += 1;
            self.count_success(name);
            self.reset_invocations(name);
            self.start_dependents(name);
        }
        Ok(())
    }

    fn count_success(&mut self, name: &str) {
        let at = utc_text(self.now);
        self.update(name, |job| {
            job.success_count += 1;
            job.errors_since_last_success = 0;
            job.last_success = at;
        });
    }

    fn disable_if_exhausted(&mut self, name: &str) {
        let Some((text, zone)) = self.job(name).and_then(Job::schedule) else { return };
        let schedule = Schedule::parse(text, zone, self.version(), self.now);
        if schedule.is_some_and(|schedule| schedule.recurrences == Recurrences::Left(0)) {
            self.update(name, |job| job.disabled = true);
        }
    }

    /// A retry when attempts are left and the job was well before; else the counts change.
    fn failed(&mut self, wanted: &Wanted) {
        let name = &wanted.job;
        let Some(job) = self.job(name).cloned() else { return };
        self.set_activity(name, "idle", self.running_count(name));
        let attempts_left = i64::from(wanted.attempt) < job.retries;
        if attempts_left && (job.last_error.is_empty() || succeeded_since(&job)) {
            let due = self.now + self.settings.failure_retry;
            let wanted = self.wanted(&job, due, wanted.attempt + 1);
            self.timers.set(due, Timer::Retry { wanted, high_priority: job.high_priority });
            return;
        }
        self.outcomes.entry(name.clone()).or_default().1 += 1;
        let mut new = job.clone();
        new.error_count += 1;
        new.errors_since_last_success += 1;
        new.last_error = utc_text(self.now);
        // Chronos writes here whether failures disable a job. They do not by default: a disabled job is enabled.
        new.disabled = false;
        if !self.v3() {
            self.follow_schedule(&new);
        }
        self.update(name, |job| *job = new);
        if job.soft_error {
            self.start_dependents(name);
        }
    }
}

fn succeeded_since(job: &Job) -> bool {
    let instants = parse_instant(&job.last_success).zip(parse_instant(&job.last_error));
    instants.is_some_and(|(success, error)| success >= error)
}
