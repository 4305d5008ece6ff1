//! One client that asks much, beside many that ask little: counted in turns, for time says nothing here.

use std::sync::Arc;

use torc::reactor::backend::SHARE;
use torc::reactor::simulated::{Faults, Peer, Simulation, Socket};
use torc::reactor::{Links, Options};
use torc::service::kv::Kv;
use torc::service::tls::Tls;

use crate::kv;

const ORDINARY: usize = 50;

/// Turns of the reactor until a request that has just been sent must be answered.
const TURNS: usize = 4;

/// As the server has it.
fn service(links: &Links<Socket>) -> Tls<Kv> {
    Tls::around(kv(links), None, Arc::clone(&links.mailbox))
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Has each of the ordinary clients ask once and get its answer.
fn ask_and_hear(simulation: &mut Simulation<Tls<Kv>>, ordinary: &[Peer]) {
    ordinary.iter().for_each(|peer| peer.write(b"PING\r\n"));
    let mut heard = vec![Vec::new(); ordinary.len()];
    for _ in 0..TURNS {
        simulation.tick();
        heard.iter_mut().zip(ordinary).for_each(|(heard, peer)| heard.extend(peer.read()));
    }
    assert!(heard.iter().all(|heard| heard == b"+PONG\r\n"), "{heard:?}");
}

/// What comes in large pieces, and in many small ones.
#[test]
fn a_pipeline_of_a_million_starves_nobody() {
    // A stream brings more at a time than a turn: by one piece or by several.
    starves_nobody(4 * SHARE, b"INCR greedy\r\n");
    starves_nobody(200, b"INCR greedy\r\n");
    starves_nobody(SHARE, b"*2\r\n$4\r\nINCR\r\n$6\r\ngreedy\r\n");
}

fn starves_nobody(buffer_len: usize, request: &[u8]) {
    const MILLION: usize = 1_000_000;
    /// Of the pipeline's requests, as many are executed in a turn while others are there.
    const TURN: usize = 128;
    let faults = Faults { buffer_len, ..Faults::NONE };
    let mut simulation = Simulation::new(1, faults, Options::default(), usize::MAX, service);
    let greedy = simulation.connect();
    let ordinary: Vec<_> = (0..ORDINARY).map(|_| simulation.connect()).collect();
    simulation.settle();
    // Others are there before it begins.
    ask_and_hear(&mut simulation, &ordinary);
    greedy.write(&request.repeat(MILLION));
    let (mut answered, mut rounds) = (0, 0);
    while answered < MILLION {
        let unreceived = greedy.unreceived();
        ask_and_hear(&mut simulation, &ordinary);
        let received = unreceived - greedy.unreceived();
        // What the stream had brought before anybody else was there is executed by then.
        let is_shared = rounds > 10;
        assert!(received <= TURNS * SHARE || !is_shared, "{received} bytes of one client");
        let more = lines(&greedy.read());
        assert!(more <= TURNS * TURN, "{more} requests between two of another client");
        answered += more;
        rounds += 1;
        assert!(rounds < 100_000, "the pipeline itself must not starve: {answered} answered");
    }
    simulation.finish();
}

#[test]
fn who_never_reads_is_held_up_alone() {
    let faults = Faults { window: 1000, ..Faults::NONE };
    let options = Options::default();
    let high_water = options.limits.high_water as u64;
    let mut simulation = Simulation::new(1, faults, options, usize::MAX, service);
    let stalled = simulation.connect();
    let ordinary: Vec<_> = (0..ORDINARY).map(|_| simulation.connect()).collect();
    simulation.settle();
    stalled.write(format!("SET long {}\r\n", "v".repeat(10_000)).as_bytes());
    stalled.write(&b"GET long\r\n".repeat(100_000));
    (0..200).for_each(|_| ask_and_hear(&mut simulation, &ordinary));
    let answered = simulation.stats.bytes_out.get();
    assert!(answered < 2 * high_water, "{answered} bytes for somebody who does not read");
    assert!(stalled.unreceived() > 0);
    simulation.finish();
}
