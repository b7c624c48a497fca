//! 3.x: a loop loads what was created and queues every job whose stored schedule lies in the past. The stored text is
//! moved on when a task is launched, by a schedule or by force.

use std::collections::BTreeSet;

use super::timers::Timer;
use super::{Core, Known};
use crate::local::chronos::job::{Job, Trigger};
use crate::local::chronos::schedule::{Recurrences, Schedule};
use crate::qos::units::{Span, Timestamp};

impl Core {
    /// Loads new jobs and queues what is due.
    pub(super) fn reload(&mut self) {
        self.load_unseen();
        let mut due: Vec<(Timestamp, String)> = Vec::new();
        for (name, known) in &self.jobs {
            if let Some(at) = self.next_due(&known.job).filter(|at| *at < self.now) {
                due.push((at, name.clone()));
            }
        }
        due.sort_by_key(|(at, _)| *at);
        for (_, name) in due {
            if let Some(job) = self.job(&name) {
                let (wanted, high_priority) = (self.wanted(job, self.now, 0), job.high_priority);
                self.enqueue(wanted, high_priority);
            }
        }
    }

    /// Plans the next look of the loop.
    pub(super) fn plan_look(&mut self) {
        let mut at = self.now + self.settings.horizon;
        if self.v3() {
            // "Before now" is what makes a job due: one millisecond, the resolution of the original, after it.
            let tick = Span::from_micros(1000);
            let due = self.jobs.values().filter_map(|known| self.next_due(&known.job));
            at = due.filter(|due| *due >= self.now).map(|due| due + tick).fold(at, Timestamp::min);
            let visible = self.unseen.values().map(|(visible, _)| *visible).filter(|visible| *visible > self.now);
            at = visible.fold(at, Timestamp::min);
        }
        self.timers.cancel(|timer| *timer == Timer::Look);
        self.timers.set(at, Timer::Look);
    }

    /// When an enabled job with recurrences left is due.
    fn next_due(&self, job: &Job) -> Option<Timestamp> {
        let (text, zone) = job.schedule().filter(|_| !job.disabled)?;
        let schedule = Schedule::parse(text, zone, self.version(), self.now)?;
        (schedule.recurrences != Recurrences::Left(0)).then(|| schedule.due())
    }

    /// Created jobs come to light: scheduled ones first, then dependent ones whose parents are all known.
    fn load_unseen(&mut self) {
        loop {
            let ready = |(name, (visible, known)): (&String, &(Timestamp, Known))| {
                let parents_known = known.job.parents().iter().all(|parent| self.jobs.contains_key(parent));
                (*visible <= self.now && parents_known).then(|| name.clone())
            };
            let names: BTreeSet<String> = self.unseen.iter().filter_map(ready).collect();
            if names.is_empty() {
                return;
            }
            for name in names {
                if let Some((_, known)) = self.unseen.shift_remove(&name) {
                    self.jobs.insert(name, known);
                }
            }
            self.jobs.sort_by(|_, a, _, b| a.order.cmp(&b.order));
        }
    }

    /// After a launch: the start moves to the first future multiple and one recurrence is used up, whatever launched.
    pub(super) fn move_schedule_on(&mut self, name: &str) {
        let Some((text, zone)) = self.job(name).and_then(Job::schedule) else { return };
        let Some(mut schedule) = Schedule::parse(text, zone, self.version(), self.now) else { return };
        let (seconds, period) =
            (self.now.since(schedule.due()).micros() / 1_000_000, schedule.period_seconds(self.now));
        let skips = if schedule.due() < self.now && !schedule.period.is_zero() { seconds / period + 1 } else { 0 };
        let Some(start) = schedule.start_after(skips) else { return };
        schedule.start = start;
        schedule.recurrences = match schedule.recurrences {
            Recurrences::Endless => Recurrences::Endless,
            // The original counts to -1 here and prints that as endless: a forced start revives an exhausted job.
            Recurrences::Left(0) => Recurrences::Endless,
            Recurrences::Left(n) => Recurrences::Left(n - 1),
        };
        let text = schedule.to_string();
        self.update(name, |job| job.set_schedule(text));
    }

    /// Keeps a created job without showing it yet.
    pub(super) fn create_unseen(&mut self, job: Job) {
        let visible = self.now + self.settings.visibility_delay;
        let order = self.take_order();
        let name = job.name.clone();
        self.unseen.insert(name.clone(), (visible, Known { order, job }));
        self.actions.push(super::Action::Persist(name));
        self.look();
    }

    /// The job of this name in the making, for what is stored of it.
    pub(super) fn unseen_job(&self, name: &str) -> Option<&Known> {
        self.unseen.get(name).map(|(_, known)| known)
    }

    /// Whether a job is triggered by other jobs.
    pub(super) fn is_dependent(job: &Job) -> bool {
        matches!(job.trigger, Trigger::Parents(_))
    }
}
