//! One thing at a time: what a connection, or all of them, can run into.

use std::time::Duration;

use torc::clock::Now;
use torc::config::OutputLimit;
use torc::output::Output;
use torc::reactor::simulated::{Faults, Peer, Simulation};
use torc::reactor::{Limits, Options};
use torc::service::echo::Echo;
use torc::service::kv::Kv;
use torc::service::{Next, Served, Service};

use crate::{echo, kv};

const SEED: u64 = 1;

/// What a GET of a missing key is answered with.
const NIL: &[u8] = b"$-1\r\n";
const GET: &[u8] = b"GET missing\r\n";

fn echo_with(faults: Faults, limits: Limits) -> Simulation<Echo> {
    let options = Options { limits, ..Options::default() };
    Simulation::new(SEED, faults, options, usize::MAX, echo)
}

fn kv_with(faults: Faults, limits: Limits) -> Simulation<Kv> {
    let options = Options { limits, ..Options::default() };
    Simulation::new(SEED, faults, options, usize::MAX, kv)
}

fn limits() -> Limits {
    Options::default().limits
}

/// Connects peers and waits until they are served.
fn connect<S: Service, const N: usize>(simulation: &mut Simulation<S>) -> [Peer; N] {
    let peers = std::array::from_fn(|_| simulation.connect());
    simulation.settle();
    peers
}

#[test]
fn a_peer_that_leaves_is_closed() {
    let mut simulation = kv_with(Faults::NONE, limits());
    let [stays, leaves, breaks] = connect(&mut simulation);
    assert_eq!(simulation.clients.connected(), 3);
    leaves.finish();
    breaks.reset();
    simulation.settle();
    assert!(leaves.is_closed() && breaks.is_closed() && !stays.is_closed());
    assert_eq!(simulation.clients.connected(), 1);
    simulation.finish();
    assert!(stays.is_closed());
}

#[test]
fn a_protocol_error_is_told_before_the_connection_closes() {
    let mut simulation = kv_with(Faults::NONE, limits());
    let [peer] = connect(&mut simulation);
    peer.write(&[GET, b"*1\r\n!\r\n", GET].concat());
    simulation.settle();
    let error = b"-ERR Protocol error: expected '$', got '!'\r\n";
    assert_eq!(peer.read(), [NIL, error].concat());
    assert!(peer.is_closed());
    simulation.finish();
}

#[test]
fn a_half_closed_peer_is_answered_first() {
    // One request a tick, and a peer that takes a byte at a time: the end comes long before.
    let faults = Faults { window: 1, ..Faults::NONE };
    let mut simulation = kv_with(faults, Limits { bytes_per_tick: 1, ..limits() });
    let [peer] = connect(&mut simulation);
    peer.write(&GET.repeat(100));
    peer.finish();
    let mut heard = Vec::new();
    while heard.len() < 100 * NIL.len() {
        assert!(!peer.is_closed(), "closed after {} bytes", heard.len());
        simulation.settle();
        heard.extend(peer.read());
    }
    simulation.settle();
    assert_eq!(heard, NIL.repeat(100));
    assert!(peer.is_closed());
    simulation.finish();
}

#[test]
fn a_request_that_never_ends_does_not_keep_a_half_closed_peer() {
    let mut simulation = kv_with(Faults::NONE, limits());
    let [peer] = connect(&mut simulation);
    peer.write(&[GET, b"*2\r\n$3\r\nGET\r\n$100\r\nhalf a k"].concat());
    peer.finish();
    simulation.settle();
    assert_eq!(peer.read(), NIL);
    assert!(peer.is_closed());
    simulation.finish();
}

#[test]
fn a_send_in_parts_arrives_whole() {
    let faults = Faults { partial_send: 1.0, late_completion: 0.5, window: 100, ..Faults::NONE };
    let mut simulation = echo_with(faults, limits());
    let [peer] = connect(&mut simulation);
    let said: Vec<u8> = (0..10_000_u32).map(|n| n as u8).collect();
    let mut heard = Vec::new();
    for part in said.chunks(1000) {
        peer.write(part);
        simulation.tick();
        heard.extend(peer.read());
    }
    while heard.len() < said.len() {
        simulation.settle();
        let more = peer.read();
        assert!(!more.is_empty(), "asleep after {} bytes", heard.len());
        heard.extend(more);
    }
    assert_eq!(heard, said);
    simulation.finish();
}

