//! `proportional`, `pid` and `fixed`.

use proptest::prelude::*;

use super::*;
use crate::qos::declared::Declared;
use crate::qos::model::{Controller, History};
use crate::qos::performance::Performance;
use crate::qos::units::Timestamp;

const T0: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn cpus(cpus: f64) -> Cpus {
    Cpus::try_from_f64(cpus).unwrap()
}

fn remembering(controller: Option<Controller>) -> History {
    let mut history = History::default();
    history.controller = controller;
    history
}

fn job<'a>(declared: &'a Declared, history: &'a History, from: f64, remaining: u32) -> Repeated<'a> {
    Repeated {
        at: T0,
        remaining,
        done: 1,
        from: cpus(from),
        submitted: cpus(1.0),
        t0: T0,
        declared,
        history,
        sleeping_time: Span::ZERO,
        deployment_time: Span::from_secs(45),
        gaps: history.gaps.as_slice(),
        gap: Span::from_secs(45),
        ahead: Span::ZERO,
        in_place: None,
        spells: &[],
        resize_cost: Span::ZERO,
    }
}

#[test]
fn the_change_is_in_proportion_to_the_lateness() {
    let declared = Declared::new(100.0, 1000.0, 0.2).unwrap();
    let history = History::default();
    let of = |remaining| Proportional::default().repeated(&job(&declared, &history, 1.0, remaining)).wish;
    // 8 x 145 s = 1160 s against 950 s; 10 x 145 s = 1450 s.
    assert_eq!([8, 10].map(|remaining| of(remaining).cpus), [cpus(1.2), cpus(1.55)]);
    // 6 x 145 = 870 s is between 800 and 950 s: nothing changes.
    assert_eq!((of(6).cpus, of(6).performance), (cpus(1.0), Performance::OnPlan));
    assert!(of(2).cpus < cpus(1.0));
}

#[test]
fn measured_iterations_count_more_than_the_declaration() {
    let declared = Declared::new(100.0, 1000.0, 0.2).unwrap();
    let mut history = History::default();
    for n in 0..3 {
        history.asked(true, Some(cpus(1.0)), T0 + Span::from_secs(n));
        history.counted(T0 + Span::from_secs(n + 5), Span::from_secs(200), None, Span::ZERO, None);
    }
    // 4 x 205 s is on plan, 4 x 145 s would be early, 6 x 205 s is late.
    let of = |remaining| Proportional::default().repeated(&job(&declared, &history, 1.0, remaining)).wish.performance;
    assert_eq!([4, 6].map(of), [Performance::OnPlan, Performance::UnderPerformant]);
}

#[test]
fn a_lasting_error_is_summed_up_and_the_sum_is_bounded_and_stops_at_saturation() {
    let declared = Declared::new(100.0, 1000.0, 0.2).unwrap();
    let pid = Pid { integral_limit: 500, cpu_max: cpus(100.0), ..Pid::default() };
    let after = |pid: &Pid, before: Option<Controller>| {
        let history = remembering(before);
        let wish = pid.repeated(&job(&declared, &history, 1.0, 8)).wish;
        let Some(ModelValues::Controller { error, integral }) = wish.model else { panic!("{wish:?}") };
        (wish.cpus, Controller { error, integral })
    };
    let (first, memory) = after(&pid, None);
    let (second, memory) = after(&pid, Some(memory));
    assert!(second > first.saturating_sub(cpus(0.05)) && memory.integral > memory.error, "{first} {second} {memory:?}");
    let mut memory = memory;
    for _ in 0..20 {
        memory = after(&pid, Some(memory)).1;
        assert!(memory.integral <= 500_000, "{memory:?}");
    }
    // At the most CPU that there is the sum does not go on growing.
    let small = Pid { cpu_max: cpus(1.1), integral_limit: 100_000, ..Pid::default() };
    let (at_bound, memory) = after(&small, Some(Controller { error: 0, integral: 300_000 }));
    assert_eq!((at_bound, memory.integral), (cpus(1.1), 300_000));
}

#[test]
fn fixed_never_changes_anything() {
    let declared = Declared::new(100.0, 100.0, 0.2).unwrap();
    let history = History::default();
    let wish = Fixed {}.repeated(&job(&declared, &history, 1.3, 9)).wish;
    assert_eq!((wish.cpus, wish.performance), (cpus(1.3), Performance::UnderPerformant));
}

proptest! {
    #[test]
    fn the_limits_are_never_left(
        deadline in 1.0..10_000.0f64, from in 100u32..2000, remaining in 1u32..50, error in -9_000_000i64..9_000_000,
        integral in -9_000_000i64..9_000_000, gain in 0u32..100_000,
    ) {
        let declared = Declared::new(100.0, deadline, 0.2).unwrap();
        let history = remembering(Some(Controller { error, integral }));
        let job = Repeated { from: Cpus::from_milli(from), ..job(&declared, &history, 1.0, remaining) };
        let proportional = Proportional { gain, ..Proportional::default() };
        let pid = Pid { proportional: gain, integral: gain, derivative: gain, ..Pid::default() };
        for wish in [proportional.repeated(&job).wish, pid.repeated(&job).wish] {
            prop_assert!(wish.cpus >= Cpus::from_milli(100) && wish.cpus <= Cpus::from_milli(2000), "{wish:?}");
            let direction = wish.cpus.cmp(&job.from);
            prop_assert!(wish.performance != Performance::OnPlan || direction.is_eq());
            prop_assert!(wish.performance != Performance::UnderPerformant || direction.is_ge());
            prop_assert!(wish.performance != Performance::OverPerformant || direction.is_le());
        }
    }
}
