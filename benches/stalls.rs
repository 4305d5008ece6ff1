//! How long others wait while something large is deleted: latencies of a connection that asks GET all
//! the time, on the same reactor.
//!
//! `cargo bench --bench stalls` measures; `-- --help` lists the options.

#![allow(unreachable_pub)] // a bench has no outside

mod experiment;
mod load;

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use experiment::comparison::Spread;
use experiment::machine::Caption;
use experiment::options::Options;
use experiment::place::Place;
use experiment::server::{Contender, Server};
use experiment::table::{Columns, Table};
use experiment::talk::{Requests, Talk};

const ELEMENTS: usize = 10_000_000;
/// Others are watched for this long from the beginning of a deletion on.
const WATCHED: Duration = Duration::from_secs(1);
/// A request that is late delays those that would have been sent meanwhile: they are counted as if
/// one had been due in each of these intervals.
const INTERVAL: Duration = Duration::from_micros(100);

const COLUMNS: &Columns<'static> = &[
    ("what goes", 12),
    ("how", 24),
    ("backend", 8),
    ("reply ms", 9),
    ("others: p50 µs", 14),
    ("p99 µs", 9),
    ("most µs", 9),
];

/// What a key with many elements is filled with: the words of one request, `{n}` a number.
const VALUES: [(&str, &str, &str); 4] = [
    ("list", "RPUSH big", "element:{n}"),
    ("hash", "HSET big", "field:{n} value"),
    ("set", "SADD big", "member:{n}"),
    ("sorted set", "ZADD big", "{n} member:{n}"),
];
/// What happens to a copy of it. The first is no deletion, to compare with; the last takes both.
const WAYS: [&str; 6] =
    ["nothing", "DEL copy", "UNLINK copy", "SET copy v", "PEXPIRE copy 1", "FLUSHALL"];

fn main() -> Result<(), Box<dyn Error>> {
    let about = "What others wait while something large is deleted";
    let options = Options::read("stalls", about, "1");
    let place = Place::take(options.server_cpu, options.load_cpu)?;
    let engines = ["io_uring", "epoll"].map(|backend| Contender::torc(backend, backend, "kv"));
    let caption = Caption::of("stalls", &options, &place, &engines);
    fs::create_dir_all(&options.out)?;
    let text = caption.list();
    println!("{text}");
    let elements = if options.test { 10_000 } else { ELEMENTS };
    let watched = if options.test { options.time } else { WATCHED };
    let mut table = Table::new(3);
    table.heading(COLUMNS);
    for engine in &engines {
        for (name, once, each) in VALUES.iter().filter(|value| options.wants(value.0)) {
            let mut stalls = WAYS.map(|_| Vec::new());
            for _ in 0..options.rounds {
                let (server, mut talk) = filled(engine, &place, once, each, elements)?;
                for (way, stalls) in WAYS.iter().zip(&mut stalls) {
                    talk.ask("COPY big copy")?;
                    stalls.push(watch(&mut talk, server.address, way, watched)?);
                }
            }
            for (way, stalls) in WAYS.iter().zip(&stalls) {
                table.line(&row(name, way, &engine.name, stalls), COLUMNS);
            }
        }
        for way in ["FLUSHALL ASYNC", "FLUSHALL"].iter().filter(|_| options.wants("keys")) {
            let stalls = (0..options.rounds).map(|_| {
                let (server, mut talk) = filled(engine, &place, "MSET", "key:{n} value", elements)?;
                watch(&mut talk, server.address, way, watched)
            });
            let stalls: Vec<Stall> = stalls.collect::<Result<_, _>>()?;
            table.line(&row("keys", way, &engine.name, &stalls), COLUMNS);
        }
    }
    table.save(&options.out, "stalls", &text)?;
    Ok(())
}

/// A new server with so many elements, and a connection to it.
fn filled(
    engine: &Contender,
    place: &Place,
    once: &str,
    each: &str,
    elements: usize,
) -> io::Result<(Server, Talk)> {
    let server = engine.start(place)?;
    let mut talk = Talk::connect(server.address)?;
    fill(&mut talk, once, each, elements)?;
    Ok((server, talk))
}

fn fill(talk: &mut Talk, once: &str, each: &str, elements: usize) -> io::Result<()> {
    for first in (0..elements).step_by(1000) {
        let elements: Vec<String> =
            (first..first + 1000).map(|n| each.replace("{n}", &n.to_string())).collect();
        let mut requests = Requests::default();
        let words = elements.iter().flat_map(|element| element.split(' '));
        requests.add(once.split(' ').chain(words));
        talk.exchange(&requests)?;
    }
    Ok(())
}

/// What a deletion was like.
struct Stall {
    /// Until its own reply came.
    reply: Duration,
    /// Nanoseconds that others waited.
    others: Histogram<u64>,
}

/// Sends a request, while another connection is watched for that long at least.
fn watch(
    talk: &mut Talk,
    address: SocketAddr,
    request: &str,
    watched: Duration,
) -> Result<Stall, Box<dyn Error>> {
    let (done, mut other) = (AtomicBool::new(false), Talk::connect(address)?);
    let get = Requests::from_iter(["GET key"]);
    other.exchange(&get)?;
    thread::scope(|scope| {
        let watcher = scope.spawn(|| -> io::Result<Histogram<u64>> {
            let mut others = Histogram::new(3).map_err(io::Error::other)?;
            while !done.load(Ordering::Relaxed) {
                let begun = Instant::now();
                other.exchange(&get)?;
                let (waited, interval) = (begun.elapsed().as_nanos(), INTERVAL.as_nanos());
                others.record_correct(waited as u64, interval as u64).map_err(io::Error::other)?;
            }
            Ok(others)
        });
        let begun = Instant::now();
        let answer = if request == "nothing" { Ok(Vec::new()) } else { talk.ask(request) };
        let reply = begun.elapsed();
        thread::sleep(watched.saturating_sub(reply));
        done.store(true, Ordering::Relaxed);
        let others = watcher.join().map_err(|_| "the other connection's thread panicked")??;
        answer?;
        Ok(Stall { reply, others })
    })
}

/// The medians of the rounds.
fn row(what: &str, how: &str, backend: &str, stalls: &[Stall]) -> [String; 7] {
    let median = |figure: &dyn Fn(&Stall) -> f64, digits: usize| {
        Spread::median_text(stalls.iter().map(figure), digits)
    };
    let quantile =
        |quantile| median(&|stall| stall.others.value_at_quantile(quantile) as f64 / 1e3, 0);
    [
        what.to_owned(),
        how.replace(" copy", ""),
        backend.to_owned(),
        median(&|stall| stall.reply.as_secs_f64() * 1e3, 2),
        quantile(0.5),
        quantile(0.99),
        quantile(1.0),
    ]
}
