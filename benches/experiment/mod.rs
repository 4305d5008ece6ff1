//! What the experiments share: servers started one beside the other, measured in interleaved rounds,
//! and reported as a table, as CSV and as pictures.

#![allow(dead_code)] // each experiment uses its own part

pub mod comparison;
pub mod floor;
mod info;
mod machine;
pub mod options;
pub mod picture;
mod place;
mod process;
pub mod report;
pub mod server;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::load::workload::{Operation, Protocol};
use crate::load::{Generator, fill};
use comparison::{Comparison, Row, Sample};
use info::Info;
use machine::Caption;
use options::Options;
use place::Place;
use process::SystemCalls;
use report::{MemoryRow, Report};
use server::{Contender, Server};

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
        let rows: Vec<_> = rows.into_iter().filter(|row| self.is_wanted(&row.name)).collect();
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
                    let sample = self
                        .measure(&row, contender)
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

    fn is_wanted(&self, name: &str) -> bool {
        self.options.filter.as_ref().is_none_or(|filter| name.contains(filter))
    }

    /// One server under one load.
    fn measure(&self, row: &Row, contender: &Contender) -> io::Result<Sample> {
        let server = contender.start(&self.place)?;
        let (load, protocol) = (&row.load, contender.protocol);
        if load.operation != Operation::Echo && protocol != Protocol::Floor {
            fill(server.address, protocol, load.keys, load.value)?;
        }
        let own = i32::try_from(std::process::id()).expect("process ids are small");
        let reported = reported(server.address, row, contender)?;
        let mut generator = Generator::connect(server.address, protocol, load)?;
        generator.run(self.options.time / 4)?; // warms up
        let (cpu, own_cpu) = (process::cpu_time(server.id()), process::cpu_time(own));
        let answered = generator.run(self.options.time)?;
        let used = |id, before: Option<u64>| Some((process::cpu_time(id)? - before?) as f64);
        let (cpu, own_cpu) = (used(server.id(), cpu), used(own, own_cpu));
        let calls = self.system_calls(&server, &mut generator, protocol)?;
        let asked = generator.finish()?;
        if let Some(before) = reported
            && let Some(now) = self::reported(server.address, row, contender)?
            && now - before != asked
        {
            let why = format!("it says that it was asked {} times, not {asked}", now - before);
            return Err(io::Error::other(why));
        }
        let requests = answered.requests as f64;
        let quantile = |q| answered.latency.value_at_quantile(q) as f64 / 1e3;
        Ok(Sample {
            requests_per_s: requests / answered.time.as_secs_f64(),
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            cpu_us: cpu.map(|cpu| cpu / 1e3 / requests),
            calls,
            load_busy: own_cpu.map(|cpu| cpu / answered.time.as_nanos() as f64),
            resident_mib: process::resident(server.id()).map(|bytes| bytes as f64 / 1048576.0),
        })
    }

    /// System calls per request, in a time of its own: the kernel's count where this user may see
    /// it, else torc's own.
    fn system_calls(
        &self,
        server: &Server,
        generator: &mut Generator,
        protocol: Protocol,
    ) -> io::Result<Option<f64>> {
        let time = (self.options.time / 5).max(Duration::from_millis(5));
        let (requests, calls) = if let Ok(counted) = SystemCalls::of(server.id()) {
            let requests = generator.run(time)?.requests;
            (requests, counted.count()?)
        } else if protocol == Protocol::Redis {
            let own = || Info::ask(server.address, "reactor").ok()?.system_calls();
            let Some(before) = own() else { return Ok(None) };
            let requests = generator.run(time)?.requests;
            (requests, own().unwrap_or(before) - before)
        } else {
            return Ok(None);
        };
        Ok((requests > 0).then(|| calls as f64 / requests as f64))
    }

    /// Measures how much memory a key takes, once for each: it hardly varies.
    pub fn memory(
        &mut self,
        keys: u64,
        values: &[usize],
        contenders: &[Contender],
    ) -> Result<(), Box<dyn Error>> {
        let keeping = contenders.iter().filter(|contender| contender.protocol != Protocol::Floor);
        for (value, contender) in values.iter().flat_map(|v| keeping.clone().map(move |c| (*v, c)))
        {
            if !self.is_wanted("memory") {
                continue;
            }
            self.progress.set_message(format!("memory a key: {}", contender.name));
            let server = contender.start(&self.place)?;
            let before = process::resident(server.id()).ok_or("no resident memory in /proc")?;
            fill(server.address, contender.protocol, keys, value)?;
            let after = process::resident(server.id()).ok_or("no resident memory in /proc")?;
            if self.options.test && contender.protocol == Protocol::Redis {
                let keyspace = Info::ask(server.address, "keyspace")?;
                let here = keyspace.field("db0").unwrap_or_default().to_owned();
                let expected = format!("keys={keys},");
                assert!(here.starts_with(&expected), "{}: {here}, {expected}", contender.name);
            }
            let bytes = after.saturating_sub(before) as f64 / keys as f64;
            let row = MemoryRow { server: contender.name.clone(), keys, value, bytes };
            self.progress.suspend(|| self.report.add_memory(row));
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

/// How many requests of a row's kind a server says it was asked, if it is one that says.
fn reported(address: SocketAddr, row: &Row, contender: &Contender) -> io::Result<Option<u64>> {
    let operation = row.load.operation;
    if contender.protocol != Protocol::Redis || operation == Operation::Echo {
        return Ok(None);
    }
    Info::ask(address, "commandstats").map(|info| Some(info.calls(operation.name())))
}
