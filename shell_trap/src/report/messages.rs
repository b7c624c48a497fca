//! The words of the reports.

use serde_json::{Map, Value, json};

use super::queue::{Message, Target};
use crate::clock;
use crate::id::JobId;

/// What each message of a segment carries.
#[derive(Debug, Clone)]
pub struct Words {
    /// The job.
    pub uuid: JobId,
    /// The execution's uuid.
    pub execution: String,
    /// The lease epoch.
    pub segment: u64,
    /// Of this node.
    pub hostname: String,
}

/// CPU-seconds of the framework's CPUs, cumulative within the segment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cpu {
    /// In user mode.
    pub user: f64,
    /// In the kernel.
    pub system: f64,
}

/// What a start says.
#[derive(Debug, Clone)]
pub struct Start {
    /// CPU-seconds that the restored state contains.
    pub base: f64,
    /// The generation that was restored.
    pub restored: Option<u64>,
    /// `docker` or `process`.
    pub runtime: &'static str,
    /// Does a working CRIU stand by?
    pub checkpoints: bool,
    /// The container's name.
    pub container: Option<String>,
    /// The framework's task that the agent runs in.
    pub task: Option<String>,
}

/// Why a segment has ended.
#[derive(Debug, Clone)]
pub struct End {
    /// `checkpointed`, `exited`, `killed` or `lost`.
    pub reason: &'static str,
    /// The generation that was published.
    pub generation: Option<u64>,
    /// From the signal to the published generation, in milliseconds.
    pub duration_ms: Option<u64>,
    /// What went wrong.
    pub detail: Option<String>,
}

impl Words {
    fn message(&self, target: Target, mut body: Value, more: &[(&str, Option<Value>)]) -> Message {
        body["execution"] = json!(self.execution);
        body["segment"] = json!(self.segment);
        body["hostname"] = json!(self.hostname);
        for (name, value) in more {
            if let Some(value) = value {
                body[*name] = value.clone();
            }
        }
        let body = match body {
            Value::Object(body) => body,
            _ => Map::new(),
        };
        Message { target, body }
    }

    /// The execution begins.
    pub fn init(&self, started_at: f64) -> Message {
        self.message(Target::Init, json!({"uuid": self.uuid.to_string(), "started_at": started_at}), &[])
    }

    /// The program has ended by itself. `cpu_seconds` are of the whole execution.
    pub fn finished(&self, finished_at: f64, exit_code: i64, cpu_seconds: f64) -> Message {
        let body = json!({"uuid": self.uuid.to_string(), "finished_at": finished_at, "exit_code": exit_code, "cpu_seconds": cpu_seconds});
        self.message(Target::End, body, &[])
    }

    /// A value on the way.
    pub fn sample(&self, cpu: Cpu, limit: f64) -> Message {
        self.message(Target::Sample, values("sample", cpu), &[("limit", Some(json!(limit)))])
    }

    /// The segment begins.
    pub fn start(&self, start: &Start, limit: f64) -> Message {
        let more = [
            ("base_cpu_seconds", Some(json!(start.base))),
            ("restored_generation", start.restored.map(Value::from)),
            ("runtime", Some(json!(start.runtime))),
            ("limit", Some(json!(limit))),
            ("checkpoints", Some(json!(start.checkpoints))),
            ("container", start.container.clone().map(Value::from)),
            ("task", start.task.clone().map(Value::from)),
        ];
        self.message(Target::Boundary, values("start", Cpu::default()), &more)
    }

    /// The segment has ended.
    pub fn end(&self, cpu: Cpu, end: &End) -> Message {
        let more = [
            ("reason", Some(json!(end.reason))),
            ("generation", end.generation.map(Value::from)),
            ("duration_ms", end.duration_ms.map(Value::from)),
            ("detail", end.detail.clone().map(Value::from)),
        ];
        self.message(Target::Boundary, values("end", cpu), &more)
    }
}

fn values(kind: &str, cpu: Cpu) -> Value {
    json!({"kind": kind, "at": clock::unix_seconds(), "user_seconds": cpu.user, "system_seconds": cpu.system})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_contract() {
        let uuid: JobId = "1b4e28ba2fa111d2883f0016d3cca427".parse().unwrap();
        let words = Words { uuid, execution: "e".into(), segment: 3, hostname: "n".into() };
        let start = Start {
            base: 1.5,
            restored: Some(2),
            runtime: "docker",
            checkpoints: true,
            container: Some("ab".into()),
            task: Some("a.1".into()),
        };
        let mut body = words.start(&start, 0.5).body;
        assert!(body.remove("at").unwrap().as_f64().unwrap() > 1e9);
        let expected = json!({"kind": "start", "user_seconds": 0.0, "system_seconds": 0.0, "execution": "e", "segment": 3,
            "hostname": "n", "base_cpu_seconds": 1.5, "restored_generation": 2, "runtime": "docker", "limit": 0.5,
            "checkpoints": true, "container": "ab", "task": "a.1"});
        assert_eq!(Value::Object(body), expected);
        let body = words.init(5.25).body;
        assert_eq!(
            (&body["uuid"], &body["started_at"]),
            (&json!("1b4e28ba-2fa1-11d2-883f-0016d3cca427"), &json!(5.25))
        );
        let end = End { reason: "exited", generation: None, duration_ms: None, detail: None };
        let body = words.end(Cpu { user: 1.0, system: 2.0 }, &end).body;
        assert!(body["reason"] == "exited" && !body.contains_key("generation"));
        let body = words.finished(9.0, 7, 3.0).body;
        assert!(body["exit_code"] == 7 && body["cpu_seconds"] == 3.0);
    }
}
