//! 2.4: each enabled schedule is a stream of occurrences. Those inside the horizon are planned ahead, and the stored
//! text is moved on as they are planned.

use super::timers::Timer;
use super::{Action, Core};
use crate::local::chronos::job::{DEFAULT_EPSILON, Job};
use crate::local::chronos::schedule::{Recurrences, Schedule};
use crate::qos::units::{Span, Timestamp};

/// Occurrences planned in one look at one schedule, at most: a period of zero would never leave the horizon.
const MOST_AT_ONCE: usize = 10_000;

/// Where a schedule stands.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    job: String,
    schedule: Schedule,
}

impl Core {
    /// The loop: every horizon in 2.4, when something is due in 3.x.
    pub(super) fn look(&mut self) {
        if self.v3() {
            self.reload();
        } else {
            let streams = std::mem::take(&mut self.streams);
            self.streams = self.advance(streams);
        }
        self.plan_look();
    }

    /// Takes up the schedule of a created or replaced job: what is due is queued now. A schedule of which nothing can
    /// be left leaves the stream before it in place, as in the original.
    pub(super) fn follow_schedule(&mut self, job: &Job) {
        let Some((text, zone)) = job.schedule() else { return };
        let stream = Schedule::parse(text, zone, self.version(), self.now)
            .filter(|_| !job.disabled)
            .and_then(|schedule| self.skip_missed(schedule, job));
        if stream.is_none() && !job.disabled {
            return;
        }
        let others = self.streams.drain(..).filter(|stream| stream.job != job.name);
        let new = stream.map(|schedule| Stream { job: job.name.clone(), schedule });
        let streams = new.into_iter().chain(others).collect();
        self.streams = self.advance(streams);
    }

    pub(super) fn forget_schedule(&mut self, name: &str) {
        self.streams.retain(|stream| stream.job != name);
    }

    /// Plans what the horizon holds; streams without further occurrences end.
    fn advance(&mut self, streams: Vec<Stream>) -> Vec<Stream> {
        let mut left = Vec::new();
        for mut stream in streams {
            if self.plan(&mut stream) && stream.schedule.recurrences != Recurrences::Left(0) {
                left.push(stream);
            }
        }
        left
    }

    /// Plans one stream; false when it is over.
    fn plan(&mut self, stream: &mut Stream) -> bool {
        for _ in 0..MOST_AT_ONCE {
            let Some(job) = self.job(&stream.job) else { return false };
            if stream.schedule.recurrences == Recurrences::Left(0) {
                return false;
            }
            let due = stream.schedule.due();
            let missed = due <= self.now - epsilon(job);
            if !missed && due >= self.now + self.settings.horizon {
                return true;
            }
            let Some(next) = stream.schedule.after_one() else { return false };
            if !missed {
                self.plan_occurrence(&stream.job, due);
                let text = next.to_string();
                self.update(&stream.job, |job| job.set_schedule(text));
            }
            stream.schedule = next;
        }
        true
    }

    fn plan_occurrence(&mut self, name: &str, due: Timestamp) {
        let Some(job) = self.job(name) else { return };
        let (wanted, high_priority) = (self.wanted(job, due, 0), job.high_priority);
        if due > self.now {
            self.timers.set(due, Timer::Occurrence { wanted, high_priority });
            self.actions.push(Action::Persist(name.to_owned()));
        } else {
            self.enqueue(wanted, high_priority);
        }
    }

    /// A start missed by more than epsilon is skipped forward; `None` when that uses the schedule up.
    fn skip_missed(&self, mut schedule: Schedule, job: &Job) -> Option<Schedule> {
        if schedule.due() + epsilon(job) >= self.now {
            return Some(schedule);
        }
        let skips = self.periods_until_now(&schedule);
        schedule.recurrences = match schedule.recurrences {
            Recurrences::Endless => Recurrences::Endless,
            Recurrences::Left(n) => Recurrences::Left(n.checked_sub(u64::try_from(skips).ok()?)?),
        };
        schedule.start = schedule.start_after(skips)?;
        Some(schedule)
    }

    /// Whole periods from the start to now; periods of months or years are walked, for they differ in length.
    fn periods_until_now(&self, schedule: &Schedule) -> i64 {
        if !schedule.is_calendar() {
            return self.now.since(schedule.due()).micros() / 1_000_000 / schedule.period_seconds(self.now);
        }
        let mut skips = 0;
        let mut walked = schedule.clone();
        walked.recurrences = Recurrences::Endless;
        while walked.due() < self.now {
            let Some(next) = walked.after_one().filter(|next| next.due() > walked.due()) else { break };
            walked = next;
            skips += 1;
        }
        skips
    }
}

fn epsilon(job: &Job) -> Span {
    let period: jiff::Span = job.epsilon.parse().or_else(|_| DEFAULT_EPSILON.parse()).unwrap_or_default();
    // Days and longer have no length without a date; such an epsilon counts as days of 24 hours.
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let seconds = period.total((jiff::Unit::Second, days)).unwrap_or(60.0);
    Span::try_from_seconds(seconds).unwrap_or(Span::from_secs(60))
}
