//! The load generator of the benches: it must see every wrong byte, or its figures mean nothing.

#![allow(unreachable_pub)] // a test has no outside
#![allow(dead_code)] // the benches use all of it

#[path = "../benches/load/mod.rs"]
mod load;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use load::workload::{Number, Operation, Protocol, Template, Workload, number};
use load::{Generator, Load, fill};

const SHORT: Duration = Duration::from_millis(5);

#[test]
fn requests_and_replies_are_what_the_protocols_say() {
    let written = |template: &Template| {
        let mut bytes = Vec::new();
        template.append(&number(4711), &mut bytes);
        String::from_utf8(bytes).expect("all of it is text")
    };
    let both = |protocol, operation, value| {
        let workload = Workload::new(protocol, operation, value);
        (written(&workload.request), written(&workload.reply))
    };
    let pair = |request: &str, reply: &str| (request.to_owned(), reply.to_owned());
    let (redis, memcached) = (Protocol::Redis, Protocol::Memcached);
    assert_eq!(
        both(redis, Operation::Set, 8),
        pair("*3\r\n$3\r\nSET\r\n$16\r\nkey:000000004711\r\n$8\r\nv0004711\r\n", "+OK\r\n")
    );
    assert_eq!(
        both(redis, Operation::Get, 16),
        pair("*2\r\n$3\r\nGET\r\n$16\r\nkey:000000004711\r\n", "$16\r\nv000000004711abc\r\n")
    );
    assert_eq!(
        both(memcached, Operation::Set, 3),
        pair("set key:000000004711 0 0 3\r\nv11\r\n", "STORED\r\n")
    );
    assert_eq!(
        both(memcached, Operation::Get, 3),
        pair("get key:000000004711\r\n", "VALUE key:000000004711 0 3\r\nv11\r\nEND\r\n")
    );
    assert_eq!(both(redis, Operation::Echo, 1), pair("v", "v"));
    assert_eq!(both(redis, Operation::Echo, 14), pair("v000000004711a", "v000000004711a"));
}

#[test]
fn every_piece_of_a_reply_is_compared() {
    let workload = Workload::new(Protocol::Memcached, Operation::Get, 30);
    let (right, wrong): (Number, Number) = (number(123_456_789_012), number(223_456_789_012));
    let mut reply = Vec::new();
    workload.reply.append(&right, &mut reply);
    for start in 0..reply.len() {
        for end in start + 1..=reply.len() {
            let piece = &reply[start..end];
            assert!(workload.reply.matches(start, piece, &right), "{start}..{end}");
            for at in 0..piece.len() {
                let mut changed = piece.to_vec();
                changed[at] ^= 1;
                assert!(!workload.reply.matches(start, &changed, &right), "{start}..{end} at {at}");
            }
        }
    }
    assert!(!workload.reply.matches(0, &reply, &wrong), "another key's value");
}

#[test]
fn what_is_answered_is_counted() {
    let address = serve(|bytes| bytes.to_vec());
    let load =
        Load { operation: Operation::Echo, connections: 7, pipeline: 3, value: 50, keys: 1000 };
    let mut generator = Generator::connect(address, Protocol::Redis, &load).unwrap();
    let first = generator.run(SHORT).unwrap();
    let second = generator.run(SHORT).unwrap();
    assert_eq!(first.latency.len(), first.requests);
    assert!(second.time >= SHORT && second.requests > 0);
    let all = generator.finish().unwrap();
    let on_the_way = all - first.requests - second.requests;
    assert!(on_the_way <= 7 * 3, "{on_the_way} requests were answered after the second run");
}

#[test]
fn filling_writes_each_key_once() {
    let (sender, written) = std::sync::mpsc::channel();
    let address = serve(move |bytes| {
        sender.send(bytes.to_vec()).expect("somebody listens");
        b"STORED\r\n".repeat(bytes.iter().filter(|byte| **byte == b's').count())
    });
    fill(address, Protocol::Memcached, 5000, 8).unwrap();
    let bytes: Vec<u8> = written.try_iter().flatten().collect();
    assert_eq!(bytes.len(), 5000 * b"set key:000000000000 0 0 8\r\nv0000000\r\n".len());
}

#[test]
fn a_wrong_reply_fails_the_run() {
    for reply in ["-ERR no\r\n", "$-1\r\n", "$3\r\nv00\r\n$3\r\nv00\r\n", "$3\r\nv99\r\n"] {
        let address = serve(move |_| reply.as_bytes().to_vec());
        let load =
            Load { operation: Operation::Get, connections: 1, pipeline: 1, value: 3, keys: 1 };
        let mut generator = Generator::connect(address, Protocol::Redis, &load).unwrap();
        let error = generator.run(Duration::from_secs(10)).err().expect(reply);
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    }
}

#[test]
fn a_closed_connection_fails_the_run() {
    let address = serve(|_| Vec::new());
    let load = Load { operation: Operation::Echo, connections: 2, pipeline: 1, value: 3, keys: 1 };
    let mut generator = Generator::connect(address, Protocol::Redis, &load).unwrap();
    let error = generator.run(Duration::from_secs(10)).err().expect("nobody is there");
    assert!([ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind()));
}

/// A server with a thread a connection, which answers what it has read; and closes if with nothing.
fn serve(answer: impl Fn(&[u8]) -> Vec<u8> + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            thread::spawn(move || talk(stream, answer));
        }
    });
    address
}

fn talk(mut stream: TcpStream, answer: impl Fn(&[u8]) -> Vec<u8>) {
    let mut buffer = [0; 1 << 16];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        let reply = answer(&buffer[..read]);
        if reply.is_empty() || stream.write_all(&reply).is_err() {
            return;
        }
    }
}
