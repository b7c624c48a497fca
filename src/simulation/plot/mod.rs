//! The published figures of one run, drawn from its events.

mod chart;
mod curves;
mod long_running;
mod repeated;

use plotters::prelude::{IntoDrawingArea as _, SVGBackend, WHITE};

use super::outcome::Batch;
use crate::published::Case;
use crate::qos::ids::Framework;
use curves::{Curves, curves};

/// Width of a figure, in pixels.
const WIDTH: u32 = 1100;
/// Height of one job's figures.
const ROW: u32 = 240;
/// Height of the title.
const TITLE: u32 = 34;

/// A figure that cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the figure cannot be drawn: {0}")]
pub struct PlotError(String);

impl PlotError {
    fn of(error: impl std::fmt::Display) -> Self {
        PlotError(error.to_string())
    }
}

/// The runs of one policy as one SVG document: one row a job.
///
/// # Errors
/// Never for events of a whole run; drawing is fallible by type only.
pub fn svg(policy: &str, runs: &[(Case, Vec<Batch>)]) -> Result<String, PlotError> {
    let rows: Vec<(Case, Curves)> =
        runs.iter().flat_map(|(case, batches)| curves(batches).into_iter().map(|curves| (*case, curves))).collect();
    let height = TITLE + ROW * u32::try_from(rows.len()).unwrap_or(1).max(1);
    let mut document = String::new();
    {
        let root = SVGBackend::with_string(&mut document, (WIDTH, height)).into_drawing_area();
        root.fill(&WHITE).map_err(PlotError::of)?;
        let root = root.titled(&format!("Simulated, policy {policy}"), ("sans-serif", 18)).map_err(PlotError::of)?;
        for (area, (case, curves)) in root.split_evenly((rows.len().max(1), 1)).iter().zip(&rows) {
            let (left, right) = area.split_horizontally(WIDTH / 2);
            let name = format!("case {}, {}", case.as_str().to_uppercase(), curves.name);
            match curves.framework {
                Framework::Chronos => repeated::draw(&left, &right, &name, curves)?,
                Framework::Marathon => long_running::draw(&left, &right, &name, curves)?,
            }
        }
        root.present().map_err(PlotError::of)?;
    }
    Ok(document)
}
