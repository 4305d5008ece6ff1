//! The same random commands to redis-server and to torc: the replies must be the same, to the byte.
//!
//! `TORC_STEPS=1000000 TORC_SEED=42 cargo test --test differential` runs longer, or the one seed
//! that a failure has named.

#![allow(unreachable_pub)] // a test has no outside

mod common;
#[path = "differential/mod.rs"]
mod random;

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use common::{Backend, Client, Server, Start, client::encode, number, program, reply};
use random::{Compare, GROWN, Random, Step, Words, shown};

/// Seeds of a run that names none.
const SEEDS: [u64; 3] = [1, 2, 3];
/// Steps for each seed.
const STEPS: usize = 10_000;
/// Connections that the commands of one run are spread over.
const CONNECTIONS: usize = 3;
/// By then a key that has expired must be gone; both servers look ten times a second.
const SOON: Duration = Duration::from_secs(5);
/// As many commands are shown before the one that was answered differently.
const SHOWN: usize = 30;

#[test]
fn io_uring_resp2() {
    compare(Backend::IoUring, 1, 2);
}

#[test]
fn io_uring_resp3() {
    compare(Backend::IoUring, 2, 3);
}

#[test]
fn epoll_resp2() {
    compare(Backend::Epoll, 2, 2);
}

#[test]
fn epoll_resp3() {
    compare(Backend::Epoll, 1, 3);
}

/// What COMMAND INFO and COMMAND DOCS say of each command that both servers have. Summaries are in
/// each server's own words, and containers have other subcommands.
#[test]
fn commands_are_described_alike() {
    if !program::installed("redis-server") {
        return;
    }
    let (redis, torc) = (Start::redis().start(), Start::judged(Backend::Epoll).start());
    let (mut redis, mut torc) = (redis.connect(), torc.connect());
    let ask = |client: &mut Client, line: String| {
        String::from_utf8(client.call(&line)).expect("descriptions are text")
    };
    let list = ask(&mut torc, "COMMAND LIST".to_owned());
    let names: Vec<_> = list.split("\r\n").skip(2).step_by(2).collect();
    let is_container =
        |name: &str| names.iter().any(|other| other.starts_with(&format!("{name}|")));
    for protocol in [2, 3] {
        for client in [&mut redis, &mut torc] {
            client.call(&format!("HELLO {protocol}"));
        }
        for name in names
            .iter()
            .filter(|name| !is_container(name) && !GROWN.contains(&&*name.to_ascii_uppercase()))
        {
            let infos =
                [&mut redis, &mut torc].map(|client| ask(client, format!("COMMAND INFO {name}")));
            if ["*1\r\n$-1\r\n", "*1\r\n_\r\n"].contains(&&*infos[0]) {
                continue; // a newer command
            }
            if GROWN.iter().any(|grown| grown.eq_ignore_ascii_case(name)) {
                continue;
            }
            assert_eq!(infos[1], infos[0], "{name}");
            let docs = [&mut redis, &mut torc].map(|client| {
                let docs = ask(client, format!("COMMAND DOCS {name}"));
                docs.split_once("$5\r\nsince\r\n").expect("it has a version").1.to_owned()
            });
            assert_eq!(docs[1], docs[0], "{name}");
        }
    }
}

fn compare(backend: Backend, threads: usize, protocol: u8) {
    if !program::installed("redis-server") {
        return;
    }
    let steps = number("TORC_STEPS").map_or(STEPS, |steps| steps as usize);
    let seed = number("TORC_SEED");
    for seed in seed.as_ref().map_or(&SEEDS[..], std::slice::from_ref) {
        let redis = Start::redis().start();
        let torc = Start::judged(backend).threads(threads).start();
        let mut run = Run::new(&redis, &torc, *seed, protocol);
        while run.step < steps {
            run.turn();
        }
    }
}

/// One sequence of commands, on two servers.
struct Run {
    seed: u64,
    step: usize,
    random: Random,
    lines: Vec<Line>,
    /// The last commands, as they are shown when one is answered differently.
    last: VecDeque<String>,
}

