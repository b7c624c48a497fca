//! Which metrics a job's events bring, computed from the documents of the API and nothing else.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::Value;

/// The values of one series: instants in milliseconds, in order.
pub type Values = Vec<(i64, f64)>;

/// The metrics of a batch job.
pub const OF_A_BATCH_JOB: [&str; 9] = [
    "deadline",
    "remaining_iterations",
    "timestamp_finished",
    "last_job_duration",
    "prediction_deadline",
    "prediction_vs_deadline",
    "upper_bound_vs_deadline",
    "lower_bound_vs_deadline",
    "current_cpu",
];

/// The metrics of a long-running job, in the order of their names.
pub const OF_A_LONG_RUNNING_JOB: [&str; 7] = [
    "current_cpu",
    "current_cputime_accumulated",
    "deadline",
    "desired_cputime_accumulated",
    "last_job_duration",
    "marathon_cputime_current_vs_desired",
    "marathon_ratio_progress",
];

fn millis(instant: &Value) -> i64 {
    DateTime::parse_from_rfc3339(instant.as_str().unwrap()).unwrap().timestamp_micros().div_euclid(1000)
}

fn micros(data: &Value, key: &str) -> i64 {
    data[key].as_i64().unwrap_or_else(|| panic!("no {key} in {data}"))
}

fn seconds(data: &Value, key: &str) -> f64 {
    micros(data, key) as f64 / 1e6
}

fn cpus(data: &Value) -> Option<f64> {
    data["cpus"].as_f64().map(|milli| milli / 1000.0)
}

/// The series of a job that has these events.
pub fn expected(events: &[Value]) -> BTreeMap<&'static str, Values> {
    let mut series: BTreeMap<&'static str, Values> = BTreeMap::new();
    let long_running = events[0]["data"]["framework"] == "marathon";
    let (mut batch, mut long) = (BatchJob::default(), LongRunningJob::default());
    for event in events {
        let (kind, data) = (event["kind"].as_str().unwrap(), &event["data"]);
        let values = if long_running { long.after(kind, data) } else { batch.after(kind, data) };
        for (name, value) in values {
            let (series, at) = (series.entry(name).or_default(), millis(&event["at"]));
            // Two of one millisecond would be one in Monasca.
            let at = series.last().map_or(at, |(last, _)| at.max(last + 1));
            series.push((at, value));
        }
    }
    series
}

#[derive(Default)]
struct BatchJob {
    left: f64,
    deadline: i64,
    cpus: Option<f64>,
}

impl BatchJob {
    fn after(&mut self, kind: &str, data: &Value) -> Vec<(&'static str, f64)> {
        match kind {
            "Registered" => {
                (self.left, self.deadline) = (data["iterations"].as_f64().unwrap(), micros(data, "deadline_at"));
                vec![("deadline", seconds(data, "deadline_at")), ("remaining_iterations", self.left)]
            }
            "SeenInFramework" => {
                self.cpus = cpus(data);
                vec![]
            }
            "IterationFinished" if data["outcome"] == "counted" => {
                self.left -= 1.0;
                vec![
                    ("remaining_iterations", self.left),
                    ("timestamp_finished", seconds(data, "finished_at")),
                    ("last_job_duration", seconds(data, "duration")),
                ]
            }
            "Decided" => vec![
                ("prediction_deadline", seconds(data, "prediction")),
                ("prediction_vs_deadline", self.against_deadline(data, "prediction")),
                ("upper_bound_vs_deadline", self.against_deadline(&data["bounds"], "upper")),
                ("lower_bound_vs_deadline", self.against_deadline(&data["bounds"], "lower")),
                ("current_cpu", self.cpus.unwrap()),
            ],
            "RescaleApplied" => {
                self.cpus = cpus(data);
                vec![("current_cpu", self.cpus.unwrap())]
            }
            _ => vec![],
        }
    }
}

impl BatchJob {
    fn against_deadline(&self, data: &Value, key: &str) -> f64 {
        (micros(data, key) - self.deadline) as f64 / 1e6
    }
}

/// Of one execution, whose start is reported before its first segment.
#[derive(Default)]
struct LongRunningJob {
    /// Microseconds, as all here: of CPU time, and from the start to the deadline.
    duration: i64,
    deadline: i64,
    started_at: i64,
    /// Of the restored state, and of the segment.
    base: i64,
    cpu: i64,
    cpus: Option<f64>,
}

impl LongRunningJob {
    fn after(&mut self, kind: &str, data: &Value) -> Vec<(&'static str, f64)> {
        match kind {
            "Registered" => {
                let declared = &data["declared"];
                (self.duration, self.deadline) = (micros(declared, "duration"), micros(declared, "deadline"));
                self.cpus = cpus(data);
                vec![("deadline", seconds(data, "deadline_at"))]
            }
            "SeenInFramework" | "CpuObserved" => {
                self.cpus = cpus(data);
                vec![]
            }
            "MarathonStarted" => {
                self.started_at = micros(data, "started_at");
                let deadline = (self.started_at + self.deadline) as f64 / 1e6;
                [vec![("deadline", deadline)], self.progress(self.started_at)].concat()
            }
            "SegmentStarted" => {
                assert!(self.started_at > 0, "the start of the execution comes first");
                (self.base, self.cpu) = (micros(data, "base"), 0);
                vec![]
            }
            "CpuSample" => {
                self.cpu = self.cpu.max(micros(data, "cpu"));
                self.progress(micros(data, "at"))
            }
            "SegmentEnded" => {
                self.cpu = self.cpu.max(micros(data, "cpu"));
                vec![]
            }
            "ProgressDecided" => vec![("current_cpu", self.cpus.unwrap())],
            "RescaleApplied" => {
                self.cpus = cpus(data);
                vec![("current_cpu", self.cpus.unwrap())]
            }
            "MarathonEnded" => {
                let finished_at = micros(data, "finished_at");
                let took = (finished_at - self.started_at) as f64 / 1e6;
                [vec![("last_job_duration", took)], self.progress(finished_at)].concat()
            }
            _ => vec![],
        }
    }

    /// CPU time against what is due by `at`: evenly from the start to the deadline.
    fn progress(&self, at: i64) -> Vec<(&'static str, f64)> {
        let elapsed = (at - self.started_at).clamp(0, self.deadline);
        let due = i64::try_from(i128::from(elapsed) * i128::from(self.duration) / i128::from(self.deadline)).unwrap();
        let used = self.base + self.cpu;
        vec![
            ("current_cputime_accumulated", used as f64 / 1e6),
            ("desired_cputime_accumulated", due as f64 / 1e6),
            ("marathon_ratio_progress", if due == 0 { 1.0 } else { used as f64 / due as f64 }),
            ("marathon_cputime_current_vs_desired", (due - used) as f64 / 1e6),
        ]
    }
}
