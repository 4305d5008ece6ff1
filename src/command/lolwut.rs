//! LOLWUT: a small drawing, and the version.

use std::f64::consts::TAU;

use super::{Argument, Call, Command, Error, Flags, Group, options};
use crate::info::VERSION;

pub static LOLWUT: Command = Command {
    name: "lolwut",
    arity: -1,
    flags: Flags::READONLY.and(Flags::FAST),
    group: Group::Server,
    since: "5.0.0",
    complexity: "",
    summary: "Draws a neck ring and tells the version.",
    arguments: &[Argument::integer("version").token("VERSION").optional()],
    run: lolwut,
    ..Command::BASE
};

/// There is one drawing, whatever version is asked for; further words are Redis' parameters.
fn lolwut(call: &mut Call<'_>) -> Result<(), Error> {
    if let (Some(word), Some(version)) = (call.args.get(1), call.args.get(2))
        && options::is(word, "VERSION")
    {
        options::integer(version)?;
    }
    let twist = call.random.f64() * TAU;
    let text = format!("{}\ntorc ver. {VERSION}\n", ring(twist));
    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// A ring of twisted metal, open at the bottom. `twist` turns its strands.
fn ring(twist: f64) -> String {
    const ROWS: i32 = 19;
    const COLUMNS: i32 = 41;
    let middle = (f64::from(COLUMNS - 1) / 2.0, f64::from(ROWS - 1) / 2.0);
    let mut drawing = String::new();
    for row in 0..ROWS {
        let line: String = (0..COLUMNS)
            // A character is twice as high as wide.
            .map(|column| (f64::from(column) - middle.0, 2.0 * (f64::from(row) - middle.1)))
            .map(|(x, y)| metal(x / middle.0, y / middle.0, twist))
            .collect();
        drawing.push_str(line.trim_end());
        drawing.push('\n');
    }
    drawing
}

/// What there is to see at a place, if the ring's outer radius is 1.
fn metal(x: f64, y: f64, twist: f64) -> char {
    const INNER: f64 = 0.72;
    const GAP: f64 = 0.42; // half the opening, in radians
    const STRANDS: f64 = 14.0;
    let radius = x.hypot(y);
    let from_bottom = x.atan2(y).abs();
    if !(INNER..=1.0).contains(&radius) || from_bottom < GAP {
        return ' ';
    }
    if from_bottom < GAP + 0.2 {
        return '@'; // the terminals
    }
    let across = (radius - INNER) / (1.0 - INNER);
    let strand = (STRANDS * x.atan2(y) + 4.0 * across + twist).rem_euclid(TAU) / TAU;
    ['/', '=', '\\', '-'][(strand * 4.0) as usize % 4]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::harness::Harness;
    use crate::resp::Version;

    #[test]
    fn a_drawing_ends_with_the_version() {
        let mut harness = Harness::new();
        let end = format!("\n\ntorc ver. {VERSION}\n\r\n");
        for line in
            ["LOLWUT", "LOLWUT VERSION 5", "lolwut version 6 3 3", "LOLWUT VERSION", "LOLWUT a b"]
        {
            let reply = harness.run(line);
            assert!(reply.starts_with('$') && reply.ends_with(&end), "{reply}");
        }
        harness.speak(Version::V3);
        assert!(harness.run("LOLWUT").contains("\r\ntxt:"));
        let refusal = "-ERR value is not an integer or out of range\r\n";
        assert_eq!(harness.run("LOLWUT VERSION x"), refusal);
    }

    #[test]
    fn the_ring_is_closed_above_and_open_below() {
        let drawing = ring(0.0);
        let lines: Vec<_> = drawing.lines().collect();
        let middle = |line: &str| line.chars().nth(20).unwrap_or(' ');
        assert_ne!(middle(lines[0]), ' ');
        assert_eq!(middle(lines[18]), ' ');
        assert_eq!(middle(lines[9]), ' ');
        assert_eq!(drawing.matches('@').count() % 2, 0, "{drawing}");
    }
}
