//! Resident memory of collections, beside redis-server.
//!
//! `cargo bench --bench memory` measures; `-- --help` lists the options.

#![allow(unreachable_pub)] // a bench has no outside

mod experiment;
mod load;

use std::error::Error;
use std::fs;

use experiment::machine::Caption;
use experiment::options::Options;
use experiment::place::Place;
use experiment::process::resident;
use experiment::server::Contender;
use experiment::table::{Columns, Table};
use experiment::talk::{Requests, Talk};

const COLUMNS: &Columns<'static> = &[("what", 40), ("torc, MB", 8), ("redis, MB", 9), ("ratio", 5)];

/// What is filled in: a name, how many requests, and one of them, in which `{n}` is its number and
/// `{m}` its number after a hundred.
const FILLS: [(&str, usize, &str); 5] = [
    (
        "1 M hashes of 10 fields",
        1_000_000,
        "HSET hash:{n} field0 value0 field1 value1 field2 value2 field3 value3 field4 value4 \
         field5 value5 field6 value6 field7 value7 field8 value8 field9 value9",
    ),
    (
        "1 M sets of 10 integers, of 6 digits",
        1_000_000,
        "SADD set:{n} 100000 200000 300000 400000 500000 600000 700000 800000 900000 999999",
    ),
    ("1 M sets of the integers to 10", 1_000_000, "SADD set:{n} 1 2 3 4 5 6 7 8 9 10"),
    ("a sorted set of 5 M members", 5_000_000, "ZADD zset {n} member:{n}"),
    ("100 lists of 100,000 elements", 10_000_000, "RPUSH list:{m} element:{n}"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let about = "Resident memory of collections, beside redis-server";
    let options = Options::read("memory", about, "1");
    let place = Place::take(options.server_cpu, options.load_cpu)?;
    let (peers, missing) = Contender::peers();
    missing.iter().for_each(|line| eprintln!("{line}"));
    let mut contenders = vec![Contender::torc("torc", "auto", "kv")];
    contenders.extend(peers.into_iter().find(|peer| peer.name == "redis"));
    let caption = Caption::of("memory", &options, &place, &contenders);
    fs::create_dir_all(&options.out)?;
    let text = caption.without_rounds().list();
    println!("{text}");
    let mut table = Table::new(1);
    table.heading(COLUMNS);
    for (name, count, request) in FILLS.iter().filter(|fill| options.wants(fill.0)) {
        let count = if options.test { 1000 } else { *count };
        let mut sizes = Vec::new();
        for contender in &contenders {
            let server = contender.start(&place)?;
            fill(&mut Talk::connect(server.address)?, request, count)?;
            let size = resident(server.id()).ok_or("the server is gone")?;
            sizes.push(size as f64 / 1e6);
        }
        let figure = |at: usize| sizes.get(at).map_or(String::new(), |size| format!("{size:.0}"));
        let ratio = sizes.get(1).map_or(String::new(), |redis| format!("{:.2}", sizes[0] / redis));
        table.line(&[(*name).to_owned(), figure(0), figure(1), ratio], COLUMNS);
    }
    table.save(&options.out, "memory", &text)?;
    Ok(())
}

/// Sends a request so many times, each with its number.
fn fill(talk: &mut Talk, request: &str, count: usize) -> Result<(), Box<dyn Error>> {
    const TOGETHER: usize = 500;
    for first in (0..count).step_by(TOGETHER) {
        let numbers = first..count.min(first + TOGETHER);
        let complete = |n: usize| {
            request.replace("{n}", &n.to_string()).replace("{m}", &(n % 100).to_string())
        };
        talk.exchange(&numbers.map(complete).collect::<Requests>())?;
    }
    Ok(())
}
