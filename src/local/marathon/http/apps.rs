//! `/v2/apps` and all that is below it.

use std::collections::BTreeMap;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::labels::Labels;
use super::query::Query;
use super::reply::Fault;
use super::{Api, caller, reply};
use crate::local::marathon::core::{Embed, Event, Reply};
use crate::local::marathon::fields::Problems;
use crate::local::marathon::id;
use crate::local::marathon::update::Update;

/// What a path means.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Apps,
    App(String),
    /// All apps of a group.
    Group(String),
    Restart(String),
    /// Of an app or of a group.
    Tasks {
        id: String,
        group: bool,
    },
    Task(String, String),
    Versions(String),
    Version(String, String),
}

/// Takes a path apart. Slashes before the id are stripped.
fn place(path: &str) -> Option<Place> {
    let path = path.strip_prefix('/').map_or_else(|| path.is_empty().then_some(""), Some)?;
    let path = path.trim_start_matches('/');
    let app = |text: &str| id::absolute(text);
    if path.is_empty() {
        return Some(Place::Apps);
    }
    // From the right, for an id may hold such words too.
    if let Some(head) = path.strip_suffix("/restart") {
        return Some(Place::Restart(app(head)));
    }
    for (word, make) in [("/tasks", Place::Task as fn(String, String) -> Place), ("/versions", Place::Version)] {
        if let Some(head) = path.strip_suffix(word).or_else(|| path.strip_suffix(&format!("{word}/"))) {
            let (head, group) = match head.strip_suffix("/*") {
                Some(group) => (group, true),
                None => (head, head == "*"),
            };
            let id = app(head.trim_end_matches('*'));
            return Some(if word == "/tasks" { Place::Tasks { id, group } } else { Place::Versions(id) });
        }
        if let Some((head, tail)) = path.rsplit_once(&format!("{word}/"))
            && !tail.contains('/')
        {
            return Some(make(app(head), tail.to_owned()));
        }
    }
    match path.strip_suffix("/*") {
        Some(group) => Some(Place::Group(app(group))),
        None if path == "*" => Some(Place::Group("/".into())),
        None => Some(Place::App(app(path))),
    }
}

pub(super) async fn dispatch(
    request: HttpRequest,
    api: web::Data<Api>,
    path: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    let Some(place) = place(&path) else { return reply::no_route(request).await };
    let query = Query::of(&request);
    let method = request.method().clone();
    let (get, put, post, delete) =
        (method == Method::GET, method == Method::PUT, method == Method::POST, method == Method::DELETE);
    // Added in 1.4.
    let patch = method == Method::PATCH && api.version.since_1_4();
    let answered = match place {
        Place::Apps if get => Ok(list(&api, &query)),
        Place::Apps if post => create(&request, &api, &query, &body),
        Place::Apps if put || patch => change_many(&request, &api, &query, &body, put),
        Place::App(id) if get => Ok(show(&api, &query, &id)),
        Place::App(id) if put || patch => change(&request, &api, &query, &body, id, put),
        Place::App(id) if delete => {
            // The default differs from all others.
            Ok(finish(&api, Event::Delete { id, force: query.flag("force", true) }, None))
        }
        Place::Group(id) if get => Ok(group(&api, &query, &id)),
        Place::Restart(id) if post => Ok(finish(&api, Event::Restart { id, force: query.flag("force", false) }, None)),
        Place::Tasks { id, group } if get => Ok(super::tasks::of_app(&request, &api, &id, group)),
        Place::Tasks { id, .. } if delete => super::tasks::kill_many(&api, &query, &id),
        Place::Task(id, task) if delete => super::tasks::kill_one(&api, &query, &id, &task),
        Place::Versions(id) if get => Ok(versions(&api, &id)),
        Place::Version(id, version) if get => Ok(at_version(&api, &id, &version)),
        _ => Ok(reply::not_allowed()),
    };
    reply::answer(answered, api.version)
}

/// Does it, and answers with the deployment.
pub(super) fn finish(api: &Api, event: Event, location: Option<&str>) -> HttpResponse {
    match api.apply(event) {
        Ok(done) => reply::done(done, location, api.version),
        Err(refusal) => reply::refused(&refusal),
    }
}

fn list(api: &Api, query: &Query) -> HttpResponse {
    let labels = match query.get("label").map(Labels::parse) {
        Some(None) => {
            return reply::message(StatusCode::UNPROCESSABLE_ENTITY, "label: a selector such as a==b is wanted");
        }
        labels => labels.flatten(),
    };
    let embed = query.embed(Embed { counts: true, deployments: true, ..Embed::default() });
    let has =
        |text: &str, part: Option<&str>| part.is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()));
    let apps: Vec<Value> = api.look(|core| {
        let ids = core.app_ids().filter(|id| {
            core.find(id).is_some_and(|app| {
                has(&app.id, query.get("id"))
                    && (query.get("cmd").is_none() || app.cmd.as_ref().is_some_and(|cmd| has(cmd, query.get("cmd"))))
                    && labels.as_ref().is_none_or(|labels| labels.select(&app.labels))
            })
        });
        ids.filter_map(|id| core.app_info(id, embed)).collect()
    });
    reply::ok(&json!({"apps": apps}))
}

fn everything() -> Embed {
    Embed { counts: true, tasks: true, last_task_failure: true, deployments: true, ..Embed::default() }
}

