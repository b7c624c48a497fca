//! Apps by the path of their ids.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::change::Change;
use super::{Answer, Core, GroupChange, Refusal};
use crate::local::chronos::schedule::utc_text;
use crate::local::marathon::app::App;
use crate::local::marathon::fields::Problems;
use crate::local::marathon::id;
use crate::local::marathon::plan::Root;
use crate::local::marathon::update::Update;
use crate::qos::units::Timestamp;

impl Core {
    /// Whether a group is there: it was made, or an app is below it.
    pub fn has_group(&self, group: &str) -> bool {
        let below = |path: &String| path != group && id::within(path, group);
        group == "/" || self.groups.contains_key(group) || self.apps.keys().any(below)
    }

    /// A group and all below it; `render` makes the apps.
    pub(super) fn group_of(
        &self,
        root: &Root,
        group: &str,
        version: Timestamp,
        render: &mut dyn FnMut(&App) -> Map<String, Value>,
    ) -> Map<String, Value> {
        let paths = || root.keys().map(String::as_str).map(id::parent).chain(self.groups.keys().map(String::as_str));
        let children: BTreeSet<String> = paths().filter_map(|path| child_towards(path, group)).collect();
        let groups: Vec<Value> =
            children.iter().map(|child| Value::Object(self.group_of(root, child, version, render))).collect();
        let own = root.values().filter(|app| id::parent(&app.id) == group);
        let apps: Vec<Value> = own.map(|app| Value::Object(render(app))).collect();
        let mut map = Map::new();
        map.insert("id".into(), json!(group));
        map.insert("apps".into(), json!(apps));
        map.insert("groups".into(), json!(groups));
        map.insert("dependencies".into(), json!([]));
        let known = self.groups.get(group).copied().unwrap_or(version);
        map.insert("version".into(), json!(utc_text(known)));
        if self.version().since_1_4() {
            map.insert("pods".into(), json!([]));
        }
        map
    }

    /// POST and PUT of a group.
    pub(super) fn change_group(&mut self, group: &str, what: GroupChange, force: bool) -> Answer {
        let known = self.has_group(group);
        let mut change = Change { force, group: group.to_owned(), ..Change::default() };
        let (apps, groups) = match what {
            GroupChange::Create(..) if known => {
                return Err(Refusal::Exists(format!(
                    "Group {group} is already created. Use PUT to change this group."
                )));
            }
            GroupChange::Create(apps, groups) => (apps, groups),
            GroupChange::Replace(apps, groups) => {
                let mentioned: BTreeSet<&String> = apps.iter().map(|(path, _)| path).collect();
                for path in self.apps.keys().filter(|path| id::within(path, group) && !mentioned.contains(path)) {
                    change.apps.insert(path.clone(), None);
                }
                (apps, groups)
            }
            GroupChange::Scale(_) if !known => return Err(Refusal::NotFound(no_group(group))),
            GroupChange::Scale(factor) => {
                for app in self.root().values().filter(|app| id::within(&app.id, group)) {
                    let instances = (f64::from(app.instances) * factor).ceil() as u32;
                    change.apps.insert(app.id.clone(), Some(App { instances, ..(**app).clone() }));
                }
                (Vec::new(), Vec::new())
            }
        };
        if let Some(bad) = groups.iter().map(String::as_str).chain([group]).find(|path| !id::is_valid(path)) {
            let mut problems = Problems::default();
            problems.add("/id", format!("'{bad}' must fully match regular expression '{}'", id::SEGMENT));
            return Err(Refusal::Invalid(problems));
        }
        change.apps.extend(self.members(apps)?);
        let mut reply = self.deploy(change)?;
        if let super::Reply::Deployed { version, created, .. } = &mut reply {
            for made in groups.into_iter().chain(Some(group.to_owned())).filter(|made| made != "/") {
                self.groups.entry(made).or_insert(*version);
            }
            *created = !known;
        }
        Ok(reply)
    }

    fn members(&self, apps: Vec<(String, Update)>) -> Result<BTreeMap<String, Option<App>>, Refusal> {
        let mut members = BTreeMap::new();
        for (path, update) in apps {
            let app = self.defined(&path, &update)?;
            members.insert(path, Some(app));
        }
        Ok(members)
    }

    /// DELETE of a group, with all that is below.
    pub(super) fn delete_group(&mut self, group: &str, force: bool) -> Answer {
        if !self.has_group(group) {
            return Err(Refusal::NotFound(no_group(group)));
        }
        let below = self.apps.keys().filter(|path| id::within(path, group));
        let apps = below.map(|path| (path.clone(), None)).collect();
        let reply = self.deploy(Change { apps, force, group: id::parent(group).to_owned(), ..Change::default() })?;
        self.groups.retain(|path, _| !id::within(path, group));
        Ok(reply)
    }
}

/// The words for a group that is not there.
pub(super) fn no_group(group: &str) -> String {
    format!("Group '{group}' does not exist")
}

/// The group just below `group` on the way to `path`.
fn child_towards(path: &str, group: &str) -> Option<String> {
    if path == group || !id::within(path, group) {
        return None;
    }
    let base = if group == "/" { "" } else { group };
    let rest = path.strip_prefix(base)?.trim_start_matches('/');
    let next = rest.split('/').next().filter(|next| !next.is_empty())?;
    Some(format!("{base}/{next}"))
}