/// A connection to each server, used in step.
struct Line {
    redis: Client,
    torc: Client,
}

impl Run {
    fn new(redis: &Server, torc: &Server, seed: u64, protocol: u8) -> Self {
        let lines = (0..CONNECTIONS).map(|_| {
            let mut line = Line { redis: redis.connect(), torc: torc.connect() };
            for client in [&mut line.redis, &mut line.torc] {
                client.call(&format!("HELLO {protocol}"));
            }
            line
        });
        let (lines, last) = (lines.collect(), VecDeque::new());
        Self { seed, step: 0, random: Random::new(seed), lines, last }
    }

    /// A few steps on one connection, in one pipeline as far as that goes.
    fn turn(&mut self) {
        let line = self.random.below(self.lines.len());
        let mut pipeline = Vec::new();
        for _ in 0..=self.random.below(12) {
            let step = random::step(&mut self.random);
            match step.compare {
                Compare::Scan => {
                    self.pipeline(line, std::mem::take(&mut pipeline));
                    self.scan(line, &step.words);
                }
                Compare::Member => {
                    self.pipeline(line, std::mem::take(&mut pipeline));
                    self.member(line, &step.words);
                }
                Compare::Soon => {
                    self.pipeline(line, std::mem::take(&mut pipeline));
                    self.soon(line, &step.words);
                }
                Compare::Picks => {
                    self.pipeline(line, std::mem::take(&mut pipeline));
                    self.picks(line, &step.words);
                }
                Compare::Encoding => {
                    self.pipeline(line, std::mem::take(&mut pipeline));
                    self.encoding(line, &step.words);
                }
                _ => pipeline.push(step),
            }
        }
        self.pipeline(line, pipeline);
    }

    fn pipeline(&mut self, line: usize, steps: Vec<Step>) {
        let requests: Vec<u8> = steps.iter().flat_map(|step| encode(&step.words)).collect();
        self.lines[line].redis.send(&requests);
        self.lines[line].torc.send(&requests);
        for step in steps {
            self.remember(line, &step.words);
            let expected = self.lines[line].redis.read_reply();
            let reply = self.lines[line].torc.read_reply();
            if !step.compare.same(&expected, &reply) {
                self.fail(&expected, &reply);
            }
        }
    }

    /// A command that is asked again until both servers answer alike.
    fn soon(&mut self, line: usize, words: &Words) {
        self.remember(line, words);
        let begun = Instant::now();
        loop {
            let Line { redis, torc } = &mut self.lines[line];
            redis.send(encode(words));
            torc.send(encode(words));
            let (expected, reply) = (redis.read_reply(), torc.read_reply());
            if expected == reply {
                return;
            }
            if begun.elapsed() > SOON {
                self.fail(&expected, &reply);
            }
        }
    }

    /// A command that chooses a key: what torc chooses must be a key that redis has.
    fn member(&mut self, line: usize, words: &Words) {
        self.remember(line, words);
        let Line { redis, torc } = &mut self.lines[line];
        redis.send(encode(words));
        torc.send(encode(words));
        let (expected, reply) = (redis.read_reply(), torc.read_reply());
        let known = reply::text(&reply).map(|key| {
            redis.send(encode(&[b"EXISTS", key]));
            redis.read_reply()
        });
        if expected != reply && known.as_deref() != Some(b":1\r\n") {
            self.fail(&expected, &reply);
        }
    }

