//! What is known of a chained job whose agents changed its CPU limit while its tasks ran.

use super::evidence::Evidence;
use super::scaling::Speed;
use super::story::Story;
use crate::events::job::{JobEvent, RunKey};
use crate::qos::job::{JobState, Recorded};
use crate::qos::units::{Cpus, Span, Timestamp};
use crate::workload::published::Times;

/// The CPU of each resize that was applied, by who applied it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// A replacement of the job in its framework, for the next task.
    pub by_framework: Vec<Cpus>,
    /// A limit that an agent has changed.
    pub by_agents: Vec<Cpus>,
}

impl Applied {
    /// Reads it from the events of the job.
    pub fn of(evidence: &Evidence) -> Self {
        let mut applied = Applied::default();
        let mut state = None::<JobState>;
        for ((event, at), version) in evidence.events.iter().zip(&evidence.recorded_at).zip(1..) {
            if let JobEvent::RescaleApplied(resize) = event {
                let before = state.as_ref().and_then(JobState::cpus_in_force);
                let in_place = state.as_ref().is_some_and(JobState::resizes_in_place);
                let list = if in_place { &mut applied.by_agents } else { &mut applied.by_framework };
                // What was intended and given up again before it was asked for changes nothing.
                if before != Some(resize.cpus) {
                    list.push(resize.cpus);
                }
            }
            JobState::follow(&mut state, &Recorded { version, at: *at, event: event.clone() });
        }
        applied
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_framework.len() + self.by_agents.len()
    }
}

/// The limits that an agent has said, in what it printed, to have set while its job ran.
pub fn limits_set(printed: &str) -> impl Iterator<Item = Cpus> {
    let resized = printed.lines().filter(|line| line.contains("resized in place"));
    resized.filter_map(|line| {
        let (_, after) = line.rsplit_once("to=")?;
        let number = after.split(|c: char| !(c.is_ascii_digit() || c == '.')).next()?;
        Cpus::try_from_f64(number.parse().ok()?).ok()
    })
}

/// How many times longer the iterations took than the published machine would have taken under the same limits, at this speed.
pub fn slowdown(evidence: &Evidence, story: &Story, speed: Speed) -> Option<f64> {
    let (mut possible, mut done) = (0.0, 0.0);
    for launch in &evidence.usage.launches {
        let own = evidence.own_figures.get(&launch.seq).into_iter().flatten();
        for (own, finished_at) in own.zip(finished(evidence, &launch.task)) {
            let times = Times::of_order(own.order);
            let began_at = finished_at - Span::try_from_seconds(own.wall_s).ok()?;
            possible += story.between((began_at, finished_at), |cpus| times.one_cpu / times.at(cpus));
            done += times.one_cpu / speed.get();
        }
    }
    if done > 0.0 { Some(possible / done) } else { None }
}

/// When the good iterations of `task` ended, in their order.
fn finished(evidence: &Evidence, task: &str) -> impl Iterator<Item = Timestamp> {
    evidence.events.iter().filter_map(move |event| match event {
        JobEvent::IterationFinished(finished) if finished.exit_code == 0 => match &finished.key {
            RunKey::Run { run, .. } if run == task => Some(finished.finished_at),
            _ => None,
        },
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::evidence::OwnFigures;
    use crate::demo::marathon::agreement::tests::in_place;

    #[test]
    fn what_an_agent_says_to_have_set_is_found_in_what_its_task_printed() {
        let printed = "2026-01-01T00:00:00.000000Z  INFO the job's process is started\n\
                       2026-01-01T00:00:01.000000Z  INFO resized in place from=1 to=0.6\n\
                       2026-01-01T00:00:02.000000Z  WARN cannot resize in place: no cpus=2\n\
                       2026-01-01T00:00:03.000000Z  INFO resized in place from=0.6 to=2\n";
        let limits: Vec<u32> = limits_set(printed).map(Cpus::milli).collect();
        assert_eq!(limits, [600, 2000]);
        assert_eq!(limits_set("resized in place to=\nresized in place to=x").count(), 0);
    }

    #[test]
    fn an_iteration_under_changing_limits_is_compared_with_what_they_allowed() {
        // 8.5 s at 1 CPU and 5 s at 0.6 CPU.
        let mut evidence = in_place();
        let story = Story::of(&evidence, true);
        let whole = story.over_time(|cpus| cpus);
        let (began, ended) = (story.segments[0].start.started_at, story.segments[0].stopped_at().unwrap());
        let seconds = ended.since(began).seconds();
        assert!((story.between((began, ended), |cpus| cpus) - whole).abs() < 1e-9);
        let half = began + Span::try_from_seconds(seconds / 2.0).unwrap();
        let parts = [(began, half), (half, ended)].map(|part| story.between(part, |cpus| cpus));
        assert!((parts[0] + parts[1] - whole).abs() < 1e-9 && parts[0] > parts[1], "{parts:?}");
        // One iteration in all of this time, whose work is what those limits can do: not slower than it should be.
        let launch = &evidence.usage.launches[0];
        let (seq, task, order) = (launch.seq, launch.task.clone(), 6000);
        let times = Times::of_order(order);
        let possible = story.over_time(|cpus| times.one_cpu / times.at(cpus));
        evidence.own_figures = [(seq, vec![OwnFigures { order, wall_s: seconds, cpu_s: 1.0 }])].into();
        evidence.events.push(JobEvent::IterationFinished(crate::events::job::IterationFinished {
            iteration: 1,
            key: RunKey::Run { run: task, index: 0 },
            hostname: "node1".into(),
            started_at: began,
            finished_at: ended,
            reported_finished_at: ended,
            received_at: ended,
            duration: ended.since(began),
            exit_code: 0,
            outcome: crate::events::job::Outcome::Counted,
            clock_skew: false,
        }));
        let speed = Speed::new(times.one_cpu / possible).unwrap();
        let slowdown = slowdown(&evidence, &story, speed).unwrap();
        assert!((slowdown - 1.0).abs() < 1e-6, "{slowdown}");
    }

    #[test]
    fn without_agents_each_resize_is_one_of_the_framework() {
        // The events of a long-running job without its registration: nobody is known to change its limit.
        let applied = Applied::of(&in_place());
        assert_eq!((applied.by_framework.len(), applied.by_agents.len(), applied.count()), (1, 0, 1));
    }
}
