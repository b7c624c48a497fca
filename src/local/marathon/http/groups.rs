//! `/v2/groups`, as far as clients of apps need it: read, create, replace, scale, delete.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::apps::finish;
use super::query::Query;
use super::reply::Fault;
use super::{Api, reply};
use crate::local::marathon::core::{Event, GroupChange};
use crate::local::marathon::fields::{Fields, Problems, list, number, string};
use crate::local::marathon::id;
use crate::local::marathon::update::Update;
use crate::local::marathon::version::MarathonVersion;

/// A group as posted: its apps and groups with all that is below them.
#[derive(Default)]
struct Posted {
    apps: Vec<(String, Update)>,
    groups: Vec<String>,
}

pub(super) async fn dispatch(
    request: HttpRequest,
    api: web::Data<Api>,
    path: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    // Groups have no versions here.
    let versions = path.ends_with("/versions") || path.contains("/versions/");
    if versions || (!path.is_empty() && !path.starts_with('/')) {
        return reply::no_route(request).await;
    }
    let group = id::absolute(&path);
    let force = Query::of(&request).flag("force", false);
    let answered = match *request.method() {
        Method::GET => Ok(show(&api, &group)),
        Method::POST | Method::PUT => change(&request, &api, &group, force, &body),
        Method::DELETE => Ok(finish(&api, Event::DeleteGroup { id: group, force }, None)),
        _ => Ok(reply::not_allowed()),
    };
    reply::answer(answered, api.version)
}

fn show(api: &Api, group: &str) -> HttpResponse {
    match api.look(|core| core.group_json(group)) {
        Some(group) => reply::ok(&group),
        None => reply::message(StatusCode::NOT_FOUND, &format!("Group '{group}' does not exist")),
    }
}

fn change(request: &HttpRequest, api: &Api, base: &str, force: bool, body: &[u8]) -> Result<HttpResponse, Fault> {
    let body = super::json(request, body)?;
    let (mut problems, mut posted) = (Problems::default(), Posted::default());
    let put = request.method() == Method::PUT;
    let said = Fields::of(&body, "", &mut problems)
        .map(|mut fields| (fields.read("id", string), fields.read("scaleBy", number(0.0)), fields.has("version")));
    let (name, scale, version) = said.unwrap_or_default();
    // The id of a PUT is that of its path.
    let group = match name {
        Some(name) if !put => id::absolute(&format!("{base}/{name}")),
        _ => base.to_owned(),
    };
    collect(&body, "", &group, api.version, &mut problems, &mut posted);
    if version {
        problems.add("/version", "mesos-qos local keeps no versions of groups: send apps and groups");
    }
    if !problems.is_empty() {
        return Err(Fault::Misshapen(problems));
    }
    let change = match (scale.filter(|_| put), put) {
        (Some(factor), _) => GroupChange::Scale(factor),
        (None, true) => GroupChange::Replace(posted.apps, posted.groups),
        (None, false) => GroupChange::Create(posted.apps, posted.groups),
    };
    Ok(finish(api, Event::ChangeGroup { id: group.clone(), change, force }, Some(&group)))
}

/// The apps and groups of a group, all the way down. Ids are relative to their group.
fn collect(
    body: &Value,
    path: &str,
    group: &str,
    version: MarathonVersion,
    problems: &mut Problems,
    posted: &mut Posted,
) {
    let raw = |value: &Value, _: &str, _: &mut Problems| Some(value.clone());
    let Some(mut fields) = Fields::of(body, path, problems) else { return };
    let apps = fields.read("apps", list(raw)).unwrap_or_default();
    let groups = fields.read("groups", list(raw)).unwrap_or_default();
    for (i, app) in apps.iter().enumerate() {
        match Update::decode(app, version) {
            Ok(update) => match &update.id {
                Some(name) => posted.apps.push((within(name, group), update)),
                None => problems.add(format!("{path}/apps({i})/id"), "error.path.missing"),
            },
            Err(wrong) => problems.add_below(&format!("{path}/apps({i})"), wrong),
        }
    }
    for (i, below) in groups.iter().enumerate() {
        let place = format!("{path}/groups({i})");
        match below.get("id").and_then(Value::as_str) {
            Some(name) => {
                let name = within(name, group);
                posted.groups.push(name.clone());
                collect(below, &place, &name, version, problems, posted);
            }
            None => problems.add(format!("{place}/id"), "error.path.missing"),
        }
    }
}

fn within(name: &str, group: &str) -> String {
    if name.starts_with('/') { id::absolute(name) } else { id::absolute(&format!("{group}/{name}")) }
}
