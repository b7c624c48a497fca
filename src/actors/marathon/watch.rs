//! One look at all apps, again and again: those that somebody else removed or changed are found, whatever the jobs are doing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::MarathonPatience;
use super::session::facts;
use crate::actors::directory::{Directory, Entry};
use crate::actors::performer::{Absence, FrameworkStatus};
use crate::actors::submit::Submit;
use crate::clients::marathon::{AppId, MarathonApp, MarathonClient};
use crate::clock::{Clock, SteadyClock};
use crate::qos::ids::{Framework, JobId};
use crate::qos::job::{Command, JobState};
use crate::qos::units::Timestamp;

/// Looks for as long as its runtime lives.
pub struct Watch {
    pub client: Arc<MarathonClient>,
    pub patience: MarathonPatience,
    pub status: Arc<FrameworkStatus>,
    pub directory: Directory,
    pub clock: Arc<dyn Clock>,
}

impl Watch {
    pub async fn run(self) {
        let steady = SteadyClock::begin(self.clock.as_ref());
        let mut absences: BTreeMap<JobId, Absence> = BTreeMap::new();
        loop {
            tokio::time::sleep(self.patience.watch_interval.to_std()).await;
            // Before the look: an app is not missed that came only after it.
            let jobs = self.watched();
            absences.retain(|job, _| jobs.contains_key(job));
            if jobs.is_empty() {
                continue;
            }
            let apps = match self.client.apps().await {
                Ok(apps) => apps,
                // Says nothing about any app.
                Err(error) => {
                    if self.status.failed(&error.to_string(), self.clock.now()) {
                        tracing::warn!(%error, "Marathon does not answer; waiting for it");
                    }
                    continue;
                }
            };
            if self.status.worked() {
                tracing::info!("Marathon answers again");
            }
            let apps: BTreeMap<&AppId, &MarathonApp> = apps.iter().map(|app| (&app.id, app)).collect();
            for (job, (entry, before)) in jobs {
                let id = before.registered.name.parse::<AppId>().ok();
                let app = id.and_then(|id| apps.get(&id).copied()).filter(|app| app.carries(job));
                let Some(app) = app else {
                    let absence = absences.entry(job).or_default();
                    self.absent(job, &entry, &before, absence, steady.now());
                    continue;
                };
                absences.remove(&job);
                if before.seen {
                    note_cpus(&entry, &before, app);
                } else {
                    entry.actor.do_send(Submit::plain(Command::Seen(facts(app))));
                }
            }
        }
    }

    /// What an absence means: an app that was seen is gone once two looks far enough apart show that, and one that never was has not come
    /// in its time.
    fn absent(&self, job: JobId, entry: &Entry, before: &JobState, absence: &mut Absence, now: Timestamp) {
        let name = &before.registered.name;
        if before.seen && absence.absent(now, self.patience.removed_after) {
            tracing::warn!(%job, name, "its app was removed by somebody else");
            entry.actor.do_send(Submit::plain(Command::RemovedOutside));
        } else if !before.seen && absence.absent(now, self.patience.submit_timeout) {
            tracing::warn!(%job, name, "its app never came");
            entry.actor.do_send(Submit::plain(Command::NeverSeen));
        }
    }

    /// The jobs whose apps should be there, or come. Of those that an earlier version registered nobody else looks whether they have come.
    fn watched(&self) -> BTreeMap<JobId, (Entry, Arc<JobState>)> {
        let should_be_there =
            |state: &JobState| state.registered.framework == Framework::Marathon && state.ending().is_none();
        let entries = self.directory.entries().into_iter();
        let states = entries.filter_map(|(job, entry)| {
            let state = entry.state.load_full().filter(|state| should_be_there(state))?;
            Some((job, (entry, state)))
        });
        states.collect()
    }
}

/// Tells the job of a CPU that nobody here asked for. What changed here since the look is no news.
fn note_cpus(entry: &Entry, before: &JobState, app: &MarathonApp) {
    let settled = before.resizing_to.is_none() && app.deployments().next().is_none();
    let unchanged = entry.state.load().as_ref().is_some_and(|now| {
        (now.cpus, now.resizing_to) == (before.cpus, before.resizing_to) && now.cpus != Some(app.cpus)
    });
    if settled && unchanged {
        entry.actor.do_send(Submit::plain(Command::ObserveCpus(app.cpus)));
    }
}
