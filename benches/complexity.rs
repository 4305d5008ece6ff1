//! Whether commands take the time that COMMAND DOCS states: processor time of the main commands of
//! each group, at growing numbers of elements.
//!
//! `cargo bench --bench complexity` measures; `-- --help` lists the options.

#![allow(unreachable_pub)] // a bench has no outside

mod experiment;
mod load;

use std::error::Error;
use std::fs;

use torc::command::table::TABLE;

use experiment::machine::Caption;
use experiment::options::Options;
use experiment::place::Place;
use experiment::process::cpu_time;
use experiment::server::{Contender, Server};
use experiment::table::{Columns, Table};
use experiment::talk::{Requests, Talk};

const SIZES: [usize; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
/// Requests of a kind that are timed, and how many of them are sent together.
const TIMED: usize = 2000;
const TOGETHER: usize = 100;

const COLUMNS: &Columns<'static> =
    &[("command", 42), ("stated", 18), ("10 k", 8), ("100 k", 8), ("1 M", 8), ("10 M", 8)];

/// Something with many elements, and what is asked of it.
///
/// In requests, `{new}` stands for the name of an element that is not there, `{old}` for one that is,
/// `{rank}` and `{end}` for two places 99 apart, and `{scan}` for a cursor.
struct Subject {
    name: &'static str,
    /// Puts an element in; for many at a time, the words behind the key are repeated.
    fill: &'static str,
    requests: &'static [&'static str],
}

const SUBJECTS: [Subject; 6] = [
    Subject {
        name: "list",
        fill: "RPUSH k {new}",
        requests: &[
            "LPUSH k {new}",
            "RPUSH k {new}",
            "LPOP k",
            "RPOP k",
            "LLEN k",
            "LRANGE k 0 99",
            "LRANGE k {rank} {end}",
            "LINDEX k {rank}",
            "LSET k {rank} {new}",
            "LPOS k {new} MAXLEN 100",
            "LMOVE k k LEFT RIGHT",
        ],
    },
    Subject {
        name: "hash",
        fill: "HSET k {new} value",
        requests: &[
            "HSET k {new} value",
            "HSET k {old} other",
            "HGET k {old}",
            "HEXISTS k {old}",
            "HLEN k",
            "HINCRBY k {new} 1",
            "HRANDFIELD k",
            "HSCAN k {scan}",
            "HDEL k {old}",
        ],
    },
    Subject {
        name: "set",
        fill: "SADD k {new}",
        requests: &[
            "SADD k {new}",
            "SISMEMBER k {old}",
            "SCARD k",
            "SRANDMEMBER k",
            "SMOVE k other {old}",
            "SSCAN k {scan}",
            "SPOP k",
            "SREM k {old}",
        ],
    },
    Subject {
        name: "sorted set",
        fill: "ZADD k {score} {new}",
        requests: &[
            "ZADD k {score} {new}",
            "ZADD k {score} {old}",
            "ZINCRBY k 1 {old}",
            "ZSCORE k {old}",
            "ZRANK k {old}",
            "ZCARD k",
            "ZCOUNT k {score} +inf",
            "ZRANGE k {rank} {end}",
            "ZRANGE k {score} +inf BYSCORE LIMIT 0 100",
            "ZRANDMEMBER k",
            "ZSCAN k {scan}",
            "ZPOPMIN k",
            "ZPOPMAX k",
            "ZREMRANGEBYRANK k {rank} {rank}",
            "ZREM k {old}",
        ],
    },
    Subject {
        name: "keys",
        fill: "MSET {new} value",
        requests: &[
            "SET {new} value",
            "SET {old} value",
            "GET {old}",
            "EXISTS {old}",
            "EXPIRE {old} 1000",
            "TTL {old}",
            "RANDOMKEY",
            "DBSIZE",
            "SCAN {scan}",
            "UNLINK {old}",
            "DEL {old}",
        ],
    },
    Subject {
        name: "bytes of a string",
        fill: "SETRANGE k {length} x",
        requests: &[
            "STRLEN k",
            "GETRANGE k {rank} {end}",
            "SETRANGE k {rank} value",
            "SETBIT k {rank} 1",
            "GETBIT k {rank}",
            "BITFIELD k INCRBY u8 {rank} 1",
            "APPEND k x",
        ],
    },
];