#[test]
fn a_slow_reader_is_not_read_until_it_has_caught_up() {
    let faults = Faults { window: 100, buffer_len: 100, ..Faults::NONE };
    let water = Limits { high_water: 4000, low_water: 2000, ..limits() };
    let mut simulation = echo_with(faults, water);
    let [slow, quick] = connect(&mut simulation);
    slow.write(&[b's'; 100_000]);
    simulation.settle();
    let unreceived = slow.unreceived();
    let received = 100_000 - unreceived;
    assert!((4000..20_000).contains(&received), "reads {received} bytes ahead");
    let answered = simulation.stats.bytes_out.get() as usize;
    quick.write(b"still there?");
    simulation.settle();
    assert_eq!(quick.read(), b"still there?", "others go on");

    assert_eq!(slow.read().len(), 100);
    simulation.settle();
    assert_eq!(slow.unreceived(), unreceived, "above the low-water mark nothing is read");
    let mut heard = 100;
    while slow.unreceived() == unreceived {
        heard += slow.read().len();
        simulation.settle();
    }
    assert!(heard + 100 + 2000 >= answered, "resumed with {} bytes unsent", answered - heard);
    while heard < 100_000 {
        let more = slow.read().len();
        assert!(more > 0, "asleep after {heard} bytes");
        heard += more;
        simulation.settle();
    }
    simulation.finish();
}

/// Nobody else is there whose events would wake the reactor.
#[test]
fn who_is_not_read_from_goes_on_when_its_replies_have_left() {
    let faults = Faults { silent_send: 1.0, window: 700, ..Faults::NONE };
    let water = Limits { high_water: 1000, low_water: 500, ..limits() };
    let mut simulation = echo_with(faults, water);
    let [peer] = connect(&mut simulation);
    // The first does not fit into the window, and the second is one too many behind it.
    for len in [800, 600, 300] {
        peer.write(&vec![b'x'; len]);
        simulation.settle();
    }
    assert_eq!(peer.unreceived(), 300);
    for len in [700, 700, 300] {
        assert_eq!(peer.read().len(), len);
        simulation.settle();
    }
    simulation.finish();
}

