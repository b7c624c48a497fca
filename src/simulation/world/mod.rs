//! A run: what happens in which order.

mod chained;
mod error;
mod job;
mod long_running;
mod nodes;
mod repeated;
mod supervision;
mod work;

pub use error::SimulationError;

use error::MOST_STEPS;
use job::{Job, Stage};

use super::arbiter::Arbiter;
use super::candidate::Candidate;
use super::cluster::Cluster;
use super::engine::Agenda;
use super::model::{JobModel, Kind, Scenario};
use super::outcome::{Batch, RunOutcome};
use crate::qos::job::Command;
use crate::qos::job::registration::{InvalidField, validate};
use crate::qos::units::{Span, Timestamp};

/// Virtual time begins here: 2027-01-15.
pub const EPOCH: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

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
    in_a_round: bool,
    another_round: bool,
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
        let (in_a_round, another_round) = (false, false);
        World {
            scenario,
            candidate,
            arbiter,
            seed,
            now: EPOCH,
            agenda,
            cluster,
            jobs,
            recorded,
            in_a_round,
            another_round,
        }
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