    /// A command that picks members of a set. Redis picks from a copy, and gives up what torc has
    /// removed.
    fn picks(&mut self, line: usize, words: &Words) {
        const COPY: &[u8] = b"a copy";
        self.remember(line, words);
        let Line { redis, torc } = &mut self.lines[line];
        let mut ask = |words: &[&[u8]]| {
            redis.send(encode(words));
            redis.read_reply()
        };
        let (name, key) = (&words[0][..], &words[1][..]);
        ask(&[b"COPY", key, COPY]);
        let on_copy: Vec<&[u8]> =
            [name, COPY].into_iter().chain(words[2..].iter().map(|word| &word[..])).collect();
        let expected = ask(&on_copy);
        ask(&[b"DEL", COPY]);
        torc.send(encode(words));
        let reply = torc.read_reply();
        let picked: Vec<&[u8]> = match reply::elements(&reply) {
            Some(elements) => elements.into_iter().filter_map(reply::text).collect(),
            None => reply::text(&reply).into_iter().filter(|_| reply[0] == b'$').collect(),
        };
        if picked.is_empty() || expected[0] != reply[0] {
            if expected != reply {
                self.fail(&expected, &reply);
            }
            return;
        }
        let is_aggregate = expected[0] != b'$';
        let header = |reply: &[u8]| reply.split(|byte| *byte == b'\r').next().map(<[u8]>::to_vec);
        let as_many = !is_aggregate || header(&expected) == header(&reply);
        let may_repeat = words.get(2).is_some_and(|count| count.starts_with(b"-"));
        let different = picked.iter().collect::<HashSet<_>>().len();
        let removes = name.eq_ignore_ascii_case(b"SPOP");
        let known = if removes {
            let request: Vec<&[u8]> = [b"SREM", key].into_iter().chain(picked.clone()).collect();
            reply::integer(&ask(&request)) == Some(picked.len() as i64)
        } else {
            let request: Vec<&[u8]> =
                [b"SMISMEMBER", key].into_iter().chain(picked.clone()).collect();
            reply::elements(&ask(&request))
                .is_some_and(|all| all.iter().all(|one| *one == b":1\r\n"))
        };
        if !as_many || !known || (!may_repeat && different < picked.len()) {
            self.fail(&expected, &reply);
        }
    }

    fn encoding(&mut self, line: usize, words: &Words) {
        self.remember(line, words);
        let Line { redis, torc } = &mut self.lines[line];
        redis.send(encode(words));
        torc.send(encode(words));
        let (expected, reply) = (redis.read_reply(), torc.read_reply());
        if expected == reply {
            return;
        }
        redis.send(encode(&[b"TYPE", &words[2][..]]));
        let unpacked = match &*redis.read_reply() {
            b"+set\r\n" => &b"hashtable"[..],
            b"+list\r\n" => b"quicklist",
            _ => b"",
        };
        let pair = (reply::text(&expected), reply::text(&reply));
        if pair != (Some(unpacked), Some(b"listpack")) {
            self.fail(&expected, &reply);
        }
    }

    /// Iterates to the end on both servers: the cursors differ, the keys do not.
    fn scan(&mut self, line: usize, words: &Words) {
        self.remember(line, words);
        let Line { redis, torc } = &mut self.lines[line];
        let (expected, found) = (scan(redis, words), scan(torc, words));
        if expected != found {
            self.fail(&expected.concat(), &found.concat());
        }
    }

    fn remember(&mut self, line: usize, words: &Words) {
        self.step += 1;
        self.last.push_back(format!("{}: connection {line}: {}", self.step, shown(words)));
        if self.last.len() > SHOWN {
            self.last.pop_front();
        }
    }

    fn fail(&self, expected: &[u8], reply: &[u8]) -> ! {
        let last = self.last.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        panic!(
            "seed {}, step {}\n{last}\n{}",
            self.seed,
            self.step,
            common::difference(expected, reply)
        );
    }
}

/// All keys or elements of an iteration whose first call is `words`, sorted, or the error it is answered with.
fn scan(client: &mut Client, words: &Words) -> Vec<Vec<u8>> {
    let (mut words, mut keys) = (words.clone(), Vec::new());
    // The scans of collections have a key before the cursor.
    let place = if words[0].eq_ignore_ascii_case(b"SCAN") { 1 } else { 2 };
    loop {
        client.send(encode(&words));
        let reply = client.read_reply();
        let Some(parts) = reply::elements(&reply) else { return vec![reply] };
        let found = reply::elements(parts[1]).expect("an array of keys");
        keys.extend(found.into_iter().map(<[u8]>::to_vec));
        let cursor = reply::text(parts[0]).expect("a cursor");
        if cursor == b"0" {
            keys.sort();
            keys.dedup(); // a key may come twice while the table grows
            return keys;
        }
        words[place] = cursor.to_vec();
    }
}
