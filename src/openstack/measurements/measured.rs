//! A job, measured from its first event on.

use std::collections::BTreeMap;

use super::figures::figures;
use super::valid;
use crate::events::job::JobEvent;
use crate::qos::ids::{Framework, JobId};
use crate::qos::job::{JobState, Recorded};

/// One value of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The metric.
    pub name: &'static str,
    /// The job's name, as Monasca takes it.
    pub jobname: String,
    /// Its framework.
    pub framework: Framework,
    /// The job.
    pub job: JobId,
    /// Milliseconds since 1970; rises from point to point of a job's metric.
    pub timestamp: i64,
    /// Finite.
    pub value: f64,
}

/// A job's state, and the newest instant of each of its series.
#[derive(Debug, Clone)]
pub struct Measured {
    state: JobState,
    jobname: String,
    newest: BTreeMap<&'static str, i64>,
}

impl Measured {
    /// A job from its first event, with the points of that; none when it is no registration.
    pub fn begin(first: &Recorded) -> Option<(Self, Vec<Point>)> {
        let JobEvent::Registered(registered) = &first.event else { return None };
        let state = JobState::new(registered.clone(), first);
        let jobname = valid::dimension_value(&registered.name);
        let mut measured = Measured { state, jobname, newest: BTreeMap::new() };
        let points = measured.points(None, first);
        Some((measured, points))
    }

    /// Takes the next event into account; its points.
    pub fn advance(&mut self, recorded: &Recorded) -> Vec<Point> {
        let before = self.state.clone();
        self.state.apply(recorded);
        self.points(Some(&before), recorded)
    }

    /// Whether nothing is to be expected of the job any more.
    pub fn is_over(&self) -> bool {
        self.state.is_finished()
    }

    fn points(&mut self, before: Option<&JobState>, recorded: &Recorded) -> Vec<Point> {
        let at = recorded.at.micros().div_euclid(1000);
        let found = figures(before, recorded, &self.state).into_iter().filter(|(_, value)| value.is_finite());
        let newest = &mut self.newest;
        let points = found.map(|(name, value)| {
            // Two of one millisecond would be one in Monasca; so would those of a wall clock that was set back.
            let timestamp = newest.get(name).map_or(at, |newest| at.max(newest.saturating_add(1)));
            newest.insert(name, timestamp);
            Point {
                name,
                jobname: self.jobname.clone(),
                framework: self.state.registered.framework,
                job: self.state.registered.job,
                timestamp,
                value,
            }
        });
        points.collect()
    }
}
