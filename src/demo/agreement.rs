//! Whether the witnesses agree: each figure that the demo shows is checked against another source.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Evidence;
use super::in_place::Applied;
use super::story::{Segment, Story};
use crate::events::job::{IterationFinished, JobEvent, Outcome, RunKey};
use crate::local::journal::TaskEnd;
use crate::local::usage::LaunchUsage;
use crate::qos::units::Cpus;

/// How far the kernel's CPU time may be from what the programs measured of themselves.
pub const CPU_TOLERANCE: f64 = 0.05;

/// The same for what the command around the programs takes: it is measured before the run, alone, and with the start of a container for each
/// program, where a chain starts one for many.
const WRAPPER_TOLERANCE: f64 = 0.5;

/// What is known about one job, and how to read it.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Iterations that were to be done.
    pub iterations: u32,
    /// How often the supervisor says that the job was resized.
    pub rescales: u32,
    /// CPU seconds of a real core that the command around each run takes.
    pub wrapper_core_seconds: f64,
    /// The evidence.
    pub evidence: &'a Evidence,
    /// Where its tasks ran under agents.
    pub under_agents: Option<UnderAgents<'a>>,
}

/// What is known of tasks whose agents have changed their CPU limit.
#[derive(Debug, Clone, Copy)]
pub struct UnderAgents<'a> {
    /// Their segments.
    pub story: &'a Story,
    /// Real cores behind one CPU of the cluster.
    pub cpu_factor: f64,
}

