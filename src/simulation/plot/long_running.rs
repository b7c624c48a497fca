//! A long-running job: its progress, and the CPU time that it used against what it should have used.

use plotters::prelude::{Circle, Color as _};

use super::PlotError;
use super::chart::{Area, BLUE, GREEN, RED, YELLOW, around, cpus, empty, empty_with_cpus, line, region};
use super::curves::Curves;

/// Draws both charts of `curves`.
pub fn draw(left: &Area<'_>, right: &Area<'_>, name: &str, curves: &Curves) -> Result<(), PlotError> {
    ratio(left, name, curves)?;
    consumed(right, name, curves)
}

/// Current over desired CPU time at each look, over the regions that decide.
fn ratio(area: &Area<'_>, name: &str, curves: &Curves) -> Result<(), PlotError> {
    let points: Vec<(f64, f64)> = curves.looks.iter().map(|(at, ratio, _, _)| (*at, *ratio)).collect();
    let x = (0.0, curves.finished.max(curves.deadline) * 1.02);
    let y = around(points.iter().map(|(_, ratio)| *ratio), (0.5, 1.5));
    let (lower, upper) = (1.0 - curves.deviation, 1.0 + curves.deviation);
    let mut chart = empty(area, &format!("{name}: progress ratio"), ("s", "current / desired"), (x, y))?;
    region(&mut chart, x, y.0, lower, RED)?;
    region(&mut chart, x, lower, upper, GREEN)?;
    region(&mut chart, x, upper, y.1, YELLOW)?;
    line(&mut chart, &points, BLUE)?;
    let dots = points.iter().map(|at| Circle::new(*at, 4, BLUE.filled()));
    chart.draw_series(dots).map(|_| ()).map_err(PlotError::of)
}

/// CPU time used and desired, and the CPU in force.
fn consumed(area: &Area<'_>, name: &str, curves: &Curves) -> Result<(), PlotError> {
    let used: Vec<(f64, f64)> =
        [(0.0, 0.0)].into_iter().chain(curves.looks.iter().map(|(at, _, used, _)| (*at, *used))).collect();
    let desired: Vec<(f64, f64)> =
        [(0.0, 0.0)].into_iter().chain(curves.looks.iter().map(|(at, _, _, desired)| (*at, *desired))).collect();
    let x = (0.0, curves.finished.max(curves.deadline) * 1.02);
    let y = around(used.iter().chain(&desired).map(|(_, cpu)| *cpu), (0.0, 1.0));
    let title = format!("{name}: CPU-s used (blue) and desired (green), CPU (black)");
    let most = curves.cpus.iter().map(|(_, cpus)| *cpus).fold(1.0, f64::max);
    let mut chart = empty_with_cpus(area, &title, ("s", "CPU-s"), (x, y), most)?;
    line(&mut chart, &desired, GREEN)?;
    line(&mut chart, &used, BLUE)?;
    line(&mut chart, &[(curves.deadline, y.0), (curves.deadline, y.1)], RED)?;
    cpus(&mut chart, &curves.cpus)
}
