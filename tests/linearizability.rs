//! Several clients of two reactors change the same few keys at once: there is an order of all requests
//! that explains every reply, and in which none comes before one that had its reply before the other
//! was sent.
//!
//! The search is that of Wing and Gong, with Lowe's memory of what was tried: requests that could come
//! next are tried against a model until all are in order. A history is that of a few keys together, so
//! that MSET and RENAME must be seen whole. `TORC_SEED=42 TORC_ROUNDS=10000` as elsewhere.

#![allow(unreachable_pub)] // a test has no outside

mod common;
#[allow(dead_code)] // fuzzing has requests of which the model knows nothing
#[path = "common/model.rs"]
mod model;

use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use common::client::encode;
use common::{Backend, Client, Server, Start, escaped, number};
use fastrand::Rng;
use model::Model;

/// Clients, each with a connection of its own.
const CLIENTS: usize = 4;
/// Histories for each backend. Each has keys of its own.
const ROUNDS: usize = 150;
/// Requests of a client in one history.
const REQUESTS: usize = 40;
/// Keys of a history.
const KEYS: usize = 3;

#[test]
fn histories_can_be_explained_on_io_uring() {
    run(Backend::IoUring);
}

#[test]
fn histories_can_be_explained_on_epoll() {
    run(Backend::Epoll);
}

fn run(backend: Backend) {
    let seed = number("TORC_SEED").unwrap_or_else(|| fastrand::u64(..));
    let rounds = number("TORC_ROUNDS").map_or(ROUNDS, |rounds| rounds as usize);
    let server = Start::torc(backend).threads(2).start();
    let mut random = Rng::with_seed(seed);
    let mut clients = connect(&server);
    for round in 0..rounds {
        let history = record(&mut clients, round, &mut random);
        if let Err(position) = explain(&history) {
            panic!("TORC_SEED={seed}, round {round}\n{}", shown(&history, position));
        }
    }
}

/// Connections are dealt out to the reactors in turn.
fn connect(server: &Server) -> Vec<Client> {
    (0..CLIENTS).map(|_| server.connect()).collect()
}

/// A request and its reply, with moments before and after it.
struct Operation {
    words: Vec<Vec<u8>>,
    reply: Vec<u8>,
    sent: u64,
    answered: u64,
}

/// What each client has asked, in order.
type History = Vec<Vec<Operation>>;

/// How many operations of each client are in order.
type Position = [usize; CLIENTS];

