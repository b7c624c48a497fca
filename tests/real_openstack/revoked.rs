//! Tokens that are taken back before their end. Monasca remembers for a while what it has once found out about a token.

use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;

use crate::credentials::{Watched, keystone, metric, monasca, wait_for_value};
use crate::helpers::on_actix;
use crate::rig::{Rig, rig};
use crate::stored::compare;
use crate::world::World;

/// Takes back `token`, as its owner may.
async fn revoke(rig: &Rig, token: &HeaderValue) {
    let request = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = request.delete(format!("{}/v3/auth/tokens", rig.keystone));
    let response = request.header("X-Auth-Token", token).header("X-Subject-Token", token).send().await.unwrap();
    assert_eq!(response.status(), 204);
}

#[test]
fn a_revoked_token_that_monasca_does_not_know_is_replaced_by_one_login() {
    on_actix(async {
        let rig = rig();
        let _calm = rig.shared().await;
        let unknown = keystone(&rig.user()).login().await.unwrap().token;
        revoke(rig, &unknown).await;
        let tokens = Watched::new(&rig.user(), Some(unknown));
        let monasca = monasca(&rig.user(), tokens.clone());
        monasca.send_metrics(&[metric("revoked", 3.0)]).await.unwrap();
        assert_eq!((tokens.logins(), tokens.refused()), (1, 1));
        wait_for_value(&monasca, "revoked", 3.0).await;
    });
}

#[test]
fn a_token_revoked_in_mid_stream_works_until_monasca_asks_again_and_then_one_login_loses_nothing() {
    on_actix(async {
        let rig = rig();
        // Monasca keeps what it remembers in several places when several ask at once.
        let _mine = rig.alone().await;
        let world = World::start(rig, &rig.keystone, 5, &[("metrics", "batch_interval", "0.1")]).await;
        let sent =
            || world.monasca.seen().into_iter().filter(|seen| seen.method == "POST" && seen.path.ends_with("/metrics"));
        // Known to Monasca from here on.
        let began = Instant::now();
        while !sent().any(|seen| seen.status == 204) {
            assert!(began.elapsed() < Duration::from_secs(90), "nothing is sent");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let first = sent().next().unwrap().token;
        revoke(rig, &HeaderValue::from_str(&first).unwrap()).await;
        let (at_revocation, began) = (sent().count(), Instant::now());
        while !sent().any(|seen| seen.status == 401) {
            world.round().await;
            assert!(began.elapsed() < Duration::from_secs(90), "a revoked token is never refused");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        println!("refused {:.1} s after it was revoked", began.elapsed().as_secs_f64());
        for _ in 0..5 {
            world.round().await;
        }
        world.until_all_sent().await;

        let all: Vec<_> = sent().collect();
        let refused = all.iter().position(|seen| seen.status == 401).unwrap();
        // Taken on the word of a Keystone that has long said otherwise.
        assert!(
            refused > at_revocation + 3,
            "request {refused} is refused, and the token revoked after {at_revocation}"
        );
        assert!(all[..=refused].iter().all(|seen| seen.token == first));
        assert!(all[..refused].iter().all(|seen| seen.status == 204));
        // The same again with the next token, and so everything after it.
        let (again, after) = (&all[refused + 1], &all[refused + 1..]);
        assert!(again.body == all[refused].body && again.token != first);
        assert!(after.iter().all(|seen| seen.status == 204 && seen.token == again.token));
        assert_eq!(world.keystone.count("POST", "auth/tokens"), 2, "the first login, and one more");
        assert_eq!(world.figure("monasca_errors_total").await, 0.0);
        assert!(compare(rig, &world.app, &world.jobs).await > 100);
        world.stop().await;
    });
}
