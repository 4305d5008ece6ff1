//! Many requests at once, cut anywhere.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{connected, with};
use crate::common::client::{encode, request};

/// Requests of every form, and their replies.
fn exchange() -> (Vec<u8>, Vec<u8>) {
    let requests = [
        &request("SET k value")[..],
        b"GET k\r\n",
        &encode(&[&b"SET"[..], b"binary", b"\r\n$5\r\n\x00\xff"]),
        b"\r\n*0\r\n",
        &request("GET binary"),
        &request("MGET k nothing binary"),
        b"SET 'in line' \"\\x00\"\n",
        &request("STRLEN \"in line\""),
        &request("GET"),
        &request("ECHO \"\""),
        &request("INCR k"),
    ];
    let replies = [
        &b"+OK\r\n"[..],
        b"$5\r\nvalue\r\n",
        b"+OK\r\n",
        b"$8\r\n\r\n$5\r\n\x00\xff\r\n",
        b"*3\r\n$5\r\nvalue\r\n$-1\r\n$8\r\n\r\n$5\r\n\x00\xff\r\n",
        b"+OK\r\n",
        b":1\r\n",
        b"-ERR wrong number of arguments for 'get' command\r\n",
        b"$0\r\n\r\n",
        b"-ERR value is not an integer or out of range\r\n",
    ];
    (requests.concat(), replies.concat())
}

#[test]
fn split_at_every_byte() {
    let (server, mut client) = connected();
    let (requests, replies) = exchange();
    for cut in 0..=requests.len() {
        let (front, back) = requests.split_at(cut);
        client.send(front);
        // An exchange on another connection: the server has seen the front alone by then.
        server.connect().talk(&[("PING", "+PONG\r\n")]);
        client.send(back);
        client.expect(&replies);
    }
    client.expect_silence();
}

#[test]
fn one_byte_at_a_time() {
    let (_server, mut client) = connected();
    let (requests, replies) = exchange();
    for byte in &requests {
        client.send([*byte]);
    }
    client.expect(&replies);
    client.expect_silence();
}

/// Cuts at random places, the seed is fixed.
#[test]
fn random_chunks() {
    let (_server, mut client) = connected();
    let (requests, replies) = exchange();
    let mut random = fastrand::Rng::with_seed(7);
    let all = requests.repeat(200);
    let mut rest = &all[..];
    let mut reader = client.split();
    let writing = std::thread::spawn(move || {
        for _ in 0..200 {
            reader.expect(&replies);
        }
    });
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(random.usize(1..=rest.len().min(3000)));
        client.send(chunk);
        rest = after;
    }
    writing.join().expect("every reply arrives");
}

#[test]
fn replies_keep_their_order() {
    let (_server, mut client) = connected();
    let mut requests = Vec::new();
    let mut replies = String::new();
    for number in 1..=10_000 {
        requests.extend(request("INCR counter"));
        replies.push_str(&format!(":{number}\r\n"));
    }
    client.send(requests);
    client.expect(replies);
}

#[test]
fn a_hundred_thousand_arguments() {
    let (_server, mut client) = connected();
    let mut words = vec!["MGET".to_owned()];
    words.extend((0..100_000).map(|number| format!("k{number}")));
    client.talk(&[("SET k99999 last", "+OK\r\n")]);
    client.send(encode(&words));
    client.expect([&b"*100000\r\n"[..], &b"$-1\r\n".repeat(99_999), b"$4\r\nlast\r\n"].concat());
}

/// A connection with much to do leaves turns to the others.
#[test]
fn a_busy_connection_starves_nobody() {
    let (server, mut busy) = connected();
    let mut reader = busy.split();
    let writing = std::thread::spawn(move || busy.send(request("PING").repeat(300_000)));
    let mut other = server.connect();
    for _ in 0..100 {
        other.talk(&[("PING", "+PONG\r\n")]);
    }
    reader.expect(b"+PONG\r\n".repeat(300_000));
    writing.join().expect("the server reads all");
}

/// Large replies leave piece by piece while small ones come and go: who has been answered is answered
/// again, however busy the ring is with the others.
#[test]
fn small_replies_beside_large_ones_that_leave_slowly() {
    let server = with().threads(1).start();
    let mut client = server.connect();
    client.talk(&[(&format!("SET long {}", "v".repeat(1_000_000)), "+OK\r\n")]);
    let ask = |_| {
        let mut reader = TcpStream::connect(("127.0.0.1", server.port())).expect("it accepts");
        reader.write_all(&b"GET long\r\n".repeat(8)).expect("it reads");
        reader
    };
    let mut readers: Vec<_> = (0..16).map(ask).collect();
    for round in 0..400 {
        readers[round % 16].read_exact(&mut [0; 150_000]).expect("there is more");
        client.talk(&[("PING", "+PONG\r\n"), ("PING", "+PONG\r\n")]);
    }
}
