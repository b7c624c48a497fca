//! What holds whatever happens.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Create(u8, u32, usize),
    Resize(u8, u32, bool),
    Scale(u8, u32, bool),
    Delete(u8, bool),
    Restart(u8, bool),
    Cancel(bool),
    End(usize, i32),
    Wait(u32),
}

const STRATEGIES: [(f64, f64); 4] = [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)];

fn step() -> impl Strategy<Value = Step> {
    let app = 0..3_u8;
    prop_oneof![
        (app.clone(), 0..4_u32, 0..4_usize).prop_map(|(a, n, s)| Step::Create(a, n, s)),
        (app.clone(), 1..20_u32, any::<bool>()).prop_map(|(a, c, f)| Step::Resize(a, c, f)),
        (app.clone(), 0..4_u32, any::<bool>()).prop_map(|(a, n, f)| Step::Scale(a, n, f)),
        (app.clone(), any::<bool>()).prop_map(|(a, f)| Step::Delete(a, f)),
        (app, any::<bool>()).prop_map(|(a, f)| Step::Restart(a, f)),
        any::<bool>().prop_map(Step::Cancel),
        (0..8_usize, 0..2_i32).prop_map(|(i, c)| Step::End(i, c)),
        (1..30_u32).prop_map(Step::Wait),
    ]
}

fn id(app: u8) -> String {
    format!("/a{app}")
}

fn perform(sim: &mut Sim, step: &Step) {
    // Most requests may be refused.
    match step {
        Step::Create(app, instances, shares) => {
            let fields = json!({"cpus": 0.5, "instances": instances, "upgradeStrategy": strategy(STRATEGIES[*shares])});
            let _ = sim.post(&id(*app), fields);
        }
        Step::Resize(app, tenths, force) => {
            let _ = sim.change(&id(*app), json!({"cpus": f64::from(*tenths) / 10.0}), true, false, *force);
        }
        Step::Scale(app, instances, force) => {
            let _ = sim.change(&id(*app), json!({"instances": instances}), true, false, *force);
        }
        Step::Delete(app, force) => {
            let _ = sim.event(Event::Delete { id: id(*app), force: *force });
        }
        Step::Restart(app, force) => {
            let _ = sim.event(Event::Restart { id: id(*app), force: *force });
        }
        Step::Cancel(force) => {
            if let Some(first) = sim.core.deployments_json()[0]["id"].as_str() {
                let _ = sim.event(Event::CancelDeployment { id: first.to_owned(), force: *force });
            }
        }
        Step::End(i, code) => {
            let alive: Vec<u64> = (0..3).flat_map(|app| sim.alive(&id(app))).collect();
            if let Some(seq) = alive.get(*i) {
                sim.end(*seq, TaskEnd::Code(*code));
            }
        }
        Step::Wait(tenths) => sim.wait(f64::from(*tenths) / 10.0),
    }
}

proptest! {
    #[test]
    fn nodes_are_never_overbooked_and_everything_comes_to_rest(
        seed in 0..1000_u64,
        stubborn in any::<bool>(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut options = settings(ALL[(seed % 3) as usize]);
        options.seed = seed;
        options.teardown_delay = (Span::ZERO, Span::from_secs(1));
        options.deployment_delay = (Span::ZERO, Span::from_secs(1));
        let mut sim = Sim::with(options);
        sim.stubborn = stubborn;
        for step in &steps {
            perform(&mut sim, step);
            prop_assert!(sim.nodes.iter().all(|node| node.used <= node.total));
            let held: Vec<String> = sim.core.deployments.values()
                .flat_map(|d| d.affected().map(ToOwned::to_owned).collect::<std::collections::BTreeSet<_>>()).collect();
            let distinct: std::collections::BTreeSet<&String> = held.iter().collect();
            prop_assert_eq!(held.len(), distinct.len(), "two deployments hold one app");
        }
        // Everything that was asked to end does; everything is small enough to fit, once the old tasks have made room.
        sim.stubborn = false;
        for (seq, _) in sim.kills.clone() {
            sim.end(seq, TaskEnd::Signal(15));
        }
        let small = json!({"cpus": 0.1, "backoffSeconds": 0, "maxLaunchDelaySeconds": 1,
            "upgradeStrategy": strategy(STOP_FIRST)});
        for app in 0..3 {
            let _ = sim.change(&id(app), small.clone(), true, false, true);
        }
        sim.wait(700.0);
        prop_assert_eq!(sim.deployments(), 0, "{}", sim.core.deployments_json());
        for app in 0..3 {
            let wanted = sim.core.find(&id(app)).map_or(0, |app| app.instances as usize);
            prop_assert_eq!(sim.alive(&id(app)).len(), wanted);
        }
        let reserved: u32 = sim.nodes.iter().map(|node| node.used.milli()).sum();
        let running: u32 = sim.core.tasks().map(|task| task.cpus.milli()).sum();
        prop_assert_eq!(reserved, running, "what has ended reserves nothing");
    }
}
