//! The plots: cost against population, durable stores against writers, and system calls.

use std::path::Path;

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::calls::{Calls, WORKS};
use crate::lineup::Kind;
use crate::report::GROWING;
use crate::results::{Figure, Measured};
use crate::rounds::LENGTH;
use crate::writers::Spread;

const FONT: (&str, u32) = ("sans-serif", 15);
const SMALL: (&str, u32) = ("sans-serif", 13);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A name, its color, and its points.
type Line = (String, RGBColor, Vec<(f64, f64)>);

/// The color of a peer: this project's is red, and libxl's are blue.
fn color(kind: Kind) -> RGBColor {
    match kind {
        Kind::Ours | Kind::OursFull => RGBColor(214, 39, 40),
        Kind::Tree => RGBColor(255, 80, 160),
        Kind::Libxl => RGBColor(31, 119, 180),
        Kind::Stdio => RGBColor(120, 180, 230),
        Kind::Bare | Kind::BareSynced => BLACK,
        Kind::BareUnlocked | Kind::BareTree => RGBColor(140, 140, 140),
        Kind::FsWrite => RGBColor(44, 160, 44),
        Kind::TempfilePersist => RGBColor(152, 223, 138),
        Kind::AtomicWriteFile => RGBColor(0, 110, 60),
        Kind::SqliteOff => RGBColor(255, 187, 120),
        Kind::SqliteNormal | Kind::SqliteFull => RGBColor(255, 127, 14),
        Kind::RedbNone | Kind::RedbImmediate => RGBColor(148, 103, 189),
        Kind::LmdbNoSync | Kind::Lmdb => RGBColor(140, 86, 75),
        Kind::FjallBuffer | Kind::FjallSync => RGBColor(227, 119, 194),
    }
}

/// Cost against population: each work in a panel, both axes logarithmic.
///
/// # Errors
///
/// When the file can't be written.
pub fn population(measured: &Measured, path: &Path) -> Result<()> {
    let area = SVGBackend::new(path, (1120, 860)).into_drawing_area();
    area.fill(&WHITE)?;
    let (panels, names) = area.split_horizontally(920);
    let kinds = measured.kinds().into_iter();
    let kinds: Vec<Kind> = kinds.filter(|kind| !kind.about().durable).collect();
    for (panel, work) in panels.split_evenly((2, 2)).iter().zip(GROWING) {
        let lines = kinds.iter().map(|kind| {
            let point = |files: u32| {
                let series = measured.series(Figure::Single(*kind, work, LENGTH, files));
                Some((f64::from(files), series.median()? / 1e3))
            };
            let points = measured.files().into_iter().filter_map(point);
            (kind.to_string(), color(*kind), points.collect())
        });
        let title = format!("{work}, {}", measured.file_system);
        let axes = ("other files or values", "microseconds, median");
        logarithmic(panel, &title, axes, &lines.collect::<Vec<Line>>())?;
    }
    legend(&names, &kinds)?;
    write(&area, path)
}

/// Durable stores a second against the number of processes: for one domain, and for many.
///
/// # Errors
///
/// When the file can't be written.
pub fn writers(measured: &Measured, path: &Path) -> Result<()> {
    let area = SVGBackend::new(path, (1120, 460)).into_drawing_area();
    area.fill(&WHITE)?;
    let (panels, names) = area.split_horizontally(920);
    let kinds = measured.kinds().into_iter();
    let kinds: Vec<Kind> = kinds.filter(|kind| kind.about().durable).collect();
    let spreads = [(Spread::One, "one domain"), (Spread::Many, "many domains")];
    for (panel, (spread, name)) in panels.split_evenly((1, 2)).iter().zip(spreads) {
        let lines = kinds.iter().map(|kind| {
            let all = measured.written.iter().filter(|w| w.kind == *kind);
            // One process has one domain either way.
            let shown = all.filter(|w| w.spread == spread || w.writers == 1);
            let mut points: Vec<(f64, f64)> = shown
                .filter_map(|w| Some((f64::from(w.writers), w.stores_per_second.median()?)))
                .collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            (kind.to_string(), color(*kind), points)
        });
        let title = format!("durable stores, {name}, {}", measured.file_system);
        let axes = ("processes", "stores a second, median");
        logarithmic(panel, &title, axes, &lines.collect::<Vec<Line>>())?;
    }
    legend(&names, &kinds)?;
    write(&area, path)
}

