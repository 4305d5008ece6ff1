//! Random clients on a random network, each run made of one seed.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use torc::config::{Number, OutputLimit};
use torc::reactor::simulated::{Faults, Simulation, Socket};
use torc::reactor::{Limits, Links, Options};
use torc::service::Service;

use crate::client::{Client, Manner};
use crate::talk::{Brings, Demand, Keys, Shouts, Talk, Waits};
use crate::{echoes, kvs};

/// Turns after which every run must have come to its end.
const MOST_TURNS: usize = 300_000;

/// Runs of each kind if nothing else is asked for, the same each time.
const SEEDS: u64 = 150;

#[test]
fn what_is_said_comes_back() {
    each_seed("what_is_said_comes_back", |seed| drop(play(seed, echoes, shouts)));
}

#[test]
fn every_request_is_answered_in_order() {
    each_seed("every_request_is_answered_in_order", |seed| drop(play(seed, kvs, talks())));
}

#[test]
fn a_seed_plays_the_same_run_again() {
    for seed in 0..5 {
        assert_eq!(play(seed, echoes, shouts), play(seed, echoes, shouts), "seed {seed}");
    }
}

fn shouts(_: usize) -> Box<dyn Talk> {
    Box::new(Shouts)
}

/// The first client brings what some of the others wait for.
fn talks() -> impl FnMut(usize) -> Box<dyn Talk> {
    let demand = Rc::<RefCell<Demand>>::default();
    move |number| match number {
        0 => Box::new(Brings(Rc::clone(&demand))),
        number if number % 3 == 1 => Box::new(Waits::new(number, &demand)),
        number => Box::new(Keys::new(number)),
    }
}

pub(crate) fn each_seed(test: &'static str, play: impl Fn(u64)) {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seeds = match (number("TORC_SEED"), number("TORC_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(count)) => {
            let since = SystemTime::UNIX_EPOCH.elapsed().expect("it is later than 1970");
            // Two of these that run at the same time have nothing in common.
            let first = since.as_nanos() as u64 >> 8;
            eprintln!("{test}: the {count} seeds from {first} on");
            first..first + count
        }
        (None, None) => 0..SEEDS,
    };
    for seed in seeds {
        let teller = TellSeed { test, seed };
        play(seed);
        drop(teller);
    }
}

/// Says how a run that has failed is played again.
struct TellSeed {
    test: &'static str,
    seed: u64,
}

impl Drop for TellSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { test, seed } = self;
            eprintln!("play it again: TORC_SEED={seed} cargo test --test simulation {test}");
        }
    }
}

/// One run: clients come, talk, and go; then the reactors stop, now and then in the middle.
/// Returns how much each client has heard, and the reactors' counters.
fn play<S: Service>(
    seed: u64,
    services: impl FnOnce(&[Links<Socket>]) -> Vec<S>,
    mut talk: impl FnMut(usize) -> Box<dyn Talk>,
) -> (Vec<usize>, Vec<String>) {
    let mut random = Rng::with_seed(seed ^ 0x5eed);
    let faults = Faults::random(&mut random);
    let options = options(&mut random);
    let limited = options.limits.output.hard > 0;
    let stop_after = if random.u8(0..8) == 0 { random.usize(0..300) } else { MOST_TURNS };
    // At first too few, now and then.
    let scarce = if random.u8(0..4) == 0 { random.usize(0..400) } else { 0 };
    let mut coming = random.usize(1..12);
    let reactors = random.usize(1..4);
    let mut simulation =
        Simulation::several(seed, faults, &options, usize::MAX, reactors, services);
    simulation.set_descriptors(random.usize(0..4));
    let mut clients: Vec<Client> = Vec::new();
    for turn in 0.. {
        if turn == stop_after {
            let waits = clients.iter().find(|client| !client.is_content());
            let manner = waits.map(|client| client.manner);
            assert!(turn < MOST_TURNS, "it never ends; the first who waits: {manner:?}");
            break;
        }
        if turn == scarce {
            simulation.set_descriptors(usize::MAX);
        }
        if coming > 0 && random.u8(0..4) == 0 {
            coming -= 1;
            let peer = simulation.connect();
            clients.push(Client::new(peer, talk(clients.len()), random.fork(), limited));
        }
        for client in &mut clients {
            client.act();
            if client.manner == Manner::Doomed && random.u8(0..50) == 0 {
                client.peer.server().into_iter().for_each(|server| simulation.kill(server));
            }
        }
        if simulation.tick() {
            continue;
        }
        if coming == 0 && turn > scarce && clients.iter().all(Client::is_content) {
            break;
        }
        simulation.pass(Duration::from_millis(1));
    }
    stop(&mut simulation, &mut clients);
    assert!(clients.iter().all(|client| client.peer.is_closed()), "a connection is left open");
    let heard = clients.iter().map(|client| client.heard).collect();
    (heard, simulation.counters())
}

/// Stops the reactors, and checks that nobody is left without an answer.
fn stop<S: Service>(simulation: &mut Simulation<S>, clients: &mut [Client]) {
    let owed: Vec<_> = clients.iter().map(Client::owed).collect();
    simulation.stop();
    while !simulation.is_finished() {
        clients
            .iter_mut()
            .filter(|client| client.manner != Manner::Stalling)
            .for_each(Client::listen);
        if !simulation.tick() {
            simulation.pass(Duration::from_millis(10));
        }
    }
    simulation.finish();
    for (client, owed) in clients.iter_mut().zip(owed) {
        client.listen();
        let (heard, owed) = (client.heard, owed.unwrap_or(0));
        assert!(client.peer.is_broken() || heard >= owed, "{heard} of {owed} bytes were heard");
    }
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
        spare_output_bytes: random.usize(0..1 << 17),
        spare_output_capacity: 1 << random.u32(0..17),
        // Bytes trickle through the worst of these networks.
        shutdown_timeout: Arc::new(Number::new(60)),
        ..Options::default()
    }
}
