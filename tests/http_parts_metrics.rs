//! `/metrics`: the figures of the jobs under the names that Monasca gets, in a form that a scraper can read.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use mesos_qos::api::view::JobView;
use mesos_qos::http::metrics_text::{Metrics, Requests};
use serde_json::json;

fn job(name: &str, state: &str) -> JobView {
    let uuid = "6c4a7f0e-22f5-4a3e-9e39-0d5f5e7f9a11";
    serde_json::from_value(json!({"uuid": uuid, "name": name, "framework": "chronos", "state": state,
        "performance": null, "qos": {"duration": 130.0, "deadline": 1800.0, "desv_deadline": 0.2},
        "registered_at": "2017-07-14T02:40:00Z", "deadline_at": "2017-07-14T03:10:00Z", "iterations": 13, "remaining": 9,
        "cpus": 1.4, "cpus_submitted": 1.0, "prediction": "2017-07-14T03:12:05.5Z", "upper": null, "lower": null,
        "admission": null, "last_duration_seconds": 131.25, "failures_in_row": 0, "flags": [], "policy": "step",
        "rescales": 1, "version": 17}))
    .unwrap()
}

#[test]
fn each_figure_of_a_job_has_its_line() {
    let text = Metrics::new(&Requests::default(), |_| {}).render(&[job("a", "running")]).unwrap();
    let labels = "{jobname=\"a\",framework=\"chronos\",uuid=\"6c4a7f0e-22f5-4a3e-9e39-0d5f5e7f9a11\"}";
    for (name, value) in [
        ("remaining_iterations", "9.0"),
        ("prediction_deadline", "1500001925.5"),
        ("deadline", "1500001800.0"),
        ("prediction_vs_deadline", "125.5"),
        ("last_job_duration", "131.25"),
        ("current_cpu", "1.4"),
        ("rescales", "1.0"),
    ] {
        let line = format!("mesos_qos_{name}{labels} {value}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
    // What the job does not have is left out, not zero.
    assert!(!text.contains("marathon_ratio_progress{") && !text.contains("timestamp_finished{"), "{text}");
}

#[test]
fn the_progress_of_a_long_running_job_has_its_lines() {
    let mut view = job("/steady", "running");
    (view.progress_ratio, view.cpu_limit) = (Some(0.8), Some(0.6));
    (view.cpu_seconds, view.cpu_seconds_due, view.cpu_seconds_wasted) = (Some(80.0), Some(100.0), Some(12.5));
    let text = Metrics::new(&Requests::default(), |_| {}).render(&[view]).unwrap();
    for (name, value) in [
        ("marathon_ratio_progress", "0.8"),
        ("marathon_cputime_current_vs_desired", "20.0"),
        ("current_cputime_accumulated", "80.0"),
        ("desired_cputime_accumulated", "100.0"),
        ("wasted_cputime_accumulated", "12.5"),
        ("cpu_limit", "0.6"),
    ] {
        let found = text.lines().any(|line| {
            line.starts_with(&format!("mesos_qos_{name}{{jobname=\"/steady\""))
                && line.ends_with(&format!("}} {value}"))
        });
        assert!(found, "{name} {value}\n{text}");
    }
}

#[test]
fn states_are_counted_and_the_end_is_marked_once() {
    let jobs = [job("a", "running"), job("b", "running"), job("c", "failed")];
    let text = Metrics::new(&Requests::default(), |_| {}).render(&jobs).unwrap();
    for line in [
        "mesos_qos_jobs{state=\"running\"} 2",
        "mesos_qos_jobs{state=\"failed\"} 1",
        "mesos_qos_jobs{state=\"withdrawn\"} 0",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert!(text.matches("# EOF").count() == 1 && text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn a_name_cannot_break_out_of_its_label() {
    let text = Metrics::new(&Requests::default(), |_| {}).render(&[job("x\"} 1\nevil 2 \\", "running")]).unwrap();
    assert!(text.contains(r#"jobname="x\"} 1\nevil 2 \\","#), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("evil")), "{text}");
}
