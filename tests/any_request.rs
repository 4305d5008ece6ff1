//! Random requests of every command, from several connections at once, to a server of two reactors:
//! each has one well-formed reply, and the server lives on.
//!
//! What a request may touch follows from the declaration of its command, and a touch beyond that is
//! noticed only where there is more than one reactor. `TORC_SEED=42 TORC_STEPS=1000000` as for the
//! differential tests.

#![allow(unreachable_pub)] // a test has no outside

mod common;
#[path = "any_request/declared.rs"]
mod declared;
#[allow(dead_code)] // how replies are compared is for the differential tests
#[path = "differential/mod.rs"]
mod random;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use common::client::encode;
use common::{Backend, Client, Server, Start, escaped, number};
use random::{Random, Words, shown};
use torc::command::Command;

const CONNECTIONS: u64 = 4;
/// Requests of each connection.
const STEPS: usize = 20_000;

#[test]
fn every_request_has_one_reply_on_io_uring() {
    ask(Backend::IoUring);
}

#[test]
fn every_request_has_one_reply_on_epoll() {
    ask(Backend::Epoll);
}

fn ask(backend: Backend) {
    let seed = number("TORC_SEED").unwrap_or_else(|| fastrand::u64(..));
    let steps = number("TORC_STEPS").map_or(STEPS, |steps| steps as usize);
    // No string becomes long enough to slow the others down.
    let start = Start::torc(backend).threads(2).flag("proto-max-bulk-len", "1mb");
    let server = start.flag("enable-debug-command", "yes").start();
    let asked = ask_from_all(&server, seed, steps);
    server.connect().talk(&[("PING", "+PONG\r\n")]);
    assert!(!server.printed().contains("does not hold"), "seed {seed}: {}", server.printed());
    let mut never = declared::commands();
    never.retain(|(names, _)| !asked.contains(names));
    let never: Vec<_> = never.into_iter().map(|(names, _)| names).collect();
    assert!(steps < STEPS || never.is_empty(), "never asked: {never:?}");
}

/// Returns the declared commands that were asked.
fn ask_from_all(server: &Server, seed: u64, steps: usize) -> HashSet<Vec<&'static str>> {
    let asked = std::thread::scope(|scope| {
        let connections = (0..CONNECTIONS).map(|number| {
            let client = server.connect();
            scope.spawn(move || Asker::new(client, seed.wrapping_add(number)).ask(steps))
        });
        let connections: Vec<_> = connections.collect();
        let done = connections.into_iter().map(|connection| connection.join());
        done.collect::<Result<Vec<_>, _>>()
    });
    let asked = asked.unwrap_or_else(|failure| {
        eprintln!("TORC_SEED={seed}; the server printed:\n{}", server.printed());
        resume_unwind(failure)
    });
    asked.into_iter().flatten().collect()
}

/// One connection.
struct Asker {
    client: Client,
    random: Random,
    commands: Vec<(Vec<&'static str>, &'static Command)>,
    /// The declared commands that were asked.
    asked: HashSet<Vec<&'static str>>,
}

impl Asker {
    fn new(client: Client, seed: u64) -> Self {
        let commands = declared::commands();
        Self { client, random: Random::new(seed), commands, asked: HashSet::new() }
    }

    fn ask(mut self, steps: usize) -> HashSet<Vec<&'static str>> {
        let mut done = 0;
        while done < steps {
            let count = 1 + self.random.below(8);
            let requests: Vec<Words> = (0..count).map(|_| self.request()).collect();
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                self.client
                    .send(requests.iter().flat_map(|words| encode(words)).collect::<Vec<_>>());
                requests.iter().for_each(|_| {
                    let reply = self.client.read_reply();
                    // A command that touches what it does not hold panics, and that is contained.
                    assert!(!reply.starts_with(b"-ERR internal"), "{}", escaped(&reply));
                });
                self.client.expect_silence();
            }));
            if let Err(failure) = outcome {
                requests.iter().for_each(|words| eprintln!("asked: {}", shown(words)));
                resume_unwind(failure);
            }
            done += count;
        }
        self.asked
    }

    /// From a declaration, or one that makes more sense.
    fn request(&mut self) -> Words {
        if self.random.chance(40) {
            return random::step(&mut self.random).words;
        }
        let (names, command) = self.random.one(&self.commands);
        self.asked.insert(names.clone());
        declared::request(&mut self.random, names, command)
    }
}
