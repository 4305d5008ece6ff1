//! A table in Markdown that is printed as its rows come in.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

/// Columns: a title, and the width it needs.
pub type Columns<'a> = [(&'a str, usize)];

pub struct Table {
    /// How many columns hold names, which stand to the left; figures stand to the right.
    names: usize,
    /// All that was printed.
    pub text: String,
}

impl Table {
    pub fn new(names: usize) -> Self {
        Self { names, text: String::new() }
    }

    pub fn heading(&mut self, columns: &Columns<'_>) {
        self.print("\n");
        let titles: Vec<_> = columns.iter().map(|(title, _)| (*title).to_owned()).collect();
        self.line(&titles, columns);
        let names = self.names;
        let rule = |(at, (_, width)): (usize, &(&str, usize))| {
            let end = if at < names { "-" } else { ":" };
            format!("{}{end}", "-".repeat(width - 1))
        };
        let rules: Vec<_> = columns.iter().enumerate().map(rule).collect();
        self.line(&rules, columns);
    }

    pub fn line(&mut self, cells: &[String], columns: &Columns<'_>) {
        let mut line = String::from("|");
        for (at, (cell, (_, width))) in cells.iter().zip(columns).enumerate() {
            let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
            let (before, after) = if at < self.names { ("", &*pad) } else { (&*pad, "") };
            write!(line, " {before}{cell}{after} |").expect("a String takes all");
        }
        self.print(&format!("{line}\n"));
    }

    /// Leaves it in a folder under what stands before it, and says where.
    pub fn save(&self, out: &Path, name: &str, before: &str) -> io::Result<()> {
        let file = out.join(format!("{name}.md"));
        fs::write(&file, format!("{before}{}", self.text))?;
        println!("\nthe table is in {}", file.display());
        Ok(())
    }

    fn print(&mut self, text: &str) {
        print!("{text}");
        self.text.push_str(text);
    }
}
