use super::*;
use crate::events::envelope::{StreamId, Version};
use crate::qos::ids::JobId;
use crate::qos::units::{Cpus, Span};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn row(effect: &Effect) -> OutboxRow {
    let key = effect.key().as_str();
    OutboxRow {
        id: 1,
        stream: StreamId::Job(JobId::from_bytes([1; 16])),
        version: Version(1),
        position: 0,
        effect_key: key.into(),
        kind: key.into(),
        payload: serde_json::to_string(effect).unwrap(),
        created_at: NOW,
    }
}

/// How many effects of this kind were timed, and for how long all together.
fn timed(figures: &Figures, effect: &str) -> (f64, f64) {
    let mut registry = Registry::default();
    figures.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let value = |part: &str| {
        let name = format!("effect_seconds_{part}{{framework=\"chronos\",effect=\"{effect}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    };
    (value("count"), value("sum"))
}

fn settled(key: &str) -> [Settled; 1] {
    [Settled::One(key.to_owned())]
}

#[test]
fn an_effect_is_timed_from_when_it_was_added_to_when_it_is_settled_and_once() {
    let (mut times, figures) = (EffectTimes::default(), Figures::default());
    let mut commit = |settled: &[Settled], added: &[OutboxRow]| {
        times.committed(settled, added, NOW, Framework::Chronos, &figures);
    };
    commit(&[], &[row(&Effect::SetCpus { cpus: Cpus::from_milli(1000) })]);
    std::thread::sleep(Duration::from_millis(20));
    commit(&settled("start"), &[]);
    assert_eq!(timed(&figures, "start"), (0.0, 0.0), "of which nothing was known");
    commit(&settled("cpus"), &[]);
    commit(&settled("cpus"), &[]);
    let (count, seconds) = timed(&figures, "cpus");
    assert!(count == 1.0 && seconds >= 0.02, "{count} {seconds}");
}

#[test]
fn what_is_planned_for_later_is_due_only_then() {
    let (mut times, figures) = (EffectTimes::default(), Figures::default());
    let start = Effect::StartIteration { iteration: 1, not_before: NOW + Span::from_secs(3600) };
    times.committed(&[], &[row(&start)], NOW, Framework::Chronos, &figures);
    std::thread::sleep(Duration::from_millis(20));
    times.committed(&settled("start"), &[], NOW, Framework::Chronos, &figures);
    assert_eq!(timed(&figures, "start"), (1.0, 0.0));
}

#[test]
fn effects_that_are_dropped_all_together_are_not_timed() {
    let (mut times, figures) = (EffectTimes::default(), Figures::default());
    times.committed(&[], &[row(&Effect::AwaitJob)], NOW, Framework::Chronos, &figures);
    let delete = row(&Effect::DeleteJob { when_idle: true });
    times.committed(&[Settled::All], &[delete], NOW, Framework::Chronos, &figures);
    times.committed(
        &[Settled::One("await".into()), Settled::One("delete".into())],
        &[],
        NOW,
        Framework::Chronos,
        &figures,
    );
    assert_eq!((timed(&figures, "await").0, timed(&figures, "delete").0), (0.0, 1.0));
}
