//! Servers side by side under one load, and the medians of the rounds.

use crate::load::Load;
use crate::load::workload::Operation;

/// One line of an experiment: a load, named by what varies.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub load: Load,
}

impl Row {
    /// Echoes of 64 bytes, one at a time on each connection.
    pub fn echo(connections: usize) -> Self {
        let load =
            Load { operation: Operation::Echo, connections, pipeline: 1, value: 64, keys: 1 << 30 };
        Self { name: in_words(connections), load }
    }

    /// Values of 64 bytes under 10,000 keys.
    pub fn plain(operation: Operation, connections: usize, pipeline: usize) -> Self {
        let load = Load { operation, connections, pipeline, value: 64, keys: 10_000 };
        let name = format!("{}, {}, pipeline {pipeline}", operation.name(), in_words(connections));
        Self { name, load }
    }

    /// The rows that kv and peers share.
    pub fn plain_ones(connections: &[usize]) -> Vec<Self> {
        let operations = [Operation::Set, Operation::Get];
        let loads = connections
            .iter()
            .flat_map(|connections| operations.map(|operation| (operation, *connections)));
        loads
            .flat_map(|(operation, connections)| {
                [1, 16, 64].map(|pipeline| Self::plain(operation, connections, pipeline))
            })
            .collect()
    }
}

fn in_words(connections: usize) -> String {
    format!("{connections} connection{}", if connections == 1 { "" } else { "s" })
}

/// What one server did in one round. `None` is what could not be counted.
#[derive(Clone, Debug)]
pub struct Sample {
    pub requests_per_s: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    /// The server's processor time a request.
    pub cpu_us: Option<f64>,
    /// The server's system calls a request.
    pub calls: Option<f64>,
    /// The share of its core that the generator used: near 1, it may have been the limit.
    pub load_busy: Option<f64>,
    pub resident_mib: Option<f64>,
}

/// All the rounds of one row.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub row: Row,
    /// Servers by name, in the order of the contenders, with a sample a round.
    pub servers: Vec<(String, Vec<Sample>)>,
}

/// The middle of some figures, and their ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// `None` if there are no figures, or one could not be counted.
    pub fn of(figures: impl Iterator<Item = Option<f64>>) -> Option<Self> {
        let mut figures = figures.collect::<Option<Vec<_>>>()?;
        figures.sort_by(f64::total_cmp);
        let (least, most) = (*figures.first()?, *figures.last()?);
        let middle = figures.len() / 2;
        let median = if figures.len() % 2 == 1 {
            figures[middle]
        } else {
            (figures[middle - 1] + figures[middle]) / 2.0
        };
        Some(Self { median, least, most })
    }

    /// The middle of figures of which each could be counted, for a table: empty if there are none.
    pub fn median_text(figures: impl Iterator<Item = f64>, digits: usize) -> String {
        let spread = Self::of(figures.map(Some));
        spread.map_or_else(String::new, |spread| format!("{:.digits$}", spread.median))
    }
}

/// A figure of a sample.
pub type Figure = fn(&Sample) -> Option<f64>;

impl Comparison {
    /// A figure over all the rounds of a server.
    pub fn spread(&self, server: &str, figure: Figure) -> Option<Spread> {
        let (_, samples) = self.servers.iter().find(|(name, _)| name == server)?;
        Spread::of(samples.iter().map(figure))
    }

    /// How many times the requests of the first server, from round to round.
    pub fn ratio(&self, server: &str) -> Option<Spread> {
        let (_, first) = self.servers.first()?;
        let (_, samples) = self.servers.iter().find(|(name, _)| name == server)?;
        let ratio = |(this, first): (&Sample, &Sample)| this.requests_per_s / first.requests_per_s;
        Spread::of(samples.iter().zip(first).map(ratio).map(Some))
    }
}
