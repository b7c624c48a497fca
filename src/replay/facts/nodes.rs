//! The nodes that the reports of several jobs show, and who waited for one of them.

use std::collections::{BTreeMap, BTreeSet};

use super::iterations::RepeatedFacts;
use crate::qos::arbitration::Nodes;
use crate::qos::units::{Cpus, Span, Timestamp};

/// The nodes that the jobs have run on; none when their reports do not show any that are shared: each run on a host of its own name, as
/// containers without their node's name report it.
pub fn seen_nodes(jobs: &[&RepeatedFacts]) -> Option<Nodes> {
    let runs: Vec<Run> = runs(jobs);
    let hosts: BTreeSet<&str> = runs.iter().map(|run| run.host).filter(|host| !host.is_empty()).collect();
    let most_of_job = jobs.iter().map(|job| job.state.policy.policy.cpu_max(job.submitted)).max();
    let shared = hosts.len() < runs.len() && runs.iter().all(|run| !run.host.is_empty());
    if !shared || jobs.len() < 2 {
        return None;
    }
    let at_once = |run: &Run| {
        let together =
            runs.iter().filter(|other| other.host == run.host && other.began <= run.began && run.began < other.ended);
        together.fold(Cpus::from_milli(0), |sum, other| sum.saturating_add(other.cpus))
    };
    let used = runs.iter().map(at_once).max()?;
    let cpus = used.max(most_of_job?);
    (cpus.milli() > 0).then_some(Nodes { count: u32::try_from(hosts.len()).ok()?, cpus })
}

/// A counted iteration, where it ran.
struct Run<'a> {
    at: (usize, usize),
    host: &'a str,
    cpus: Cpus,
    asked: Timestamp,
    began: Timestamp,
    ended: Timestamp,
    follows: bool,
}

fn runs<'a>(jobs: &[&'a RepeatedFacts]) -> Vec<Run<'a>> {
    let mut runs = Vec::new();
    for (job, facts) in jobs.iter().enumerate() {
        let nths = facts.iterations.iter().enumerate();
        runs.extend(nths.map(|(nth, one)| Run {
            at: (job, nth),
            host: &one.host,
            cpus: one.cpus,
            asked: one.asked_at,
            began: one.began_at,
            ended: one.began_at + one.duration,
            follows: one.follows,
        }));
    }
    runs
}

/// The same jobs with the waits for a node told apart from the deployments: a task was placed when its node first had room for it.
pub fn without_waits(jobs: &[&RepeatedFacts], nodes: Nodes) -> Vec<RepeatedFacts> {
    let mut placed: BTreeMap<&str, Vec<(Timestamp, Timestamp, Cpus)>> = BTreeMap::new();
    let mut all = runs(jobs);
    all.sort_by_key(|run| (run.began, run.at));
    let mut facts: Vec<RepeatedFacts> = jobs.iter().map(|one| (*one).clone()).collect();
    for run in &all {
        let node = placed.entry(run.host).or_default();
        let free_at = |at: Timestamp| {
            let held = node.iter().filter(|(from, to, _)| *from <= at && at < *to);
            let held = held.fold(Cpus::from_milli(0), |sum, (_, _, cpus)| sum.saturating_add(*cpus));
            nodes.cpus.saturating_sub(held) >= run.cpus
        };
        let ends = node.iter().map(|(_, to, _)| *to).filter(|end| *end > run.asked && *end <= run.began);
        let first_free = std::iter::once(run.asked).chain(ends).filter(|at| free_at(*at)).min();
        // What follows in a task has its place.
        let at = first_free.filter(|_| !run.follows).unwrap_or(run.asked);
        node.push((at, run.ended, run.cpus));
        // Placed before its end, it matters to nobody later: memory stays small.
        node.retain(|(_, to, _)| *to + Span::from_secs(86_400) > run.began);
        if let Some(fact) = facts.get_mut(run.at.0).and_then(|job| job.iterations.get_mut(run.at.1)) {
            fact.wait = at.since(run.asked).max(Span::ZERO);
            fact.deploy = fact.deploy - fact.wait;
        }
    }
    facts
}