impl Claim<'_> {
    /// Every disagreement, in a sentence each.
    pub fn disagreements(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.iterations(&mut found);
        self.launches(&mut found);
        self.rescales(&mut found);
        self.cpu(&mut found);
        found
    }

    /// CPU seconds of a real core that the runs' programs measured of themselves.
    pub fn own_core_seconds(&self) -> f64 {
        self.evidence.all_own_figures().map(|own| own.cpu_s).sum()
    }

    fn finished(&self) -> impl Iterator<Item = &IterationFinished> {
        self.evidence.events.iter().filter_map(|event| match event {
            JobEvent::IterationFinished(finished) => Some(finished),
            _ => None,
        })
    }

    fn launched(&self) -> impl Iterator<Item = &LaunchUsage> {
        self.evidence.usage.launches.iter().filter(|launch| launch.launched_at.is_some())
    }

    fn iterations(&self, found: &mut Vec<String>) {
        let counted: Vec<u32> =
            self.finished().filter(|f| f.outcome == Outcome::Counted).map(|f| f.iteration).collect();
        if !counted.iter().copied().eq(1..=self.iterations) {
            found.push(format!(
                "the event log counts the iterations {counted:?}, and 1 to {} were to be done",
                self.iterations
            ));
        }
    }

    /// Each launch of the journal is one task of the log, whose last report has the same exit code, and the other way round. It has
    /// printed one result for each iteration that it has reported as good.
    fn launches(&self, found: &mut Vec<String>) {
        let mut reported: BTreeMap<&str, i32> = BTreeMap::new();
        let mut good: BTreeMap<&str, usize> = BTreeMap::new();
        for finished in self.finished() {
            match &finished.key {
                RunKey::Run { run, .. } => drop(reported.insert(run, finished.exit_code)),
                RunKey::StartedAt(_) => {
                    found.push(format!("iteration {} was reported without a run id", finished.iteration))
                }
            }
            if let RunKey::Run { run, .. } = &finished.key {
                *good.entry(run).or_default() += usize::from(finished.exit_code == 0);
            }
        }
        let mut tasks = BTreeSet::new();
        for launch in self.launched() {
            if !tasks.insert(launch.task.as_str()) {
                found.push(format!("the journal has launched {} twice", launch.task));
            }
            let (printed, good) = (
                self.evidence.own_figures.get(&launch.seq).map_or(0, Vec::len),
                good.get(launch.task.as_str()).copied().unwrap_or(0),
            );
            if printed > 0 && printed != good {
                found.push(format!(
                    "{} has printed {printed} results, and reported {good} good iterations",
                    launch.task
                ));
            }
            match (reported.remove(launch.task.as_str()), &launch.end) {
                (Some(code), Some(TaskEnd::Code(ended))) if code == *ended => {}
                (Some(code), end) => {
                    found.push(format!("{}: exit code {code} was reported, and the journal has {end:?}", launch.task));
                }
                (None, _) => found
                    .push(format!("the journal has launched {}, and the event log has no report of it", launch.task)),
            }
        }
        for run in reported.keys() {
            found.push(format!("the event log has a report of {run}, and the journal has not launched it"));
        }
    }

    /// Each resize that the log says was applied is a replacement in the cluster, with that CPU, or a limit that an agent has set.
    fn rescales(&self, found: &mut Vec<String>) {
        let applied = Applied::of(self.evidence);
        if applied.count() != self.rescales as usize {
            found.push(format!(
                "the supervisor shows {} resizes, and its event log has {}",
                self.rescales,
                applied.count()
            ));
        }
        let list = |all: &[Cpus]| all.iter().map(Cpus::to_string).collect::<Vec<_>>().join(", ");
        if applied.by_framework != self.evidence.replacements {
            let (log, cluster) = (list(&applied.by_framework), list(&self.evidence.replacements));
            found.push(format!("the event log has resizes to {log}, and the cluster was given {cluster}"));
        }
        let set: Vec<Cpus> = self.evidence.limits_set.values().flatten().copied().collect();
        if !is_part_of(&applied.by_agents, &set) {
            let (log, agents) = (list(&applied.by_agents), list(&set));
            found.push(format!("the event log has limits set to {log}, and the agents have set {agents}"));
        }
    }

    /// Of the runs that ended well: a program that was killed has measured nothing.
    fn cpu(&self, found: &mut Vec<String>) {
        let (mut kernel, mut expected, mut around) = (0.0, 0.0, 0.0);
        for launch in self.launched().filter(|launch| launch.end == Some(TaskEnd::Code(0))) {
            kernel += match self.under_agents {
                // What an agent uses by itself is in its task's own group, and not in that of its job.
                Some(agents) => self.job_core_seconds(launch, &agents, found),
                None => launch.used_core_seconds(),
            };
            match self.evidence.own_figures.get(&launch.seq) {
                // Around each program of a chain the command does its part anew.
                Some(own) => {
                    expected += own.iter().map(|own| own.cpu_s + self.wrapper_core_seconds).sum::<f64>();
                    around += own.len() as f64 * self.wrapper_core_seconds;
                }
                None => found.push(format!("{} ended well and printed no result", launch.task)),
            }
        }
        let allowed = CPU_TOLERANCE * kernel.max(expected) + WRAPPER_TOLERANCE * around;
        if (kernel - expected).abs() > allowed {
            found.push(format!(
                "the kernel counted {kernel:.3} CPU seconds of a core, and the programs and their wrappers measured {expected:.3} \
                 of themselves: more than {:.0} % apart",
                CPU_TOLERANCE * 100.0
            ));
        }
    }
}

impl Claim<'_> {
    /// CPU seconds of a real core that the kernel counted in the group that the agent of `launch` has made for its job.
    fn job_core_seconds(&self, launch: &LaunchUsage, agents: &UnderAgents<'_>, found: &mut Vec<String>) -> f64 {
        let of_launch = |segment: &&Segment| segment.start.task.as_deref() == Some(launch.task.as_str());
        let ends = agents.story.segments.iter().filter(of_launch).filter_map(|segment| segment.end.as_ref());
        let job = ends.map(|end| end.cpu.seconds()).sum::<f64>() * agents.cpu_factor;
        let whole = launch.used_core_seconds();
        if job > whole * (1.0 + CPU_TOLERANCE) {
            found.push(format!(
                "{}: its agent counted {job:.3} CPU seconds of a core for the job, and the kernel {whole:.3} for the whole task",
                launch.task
            ));
        }
        job
    }
}

