//! CPU time as the Mesos agents measure it: of a task's own control group. A container that a task starts by itself is in it only
//! when it was put there (`--cgroup-parent`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::DateTime;
use futures_util::{StreamExt, stream};

use super::{CpuSource, Read, Reading, RunningJob, SourceError};
use crate::clients::marathon::{AppId, MarathonClient, MarathonTask};
use crate::clients::mesos::{CpuStatistics, ExecutorStatistics, MesosAgent, MesosClient};
use crate::qos::ids::JobId;
use crate::qos::units::{Cpus, Span, Timestamp};

/// Agents asked at the same time.
const AT_ONCE: usize = 8;

/// Asks Marathon for the tasks, the master for the agents, and each agent that runs one of the tasks.
pub struct MesosSource {
    marathon: Arc<MarathonClient>,
    mesos: MesosClient,
    /// The task that each job's segment was found to run in, where its agent does not name it.
    tasks: BTreeMap<JobId, Bound>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    segment: u64,
    since: Timestamp,
    task: String,
}

impl MesosSource {
    /// A source that has not asked anything yet.
    pub fn new(marathon: Arc<MarathonClient>, mesos: MesosClient) -> Self {
        MesosSource { marathon, mesos, tasks: BTreeMap::new() }
    }

    async fn read_all(&mut self, jobs: &[RunningJob]) -> Result<Vec<Reading>, SourceError> {
        let tasks = self.marathon.all_tasks().await.map_err(SourceError::of)?;
        let found = self.match_up(jobs, &tasks);
        if found.is_empty() {
            return Ok(vec![]);
        }
        let agents = self.mesos.agents().await.map_err(SourceError::of)?;
        let agents: BTreeMap<&str, &MesosAgent> = agents.iter().map(|agent| (agent.id.as_str(), agent)).collect();
        let agent_of = |task: &MarathonTask| agents.get(task.slave_id.as_deref()?).copied();
        let wanted: BTreeSet<_> = found.iter().filter_map(|(_, task)| agent_of(task)?.url()).collect();
        let mesos = &self.mesos;
        let lists: Vec<Vec<ExecutorStatistics>> = stream::iter(wanted)
            .map(|url| async move {
                // One agent that is away says nothing about the others.
                let list = mesos.statistics(&url).await;
                list.inspect_err(|error| tracing::warn!(%error, "an agent does not say its CPU times"))
                    .unwrap_or_default()
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let measured: BTreeMap<&str, Span> = lists.iter().flatten().filter_map(measured).collect();
        let readings = found.into_iter().filter_map(|(job, task)| {
            let agent = agent_of(task)?;
            let (node, free) = (agent.id.clone(), Cpus::try_from_f64(agent.free_cpus()).ok());
            let cpu = *measured.get(task.id.as_str())?;
            Some(Reading {
                job: job.job,
                segment: job.segment,
                since: job.since,
                cpu,
                node: Some(node),
                free,
                at: None,
            })
        });
        Ok(readings.collect())
    }

    /// The task of each job's segment, where that is certain: the one that its agent names, or of an agent that names none the one that
    /// had started before the segment.
    fn match_up<'a>(
        &mut self,
        jobs: &'a [RunningJob],
        tasks: &'a [MarathonTask],
    ) -> Vec<(&'a RunningJob, &'a MarathonTask)> {
        self.tasks.retain(|job, _| jobs.iter().any(|one| one.job == *job));
        let mut of_app: BTreeMap<&AppId, Vec<&MarathonTask>> = BTreeMap::new();
        for task in tasks.iter().filter(|task| task.is_running()) {
            if let Some(app) = &task.app_id {
                of_app.entry(app).or_default().push(task);
            }
        }
        let mut found = Vec::new();
        for job in jobs {
            let Ok(id) = job.name.parse::<AppId>() else { continue };
            // Of two tasks nobody knows which one the segment runs in.
            let Some([task]) = of_app.get(&id).map(Vec::as_slice) else { continue };
            if let Some(own) = &job.task {
                if task.id == *own {
                    found.push((job, *task));
                }
                continue;
            }
            let bound = Bound { segment: job.segment, since: job.since, task: task.id.clone() };
            let belongs = match self.tasks.get(&job.job) {
                Some(before) if (before.segment, before.since) == (job.segment, job.since) => before.task == task.id,
                // The task of a segment that is over is over, too.
                Some(before) if before.task == task.id => false,
                _ => started_at(task).is_some_and(|at| at <= job.since),
            };
            if belongs {
                self.tasks.insert(job.job, bound);
                found.push((job, *task));
            }
        }
        found
    }
}

fn measured(executor: &ExecutorStatistics) -> Option<(&str, Span)> {
    let seconds = executor.statistics.and_then(CpuStatistics::cpu_seconds)?;
    let cpu = Span::try_from_seconds(seconds).ok().filter(|cpu| *cpu >= Span::ZERO)?;
    Some((executor.executor_id.as_str(), cpu))
}

fn started_at(task: &MarathonTask) -> Option<Timestamp> {
    let at = DateTime::parse_from_rfc3339(task.started_at.as_deref()?).ok()?;
    Some(Timestamp::from_micros(at.timestamp_micros()))
}

impl CpuSource for MesosSource {
    fn name(&self) -> &'static str {
        "Mesos"
    }

