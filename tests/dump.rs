//! DUMP on one server, RESTORE on the other: torc and redis-server hand values to each other.

#![allow(unreachable_pub)] // a test has no outside

mod common;

use common::client::encode;
use common::{Backend, Client, Server, Start, program, reply};

const ROUNDS: usize = 400;

#[test]
fn values_travel_both_ways() {
    if !program::installed("redis-server") {
        return;
    }
    let redis = Start::redis().flag("enable-debug-command", "yes");
    let servers = [redis.start(), Start::judged(Backend::Epoll).start()];
    let mut clients = servers.each_ref().map(Server::connect);
    // Elements from there on are nodes of their own.
    clients[0].talk(&[("DEBUG QUICKLIST-PACKED-THRESHOLD 4000b", "+OK\r\n")]);
    // Large nodes of lists, and either form of the other collections.
    for (name, value) in [
        ("list-max-listpack-size", "-5"),
        ("hash-max-listpack-entries", "20"),
        ("zset-max-listpack-entries", "20"),
        ("set-max-intset-entries", "20"),
    ] {
        for client in &mut clients {
            client.talk(&[(&format!("CONFIG SET {name} {value}"), "+OK\r\n")]);
        }
    }
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..ROUNDS {
        let build = build(&mut random, round);
        for (from, to) in [(0, 1), (1, 0)] {
            let source = &mut clients[from];
            source.talk(&[("FLUSHALL", "+OK\r\n")]);
            let built = call(source, &build);
            assert_ne!(built[0], b'-', "{}", String::from_utf8_lossy(&built));
            let expected = content(source);
            let dump = source.call("DUMP k");
            let dump = reply::text(&dump).expect("the key is there").to_vec();
            let target = &mut clients[to];
            target.talk(&[("FLUSHALL", "+OK\r\n")]);
            let restored = call(target, &[&b"RESTORE"[..], b"k", b"0", &dump]);
            assert_eq!(String::from_utf8_lossy(&restored), "+OK\r\n", "round {round}, to {to}");
            assert!(content(target) == expected, "round {round}, to {to}");
        }
    }
}

/// A command that builds a value at `k`, of each type in turn.
fn build(random: &mut fastrand::Rng, round: usize) -> Vec<Vec<u8>> {
    let len = if random.bool() { random.usize(1..20) } else { random.usize(20..400) };
    let mut words: Vec<Vec<u8>> = Vec::new();
    let name = ["SET", "RPUSH", "SADD", "HSET", "ZADD"][round % 5];
    words.extend([name.into(), b"k".into()]);
    let only_integers = random.bool();
    let word = |random: &mut fastrand::Rng| match only_integers {
        true => random.i64(-40_000..40_000).to_string().into_bytes(),
        false => text(random),
    };
    match name {
        "SET" => words.push(text(random)),
        "RPUSH" | "SADD" => words.extend((0..len).map(|_| word(random))),
        "HSET" => words.extend((0..2 * len).map(|_| word(random))),
        _ => {
            for _ in 0..len {
                words.push(score(random));
                words.push(word(random));
            }
        }
    }
    words
}

/// Integers of every width, texts that can be compressed and such that cannot, and lengths at which
/// headers grow.
fn text(random: &mut fastrand::Rng) -> Vec<u8> {
    const LENGTHS: [usize; 12] = [0, 1, 63, 64, 120, 127, 128, 4095, 4096, 16_377, 16_378, 16_384];
    let length = match random.u8(..40) {
        0 => LENGTHS[random.usize(..LENGTHS.len())],
        1..8 => LENGTHS[random.usize(..7)],
        _ => random.usize(..50),
    };
    match random.u8(..4) {
        0 => (random.i64(..) >> random.u8(..64)).to_string().into_bytes(),
        1 => vec![random.alphanumeric() as u8; length],
        2 => (0..length).map(|_| random.u8(b'a'..=b'c')).collect(),
        _ => (0..length).map(|_| random.u8(..)).collect(),
    }
}

fn score(random: &mut fastrand::Rng) -> Vec<u8> {
    match random.u8(..10) {
        0 => b"inf".into(),
        1 => b"-inf".into(),
        2..6 => random.i32(-5000..5000).to_string().into(),
        6 => b"5e-324".into(),
        _ => format!("{:e}", (random.f64() - 0.5) * 10f64.powi(random.i32(-20..20))).into(),
    }
}

/// Type and elements of `k`, in an order that does not depend on the server.
fn content(client: &mut Client) -> Vec<Vec<u8>> {
    let kind = client.text("TYPE k");
    let (line, group) = match &*kind {
        "string" => ("GET k", 0),
        "list" => ("LRANGE k 0 -1", 0),
        "set" => ("SMEMBERS k", 1),
        "hash" => ("HGETALL k", 2),
        _ => ("ZRANGE k 0 -1 WITHSCORES", 0),
    };
    let reply = client.call(line);
    let elements = reply::elements(&reply).unwrap_or_else(|| vec![&reply]);
    let mut content: Vec<Vec<u8>> = match group {
        0 => elements.into_iter().map(<[u8]>::to_vec).collect(),
        group => {
            let mut groups: Vec<_> = elements.chunks(group).map(<[_]>::concat).collect();
            groups.sort();
            groups
        }
    };
    content.push(kind.into_bytes());
    content
}

fn call(client: &mut Client, words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    client.send(encode(words));
    client.read_reply()
}
