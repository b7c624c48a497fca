//! Metrics that Monasca has acknowledged and then lost.

use crate::helpers::on_actix;
use crate::rig::rig;
use crate::stored::{compare, missing};
use crate::world::World;

/// A success means that a queue has taken the metrics. Here the queue is lost, as it is when its disks or its only broker are: nothing but
/// the window that is sent again after an outage brings them back.
#[test]
fn what_monasca_acknowledged_and_lost_is_sent_again_after_the_outage() {
    on_actix(async {
        let rig = rig();
        let _mine = rig.alone().await;
        let settings = [("metrics", "batch_interval", "0.2"), ("metrics", "overlap", "90")];
        let world = World::start(rig, &rig.keystone, 5, &settings).await;
        for _ in 0..5 {
            world.round().await;
        }
        world.until_all_sent().await;
        let stored = compare(rig, &world.app, &world.jobs).await;

        rig.tell("pause monasca-persister").await;
        for _ in 0..20 {
            world.round().await;
        }
        // All of it is acknowledged, and none of it stored.
        world.until_all_sent().await;
        let lost = missing(rig, &world.app, &world.jobs).await;
        assert!(lost > 5 * 20, "{lost} values wait in the queue");
        for command in ["kill monasca-persister", "kill kafka", "kill monasca-api"] {
            rig.tell(command).await;
        }
        for _ in 0..5 {
            world.round().await;
        }
        world.until_monasca_is_missed().await;
        // An empty queue, at another place.
        for command in ["start kafka", "start monasca-api", "start monasca-persister"] {
            rig.tell(command).await;
        }
        for _ in 0..5 {
            world.round().await;
        }
        world.until_all_sent().await;
        let all = compare(rig, &world.app, &world.jobs).await;
        println!("{stored} values before, {lost} acknowledged and lost, {all} in the end");
        assert!(all > stored + lost);
        world.stop().await;
    });
}
