//! A panel for each load, with a bar for each server.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::super::comparison::Spread;
use super::super::report::Report;
use super::{Area, Drawn, INK, PALE_INK, WIDTH, color, framed, short, text};

/// A load, and servers with what they did under it.
struct Panel {
    title: String,
    bars: Vec<(String, Spread)>,
}

/// Panels beside each other, if there are as many.
const COLUMNS: usize = 3;
const BAR: i32 = 20;

/// Draws the requests a second of all rows. Each panel has a scale of its own.
pub fn requests(report: &Report, title: &str) -> Drawn {
    let panels = report.comparisons.iter().map(|comparison| {
        let bar = |server: &String| {
            let spread = comparison.spread(server, |sample| Some(sample.requests_per_s))?;
            Some((server.clone(), spread))
        };
        let bars = comparison.servers.iter().filter_map(|(server, _)| bar(server)).collect();
        Panel { title: comparison.row.name.clone(), bars }
    });
    draw(report, ".svg", title, &panels.collect::<Vec<_>>())
}

/// Draws the memory that a key takes.
pub fn memory(report: &Report, title: &str) -> Drawn {
    let mut panels: Vec<Panel> = Vec::new();
    for row in &report.memory {
        let title = format!("bytes, 16-byte keys, {}-byte values", row.value);
        let once = Spread { median: row.bytes, least: row.bytes, most: row.bytes };
        let bar = (row.server.clone(), once);
        match panels.iter_mut().find(|panel| panel.title == title) {
            Some(panel) => panel.bars.push(bar),
            None => panels.push(Panel { title, bars: vec![bar] }),
        }
    }
    draw(report, "-memory.svg", title, &panels)
}

fn draw(report: &Report, suffix: &str, title: &str, panels: &[Panel]) -> Drawn {
    let Some(most) = panels.iter().map(|panel| panel.bars.len()).max() else { return Ok(()) };
    let columns = panels.len().min(COLUMNS);
    let rows = panels.len().div_ceil(columns);
    let panel_height = most as u32 * BAR as u32 + 44;
    let height = rows as u32 * panel_height + 44 + 28;
    let file = report.file(suffix);
    let root = SVGBackend::new(&file, (WIDTH, height)).into_drawing_area();
    let inner = framed(&root, title, &report.caption.short)?;
    let places = inner.split_evenly((rows, columns));
    for (panel, place) in panels.iter().zip(&places) {
        draw_panel(panel, place)?;
    }
    root.present()?;
    Ok(())
}

fn draw_panel(panel: &Panel, place: &Area<'_>) -> Drawn {
    /// Room for names before the bars, and for figures after the longest.
    const BEFORE: i32 = 80;
    const AFTER: i32 = 56;
    let room = f64::from(place.dim_in_pixel().0 as i32 - BEFORE - AFTER);
    let top = panel.bars.iter().map(|(_, spread)| spread.most).fold(f64::MIN_POSITIVE, f64::max);
    let end = |figure: f64| BEFORE + (room * figure / top) as i32;
    text(place, &panel.title, (BEFORE, 12), 13, INK, HPos::Left)?;
    let mut y = 26;
    for (server, spread) in &panel.bars {
        let middle = y + BAR / 2 - 2;
        text(place, server, (BEFORE - 6, middle), 13, INK, HPos::Right)?;
        let bar = [(BEFORE, y), (end(spread.median), y + BAR - 5)];
        place.draw(&Rectangle::new(bar, color(server).filled()))?;
        if spread.least < spread.most {
            let whisker = [(end(spread.least), middle), (end(spread.most), middle)];
            place.draw(&PathElement::new(whisker, INK.stroke_width(1)))?;
        }
        let figure_at = (end(spread.most) + 5, middle);
        text(place, &short(spread.median), figure_at, 12, PALE_INK, HPos::Left)?;
        y += BAR;
    }
    Ok(())
}
