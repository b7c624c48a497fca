//! Case III from the launch of its job to its figures.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use shell_trap::docker::Docker;

use super::figures::{Scene, job_result};
use super::form::Form;
use super::meter::Meter;
use super::{agent, app};
use crate::clock::{Clock as _, SystemClock};
use crate::demo::arrival::{Arrival, Stored};
use crate::demo::case::explain;
use crate::demo::evidence;
use crate::demo::interrupt::Interrupt;
use crate::demo::jobs::Workload;
use crate::demo::options::{Case, DemoOptions};
use crate::demo::progress::Progress;
use crate::demo::result::{CaseSummary, JobResult};
use crate::demo::scaling::{JobPlan, Speed, case_three};
use crate::demo::snapshot::Snapshot;
use crate::demo::testbed::{Client, Files, KILL_GRACE, Plan, Testbed};
use crate::demo::watch::Watch;
use crate::launcher::Launched;
use crate::local::executor::Executor;
use crate::qos::ids::{Framework, JobId};
use crate::qos::units::{Cpus, Timestamp};

/// From TERM to KILL at the end of the cluster: after a signal the agent writes a checkpoint before it removes its container.
const CONTAINER_GRACE: Duration = Duration::from_secs(20);
const SUBMITTED: Cpus = Cpus::from_milli(1000);

/// What the case needs.
pub struct Bench<'a> {
    /// What the user chose.
    pub options: &'a DemoOptions,
    /// Holds everything.
    pub dir: &'a Path,
    /// By checkpoints or in place.
    pub form: &'a Form,
    /// The agent's program.
    pub agent: PathBuf,
    /// What the job runs.
    pub workload: Workload,
    /// Runs the agent.
    pub executor: Arc<dyn Executor>,
    /// Published times are divided by this.
    pub speed: Speed,
    /// Real cores behind one virtual CPU.
    pub cpu_factor: f64,
    /// Ends everything.
    pub interrupt: &'a Interrupt,
}

impl Bench<'_> {
    /// Runs it; nothing of it runs any more when this returns.
    ///
    /// # Errors
    /// When something cannot be started, is stuck, or the user wants to stop.
    pub async fn run(&self, progress: &mut dyn Progress) -> anyhow::Result<(CaseSummary, Vec<JobResult>)> {
        let plans = [case_three(self.speed)];
        let files = Files::below(self.dir, Case::Three.as_str());
        let meter = self.meter();
        let group = meter.as_ref().map(Meter::name);
        let node_env = crate::demo::agent::environment(self.dir, self.cpu_factor, self.speed, group)?;
        let plan = Plan {
            framework: Framework::Marathon,
            speed: self.speed,
            // What a new task takes by itself is real time, and part of what a resize costs.
            deployment_delay: (Duration::ZERO, Duration::ZERO),
            node_env,
            rescale: self.form.rescale,
            kill_grace: if self.form.container { CONTAINER_GRACE } else { KILL_GRACE },
        };
        let testbed = Testbed::start(self.options, files.clone(), Arc::clone(&self.executor), plan).await?;
        let (start, known) = (SystemClock.now(), Cell::new(None));
        let watched = self.interrupt.or(self.watched(&testbed, &plans, start, &known, progress)).await;
        progress.close();
        testbed.stop().await;
        self.clear(known.get()).await;
        let kernel = meter.as_ref().map(Meter::cpu_time).transpose()?;
        drop(meter);
        let (launched, end, stored) = watched??;
        let mut evidence = evidence::collect(&files, &[(launched.uuid, launched.name.clone())], SystemClock.now())?;
        let Some(now) = end.jobs.first() else { bail!("the supervisor has forgotten {}", launched.name) };
        let of_job = evidence.jobs.remove(&now.name).unwrap_or_default();
        let scene = Scene { form: self.form, cpu_factor: self.cpu_factor, kernel, submitted: SUBMITTED };
        let mut result = job_result(&plans[0], now, launched.admission.verdict.clone(), &of_job, &scene);
        if !result.is_completed() {
            explain(&mut result, now, &files, &of_job);
        }
        let jobs = vec![result];
        let metrics = Arrival::compare(&files.event_log(), stored)?;
        let took = end.elapsed.as_secs_f64();
        let summary = CaseSummary::new(Case::Three, self.speed, &jobs, took, evidence.events, metrics);
        Ok((summary, jobs))
    }

    async fn watched(
        &self,
        testbed: &Testbed,
        plans: &[JobPlan],
        start: Timestamp,
        known: &Cell<Option<JobId>>,
        progress: &mut dyn Progress,
    ) -> anyhow::Result<(Launched, Snapshot, Stored)> {
        let Client::Marathon(marathon) = &testbed.client else { bail!("case III needs a Marathon") };
        let (speed, agent) = (self.speed, agent::settings(&self.agent, self.form)?);
        let file = app::app_file(&plans[0], &self.workload, self.cpu_factor)?;
        let launched = app::launch(&file, marathon, &testbed.api, &agent).await?;
        known.set(Some(launched.uuid));
        let end = Watch { testbed, plans, speed, start }.to_the_end(progress).await?;
        Ok((launched, end, Stored::take(testbed).await))
    }

    /// Systemd's groups are gone with what ran in them, so nothing can be read of them afterwards.
    fn meter(&self) -> Option<Meter> {
        if self.form.docker.as_ref().is_some_and(|docker| docker.cgroup_driver == "systemd") {
            return None;
        }
        Meter::make().inspect_err(|error| tracing::info!("no control group around the job: {error:#}")).ok()
    }

    /// An agent that was killed in the midst of something leaves its container.
    async fn clear(&self, job: Option<JobId>) {
        let (Some(docker), Some(job)) = (&self.form.docker, job) else { return };
        let name = job.to_string().replace('-', "");
        if let Err(error) = Docker::at(&docker.socket).remove(&name).await {
            tracing::error!("the job's container: {error}");
        }
    }
}
