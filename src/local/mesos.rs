//! The Mesos master's and agents' HTTP interface, as far as a supervisor reads it. One port serves both, and the
//! virtual nodes share it; there is no authentication, as by default in Mesos.

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use procfs::Current;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::driver::{Driver, Framework, State};
use super::journal::TaskEnd;
use super::nodes::Node;
use super::task::{Phase, Terminal};
use super::usage::LaunchUsage;
use crate::qos::units::{Cpus, Timestamp};

/// The version whose answers these are.
const VERSION: &str = "1.4.0";
/// CPUs and MiB that a command executor is allowed on top of its task.
const EXECUTOR_CPUS: f64 = 0.1;
const EXECUTOR_MIB: f64 = 32.0;
/// Ended tasks that the master remembers of each framework.
const COMPLETED: usize = 1000;

/// What the handlers share.
pub(super) struct View {
    driver: Arc<Driver>,
    address: SocketAddr,
    id: Uuid,
    started: Timestamp,
    /// MiB of the machine.
    memory: f64,
}

impl View {
    pub fn new(driver: Arc<Driver>, id: Uuid, address: SocketAddr) -> Self {
        let memory = procfs::Meminfo::current().map_or(0.0, |info| info.mem_total as f64 / f64::from(1 << 20));
        let started = driver.now();
        View { driver, address, id, started, memory }
    }

    fn framework_id(&self, framework: Framework) -> String {
        let number = match framework {
            Framework::Chronos => 0,
            Framework::Marathon => 1,
        };
        format!("{}-{number:04}", self.id)
    }

    fn slave_id(&self, node: usize) -> String {
        format!("{}-S{node}", self.id)
    }
}

/// A task of either framework.
struct Task<'a> {
    framework: Framework,
    seq: u64,
    id: String,
    /// As the framework calls it for Mesos.
    name: String,
    node: usize,
    cpus: Cpus,
    mem: f64,
    phase: &'a Phase,
    kill_requested: bool,
}

fn tasks(state: &State) -> impl Iterator<Item = Task<'_>> {
    let of_chronos = state.chronos.tasks().map(|task| Task {
        framework: Framework::Chronos,
        seq: task.seq,
        id: task.wanted.to_string(),
        name: task_name(&task.wanted.job),
        node: task.node,
        cpus: task.cpus,
        mem: task.mem,
        phase: &task.phase,
        kill_requested: task.kill_requested,
    });
    let of_marathon = state.marathon.tasks().map(|task| Task {
        framework: Framework::Marathon,
        seq: task.seq,
        id: task.id.clone(),
        name: task_name(&task.app.id),
        node: task.node,
        cpus: task.cpus,
        mem: task.app.mem,
        phase: &task.phase,
        kill_requested: task.kill_requested,
    });
    of_chronos.chain(of_marathon)
}

/// Whose job it is: only names of apps begin with a slash.
fn framework_of(job: &str) -> Framework {
    if job.starts_with('/') { Framework::Marathon } else { Framework::Chronos }
}

/// Marathon puts the parts of the path in the order of a host name.
fn task_name(job: &str) -> String {
    match framework_of(job) {
        Framework::Chronos => format!("ChronosTask:{job}"),
        Framework::Marathon => job.trim_start_matches('/').rsplit('/').collect::<Vec<_>>().join("."),
    }
}

pub(super) fn routes(config: &mut ServiceConfig) {
    for path in ["/monitor/statistics", "/monitor/statistics.json", "/slave(1)/monitor/statistics"] {
        config.service(web::resource(path).get(statistics));
    }
    for path in ["/slaves", "/master/slaves"] {
        config.service(web::resource(path).get(slaves));
    }
    for path in ["/state", "/state.json", "/master/state", "/master/state.json"] {
        config.service(web::resource(path).get(state));
    }
}

/// One element for each task that has a process. CPU times are the kernel's, in seconds of real cores.
async fn statistics(view: web::Data<View>) -> impl Responder {
    let now = view.driver.now();
    let of_task = |state: &State, task: Task<'_>| {
        let running = state.running.get(&task.seq)?;
        let usage = running.usage();
        let id = task.id;
        Some(json!({
            "executor_id": id, "executor_name": format!("Command Executor (Task: {id})"),
            "framework_id": view.framework_id(task.framework), "source": id,
            "statistics": {
                "timestamp": now.epoch_seconds(),
                "cpus_user_time_secs": usage.user.as_secs_f64(), "cpus_system_time_secs": usage.system.as_secs_f64(),
                "cpus_limit": task.cpus.as_f64() + EXECUTOR_CPUS,
                "mem_limit_bytes": ((task.mem + EXECUTOR_MIB) * f64::from(1 << 20)) as u64,
            },
        }))
    };
    let all = |state: &State| tasks(state).filter_map(|task| of_task(state, task)).collect::<Vec<_>>();
    HttpResponse::Ok().json(view.driver.read(all))
}

#[derive(Deserialize)]
struct SlavesQuery {
    slave_id: Option<String>,
}

