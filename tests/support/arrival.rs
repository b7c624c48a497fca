//! What must be true of the metrics of each run of the demo.

use std::path::Path;

use mesos_qos::demo::arrival::{Arrival, Stored};
use mesos_qos::events::store::{OfflineLog, ReadError, Replay};
use mesos_qos::openstack::Metric;
use serde_json::Value;

/// How many values an event of this kind brings, as the operators are told; a long-running job has no iterations.
fn values_of(kind: &str, data: &Value, is_long_running: bool) -> usize {
    match kind {
        "Registered" if data["framework"] == "marathon" => 1,
        "Registered" => 2,
        "IterationFinished" if data["outcome"] == "counted" => 3,
        "Decided" => 5,
        "RescaleApplied" | "ProgressDecided" => 1,
        "MarathonStarted" | "MarathonEnded" => 5,
        // A chained job's progress is counted in iterations.
        "CpuSample" if is_long_running => 4,
        _ => 0,
    }
}

/// Of a case with its files below `files`: every value that follows from the log has arrived, and no other.
pub fn check_arrival(case: &Value, files: &Path) {
    let log = files.join("supervisor/events.db");
    let (mut wanted, mut head) = (0, None);
    // All jobs of a case are of one kind.
    let is_long_running = case["case"] == "iii";
    let each = |event: &mesos_qos::events::envelope::StoredEvent| -> Result<(), ReadError> {
        wanted += values_of(&event.kind, &serde_json::from_slice(&event.data).unwrap(), is_long_running);
        head = Some(event.seq);
        Ok(())
    };
    OfflineLog::open(&log).unwrap().for_each_event(Replay::Everything, each).unwrap();
    let metrics = &case["metrics"];
    let count = |key: &str| metrics[key].as_u64().unwrap() as usize;
    assert_eq!((count("expected"), count("arrived"), count("surplus")), (wanted, wanted, 0), "{metrics}");
    assert!(count("by_agents") > 0 && metrics["trouble"] == Value::Null, "{metrics}");

    // Were it not so it would have been told: of a Monasca without anything but a value that nobody has sent.
    let stray = Metric { name: "current_cpu".into(), dimensions: [].into(), timestamp: 1_700_000_000_000, value: 1.0 };
    let stored = Stored { upto: head.unwrap(), metrics: vec![stray], trouble: Some("no connection".into()) };
    let lost = Arrival::compare(&log, stored).unwrap();
    assert_eq!((lost.expected, lost.arrived, lost.surplus, lost.by_agents), (wanted, 0, 1, 0));
    assert!(lost.sentence().contains(&format!("0 of {wanted} values")), "{}", lost.sentence());
}
