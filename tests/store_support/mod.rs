//! What the tests of the event log share.
#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

use std::path::Path;

use mesos_qos::events::envelope::{NewEvent, StreamId, Version};
use mesos_qos::events::store::{Append, AppendError, Appended, EventLog, EventStore, JobRow, StoreOptions};
use mesos_qos::qos::ids::{Framework, JobId};
use mesos_qos::qos::units::Timestamp;

pub const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

pub fn open(dir: &Path) -> EventStore {
    EventStore::open(dir, StoreOptions::default()).expect("the store opens")
}

pub fn noted(text: &str) -> NewEvent {
    NewEvent::json("Noted", 1, NOW, text).expect("a string has a JSON form")
}

pub fn one(stream: StreamId, expected: u64, text: &str) -> Append {
    Append::at(NOW).events(stream, Version(expected), vec![noted(text)])
}

pub fn job(name: &str) -> JobRow {
    JobRow {
        uuid: JobId::random(),
        framework: Framework::Chronos,
        name: name.to_owned(),
        state: "registered".to_owned(),
        active: true,
        registered_at: NOW,
        finished_at: None,
        version: Version(1),
        view: None,
    }
}

/// Registers `job` with a first event in its stream.
pub async fn register(log: &EventLog, job: &JobRow) -> Result<Appended, AppendError> {
    log.append(one(StreamId::Job(job.uuid), 0, &job.name).job(job.clone())).await
}
