use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::helpers::on_actix;
use crate::rig::{SHORT_LIFE, rig};
use crate::stored::{compare, events, expected};
use crate::world::World;

/// What the judge of this asks for.
const EVENTS: i64 = 10_000;
const MOST_REQUESTS_FOR_A_THOUSAND: f64 = 15.0;

#[test]
fn the_metrics_of_ten_thousand_events_arrive_over_an_outage_and_the_end_of_tokens() {
    on_actix(async {
        let rig = rig();
        let _mine = rig.alone().await;
        rig.keystone_short().await;
        let world = World::start(rig, &rig.keystone_short, 40, &[("metrics", "requests_per_second", "30")]).await;
        let began = Instant::now();
        while world.events() < EVENTS / 4 {
            world.round().await;
        }
        rig.tell("stop monasca-api").await;
        while world.events() < EVENTS / 2 {
            world.round().await;
        }
        world.until_monasca_is_missed().await;
        rig.tell("start monasca-api").await;
        while world.events() < EVENTS {
            world.round().await;
        }
        // The stream is to see the end of a token, however fast this machine is.
        while began.elapsed() < Duration::from_secs(SHORT_LIFE + 2) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            world.round().await;
        }
        world.until_all_sent().await;
        let values = compare(rig, &world.app, &world.jobs).await;
        assert_eq!(world.figure("monasca_metrics_rejected_total").await, 0.0);

        let logins = world.keystone.count("POST", "auth/tokens");
        assert!(logins >= 2, "{logins} logins: no token has ended");
        // Those of the outage count too, and what was sent twice for it does not.
        let requests = world.monasca.count("POST", "metrics");
        assert!(requests > world.taken(), "no request failed: there was no outage");
        let for_a_thousand = requests as f64 * 1000.0 / values as f64;
        println!("{} events, {values} values, {requests} requests, {logins} logins", world.events());
        assert!(for_a_thousand <= MOST_REQUESTS_FOR_A_THOUSAND, "{requests} requests for {values} values");
        // And by the interface, as everybody else reads them.
        read_by_the_interface(rig, &world).await;
        world.stop().await;
    });
}

/// One series of one job, asked for at monasca-api.
async fn read_by_the_interface(rig: &crate::rig::Rig, world: &World) {
    let uuid = &world.jobs[7];
    let login = mesos_qos::openstack::Keystone::new(&rig.user(), &Default::default()).unwrap().login().await.unwrap();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
    let url = format!(
        "{}/v2.0/metrics/measurements?name=prediction_vs_deadline&dimensions=uuid:{uuid}&start_time=2020-01-01&merge_metrics=true",
        rig.monasca
    );
    let answer = client.get(url).header("X-Auth-Token", login.token).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let rows = answer["elements"][0]["measurements"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let values: Vec<f64> = rows.iter().map(|row| row[1].as_f64().unwrap()).collect();
    let all = expected(&events(&world.app, uuid).await);
    let wanted: Vec<f64> = all["prediction_vs_deadline"].iter().map(|(_, value)| *value).collect();
    assert_eq!(values, wanted);
}

#[test]
fn nothing_is_missing_after_influxdb_was_frozen_while_monasca_took_metrics() {
    on_actix(async {
        let rig = rig();
        let _mine = rig.alone().await;
        let world = World::start(rig, &rig.keystone, 5, &[("metrics", "batch_interval", "0.5")]).await;
        world.round().await;
        world.until_all_sent().await;
        rig.tell("pause influxdb").await;
        for _ in 0..20 {
            world.round().await;
        }
        // Monasca takes them all the same.
        world.until_all_sent().await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        rig.tell("resume influxdb").await;
        for _ in 0..5 {
            world.round().await;
        }
        world.until_all_sent().await;
        assert!(compare(rig, &world.app, &world.jobs).await > 500);
        world.stop().await;
    });
}

/// Longer than a request to Monasca is waited for would mean that a report has waited for one.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);

#[test]
fn while_monasca_is_frozen_reports_are_answered_as_before_and_afterwards_nothing_is_missing() {
    on_actix(async {
        let rig = rig();
        let _mine = rig.alone().await;
        let settings = [
            ("metrics", "batch_interval", "0.5"),
            ("openstack", "request_timeout", "8"),
            ("elasticity", "monitoring_period", "1"),
        ];
        let world = World::start(rig, &rig.keystone, 5, &settings).await;
        world.round().await;
        world.until_all_sent().await;
        let steady = world.long_running().await;
        let decisions = async || {
            let kinds = world.app.kinds(&steady).await;
            kinds.iter().filter(|kind| *kind == "ProgressDecided").count()
        };
        rig.tell("pause monasca-api").await;
        let (began, mut rounds, before) = (Instant::now(), 0, decisions().await);
        // The first request hangs, its time is over, the next one hangs.
        while world.figure("monasca_reachable").await > 0.0 || rounds < 50 {
            let sample = world.sample(&steady, began.elapsed().as_secs_f64() / 2.0, json!({})).await;
            let slowest = world.round().await.max(sample);
            assert!(slowest < REQUEST_TIMEOUT / 2, "a report took {slowest:?}");
            rounds += 1;
            assert!(began.elapsed() < Duration::from_secs(90), "nobody misses Monasca");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(world.figure("monasca_lag_events").await > 0.0);
        // Once a second, for as long as a request to Monasca has hung.
        assert!(decisions().await >= before + 4, "{:?}", world.app.kinds(&steady).await);
        rig.tell("resume monasca-api").await;
        world.until_all_sent().await;
        assert!(compare(rig, &world.app, &world.jobs).await > 1000);
        world.stop().await;
    });
}
