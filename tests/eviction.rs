//! `maxmemory`: how close memory stays to it, and how well keys are chosen that go.

#![allow(unreachable_pub)] // a test has no outside

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::client::encode;
use common::{Backend, Client, Server, Start, program, reply};

const MIB: u64 = 1 << 20;

mod io_uring {
    #[test]
    fn memory_stays_near_the_limit() {
        super::memory_stays_near_the_limit(super::Backend::IoUring);
    }
}

mod epoll {
    #[test]
    fn memory_stays_near_the_limit() {
        super::memory_stays_near_the_limit(super::Backend::Epoll);
    }
}

/// Four connections write as fast as they can on two reactors, and another one looks all the time.
fn memory_stays_near_the_limit(backend: Backend) {
    const LIMIT: u64 = 32 * MIB;
    const WRITERS: u64 = 4;
    const ROUNDS: usize = 1600;
    /// Requests on their way count as used, and must be little beside 2 % of the limit.
    const PIPELINE: usize = 16;
    let server = start(Start::torc(backend).threads(2), LIMIT, "allkeys-lru");
    let write = |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut client = server.connect();
        for round in 0..ROUNDS {
            let value = vec![b'v'; random.usize(1..3000)];
            let set = |n| encode(&[b"SET", format!("{seed}:{round}:{n}").as_bytes(), &value]);
            let sets: Vec<u8> = (0..PIPELINE).flat_map(set).collect();
            client.send(sets);
            client.expect(b"+OK\r\n".repeat(PIPELINE));
        }
    };
    let done = AtomicBool::new(false);
    let highest = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let (mut client, mut highest) = (server.connect(), 0);
            while !done.load(Ordering::Relaxed) {
                highest = highest.max(info(&mut client, "used_memory"));
            }
            highest
        });
        let writers: Vec<_> = (0..WRITERS).map(|seed| scope.spawn(move || write(seed))).collect();
        let written: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(written.iter().all(Result::is_ok));
        watch.join().expect("the watcher gets its replies")
    });
    assert!(highest <= LIMIT + LIMIT / 50, "{highest} of {LIMIT} bytes were in use");
    let mut client = server.connect();
    let used = info(&mut client, "used_memory");
    assert!(used > LIMIT / 10 * 9, "only {used} of {LIMIT} bytes are in use");
    let (keys, evicted) = (client.integer("DBSIZE") as u64, info(&mut client, "evicted_keys"));
    assert_eq!(keys + evicted, WRITERS * (ROUNDS * PIPELINE) as u64, "no key is lost otherwise");
}

#[test]
fn as_many_keys_are_found_as_in_redis_server_under_lru() {
    compare_hits("allkeys-lru");
}

#[test]
fn as_many_keys_are_found_as_in_redis_server_under_lfu() {
    compare_hits("allkeys-lfu");
}

/// The same requests to both servers, with the same limit.
fn compare_hits(policy: &str) {
    if !program::installed("redis-server") {
        return;
    }
    const LIMIT: u64 = 8 * MIB;
    let hits = |start: Start| cache(&mut self::start(start, LIMIT, policy).connect());
    let (torc, redis) = (hits(Start::torc(Backend::Epoll).threads(1)), hits(Start::redis()));
    assert!(torc >= redis, "{policy}: {torc} hits, and {redis} in redis-server");
}

/// Uses the server as a cache of items, of which few are asked for often and most hardly ever.
/// Returns how many were found.
fn cache(client: &mut Client) -> usize {
    const ITEMS: usize = 300_000;
    const BATCHES: usize = 6_000;
    const BATCH: usize = 64;
    let zipf = Zipf::new(ITEMS);
    let mut random = fastrand::Rng::with_seed(7);
    let value = [b'v'; 100];
    let mut hits = 0;
    for _ in 0..BATCHES {
        let keys: Vec<String> =
            (0..BATCH).map(|_| format!("item:{}", zipf.draw(&mut random))).collect();
        client.send(keys.iter().flat_map(|key| encode(&["GET", key])).collect::<Vec<_>>());
        let found: Vec<bool> = keys.iter().map(|_| client.read_reply().len() > 5).collect();
        hits += found.iter().filter(|found| **found).count();
        let missed = keys.iter().zip(found).filter(|(_, found)| !found);
        let sets: Vec<Vec<u8>> =
            missed.map(|(key, _)| encode(&[b"SET", key.as_bytes(), &value])).collect();
        client.send(sets.concat());
        client.expect(b"+OK\r\n".repeat(sets.len()));
    }
    assert!(info(client, "evicted_keys") > 0, "there is room for all");
    hits
}

/// Draws numbers below some bound; the n-th is drawn one n-th as often as the first.
struct Zipf {
    /// The weight of each number and those before it.
    up_to: Vec<f64>,
}

