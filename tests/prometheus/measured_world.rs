//! A cluster whose supervisor asks a Prometheus for CPU times.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::exporter::Exporter;
use crate::marathon_world::{VERSIONS, World, job};

/// Some settings name files that must live as long as the supervisor.
pub type Setting<'a> = (&'a str, &'a str, &'a str);

pub async fn world(url: &str, more: &[Setting<'_>]) -> World {
    let mut settings = vec![
        ("cpu_source", "kind", "prometheus"),
        ("prometheus", "url", url),
        ("prometheus", "connect_timeout", "1"),
        ("prometheus", "request_timeout", "1"),
    ];
    settings.extend(more);
    World::start(VERSIONS[2], &settings).await
}

/// An app whose agent says that it uses a thousand CPUs; by its container it uses the one that it needs.
pub async fn launch(world: &World, exporter: &Exporter) -> String {
    let uuid = world.launch(job(1.0, 1000.0, 4_000_000.0)).await;
    exporter.measure(&uuid);
    uuid
}

/// Waits until `/readyz` says this of the source; gives the detail.
pub async fn wait_for_source(world: &World, state: &str) -> Value {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let detail = world.app.get("/readyz").await.1["detail"].clone();
        if detail["cpu_source"] == state {
            return detail;
        }
        assert!(Instant::now() < patience, "not {state}: {detail}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
