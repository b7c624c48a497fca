//! Events on their way to those who listen. A listener that is too slow misses events, and nobody waits for it.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::broadcast;

/// How many events a listener may be behind.
const OUTSTANDING: usize = 1024;

/// An event as it is sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Published {
    /// Its type.
    pub kind: String,
    /// One line of JSON.
    pub data: String,
}

/// Where events are published and heard.
#[derive(Debug, Clone)]
pub struct Bus(broadcast::Sender<Arc<Published>>);

impl Default for Bus {
    fn default() -> Self {
        Bus(broadcast::Sender::new(OUTSTANDING))
    }
}

impl Bus {
    /// Tells every listener.
    pub fn publish(&self, event: &Value) {
        if self.0.receiver_count() > 0 {
            let kind = event.get("eventType").and_then(Value::as_str).unwrap_or_default().to_owned();
            // There may be no listener any more, which is no error.
            let _ = self.0.send(Arc::new(Published { kind, data: event.to_string() }));
        }
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Published>> {
        self.0.subscribe()
    }
}
