//! Case I or II from the launch of its jobs to its figures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::agent;
use super::arrival::{Arrival, Stored};
use super::evidence;
use super::interrupt::Interrupt;
use super::jobs::{Workload, job_file, launch_all};
use super::options::{Case, DemoOptions};
use super::progress::Progress;
use super::result::{CaseSummary, JobResult, Scale};
use super::scaling::JobPlan;
use super::snapshot::{JobNow, Snapshot};
use super::testbed::{Client, Files, KILL_GRACE, Plan, Testbed};
use super::watch::Watch;
use crate::clock::{Clock as _, SystemClock};
use crate::config::RescaleMode;
use crate::launcher::Launched;
use crate::local::executor::Executor;
use crate::qos::units::Timestamp;

/// The last lines of a failed task's output that are shown.
const SHOWN_LINES: usize = 5;

/// What both cases share.
pub struct Bench<'a> {
    /// What the user chose.
    pub options: &'a DemoOptions,
    /// Holds everything.
    pub dir: &'a Path,
    /// What the jobs run.
    pub workload: Workload,
    /// The agent's program, where the jobs get their CPU in place.
    pub agent: Option<PathBuf>,
    /// Runs them.
    pub executor: Arc<dyn Executor>,
    /// How the experiment was brought to this machine.
    pub scale: Scale,
    /// Ends everything.
    pub interrupt: &'a Interrupt,
}

impl Bench<'_> {
    /// Runs `case`; nothing of it runs any more when this returns.
    ///
    /// # Errors
    /// When something cannot be started, is stuck, or the user wants to stop.
    pub async fn run(&self, case: Case, progress: &mut dyn Progress) -> anyhow::Result<(CaseSummary, Vec<JobResult>)> {
        let plans = case.jobs(self.options.speed);
        let files = Files::below(self.dir, case.as_str());
        let delay = self.scale.overhead.delay(self.options.speed);
        let plan = Plan {
            framework: case.framework(),
            speed: self.options.speed,
            deployment_delay: delay,
            node_env: match &self.agent {
                Some(_) => agent::environment(self.dir, self.scale.cpu_factor, self.options.speed, None)?,
                None => Vec::new(),
            },
            rescale: if self.agent.is_some() { RescaleMode::InPlace } else { RescaleMode::Restart },
            kill_grace: KILL_GRACE,
        };
        let testbed = Testbed::start(self.options, files.clone(), Arc::clone(&self.executor), plan).await?;
        let start = SystemClock.now();
        let watched = self.interrupt.or(self.watched(&testbed, &plans, start, progress)).await;
        progress.close();
        testbed.stop().await;
        let (launched, end, stored) = watched??;
        let identities: Vec<_> = launched.iter().map(|job| (job.uuid, job.name.clone())).collect();
        let mut evidence = evidence::collect(&files, &identities, SystemClock.now())?;
        let mut jobs = Vec::new();
        for (now, launched) in end.jobs.iter().zip(&launched) {
            let evidence = evidence.jobs.remove(&now.name).unwrap_or_default();
            let verdict = launched.admission.verdict.clone();
            let mut result = JobResult::new(case, now, verdict, &evidence, &self.scale);
            if !result.is_completed() {
                explain(&mut result, now, &files, &evidence);
            }
            jobs.push(result);
        }
        let metrics = Arrival::compare(&files.event_log(), stored)?;
        let took = end.elapsed.as_secs_f64();
        Ok((CaseSummary::new(case, self.options.speed, &jobs, took, evidence.events, metrics), jobs))
    }

    async fn watched(
        &self,
        testbed: &Testbed,
        plans: &[JobPlan],
        start: Timestamp,
        progress: &mut dyn Progress,
    ) -> anyhow::Result<(Vec<Launched>, Snapshot, Stored)> {
        let file = |plan| job_file(plan, &self.workload, self.agent.is_some());
        let files = plans.iter().map(file).collect::<anyhow::Result<Vec<_>>>()?;
        let speed = self.options.speed;
        let Client::Chronos(chronos) = &testbed.client else { bail!("this case needs a Chronos") };
        let launched = launch_all(chronos, &testbed.api, &files, speed, self.agent.as_deref())
            .await
            .context("a job could not be launched")?;
        let end = Watch { testbed, plans, speed, start }.to_the_end(progress).await?;
        Ok((launched, end, Stored::take(testbed).await))
    }
}

/// Adds to the reason what the job's last task had to say.
pub fn explain(result: &mut JobResult, job: &JobNow, files: &Files, evidence: &evidence::Evidence) {
    let Some(last) = evidence.usage.launches.last() else { return };
    let said = std::fs::read_to_string(files.output(last.seq, "stderr")).unwrap_or_default();
    let lines: Vec<&str> = said.lines().collect();
    if lines.is_empty() {
        return;
    }
    let shown = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n    ");
    let reason = job.reason.as_deref().unwrap_or("no reason given");
    result.reason = Some(format!("{reason}; its last task said:\n    {shown}"));
}
