//! The steps from the apps that are to the apps that shall be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::app::App;
use super::id;

/// All apps, by id.
pub type Root = BTreeMap<String, Arc<App>>;

/// What is done with an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// It becomes known, with no task yet.
    Start,
    /// Tasks are added or killed.
    Scale,
    /// Each task is replaced by one of the new version.
    Restart,
    /// All tasks are killed.
    Stop,
}

impl ActionKind {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            ActionKind::Start => "StartApplication",
            ActionKind::Scale => "ScaleApplication",
            ActionKind::Restart => "RestartApplication",
            ActionKind::Stop => "StopApplication",
        }
    }
}

/// What is done with which app.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// What.
    pub kind: ActionKind,
    /// The app as it shall be; as it was, when it goes.
    pub app: Arc<App>,
}

/// Apps that wait for each other in a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cycle;

/// Plans the steps. `restarts` are replaced though nothing has changed.
///
/// # Errors
/// When the dependencies of the changed apps go round in a circle.
pub fn steps(original: &Root, target: &Root, restarts: &BTreeSet<String>) -> Result<Vec<Vec<Planned>>, Cycle> {
    let planned = |kind, app: &Arc<App>| Planned { kind, app: app.clone() };
    let gone = original.iter().filter(|(id, _)| !target.contains_key(*id));
    let new = target.iter().filter(|(id, _)| !original.contains_key(*id));
    let mut steps: Vec<Vec<Planned>> = vec![
        gone.map(|(_, app)| planned(ActionKind::Stop, app)).collect(),
        new.map(|(_, app)| planned(ActionKind::Start, app)).collect(),
    ];
    let mut layers: BTreeMap<usize, Vec<Planned>> = BTreeMap::new();
    for (id, app) in target {
        let kind = match original.get(id) {
            None => ActionKind::Scale,
            Some(old) => {
                let upgraded = old.is_upgraded_by(app) || restarts.contains(id);
                match (upgraded, old.instances != app.instances) {
                    (true, _) if app.instances > 0 => ActionKind::Restart,
                    (true, _) | (false, true) => ActionKind::Scale,
                    (false, false) => continue,
                }
            }
        };
        layers.entry(depth(id, target, &mut Vec::new())?).or_default().push(planned(kind, app));
    }
    steps.extend(layers.into_values());
    steps.retain(|step| !step.is_empty());
    Ok(steps)
}

/// The longest way along the dependencies: apps without any come first.
fn depth(id: &str, apps: &Root, way: &mut Vec<String>) -> Result<usize, Cycle> {
    if way.iter().any(|passed| passed == id) {
        return Err(Cycle);
    }
    way.push(id.to_owned());
    let mut deepest = 0;
    let dependencies = apps.get(id).map_or(&[][..], |app| &app.dependencies);
    for other in apps.keys().filter(|other| dependencies.iter().any(|wanted| id::within(other, wanted))) {
        deepest = deepest.max(depth(other, apps, way)? + 1);
    }
    way.pop();
    Ok(deepest)
}

/// How the tasks of an app are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replacement {
    /// Old tasks killed at the start.
    pub kill_at_once: usize,
    /// Old and new tasks together are never more, as far as launches go.
    pub most: usize,
}

/// The numbers behind an upgrade, for an app of at least one instance of which `running` tasks run.
pub fn replacement(app: &App, running: usize) -> Replacement {
    let strategy = app.upgrade_strategy;
    let healthy = (f64::from(app.instances) * strategy.minimum_health_capacity).ceil() as usize;
    let mut most = (f64::from(app.instances) * (1.0 + strategy.maximum_over_capacity)) as usize;
    if healthy == most && most <= running {
        // Otherwise nothing could be killed and nothing be started.
        most += 1;
    }
    Replacement { kill_at_once: running.saturating_sub(healthy), most }
}

#[cfg(test)]
mod tests {
    use super::super::app::UpgradeStrategy;
    use super::super::version::MarathonVersion::V1_5;
    use super::*;

    fn app(id: &str, instances: u32) -> App {
        App { instances, cmd: Some("true".into()), ..App::with_defaults(id, V1_5) }
    }

    fn root(apps: &[App]) -> Root {
        apps.iter().map(|app| (app.id.clone(), Arc::new(app.clone()))).collect()
    }

    fn named(original: &[App], target: &[App], restarts: &[&str]) -> Vec<Vec<String>> {
        let restarts = restarts.iter().map(|id| (*id).to_owned()).collect();
        let steps = steps(&root(original), &root(target), &restarts).unwrap();
        let name = |planned: &Planned| format!("{} {}", planned.kind.as_str(), planned.app.id);
        steps.iter().map(|step| step.iter().map(name).collect()).collect()
    }

    #[test]
    fn what_changed_tells_the_steps() {
        let (a, just_a) = (app("/a", 1), [app("/a", 1)]);
        let none: Vec<Vec<String>> = Vec::new();
        assert_eq!(named(&[], &just_a, &[]), [["StartApplication /a"], ["ScaleApplication /a"]]);
        assert_eq!(named(&just_a, &[], &[]), [["StopApplication /a"]]);
        assert_eq!(named(&just_a, &[app("/a", 3)], &[]), [["ScaleApplication /a"]]);
        assert_eq!(named(&just_a, &[App { cpus: 2.0, ..a.clone() }], &[]), [["RestartApplication /a"]]);
        assert_eq!(named(&just_a, &[App { cpus: 2.0, ..app("/a", 0) }], &[]), [["ScaleApplication /a"]]);
        assert_eq!(named(&just_a, &just_a, &[]), none);
        assert_eq!(named(&just_a, &just_a, &["/a"]), [["RestartApplication /a"]]);
    }

    #[test]
    fn dependencies_come_first_and_circles_are_refused() {
        let front = App { dependencies: vec!["/shop/back".into()], ..app("/front", 1) };
        let back = app("/shop/back", 1);
        let steps_of = named(&[], &[front.clone(), back.clone()], &[]);
        assert_eq!(steps_of[1..], [["ScaleApplication /shop/back"], ["ScaleApplication /front"]]);
        let back = App { dependencies: vec!["/front".into()], ..back };
        assert_eq!(steps(&Root::new(), &root(&[front, back]), &BTreeSet::new()), Err(Cycle));
    }

    #[test]
    fn the_strategy_tells_who_is_killed_and_how_many_may_run() {
        let numbers = |instances, minimum, over, running| {
            let strategy = UpgradeStrategy { minimum_health_capacity: minimum, maximum_over_capacity: over };
            let plan = replacement(&App { upgrade_strategy: strategy, ..app("/a", instances) }, running);
            (plan.kill_at_once, plan.most)
        };
        assert_eq!(numbers(1, 1.0, 1.0, 1), (0, 2), "the default");
        assert_eq!(numbers(1, 1.0, 0.0, 1), (0, 2), "one more is granted");
        assert_eq!(numbers(1, 0.0, 1.0, 1), (1, 2), "both at the same moment");
        assert_eq!(numbers(1, 0.0, 0.0, 1), (1, 1), "stop, then start");
        assert_eq!(numbers(10, 0.5, 0.2, 10), (5, 12));
        assert_eq!(numbers(3, 0.5, 0.0, 3), (1, 3));
        assert_eq!(numbers(4, 1.0, 0.0, 0), (0, 4));
    }
}
