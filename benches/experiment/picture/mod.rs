//! Pictures of what was found, as SVG.

pub mod bars;
pub mod lines;

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const WIDTH: u32 = 900;
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const PALE_INK: RGBColor = RGBColor(0x66, 0x66, 0x66);
const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);

/// A server's colour, the same in all pictures: those of Okabe and Ito, which people who see few
/// colours can tell apart.
fn color(server: &str) -> RGBColor {
    match server {
        "io_uring" | "torc" => RGBColor(0x00, 0x72, 0xb2),
        "epoll" => RGBColor(0xd5, 0x5e, 0x00),
        "redis" => RGBColor(0xcc, 0x79, 0xa7),
        "valkey" => RGBColor(0xe6, 0x9f, 0x00),
        "memcached" => RGBColor(0x00, 0x9e, 0x73),
        _ => RGBColor(0x99, 0x99, 0x99),
    }
}

/// Writes the title above and the caption below; returns what is left between them.
fn framed<'a>(root: &Area<'a>, title: &str, caption: &str) -> Result<Area<'a>, Box<dyn Error>> {
    root.fill(&WHITE)?;
    let (width, height) = root.dim_in_pixel();
    let (middle, bottom) = (width as i32 / 2, height as i32 - 14);
    text(root, title, (middle, 24), 22, INK, HPos::Center)?;
    text(root, caption, (middle, bottom), 11, PALE_INK, HPos::Center)?;
    Ok(root.clone().margin(44, 28, 12, 12))
}

fn text(
    area: &Area<'_>,
    text: &str,
    at: (i32, i32),
    size: i32,
    color: RGBColor,
    anchor: HPos,
) -> Drawn {
    let style = TextStyle::from(("sans-serif", size).into_font()).color(&color);
    area.draw_text(text, &style.pos(Pos::new(anchor, VPos::Center)), at)?;
    Ok(())
}

/// A figure in few characters: `152 k`, `2.41 M`, `0.027`.
fn short(figure: f64) -> String {
    let (scaled, unit) = match figure {
        1e6.. => (figure / 1e6, " M"),
        1e3.. => (figure / 1e3, " k"),
        _ => (figure, ""),
    };
    let digits = match scaled {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{scaled:.digits$}{unit}")
}
