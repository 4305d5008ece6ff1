//! Random clients on a random network, each run made of one seed.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use torc::config::{Number, OutputLimit};
use torc::reactor::simulated::{Faults, Peer, Simulation, Socket};
use torc::reactor::{Limits, Links, Options};
use torc::service::Service;

use crate::talk::{Keys, Shouts, Talk};
use crate::{echo, kv};

/// Turns after which every run must have come to its end.
const MOST_TURNS: usize = 300_000;

/// Runs of each kind if nothing else is asked for.
const SEEDS: u64 = 150;

#[test]
fn what_is_said_comes_back() {
    each_seed(|seed| drop(play(seed, echo, |_| Shouts)));
}

#[test]
fn every_request_is_answered_in_order() {
    each_seed(|seed| drop(play(seed, kv, Keys::new)));
}

#[test]
fn a_seed_plays_the_same_run_again() {
    for seed in 0..5 {
        assert_eq!(play(seed, echo, |_| Shouts), play(seed, echo, |_| Shouts), "seed {seed}");
    }
}

pub(crate) fn each_seed(play: impl Fn(u64)) {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seeds = match number("TORC_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("TORC_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let teller = TellSeed(seed);
        play(seed);
        drop(teller);
    }
}

/// Says which seed has failed.
struct TellSeed(u64);

impl Drop for TellSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("play it again with TORC_SEED={}", self.0);
        }
    }
}

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Reads what comes until it has all.
    Steady,
    /// Asks everything, and finishes before it is answered.
    Finishing,
    /// Breaks the connection on the way.
    Breaking,
    /// Stops reading on the way, for ever.
    Stalling,
    /// Is closed by CLIENT KILL on the way.
    Doomed,
}

struct Client<T> {
    peer: Peer,
    talk: T,
    manner: Manner,
    random: Rng,
    /// Requests that are still to come.
    requests: usize,
    unwritten: Vec<u8>,
    /// What it must hear, and how much of that it has heard.
    expected: Vec<u8>,
    heard: usize,
    /// Too many unsent replies close its connection.
    limited: bool,
}

impl<T: Talk> Client<T> {
    fn new(peer: Peer, talk: T, mut random: Rng, limited: bool) -> Self {
        let manner = match random.u8(0..10) {
            0..=5 => Manner::Steady,
            6 | 7 => Manner::Finishing,
            8 if random.bool() => Manner::Doomed,
            8 => Manner::Breaking,
            _ => Manner::Stalling,
        };
        let requests = random.usize(0..60);
        let (unwritten, expected) = (Vec::new(), Vec::new());
        Self { peer, talk, manner, random, requests, unwritten, expected, heard: 0, limited }
    }

    /// Does a little of what is left to do.
    fn act(&mut self) {
        if self.requests > 0 && self.random.u8(0..4) == 0 {
            let burst = self.random.usize(1..=self.requests);
            for _ in 0..burst {
                self.talk.request(&mut self.random, &mut self.unwritten, &mut self.expected);
            }
            self.requests -= burst;
        }
        let part = match self.random.u8(0..3) {
            0 => 0,
            1 => self.random.usize(0..=self.unwritten.len()),
            _ => self.unwritten.len(),
        };
        self.peer.write(&self.unwritten[..part]);
        self.unwritten.drain(..part);
        let done = self.requests == 0 && self.unwritten.is_empty();
        match self.manner {
            Manner::Finishing if done => self.peer.finish(),
            Manner::Breaking if self.random.u8(0..50) == 0 => self.peer.reset(),
            Manner::Stalling if self.heard > 0 => return,
            _ => {}
        }
        let most = if self.random.bool() { usize::MAX } else { self.random.usize(0..1000) };
        self.hear(most);
    }

    fn hear(&mut self, most: usize) {
        let bytes = self.peer.read_some(most);
        let expected = &self.expected[self.heard..];
        if !expected.starts_with(&bytes) {
            let same = expected.iter().zip(&bytes).take_while(|(a, b)| a == b).count();
            let told = String::from_utf8_lossy(&bytes[same..bytes.len().min(same + 100)]);
            let owed = String::from_utf8_lossy(&expected[same..expected.len().min(same + 100)]);
            panic!("{:?} hears {told:?} instead of {owed:?}", self.manner);
        }
        self.heard += bytes.len();
    }

    /// True when it has nothing more to say, is owed nothing, and is closed if it wished to be.
    fn is_content(&self) -> bool {
        let closed = self.peer.is_closed();
        if self.peer.is_broken() || closed && (self.manner == Manner::Doomed || self.limited) {
            return true;
        }
        let said = self.requests == 0 && self.unwritten.is_empty();
        let answered = self.heard == self.expected.len() || self.manner == Manner::Stalling;
        said && answered && (closed || self.manner != Manner::Finishing)
    }
}

/// One run: clients come, talk, and go; then the reactor stops, now and then in the middle.
/// Returns how much each client has heard, and the reactor's counters.
fn play<S: Service, T: Talk>(
    seed: u64,
    service: impl FnOnce(&Links<Socket>) -> S,
    talk: impl Fn(usize) -> T,
) -> (Vec<usize>, String) {
    let mut random = Rng::with_seed(seed ^ 0x5eed);
    let faults = Faults::random(&mut random);
    let options = options(&mut random);
    let limited = options.limits.output.hard > 0;
    let stop_after = if random.u8(0..8) == 0 { random.usize(0..300) } else { MOST_TURNS };
    let mut coming = random.usize(1..12);
    let mut simulation = Simulation::new(seed, faults, options, usize::MAX, service);
    let mut clients: Vec<Client<T>> = Vec::new();
    for turn in 0.. {
        if turn == stop_after {
            let waits = clients.iter().find(|client| !client.is_content());
            let manner = waits.map(|client| client.manner);
            assert!(turn < MOST_TURNS, "it never ends; the first who waits: {manner:?}");
            break;
        }
        if coming > 0 && random.u8(0..4) == 0 {
            coming -= 1;
            let peer = simulation.connect();
            clients.push(Client::new(peer, talk(clients.len()), random.fork(), limited));
        }
        for client in &mut clients {
            client.act();
            if client.manner == Manner::Doomed && random.u8(0..50) == 0 {
                client.peer.id().into_iter().for_each(|id| simulation.kill(id));
            }
        }
        if simulation.tick() {
            continue;
        }
        if coming == 0 && clients.iter().all(Client::is_content) {
            break;
        }
        simulation.pass(Duration::from_millis(1));
    }
    simulation.finish();
    clients.iter_mut().for_each(|client| client.hear(usize::MAX));
    assert!(clients.iter().all(|client| client.peer.is_closed()), "a connection is left open");
    let heard = clients.iter().map(|client| client.heard).collect();
    (heard, format!("{:?}", simulation.stats))
}

fn options(random: &mut Rng) -> Options {
    let high_water: u64 = 1 << random.u32(0..20);
    let limited = random.u8(0..4) == 0;
    Options {
        busy_poll: Arc::new(Number::new(random.u64(0..2) * 100)),
        limits: Limits {
            high_water: high_water as usize,
            low_water: random.u64(0..=high_water) as usize,
            bytes_per_tick: 1 << random.u32(0..17),
            output: OutputLimit {
                hard: if limited { random.u64(high_water..4 * high_water) } else { 0 },
                ..OutputLimit::default()
            },
            ..Limits::default()
        },
        spare_outputs: random.usize(0..10),
        spare_output_capacity: 1 << random.u32(0..17),
        ..Options::default()
    }
}
