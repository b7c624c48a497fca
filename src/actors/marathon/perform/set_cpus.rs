//! Gives an app another CPU, which replaces its task: look, ask for `cpus` alone, follow the deployment, read back. A task for which no
//! node has room is taken back.
//!
//! Whatever became of an earlier request, of this process or of the one before, shows in the app: a request is only made when it
//! has another CPU and nothing is under way.

use std::time::Duration;

use backon::ExponentialBackoff;

use crate::actors::marathon::session::Session;
use crate::actors::performer::{Absence, LONGEST_PAUSE, Stopped, Submitted, backoff};
use crate::clients::marathon::{AppId, Deployment, MarathonApp, MarathonError};
use crate::qos::job::Command;
use crate::qos::units::{Cpus, Timestamp};

/// A resize that goes on.
struct Resize<'a> {
    session: &'a Session,
    target: Cpus,
    /// When the patience ends.
    give_up: Timestamp,
    pauses: ExponentialBackoff,
    /// Why it is not done yet.
    problem: String,
    /// A request may have been carried out: only a look at the app tells.
    unknown: bool,
    /// The deployment that Marathon has made of the request, until it was seen to be over.
    deployment: Option<String>,
    /// Marathon has taken the request, and its deployment is over.
    taken: bool,
    /// Since when the new task waits for a node with room.
    unplaced_since: Option<Timestamp>,
    /// Nobody had room, and Marathon goes back to what was before.
    rolled_back: bool,
}

/// What to do next.
enum Next {
    Look,
    Over,
}

pub async fn perform(session: &Session, target: Cpus) -> Result<(), Stopped> {
    let state = session.state()?;
    let mut resize = Resize {
        session,
        target,
        give_up: session.now() + session.patience.resize_patience,
        pauses: backoff(),
        problem: match state.taking_back {
            true => format!("no node had room for {target} CPU; the change was rolled back"),
            false => "Marathon did not keep the new value".into(),
        },
        unknown: state.unanswered,
        deployment: None,
        taken: false,
        unplaced_since: None,
        // By the supervisor before this one, or it was about to: what the app has says which.
        rolled_back: state.taking_back,
    };
    let mut absence = Absence::default();
    loop {
        let next = match session.read().await {
            Ok(Some(app)) if app.carries(session.job) => {
                absence.present();
                resize.with(&app).await?
            }
            Ok(_) => {
                if session.removed_outside(&mut absence, session.patience.removed_after).await? {
                    return Ok(());
                }
                resize.pause_briefly().await?
            }
            // Away. What was decided is old after a while; but what may have been done must be known.
            Err(error) => {
                resize.problem = error.to_string();
                if resize.unknown { resize.pause().await? } else { resize.pause_or_give_up().await? }
            }
        };
        if let Next::Over = next {
            return Ok(());
        }
    }
}