#[test]
fn a_slow_reader_is_not_executed_for() {
    let faults = Faults { window: 10, ..Faults::NONE };
    let water = Limits { high_water: 1000, low_water: 500, ..limits() };
    let mut simulation = kv_with(faults, water);
    let [slow, witness] = connect(&mut simulation);
    slow.write(&b"INCR count\r\n".repeat(100_000));
    simulation.settle();
    let count = |simulation: &mut Simulation<Kv>| {
        witness.write(b"GET count\r\n");
        let mut reply = Vec::new();
        while !reply.ends_with(b"\r\n") || reply.iter().filter(|byte| **byte == b'\n').count() < 2 {
            simulation.settle();
            reply.extend(witness.read());
        }
        let text = String::from_utf8(reply).unwrap();
        text.lines().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = count(&mut simulation);
    assert!(before < 50_000, "{before} requests executed for a peer that reads nothing");
    simulation.pass(Duration::from_secs(10));
    assert_eq!(count(&mut simulation), before, "time changes nothing");
    slow.reset();
    simulation.settle();
    assert!(slow.is_closed());
    simulation.finish();
}

/// Answers every byte with a thousand, and ends its turns as the key-value service does.
struct Amplifier;

impl Service for Amplifier {
    type Session = ();

    fn open(&mut self, _: torc::peer::Peer) {}

    fn serve(&mut self, _: &mut (), input: &[u8], output: &mut Output, _: Now) -> Served {
        for consumed in 1..=input.len() {
            output.extend(&[b'a'; 1000]);
            if output.len() >= 4000 {
                return Served { consumed, next: Next::Yield };
            }
        }
        Served { consumed: input.len(), next: Next::Read { missing: 0 } }
    }

    fn close(&mut self, (): ()) {}
}

#[test]
fn long_replies_to_short_requests_stop_at_the_high_water_mark() {
    let faults = Faults { window: 100, buffer_len: 32, ..Faults::NONE };
    let water = Limits { high_water: 8000, low_water: 2000, ..limits() };
    let options = Options { limits: water, ..Options::default() };
    let mut simulation = Simulation::new(SEED, faults, options, usize::MAX, |_| Amplifier);
    let [peer] = connect(&mut simulation);
    // All of it comes in one tick.
    peer.write(&[b'r'; 1000]);
    simulation.settle();
    assert_eq!(peer.unreceived(), 0);
    let answered = simulation.stats.bytes_out.get();
    assert!(answered <= 8000 + 4000, "{answered} bytes wait for a peer that reads nothing");
    let mut heard = 0;
    while heard < 1_000_000 {
        let more = peer.read().len();
        assert!(more > 0, "asleep after {heard} bytes");
        heard += more;
        simulation.settle();
    }
    simulation.finish();
}

#[test]
fn unsent_replies_beyond_the_hard_limit_close_the_connection() {
    let faults = Faults { window: 100, ..Faults::NONE };
    let output = OutputLimit { hard: 6000, ..OutputLimit::default() };
    let water = Limits { high_water: 4000, low_water: 2000, output, ..limits() };
    let mut simulation = echo_with(faults, water);
    let [greedy, modest] = connect(&mut simulation);
    greedy.write(&[b'g'; 20_000]);
    modest.write(&[b'm'; 100]);
    simulation.settle();
    assert!(greedy.is_closed());
    assert_eq!(simulation.stats.output_limit_closes.get(), 1);
    assert_eq!(modest.read(), [b'm'; 100]);
    assert!(!modest.is_closed());
    simulation.finish();
}

#[test]
fn out_of_descriptors_accepting_rests_and_resumes() {
    let mut simulation = echo_with(Faults::NONE, limits());
    simulation.set_descriptors(2);
    let [one, two, three] = connect(&mut simulation);
    assert!(one.id().is_some() && two.id().is_some() && three.id().is_none());
    let before = simulation.accept_starts();
    simulation.pass(Duration::from_secs(1));
    let starts = simulation.accept_starts() - before;
    assert!((5..=20).contains(&starts), "{starts} tries in a second");
    one.write(b"still served");
    simulation.settle();
    assert_eq!(one.read(), b"still served");
    two.finish();
    simulation.pass(Duration::from_millis(200));
    assert!(three.id().is_some(), "a free descriptor is found without anyone's help");
    simulation.finish();
}

#[test]
fn an_accept_that_fails_is_started_again() {
    let faults = Faults { failed_accept: 0.5, ..Faults::NONE };
    let mut simulation = echo_with(faults, limits());
    let peers: [Peer; 20] = connect(&mut simulation);
    simulation.pass(Duration::from_secs(10));
    assert!(peers.iter().all(|peer| peer.id().is_some()));
    simulation.finish();
}

#[test]
fn starved_receives_come_to_their_bytes() {
    let faults = Faults { starved_receive: 0.5, buffers: 1, buffer_len: 16, ..Faults::NONE };
    let mut simulation = echo_with(faults, limits());
    let peers: [Peer; 10] = connect(&mut simulation);
    peers.iter().for_each(|peer| peer.write(&[b'x'; 1000]));
    simulation.settle();
    for peer in &peers {
        assert_eq!(peer.read(), [b'x'; 1000]);
    }
    assert!(simulation.stats.starved.get() > 0);
    simulation.finish();
}

#[test]
fn stale_completions_touch_nobody() {
    let faults = Faults { stale_event: 0.9, ..Faults::NONE };
    let mut simulation = echo_with(faults, limits());
    let mut names = Vec::new();
    // The same slots are used over and over, each time under a new generation.
    for round in 0..50 {
        let peers: [Peer; 3] = connect(&mut simulation);
        for peer in &peers {
            names.push(peer.id().expect("it is served"));
            peer.write(format!("round {round}").as_bytes());
        }
        simulation.settle();
        for peer in &peers {
            assert_eq!(peer.read(), format!("round {round}").as_bytes());
            assert!(!peer.is_closed());
            peer.finish();
        }
        simulation.settle();
        assert!(peers.iter().all(Peer::is_closed));
    }
    assert!(names.iter().all(|name| name.index < 3), "slots are reused");
    simulation.finish();
}

#[test]
fn one_client_too_many_is_told_so() {
    let mut simulation = Simulation::new(SEED, Faults::NONE, Options::default(), 2, kv);
    let [one, two, three] = connect(&mut simulation);
    assert_eq!(three.read(), b"-ERR max number of clients reached\r\n");
    assert!(three.is_closed() && !one.is_closed() && !two.is_closed());
    assert_eq!(simulation.stats.refused.get(), 1);
    two.finish();
    simulation.settle();
    let [four] = connect(&mut simulation);
    four.write(GET);
    simulation.settle();
    assert_eq!(four.read(), NIL, "a place was free again");
    simulation.finish();
}

#[test]
fn a_long_pipeline_does_not_starve_others() {
    const REQUESTS: usize = 1_000_000;
    let faults = Faults { window: usize::MAX, ..Faults::NONE };
    let mut simulation = kv_with(faults, limits());
    let [busy, other] = connect(&mut simulation);
    busy.write(&b"PING\r\n".repeat(REQUESTS));
    let mut asked = 0;
    while busy.unreceived() > 0 {
        asked += 1;
        other.write(GET);
        let mut ticks = 0;
        let mut reply = other.read();
        while reply.is_empty() {
            let before = simulation.stats.bytes_out.get();
            simulation.tick();
            let answered = simulation.stats.bytes_out.get() - before;
            assert!(answered <= 2 * limits().bytes_per_tick as u64, "{answered} bytes in a tick");
            ticks += 1;
            reply = other.read();
        }
        assert_eq!(reply, NIL);
        assert!(ticks <= 4, "waited {ticks} ticks");
    }
    assert!(asked > 10, "the pipeline was worked off in {asked} turns");
    simulation.settle();
    assert_eq!(busy.read().len(), b"+PONG\r\n".len() * REQUESTS);
    simulation.finish();
}

#[test]
fn a_stop_answers_what_was_received() {
    // It takes many ticks to receive, to execute and to send all of it.
    let faults = Faults { window: 100, buffer_len: 64, buffers: 1, ..Faults::NONE };
    let mut simulation = kv_with(faults, Limits { bytes_per_tick: 256, ..limits() });
    let [busy, half, idle] = connect(&mut simulation);
    half.write(&GET[..5]);
    simulation.settle();
    busy.write(&GET.repeat(2000));
    let unaccepted = simulation.connect();
    unaccepted.write(GET);
    simulation.stop();
    let mut heard = Vec::new();
    while !simulation.is_finished() {
        let awake = simulation.tick();
        let more = busy.read();
        assert!(awake || !more.is_empty(), "asleep after {} bytes", heard.len());
        heard.extend(more);
    }
    assert_eq!(heard.len(), 2000 * NIL.len());
    assert_eq!(unaccepted.read(), NIL);
    assert!([busy, half, idle, unaccepted].iter().all(Peer::is_closed));
    assert!(simulation.connect().is_closed(), "nobody listens any more");
    simulation.finish();
}

#[test]
fn a_stop_has_a_deadline() {
    let faults = Faults { window: 100, ..Faults::NONE };
    let mut simulation = echo_with(faults, limits());
    let [stalled] = connect(&mut simulation);
    stalled.write(&[b's'; 1000]);
    simulation.settle();
    let asked = simulation.now().steady;
    simulation.finish();
    let took = simulation.now().steady - asked;
    let within = Duration::from_secs(Options::default().shutdown_timeout.get());
    assert!((within..within * 2).contains(&took), "took {took:?}");
    assert!(stalled.is_closed());
}

#[test]
fn a_killed_client_is_closed_though_it_reads_nothing() {
    let faults = Faults { window: 100, ..Faults::NONE };
    let mut simulation = kv_with(faults, limits());
    let [victim, other] = connect(&mut simulation);
    victim.write(&GET.repeat(100));
    simulation.settle();
    assert!(!simulation.tick(), "asleep");
    let id = victim.id().expect("it is served");
    simulation.kill((0, id));
    simulation.settle();
    assert!(simulation.stats.wakes.get() > 0, "the doorbell woke it");
    assert!(victim.is_closed());

    let [successor] = connect(&mut simulation);
    assert_eq!(successor.id().map(|id| id.index), Some(id.index), "the slot is reused");
    simulation.kill((0, id));
    simulation.settle();
    assert!(!successor.is_closed() && !other.is_closed(), "the old name kills nobody");
    simulation.finish();
}

#[test]
fn client_kill_reaches_others_and_answers_oneself() {
    let mut simulation = kv_with(Faults::NONE, limits());
    let [victim, killer] = connect(&mut simulation);
    let id = |peer: &Peer, simulation: &mut Simulation<Kv>| {
        peer.write(b"CLIENT ID\r\n");
        simulation.settle();
        let reply = String::from_utf8(peer.read()).unwrap();
        reply.trim_start_matches(':').trim_end().to_owned()
    };
    let (victims, killers) = (id(&victim, &mut simulation), id(&killer, &mut simulation));
    killer.write(format!("CLIENT KILL ID {victims}\r\n").as_bytes());
    simulation.settle();
    assert_eq!(killer.read(), b":1\r\n");
    assert!(victim.is_closed() && !killer.is_closed());
    killer.write(format!("CLIENT KILL ID {killers} SKIPME no\r\n").as_bytes());
    simulation.settle();
    assert_eq!(killer.read(), b":1\r\n");
    assert!(killer.is_closed());
    simulation.finish();
}

#[test]
fn who_waits_is_answered_by_others_and_goes_on_with_what_it_sent() {
    let mut simulation = kv_with(Faults::NONE, limits());
    let [one, other, pusher] = connect(&mut simulation);
    one.write(b"BLPOP k 0\r\nPING\r\n");
    simulation.settle();
    other.write(b"BLPOP k 1\r\nPING\r\n");
    simulation.settle();
    pusher.write(b"RPUSH k v\r\n");
    simulation.settle();
    assert_eq!(pusher.read(), b":1\r\n");
    assert_eq!(one.read(), b"*2\r\n$1\r\nk\r\n$1\r\nv\r\n+PONG\r\n");
    assert_eq!(other.read(), b"");
    simulation.pass(Duration::from_millis(999));
    assert_eq!(other.read(), b"");
    simulation.pass(Duration::from_millis(1));
    simulation.settle();
    assert_eq!(other.read(), b"*-1\r\n+PONG\r\n");
    simulation.finish();
}

#[test]
fn who_leaves_while_it_waits_takes_nothing() {
    let mut simulation = kv_with(Faults::NONE, limits());
    let [ends, breaks, stays] = connect(&mut simulation);
    for peer in [&ends, &breaks, &stays] {
        peer.write(b"BLPOP k 0\r\nPING\r\n");
        simulation.settle();
    }
    ends.finish();
    breaks.reset();
    simulation.settle();
    assert!(ends.is_closed() && breaks.is_closed() && !stays.is_closed());
    let [pusher] = connect(&mut simulation);
    pusher.write(b"RPUSH k v\r\n");
    simulation.settle();
    assert_eq!(stays.read(), b"*2\r\n$1\r\nk\r\n$1\r\nv\r\n+PONG\r\n");
    simulation.finish();
}

#[test]
fn who_waits_and_goes_on_sending_is_read_so_far_and_no_further() {
    let faults = Faults { buffer_len: 100, ..Faults::NONE };
    let water = Limits { high_water: 4000, low_water: 2000, ..limits() };
    let mut simulation = kv_with(faults, water);
    let [waits, pusher] = connect(&mut simulation);
    waits.write(b"BLPOP k 0\r\n");
    waits.write(&b"PING\r\n".repeat(5000));
    simulation.settle();
    let received = 30_000 - waits.unreceived();
    assert!((4000..8000).contains(&received), "{received} bytes wait with it");
    pusher.write(b"RPUSH k v\r\n");
    let answer = b"*2\r\n$1\r\nk\r\n$1\r\nv\r\n";
    let expected = [&answer[..], &b"+PONG\r\n".repeat(5000)].concat();
    let mut heard = Vec::new();
    while heard.len() < expected.len() {
        simulation.settle();
        let more = waits.read();
        assert!(!more.is_empty(), "asleep after {} bytes", heard.len());
        heard.extend(more);
    }
    assert_eq!(heard, expected);
    simulation.finish();
}

#[test]
fn who_has_passed_the_hard_limit_with_its_last_send_is_closed() {
    let faults = Faults { silent_send: 1.0, early_receive_end: 1.0, ..Faults::NONE };
    let output = OutputLimit { hard: 100, soft: 0, soft_seconds: 0 };
    let mut simulation = echo_with(faults, Limits { output, ..limits() });
    let [peer] = connect(&mut simulation);
    peer.write(&[b'x'; 100]);
    simulation.settle();
    assert!(peer.is_closed());
    simulation.finish();
}

#[test]
fn what_has_left_does_not_count_for_the_hard_limit() {
    for silent_send in [0.0, 1.0] {
        let faults = Faults { silent_send, ..Faults::NONE };
        let output = OutputLimit { hard: 1000, soft: 0, soft_seconds: 0 };
        let mut simulation = echo_with(faults, Limits { output, ..limits() });
        let [peer] = connect(&mut simulation);
        for n in 0..4 {
            peer.write(&[b'x'; 600]);
            simulation.settle();
            assert_eq!(peer.read().len(), 600, "silent {silent_send}, request {n}");
        }
        simulation.finish();
    }
}

/// A client that half-closes behind a request that waits takes nothing with it.
#[test]
fn who_half_closes_while_it_waits_takes_nothing() {
    let faults = Faults { window: 3, ..Faults::NONE };
    let mut simulation = kv_with(faults, limits());
    let [waits, gives] = connect(&mut simulation);
    waits.write(&[GET, GET, b"BLPOP k 0\r\n"].concat());
    waits.finish();
    simulation.settle();
    gives.write(b"RPUSH k v\r\n");
    simulation.settle();
    gives.read();
    simulation.settle();
    gives.read();
    gives.write(b"LLEN k\r\n");
    simulation.settle();
    assert_eq!(gives.read(), b":1\r");
    simulation.finish();
}
