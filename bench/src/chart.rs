//! `draw`: how long an operation takes, over the number of other files.

use std::path::Path;

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::case::Case;
use crate::many::{Many, ManyMeasured};
use crate::report::Measured;

const SIZE: (u32, u32) = (960, 800);
const FONT: (&str, u32) = ("sans-serif", 15);

/// The cases in one chart: ours, then those that it is compared with.
const PANELS: [&[Case]; 4] = [
    &[Case::Retrieve, Case::BareRetrieve, Case::LibxlRetrieve],
    &[Case::Store, Case::BareStore, Case::LibxlStore],
    &[Case::List, Case::LibxlGlob],
    &[Case::Clear, Case::LibxlDestroyall],
];

/// Draws one file system as SVG: retrieve and store, list and clear, each from zero. What was not
/// measured is left out.
///
/// # Errors
///
/// When the file can't be written.
pub fn draw(measured: &Measured, path: &Path) -> Result<()> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    for (panel, cases) in area.split_evenly((2, 2)).iter().zip(PANELS) {
        draw_panel(measured, panel, cases)?;
    }
    area.present()
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Draws how long the work on many files takes on one file system, each beside the bare one.
///
/// # Errors
///
/// When the file can't be written.
pub fn draw_many(measured: &ManyMeasured, path: &Path) -> Result<()> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let pairs = Many::ALL
        .into_iter()
        .filter_map(|ours| Some([ours.compared_with()?, ours]));
    for (panel, pair) in area.split_evenly((1, 3)).iter().zip(pairs) {
        let medians = pair.map(|many| measured.times(many).median().unwrap_or_default());
        let top = medians.into_iter().fold(0.0, f64::max) * 1.25;
        let mut chart = ChartBuilder::on(panel)
            .caption(pair.map(|many| many.to_string()).join(", "), FONT)
            .margin(12)
            .y_label_area_size(60)
            .build_cartesian_2d(0.0..3.0, 0.0..top)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .y_desc(format!("milliseconds, median; {}", measured.file_system))
            .light_line_style(TRANSPARENT)
            .draw()?;
        let bars = [(0.4, BLACK), (1.6, RED)].into_iter().zip(medians);
        chart.draw_series(bars.map(|((left, color), median)| {
            Rectangle::new([(left, 0.0), (left + 1.0, median)], color.filled())
        }))?;
    }
    area.present()
        .with_context(|| format!("cannot write {}", path.display()))
}

fn draw_panel(
    measured: &Measured,
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    cases: &[Case],
) -> Result<()> {
    let points = |case: Case| -> Vec<(f64, f64)> {
        let median = |others| Some(measured.row(case, others)?.median_ns? / 1e3);
        measured
            .others()
            .filter_map(|others| Some((f64::from(others), median(others)?)))
            .collect()
    };
    let all: Vec<(f64, f64)> = cases.iter().flat_map(|case| points(*case)).collect();
    let right = all.iter().map(|(x, _)| *x).fold(10.0, f64::max);
    let top = all.iter().map(|(_, y)| *y).fold(0.0, f64::max) * 1.25;
    let mut chart = ChartBuilder::on(area)
        .caption(
            format!(
                "{}, {}",
                cases.first().map_or_else(String::new, Case::to_string),
                measured.file_system
            ),
            FONT,
        )
        .margin(12)
        .x_label_area_size(45)
        .y_label_area_size(60)
        .build_cartesian_2d((1.0..right * 2.0).log_scale(), 0.0..top)?;
    chart
        .configure_mesh()
        .x_desc("other files in the directory")
        .y_desc("microseconds, median")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    let is_there = |case: &&Case| !points(**case).is_empty();
    for (case, color) in cases.iter().filter(is_there).zip([RED, BLACK, BLUE]) {
        let line = LineSeries::new(points(*case), color.stroke_width(2)).point_size(4);
        chart
            .draw_series(line)?
            .label(case.to_string())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .border_style(BLACK)
        .draw()?;
    Ok(())
}
