//! Repeated jobs, run again: registration, request, node, iteration, report, decision.

mod pace;

use super::queue::Queue;
use super::{Course, Draw, Rerun};
use crate::api::report::Next;
use crate::events::job::{Activity, JobEvent, Origin, Registered, Removal, RunKey};
use crate::qos::arbitration::{Aim, Nodes};
use crate::qos::ids::JobId;
use crate::qos::job::command::{FinishFacts, FrameworkFacts, StartFacts};
use crate::qos::job::{Command, Effect, Ending, JobState, Reply, asks_for_a_round};
use crate::qos::model::Speed;
use crate::qos::policy::{Fixed, Policy, PolicySettings};
use crate::qos::units::{Cpus, Timestamp};
use crate::replay::error::ReplayError;
use crate::replay::facts::{IterationFact, RepeatedFacts};
use crate::replay::history::JobHistory;
use crate::replay::law::Known;
use crate::replay::outcome::Outcome;
use crate::simulation::Arbiter as _;
use crate::simulation::engine::Agenda;
use crate::simulation::supervised::Supervised;

/// More events than this in one run are no run.
const MOST_EVENTS: u64 = 20_000_000;

/// A job that is to run again.
pub(in crate::replay) struct RepeatedPlan<'a> {
    pub history: &'a JobHistory,
    pub facts: &'a RepeatedFacts,
    pub known: &'a Known,
    pub course: &'a Course,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    Register,
    ChangePolicy(Box<PolicySettings>),
    Request,
    Begin,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    Planned,
    Busy,
    Over,
}

struct Job<'a> {
    plan: &'a RepeatedPlan<'a>,
    id: JobId,
    law: Speed,
    supervised: Supervised,
    stage: Stage,
    cpus: Cpus,
    placed_at: Timestamp,
    began_at: Timestamp,
    kept: f64,
    done: u32,
    /// Tasks that are over, and iterations that the present one has ended.
    task: (u32, u32),
    predicted: u32,
    forced_changes: u32,
    decisions: Vec<JobEvent>,
}

struct World<'a> {
    draw: Draw,
    now: Timestamp,
    agenda: Agenda<(usize, What)>,
    queue: Queue,
    sharing: Option<(Nodes, Aim)>,
    jobs: Vec<Job<'a>>,
}