async fn slaves(view: web::Data<View>, query: web::Query<SlavesQuery>) -> impl Responder {
    let all = view.driver.read(|state| all_slaves(&view, state));
    let wanted = |slave: &Value| query.slave_id.as_ref().is_none_or(|id| slave["id"] == id.as_str());
    HttpResponse::Ok().json(json!({"slaves": all.into_iter().filter(wanted).collect::<Vec<_>>()}))
}

async fn state(view: web::Data<View>) -> impl Responder {
    HttpResponse::Ok().json(view.driver.read(|state| {
        json!({
            "version": VERSION, "cluster": "mesos-qos local", "id": view.id, "hostname": view.address.ip(),
            "pid": format!("master@{}", view.address), "leader": format!("master@{}", view.address),
            "start_time": view.started.epoch_seconds(), "slaves": all_slaves(&view, state),
            "frameworks": [
                framework(&view, state, Framework::Chronos, "chronos"),
                framework(&view, state, Framework::Marathon, "marathon"),
            ],
            "completed_frameworks": [], "orphan_tasks": [],
        })
    }))
}

fn framework(view: &View, state: &State, framework: Framework, name: &str) -> Value {
    let own = tasks(state).filter(|task| task.framework == framework);
    json!({
        "id": view.framework_id(framework), "name": name, "active": true, "hostname": view.address.ip(),
        "tasks": own.map(|task| task_json(view, state, &task)).collect::<Vec<_>>(),
        "completed_tasks": completed(view, state, framework),
    })
}

fn all_slaves(view: &View, state: &State) -> Vec<Value> {
    let count = state.nodes.iter().count().max(1) as f64;
    let resources = |cpus: Cpus, mem: f64| json!({"cpus": cpus.as_f64(), "mem": mem, "disk": 0.0, "gpus": 0.0});
    let slave = |(i, node): (usize, &Node)| {
        let memory = (view.memory / count).floor();
        let here = tasks(state).filter(|task| task.node == i && holds(task));
        let used_memory: f64 = here.map(|task| task.mem).fold(0.0, std::ops::Add::add);
        let total = resources(node.total, memory);
        json!({
            "id": view.slave_id(i), "hostname": node.hostname, "port": view.address.port(),
            "pid": format!("slave({})@{}", i + 1, view.address), "attributes": {},
            "registered_time": view.started.epoch_seconds(), "resources": total,
            "used_resources": resources(node.used, used_memory),
            "offered_resources": resources(Cpus::from_milli(0), 0.0), "reserved_resources": {},
            "unreserved_resources": total, "active": true, "version": VERSION,
        })
    };
    state.nodes.iter().enumerate().map(slave).collect()
}

/// Whether a task still holds its reservation.
fn holds(task: &Task<'_>) -> bool {
    !matches!(task.phase, Phase::Ended(_))
}

fn task_json(view: &View, state: &State, task: &Task<'_>) -> Value {
    let (name, since) = match task.phase {
        Phase::Deploying(_) | Phase::Launching => ("TASK_STAGING", None),
        Phase::Running { since } => ("TASK_RUNNING", Some(*since)),
        Phase::Ended(end) => (terminal_name(end, task.kill_requested), None),
    };
    let statuses: Vec<Value> =
        since.iter().map(|at| json!({"state": "TASK_RUNNING", "timestamp": at.epoch_seconds()})).collect();
    json!({
        "id": task.id, "name": task.name,
        "framework_id": view.framework_id(task.framework), "executor_id": "", "slave_id": view.slave_id(task.node), "state": name,
        "resources": {"cpus": task.cpus.as_f64(), "mem": task.mem, "disk": 0.0, "gpus": 0.0},
        "statuses": statuses, "hostname": state.nodes.hostname(task.node),
    })
}

/// The tasks that a framework is done with, from the journal.
fn completed(view: &View, state: &State, framework: Framework) -> Vec<Value> {
    let open: Vec<u64> = tasks(state).map(|task| task.seq).collect();
    let own = state.ledger.ended().filter(|(job, _)| framework_of(job) == framework);
    let mut ended: Vec<_> = own.filter(|(_, launch)| !open.contains(&launch.seq)).collect();
    ended.sort_by_key(|(_, launch)| std::cmp::Reverse(launch.seq));
    let task = |(job, launch): (&str, &LaunchUsage)| {
        json!({
            "id": launch.task, "name": task_name(job), "framework_id": view.framework_id(framework),
            "state": launch.end.as_ref().map(|end| terminal_name(end, false)),
            "resources": {"cpus": launch.cpus.as_f64()},
        })
    };
    ended.into_iter().take(COMPLETED).map(task).collect()
}

fn terminal_name(end: &TaskEnd, kill_requested: bool) -> &'static str {
    match (end, Terminal::of(end, kill_requested)) {
        (TaskEnd::Lost, _) => "TASK_LOST",
        (TaskEnd::Cancelled, _) | (_, Terminal::Killed) => "TASK_KILLED",
        (_, Terminal::Finished) => "TASK_FINISHED",
        (_, Terminal::Failed) => "TASK_FAILED",
    }
}
