//! How far a job is from its plan, as the controllers see it.

use crate::qos::chronos::Bounds;
use crate::qos::declared::Declared;
use crate::qos::performance::Performance;
use crate::qos::units::{Cpus, Timestamp};

/// Errors are held within this: beyond, CPU alone does not help.
const LARGEST: f64 = 1.0;

/// Controllers change CPU in steps of this many thousandths: finer ones only cost resizes.
const GRAIN: f64 = 50.0;

/// How late the prediction is, as a share of the time until the bound that it misses: positive when late, negative when early, zero
/// within the bounds.
pub fn error_of_iterations(at: Timestamp, prediction: Timestamp, bounds: Bounds) -> f64 {
    let bound = if prediction > bounds.upper {
        bounds.upper
    } else if prediction < bounds.lower {
        bounds.lower
    } else {
        return 0.0;
    };
    let left = bound.since(at).seconds();
    // The bound has passed.
    if left <= 0.0 { LARGEST } else { (prediction.since(bound).seconds() / left).clamp(-LARGEST, LARGEST) }
}

/// How far the ratio is outside its band: positive when behind.
pub fn error_of_progress(ratio: f64, declared: &Declared) -> f64 {
    let deviation = declared.deviation();
    let within = (1.0 - deviation..=1.0 + deviation).contains(&ratio);
    if within { 0.0 } else { (1.0 - ratio).clamp(-LARGEST, LARGEST) }
}

/// `wanted` CPUs on the controllers' grain, within the limits. A job beyond a limit is not moved against its performance.
pub fn moved(from: Cpus, wanted: f64, performance: Performance, min: Cpus, max: Cpus) -> Cpus {
    let milli = (wanted.max(0.0) * 1000.0 / GRAIN).round() * GRAIN;
    let wanted = Cpus::from_milli(milli.min(f64::from(Cpus::MAX.milli())) as u32);
    match performance {
        Performance::UnderPerformant => wanted.min(max).max(from),
        Performance::OverPerformant => wanted.max(min).min(from),
        Performance::OnPlan => from,
    }
}
