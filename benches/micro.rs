//! Nanoseconds of the protocol alone: requests parsed, replies written, numbers read and printed;
//! of the store alone; and of commands, from the words to the reply.
//!
//! `cargo bench --bench micro` measures; `cargo bench --bench micro -- --test` only runs each once.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use torc::clock::Now;
use torc::command::dispatch::Worker;
use torc::command::table::TABLE;
use torc::config::Config;
use torc::instance::{Instance, ReactorLink};
use torc::mailbox::{ConnId, Doorbell, Mailbox, Stop};
use torc::number::{format_f64, parse_f64, parse_i64};
use torc::output::Output;
use torc::peer::{Peer, PeerAddress};
use torc::resp::OwnedArgs;
use torc::resp::limits::Limits;
use torc::resp::reply::{Reply, Version};
use torc::resp::request::{Parser, Status};
use torc::session::Session;
use torc::stats::{Clients, ReactorStats};
use torc::store::{Expiry, Keyspace, New, Sought};

const LIMITS: Limits = Limits { authenticated: true, max_bulk_len: 512 << 20 };

fn requests(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    let value = "v".repeat(64);
    let get = encode(&["GET", "key:000000012345"]);
    let set = encode(&["SET", "key:000000012345", &value]);
    let mget = encode(&["key:000000012345"; 101]);
    let cases = [
        ("GET", get.clone(), 1),
        ("SET of 64 bytes", set.clone(), 1),
        ("MGET of 100 keys", mget, 1),
        ("inline PING", b"PING\r\n".to_vec(), 1),
        ("64 times GET", get.repeat(64), 64),
        ("64 times SET", set.repeat(64), 64),
    ];
    for (name, stream, count) in cases {
        group.throughput(Throughput::Elements(count));
        let mut parser = Parser::new();
        group
            .bench_function(name, |b| b.iter(|| parse_all(&mut parser, black_box(&stream), count)));
    }
}

/// Returns the bytes of all last arguments, so that none can be left out.
fn parse_all(parser: &mut Parser, stream: &[u8], count: u64) -> usize {
    let (mut input, mut bytes) = (stream, 0);
    for _ in 0..count {
        let Ok(Status::Complete { consumed }) = parser.parse(input, &LIMITS) else {
            panic!("the stream holds whole requests");
        };
        let args = parser.args(input);
        bytes += args[args.len() - 1].len();
        input = &input[consumed..];
    }
    bytes
}

fn encode(args: &[&str]) -> Vec<u8> {
    let header = format!("*{}\r\n", args.len());
    let args = args.iter().map(|arg| format!("${}\r\n{arg}\r\n", arg.len()));
    std::iter::once(header).chain(args).collect::<String>().into_bytes()
}

fn replies(c: &mut Criterion) {
    let mut group = c.benchmark_group("reply");
    let value = [b'v'; 64];
    let mut measure = |name: &str, write: &dyn Fn(&mut Reply<'_>)| {
        let mut output = Output::new();
        group.bench_function(name, |b| {
            b.iter(|| {
                output.clear();
                for _ in 0..64 {
                    write(&mut Reply::new(black_box(&mut output), Version::V2));
                }
            });
        });
    };
    measure("64 times OK", &|reply| reply.ok());
    measure("64 times a bulk string of 64 bytes", &|reply| reply.bulk(black_box(&value)));
    measure("64 times null", &|reply| reply.null());
    measure("64 times a small integer", &|reply| reply.integer(black_box(1)));
    measure("64 times a large integer", &|reply| reply.integer(black_box(1_234_567_890)));
    measure("64 times a double", &|reply| reply.double(black_box(0.1)));
}

fn numbers(c: &mut Criterion) {
    let mut group = c.benchmark_group("number");
    group.bench_function("parse 5 digits", |b| b.iter(|| parse_i64(black_box(b"12345"))));
    group.bench_function("parse 19 digits", |b| {
        b.iter(|| parse_i64(black_box(b"-1234567890123456789")));
    });
    group.bench_function("parse a double", |b| b.iter(|| parse_f64(black_box(b"12345.678"))));
    group.bench_function("print a double", |b| b.iter(|| format_f64(black_box(12345.678))));
    group.bench_function("print a whole double", |b| b.iter(|| format_f64(black_box(12345.0))));
}

