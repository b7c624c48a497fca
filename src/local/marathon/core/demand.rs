//! How many tasks of each app are wanted beside those that there are. It follows from what shall be and what is.

use super::Core;
use super::deploy::Progress;
use crate::local::marathon::app::App;
use crate::qos::units::Timestamp;

impl Core {
    /// How many tasks of an app wait to be launched.
    pub(super) fn wanted(&self, id: &str) -> usize {
        let Some(app) = self.app(id) else { return 0 };
        let holding = self.deployments.values().find(|deployment| deployment.affected().any(|held| held == id));
        let Some(deployment) = holding else {
            return (app.instances as usize).saturating_sub(self.active(id).len());
        };
        match deployment.progress_of(id) {
            Some(Progress::Scale { dying, to }) if dying.is_empty() => to.saturating_sub(self.active(id).len()),
            Some(Progress::Restart(replacing)) => {
                let new = self.of_app(id).filter(|task| task.app.version == replacing.app.version).count();
                replacing.wanted().saturating_sub(new)
            }
            // Another step, or this app's part of the step is done: failed tasks wait for the end of the deployment.
            _ => 0,
        }
    }

    /// The instant before which an app is not launched, when that lies ahead.
    pub(super) fn put_off_until(&self, app: &App) -> Option<Timestamp> {
        self.backoff.deadline(app).filter(|deadline| *deadline > self.now)
    }

    /// When the next launch may be possible.
    pub(super) fn next_launch(&self) -> Option<Timestamp> {
        let wanted = self.apps.keys().filter(|id| self.wanted(id) > 0).filter_map(|id| self.app(id));
        wanted.map(|app| self.put_off_until(app).unwrap_or(self.now).max(self.offers.due())).min()
    }

    /// Notes since when tasks of each app are wanted.
    pub(super) fn note_demand(&mut self) {
        let wanted: Vec<bool> = self.apps.keys().map(|id| self.wanted(id) > 0).collect();
        for (known, wanted) in self.apps.values_mut().zip(wanted) {
            known.queued_since = wanted.then(|| known.queued_since.unwrap_or(self.now));
        }
    }
}
