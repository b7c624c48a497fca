//! The alarm of a job's deadline: of a job that keeps silent nothing else would say that it is late.

use std::time::Duration;

use actix::{AsyncContext, Context, SpawnHandle};

use super::job::JobActor;
use super::submit::Submit;
use crate::qos::job::{Command, awaited_deadline};
use crate::qos::units::{Span, Timestamp};

/// A deadline is a date of the calendar: so often it is seen whether the wall clock was set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Behind the deadline, so that a timer of milliseconds does not ring before it.
const AFTER: Span = Span::from_micros(1000);

/// The deadline that is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeadlineAlarm {
    deadline_at: Timestamp,
    rings: SpawnHandle,
}

impl JobActor {
    /// Sets the alarm for the deadline, unless it is set.
    pub(super) fn watch_for_deadline(&mut self, ctx: &mut Context<Self>) {
        let awaited = self.state.as_deref().and_then(awaited_deadline);
        if self.deadline.map(|alarm| alarm.deadline_at) != awaited {
            self.set_deadline_alarm(ctx, Duration::ZERO);
        }
    }

    /// Sets the alarm for the deadline, if one is to come, after `at_least` this time.
    pub(super) fn set_deadline_alarm(&mut self, ctx: &mut Context<Self>, at_least: Duration) {
        if let Some(alarm) = self.deadline.take() {
            ctx.cancel_future(alarm.rings);
        }
        let Some(deadline_at) = self.state.as_deref().and_then(awaited_deadline) else { return };
        let left = (deadline_at + AFTER).since(self.now()).to_std();
        let rings = ctx.notify_later(Submit::plain(Command::DeadlineReached), left.max(at_least).min(LONGEST_WAIT));
        self.deadline = Some(DeadlineAlarm { deadline_at, rings });
    }
}
