//! torc beside the other servers that are installed: redis-server, valkey-server, memcached.
//!
//! `cargo bench --bench peers` measures and draws; `-- --help` lists the options.

#![allow(unreachable_pub)] // a bench has no outside

mod experiment;
mod load;

use std::error::Error;

use experiment::comparison::Row;
use experiment::options::Options;
use experiment::picture::bars;
use experiment::server::Contender;
use experiment::{Experiment, floor};

fn main() -> Result<(), Box<dyn Error>> {
    floor::run_if_asked();
    let about = "torc, on one reactor, beside redis-server, valkey-server and memcached";
    let options = Options::read("peers", about, "50,1000");
    let (mut contenders, missing) = Contender::peers();
    missing.iter().for_each(|line| eprintln!("{line}"));
    contenders.push(Contender::torc("torc", "auto", "kv"));
    contenders.push(Contender::floor());

    let (test, rows) = (options.test, Row::plain_ones(&options.connections));
    let mut experiment = Experiment::begin("peers", options, &contenders)?;
    experiment.compare(rows, &contenders)?;
    experiment.memory(if test { 1000 } else { 2_000_000 }, &[8, 64], &contenders)?;
    let report = experiment.finish()?;
    bars::requests(&report, "torc beside its peers: requests a second, one thread each")?;
    bars::memory(&report, "Resident memory a key")
}
