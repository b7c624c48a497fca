//! A run: what happens in which order.

mod job;
mod long_running;
mod nodes;
mod repeated;
mod work;

use job::{Job, Stage};

use super::arbiter::Arbiter;
use super::candidate::Candidate;
use super::cluster::Cluster;
use super::engine::Agenda;
use super::model::{JobModel, Kind, Scenario};
use super::outcome::{Batch, RunOutcome};
use crate::events::job::{Activity, JobEvent, Removal};
use crate::qos::job::command::FrameworkFacts;
use crate::qos::job::judge::Verdict;
use crate::qos::job::registration::{InvalidField, validate};
use crate::qos::job::{Command, Effect, JobState, Rejection, Reply, awaited_report};
use crate::qos::units::{Cpus, Span, Timestamp};

/// Virtual time begins here: 2027-01-15.
pub const EPOCH: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// A run of the published cases takes some hundreds of steps; one that takes so many will never end.
const MOST_STEPS: u64 = 1_000_000;

/// An alarm that rang and led to nothing rings again after this time, as in production.
const RING_AGAIN: Span = Span::from_secs(1);

/// Why a run did not come to its end.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SimulationError {
    /// The rules do not take the job.
    #[error("{name} cannot be registered: {field}: {problem}")]
    Registration {
        /// The job.
        name: &'static str,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The rules do not take what happened: the simulator drives them wrongly.
    #[error("{name}, {seconds:.1} s: a command was refused: {rejection}")]
    Refused {
        /// The job.
        name: &'static str,
        /// Virtual time.
        seconds: f64,
        /// Why.
        rejection: Rejection,
    },
    /// Nothing is to happen, and a job is not done.
    #[error("{name} waits for {cpus} CPU, and no node has as much: nothing will ever happen again")]
    Stuck {
        /// The job.
        name: &'static str,
        /// What it waits for.
        cpus: Cpus,
    },
    /// More happens than can be true.
    #[error("the run does not end: {MOST_STEPS} steps, {seconds:.0} s of virtual time")]
    Endless {
        /// Virtual time.
        seconds: f64,
    },
}

/// Something that is to happen to a job.
#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    /// Its launcher introduces it.
    Register,
    /// It asks for a node.
    Request,
    /// Its container begins to work.
    Begin,
    /// Its container is done, unless its share has changed since that was planned.
    Done { generation: u64 },
    /// Its supervisor's alarm for this instant rings.
    Alarm { due: Timestamp },
}

/// One run of one scenario.
struct World<'a> {
    scenario: &'a Scenario,
    candidate: &'a Candidate,
    arbiter: &'a dyn Arbiter,
    seed: u64,
    now: Timestamp,
    agenda: Agenda<(usize, What)>,
    cluster: Cluster,
    jobs: Vec<Job>,
    recorded: Option<Vec<Batch>>,
    /// What is decided for the arbiter's sake does not ask it again.
    arbitrating: bool,
}

/// Runs `scenario` under `candidate` with the luck of `seed`.
///
/// # Errors
/// When the scenario's jobs cannot be registered, or can never be done.
pub fn simulate(
    scenario: &Scenario,
    candidate: &Candidate,
    arbiter: &dyn Arbiter,
    seed: u64,
) -> Result<RunOutcome, SimulationError> {
    World::new(scenario, candidate, arbiter, seed, None).run().map(|world| world.outcome())
}

/// As [`simulate`], with all events.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_recorded(
    scenario: &Scenario,
    candidate: &Candidate,
    arbiter: &dyn Arbiter,
    seed: u64,
) -> Result<(RunOutcome, Vec<Batch>), SimulationError> {
    let mut world = World::new(scenario, candidate, arbiter, seed, Some(Vec::new())).run()?;
    let recorded = world.recorded.take().unwrap_or_default();
    Ok((world.outcome(), recorded))
}

