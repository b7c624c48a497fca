//! `/metrics`: the figures of the jobs under the names that Monasca gets and their units, in a form that a scraper can read.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use mesos_qos::api::view::JobView;
use mesos_qos::http::metrics_text::{Format, MOST_JOBS, Metrics, Requests};
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

fn text(jobs: &[JobView]) -> String {
    Metrics::new(&Requests::default(), |_| {}).render(jobs, Format::OpenMetrics).unwrap()
}

#[test]
fn each_figure_of_a_job_has_its_line() {
    let text = text(&[job("a", "running")]);
    let labels = "{jobname=\"a\",framework=\"chronos\",uuid=\"6c4a7f0e-22f5-4a3e-9e39-0d5f5e7f9a11\"}";
    for (name, value) in [
        ("remaining_iterations", "9.0"),
        ("prediction_deadline_timestamp_seconds", "1500001925.5"),
        ("deadline_timestamp_seconds", "1500001800.0"),
        ("prediction_vs_deadline_seconds", "125.5"),
        ("last_job_duration_seconds", "131.25"),
        ("current_cpu_cores", "1.4"),
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
    let text = text(&[view]);
    for (name, value) in [
        ("marathon_ratio_progress", "0.8"),
        ("marathon_cputime_current_vs_desired_seconds", "20.0"),
        ("current_cputime_accumulated_seconds", "80.0"),
        ("desired_cputime_accumulated_seconds", "100.0"),
        ("wasted_cputime_accumulated_seconds", "12.5"),
        ("cpu_limit_cores", "0.6"),
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
    let text = text(&jobs);
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
    let text = text(&[job("x\"} 1\nevil 2 \\", "running")]);
    assert!(text.contains(r#"jobname="x\"} 1\nevil 2 \\","#), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("evil")), "{text}");
}

#[test]
fn the_figures_of_all_jobs_together_are_few_and_count_every_job() {
    let mut jobs = vec![job("a", "running"), job("b", "running"), job("c", "registered")];
    (jobs[1].cpus, jobs[2].cpus) = (Some(0.5), None);
    jobs[1].performance = Some(mesos_qos::api::view::Performance::UnderPerformant);
    jobs[1].prediction = jobs[0].deadline_at.into();
    let text = text(&jobs);
    for line in [
        "mesos_qos_jobs_by_performance{performance=\"undecided\"} 2",
        "mesos_qos_jobs_by_performance{performance=\"UNDER_PERFORMANT\"} 1",
        "mesos_qos_jobs_by_performance{performance=\"ON_PLAN\"} 0",
        "mesos_qos_allocated_cpu_cores{framework=\"chronos\"} 1.9",
        "mesos_qos_allocated_cpu_cores{framework=\"marathon\"} 0.0",
        "mesos_qos_worst_prediction_vs_deadline_seconds{framework=\"chronos\"} 125.5",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("worst_prediction_vs_deadline_seconds{framework=\"marathon\"}"), "{text}");
}

#[test]
fn of_too_many_jobs_those_with_the_earliest_deadlines_have_figures_and_all_are_counted() {
    let mut jobs: Vec<JobView> = (0..MOST_JOBS + 3).map(|n| job(&format!("job{n}"), "running")).collect();
    for (n, job) in jobs.iter_mut().enumerate() {
        job.uuid = uuid::Uuid::from_u128(n as u128).into();
    }
    // The three that are in no hurry come first.
    for job in &mut jobs[..3] {
        job.deadline_at = serde_json::from_value(json!("2017-07-14T09:00:00Z")).unwrap();
    }
    let text = text(&jobs);
    let shown = text.lines().filter(|line| line.starts_with("mesos_qos_rescales{")).count();
    assert_eq!(shown, MOST_JOBS);
    for (name, there) in [("job0", false), ("job2", false), ("job3", true), ("job1002", true)] {
        assert_eq!(text.contains(&format!("jobname=\"{name}\"")), there, "{name}");
    }
    assert!(text.contains("mesos_qos_jobs_without_figures 3\n"));
    assert!(text.contains(&format!("mesos_qos_jobs{{state=\"running\"}} {}\n", MOST_JOBS + 3)));
}
