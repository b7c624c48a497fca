use serde_json::json;

use super::*;
use crate::clients::transport::TransportOptions;
use crate::clock::ManualClock;

const OURS: &str = "01010101010101010101010101010101";
const PUBLISHED: &str = "01010101-0101-0101-0101-010101010101";

fn source() -> PrometheusSource {
    let nobody = "http://127.0.0.1:9".parse().unwrap();
    let client = PrometheusClient::new(&nobody, None, &TransportOptions::default()).unwrap();
    let metric = ContainerMetric { name: "usage_total".into(), label: "name".into() };
    PrometheusSource::new(client, metric, Arc::new(ManualClock::at(second(100))))
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000) + Span::from_secs(second)
}

/// The job's segment, known since `since`.
fn job(segment: u64, since: i64) -> RunningJob {
    RunningJob {
        job: JobId::from_bytes([1; 16]),
        name: "/a".into(),
        segment,
        since: second(since),
        task: None,
        recorded: None,
    }
}

fn series(part: &str, name: &str, id: &str, value: f64) -> Series {
    let labels = json!({"part": part, "name": name, "id": id});
    Series { labels: serde_json::from_value(labels).unwrap(), value }
}

/// A container that had used so many CPU-seconds at that second.
fn container(name: &str, id: &str, cpu: f64, at: i64) -> [Series; 2] {
    [series(USED, name, id, cpu), series(AT, name, id, second(at).epoch_seconds())]
}

/// What is read at second 100, by both clocks.
fn read(source: &mut PrometheusSource, job: &RunningJob, found: &[[Series; 2]]) -> Option<(f64, i64)> {
    let mut all = found.concat();
    all.push(Series { labels: [(PART.to_owned(), NOW.to_owned())].into(), value: second(100).epoch_seconds() });
    let containers = containers(&all, "name", second(100)).unwrap();
    let readings = source.match_up(std::slice::from_ref(job), &containers);
    assert!(readings.len() <= 1);
    readings.first().map(|reading| {
        assert_eq!((reading.job, reading.segment), (job.job, job.segment));
        (reading.cpu.seconds(), reading.at.unwrap().since(second(0)).seconds() as i64)
    })
}

#[test]
fn a_container_is_known_by_the_names_of_both_agents_and_no_other() {
    for (name, found) in [(OURS, true), (PUBLISHED, true), ("02", false), ("", false)] {
        let read = read(&mut source(), &job(1, 10), &[container(name, "/x", 4.5, 90)]);
        assert_eq!(read, found.then_some((4.5, 90)), "{name}");
    }
}

#[test]
fn what_is_late_is_old_and_what_is_missing_is_nothing() {
    let mut source = source();
    assert_eq!(read(&mut source, &job(1, 10), &[]), None);
    let old = [container(OURS, "/x", 4.5, 40)];
    // The same measurement stays as old as it is, so that no look takes it for a new one.
    assert_eq!(read(&mut source, &job(1, 10), &old), Some((4.5, 40)));
    assert_eq!(read(&mut source, &job(1, 10), &old), Some((4.5, 40)));
    let half = [[series(USED, OURS, "/x", 4.5), series(USED, OURS, "/y", 1.0)]];
    assert_eq!(read(&mut source, &job(1, 10), &half), None, "without an instant it could be of any time");
}

#[test]
fn a_measurement_from_before_the_segment_is_not_of_it() {
    assert_eq!(read(&mut source(), &job(2, 50), &[container(OURS, "/old", 40.0, 50)]), None);
}

#[test]
fn the_container_of_a_segment_that_is_over_is_never_taken_for_the_next() {
    let mut source = source();
    assert!(read(&mut source, &job(1, 10), &[container(OURS, "/old", 40.0, 45)]).is_some());
    let both = [container(OURS, "/old", 40.0, 60), container(OURS, "/new", 1.5, 61)];
    assert_eq!(read(&mut source, &job(2, 50), &both[..1]), None);
    assert_eq!(read(&mut source, &job(2, 50), &both), Some((1.5, 61)));
    // Nor is the next one taken for it, while its start is not known yet.
    let mut source = super::tests::source();
    assert!(read(&mut source, &job(1, 10), &both[..1]).is_some());
    assert_eq!(read(&mut source, &job(1, 10), &both[1..]), None);
}

#[test]
fn of_two_containers_none_is_measured_until_one_is_known() {
    let mut source = source();
    let both = [container(OURS, "/a", 4.0, 60), container(OURS, "/b", 1.5, 61)];
    assert_eq!(read(&mut source, &job(1, 10), &both), None);
    assert_eq!(read(&mut source, &job(1, 10), &both[..1]), Some((4.0, 60)));
    assert_eq!(read(&mut source, &job(1, 10), &both), Some((4.0, 60)));
}

#[test]
fn without_ids_the_instant_alone_tells_one_container_from_the_next() {
    let mut source = source();
    assert_eq!(read(&mut source, &job(1, 10), &[container(OURS, "", 40.0, 45)]), Some((40.0, 45)));
    assert_eq!(read(&mut source, &job(2, 50), &[container(OURS, "", 40.0, 45)]), None);
    assert_eq!(read(&mut source, &job(2, 50), &[container(OURS, "", 1.5, 61)]), Some((1.5, 61)));
}

#[test]
fn figures_that_are_none_are_left_out_and_a_server_ahead_of_us_does_not_measure_in_the_future() {
    for cpu in [f64::NAN, f64::INFINITY, -1.0] {
        assert_eq!(read(&mut source(), &job(1, 10), &[container(OURS, "/x", cpu, 90)]), None, "{cpu}");
    }
    assert_eq!(read(&mut source(), &job(1, 10), &[container(OURS, "/x", 1.0, 130)]), Some((1.0, 100)));
    let without_time = container(OURS, "/x", 1.0, 90);
    assert!(containers(&without_time, "name", second(100)).is_err());
}

#[test]
fn the_question_names_every_job_and_is_one() {
    let jobs = [job(1, 10), RunningJob { job: JobId::from_bytes([2; 16]), ..job(1, 10) }];
    let query = query(&source().metric, &jobs);
    let second = "02020202020202020202020202020202|02020202-0202-0202-0202-020202020202";
    assert!(query.contains(&format!("usage_total{{name=~\"{OURS}|{PUBLISHED}|{second}\"}}")), "{query}");
}

/// However many jobs there are: each answer here is of one request.
#[tokio::test]
async fn all_jobs_are_read_with_one_request() {
    use wiremock::matchers::{body_string_contains, method, path};
    let server = wiremock::MockServer::start().await;
    let time = json!({"metric": {"part": "now"}, "value": [0, "100"]});
    let answer = json!({"status": "success", "data": {"resultType": "vector", "result": [time]}});
    wiremock::Mock::given(method("POST"))
        .and(path("/api/v1/query"))
        .and(body_string_contains(hex::encode([7; 16])))
        .respond_with(wiremock::ResponseTemplate::new(200).set_body_json(answer))
        .expect(1)
        .mount(&server)
        .await;
    let client = PrometheusClient::new(&server.uri().parse().unwrap(), None, &TransportOptions::default()).unwrap();
    let mut source = PrometheusSource { client, ..source() };
    let jobs: Vec<_> = (0..200).map(|n| RunningJob { job: JobId::from_bytes([n; 16]), ..job(1, 10) }).collect();
    assert_eq!(source.read(&jobs).await.unwrap(), []);
}
