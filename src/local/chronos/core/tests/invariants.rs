//! Whatever happens, in whatever order: CPU is neither lost nor given twice, and a job does not run beside itself.

use proptest::prelude::*;

use super::*;
use crate::local::chronos::task::Phase;

#[derive(Debug, Clone)]
enum Step {
    Post(u8, &'static str, u8),
    Depend(u8, u8),
    Start(u8),
    Delete(u8),
    Kill(u8),
    Purge,
    End(usize, bool),
    Wait(u16),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let job = 0..4_u8;
    let schedule = prop::sample::select(vec![NEVER, "R//PT7S", "R2//PT3S", "R0//PT1M", "R/2015-12-18T10:00:00Z/P1M"]);
    prop_oneof![
        3 => (job.clone(), schedule, 1..30_u8).prop_map(|(job, schedule, cpus)| Step::Post(job, schedule, cpus)),
        1 => (job.clone(), job.clone()).prop_map(|(job, parent)| Step::Depend(job, parent)),
        6 => job.clone().prop_map(Step::Start),
        1 => job.clone().prop_map(Step::Delete),
        1 => job.prop_map(Step::Kill),
        1 => Just(Step::Purge),
        6 => (0..8_usize, any::<bool>()).prop_map(|(task, well)| Step::End(task, well)),
        8 => (1..5000_u16).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

fn name(job: u8) -> String {
    format!("job{job}")
}

fn take(sim: &mut Sim, step: Step) {
    match step {
        Step::Post(job, schedule, cpus) => {
            let _ = sim.post(&name(job), schedule, json!({"cpus": f64::from(cpus) / 10.0}));
        }
        Step::Depend(job, parent) => {
            let body = json!({"name": name(job), "command": "work", "parents": [name(parent)]});
            let _ = sim.event(Event::Depend(decode(&body, sim.core.version(), sim.now).unwrap()));
        }
        Step::Start(job) => {
            let _ = sim.start(&name(job));
        }
        Step::Delete(job) => {
            let _ = sim.event(Event::Delete(name(job)));
        }
        Step::Kill(job) => {
            let _ = sim.event(Event::Kill(name(job)));
        }
        Step::Purge => sim.event(Event::Purge).unwrap(),
        Step::End(nth, well) => {
            let running = |phase: &Phase| matches!(phase, Phase::Running { .. });
            let seqs: Vec<u64> = sim.core.tasks().filter(|task| running(&task.phase)).map(|task| task.seq).collect();
            if let Some(seq) = seqs.get(nth % seqs.len().max(1)).copied() {
                let end = if well { TaskEnd::Code(0) } else { TaskEnd::Signal(15) };
                sim.event(Event::Ended { seq, end, cpu: (0.0, 0.0) }).unwrap();
            }
        }
        Step::Wait(millis) => sim.wait(f64::from(millis) / 1000.0),
        Step::Restart => {
            let mut next = restart::restarted(sim);
            next.journal = [std::mem::take(&mut sim.journal), next.journal].concat();
            *sim = next;
            sim.event(Event::Tick).unwrap();
        }
    }
}

fn check(sim: &Sim) {
    let reserved: u32 = sim.core.tasks().filter(|t| !matches!(t.phase, Phase::Ended(_))).map(|t| t.cpus.milli()).sum();
    assert_eq!(reserved, sim.nodes.iter().map(|node| node.used.milli()).sum::<u32>());
    assert!(sim.nodes.iter().all(|node| node.used <= node.total));
    let mut jobs: Vec<&str> = sim.core.tasks().map(|task| task.wanted.job.as_str()).collect();
    let all = jobs.len();
    jobs.sort_unstable();
    jobs.dedup();
    assert_eq!(jobs.len(), all, "a job runs beside itself");
    assert!(sim.core.next_wakeup().is_some_and(|at| at >= sim.now), "something is due and not done");
}

/// Each placement is counted on, launched at most once and ended at most once, in this order.
fn check_journal(journal: &[Entry]) {
    let mut last = 0;
    let mut open: Vec<(u64, bool)> = Vec::new();
    for entry in journal {
        match entry {
            Entry::Placed { seq, .. } => {
                assert_eq!(*seq, last + 1);
                last = *seq;
                open.push((*seq, false));
            }
            Entry::Launch { seq, .. } => {
                let placed = open.iter_mut().find(|(open, _)| open == seq).expect("placed before it is launched");
                assert!(!std::mem::replace(&mut placed.1, true), "launched twice");
            }
            Entry::End { seq, .. } => {
                let at = open.iter().position(|(open, _)| open == seq).expect("ended once, after its placement");
                open.swap_remove(at);
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn hold(v3 in any::<bool>(), delay in 0..4_i64, steps in prop::collection::vec(step(), 1..120)) {
        let mut options = settings(if v3 { V3_0 } else { V2_4 });
        options.deployment_delay = (Span::ZERO, Span::from_secs(delay));
        options.failure_retry = Span::from_secs(3);
        let mut sim = Sim::with(options);
        for step in steps {
            take(&mut sim, step);
            check(&sim);
        }
        check_journal(&sim.journal);
    }
}
