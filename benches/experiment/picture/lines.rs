//! A figure against the number of connections, a line for each server.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::super::comparison::{Comparison, Figure, Spread};
use super::{Area, Drawn, GRID, INK, WIDTH, color, framed, text};

/// What to draw.
pub struct Lines<'a> {
    pub title: &'a str,
    pub unit: &'a str,
    /// Rows that differ in their number of connections only.
    pub comparisons: &'a [Comparison],
    pub figure: Figure,
}

/// A server's name, with connections and what was measured there.
type Line<'a> = (&'a str, Vec<(f64, Spread)>);

/// Draws a picture, unless the figure could not be counted.
pub fn draw(file: &Path, caption: &str, lines: &Lines<'_>) -> Drawn {
    let series = series(lines);
    let points = || series.iter().flat_map(|(_, points)| points);
    if points().next().is_none() {
        println!("no picture {}: nothing was counted", file.display());
        return Ok(());
    }
    let root = SVGBackend::new(file, (WIDTH, 540)).into_drawing_area();
    let inner = framed(&root, lines.title, caption)?;
    legend(&inner, &series)?;

    let connections: Vec<_> =
        lines.comparisons.iter().map(|comparison| comparison.row.load.connections as f64).collect();
    let first = connections.iter().copied().fold(f64::MAX, f64::min);
    let last = connections.iter().copied().fold(0.0, f64::max);
    let top = points().map(|(_, spread)| spread.most).fold(0.0, f64::max) * 1.08;
    let x = (first * 0.85..last * 1.2).log_scale().with_key_points(connections);
    let mut chart = ChartBuilder::on(&inner)
        .margin_top(26)
        .margin_right(12)
        .x_label_area_size(44)
        .y_label_area_size(76)
        .build_cartesian_2d(x, 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(("sans-serif", 14, &INK))
        .axis_desc_style(("sans-serif", 15, &INK))
        .x_desc("connections (logarithmic)")
        .y_desc(lines.unit)
        .x_label_formatter(&|connections| format!("{connections:.0}"))
        .y_label_formatter(&axis_label)
        .draw()?;
    for (server, points) in &series {
        let color = color(server);
        let medians = points.iter().map(|(x, spread)| (*x, spread.median));
        chart.draw_series(LineSeries::new(medians.clone(), color.stroke_width(3)))?;
        chart.draw_series(points.iter().map(|(x, spread)| {
            PathElement::new([(*x, spread.least), (*x, spread.most)], color.stroke_width(2))
        }))?;
        chart.draw_series(medians.map(|at| Circle::new(at, 5, color.filled())))?;
    }
    root.present()?;
    Ok(())
}

fn series<'a>(lines: &Lines<'a>) -> Vec<Line<'a>> {
    let Some(first) = lines.comparisons.first() else { return Vec::new() };
    let point = |server: &str, comparison: &Comparison| {
        let spread = comparison.spread(server, lines.figure)?;
        Some((comparison.row.load.connections as f64, spread))
    };
    let line = |server: &'a String| {
        let points = lines.comparisons.iter().filter_map(|row| point(server, row));
        (server.as_str(), points.collect())
    };
    first.servers.iter().map(|(server, _)| line(server)).collect()
}

/// The servers' colours, in a row between title and chart.
fn legend(area: &Area<'_>, series: &[Line<'_>]) -> Drawn {
    const EACH: i32 = 130;
    let width = area.dim_in_pixel().0 as i32;
    let mut x = (width - EACH * series.len() as i32) / 2;
    for (server, _) in series {
        let color = color(server);
        area.draw(&PathElement::new([(x, 8), (x + 30, 8)], color.stroke_width(3)))?;
        area.draw(&Circle::new((x + 15, 8), 5, color.filled()))?;
        text(area, server, (x + 38, 8), 15, INK, HPos::Left)?;
        x += EACH;
    }
    Ok(())
}

/// A round figure of the axis, without digits that say nothing.
fn axis_label(figure: &f64) -> String {
    match *figure {
        1e6.. => format!("{} M", figure / 1e6),
        1e3.. => format!("{} k", figure / 1e3),
        _ => format!("{}", (figure * 1e6).round() / 1e6),
    }
}
