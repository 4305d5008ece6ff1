//! One server under one load.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::comparison::{Row, Sample};
use super::info::Info;
use super::place::Place;
use super::process::{self, SystemCalls};
use super::server::{Contender, Server};
use crate::load::workload::{Operation, Protocol};
use crate::load::{Answered, Generator, fill};

/// Starts a server, fills it, and measures it for some time.
pub fn measure(
    row: &Row,
    contender: &Contender,
    place: &Place,
    time: Duration,
) -> io::Result<Sample> {
    let server = contender.start(place)?;
    let (load, protocol) = (&row.load, contender.protocol);
    if load.operation != Operation::Echo && protocol != Protocol::Floor {
        fill(server.address, protocol, load.keys, load.value)?;
    }
    let before = calls_reported(server.address, load.operation, protocol)?;
    let mut generator = Generator::connect(server.address, protocol, load)?;
    generator.run(time / 4)?; // warms up
    let sample = timed(&server, &mut generator, time)?;
    let calls = system_calls(&server, &mut generator, protocol, time / 5)?;
    let asked = generator.finish()?;
    let after = calls_reported(server.address, load.operation, protocol)?;
    match before.zip(after).map(|(before, after)| after - before) {
        Some(reported) if reported != asked => {
            Err(io::Error::other(format!("it reports {reported} requests of {asked}")))
        }
        _ => Ok(Sample { calls, ..sample }),
    }
}

fn timed(server: &Server, generator: &mut Generator, time: Duration) -> io::Result<Sample> {
    let own = i32::try_from(std::process::id()).expect("process ids are small");
    let cpu_times = || [process::cpu_time(server.id()), process::cpu_time(own)];
    let before = cpu_times();
    let Answered { requests, time, latency } = generator.run(time)?;
    let after = cpu_times();
    let used = |which: usize| Some((after[which]? - before[which]?) as f64);
    let requests = requests as f64;
    Ok(Sample {
        requests_per_s: requests / time.as_secs_f64(),
        p50_us: latency.value_at_quantile(0.5) as f64 / 1e3,
        p99_us: latency.value_at_quantile(0.99) as f64 / 1e3,
        cpu_us: used(0).map(|cpu| cpu / 1e3 / requests),
        calls: None,
        load_busy: used(1).map(|cpu| cpu / time.as_nanos() as f64),
        resident_mib: process::resident(server.id()).map(|bytes| bytes as f64 / 1_048_576.0),
    })
}

/// System calls per request: the kernel's count where this user may see it, else torc's own.
fn system_calls(
    server: &Server,
    generator: &mut Generator,
    protocol: Protocol,
    time: Duration,
) -> io::Result<Option<f64>> {
    if let Ok(counted) = SystemCalls::of(server.id()) {
        let requests = generator.run(time)?.requests;
        return Ok(Some(counted.count()? as f64 / requests as f64));
    }
    if protocol != Protocol::Redis {
        return Ok(None);
    }
    let own = || Info::ask(server.address, "reactor").ok()?.system_calls();
    let before = own();
    let requests = generator.run(time)?.requests;
    Ok(before.zip(own()).map(|(before, after)| (after - before) as f64 / requests as f64))
}

/// How many requests of a kind a server says it was asked, if it is one that says.
fn calls_reported(
    address: SocketAddr,
    operation: Operation,
    protocol: Protocol,
) -> io::Result<Option<u64>> {
    if protocol != Protocol::Redis || operation == Operation::Echo {
        return Ok(None);
    }
    Info::ask(address, "commandstats").map(|info| Some(info.calls(operation.name())))
}

/// The bytes of memory that a key takes.
pub fn memory_per_key(
    keys: u64,
    value: usize,
    contender: &Contender,
    place: &Place,
) -> io::Result<f64> {
    let server = contender.start(place)?;
    let resident = || {
        let bytes = process::resident(server.id());
        bytes.ok_or_else(|| io::Error::other("/proc does not tell its memory"))
    };
    let before = resident()?;
    fill(server.address, contender.protocol, keys, value)?;
    let after = resident()?;
    if contender.protocol == Protocol::Redis {
        let here = Info::ask(server.address, "keyspace")?;
        let here = here.field("db0").unwrap_or("no keys");
        if !here.starts_with(&format!("keys={keys},")) {
            return Err(io::Error::other(format!("filled with {keys} keys, it has {here}")));
        }
    }
    Ok(after.saturating_sub(before) as f64 / keys as f64)
}
