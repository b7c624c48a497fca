//! CPU times of containers, and their absence.

use nix::sys::signal::{Signal, kill};

use crate::exporter::Exporter;
use crate::helpers::on_actix;
use crate::marathon_world::World;
use crate::measured_world::{launch, wait_for_source, world};
use crate::server::Prometheus;

/// The samples in the log, as instant and CPU time, in microseconds.
async fn samples(world: &World, uuid: &str) -> Vec<(i64, i64)> {
    let samples = world.events(uuid, "CpuSample").await;
    samples.iter().map(|one| (one["at"].as_i64().unwrap(), one["cpu"].as_i64().unwrap())).collect()
}

#[test]
fn the_figures_of_the_container_count_with_their_own_instants_and_not_those_of_the_agent() {
    on_actix(async {
        let exporter = Exporter::start().await;
        let prometheus = Prometheus::start(&exporter.target()).await;
        let world = world(&prometheus.url, &[]).await;
        let uuid = launch(&world, &exporter).await;
        world.wait_for_events(&uuid, "CpuSample", 4).await;
        let samples = samples(&world, &uuid).await;
        for (at, cpu) in &samples {
            // One CPU: what it has used is the time until the instant of the measurement, not until that of the question. The way
            // of the question may make the instant look earlier.
            let ahead = cpu - (at - exporter.began_micros());
            assert!((-10_000..1_000_000).contains(&ahead), "{ahead} us ahead: {samples:?}");
        }
        assert!(samples.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{samples:?}");
        // By the agent's word the job would be done a thousand times over.
        assert_eq!(world.count(&uuid, "ProgressDecided").await, samples.len());
        let decided = world.events(&uuid, "ProgressDecided").await;
        assert!(decided.iter().all(|one| one["performance"] != "OVER_PERFORMANT"), "{decided:?}");
        wait_for_source(&world, "reachable").await;
        world.stop().await;
    });
}

#[test]
fn figures_that_are_late_are_no_idleness_and_nothing_is_decided_on_them() {
    on_actix(async {
        let exporter = Exporter::start().await;
        let prometheus = Prometheus::start(&exporter.target()).await;
        let world = world(&prometheus.url, &[]).await;
        let uuid = launch(&world, &exporter).await;
        world.wait_for_events(&uuid, "CpuSample", 1).await;
        exporter.set_measuring(false);
        let stopped_at = exporter.last_micros();
        let lost = world.count(&uuid, "TelemetryLost").await;
        world.wait_for_events(&uuid, "TelemetryLost", lost + 1).await;
        let last = *samples(&world, &uuid).await.last().unwrap();
        // Prometheus knows instants to the millisecond.
        assert!(last.0 <= stopped_at + 1000, "{last:?} was measured when nothing was, after {stopped_at}");
        let (rescaled, flags) = (world.count(&uuid, "Rescaled").await, world.app.job(&uuid).await["flags"].clone());
        assert!(flags.as_array().unwrap().contains(&"telemetry_lost".into()), "{flags}");
        // The same figure is there all the time: late, not absent.
        assert!(!prometheus.query("container_cpu_usage_seconds_total{cpu=\"cpu00\"}").await.is_empty());
        wait_for_source(&world, "reachable").await;
        assert_eq!(world.count(&uuid, "Rescaled").await, rescaled, "decided without figures");
        exporter.set_measuring(true);
        let so_far = world.count(&uuid, "CpuSample").await;
        world.wait_for_events(&uuid, "CpuSample", so_far + 1).await;
        world.wait_for(&uuid, |job| !job["flags"].as_array().unwrap().contains(&"telemetry_lost".into())).await;
        world.stop().await;
    });
}

#[test]
fn a_prometheus_that_hangs_is_waited_for_no_longer_than_the_time_out_and_stops_nothing() {
    on_actix(async {
        let exporter = Exporter::start().await;
        let prometheus = Prometheus::start(&exporter.target()).await;
        let world = world(&prometheus.url, &[]).await;
        let uuid = launch(&world, &exporter).await;
        world.wait_for_events(&uuid, "CpuSample", 1).await;
        kill(prometheus.pid(), Signal::SIGSTOP).unwrap();
        let detail = wait_for_source(&world, "unreachable").await;
        let error = detail["cpu_source_last_error"].as_str().unwrap();
        assert!(error.contains("/api/v1/query") && error.contains("timed out"), "{error}");
        // The supervisor goes on meanwhile.
        world.app.registered("another").await;
        world.wait_for_events(&uuid, "TelemetryLost", 1).await;
        let so_far = world.count(&uuid, "CpuSample").await;
        kill(prometheus.pid(), Signal::SIGCONT).unwrap();
        wait_for_source(&world, "reachable").await;
        world.wait_for_events(&uuid, "CpuSample", so_far + 1).await;
        world.stop().await;
    });
}