/// Runs `plans` together, on shared `nodes` if there are any, under an arbitration if it has an aim.
///
/// # Errors
/// When the rules refuse what the replay asks of them, or a task fits no node.
pub(in crate::replay) fn run_repeated(
    plans: &[RepeatedPlan<'_>],
    nodes: Option<Nodes>,
    aim: Option<Aim>,
    draw: Draw,
) -> Result<Vec<Rerun>, ReplayError> {
    let mut agenda = Agenda::new();
    let mut jobs = Vec::with_capacity(plans.len());
    for (at, plan) in plans.iter().enumerate() {
        agenda.plan(plan.history.registered_at(), (at, What::Register));
        if matches!(plan.course, Course::Recorded) {
            for recorded in plan.history.events() {
                if let JobEvent::PolicyChanged(changed) = &recorded.event {
                    agenda.plan(recorded.at, (at, What::ChangePolicy(Box::new(changed.policy.clone()))));
                }
            }
        }
        jobs.push(Job::new(plan, at, draw));
    }
    let queue = Queue::new(nodes, jobs.len());
    let now = Timestamp::from_micros(0);
    let mut world = World { draw, now, agenda, queue, sharing: nodes.zip(aim), jobs };
    world.run(nodes)?;
    Ok(world.jobs.into_iter().map(Job::rerun).collect())
}

impl World<'_> {
    fn run(&mut self, nodes: Option<Nodes>) -> Result<(), ReplayError> {
        let mut steps = 0;
        while let Some((at, (job, what))) = self.agenda.next() {
            steps += 1;
            if steps > MOST_EVENTS {
                let what = format!("{steps} steps");
                return Err(ReplayError::TooMuch { what, most: MOST_EVENTS });
            }
            self.now = at;
            match what {
                What::Register => self.register(job)?,
                What::ChangePolicy(policy) => {
                    // Once it is over, or before it is registered, that is no matter.
                    if self.jobs[job].supervised.state().is_some_and(|state| state.ending().is_none()) {
                        self.submit(job, Command::SetPolicy(*policy))?;
                    }
                }
                What::Request => self.request(job)?,
                What::Begin => self.begin(job)?,
                What::Done => self.finish(job)?,
            }
        }
        match self.jobs.iter().find(|job| job.stage != Stage::Over) {
            None => Ok(()),
            // Nothing is left to happen, and somebody waits: no node is large enough.
            Some(job) => Err(ReplayError::NoNode {
                job: job.id,
                cpus: job.cpus.to_string(),
                node: nodes.map_or_else(String::new, |nodes| nodes.cpus.to_string()),
            }),
        }
    }

    fn register(&mut self, job: usize) -> Result<(), ReplayError> {
        let registered = self.jobs[job].registration();
        self.submit(job, Command::Register(Box::new(registered)))?;
        Ok(())
    }

    fn request(&mut self, job: usize) -> Result<(), ReplayError> {
        if let Some(cpus) = self.jobs[job].forced()
            && self.jobs[job].state_cpus() != Some(cpus)
        {
            self.jobs[job].forced_changes += 1;
            self.submit(job, Command::ObserveCpus(cpus))?;
        }
        let facts = self.jobs[job].facts();
        self.submit(job, Command::AttemptStart(facts))?;
        let asking = &mut self.jobs[job];
        (asking.stage, asking.cpus) = (Stage::Busy, facts.cpus);
        let draw = self.draw.luck(job, self.jobs[job].done).node;
        let placed = self.queue.ask(job, facts.cpus, draw);
        self.deploy(&placed);
        Ok(())
    }

    fn deploy(&mut self, placed: &[usize]) {
        for job in placed {
            let deploying = self.jobs[*job].gap(*job, self.draw, false).1;
            self.jobs[*job].placed_at = self.now;
            self.agenda.plan(self.now + deploying, (*job, What::Begin));
        }
    }

    fn begin(&mut self, job: usize) -> Result<(), ReplayError> {
        let facts = StartFacts { key: self.jobs[job].key(), hostname: self.queue.host(job), started_at: self.now };
        self.submit(job, Command::ReportStart(facts))?;
        let takes = self.jobs[job].takes(job, self.draw);
        self.jobs[job].began_at = self.now;
        self.agenda.plan(self.now + takes, (job, What::Done));
        Ok(())
    }

    fn finish(&mut self, job: usize) -> Result<(), ReplayError> {
        let facts = FinishFacts {
            key: self.jobs[job].key(),
            hostname: self.queue.host(job),
            started_at: self.jobs[job].began_at,
            finished_at: self.now,
            sent_at: Some(self.now),
            exit_code: 0,
            ending: self.jobs[job].must_end(),
            free: None,
        };
        let ended = &mut self.jobs[job];
        ended.kept += ended.cpus.as_f64() * self.now.since(ended.placed_at).seconds();
        ended.predicted += u32::from(ended.fact().is_none());
        ended.done += 1;
        if ended.plan.history.registered().chain {
            return self.finish_link(job, facts);
        }
        (ended.stage, ended.task) = (Stage::Idle, (ended.task.0 + 1, 0));
        let freed = self.queue.leave(job);
        self.submit(job, Command::ReportFinish(facts))?;
        self.deploy(&freed);
        Ok(())
    }

    /// The task of a chained job keeps its node until it knows whether the next iteration follows in it.
    fn finish_link(&mut self, job: usize, facts: FinishFacts) -> Result<(), ReplayError> {
        let reply = self.submit(job, Command::ReportFinish(facts))?;
        let goes_on = matches!(reply, Reply::Report(report) if report.next == Next::Continue);
        let at = &mut self.jobs[job];
        if goes_on {
            (at.task.1, at.placed_at) = (at.task.1 + 1, self.now);
            let gap = at.gap(job, self.draw, true).1;
            self.agenda.plan(self.now + gap, (job, What::Begin));
            return Ok(());
        }
        at.task = (at.task.0 + 1, 0);
        if at.stage == Stage::Busy {
            at.stage = Stage::Idle;
        }
        let freed = self.queue.leave(job);
        self.perform(job)?;
        self.deploy(&freed);
        Ok(())
    }

    /// Hands a command to the rules, and does what follows.
    fn submit(&mut self, job: usize, command: Command) -> Result<Reply, ReplayError> {
        let outcome = self.jobs[job].supervised.submit(command, self.now);
        let at = &mut self.jobs[job];
        let outcome = outcome.map_err(|rejection| ReplayError::Refused {
            job: at.id,
            seconds: self.now.since(at.plan.history.registered_at()).seconds(),
            rejection,
        })?;
        at.decisions.extend(outcome.events.iter().filter(|event| matches!(event, JobEvent::Decided(_))).cloned());
        if at.supervised.state().is_some_and(|state| asks_for_a_round(state, &outcome.events)) {
            self.arbitrate()?;
        }
        self.perform(job)?;
        Ok(outcome.reply)
    }

    fn arbitrate(&mut self) -> Result<(), ReplayError> {
        let Some((nodes, aim)) = self.sharing else { return Ok(()) };
        let states: Vec<&JobState> = self.jobs.iter().filter_map(|job| job.supervised.state()).collect();
        let living: Vec<&JobState> = states.into_iter().filter(|state| !state.is_finished()).collect();
        let told = crate::simulation::Sharing { aim, nodes }.arbitrate(self.now, nodes.cpus, &living);
        for (id, command) in told {
            if let Some(job) = self.jobs.iter().position(|job| job.id == id) {
                self.submit(job, command)?;
            }
        }
        Ok(())
    }

    fn perform(&mut self, job: usize) -> Result<(), ReplayError> {
        let Some(effect) = self.jobs[job].supervised.next_effect().cloned() else { return Ok(()) };
        let idle = matches!(self.jobs[job].stage, Stage::Idle | Stage::Planned);
        let command = match effect {
            Effect::AwaitJob => Command::Seen(self.jobs[job].facts()),
            // As long as its task has not been asked for.
            Effect::SetCpus { cpus } if idle => Command::CpusApplied(cpus),
            Effect::StartIteration { not_before, .. } if self.jobs[job].stage == Stage::Idle => {
                let before = self.jobs[job].gap(job, self.draw, false).0;
                self.jobs[job].stage = Stage::Planned;
                self.agenda.plan(self.now.max(not_before) + before, (job, What::Request));
                return Ok(());
            }
            Effect::DeleteJob { .. } => {
                self.jobs[job].stage = Stage::Over;
                Command::JobRemoved(Removal::Deleted)
            }
            Effect::SetCpus { .. } | Effect::StartIteration { .. } | Effect::LookUp { .. } => return Ok(()),
        };
        self.submit(job, command)?;
        Ok(())
    }
}

