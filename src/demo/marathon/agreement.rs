//! Whether the witnesses of the long-running job agree: the cluster's journal, the supervisor's log, the kernel's counters, and the
//! program's own count.

use std::time::Duration;

use crate::demo::evidence::Evidence;
use crate::demo::story::Story;
use crate::events::job::SegmentEnd;
use crate::local::journal::TaskEnd;
use crate::local::usage::LaunchUsage;
use crate::qos::units::Cpus;

/// How far the CPU time of the supervisor's log may be from what the program measured of itself, and from the kernel's.
pub const CPU_TOLERANCE: f64 = 0.02;
/// Whatever the size of the job: the start of its program, and the clock ticks of the coarsest counter. Core-seconds.
const CPU_SLACK: f64 = 0.03;
/// What a restore may use by itself before the program goes on. The agent leaves it out of the job's account and the kernel does
/// not. Core-seconds.
const RESTORE_AT_MOST: f64 = 1.0;

/// What is known about the job, and how to read it.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The job is resized while it runs; else by a checkpoint and a new task.
    pub in_place: bool,
    /// How often the supervisor says that the job was resized.
    pub rescales: u32,
    /// CPUs with which it was submitted.
    pub submitted: Cpus,
    /// Real cores behind one CPU of the cluster.
    pub cpu_factor: f64,
    /// What the kernel counted in the group around the job, if there is one.
    pub kernel: Option<Duration>,
    /// The tasks' own processes include the job.
    pub job_is_in_tasks: bool,
    /// The evidence.
    pub evidence: &'a Evidence,
    /// The same, read.
    pub story: &'a Story,
}

impl Claim<'_> {
    /// Every disagreement, in a sentence each.
    pub fn disagreements(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.end(&mut found);
        self.launches(&mut found);
        self.resizes(&mut found);
        self.cpu(&mut found);
        found
    }

    /// CPU seconds of a real core that the program measured of itself; the one that came to its end has said so.
    pub fn own_core_seconds(&self) -> f64 {
        self.evidence.all_own_figures().map(|own| own.cpu_s).sum()
    }

    fn launched(&self) -> impl Iterator<Item = &LaunchUsage> {
        self.evidence.usage.launches.iter().filter(|launch| launch.launched_at.is_some())
    }

    fn end(&self, found: &mut Vec<String>) {
        if self.story.exit_codes != [0] {
            found.push(format!(
                "the event log has ends with the exit codes {:?}, and there is one of 0",
                self.story.exit_codes
            ));
        }
        if self.evidence.all_own_figures().count() != 1 {
            found.push(format!(
                "{} tasks have printed a result, and the last one had to",
                self.evidence.own_figures.len()
            ));
        }
    }

    /// Each launch of the journal is one segment of the log, ended by a checkpoint, but the last, which ended by itself.
    fn launches(&self, found: &mut Vec<String>) {
        let (launches, segments) = (self.launched().count(), self.story.segments.len());
        if launches != segments {
            found.push(format!("the journal has {launches} launches, and the event log has {segments} segments"));
        }
        for launch in self.launched().filter(|launch| launch.end != Some(TaskEnd::Code(0))) {
            found.push(format!("{}: its agent had to end with 0, and the journal has {:?}", launch.task, launch.end));
        }
        for (place, segment) in self.story.segments.iter().enumerate() {
            let wanted = if place + 1 == segments { SegmentEnd::Exited } else { SegmentEnd::Checkpointed };
            let reason = segment.end.as_ref().map(|end| end.reason);
            let number = segment.start.segment;
            if reason != Some(wanted) {
                found.push(format!("segment {number}: its end had to be {wanted:?}, and the event log has {reason:?}"));
            }
            let discarded = segment.start.discarded.seconds();
            if discarded > 0.0 {
                found.push(format!("segment {number}: work of {discarded:.3} CPU-seconds was lost and done again"));
            }
        }
    }

    /// Each resize of the log is in force: as the limit of a new task of that size, or as one that the agent has changed.
    fn resizes(&self, found: &mut Vec<String>) {
        let list = |all: &[Cpus]| all.iter().map(Cpus::to_string).collect::<Vec<_>>().join(", ");
        let applied: Vec<Cpus> = self.story.resizes.iter().map(|resize| resize.to).collect();
        if applied.len() != self.rescales as usize {
            found.push(format!(
                "the supervisor shows {} resizes, and its event log has {}",
                self.rescales,
                applied.len()
            ));
        }
        let sizes: Vec<Cpus> = [self.submitted].into_iter().chain(applied.iter().copied()).collect();
        let launched: Vec<Cpus> = self.launched().map(|launch| launch.cpus).collect();
        let (given, tasks) = if self.in_place { (&[][..], &sizes[..1]) } else { (&applied[..], &sizes[..]) };
        if self.evidence.replacements != given {
            let cluster = list(&self.evidence.replacements);
            found.push(format!("the cluster had to be given {:?}, and was given {cluster:?}", list(given)));
        }
        if launched != tasks {
            found.push(format!("the tasks had to have {} CPU, and the journal has {}", list(tasks), list(&launched)));
        }
        let limits: Vec<Cpus> =
            self.story.segments.iter().flat_map(|s| s.limits.iter().map(|(_, cpus)| *cpus)).collect();
        if limits != sizes {
            found.push(format!("the limits had to be {} CPU, and the agents report {}", list(&sizes), list(&limits)));
        }
    }

    fn cpu(&self, found: &mut Vec<String>) {
        let supervised = self.story.cpu_seconds() * self.cpu_factor;
        let own = self.own_core_seconds();
        let apart = |a: f64, b: f64| (a - b).abs() > CPU_TOLERANCE * a.max(b) + CPU_SLACK;
        if apart(supervised, own) {
            found.push(format!(
                "the segments of the event log have {supervised:.3} CPU seconds of a core, and the program measured {own:.3} of \
                 itself: more than {:.0} % apart",
                CPU_TOLERANCE * 100.0
            ));
        }
        let restores = self.story.segments.iter().filter(|segment| segment.start.generation.is_some()).count();
        let most = supervised * (1.0 + CPU_TOLERANCE) + CPU_SLACK + restores as f64 * RESTORE_AT_MOST;
        let least = supervised * (1.0 - CPU_TOLERANCE) - CPU_SLACK;
        if let Some(kernel) =
            self.kernel.map(|time| time.as_secs_f64()).filter(|kernel| !(least..=most).contains(kernel))
        {
            found.push(format!(
                "the kernel counted {kernel:.3} CPU seconds of a core in the job's group, and the segments of the event log have \
                 {supervised:.3}"
            ));
        }
        let tasks = self.evidence.usage.used_core_seconds;
        if self.job_is_in_tasks && tasks < least {
            found.push(format!(
                "the journal has {tasks:.3} CPU seconds of a core for the tasks, and the job in them is said to have used {supervised:.3}"
            ));
        }
        let (used, allowed) = (self.story.cpu_seconds(), self.story.over_time(|cpus| cpus));
        if used > allowed * (1.0 + CPU_TOLERANCE) + CPU_SLACK / self.cpu_factor {
            found.push(format!("{used:.2} CPU seconds were used, more than the {allowed:.2} that its limits allowed"));
        }
    }
}

#[cfg(test)]
pub(in crate::demo) mod tests;