fn show(api: &Api, query: &Query, id: &str) -> HttpResponse {
    match api.look(|core| core.app_info(id, query.embed(everything()))) {
        Some(app) => reply::ok(&json!({"app": app})),
        None => no_app(id),
    }
}

fn group(api: &Api, query: &Query, group: &str) -> HttpResponse {
    let embed = query.embed(everything());
    let apps = api.look(|core| {
        let ids = core.apps_within(group);
        core.has_group(group).then(|| ids.iter().filter_map(|id| core.app_info(id, embed)).collect::<Vec<_>>())
    });
    match apps {
        Some(apps) => reply::ok(&json!({"*": apps})),
        None => reply::message(StatusCode::NOT_FOUND, &format!("Group '{group}' does not exist")),
    }
}

fn create(request: &HttpRequest, api: &Api, query: &Query, body: &[u8]) -> Result<HttpResponse, Fault> {
    let body = super::json(request, body)?;
    let update = decode(api, &body)?;
    let Some(id) = update.id.as_deref().map(id::absolute) else {
        let mut problems = Problems::default();
        problems.add("/id", "error.path.missing");
        return Err(Fault::Misshapen(problems));
    };
    let event = Event::Create { update: Box::new(update), force: query.flag("force", false), caller: caller(request) };
    let deployment = match api.apply(event)? {
        Reply::Deployed { id, .. } => id,
        Reply::Done | Reply::Killing(_) => String::new(),
    };
    let app = api.look(|core| core.created_info(&id, &deployment));
    let mut response = HttpResponse::Created().insert_header(("Location", id)).json(app);
    reply::name_deployment(&mut response, &deployment, api.version);
    Ok(response)
}

fn change(
    request: &HttpRequest,
    api: &Api,
    query: &Query,
    body: &[u8],
    id: String,
    put: bool,
) -> Result<HttpResponse, Fault> {
    let body = super::json(request, body)?;
    let update = decode(api, &body)?;
    let location = id.clone();
    let event = Event::Change {
        updates: vec![(id, update)],
        partial: is_partial(api, query, put),
        create: put,
        force: query.flag("force", false),
        caller: caller(request),
    };
    Ok(finish(api, event, Some(&location)))
}

fn change_many(request: &HttpRequest, api: &Api, query: &Query, body: &[u8], put: bool) -> Result<HttpResponse, Fault> {
    let body = super::json(request, body)?;
    let updates = Update::decode_list(&body, api.version).map_err(Fault::Misshapen)?;
    // Those without an id are passed over, as in the original.
    let updates = updates.into_iter().filter_map(|update| Some((id::absolute(update.id.as_deref()?), update)));
    let event = Event::Change {
        updates: updates.collect(),
        partial: is_partial(api, query, put),
        create: put,
        force: query.flag("force", false),
        caller: caller(request),
    };
    Ok(finish(api, event, None))
}

/// `partialUpdate=false` came with 1.4.
fn is_partial(api: &Api, query: &Query, put: bool) -> bool {
    !put || !api.version.since_1_4() || query.flag("partialUpdate", true)
}

fn decode(api: &Api, body: &Value) -> Result<Update, Fault> {
    Update::decode(body, api.version).map_err(Fault::Misshapen)
}

fn versions(api: &Api, id: &str) -> HttpResponse {
    match api.look(|core| core.versions(id)) {
        Some(versions) => reply::ok(&json!({"versions": versions})),
        None => no_app(id),
    }
}

fn at_version(api: &Api, id: &str, version: &str) -> HttpResponse {
    match api.look(|core| core.at_version(id, version)) {
        Some(app) => reply::ok(&app),
        None => reply::message(StatusCode::NOT_FOUND, &format!("App '{id}' does not exist in version {version}")),
    }
}

pub(super) fn no_app(id: &str) -> HttpResponse {
    reply::message(StatusCode::NOT_FOUND, &format!("App '{id}' does not exist"))
}

/// Task ids by app, for an event.
pub(super) fn by_app<'a>(tasks: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, Vec<String>> {
    let mut by_app: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (app, task) in tasks {
        by_app.entry(app.to_owned()).or_default().push(task.to_owned());
    }
    by_app
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_with_all_their_slashes() {
        let text = |text: &str| text.to_owned();
        for (path, wanted) in [
            ("", Place::Apps),
            ("/", Place::Apps),
            ("/a", Place::App(text("/a"))),
            ("//a/b", Place::App(text("/a/b"))),
            ("/a/b/*", Place::Group(text("/a/b"))),
            ("/*", Place::Group(text("/"))),
            ("/a/restart", Place::Restart(text("/a"))),
            ("/a/b/tasks", Place::Tasks { id: text("/a/b"), group: false }),
            ("/a/*/tasks", Place::Tasks { id: text("/a"), group: true }),
            ("/a/tasks/a.1-2", Place::Task(text("/a"), text("a.1-2"))),
            ("/a/versions", Place::Versions(text("/a"))),
            ("/a/versions/2015-01-01T00:00:00.000Z", Place::Version(text("/a"), text("2015-01-01T00:00:00.000Z"))),
            ("/tasks", Place::App(text("/tasks"))),
        ] {
            assert_eq!(place(path), Some(wanted), "{path:?}");
        }
        assert_eq!(place("x"), None);
    }
}
