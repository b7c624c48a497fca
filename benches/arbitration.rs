//! What one sharing of a large cluster takes: among jobs that keep their nodes, and among jobs whose tasks come and go. The times are of this
//! machine; how they grow carries over.
//! `cargo bench --bench arbitration`
#![allow(clippy::print_stdout, reason = "a program that prints what it has measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use mesos_qos::qos::arbitration::{Aim, Contender, Gains, Luck, Nodes, Place, Prospects, Seat, Sizes, share};
use mesos_qos::qos::ids::JobId;
use mesos_qos::qos::units::Cpus;

/// CPUs of a node, in thousandths.
const NODE: u32 = 2000;

/// A chance costs about as much as a forecast's.
#[derive(Debug)]
struct Normally {
    needs: f64,
}

impl Gains for Normally {
    fn chance(&self, luck: Luck, cpus: Cpus) -> f64 {
        let dearer = match luck {
            Luck::AtOnce | Luck::Bridge => 0.0,
            Luck::Waiting | Luck::Queueing | Luck::Moved => 0.05,
        };
        let above = (cpus.as_f64() - self.needs - dearer) / 0.05;
        let normal = |stragglers: u32| 0.5 * libm::erfc(f64::from(stragglers).mul_add(0.1, -above));
        (0..5).map(|stragglers| 0.2 * normal(stragglers)).sum()
    }

    fn less_likely(&self, _: Luck, cpus: Cpus, than: f64) -> bool {
        than > 0.5 && cpus.as_f64() < self.needs
    }

    fn late(&self, cpus: Cpus) -> f64 {
        (self.needs - cpus.as_f64()) * 1000.0
    }
}

/// Numbers from 0 to 1 that are the same in each run.
fn numbers() -> impl FnMut() -> f64 {
    let mut state = 12_345u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 31)
    }
}

/// So many jobs on `nodes` nodes, of which a share is late, and the first so many are to start.
fn contenders(jobs: u32, nodes: u32, late: f64, to_start: u32) -> Vec<Contender> {
    let (mut number, cpus) = (numbers(), Cpus::from_milli);
    let job = |nth: u32| {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&nth.to_be_bytes());
        let needs = 0.1 + 0.9 * number() + if number() < late { 1.0 } else { 0.0 };
        let sizes = (2..=40).map(|step| cpus(step * 50)).collect();
        Contender {
            job: JobId::from_bytes(id),
            wish: cpus(((needs * 20.0).ceil() as u32 * 50).min(NODE)),
            floor: cpus(100),
            least: cpus(100),
            modest: cpus(1000),
            chained: true,
            has: cpus(500),
            reserved: cpus(500),
            gave_way: false,
            takes_turns: true,
            seat: if nth < to_start { Seat::ToStart } else { Seat::On(format!("n{}", nth % nodes), cpus(500)) },
            prospects: Prospects::new(sizes, Box::new(Normally { needs })),
        }
    };
    (0..jobs).map(job).collect()
}

/// The time of one sharing, the best of several, each of jobs that nothing is known of yet; and who is to move by it.
fn sharing(aim: Aim, (jobs, count): (u32, u32), late: f64, to_start: u32) -> (Duration, bool) {
    let nodes = Nodes { count, cpus: Cpus::from_milli(NODE) };
    let once = || {
        let contenders = contenders(jobs, count, late, to_start);
        let all: Vec<&Contender> = contenders.iter().collect();
        let began = Instant::now();
        let shares = black_box(share(aim, nodes, &Sizes::default(), &all));
        (began.elapsed(), shares.iter().any(|share| share.place == Some(Place::Moves)))
    };
    (0..5).map(|_| once()).min().unwrap_or_default()
}

fn main() {
    println!("one sharing, of jobs that nothing is known of yet");
    println!("  {:<28} {:>6} {:>6} {:>12}", "jobs", "", "nodes", "");
    for size in [(6, 5), (24, 20), (200, 60), (1000, 300)] {
        for (what, aim, late, to_start) in [
            ("keep their nodes", Aim::ByNode, 0.0, 0),
            ("keep them, a fifth is late", Aim::ByNode, 0.2, 0),
            ("keep them, all are late", Aim::ByNode, 1.0, 0),
            ("are all to start", Aim::ByNode, 0.2, size.0),
            ("come and go, a fifth is late", Aim::MostOnTime, 0.2, 0),
        ] {
            let (took, moves) = sharing(aim, size, late, to_start);
            let one = if moves { "one moves" } else { "" };
            println!("  {what:<28} {:>6} {:>6} {:>12} {one}", size.0, size.1, format!("{took:.2?}"));
        }
    }
}
