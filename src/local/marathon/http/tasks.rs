//! Tasks, of one app and of all.

use std::collections::BTreeMap;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::apps::{by_app, finish, no_app};
use super::query::Query;
use super::reply::Fault;
use super::{Api, reply};
use crate::local::marathon::core::{Core, Event, Reply, Task};
use crate::local::marathon::fields::{Fields, Problems, list, string};
use crate::local::marathon::id;

/// `GET /v2/tasks[?status=running|staging]`
pub(super) async fn all(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    let query = Query::of(&request);
    let states: Vec<&str> = query.all("status").chain(query.all("status[]")).collect();
    let wanted = |task: &&Task| {
        let state = if task.is_running() { "running" } else { "staging" };
        // Words that mean nothing are ignored.
        let mut known = states.iter().filter(|word| ["running", "staging"].contains(word)).peekable();
        known.peek().is_none() || known.any(|word| *word == state)
    };
    if wants_text(&request) {
        return text(api.look(|core| endpoints(core, |_| true)));
    }
    let tasks: Vec<Value> =
        api.look(|core| core.tasks().filter(wanted).map(|task| core.task_json(task, true)).collect());
    reply::ok(&json!({"tasks": tasks}))
}

/// `GET /v2/apps/{id}/tasks`
pub(super) fn of_app(request: &HttpRequest, api: &Api, app: &str, group: bool) -> HttpResponse {
    if group && !api.look(|core| core.has_group(app)) {
        return reply::message(StatusCode::NOT_FOUND, &format!("Group '{app}' does not exist"));
    }
    if !group && api.look(|core| core.find(app).is_none()) {
        return no_app(app);
    }
    let belongs = |id: &str| if group { id::within(id, app) } else { id == app };
    if wants_text(request) {
        return text(api.look(|core| endpoints(core, belongs)));
    }
    let tasks: Vec<Value> = api.look(|core| {
        core.tasks().filter(|task| belongs(&task.app.id)).map(|task| core.task_json(task, false)).collect()
    });
    reply::ok(&json!({"tasks": tasks}))
}

fn wants_text(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.trim_start().starts_with("text/plain")
}

fn text(text: String) -> HttpResponse {
    HttpResponse::Ok().content_type(header::ContentType::plaintext()).body(text)
}

/// One line for each service port of each app: name, port, and where its tasks listen.
fn endpoints(core: &Core, belongs: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for app in core.app_ids().filter(|id| belongs(id)).filter_map(|id| core.find(id)) {
        let tasks: Vec<&Task> = core.tasks().filter(|task| task.app.id == app.id && task.is_running()).collect();
        let name = id::safe(&app.id);
        let ports = app.service_ports();
        if ports.is_empty() {
            let hosts: Vec<&str> = tasks.iter().map(|task| task.hostname.as_str()).collect();
            text += &format!("{name}\t \t{}\t\n", hosts.join("\t"));
        }
        for (i, port) in ports.iter().enumerate() {
            let at = |task: &&Task| Some(format!("{}:{}\t", task.hostname, task.ports.get(i)?));
            text += &format!("{name}\t{port}\t{}\n", tasks.iter().filter_map(at).collect::<String>());
        }
    }
    text
}

/// `DELETE /v2/apps/{id}/tasks`
pub(super) fn kill_many(api: &Api, query: &Query, app: &str) -> Result<HttpResponse, Fault> {
    let host = query.get("host").filter(|host| *host != "*");
    let on_host = |task: &&Task| task.app.id == app && host.is_none_or(|host| task.hostname == host);
    let tasks = api.look(|core| core.tasks().filter(on_host).map(|task| task.id.clone()).collect());
    Ok(finish(api, kill(query, BTreeMap::from([(app.to_owned(), tasks)]))?, None))
}

/// `DELETE /v2/apps/{id}/tasks/{task}`
pub(super) fn kill_one(api: &Api, query: &Query, app: &str, task: &str) -> Result<HttpResponse, Fault> {
    let event = kill(query, BTreeMap::from([(app.to_owned(), vec![task.to_owned()])]))?;
    Ok(match api.apply(event)? {
        Reply::Killing(tasks) => match tasks.first() {
            Some(task) => reply::ok(&json!({"task": task})),
            None => reply::message(StatusCode::NOT_FOUND, &format!("Task '{task}' does not exist")),
        },
        other => reply::done(other, None, api.version),
    })
}

/// `POST /v2/tasks/delete`: tasks that are not there are passed over.
pub(super) async fn delete(request: HttpRequest, api: web::Data<Api>, body: web::Bytes) -> HttpResponse {
    reply::answer(delete_given(&request, &api, &body), api.version)
}

fn delete_given(request: &HttpRequest, api: &Api, body: &[u8]) -> Result<HttpResponse, Fault> {
    let body = super::json(request, body)?;
    let mut problems = Problems::default();
    let ids = Fields::of(&body, "", &mut problems).and_then(|mut fields| fields.required("ids", list(string)));
    let Some(ids) = ids.filter(|_| problems.is_empty()) else {
        return Err(Fault::Misshapen(problems));
    };
    if let Some(odd) = ids.iter().find(|id| !id.contains('.')) {
        return Err(Fault::Parameter(format!("Invalid task id '{odd}'.")));
    }
    let tasks = api.look(|core| {
        let known = core.tasks().filter(|task| ids.contains(&task.id) && core.find(&task.app.id).is_some());
        by_app(known.map(|task| (task.app.id.as_str(), task.id.as_str())))
    });
    let event = kill(&Query::of(request), tasks)?;
    Ok(finish(api, event, None))
}

fn kill(query: &Query, tasks: BTreeMap<String, Vec<String>>) -> Result<Event, Fault> {
    let (scale, wipe) = (query.flag("scale", false), query.flag("wipe", false));
    if scale && wipe {
        return Err(Fault::Parameter("You cannot use scale and wipe at the same time.".into()));
    }
    // There is nothing else to wipe: no task has a volume that outlives it.
    Ok(Event::KillTasks { tasks, scale, force: query.flag("force", false) })
}
