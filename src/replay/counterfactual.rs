//! What would have been.

use super::change::Change;
use super::comparison::{Comparison, Interval, JobComparison, LEAST_DRAWS, SharedCluster};
use super::divergence::{DecisionView, first_divergence};
use super::error::ReplayError;
use super::facts::{LongRunningFacts, RepeatedFacts, seen_nodes, without_waits};
use super::history::JobHistory;
use super::law::Known;
use super::outcome::Outcome;
use super::world::{Course, Draw, LongRunningPlan, RepeatedPlan, Rerun, run_long_running, run_repeated};
use super::{MOST_STEPS, notes};
use crate::events::job::Origin;
use crate::qos::arbitration::{Aim, Nodes};
use crate::qos::ids::Framework;
use crate::qos::units::{Cpus, Timestamp};

/// Runs on shared nodes are gone through pairwise.
const MOST_SHARED: usize = 5_000;

/// Whether jobs get in each other's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sharing {
    /// Each job for itself: it waits for nodes as long as it did in fact.
    #[default]
    Alone,
    /// The repeated jobs share the nodes that their reports show.
    Seen,
    /// They share these nodes, under an arbitration if it has an aim.
    Nodes(Nodes, Option<Aim>),
}

/// How to compute it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// From so many draws of what is not known the intervals are made; at least 1, fewer when the jobs are long ([`MOST_STEPS`]).
    pub draws: u32,
    /// Whether jobs get in each other's way.
    pub sharing: Sharing,
}

impl Default for Options {
    fn default() -> Self {
        Options { draws: 100, sharing: Sharing::Alone }
    }
}

/// What would have become of the jobs of `history` under `change`: their recorded work, run again.
///
/// All jobs get the change. A job of which there is nothing to run again is left out, and a note says so. Pure and deterministic; the amount of
/// work is bounded by [`MOST_STEPS`].
///
/// # Errors
/// When of no job there is anything to run again, a version is not known here, or there is more than can be computed.
pub fn counterfactual(history: &[JobHistory], change: &Change, options: &Options) -> Result<Comparison, ReplayError> {
    let (subjects, mut left_out) = what_there_is(history.iter().map(|job| Subject::of(job, change)))?;
    let nodes = shared_nodes(&subjects, options.sharing)?;
    let aim = match options.sharing {
        Sharing::Nodes(_, aim) => aim,
        Sharing::Alone | Sharing::Seen => None,
    };
    let subjects = match nodes {
        Some(nodes) => telling_waits_apart(subjects, nodes),
        None => subjects,
    };
    let steps: u64 = subjects.iter().map(Subject::steps).sum();
    if steps > MOST_STEPS {
        let what = format!("{steps} iterations and looks");
        return Err(ReplayError::TooMuch { what, most: MOST_STEPS });
    }
    // Each draw is run twice.
    let affordable = u32::try_from(MOST_STEPS / 2 / steps.max(1)).unwrap_or(u32::MAX);
    let draws = options.draws.clamp(1, affordable.max(1));
    let likeliest = rerun(&subjects, nodes, aim, Draw::LIKELIEST)?;
    let (mut same, mut fresh) = (vec![Vec::new(); subjects.len()], vec![Vec::new(); subjects.len()]);
    for number in 1..=draws {
        for (is_fresh, into) in [(false, &mut same), (true, &mut fresh)] {
            let runs = rerun(&subjects, nodes, aim, Draw { number, fresh: is_fresh })?;
            for (of_job, run) in into.iter_mut().zip(runs) {
                of_job.push(run.outcome);
            }
        }
    }
    let drawn = same.into_iter().zip(fresh);
    let compared = subjects
        .iter()
        .zip(likeliest)
        .zip(drawn)
        .map(|((subject, run), (same, fresh))| subject.compare(run, &same, &fresh));
    let (jobs, never_ending) = what_there_is(compared)?;
    left_out.extend(never_ending);
    let mut notes = notes::of(&subjects, nodes.is_some());
    notes.extend(left_out);
    if draws < LEAST_DRAWS {
        let why = if draws < options.draws {
            "more are too much work for jobs of this length"
        } else {
            "no more were asked for"
        };
        notes.push(format!("no range of 95 % and no chance is given: those need {LEAST_DRAWS} draws, and {why}"));
    }
    Ok(Comparison {
        change: change.to_string(),
        jobs,
        cluster: nodes.map(|nodes| SharedCluster {
            nodes: nodes.count,
            node_cpus: nodes.cpus.as_f64(),
            arbitrated: aim.is_some(),
        }),
        draws,
        notes,
    })
}

/// The answers about those jobs of which there is something to run again, and notes of the others.
///
/// # Errors
/// When there is none, or one fails for another reason.
pub fn what_there_is<T>(
    answers: impl IntoIterator<Item = Result<T, ReplayError>>,
) -> Result<(Vec<T>, Vec<String>), ReplayError> {
    let (mut there, mut left_out) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Ok(one) => there.push(one),
            Err(error @ ReplayError::Nothing { .. }) => left_out.push(error),
            Err(error) => return Err(error),
        }
    }
    if there.is_empty() && !left_out.is_empty() {
        return Err(left_out.swap_remove(0));
    }
    Ok((there, left_out.iter().map(|error| format!("{error}: it is left out")).collect()))
}

