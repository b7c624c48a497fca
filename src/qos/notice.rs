//! Which events of a job an operator should know of at once.

use crate::api::notice::{Notice, NoticeKind, NoticedJob};
use crate::events::job::JobEvent;
use crate::qos::admission::Verdict;
use crate::qos::job::{JobState, Recorded};
use crate::qos::units::{Span, Timestamp};

/// A job, watched from its first event on.
#[derive(Debug, Clone)]
pub struct Noticed {
    state: JobState,
    predicted_late: bool,
    late: bool,
}

impl Noticed {
    /// A job from its first event, with the notices of that; none when it is no registration.
    pub fn begin(first: &Recorded) -> Option<(Self, Vec<Notice>)> {
        let JobEvent::Registered(registered) = &first.event else { return None };
        let state = JobState::new(registered.clone(), first);
        let noticed = Noticed { state, predicted_late: false, late: false };
        let admission = &registered.admission;
        let infeasible = admission.verdict == Verdict::Infeasible;
        let notices = infeasible.then(|| noticed.notice(first, NoticeKind::Infeasible, admission.reason.clone()));
        Some((noticed, notices.into_iter().collect()))
    }

    /// Takes the next event into account; its notices.
    pub fn advance(&mut self, recorded: &Recorded) -> Vec<Notice> {
        let before_the_end = self.state.ending().is_none();
        self.state.apply(recorded);
        let mut notices = Vec::new();
        match &recorded.event {
            JobEvent::Decided(decided) => {
                let over = decided.prediction.since(self.deadline());
                // Told again only when it was on time in between.
                let late = over > Span::ZERO;
                if late && !self.predicted_late {
                    let reason = format!("predicted to end {:.0} s after its deadline", over.seconds());
                    notices.push(self.notice(recorded, NoticeKind::LatePredicted, reason));
                }
                self.predicted_late = late;
            }
            JobEvent::TelemetryLost(lost) => {
                let silent = recorded.at.since(lost.since).seconds();
                let reason = format!("no CPU time for {silent:.0} s: nothing is decided until it comes again");
                notices.push(self.notice(recorded, NoticeKind::TelemetryLost, reason));
            }
            _ => {}
        }
        let missed = match &recorded.event {
            JobEvent::Completed(completed) => (!completed.on_time).then_some(Span::ZERO - completed.margin),
            // Whatever is heard of a job after its deadline.
            _ => Some(recorded.at.since(self.deadline()))
                .filter(|over| *over > Span::ZERO && self.state.ending().is_none()),
        };
        if let Some(over) = missed.filter(|_| before_the_end && !self.late) {
            self.late = true;
            let how = if self.state.ending().is_some() { "ended" } else { "not done" };
            let reason = format!("{how} {:.0} s after its deadline", over.seconds());
            notices.push(self.notice(recorded, NoticeKind::Late, reason));
        }
        notices
    }

    /// Whether nothing is to be expected of the job any more.
    pub fn is_over(&self) -> bool {
        self.state.is_finished()
    }

    /// That of a long-running job counts from the start of its execution.
    fn deadline(&self) -> Timestamp {
        let registered = &self.state.registered;
        let execution = self.state.execution.as_ref();
        execution.map_or(registered.deadline_at, |execution| execution.started_at + registered.declared.deadline)
    }

    fn notice(&self, recorded: &Recorded, event: NoticeKind, reason: String) -> Notice {
        let registered = &self.state.registered;
        Notice {
            id: format!("{}/{}/{}", registered.job, recorded.version, event.as_str()),
            event,
            at: recorded.at.into(),
            framework: registered.framework,
            job: Some(NoticedJob {
                uuid: registered.job,
                name: registered.name.clone(),
                deadline_at: self.deadline().into(),
            }),
            reason,
        }
    }
}
