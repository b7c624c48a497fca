//! What all charts have in common.

use plotters::chart::{ChartBuilder, ChartContext, DualCoordChartContext};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{BLACK, Cartesian2d, Color as _, DrawingArea, LineSeries, RGBColor, Rectangle, SVGBackend};

use super::PlotError;
use crate::qos::performance::Performance;

/// A part of the figure.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// A chart with two axes of numbers.
pub type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A chart with a second axis at the right.
pub type DualChart<'a, 'b> = DualCoordChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<RangedCoordf64, RangedCoordf64>,
    Cartesian2d<RangedCoordf64, RangedCoordf64>,
>;

/// Too slow.
pub const RED: RGBColor = RGBColor(200, 40, 40);
/// Faster than needed.
pub const YELLOW: RGBColor = RGBColor(230, 180, 0);
/// On plan.
pub const GREEN: RGBColor = RGBColor(30, 140, 60);
/// What is measured.
pub const BLUE: RGBColor = RGBColor(40, 80, 170);

/// The colour of a state, as on the published charts.
pub const fn colour(performance: Performance) -> RGBColor {
    match performance {
        Performance::UnderPerformant => RED,
        Performance::OnPlan => GREEN,
        Performance::OverPerformant => YELLOW,
    }
}

/// An empty chart with a title, names of its axes and their ranges.
pub fn empty<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    (x_name, y_name): (&str, &str),
    (x, y): ((f64, f64), (f64, f64)),
) -> Result<Chart<'a, 'b>, PlotError> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 14))
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(56)
        .build_cartesian_2d(x.0..x.1, y.0..y.1)
        .map_err(PlotError::of)?;
    chart
        .configure_mesh()
        .x_desc(x_name)
        .y_desc(y_name)
        .light_line_style(BLACK.mix(0.0))
        .draw()
        .map_err(PlotError::of)?;
    Ok(chart)
}

/// Colours the ground of `chart` between the heights `from` and `to`, over the width `x`.
pub fn region(chart: &mut Chart<'_, '_>, x: (f64, f64), from: f64, to: f64, colour: RGBColor) -> Result<(), PlotError> {
    let ground = Rectangle::new([(x.0, from), (x.1, to)], colour.mix(0.13).filled());
    chart.draw_series([ground]).map(|_| ()).map_err(PlotError::of)
}

/// Draws a line through `points`.
pub fn line(chart: &mut Chart<'_, '_>, points: &[(f64, f64)], colour: RGBColor) -> Result<(), PlotError> {
    chart.draw_series(LineSeries::new(points.to_vec(), colour.stroke_width(2))).map(|_| ()).map_err(PlotError::of)
}

/// As [`empty`], with an axis for CPUs, up to somewhat more than `most`, at the right.
pub fn empty_with_cpus<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    (x_name, y_name): (&str, &str),
    (x, y): ((f64, f64), (f64, f64)),
    most: f64,
) -> Result<DualChart<'a, 'b>, PlotError> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 14))
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(56)
        .right_y_label_area_size(44)
        .build_cartesian_2d(x.0..x.1, y.0..y.1)
        .map_err(PlotError::of)?
        // Before anything is drawn: from here on the right side belongs to the second axis.
        .set_secondary_coord(x.0..x.1, 0.0..most * 1.1);
    let mesh = chart.configure_mesh().x_desc(x_name).y_desc(y_name).light_line_style(BLACK.mix(0.0)).draw();
    mesh.map_err(PlotError::of)?;
    chart.configure_secondary_axes().y_desc("CPUs").draw().map_err(PlotError::of)?;
    Ok(chart)
}

/// Draws CPUs as steps on their axis.
pub fn cpus(chart: &mut DualChart<'_, '_>, points: &[(f64, f64)]) -> Result<(), PlotError> {
    let series = LineSeries::new(steps(points), BLACK.stroke_width(2));
    chart.draw_secondary_series(series).map(|_| ()).map_err(PlotError::of)
}

/// The points between which a step curve through `points` turns.
fn steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = Vec::new();
    for (x, y) in points {
        if let Some((_, before)) = corners.last().copied() {
            corners.push((*x, before));
        }
        corners.push((*x, *y));
    }
    corners
}

/// A range that holds `values` and the two of `least`, with some room.
pub fn around(values: impl Iterator<Item = f64>, least: (f64, f64)) -> (f64, f64) {
    let (low, high) = values.fold(least, |(low, high), value| (low.min(value), high.max(value)));
    let room = (high - low).max(1e-9) * 0.05;
    (low - room, high + room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_curve_holds_each_value_until_the_next() {
        assert_eq!(steps(&[(0.0, 1.0), (5.0, 2.0)]), [(0.0, 1.0), (5.0, 1.0), (5.0, 2.0)]);
        let (low, high) = around([3.0].into_iter(), (0.0, 2.0));
        assert!((low + 0.15).abs() < 1e-9 && (high - 3.15).abs() < 1e-9);
    }
}