/// A job with what is known of its work.
pub(super) struct Subject<'a> {
    pub history: &'a JobHistory,
    pub work: Work,
    pub known: Known,
    course: Course,
}

pub(super) enum Work {
    Repeated(RepeatedFacts),
    LongRunning(LongRunningFacts),
}

impl<'a> Subject<'a> {
    pub(super) fn of(history: &'a JobHistory, change: &Change) -> Result<Subject<'a>, ReplayError> {
        let nothing = |reason| ReplayError::Nothing { job: history.job(), reason };
        let registered = history.registered();
        let (work, known) = match registered.framework {
            Framework::Chronos => {
                let facts = RepeatedFacts::of(history).ok_or(nothing("its CPU was never known"))?;
                if facts.iterations.is_empty() {
                    return Err(nothing("no iteration was counted: there is no work to run again"));
                }
                let known = Known::of_iterations(&facts.observations(), &registered.declared, facts.submitted);
                (Work::Repeated(facts), known)
            }
            Framework::Marathon => {
                let facts = LongRunningFacts::of(history).ok_or(nothing("its execution never began"))?;
                if facts.stretches.is_empty() {
                    return Err(nothing("no CPU time was measured: there is no work to run again"));
                }
                let known = Known::of_rates(&facts.observations);
                (Work::LongRunning(facts), known)
            }
        };
        let course = match change {
            Change::Nothing => Course::Recorded,
            Change::Policy(policy) => {
                policy.rule().map_err(|error| ReplayError::Version { job: history.job(), error: error.into() })?;
                Course::Policy(policy.clone())
            }
            Change::Cpus(cpus) => Course::Forced(vec![*cpus]),
            Change::ResizeAfter { done, cpus } => {
                let recorded: Vec<Cpus> = match &work {
                    Work::Repeated(facts) => facts.iterations.iter().map(|one| one.cpus).collect(),
                    Work::LongRunning(facts) => facts.in_force.clone(),
                };
                // Beyond what was recorded the last CPU goes on.
                let last = recorded.last().copied().into_iter().cycle();
                let kept = recorded.into_iter().chain(last).take((*done as usize).min(MOST_STEPS as usize));
                Course::Forced(kept.chain([*cpus]).collect())
            }
        };
        Ok(Subject { history, work, known, course })
    }

    /// Iterations or looks of one run.
    fn steps(&self) -> u64 {
        match &self.work {
            Work::Repeated(_) => u64::from(self.history.registered().iterations),
            Work::LongRunning(facts) => {
                let registered = self.history.registered();
                let period = registered.supervision.monitoring_period.seconds().max(0.001);
                // With the least CPU it may take many times as long.
                let longest = facts
                    .stretches
                    .iter()
                    .map(|one| one.wall_s)
                    .sum::<f64>()
                    .max(registered.declared.deadline.seconds());
                facts.stretches.len() as u64 + (longest / period * 4.0) as u64
            }
        }
    }

    fn work_s(&self, facts: &LongRunningFacts) -> f64 {
        let recorded = facts.work_s();
        if facts.finished_at().is_some() {
            recorded
        } else {
            // What is left of the declaration; a job that has used all of it is taken to end now.
            recorded.max(self.history.registered().declared.duration.seconds())
        }
    }

    pub(super) fn recorded(&self) -> Outcome {
        let t0 = self.counts_from();
        let (finished_at, cpu_seconds, rescales, last_cpus) = match &self.work {
            Work::Repeated(facts) => {
                let last = facts.iterations.last().map_or(facts.submitted, |one| one.cpus);
                (facts.finished_at(), facts.cpu_seconds(), facts.state.rescales, last)
            }
            Work::LongRunning(facts) => {
                let last = facts.state.cpus_in_force().unwrap_or(facts.submitted);
                (facts.finished_at(), facts.cpu_seconds, facts.state.rescales, last)
            }
        };
        Outcome {
            complete: finished_at.is_some(),
            finish_s: finished_at.map(|at| at.since(t0).seconds()),
            on_time: finished_at.map(|at| at <= self.deadline_at()),
            cpu_seconds,
            rescales,
            last_cpus,
        }
    }

    fn counts_from(&self) -> Timestamp {
        match &self.work {
            Work::Repeated(_) => self.history.registered().t0,
            Work::LongRunning(facts) => facts.started_at,
        }
    }

    fn deadline_at(&self) -> Timestamp {
        match &self.work {
            Work::Repeated(facts) => facts.state.deadline_at(),
            Work::LongRunning(facts) => facts.state.deadline_at(),
        }
    }

    /// Its deadline, in seconds from where it counts.
    pub(super) fn deadline_s(&self) -> f64 {
        self.deadline_at().since(self.counts_from()).seconds()
    }

    /// Whether what is run again was not what the supervisor started.
    pub(super) fn adopted(&self) -> bool {
        self.history.registered().origin == Origin::Adopted
    }

    fn compare(&self, run: Rerun, same: &[Outcome], fresh: &[Outcome]) -> Result<JobComparison, ReplayError> {
        let registered = self.history.registered();
        let (iterations, t0) = (registered.iterations, registered.t0);
        let events = self.history.events().iter().map(|recorded| &recorded.event);
        let recorded_decisions = DecisionView::all(events, iterations, t0);
        let replayed_decisions = DecisionView::all(&run.decisions, iterations, t0);
        let submitted = match &self.work {
            Work::Repeated(facts) => facts.submitted,
            Work::LongRunning(facts) => facts.submitted,
        };
        // What comes after the recorded end is compared with nothing.
        let upto = match &self.work {
            Work::Repeated(facts) => facts.state.done,
            Work::LongRunning(facts) => u32::try_from(facts.in_force.len()).unwrap_or(u32::MAX),
        };
        let forced = match &self.course {
            Course::Forced(cpus) => cpus.first().copied().unwrap_or(submitted),
            Course::Policy(_) | Course::Recorded => submitted,
        };
        let first = first_divergence((submitted, forced), &recorded_decisions, &replayed_decisions, upto);
        let unfinished = || ReplayError::Nothing { job: self.history.job(), reason: "it would never have ended" };
        let finishes = |outcomes: &[Outcome]| Interval::of(outcomes.iter().filter_map(|one| one.finish_s).collect());
        let (finish, another_run) = (finishes(same).ok_or_else(unfinished)?, finishes(fresh).ok_or_else(unfinished)?);
        let enough = fresh.len() >= LEAST_DRAWS as usize;
        let on_time = fresh.iter().filter(|one| one.on_time == Some(true)).count();
        Ok(JobComparison {
            job: self.history.job(),
            name: registered.name.clone(),
            framework: registered.framework,
            deadline_s: self.deadline_s(),
            law: self.known.law(),
            recorded_policy: registered.policy.policy.name().to_owned(),
            recorded: self.recorded(),
            replayed: run.outcome,
            finish: enough.then_some(finish.and(run.outcome.finish_s)),
            finish_another_run: enough.then_some(another_run),
            chance_on_time: enough.then_some(on_time as f64 / fresh.len().max(1) as f64),
            first_divergence: first,
            predicted_work: run.predicted,
            recorded_decisions,
            replayed_decisions,
        })
    }
}

/// All subjects, run together: the repeated ones on `nodes`, the long-running ones each for itself.
pub(super) fn rerun(
    subjects: &[Subject<'_>],
    nodes: Option<Nodes>,
    aim: Option<Aim>,
    draw: Draw,
) -> Result<Vec<Rerun>, ReplayError> {
    let mut reruns: Vec<Option<Rerun>> = vec![None; subjects.len()];
    let (mut plans, mut places) = (Vec::new(), Vec::new());
    for (at, subject) in subjects.iter().enumerate() {
        let Subject { history, known, course, .. } = subject;
        match &subject.work {
            Work::Repeated(facts) => {
                plans.push(RepeatedPlan { history, facts, known, course });
                places.push(at);
            }
            Work::LongRunning(facts) => {
                let plan = LongRunningPlan { history, facts, known, course, work_s: subject.work_s(facts) };
                reruns[at] = Some(run_long_running(&plan, at, draw)?);
            }
        }
    }
    for (at, run) in places.into_iter().zip(run_repeated(&plans, nodes, aim, draw)?) {
        reruns[at] = Some(run);
    }
    Ok(reruns.into_iter().flatten().collect())
}

fn repeated<'s>(subjects: &'s [Subject<'_>]) -> Vec<&'s RepeatedFacts> {
    let facts = |subject: &'s Subject<'_>| match &subject.work {
        Work::Repeated(facts) => Some(facts),
        Work::LongRunning(_) => None,
    };
    subjects.iter().filter_map(facts).collect()
}

fn shared_nodes(subjects: &[Subject<'_>], sharing: Sharing) -> Result<Option<Nodes>, ReplayError> {
    if sharing == Sharing::Alone {
        return Ok(None);
    }
    let facts = repeated(subjects);
    let runs: usize = facts.iter().map(|one| one.iterations.len()).sum();
    if runs > MOST_SHARED {
        let what = format!("{runs} iterations on shared nodes");
        return Err(ReplayError::TooMuch { what, most: MOST_SHARED as u64 });
    }
    Ok(match sharing {
        Sharing::Nodes(nodes, _) => Some(nodes),
        Sharing::Alone | Sharing::Seen => seen_nodes(&facts),
    })
}

fn telling_waits_apart<'a>(subjects: Vec<Subject<'a>>, nodes: Nodes) -> Vec<Subject<'a>> {
    let mut apart = without_waits(&repeated(&subjects), nodes).into_iter();
    let told = |subject: Subject<'a>| match subject.work {
        Work::Repeated(facts) => Subject { work: Work::Repeated(apart.next().unwrap_or(facts)), ..subject },
        Work::LongRunning(_) => subject,
    };
    subjects.into_iter().map(told).collect()
}