impl<'a> Job<'a> {
    fn new(plan: &'a RepeatedPlan<'a>, at: usize, draw: Draw) -> Self {
        let law = draw.of_the_law(at).map_or(plan.known.likeliest(), |(first, second)| plan.known.drawn(first, second));
        let start = plan.history.registered_at();
        Job {
            plan,
            id: plan.history.job(),
            law,
            supervised: Supervised::default(),
            stage: Stage::Idle,
            cpus: plan.facts.submitted,
            placed_at: start,
            began_at: start,
            kept: 0.0,
            done: 0,
            task: (0, 0),
            predicted: 0,
            forced_changes: 0,
            decisions: Vec::new(),
        }
    }

    /// The recorded registration, with what is different.
    fn registration(&self) -> Registered {
        let mut registered = self.plan.history.registered().clone();
        registered.cpus = Some(self.plan.facts.submitted);
        // What starts beside the supervisor is not run again.
        registered.origin = Origin::Native;
        let (sleeping, deployment) = (registered.policy.sleeping_time, registered.policy.deployment_time);
        match self.plan.course {
            Course::Recorded => {}
            Course::Policy(policy) => registered.policy = policy.clone(),
            Course::Forced(_) => {
                registered.policy = PolicySettings::newest(Policy::Fixed(Fixed {}), sleeping, deployment);
                registered.cpus = self.forced();
            }
        }
        registered
    }

    fn forced(&self) -> Option<Cpus> {
        self.plan.course.forced(self.done as usize)
    }

    fn state_cpus(&self) -> Option<Cpus> {
        self.supervised.state().and_then(|state| state.cpus)
    }

    fn facts(&self) -> FrameworkFacts {
        FrameworkFacts {
            cpus: self.state_cpus().unwrap_or(self.plan.facts.submitted),
            success_count: u64::from(self.done),
            error_count: 0,
            activity: Activity::Idle,
        }
    }

    fn key(&self) -> RunKey {
        RunKey::Run { run: format!("replay:{}", self.task.0 + 1), index: self.task.1 }
    }

    /// The iteration that is next, or runs, as it was recorded.
    fn fact(&self) -> Option<&'a IterationFact> {
        self.plan.facts.iterations.get(self.done as usize)
    }

    fn rerun(self) -> Rerun {
        let state = self.supervised.state();
        let t0 = self.plan.history.registered().t0;
        let done = state.and_then(|state| match state.ending() {
            Some(Ending::Completed { finished_at, on_time, .. }) => Some((*finished_at, *on_time)),
            _ => None,
        });
        let outcome = Outcome {
            complete: done.is_some(),
            finish_s: done.map(|(finished_at, _)| finished_at.since(t0).seconds()),
            on_time: done.map(|(_, on_time)| on_time),
            cpu_seconds: self.kept,
            rescales: state.map_or(0, |state| state.rescales) + self.forced_changes,
            last_cpus: self.cpus,
        };
        Rerun { outcome, decisions: self.decisions, predicted: f64::from(self.predicted) }
    }
}
