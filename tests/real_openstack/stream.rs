use std::time::{Duration, Instant};

use crate::expected::expected;
use crate::helpers::on_actix;
use crate::rig::{SHORT_LIFE, rig};
use crate::stored::{at_the_interface, compare, events};
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
    let all = expected(&events(&world.app, uuid).await);
    assert_eq!(at_the_interface(rig, "prediction_vs_deadline", uuid).await, all["prediction_vs_deadline"]);
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