fn main() -> Result<(), Box<dyn Error>> {
    let about = "Processor time of commands at growing numbers of elements";
    let options = Options::read("complexity", about, "1");
    let torc = Contender::torc("torc", "auto", "kv");
    let place = Place::take(options.server_cpu, options.load_cpu)?;
    let caption = Caption::of("complexity", &options, &place, std::slice::from_ref(&torc));
    fs::create_dir_all(&options.out)?;
    let text = caption.without_rounds().list();
    println!("{text}\nMicroseconds of the server's processor time a command:");
    let mut table = Table::new(2);
    table.heading(COLUMNS);
    let sizes: Vec<usize> = if options.test { vec![1000] } else { SIZES.to_vec() };
    for subject in SUBJECTS.iter().filter(|subject| options.wants(subject.name)) {
        let mut rows = vec![Vec::new(); subject.requests.len()];
        for size in &sizes {
            let server = torc.start(&place)?;
            let mut filled = Filled::new(&server, subject, *size)?;
            for (row, request) in rows.iter_mut().zip(subject.requests) {
                row.push(filled.time(&server, request)?);
            }
        }
        let title = [format!("**{}**", subject.name), String::new()];
        table.line(&[&title[..], &vec![String::new(); SIZES.len()]].concat(), COLUMNS);
        for (request, row) in subject.requests.iter().zip(rows) {
            let figures: Vec<String> = row.iter().map(|us| format!("{us:.2}")).collect();
            table
                .line(&[&[(*request).to_owned(), stated(request)], &figures[..]].concat(), COLUMNS);
        }
    }
    table.save(&options.out, "complexity", &text)?;
    Ok(())
}

/// What COMMAND DOCS states of a request's command, without the explanations.
fn stated(request: &str) -> String {
    let name = request.split(' ').next().unwrap_or_default();
    let complexity = TABLE.find(name.as_bytes()).map_or("", |entry| entry.command.complexity);
    let complexity = &complexity[complexity.find("O(").unwrap_or_default()..];
    let mut depth = 0;
    let end = complexity.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ')' && depth == 0
    });
    complexity[..end.map_or(complexity.len(), |end| end + 1)].to_owned()
}

/// A server that has a subject's elements.
struct Filled {
    talk: Talk,
    size: usize,
    /// Names that were given away.
    names: usize,
    cursors: Vec<String>,
    random: fastrand::Rng,
}

impl Filled {
    fn new(server: &Server, subject: &Subject, size: usize) -> Result<Self, Box<dyn Error>> {
        let talk = Talk::connect(server.address)?;
        let (cursors, random) = (Vec::new(), fastrand::Rng::with_seed(1));
        let mut filled = Self { talk, size, names: 0, cursors, random };
        if subject.fill.contains("{length}") {
            filled.talk.ask(&subject.fill.replace("{length}", &(size - 1).to_string()))?;
            return Ok(filled);
        }
        let (once, each) = match subject.fill.strip_prefix("MSET ") {
            Some(each) => ("MSET", each),
            None => subject.fill.split_at(subject.fill.find("k ").expect("it has a key") + 1),
        };
        while filled.names < size {
            let mut requests = Requests::default();
            for _ in 0..10 {
                let elements: Vec<String> =
                    (0..100).map(|_| filled.complete(each.trim_start())).collect();
                let words = elements.iter().flat_map(|element| element.split(' '));
                requests.add(once.split(' ').chain(words));
            }
            filled.talk.exchange(&requests)?;
        }
        let scan = subject.requests.iter().find(|request| request.contains("{scan}"));
        let mut cursor = "0".to_owned();
        while let Some(scan) = scan
            && filled.cursors.len() < TIMED
        {
            let reply = filled.talk.ask(&scan.replace("{scan}", &cursor))?;
            let next = String::from_utf8(reply[0].clone())?;
            filled.cursors.push(std::mem::replace(&mut cursor, next));
        }
        Ok(filled)
    }

    /// Microseconds of processor time that a request takes.
    fn time(&mut self, server: &Server, request: &str) -> Result<f64, Box<dyn Error>> {
        let batches: Vec<Requests> = (0..TIMED / TOGETHER)
            .map(|_| (0..TOGETHER).map(|_| self.complete(request)).collect())
            .collect();
        self.talk.exchange(&batches[0])?; // warms up
        let used = || cpu_time(server.id()).ok_or("the server is gone");
        let before = used()?;
        batches[1..].iter().try_for_each(|batch| self.talk.exchange(batch))?;
        let timed = (TIMED - TOGETHER) as f64;
        Ok((used()? - before) as f64 / 1e3 / timed)
    }

    fn complete(&mut self, request: &str) -> String {
        let mut text = request.to_owned();
        if text.contains("{new}") {
            text = text.replace("{new}", &format!("name:{:010}", self.names));
            self.names += 1;
        }
        if text.contains("{scan}") {
            let cursor = self.random.choice(&self.cursors).map_or("0", String::as_str);
            text = text.replace("{scan}", cursor);
        }
        let old = self.random.usize(..self.size);
        let rank = self.random.usize(..self.size / 2);
        text.replace("{old}", &format!("name:{old:010}"))
            .replace("{score}", &self.random.u32(..1_000_000).to_string())
            .replace("{rank}", &rank.to_string())
            .replace("{end}", &(rank + 99).to_string())
    }
}