/// The system calls of each operation: a bar for each peer.
///
/// # Errors
///
/// When the file can't be written.
pub fn calls(calls: &[Calls], path: &Path) -> Result<()> {
    let mut kinds: Vec<Kind> = calls.iter().map(|calls| calls.kind).collect();
    kinds.dedup();
    let height = 70 + 26 * u32::try_from(kinds.len())?;
    let area = SVGBackend::new(path, (1240, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let (names, panels) = area.split_horizontally(220);
    let last = kinds.len() as f64;
    let rows = || (1..).map(|row| last - f64::from(row)).zip(&kinds);
    // Above the bars is the caption, and below them are the numbers.
    let place = |row: f64| 28 + ((last - 0.5 - row) * f64::from(height - 58) / last) as i32;
    for (row, kind) in rows() {
        let style = SMALL.into_font().color(&BLACK);
        names.draw(&Text::new(kind.to_string(), (12, place(row) - 7), style))?;
    }
    for (panel, work) in panels.split_evenly((1, 3)).iter().zip(WORKS) {
        let total = |kind: Kind| {
            let found = calls.iter().find(|c| c.kind == kind && c.work == work);
            found.map(Calls::total)
        };
        let most = kinds.iter().filter_map(|kind| total(*kind));
        let right = most.fold(1.0, f64::max) * 1.3;
        let mut chart = ChartBuilder::on(panel)
            .caption(format!("system calls: {work}"), FONT)
            .margin(6)
            .x_label_area_size(24)
            .build_cartesian_2d(0.0..right, 0.0..last)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .x_label_formatter(&|x| format!("{x:.0}"))
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (row, kind) in rows() {
            let Some(total) = total(*kind) else {
                continue;
            };
            let bar = [(0.0, row + 0.15), (total, row + 0.85)];
            let color = color(*kind).filled();
            chart.draw_series([Rectangle::new(bar, color)])?;
            let style = SMALL.into_font().color(&BLACK);
            let at = (total + right * 0.01, row + 0.8);
            chart.draw_series([Text::new(format!("{total:.0}"), at, style)])?;
        }
    }
    write(&area, path)
}

/// A panel with two logarithmic axes; lines without points are left out.
fn logarithmic(area: &Area<'_>, title: &str, axes: (&str, &str), lines: &[Line]) -> Result<()> {
    let points = || lines.iter().flat_map(|(_, _, points)| points);
    let right = points().map(|(x, _)| *x).fold(2.0, f64::max);
    let left = points().map(|(x, _)| *x).fold(right, f64::min);
    let top = points().map(|(_, y)| *y).fold(1e-3, f64::max);
    let bottom = points().map(|(_, y)| *y).fold(top, f64::min);
    let mut chart = ChartBuilder::on(area)
        .caption(title, FONT)
        .margin(10)
        .x_label_area_size(42)
        .y_label_area_size(62)
        .build_cartesian_2d(
            (left / 1.2..right * 1.2).log_scale(),
            (bottom / 1.5..top * 1.5).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc(axes.0)
        .y_desc(axes.1)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| match *y {
            y if y < 1.0 => format!("{y:.1}"),
            y => format!("{y:.0}"),
        })
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (_, color, points) in lines {
        let width = if *color == RGBColor(214, 39, 40) {
            3
        } else {
            2
        };
        let line = LineSeries::new(points.iter().copied(), color.stroke_width(width));
        chart.draw_series(line.point_size(3))?;
    }
    Ok(())
}

fn legend(area: &Area<'_>, kinds: &[Kind]) -> Result<()> {
    for (row, kind) in (0..).zip(kinds) {
        let middle = 60 + 24 * row;
        let line = vec![(6, middle), (30, middle)];
        area.draw(&PathElement::new(line, color(*kind).stroke_width(3)))?;
        let style = SMALL.into_font().color(&BLACK);
        area.draw(&Text::new(kind.to_string(), (36, middle - 7), style))?;
    }
    Ok(())
}

fn write(area: &Area<'_>, path: &Path) -> Result<()> {
    area.present()
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use userdata_bench::series::Series;

    use super::*;
    use crate::rounds::{Case, Times};
    use crate::work::Work;
    use crate::writers::Written;

    #[test]
    fn each_plot_names_its_peers_and_draws_their_points() {
        let scratch = tempfile::tempdir().unwrap();
        let plot = scratch.path().join("a.svg");
        let mut times = Times::new();
        for (files, ns) in [(10, 1e3), (1000, 2e3), (100_000, 4e6)] {
            let case = Case {
                files,
                work: Work::Clear,
                length: LENGTH,
                kind: Kind::Ours,
            };
            times.insert(case, Series(vec![ns]));
        }
        let mut measured = Measured::new("tmpfs", times);
        measured.written.push(Written {
            kind: Kind::SqliteFull,
            writers: 8,
            spread: Spread::Many,
            stores_per_second: Series(vec![100.0]),
        });
        population(&measured, &plot).unwrap();
        let text = fs::read_to_string(&plot).unwrap();
        assert!(text.contains("userdata, libxl layout") && text.contains("clear, 5 values"));
        assert_eq!(text.matches("<circle").count(), 3);
        writers(&measured, &plot).unwrap();
        let text = fs::read_to_string(&plot).unwrap();
        assert!(text.contains("SQLite FULL"));
        assert_eq!(text.matches("<circle").count(), 1);
        let counted = Calls {
            kind: Kind::Libxl,
            work: WORKS[0],
            calls: [("openat".to_owned(), 7.0)].into(),
        };
        calls(&[counted], &plot).unwrap();
        let text = fs::read_to_string(&plot).unwrap();
        assert!(text.contains("libxl 4.17") && text.contains('7'));
    }
}
