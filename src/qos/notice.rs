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
        let had_begun = self.state.is_long_running();
        self.state.apply(recorded);
        // It has another deadline from now on.
        self.late &= had_begun || !self.state.is_long_running();
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
            JobEvent::DeadlinePassed(passed) => Some(recorded.at.since(passed.deadline_at)),
            // Whatever is heard of a job after its deadline, unless it is a part of its end, which says itself whether it is late.
            JobEvent::MarathonEnded(_) | JobEvent::SegmentEnded(_) => None,
            JobEvent::IterationFinished(_) if self.state.remaining() == 0 => None,
            _ if self.state.ending().is_some() => None,
            _ => Some(recorded.at.since(self.deadline())).filter(|over| *over > Span::ZERO),
        };
        if let Some(over) = missed.filter(|_| before_the_end && !self.late) {
            self.late = true;
            let how = if self.state.ending().is_some() { "ended" } else { "not done" };
            let reason = match over.seconds() {
                ..1.0 => format!("{how} at its deadline"),
                seconds => format!("{how} {seconds:.0} s after its deadline"),
            };
            notices.push(self.notice(recorded, NoticeKind::Late, reason));
        }
        notices
    }

    /// Whether nothing is to be expected of the job any more.
    pub fn is_over(&self) -> bool {
        self.state.is_finished()
    }

    fn deadline(&self) -> Timestamp {
        self.state.deadline_at()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::job::*;
    use crate::qos::admission::Admission;
    use crate::qos::chronos::Bounds;
    use crate::qos::declared::Declared;
    use crate::qos::ids::{Framework, JobId};
    use crate::qos::performance::Performance;
    use crate::qos::policy::{Policy, PolicySettings, Step};
    use crate::qos::units::Cpus;

    const T0: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn at(seconds: i64) -> Timestamp {
        T0 + Span::from_secs(seconds)
    }

    fn policy() -> PolicySettings {
        let cpus = Cpus::from_milli;
        let step = Step { increment: cpus(400), decrement: cpus(400), cpu_min: cpus(100), cpu_max: cpus(2000) };
        PolicySettings::newest(Policy::Step(step), Span::ZERO, Span::ZERO)
    }

    fn registered(verdict: Verdict) -> JobEvent {
        let declared = Declared::new(100.0, 1000.0, 0.2).unwrap();
        JobEvent::Registered(Registered {
            job: JobId::from_bytes([7; 16]),
            name: "job".into(),
            framework: Framework::Chronos,
            origin: Origin::Native,
            declared,
            iterations: 4,
            cpus: Some(Cpus::from_milli(1000)),
            t0: T0,
            deadline_at: at(1000),
            policy: policy(),
            choice: None,
            supervision: Supervision {
                max_failures: 3,
                overdue_factor_milli: 3000,
                callback_window: Span::from_secs(600),
                monitoring_period: Span::from_secs(120),
                rescale: RescaleMode::Restart,
                chain_start: Supervision::CHAIN_START,
            },
            chain: false,
            admission: Admission { verdict, needed: None, available: Cpus::from_milli(2000), reason: "why".into() },
        })
    }

    fn decided(prediction: Timestamp) -> JobEvent {
        JobEvent::Decided(Decided {
            inputs: DecisionInputs { event: 2, at: T0, remaining: 3, ceiling: None },
            policy: policy(),
            fold: 1,
            prediction,
            bounds: Bounds { lower: T0, upper: at(1000) },
            performance: Performance::UnderPerformant,
            from: Cpus::from_milli(1000),
            to: Cpus::from_milli(1400),
            wish: None,
            reason: String::new(),
            model: None,
        })
    }

    fn finished(run: u32) -> JobEvent {
        JobEvent::IterationFinished(IterationFinished {
            iteration: run,
            key: RunKey::Run { run: run.to_string(), index: 0 },
            hostname: "n".into(),
            started_at: T0,
            finished_at: at(899),
            reported_finished_at: at(899),
            received_at: at(899),
            duration: Span::from_secs(1),
            exit_code: 0,
            outcome: Outcome::Counted,
            clock_skew: false,
        })
    }

    /// Kind and version of each notice.
    fn notices(events: Vec<(Timestamp, JobEvent)>) -> Vec<(NoticeKind, String)> {
        let mut recorded = (1..).zip(events).map(|(version, (at, event))| Recorded { version, at, event });
        let (mut job, mut found) = Noticed::begin(&recorded.next().unwrap()).unwrap();
        recorded.for_each(|recorded| found.extend(job.advance(&recorded)));
        let version = |id: &str| id.split('/').nth(1).unwrap().to_owned();
        found.into_iter().map(|notice| (notice.event, version(&notice.id))).collect()
    }

    #[test]
    fn a_predicted_delay_is_told_of_when_it_begins_and_not_while_it_lasts() {
        let found = notices(vec![
            (T0, registered(Verdict::Feasible)),
            (at(100), decided(at(1001))),
            (at(200), decided(at(1100))),
            (at(300), decided(at(1000))),
            (at(400), decided(at(1200))),
        ]);
        let expected = [(NoticeKind::LatePredicted, "2".to_owned()), (NoticeKind::LatePredicted, "5".to_owned())];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_missed_deadline_is_told_of_once_at_the_first_word_after_it_or_at_the_end() {
        let ended = |margin| Completed {
            finished_at: at(1000 - margin),
            on_time: margin >= 0,
            margin: Span::from_secs(margin),
        };
        let seen = || JobEvent::CpuObserved(CpuObserved { cpus: Cpus::from_milli(1000) });
        let first = registered(Verdict::Feasible);
        let late = |version: &str| vec![(NoticeKind::Late, version.to_owned())];
        assert_eq!(notices(vec![(T0, first.clone()), (at(999), ended(1).into())]), []);
        let last = (at(1010), finished(4));
        let mut in_time: Vec<_> = (1..=3).map(|run| (at(900), finished(run))).collect();
        in_time.insert(0, (T0, first.clone()));
        in_time.extend([last, (at(1010), ended(1).into())]);
        assert_eq!(notices(in_time), [], "reported late, done in time");
        assert_eq!(notices(vec![(T0, first.clone()), (at(1010), ended(-9).into())]), late("2"));
        let events = vec![(T0, first.clone()), (at(1001), seen()), (at(1002), seen()), (at(1010), ended(-9).into())];
        assert_eq!(notices(events), late("2"));
        let cancelled = Cancelled { reason: "x".into() };
        assert_eq!(
            notices(vec![(T0, first), (at(500), cancelled.into()), (at(2000), seen())]),
            [],
            "nobody waits for it"
        );
    }

    #[test]
    fn a_job_that_falls_silent_is_told_of_at_its_deadline_and_not_again() {
        let passed = || JobEvent::DeadlinePassed(DeadlinePassed { deadline_at: at(1000) });
        let seen = || JobEvent::CpuObserved(CpuObserved { cpus: Cpus::from_milli(1000) });
        let ended = Completed { finished_at: at(1010), on_time: false, margin: Span::from_secs(-10) };
        let first = registered(Verdict::Feasible);
        let late = |version: &str| vec![(NoticeKind::Late, version.to_owned())];
        assert_eq!(notices(vec![(T0, first.clone()), (at(1000), passed())]), late("2"));
        let events = vec![(T0, first.clone()), (at(1000), passed()), (at(1005), seen()), (at(1010), ended.into())];
        assert_eq!(notices(events), late("2"));
        // Something was heard before the supervisor came to its alarm; logs of before the event have no other.
        assert_eq!(notices(vec![(T0, first), (at(1001), seen()), (at(1002), passed())]), late("2"));
    }

    #[test]
    fn a_long_running_job_that_begins_after_its_deadline_has_another() {
        let JobEvent::Registered(mut first) = registered(Verdict::Feasible) else { panic!("not registered") };
        first.framework = Framework::Marathon;
        let passed = |seconds| JobEvent::DeadlinePassed(DeadlinePassed { deadline_at: at(seconds) });
        let begun = MarathonStarted { started_at: at(1500), received_at: at(1500), execution: None, hostname: None };
        let mut events = vec![(T0, first.into()), (at(1000), passed(1000)), (at(1500), begun.into())];
        assert_eq!(notices(events.clone()), [(NoticeKind::Late, "2".to_owned())]);
        events.push((at(2500), passed(2500)));
        assert_eq!(notices(events)[1..], [(NoticeKind::Late, "4".to_owned())]);
    }

    #[test]
    fn an_infeasible_job_is_told_of_at_its_registration() {
        assert_eq!(notices(vec![(T0, registered(Verdict::Infeasible))]), [(NoticeKind::Infeasible, "1".to_owned())]);
        assert_eq!(notices(vec![(T0, registered(Verdict::Tight))]), []);
    }
}