/// Whether all of `part` is in `whole`, in the same order.
fn is_part_of(part: &[Cpus], whole: &[Cpus]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|one| rest.any(|other| other == one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::evidence::OwnFigures;
    use crate::events::job::RescaleApplied;
    use crate::local::usage::JobUsage;
    use crate::qos::units::{Span, Timestamp};

    const T: Timestamp = Timestamp::from_micros(0);
    const OWN: OwnFigures = OwnFigures { order: 6000, wall_s: 8.0, cpu_s: 1.0 };

    fn finished(iteration: u32, run: &str, exit_code: i32) -> JobEvent {
        JobEvent::IterationFinished(IterationFinished {
            iteration,
            key: RunKey::Run { run: run.into(), index: 0 },
            hostname: "node1".into(),
            started_at: T,
            finished_at: T,
            reported_finished_at: T,
            received_at: T,
            duration: Span::ZERO,
            exit_code,
            outcome: if exit_code == 0 { Outcome::Counted } else { Outcome::Failed },
            clock_skew: false,
        })
    }

    fn launch(seq: u64, task: &str, code: i32) -> LaunchUsage {
        LaunchUsage {
            seq,
            task: task.into(),
            node: "node1".into(),
            cpus: Cpus::from_milli(1000),
            attempt: 0,
            placed_at: T,
            launched_at: Some(T),
            ended_at: Some(T),
            end: Some(TaskEnd::Code(code)),
            user_seconds: 1.0,
            system_seconds: 0.05,
        }
    }

    /// Two iterations, one of which needed two attempts, and one resize.
    fn evidence() -> Evidence {
        let launches = vec![launch(1, "a", 0), launch(2, "b", 3), launch(3, "c", 0)];
        let resized = JobEvent::RescaleApplied(RescaleApplied { cpus: Cpus::from_milli(1400) });
        Evidence {
            events: vec![finished(1, "a", 0), resized, finished(2, "b", 3), finished(2, "c", 0)],
            recorded_at: vec![T; 4],
            usage: JobUsage { launches, reserved_cpu_seconds: 9.0, used_core_seconds: 3.15 },
            replacements: vec![Cpus::from_milli(1400)],
            own_figures: [1, 3].map(|seq| (seq, vec![OWN])).into(),
            ..Evidence::default()
        }
    }

    fn disagreements(evidence: &Evidence) -> Vec<String> {
        Claim { iterations: 2, rescales: 1, wrapper_core_seconds: 0.05, evidence, under_agents: None }.disagreements()
    }

    #[test]
    fn witnesses_that_agree_are_believed() {
        assert_eq!(disagreements(&evidence()), Vec::<String>::new());
    }

    #[test]
    fn each_disagreement_is_found() {
        let one = |change: &dyn Fn(&mut Evidence), word: &str| {
            let mut changed = evidence();
            change(&mut changed);
            let found = disagreements(&changed);
            assert!(found.iter().any(|sentence| sentence.contains(word)), "{word}: {found:?}");
        };
        one(&|e| drop(e.events.pop()), "has no report of it");
        one(&|e| drop(e.events.pop()), "were to be done");
        one(&|e| drop(e.usage.launches.remove(0)), "has not launched it");
        one(&|e| e.usage.launches.push(launch(4, "a", 0)), "twice");
        one(&|e| e.usage.launches[1].end = Some(TaskEnd::Code(0)), "exit code 3");
        one(&|e| e.replacements.clear(), "was given");
        one(&|e| drop(e.events.remove(1)), "its event log has 0");
        one(&|e| e.own_figures.retain(|seq, _| *seq != 1), "printed no result");
        one(&|e| e.own_figures.get_mut(&1).unwrap().push(OWN), "has printed 2 results");
        one(&|e| e.usage.launches[0].user_seconds = 1.2, "more than 5 % apart");
    }
}