impl<'a> World<'a> {
    fn new(
        scenario: &'a Scenario,
        candidate: &'a Candidate,
        arbiter: &'a dyn Arbiter,
        seed: u64,
        recorded: Option<Vec<Batch>>,
    ) -> Self {
        let jobs: Vec<Job> = (0..)
            .zip(JobModel::of(scenario))
            .map(|(index, model)| Job::new(model, scenario.case, seed, index))
            .collect();
        let cluster = Cluster::new(scenario.nodes, scenario.node_cpus, scenario.placement);
        let mut agenda = Agenda::new();
        for (at, job) in jobs.iter().enumerate() {
            agenda.plan(EPOCH + seconds(scenario.registration_s * job.luck.registration), (at, What::Register));
        }
        World { scenario, candidate, arbiter, seed, now: EPOCH, agenda, cluster, jobs, recorded, arbitrating: false }
    }

    fn run(mut self) -> Result<Self, SimulationError> {
        let mut steps = 0;
        while self.jobs.iter().any(|job| !job.is_over()) {
            let Some((at, (job, what))) = self.agenda.next() else { return Err(self.stuck()) };
            steps += 1;
            if steps > MOST_STEPS {
                return Err(SimulationError::Endless { seconds: at.since(EPOCH).seconds() });
            }
            self.now = at;
            self.step(job, what)?;
        }
        Ok(self)
    }

    fn step(&mut self, job: usize, what: What) -> Result<(), SimulationError> {
        match what {
            What::Register => self.register(job),
            What::Request => self.request(job),
            What::Begin => match self.jobs[job].model.kind {
                Kind::Repeated { order, variation, speedup, .. } => {
                    self.begin_iteration(job, order, variation, speedup)
                }
                Kind::LongRunning { work } => self.begin_segment(job, work),
            },
            What::Done { generation } if self.jobs[job].ends_with(generation) => match self.jobs[job].model.kind {
                Kind::Repeated { .. } => self.finish_iteration(job),
                Kind::LongRunning { .. } => self.finish_execution(job),
            },
            What::Alarm { due } if self.jobs[job].alarm == Some(due) => self.ring(job, due),
            What::Done { .. } | What::Alarm { .. } => Ok(()),
        }
    }

    fn register(&mut self, job: usize) -> Result<(), SimulationError> {
        let model = &self.jobs[job].model;
        let mut scenario = self.scenario.clone();
        scenario.submitted = self.candidate.submitted.unwrap_or(scenario.submitted);
        let request = model.registration(self.jobs[job].id, &scenario);
        let registered = validate(&request, self.now, &self.candidate.defaults).map_err(|error| {
            let InvalidField { field, problem } = error;
            SimulationError::Registration { name: model.name, field, problem }
        })?;
        self.submit(job, Command::Register(Box::new(registered)))?;
        if matches!(self.jobs[job].model.kind, Kind::LongRunning { .. }) {
            // Marathon runs what is submitted.
            self.request(job)?;
        }
        Ok(())
    }

    /// Hands a command to the rules, then does what follows: records, performs effects, asks the arbiter, sets the alarm.
    fn submit(&mut self, job: usize, command: Command) -> Result<Reply, SimulationError> {
        let outcome = self.jobs[job].supervised.submit(command, self.now);
        let outcome = outcome.map_err(|rejection| self.refused(job, rejection))?;
        let reply = outcome.reply;
        self.follow_up(job, outcome.events)?;
        Ok(reply)
    }

    fn follow_up(&mut self, job: usize, events: Vec<JobEvent>) -> Result<(), SimulationError> {
        let has_decided = events.iter().any(|event| {
            matches!(event, JobEvent::Registered(_) | JobEvent::Decided(_) | JobEvent::ProgressDecided(_))
        });
        if let Some(recorded) = self.recorded.as_mut().filter(|_| !events.is_empty()) {
            recorded.push(Batch { job: self.jobs[job].id, at: self.now, events });
        }
        if has_decided && !self.arbitrating {
            self.arbitrating = true;
            self.arbitrate()?;
            self.arbitrating = false;
        }
        self.resize_in_place(job)?;
        self.perform(job)?;
        self.set_alarm(job);
        Ok(())
    }

    fn arbitrate(&mut self) -> Result<(), SimulationError> {
        let cluster = Cpus::from_milli(self.scenario.node_cpus.milli().saturating_mul(self.scenario.nodes));
        let states: Vec<&JobState> =
            self.jobs.iter().filter_map(|job| job.supervised.state()).filter(|state| !state.is_finished()).collect();
        for (id, command) in self.arbiter.arbitrate(self.now, cluster, &states) {
            if let Some(job) = self.jobs.iter().position(|job| job.id == id) {
                self.submit(job, command)?;
            }
        }
        Ok(())
    }

