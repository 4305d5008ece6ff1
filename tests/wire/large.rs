//! Values of many megabytes.

use super::{connected, with};
use crate::common::client::{encode, request};

const SIZE: usize = 10_000_000;

fn large() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..SIZE).map(|_| random.u8(..)).collect()
}

#[test]
fn there_and_back() {
    let (_server, mut client) = connected();
    let value = large();
    client.send(encode(&[&b"SET"[..], b"k", &value[..]]));
    client.expect(b"+OK\r\n");
    let reply = [format!("${SIZE}\r\n").as_bytes(), &value, b"\r\n"].concat();
    for _ in 0..3 {
        client.ask("GET k");
        client.expect(&reply);
    }
    client.talk(&[("STRLEN k", ":10000000\r\n"), ("APPEND k end", ":10000003\r\n")]);
    client.talk(&[("GETRANGE k 10000000 -1", "$3\r\nend\r\n")]);
    client.ask("GETDEL k");
    client.expect([b"$10000003\r\n", &value[..], b"end\r\n"].concat());
}

/// A reply may still be on its way when the value changes.
#[test]
fn replaced_while_being_read() {
    let server = with().threads(2).start();
    let (mut reader, mut writer) = (server.connect(), server.connect());
    let (first, second) = (vec![b'1'; SIZE], vec![b'2'; SIZE]);
    writer.send(encode(&[&b"SET"[..], b"k", &first[..]]));
    writer.expect(b"+OK\r\n");
    for _ in 0..3 {
        reader.send(request("GET k"));
        writer.send(encode(&[&b"SET"[..], b"k", &second[..]]));
        writer.expect(b"+OK\r\n");
        writer.send(encode(&[&b"SET"[..], b"k", &first[..]]));
        let reply = reader.read_reply();
        let value = &reply[b"$10000000\r\n".len()..reply.len() - 2];
        assert_eq!(value.len(), SIZE);
        assert!(value.iter().all(|byte| *byte == value[0]), "two values are mixed");
        writer.expect(b"+OK\r\n");
    }
}

/// Many kilobytes in many sizes, around the sizes of buffers.
#[test]
fn sizes_around_powers_of_two() {
    let (_server, mut client) = connected();
    for power in 0..=20 {
        for size in [(1 << power) - 1, 1 << power, (1 << power) + 1] {
            let value: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            client.send(encode(&[&b"SET"[..], b"k", &value[..]]));
            client.send(request("GET k"));
            client.expect([format!("+OK\r\n${size}\r\n").as_bytes(), &value, b"\r\n"].concat());
        }
    }
}

/// Large replies among small ones keep their order.
#[test]
fn large_among_small() {
    let (_server, mut client) = connected();
    let value = "x".repeat(300_000);
    client.talk(&[(&format!("SET large {value}"), "+OK\r\n"), ("SET small s", "+OK\r\n")]);
    let requests = [request("GET large"), request("GET small"), request("PING")].concat();
    let replies = format!("$300000\r\n{value}\r\n$1\r\ns\r\n+PONG\r\n");
    let mut writer = client.split();
    let writing = std::thread::spawn(move || writer.send(requests.repeat(100)));
    for _ in 0..100 {
        client.expect(&replies);
    }
    writing.join().expect("the server reads all");
}
