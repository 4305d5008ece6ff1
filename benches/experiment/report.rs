//! Tables: printed as rows come in, and written to files with all that the figures depend on.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::comparison::{Comparison, Figure};
use super::machine::Caption;
use super::table::Table;

/// What an experiment has found.
pub struct Report {
    name: &'static str,
    out: PathBuf,
    pub caption: Caption,
    pub comparisons: Vec<Comparison>,
    pub memory: Vec<MemoryRow>,
    table: Table,
}

/// Memory that a key takes on a server.
#[derive(Clone, Debug)]
pub struct MemoryRow {
    pub server: String,
    pub keys: u64,
    pub value: usize,
    pub bytes: f64,
}

/// The columns of the printed table: a title, and the width it needs. CPU time and system calls are
/// the server's, per request; where the load's core is busy all the time, it may have been the limit.
const COLUMNS: [(&str, usize); 10] = [
    ("load", 38),
    ("server", 14),
    ("requests/s", 10),
    ("least to most", 23),
    ("× first", 7),
    ("p50 µs", 9),
    ("p99 µs", 9),
    ("server CPU µs", 13),
    ("system calls", 12),
    ("load core", 9),
];

const MEMORY_COLUMNS: [(&str, usize); 4] =
    [("memory", 38), ("server", 14), ("keys", 10), ("bytes a key", 23)];

impl Report {
    pub fn new(name: &'static str, out: &Path, caption: Caption) -> io::Result<Self> {
        fs::create_dir_all(out)?;
        for (name, value) in &caption.lines {
            println!("{name}: {value}");
        }
        let out = out.to_owned();
        let (comparisons, memory) = (Vec::new(), Vec::new());
        Ok(Self { name, out, caption, comparisons, memory, table: Table::new(2) })
    }

    /// The file for a picture or a table.
    pub fn file(&self, suffix: &str) -> PathBuf {
        self.out.join(format!("{}{suffix}", self.name))
    }

    pub fn add(&mut self, comparison: Comparison) {
        if self.comparisons.is_empty() {
            self.table.heading(&COLUMNS);
        }
        for (server, _) in &comparison.servers {
            let figure = |figure: Figure, digits: usize| {
                let median = comparison.spread(server, figure).map(|spread| spread.median);
                median.map_or_else(|| "not counted".into(), |median| format!("{median:.digits$}"))
            };
            let requests = comparison.spread(server, |sample| Some(sample.requests_per_s));
            let requests = requests.expect("there are rounds, and requests were counted");
            let ratio = comparison.ratio(server).expect("as above").median;
            let cells = [
                comparison.row.name.clone(),
                server.clone(),
                grouped(requests.median),
                format!("{} to {}", grouped(requests.least), grouped(requests.most)),
                format!("{ratio:.2}"),
                figure(|sample| Some(sample.p50_us), 1),
                figure(|sample| Some(sample.p99_us), 1),
                figure(|sample| sample.cpu_us, 3),
                figure(|sample| sample.calls, 3),
                figure(|sample| sample.load_busy.map(|busy| busy * 100.0), 0) + " %",
            ];
            self.table.line(&cells, &COLUMNS);
        }
        self.comparisons.push(comparison);
    }

    pub fn add_memory(&mut self, row: MemoryRow) {
        if self.memory.is_empty() {
            self.table.heading(&MEMORY_COLUMNS);
        }
        let load = format!("16-byte keys, {}-byte values", row.value);
        let cells =
            [load, row.server.clone(), grouped(row.keys as f64), format!("{:.1}", row.bytes)];
        self.table.line(&cells, &MEMORY_COLUMNS);
        self.memory.push(row);
    }

    /// Writes the tables: in Markdown, and as CSV with the caption in front as comments.
    pub fn write(&self) -> Result<(), Box<dyn Error>> {
        fs::write(self.file(".md"), self.caption.list() + &self.table.text)?;
        if !self.comparisons.is_empty() {
            self.write_comparisons()?;
        }
        if !self.memory.is_empty() {
            self.write_memory()?;
        }
        println!("\ntables and pictures are in {}", self.out.display());
        Ok(())
    }

    fn write_comparisons(&self) -> Result<(), Box<dyn Error>> {
        const FIGURES: [(&str, Figure); 7] = [
            ("requests_per_s", |sample| Some(sample.requests_per_s)),
            ("p50_us", |sample| Some(sample.p50_us)),
            ("p99_us", |sample| Some(sample.p99_us)),
            ("server_cpu_us_per_request", |sample| sample.cpu_us),
            ("system_calls_per_request", |sample| sample.calls),
            ("load_core_busy", |sample| sample.load_busy),
            ("server_resident_mib", |sample| sample.resident_mib),
        ];
        let mut csv = self.csv("")?;
        let names = ["operation", "connections", "pipeline", "value_bytes", "keys", "server"];
        let of = |end: &'static str| move |(name, _): &(&str, Figure)| format!("{name}{end}");
        let [medians, least, most] = ["", "_least", "_most"].map(|end| FIGURES.iter().map(of(end)));
        let names = names.iter().map(|name| (*name).to_owned());
        csv.write_record(
            names.chain(["ratio".to_owned()]).chain(medians).chain(least).chain(most),
        )?;
        for comparison in &self.comparisons {
            for (server, _) in &comparison.servers {
                let load = &comparison.row.load;
                let mut record = vec![load.operation.name().to_owned()];
                let sizes = [load.connections, load.pipeline, load.value].map(|n| n.to_string());
                record.extend(sizes);
                record.extend([load.keys.to_string(), server.clone()]);
                let cell =
                    |figure: Option<f64>| figure.map(|f| format!("{f:.4}")).unwrap_or_default();
                record.push(cell(comparison.ratio(server).map(|ratio| ratio.median)));
                let spreads = FIGURES.map(|(_, figure)| comparison.spread(server, figure));
                record.extend(spreads.map(|spread| cell(spread.map(|spread| spread.median))));
                record.extend(spreads.map(|spread| cell(spread.map(|spread| spread.least))));
                record.extend(spreads.map(|spread| cell(spread.map(|spread| spread.most))));
                csv.write_record(record)?;
            }
        }
        Ok(csv.flush()?)
    }

    fn write_memory(&self) -> Result<(), Box<dyn Error>> {
        let mut csv = self.csv("-memory")?;
        csv.write_record(["server", "keys", "key_bytes", "value_bytes", "resident_bytes_per_key"])?;
        for row in &self.memory {
            let [keys, value] = [row.keys.to_string(), row.value.to_string()];
            csv.write_record([&row.server, &keys, "16", &value, &format!("{:.1}", row.bytes)])?;
        }
        Ok(csv.flush()?)
    }

    fn csv(&self, suffix: &str) -> io::Result<csv::Writer<File>> {
        let mut file = File::create(self.file(&format!("{suffix}.csv")))?;
        for (name, value) in &self.caption.lines {
            writeln!(file, "# {name}: {value}")?;
        }
        Ok(csv::Writer::from_writer(file))
    }
}

/// A number with commas between thousands.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