    /// Performs effects in their order until one has to wait.
    fn perform(&mut self, job: usize) -> Result<(), SimulationError> {
        let Some(effect) = self.jobs[job].supervised.next_effect().cloned() else { return Ok(()) };
        let command = match effect {
            Effect::AwaitJob => Command::Seen(self.facts(job)),
            Effect::SetCpus { cpus } => match self.jobs[job].model.kind {
                Kind::Repeated { .. } if self.jobs[job].stage == Stage::Idle => {
                    self.jobs[job].resized = true;
                    Command::CpusApplied(cpus)
                }
                Kind::Repeated { .. } => return Ok(()),
                Kind::LongRunning { .. } => return self.restart(job, cpus),
            },
            Effect::StartIteration { not_before, .. } => {
                self.plan_request(job, not_before);
                return Ok(());
            }
            Effect::LookUp { iteration, attempt } => {
                let facts = self.facts(job);
                Command::Judged { iteration, attempt, verdict: Verdict::Active(facts.activity), facts }
            }
            Effect::DeleteJob { .. } => {
                self.jobs[job].stage = Stage::Over;
                Command::JobRemoved(Removal::Deleted)
            }
        };
        self.submit(job, command).map(|_| ())
    }

    /// What the framework says of the job.
    fn facts(&self, job: usize) -> FrameworkFacts {
        let job = &self.jobs[job];
        let state = job.supervised.state();
        FrameworkFacts {
            cpus: state.and_then(|state| state.cpus).unwrap_or(self.scenario.submitted),
            success_count: state.map_or(0, |state| u64::from(state.done)),
            error_count: 0,
            activity: match job.stage {
                Stage::Idle | Stage::Planned | Stage::Over => Activity::Idle,
                Stage::Waiting | Stage::Deploying => Activity::Queued,
                Stage::Running => Activity::Running,
            },
        }
    }

    fn set_alarm(&mut self, job: usize) {
        let due = self.jobs[job].supervised.state().and_then(awaited_report).map(|report| report.due);
        if due != self.jobs[job].alarm {
            self.jobs[job].alarm = due;
            if let Some(due) = due {
                self.agenda.plan(due.max(self.now), (job, What::Alarm { due }));
            }
        }
    }

    fn ring(&mut self, job: usize, due: Timestamp) -> Result<(), SimulationError> {
        // Alarms ring for ever; nothing else will happen when whoever is left waits for room that nobody can free.
        if self.jobs.iter().all(|job| job.is_over() || job.stage == Stage::Waiting) {
            return Err(self.stuck());
        }
        let command = match self.jobs[job].model.kind {
            Kind::Repeated { .. } => Command::ReportAwaited { due },
            Kind::LongRunning { .. } => Command::Look(self.look_facts(job)),
        };
        self.submit(job, command)?;
        if self.jobs[job].alarm == Some(due) {
            self.agenda.plan(self.now + RING_AGAIN, (job, What::Alarm { due }));
        }
        Ok(())
    }

    fn refused(&self, job: usize, rejection: Rejection) -> SimulationError {
        let name = self.jobs[job].model.name;
        SimulationError::Refused { name, seconds: self.now.since(EPOCH).seconds(), rejection }
    }

    fn stuck(&self) -> SimulationError {
        let waiting = self.jobs.iter().find(|job| !job.is_over());
        let cpus = waiting.and_then(|job| job.supervised.state()).and_then(|state| state.cpus);
        SimulationError::Stuck {
            name: waiting.map_or("a job", |job| job.model.name),
            cpus: cpus.unwrap_or(self.scenario.submitted),
        }
    }

    fn outcome(&self) -> RunOutcome {
        RunOutcome { jobs: self.jobs.iter().map(Job::outcome).collect() }
    }
}

/// `seconds` as a span; what no span can hold is the longest there is.
fn seconds(seconds: f64) -> Span {
    Span::try_from_seconds(seconds).unwrap_or(Span::from_secs(100_000_000_000))
}