/// Lets all clients ask at the same time.
fn record(clients: &mut [Client], round: usize, random: &mut Rng) -> History {
    let (clock, start) = (AtomicU64::new(0), Barrier::new(clients.len()));
    std::thread::scope(|scope| {
        let threads = clients.iter_mut().map(|client| {
            let (clock, start, mut random) = (&clock, &start, random.fork());
            scope.spawn(move || {
                start.wait();
                ask(client, clock, round, &mut random)
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().expect("it is answered")).collect()
    })
}

/// One client's requests, one by one or a few at once.
fn ask(client: &mut Client, clock: &AtomicU64, round: usize, random: &mut Rng) -> Vec<Operation> {
    let mut operations = Vec::new();
    while operations.len() < REQUESTS {
        let requests: Vec<_> = (0..random.usize(1..4)).map(|_| request(round, random)).collect();
        let sent = clock.fetch_add(1, Ordering::SeqCst);
        client.send(requests.iter().flat_map(|words| encode(words)).collect::<Vec<_>>());
        for words in requests {
            let reply = client.read_reply();
            let answered = clock.fetch_add(1, Ordering::SeqCst);
            operations.push(Operation { words, reply, sent, answered });
        }
    }
    operations
}

/// A request that reads or changes keys of this round. Values are few, so that conditions are met.
fn request(round: usize, random: &mut Rng) -> Vec<Vec<u8>> {
    let mut key = || format!("{round}:{}", random.usize(..KEYS));
    let (one, other) = (key(), key());
    let value = random.u8(..10);
    let line = match random.usize(..24) {
        0..4 => format!("GET {one}"),
        4 | 5 => format!("SET {one} {value}"),
        6 => format!("SET {one} {value} NX"),
        7 => format!("SET {one} {value} XX"),
        8 => format!("SETNX {one} {value}"),
        9 => format!("GETSET {one} {value}"),
        10 => format!("GETDEL {one}"),
        11..14 => format!("INCRBY {one} {value}"),
        14 => format!("APPEND {one} {value}"),
        15 => format!("DEL {one} {other}"),
        16..18 => format!("MGET {one} {other}"),
        18 => format!("MSET {one} {value} {other} {value}"),
        19 => format!("MSETNX {one} {value} {other} {value}"),
        20 => format!("RENAME {one} {other}"),
        21 => format!("RPUSH {one} {value}"),
        22 => format!("LPOP {one}"),
        _ => format!("EXISTS {one} {other}"),
    };
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// Looks for an order that explains the replies. If there is none, how far the longest one came.
fn explain(history: &History) -> Result<(), Position> {
    let mut seen = HashSet::new();
    let mut tries = vec![([0; CLIENTS], Model::default())];
    let mut longest = [0; CLIENTS];
    while let Some((position, model)) = tries.pop() {
        if position.iter().sum::<usize>() > longest.iter().sum() {
            longest = position;
        }
        let next = || (0..CLIENTS).filter_map(|n| Some((n, history.get(n)?.get(position[n])?)));
        // Whatever was answered before another was sent comes before it.
        let Some(first_answer) = next().map(|(_, operation)| operation.answered).min() else {
            return Ok(());
        };
        for (client, operation) in next().filter(|(_, next)| next.sent < first_answer) {
            let (mut position, mut model) = (position, model.clone());
            position[client] += 1;
            let expected = model.expect(&operation.words).expect("it is modelled");
            if expected == operation.reply && seen.insert((position, model.clone())) {
                tries.push((position, model));
            }
        }
    }
    Err(longest)
}

/// The requests around the place from which on no order explains the replies.
fn shown(history: &History, position: Position) -> String {
    let mut text =
        "after each client's requests up to -> no order explains the replies\n".to_owned();
    for (client, operations) in history.iter().enumerate() {
        let at = position[client];
        let near = operations.iter().enumerate().skip(at.saturating_sub(4)).take(8);
        for (n, Operation { words, reply, sent, answered }) in near {
            let mark = if n == at { "->" } else { "  " };
            let line = String::from_utf8_lossy(&words.join(&b' ')).into_owned();
            text += &format!(
                "{mark} client {client}, {sent} to {answered}: {line}: {}\n",
                escaped(reply)
            );
        }
    }
    text
}

/// A history of one request a client, with the moments before and after it.
fn history(operations: &[(&str, &str, [u64; 2])]) -> History {
    let operation = |&(line, reply, [sent, answered]): &(&str, &str, [u64; 2])| {
        let words = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        vec![Operation { words, reply: reply.into(), sent, answered }]
    };
    operations.iter().map(operation).collect()
}

#[test]
fn an_order_is_found_if_there_is_one() {
    let seen = |reply| {
        history(&[
            ("SET k 1", "+OK\r\n", [0, 5]),
            ("GET k", reply, [1, 2]),
            ("GET k", "$1\r\n1\r\n", [3, 4]),
        ])
    };
    assert_eq!(explain(&seen("$-1\r\n")), Ok(()));
    assert_eq!(explain(&seen("$1\r\n1\r\n")), Ok(()));
}

#[test]
fn what_no_order_explains_is_noticed() {
    for wrong in [
        // An increment is lost.
        [("INCRBY k 1", ":1\r\n", [0, 3]), ("INCRBY k 1", ":1\r\n", [1, 2])],
        // Read after it was written, and not seen.
        [("SET k 1", "+OK\r\n", [0, 1]), ("GET k", "$-1\r\n", [2, 3])],
        // Seen half.
        [("MSET k 1 l 1", "+OK\r\n", [0, 3]), ("MGET k l", "*2\r\n$1\r\n1\r\n$-1\r\n", [1, 2])],
        // Both were first.
        [("SETNX k 1", ":1\r\n", [0, 3]), ("SETNX k 2", ":1\r\n", [1, 2])],
    ] {
        assert!(explain(&history(&wrong)).is_err(), "{wrong:?}");
    }
    // The second reader sees less than the first, who was done before it began.
    let back = history(&[
        ("SET k 1", "+OK\r\n", [0, 5]),
        ("GET k", "$1\r\n1\r\n", [1, 2]),
        ("GET k", "$-1\r\n", [3, 4]),
    ]);
    assert_eq!(explain(&back), Err([1, 1, 0, 0]));
}