impl Zipf {
    fn new(numbers: usize) -> Self {
        let mut sum = 0.0;
        let up_to = (1..=numbers).map(|n| {
            sum += 1.0 / n as f64;
            sum
        });
        Self { up_to: up_to.collect() }
    }

    fn draw(&self, random: &mut fastrand::Rng) -> usize {
        let weight = random.f64() * self.up_to.last().expect("there are numbers");
        self.up_to.partition_point(|up_to| *up_to < weight)
    }
}

#[test]
fn a_lowered_limit_is_reached_without_a_request() {
    const LIMIT: u64 = 8 * MIB;
    let server = start(Start::torc(Backend::Epoll).threads(2), 0, "allkeys-random");
    let mut client = server.connect();
    for batch in 0..100 {
        let sets: Vec<u8> = (0..100)
            .flat_map(|i| encode(&["SET", &format!("key{batch}-{i}"), &"v".repeat(2000)]))
            .collect();
        client.send(sets);
        client.expect(b"+OK\r\n".repeat(100));
    }
    assert!(info(&mut client, "used_memory") > 2 * LIMIT);
    client.talk(&[(&format!("CONFIG SET maxmemory {LIMIT}"), "+OK\r\n")]);
    let mut used = u64::MAX;
    for _ in 0..100_000 {
        used = info(&mut client, "used_memory");
        if used <= LIMIT {
            break;
        }
    }
    assert!(used <= LIMIT, "{used} bytes are in use");
    assert!(client.integer("DBSIZE") > 1000, "no more is given up than must be");
}

#[test]
fn volatile_policies_spare_keys_that_stay() {
    for policy in ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"] {
        let server = start(Start::torc(Backend::Epoll).threads(2), 8 * MIB, policy);
        let mut client = server.connect();
        let value = "v".repeat(1000);
        for i in 0..1000 {
            client.talk(&[(&format!("SET stays{i} {value}"), "+OK\r\n")]);
        }
        for i in 0..10_000 {
            client.talk(&[(&format!("SET goes{i} {value} EX {}", 10_000 + i), "+OK\r\n")]);
        }
        assert!(info(&mut client, "evicted_keys") > 3000);
        let stay: String = (0..1000).map(|i| format!(" stays{i}")).collect();
        assert_eq!(client.integer(&format!("EXISTS{stay}")), 1000, "{policy}");
        if policy == "volatile-ttl" {
            // Those written last expire last. Keys are sampled, so that some of the first survive.
            let (old, new): (Vec<_>, Vec<_>) =
                (0..500).map(|i| (format!(" goes{i}"), format!(" goes{}", 9_999 - i))).unzip();
            assert_eq!(client.integer(&format!("EXISTS{}", new.concat())), 500);
            let old = client.integer(&format!("EXISTS{}", old.concat()));
            assert!(old < 100, "{old} of the first 500 are there");
        }
    }
}

/// A large collection is freed on another thread. What is on its way counts as free, or keys would
/// go, and writes be refused, for memory that comes back anyway.
#[test]
fn what_is_being_freed_counts_as_free() {
    const FIELDS: usize = 200_000;
    const KEYS: usize = 10_000;
    let server = start(Start::torc(Backend::Epoll).threads(2), 0, "volatile-lru");
    let mut client = server.connect();
    let field = |i: usize| encode(&["HSET", "large", &format!("field{i}"), &"v".repeat(100)]);
    for i in (0..FIELDS).step_by(1000) {
        client.send((i..i + 1000).flat_map(field).collect::<Vec<_>>());
        client.expect(b":1\r\n".repeat(1000));
    }
    client.talk(&[("EXPIRE large 1000", ":1\r\n")]);
    let limit = info(&mut client, "used_memory") + MIB;
    client.talk(&[(&format!("CONFIG SET maxmemory {limit}"), "+OK\r\n")]);
    for i in (0..KEYS).step_by(100) {
        let set = |i: usize| encode(&["SET", &format!("key{i}"), &"v".repeat(1000)]);
        client.send((i..i + 100).flat_map(set).collect::<Vec<_>>());
        client.expect(b"+OK\r\n".repeat(100));
    }
    client.talk(&[("EXISTS large", ":0\r\n"), ("DBSIZE", &format!(":{KEYS}\r\n"))]);
    assert_eq!(info(&mut client, "evicted_keys"), 1);
}

fn start(start: Start, limit: u64, policy: &str) -> Server {
    start.flag("maxmemory", &limit.to_string()).flag("maxmemory-policy", policy).start()
}

/// A number that INFO tells.
fn info(client: &mut Client, name: &str) -> u64 {
    let reply = client.call("INFO");
    let text = String::from_utf8_lossy(reply::text(&reply).expect("INFO is text")).into_owned();
    let field = format!("{name}:");
    let line = text.lines().find_map(|line| line.strip_prefix(&field));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{name} in {text}"))
}
