//! What the experiments share: servers started one beside the other, measured in interleaved rounds,
//! and reported as a table, as CSV and as pictures.

#![allow(dead_code)] // each experiment uses its own part

pub mod comparison;
pub mod floor;
mod info;
pub mod machine;
mod measurement;
pub mod options;
pub mod picture;
pub mod place;
pub mod process;
pub mod report;
pub mod server;
pub mod table;
pub mod talk;

use std::error::Error;

use indicatif::{ProgressBar, ProgressStyle};

use crate::load::workload::Protocol;
use comparison::{Comparison, Row, Sample};
use machine::Caption;
use measurement::{measure, memory_per_key};
use options::Options;
use place::Place;
use report::{MemoryRow, Report};
use server::Contender;

/// An experiment that is being carried out.
pub struct Experiment {
    pub options: Options,
    place: Place,
    report: Report,
    progress: ProgressBar,
}

impl Experiment {
    /// Prepares this process, and says what the figures will stand for.
    pub fn begin(
        name: &'static str,
        options: Options,
        contenders: &[Contender],
    ) -> Result<Self, Box<dyn Error>> {
        let most = options.connections.iter().max().copied().unwrap_or_default();
        place::allow_files(most + 256)?;
        let place = Place::take(options.server_cpu, options.load_cpu)?;
        let caption = Caption::of(name, &options, &place, contenders);
        let report = Report::new(name, &options.out, caption)?;
        if let Some(why) = process::cannot_count() {
            eprintln!("system calls are not counted, but for torc's own count in INFO: {why}");
        }
        let style =
            ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} of {duration}  {msg}")?;
        let progress = ProgressBar::new(0).with_style(style);
        Ok(Self { options, place, report, progress })
    }

    /// Puts the contenders under each row's load, round by round, each started anew in each round.
    pub fn compare(
        &mut self,
        rows: Vec<Row>,
        contenders: &[Contender],
    ) -> Result<(), Box<dyn Error>> {
        let rows: Vec<_> = rows.into_iter().filter(|row| self.options.wants(&row.name)).collect();
        self.progress.inc_length((rows.len() * contenders.len() * self.options.rounds) as u64);
        for row in rows {
            let names = contenders.iter().map(|contender| (contender.name.clone(), Vec::new()));
            let mut servers: Vec<(String, Vec<Sample>)> = names.collect();
            for round in 0..self.options.rounds {
                // Each of them is first at times.
                for turn in 0..contenders.len() {
                    let which = (round + turn) % contenders.len();
                    let contender = &contenders[which];
                    self.progress.set_message(format!("{}: {}", row.name, contender.name));
                    let sample = measure(&row, contender, &self.place, self.options.time)
                        .map_err(|error| format!("{}, {}: {error}", contender.name, row.name))?;
                    servers[which].1.push(sample);
                    self.progress.inc(1);
                }
            }
            let comparison = Comparison { row, servers };
            self.progress.suspend(|| self.report.add(comparison));
        }
        Ok(())
    }

    /// Measures how much memory a key takes, once for each: it hardly varies.
    pub fn memory(
        &mut self,
        keys: u64,
        values: &[usize],
        contenders: &[Contender],
    ) -> Result<(), Box<dyn Error>> {
        if !self.options.wants("memory") {
            return Ok(());
        }
        for value in values.iter().copied() {
            for contender in contenders.iter().filter(|one| one.protocol != Protocol::Floor) {
                self.progress.set_message(format!("memory a key: {}", contender.name));
                let bytes = memory_per_key(keys, value, contender, &self.place)
                    .map_err(|error| format!("{}, memory: {error}", contender.name))?;
                let row = MemoryRow { server: contender.name.clone(), keys, value, bytes };
                self.progress.suspend(|| self.report.add_memory(row));
            }
        }
        Ok(())
    }

    /// Writes what there is to files, and hands it on for pictures.
    pub fn finish(self) -> Result<Report, Box<dyn Error>> {
        self.progress.finish_and_clear();
        self.report.write()?;
        Ok(self.report)
    }
}