impl Resize<'_> {
    /// The next step with the app as it is.
    async fn with(&mut self, app: &MarathonApp) -> Result<Next, Stopped> {
        let (session, target) = (self.session, self.target);
        let deployments: Vec<String> = app.deployments().map(str::to_owned).collect();
        match (app.cpus == target, deployments.is_empty()) {
            (true, true) => {
                session.status.resized();
                session.submit(Command::CpusApplied(target)).await?;
                Ok(Next::Over)
            }
            // On its way, whoever asked for it.
            (true, false) => {
                self.roll_back_without_room(app, &deployments).await?;
                self.pause_briefly().await
            }
            // On its way back.
            (false, false) if self.rolled_back => self.pause_briefly().await,
            (false, true) if self.rolled_back => self.give_up().await,
            // Ours is under way, or somebody has put another change in its place: that is known when it is over.
            (false, false) if self.deployment.is_some() => self.pause_briefly().await,
            (false, false) => {
                self.problem = format!("the app is locked by the deployment {}", deployments.join(", "));
                self.pause_briefly_or_give_up().await
            }
            // What was just taken may not show yet.
            (false, true) if self.deployment.is_some() => {
                session.follow(self.deployment.take().as_slice()).await?;
                self.taken = true;
                Ok(Next::Look)
            }
            (false, true) if self.taken => {
                self.problem = format!("Marathon took it, and has {} CPU again: somebody took it back", app.cpus);
                self.give_up().await
            }
            (false, true) if session.now() >= self.give_up => self.give_up().await,
            (false, true) => {
                if let Submitted::Overtaken = session.submit(Command::ObserveCpus(app.cpus)).await? {
                    return Ok(Next::Over);
                }
                if session.state()?.resizing_to != Some(target) {
                    // The job has ended, or wants another CPU.
                    return Ok(Next::Over);
                }
                self.ask(&app.id).await
            }
        }
    }

    async fn ask(&mut self, id: &AppId) -> Result<Next, Stopped> {
        let session = self.session;
        tracing::info!(job = %session.job, name = session.name, cpus = %self.target, "asking Marathon for another CPU");
        match session.client.set_cpus(id, self.target).await {
            Ok(accepted) => {
                self.unknown = true;
                self.deployment = accepted.deployment;
                if self.deployment.is_some() { self.pause_briefly().await } else { self.pause().await }
            }
            // Somebody was quicker: the look that follows sees the lock.
            Err(error @ MarathonError::Locked { .. }) => {
                self.problem = error.to_string();
                self.pause_briefly().await
            }
            Err(error) if error.is_not_found() => self.pause_briefly().await,
            Err(error) => {
                session.failed("set cpus", &error);
                self.problem = error.to_string();
                if error.is_outcome_unknown() {
                    self.unknown = true;
                    let unanswered = Command::CpusUnanswered { cpus: self.target, reason: error.to_string() };
                    if let Submitted::Overtaken = session.submit(unanswered).await? {
                        return Ok(Next::Over);
                    }
                }
                self.pause().await
            }
        }
    }

    /// Takes the request back when no node has had room for the new task for too long: the task before it is over, so that the job does
    /// not run. A task that is placed, and slow to start, is waited for.
    async fn roll_back_without_room(&mut self, app: &MarathonApp, deployments: &[String]) -> Result<(), Stopped> {
        let (session, now) = (self.session, self.session.now());
        // The old one counts while it writes its checkpoint: no room is looked for before it is over.
        if app.tasks_staged + app.tasks_running > 0 || !app.tasks.is_empty() {
            self.unplaced_since = None;
            return Ok(());
        }
        let since = *self.unplaced_since.get_or_insert(now);
        let patience = session.patience.placement_patience;
        if now < since + patience {
            return Ok(());
        }
        // Once a patience, also when it does not work out.
        self.unplaced_since = Some(now);
        let (job, name, target) = (session.job, &session.name, self.target);
        let [deployment] = deployments else { return Ok(()) };
        if !self.is_ours(&app.id, deployment).await {
            tracing::warn!(%job, name, deployment, "somebody else's deployment holds the app, and no task of it is placed");
            return Ok(());
        }
        tracing::warn!(%job, name, deployment, "no node has room for {target} CPU: going back to what the job had");
        self.problem =
            format!("no node had room for {target} CPU within {} s; the change was rolled back", patience.seconds());
        let (cpus, reason) = (target, self.problem.clone());
        if let Submitted::Overtaken = session.submit(Command::CpusTakenBack { cpus, reason }).await? {
            return Ok(());
        }
        match session.client.roll_back(deployment).await {
            Ok(_) => self.rolled_back = true,
            // It has just ended.
            Err(error) if error.is_not_found() => {}
            Err(error) => {
                session.failed("roll back", &error);
                self.rolled_back |= error.is_outcome_unknown();
            }
        }
        Ok(())
    }

    /// Whether the deployment is of our request. After a restart of the supervisor it is the one that changes this app alone.
    async fn is_ours(&self, id: &AppId, deployment: &str) -> bool {
        if let Some(ours) = &self.deployment {
            return ours == deployment;
        }
        let changes_it_alone = |one: &Deployment| one.id == deployment && one.affected_apps == [id.clone()];
        let under_way = self.session.client.deployments().await;
        under_way.is_ok_and(|under_way| under_way.iter().any(changes_it_alone))
    }

    async fn give_up(&self) -> Result<Next, Stopped> {
        let (cpus, reason, no_room) = (self.target, self.problem.clone(), self.rolled_back);
        let refused = Command::CpusRefused { cpus, reason, no_room };
        self.session.submit(refused).await?;
        Ok(Next::Over)
    }

    async fn pause_or_give_up(&mut self) -> Result<Next, Stopped> {
        if self.session.now() >= self.give_up { self.give_up().await } else { self.pause().await }
    }

    async fn pause_briefly_or_give_up(&self) -> Result<Next, Stopped> {
        if self.session.now() >= self.give_up { self.give_up().await } else { self.pause_briefly().await }
    }

    /// Waits ever longer.
    async fn pause(&mut self) -> Result<Next, Stopped> {
        let pause = self.pauses.next().unwrap_or(LONGEST_PAUSE);
        self.wait(pause).await
    }

    /// Waits for the next look.
    async fn pause_briefly(&self) -> Result<Next, Stopped> {
        self.wait(self.session.patience.poll_interval.to_std()).await
    }

    async fn wait(&self, time: Duration) -> Result<Next, Stopped> {
        self.session.sleep(time).await?;
        Ok(Next::Look)
    }
}