    fn read<'a>(&'a mut self, jobs: &'a [RunningJob]) -> Read<'a> {
        Box::pin(self.read_all(jobs))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clients::marathon::{MarathonClientOptions, MarathonCredentials};

    fn source() -> MesosSource {
        let nobody: reqwest::Url = "http://127.0.0.1:9".parse().unwrap();
        let credentials = MarathonCredentials { urls: vec![nobody.clone()], user: String::new(), password: "".into() };
        let marathon = MarathonClient::new(credentials, MarathonClientOptions::default()).unwrap();
        MesosSource::new(Arc::new(marathon), MesosClient::new(nobody, &MarathonClientOptions::default()).unwrap())
    }

    fn task(id: &str, started_at: &str) -> MarathonTask {
        let task = json!({"id": id, "appId": "/a", "state": "TASK_RUNNING", "startedAt": started_at});
        serde_json::from_value(task).unwrap()
    }

    /// The job's segment, known since `second` of the minute.
    fn job(segment: u64, second: i64) -> RunningJob {
        let minute = DateTime::parse_from_rfc3339("2026-11-20T10:00:00Z").unwrap().timestamp_micros();
        let since = Timestamp::from_micros(minute) + Span::from_secs(second);
        RunningJob { job: JobId::from_bytes([1; 16]), name: "/a".into(), segment, since, task: None, recorded: None }
    }

    fn found(source: &mut MesosSource, job: RunningJob, tasks: &[MarathonTask]) -> Option<String> {
        source.match_up(&[job], tasks).first().map(|(_, task)| task.id.clone())
    }

    #[test]
    fn a_segment_is_measured_in_the_task_that_started_it() {
        let mut source = source();
        let old = task("old", "2026-11-20T10:00:01.000Z");
        assert_eq!(found(&mut source, job(1, 2), std::slice::from_ref(&old)), Some("old".into()));
        // The new task runs, and its segment is not known yet.
        let new = task("new", "2026-11-20T10:00:31.000Z");
        assert_eq!(found(&mut source, job(1, 2), std::slice::from_ref(&new)), None);
        assert_eq!(found(&mut source, job(2, 32), std::slice::from_ref(&new)), Some("new".into()));
    }

    #[test]
    fn a_task_that_started_after_the_segment_is_not_its_own_though_nothing_was_measured_before() {
        let new = task("new", "2026-11-20T10:00:31.000Z");
        assert_eq!(found(&mut source(), job(1, 2), std::slice::from_ref(&new)), None);
    }

    #[test]
    fn the_task_of_a_segment_that_is_over_is_never_taken_for_the_next() {
        let mut source = source();
        let old = [task("old", "2026-11-20T10:00:01.000Z")];
        assert!(found(&mut source, job(1, 2), &old).is_some());
        assert_eq!(found(&mut source, job(2, 32), &old), None);
    }

    /// On a busy machine the report of a segment overtakes the word that its task runs.
    #[test]
    fn a_task_that_the_agent_names_is_its_own_whenever_it_is_said_to_have_started() {
        let named = |segment, second| RunningJob { task: Some("new".into()), ..job(segment, second) };
        let new = task("new", "2026-11-20T10:00:31.000Z");
        assert_eq!(found(&mut source(), named(2, 2), std::slice::from_ref(&new)), Some("new".into()));
        let other = task("other", "2026-11-20T10:00:01.000Z");
        assert_eq!(found(&mut source(), named(2, 2), std::slice::from_ref(&other)), None);
    }

    #[test]
    fn of_two_tasks_none_is_measured() {
        let both = [task("old", "2026-11-20T10:00:01.000Z"), task("new", "2026-11-20T10:00:02.000Z")];
        assert_eq!(found(&mut source(), job(1, 3), &both), None);
    }
}
