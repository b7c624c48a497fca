//! A repeated job: where it was predicted to end, and what each iteration had and took.

use plotters::prelude::{BLACK, Circle, Color as _, Rectangle};

use super::PlotError;
use super::chart::{Area, BLUE, GREEN, RED, YELLOW, around, colour, cpus, empty, empty_with_cpus, line, region};
use super::curves::Curves;

/// Draws both charts of `curves`.
pub fn draw(left: &Area<'_>, right: &Area<'_>, name: &str, curves: &Curves) -> Result<(), PlotError> {
    predictions(left, name, curves)?;
    iterations(right, name, curves)
}

/// Prediction minus deadline after each iteration, over the regions that decide.
fn predictions(area: &Area<'_>, name: &str, curves: &Curves) -> Result<(), PlotError> {
    let points: Vec<(f64, f64)> = curves.predictions.iter().map(|(n, after, _)| (*n, *after)).collect();
    let end = (curves.iterations.len() as f64, curves.finished - curves.deadline);
    let x = (0.0, end.0 + 0.5);
    let (lower, upper) = curves.band;
    let heights = points.iter().map(|(_, after)| *after).chain([end.1, 0.0]);
    let y = around(heights, (lower, upper));
    let title = format!("{name}: prediction minus deadline");
    let mut chart = empty(area, &title, ("iteration", "s"), (x, y))?;
    region(&mut chart, x, y.0, lower, YELLOW)?;
    region(&mut chart, x, lower, upper, GREEN)?;
    region(&mut chart, x, upper, y.1, RED)?;
    line(&mut chart, &[(x.0, 0.0), (x.1, 0.0)], RED)?;
    let all: Vec<(f64, f64)> = points.into_iter().chain([end]).collect();
    line(&mut chart, &all, BLUE)?;
    let dots = curves.predictions.iter().map(|(n, after, state)| Circle::new((*n, *after), 4, colour(*state).filled()));
    chart.draw_series(dots).map_err(PlotError::of)?;
    chart.draw_series([Circle::new(end, 4, BLACK.filled())]).map(|_| ()).map_err(PlotError::of)
}

/// How long each iteration took, as bars, and the CPU that it had, as steps.
fn iterations(area: &Area<'_>, name: &str, curves: &Curves) -> Result<(), PlotError> {
    let longest = curves.iterations.iter().map(|(_, _, duration)| *duration).fold(1.0, f64::max);
    let x = (0.4, curves.iterations.len() as f64 + 0.6);
    let title = format!("{name}: duration (bars) and CPU (line)");
    let most = curves.iterations.iter().map(|(_, cpus, _)| *cpus).fold(1.0, f64::max);
    let mut chart = empty_with_cpus(area, &title, ("iteration", "s"), (x, (0.0, longest * 1.1)), most)?;
    let bar = |(n, _, duration): &(f64, f64, f64)| {
        Rectangle::new([(n - 0.35, 0.0), (n + 0.35, *duration)], BLUE.mix(0.35).filled())
    };
    chart.draw_series(curves.iterations.iter().map(bar)).map_err(PlotError::of)?;
    let begun = curves.iterations.iter().map(|(n, cpus, _)| (n - 0.5, *cpus));
    let end = curves.iterations.last().map(|(n, cpus, _)| (n + 0.5, *cpus));
    cpus(&mut chart, &begun.chain(end).collect::<Vec<_>>())
}
