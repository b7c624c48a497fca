use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use mesos_qos::clock::{Clock, SystemClock};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// How old a measurement is when it is exported, as with cAdvisor, which says the instant of each: milliseconds.
const AGE: i64 = 2000;

/// Exports what cAdvisor does, of one container that uses one CPU all the time.
pub struct Exporter {
    server: MockServer,
    container: Arc<Mutex<String>>,
    began: Arc<AtomicI64>,
    measuring: Arc<AtomicBool>,
    last: Arc<AtomicI64>,
}

fn now() -> i64 {
    SystemClock.now().micros() / 1000
}

impl Exporter {
    /// Of no container yet.
    pub async fn start() -> Self {
        let (server, container) = (MockServer::start().await, Arc::<Mutex<String>>::default());
        let (began, last) = (Arc::new(AtomicI64::new(now())), Arc::new(AtomicI64::new(0)));
        let measuring = Arc::new(AtomicBool::new(true));
        let parts = (container.clone(), began.clone(), measuring.clone(), last.clone());
        let answer = move |_: &wiremock::Request| {
            let (container, began, measuring, last) = &parts;
            if measuring.load(Ordering::SeqCst) {
                last.store(now() - AGE, Ordering::SeqCst);
            }
            let text = text(&container.lock().unwrap(), began.load(Ordering::SeqCst), last.load(Ordering::SeqCst));
            ResponseTemplate::new(200).set_body_raw(text, "text/plain; version=0.0.4")
        };
        Mock::given(path("/metrics")).respond_with(answer).mount(&server).await;
        Exporter { server, container, began, measuring, last }
    }

    /// The container of the job with this uuid, which has used nothing at this moment.
    pub fn measure(&self, uuid: &str) {
        self.began.store(now(), Ordering::SeqCst);
        *self.container.lock().unwrap() = uuid.replace('-', "");
    }

    /// Whether it measures on, or goes on to say what it measured last.
    pub fn set_measuring(&self, on: bool) {
        self.measuring.store(on, Ordering::SeqCst);
    }

    /// When the container had used nothing, microseconds since 1970.
    pub fn began_micros(&self) -> i64 {
        self.began.load(Ordering::SeqCst) * 1000
    }

    /// What was exported last is of this instant, microseconds since 1970.
    pub fn last_micros(&self) -> i64 {
        self.last.load(Ordering::SeqCst) * 1000
    }

    /// For the `scrape_configs` of a Prometheus.
    pub fn target(&self) -> String {
        let target = self.server.address();
        format!("- job_name: cadvisor\n  static_configs: [{{targets: [\"{target}\"]}}]")
    }
}

/// The container's, on two CPUs, and what else a node has.
fn text(container: &str, began: i64, at: i64) -> String {
    let seconds = (at - began).max(0) as f64 / 1000.0;
    let mut text = String::from(
        "# HELP container_cpu_usage_seconds_total Cumulative cpu time consumed in seconds.\n\
         # TYPE container_cpu_usage_seconds_total counter\n",
    );
    let mut line = |id: &str, name: &str, cpu: &str, value: f64| {
        let labels = format!("cpu=\"{cpu}\",id=\"{id}\",image=\"debian:12\",name=\"{name}\"");
        text.push_str(&format!("container_cpu_usage_seconds_total{{{labels}}} {value} {at}\n"));
    };
    line("/", "", "total", 123_456.0);
    line("/docker/aaaa", "somebody-else", "total", 9_999.5);
    if !container.is_empty() {
        let id = format!("/shell_trap/{container}-1/bbbb");
        line(&id, container, "cpu00", seconds * 0.75);
        line(&id, container, "cpu01", seconds * 0.25);
    }
    text
}
