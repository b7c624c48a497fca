//! What the scheduler is told, and what it answers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::local::journal::TaskEnd;
use crate::local::marathon::fields::Problems;
use crate::local::marathon::update::Update;
use crate::qos::units::Timestamp;

/// What happens to the scheduler.
#[derive(Debug, Clone)]
pub enum Event {
    /// POST `/v2/apps`.
    Create {
        /// The app.
        update: Box<Update>,
        /// Cancels what is in the way.
        force: bool,
        /// For the event: who, and where to.
        caller: Caller,
    },
    /// PUT and PATCH of one app or of several.
    Change {
        /// Ids and what is said about them.
        updates: Vec<(String, Update)>,
        /// What is not said stays; else it falls back to the default.
        partial: bool,
        /// Apps that are not there are created.
        create: bool,
        /// Cancels what is in the way.
        force: bool,
        /// For the event.
        caller: Caller,
    },
    /// DELETE of an app.
    Delete {
        /// Its id.
        id: String,
        /// Cancels what is in the way.
        force: bool,
    },
    /// POST `restart`.
    Restart {
        /// Its id.
        id: String,
        /// Cancels what is in the way.
        force: bool,
    },
    /// DELETE of tasks, and POST `/v2/tasks/delete`.
    KillTasks {
        /// Task ids by app.
        tasks: BTreeMap<String, Vec<String>>,
        /// Fewer instances are wanted then.
        scale: bool,
        /// Cancels what is in the way of that.
        force: bool,
    },
    /// DELETE of a deployment.
    CancelDeployment {
        /// Its id.
        id: String,
        /// Without going back.
        force: bool,
    },
    /// DELETE `/v2/queue/{id}/delay`.
    ResetDelay(String),
    /// POST and PUT of a group.
    ChangeGroup {
        /// Its id.
        id: String,
        /// What is said about it.
        change: GroupChange,
        /// Cancels what is in the way.
        force: bool,
    },
    /// DELETE of a group, with all that is below.
    DeleteGroup {
        /// Its id.
        id: String,
        /// Cancels what is in the way.
        force: bool,
    },
    /// The executor has started a task.
    Started(u64),
    /// A task's processes are gone.
    Ended {
        /// Number of its placement.
        seq: u64,
        /// How.
        end: TaskEnd,
        /// Seconds of CPU in user mode and in the kernel.
        cpu: (f64, f64),
    },
    /// Time has passed.
    Tick,
}

/// Who called, and where to.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// Address.
    pub address: String,
    /// Path.
    pub uri: String,
}

/// What is said about a group.
#[derive(Debug, Clone)]
pub enum GroupChange {
    /// It shall exist, and not have existed before.
    Create(Vec<(String, Update)>, Vec<String>),
    /// It shall have these apps, and these groups below it.
    Replace(Vec<(String, Update)>, Vec<String>),
    /// All its apps get so many times the instances.
    Scale(f64),
}

/// What a request led to.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Nothing to tell.
    Done,
    /// A deployment.
    Deployed {
        /// Its id.
        id: String,
        /// Its version.
        version: Timestamp,
        /// An app or a group that was not there before.
        created: bool,
    },
    /// These tasks are being killed, in JSON.
    Killing(Vec<Value>),
}

/// Why a request was turned down.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// 404
    NotFound(String),
    /// 409: it exists already.
    Exists(String),
    /// 409: these deployments hold an app.
    Locked(Vec<String>),
    /// 422: values that must not be.
    Invalid(Problems),
    /// 422: a requirement failed.
    Requirement(String),
}

/// The outcome of an event.
pub type Answer = Result<Reply, Refusal>;
