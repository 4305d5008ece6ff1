//! GET and SET over io_uring and over epoll, beside a loop that does nothing: what pipelines,
//! connections, sizes of values and numbers of keys change.
//!
//! `cargo bench --bench kv` measures and draws; `-- --help` lists the options.

#![allow(unreachable_pub)] // a bench has no outside

mod experiment;
mod load;

use std::error::Error;

use experiment::comparison::Row;
use experiment::options::Options;
use experiment::picture::bars;
use experiment::server::Contender;
use experiment::{Experiment, floor};
use load::Load;
use load::workload::Operation;

fn main() -> Result<(), Box<dyn Error>> {
    floor::run_if_asked();
    let about = "GET and SET over epoll and over io_uring";
    let options = Options::read("kv", about, "50,1000");
    let engines = ["epoll", "io_uring"].map(|backend| Contender::torc(backend, backend, "kv"));
    let mut with_floor = engines.to_vec();
    with_floor.push(Contender::floor());

    let (test, plain) = (options.test, Row::plain_ones(&options.connections));
    let special = if test { few_special_rows() } else { special_rows() };
    let mut experiment = Experiment::begin("kv", options, &with_floor)?;
    experiment.compare(plain, &with_floor)?;
    experiment.compare(special, &engines)?;
    experiment.memory(if test { 1000 } else { 2_000_000 }, &[8, 64], &engines)?;
    let report = experiment.finish()?;
    bars::requests(&report, "GET and SET: requests a second")?;
    bars::memory(&report, "Resident memory a key")
}

/// Sizes of values, and numbers of keys, that the plain rows do not have.
fn special_rows() -> Vec<Row> {
    let sizes = [8, 1 << 10, 16 << 10, 128 << 10, 1 << 20];
    let sized =
        sizes.iter().flat_map(|value| [Operation::Set, Operation::Get].map(|o| sized(o, *value)));
    let many =
        [(Operation::Set, 1_000_000), (Operation::Get, 1_000_000), (Operation::Get, 10_000_000)];
    sized.chain(many.map(|(operation, keys)| many_keys(operation, keys))).collect()
}

fn few_special_rows() -> Vec<Row> {
    vec![
        sized(Operation::Set, 1 << 20),
        sized(Operation::Get, 1 << 20),
        many_keys(Operation::Get, 20_000),
    ]
}

/// Values of a size, on 50 connections without pipelining.
fn sized(operation: Operation, value: usize) -> Row {
    const MOST: usize = 64 << 20; // bytes of all values
    let keys = (MOST / value).min(10_000) as u64;
    let load = Load { operation, connections: 50, pipeline: 1, value, keys };
    let size = match value {
        0..1024 => format!("{value} B"),
        1024..1_048_576 => format!("{} KiB", value >> 10),
        _ => format!("{} MiB", value >> 20),
    };
    Row { name: format!("{}, values of {size}", operation.name()), load }
}

/// So many keys, on 50 connections with a pipeline of 16.
fn many_keys(operation: Operation, keys: u64) -> Row {
    let load = Load { operation, connections: 50, pipeline: 16, value: 64, keys };
    let number = if keys < 1_000_000 {
        format!("{} k", keys / 1000)
    } else {
        format!("{} M", keys / 1_000_000)
    };
    Row { name: format!("{}, pipeline 16, {number} keys", operation.name()), load }
}
