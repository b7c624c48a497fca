//! How long decisions take while Monasca hangs, against how long they take while it answers.

use std::cell::Cell;
use std::time::{Duration, Instant};

use chrono::DateTime;
use futures_util::future::join;
use serde_json::{Value, json};

use crate::helpers::{now, on_actix};
use crate::rig::rig;
use crate::stored::{compare, events};
use crate::world::World;

/// A request to Monasca hangs for so long, seconds. Whoever waited for one would be that late.
const REQUEST_TIMEOUT: &str = "3";

/// So often Monasca answers for a while and then hangs for a while. In turns, so that other work on this machine slows both alike.
const TURNS: usize = 3;

/// Reports of each job in a turn, at least.
const ROUNDS: usize = 25;

/// The slowest twentieth while Monasca hangs may take so many times longer than while it answers, and so many seconds on top: what a busy
/// machine does by itself.
const RATIO: f64 = 3.0;
const FLOOR: f64 = 0.15;

/// Seconds that things took, under one of the two conditions.
#[derive(Default)]
struct Times {
    /// From a batch job's report to the answer, which says what was decided; of the slowest job in each round.
    reports: Vec<f64>,
    /// From an agent's sample to the answer.
    samples: Vec<f64>,
    /// From one decision about the long-running job to the next.
    between_decisions: Vec<f64>,
}

/// Of 20 values the second largest.
fn p95(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) * 95 / 100]
}

/// What was measured, in a line.
fn same(what: &str, answering: &[f64], hanging: &[f64]) -> String {
    let (usual, now) = (p95(answering), p95(hanging));
    assert!(now <= usual * RATIO + FLOOR, "{what}: p95 is {now:.3} s while Monasca hangs, and {usual:.3} s else");
    let counts = (answering.len(), hanging.len());
    format!("{what}: p95 {usual:.3} s while Monasca answers, {now:.3} s while it hangs, of {counts:?}")
}

/// When an event was recorded, seconds since 1970.
fn recorded_at(event: &Value) -> f64 {
    DateTime::parse_from_rfc3339(event["at"].as_str().unwrap()).unwrap().timestamp_micros() as f64 / 1e6
}

/// Reports and samples until `enough` says so after a round.
async fn turn(world: &World, steady: &str, since: Instant, times: &mut Times, enough: impl AsyncFn(usize) -> bool) {
    let (began, over) = (now(), Cell::new(false));
    let Times { reports, samples, between_decisions } = times;
    let rounds = async {
        let mut rounds = 0;
        while !enough(rounds).await {
            reports.push(world.round().await.as_secs_f64());
            rounds += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        over.set(true);
    };
    let sampling = async {
        while !over.get() {
            // As much as it needs.
            let used = since.elapsed().as_secs_f64() / 2.0;
            samples.push(world.sample(steady, used, json!({})).await.as_secs_f64());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    join(rounds, sampling).await;
    let events = events(&world.app, steady).await;
    let decided = events.iter().filter(|event| event["kind"] == "ProgressDecided").map(recorded_at);
    let decided: Vec<f64> = decided.filter(|at| *at >= began).collect();
    // The last one counts too: its successor may be kept waiting.
    let ends = decided.iter().skip(1).copied().chain([now()]);
    between_decisions.extend(decided.iter().zip(ends).map(|(from, to)| to - from));
}

#[test]
fn decisions_take_no_longer_while_monasca_hangs_and_afterwards_nothing_is_missing() {
    on_actix(async {
        let rig = rig();
        let _mine = rig.alone().await;
        let settings = [
            ("metrics", "batch_interval", "0.2"),
            ("openstack", "request_timeout", REQUEST_TIMEOUT),
            ("elasticity", "monitoring_period", "0.3"),
        ];
        let world = World::start(rig, &rig.keystone, 5, &settings).await;
        let steady = world.long_running().await;
        let since = Instant::now();
        world.round().await;
        world.until_all_sent().await;
        let (mut answering, mut hanging) = (Times::default(), Times::default());
        for _ in 0..TURNS {
            let (began, taken) = (Instant::now(), world.taken());
            let reachable = async || world.figure("monasca_reachable").await > 0.0;
            let long = Duration::from_secs(REQUEST_TIMEOUT.parse().unwrap());
            turn(&world, &steady, since, &mut answering, async |rounds| rounds >= ROUNDS && began.elapsed() > long)
                .await;
            assert!(world.taken() > taken, "Monasca answered meanwhile");

            rig.tell("pause monasca-api").await;
            let began = Instant::now();
            // The first request hangs, its time is over, and the next ones hang.
            turn(&world, &steady, since, &mut hanging, async |rounds| {
                assert!(began.elapsed() < Duration::from_secs(90), "nobody misses Monasca");
                rounds >= ROUNDS && !reachable().await
            })
            .await;
            assert!(world.figure("monasca_lag_events").await > 0.0);
            rig.tell("resume monasca-api").await;
            world.until_monasca_is_back().await;
        }
        assert!(answering.between_decisions.len() >= 2 * TURNS, "{:?}", answering.between_decisions);
        let pairs = [
            ("the answer to a batch job's report", &answering.reports, &hanging.reports),
            ("the answer to an agent's sample", &answering.samples, &hanging.samples),
            ("from one decision to the next", &answering.between_decisions, &hanging.between_decisions),
        ];
        for (what, answering, hanging) in pairs {
            println!("{}", same(what, answering, hanging));
        }
        world.until_all_sent().await;
        assert!(compare(rig, &world.app, &world.jobs).await > 1000);
        world.stop().await;
    });
}