fn store(c: &mut Criterion) {
    let mut group = c.benchmark_group("store");
    for (count, keys) in [(10_000, "10 k keys"), (1_000_000, "1 M keys")] {
        let mut keyspace = Keyspace::all(1, 1).swap_remove(0);
        keyspace.set_now(Now::read());
        keyspace.enter();
        let key = |number: usize| format!("key:{number:012}").into_bytes();
        let set = |keyspace: &mut Keyspace, key: &[u8]| {
            keyspace.write(0, key, |slot| slot.set(New::string(&[b'v'; 64]), Expiry::Clear));
        };
        (0..count).for_each(|number| set(&mut keyspace, &key(number)));
        // Drawn beforehand: more of them than the processor's cache can keep entries of.
        let mut random = fastrand::Rng::with_seed(0);
        let drawn: Vec<_> = (0..1 << 16).map(|_| key(random.usize(..count))).collect();
        let mut next = drawn.iter().cycle();
        let mut next = || black_box(next.next().expect("a cycle has no end"));
        group.bench_function(format!("read among {keys}"), |b| {
            b.iter(|| keyspace.read(0, next()).map(|value| value.encoding()));
        });
        group.bench_function(format!("write 64 bytes among {keys}"), |b| {
            b.iter(|| set(&mut keyspace, next()));
        });
        group.bench_function(format!("fetch ahead and read 16 among {keys}"), |b| {
            b.iter(|| {
                let batch: [_; 16] = std::array::from_fn(|_| next());
                let mut ahead = batch.map(|key| keyspace.fetch_bucket(0, key, Sought::Entry));
                ahead.iter_mut().flatten().for_each(|ahead| {
                    keyspace.fetch_entry(ahead);
                });
                batch.map(|key| keyspace.read(0, key).map(|value| value.encoding()))
            });
        });
    }
}

fn commands(c: &mut Criterion) {
    let mut group = c.benchmark_group("command");
    group.bench_function("look up GET", |b| b.iter(|| TABLE.find(black_box(b"GET")).is_some()));
    let value = "v".repeat(64);
    let set = ["SET", "key:000000012345", &value];
    for (name, words) in [
        ("SET of 64 bytes over as many", &set[..]),
        ("GET of 64 bytes", &["GET", "key:000000012345"]),
        ("GET of a missing key", &["GET", "key:000000054321"]),
        ("INCR", &["INCR", "counter"]),
    ] {
        for (reactors, keys) in [(1, "one reactor"), (2, "shared keys")] {
            let (mut worker, mut session) = server(reactors);
            let mut output = Output::new();
            let now = Now::read();
            let mut run = |words: &OwnedArgs| {
                output.clear();
                let args = words.as_args();
                let found = worker.look_up(args);
                worker.dispatch(found, &mut session, args, &mut output, now);
            };
            run(&set.iter().collect());
            let words: OwnedArgs = words.iter().collect();
            group.bench_function(format!("{name}, {keys}"), |b| b.iter(|| run(black_box(&words))));
        }
    }
}

/// The first reactor of a server, inside a batch, and a client.
fn server(reactors: usize) -> (Worker, Session) {
    let doorbell = Arc::new(Doorbell::silent());
    let link = || {
        let mailbox = Arc::new(Mailbox::new(16, doorbell.clone()));
        ReactorLink::new(mailbox, Arc::new(ReactorStats::default()), TABLE.numbers())
    };
    let config = Config::default();
    let mut keyspaces = Keyspace::all(config.databases, reactors);
    let links = (0..reactors).map(|_| link()).collect();
    let stop = Arc::new(Stop::new(vec![doorbell.clone()]));
    let instance = Arc::new(Instance::new(config, Arc::new(Clients::new(1)), links, stop));
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let peer = Peer {
        id: ConnId { index: 0, generation: 0 },
        reactor: 0,
        fd: 0,
        address: PeerAddress::Tcp { peer: local, local },
        connected: instance.started.steady,
    };
    let session = Session::new(instance.clients.add(peer), true);
    let mut keyspace = keyspaces.swap_remove(0);
    keyspace.enter();
    (Worker::new(keyspace, instance, 0), session)
}

criterion_group!(benches, requests, replies, numbers, store, commands);
criterion_main!(benches);
