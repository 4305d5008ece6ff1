//! How connections end, and how slow ones are borne.

use super::{backend, connected, with};
use crate::common::client::request;
use crate::common::{Client, Server, Start};

/// `printf 'PING\r\n' | nc`: what was asked is answered, then the server closes too.
#[test]
fn half_closed() {
    let (_server, mut client) = connected();
    client.send([request("SET k v"), request("GET k")].concat());
    client.finish_sending();
    client.expect(b"+OK\r\n$1\r\nv\r\n");
    client.expect_closed();
}

/// All replies are sent before the end, however many they are; redis-server drops those that the
/// socket does not take at once.
#[test]
fn half_closed_with_much_to_answer() {
    let server = Start::torc(backend()).start();
    let value = "x".repeat(100_000);
    let mut client = server.connect();
    client.talk(&[(&format!("SET k {value}"), "+OK\r\n")]);
    client.send(request("GET k").repeat(100));
    client.finish_sending();
    client.expect(format!("$100000\r\n{value}\r\n").repeat(100));
    client.expect_closed();
}

#[test]
fn silent_for_longer_than_the_timeout() {
    let server = with().threads(2).start();
    let mut silent: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for client in &mut silent {
        client.talk(&[("PING", "+PONG\r\n")]);
    }
    let mut other = server.connect();
    other.talk(&[("CONFIG SET timeout 1", "+OK\r\n")]);
    silent.iter_mut().for_each(Client::expect_closed);
    let mut late = server.connect();
    late.talk(&[
        ("CONFIG SET timeout 0", "+OK\r\n"),
        ("CONFIG GET timeout", "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"),
    ]);
}

#[test]
fn half_closed_within_a_request() {
    let (server, mut client) = connected();
    client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nva");
    client.finish_sending();
    client.expect_closed();
    server.connect().talk(&[("EXISTS k", ":0\r\n")]);
}

#[test]
fn gone_without_reading() {
    let (server, mut stays) = connected();
    let value = "x".repeat(1_000_000);
    stays.talk(&[(&format!("SET k {value}"), "+OK\r\n")]);
    for _ in 0..20 {
        let mut goes = server.connect();
        goes.send(request("GET k").repeat(5));
        drop(goes);
    }
    stays.talk(&[("STRLEN k", ":1000000\r\n")]);
}

/// A client that does not read stops being read itself; the others notice nothing, and when it
/// reads on it gets every reply.
#[test]
fn a_slow_reader() {
    let (server, mut other) = connected();
    let value = "x".repeat(10_000);
    other.talk(&[(&format!("SET k {value}"), "+OK\r\n")]);
    let mut slow = server.connect();
    let reply = format!("$10000\r\n{value}\r\n");
    let one = request("GET k");
    let all = one.repeat(20_000);
    let sent = slow.send_until_full(&all);
    for _ in 0..100 {
        other.talk(&[("PING", "+PONG\r\n")]);
    }
    let mut writer = slow.split();
    let rest = all[sent..].to_vec();
    let writing = std::thread::spawn(move || writer.send(rest));
    for _ in 0..20_000 {
        slow.expect(&reply);
    }
    writing.join().expect("the rest is read as well");
    slow.expect_silence();
}

#[test]
fn quit() {
    let (server, mut client) = connected();
    client.send([request("SET k v"), request("QUIT"), request("SET k lost")].concat());
    client.expect(b"+OK\r\n+OK\r\n");
    client.expect_closed();
    server.connect().talk(&[("GET k", "$1\r\nv\r\n")]);
}

#[test]
fn reset() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("SELECT 3", "+OK\r\n"),
        ("CLIENT SETNAME me", "+OK\r\n"),
        ("SET k v", "+OK\r\n"),
        ("RESET", "+RESET\r\n"),
        ("CLIENT GETNAME", "$-1\r\n"),
        ("EXISTS k", ":0\r\n"),
    ]);
}

/// One connection after another, as `redis-benchmark -k 0` does: slots are used again.
#[test]
fn coming_and_going() {
    let (server, _client) = connected();
    for round in 0..2000 {
        let mut client = server.connect();
        client.talk(&[("INCR visits", &format!(":{}\r\n", round + 1))]);
    }
}

#[test]
fn more_than_maxclients_are_refused() {
    let server = with().flag("maxclients", "3").start();
    let mut clients: Vec<_> = (0..3).map(|_| answered(&server)).collect();
    let mut refused = server.connect();
    refused.expect(b"-ERR max number of clients reached\r\n");
    refused.expect_closed();
    clients.pop();
    // Its place is free when the server has seen it go.
    let deadline = std::time::Instant::now() + crate::common::PATIENCE;
    loop {
        let mut next = server.connect();
        next.send(request("PING"));
        match next.read_reply() {
            reply if reply == b"+PONG\r\n" => break,
            _ => assert!(std::time::Instant::now() < deadline, "the place stays taken"),
        }
    }
}

fn answered(server: &Server) -> Client {
    let mut client = server.connect();
    client.talk(&[("PING", "+PONG\r\n")]);
    client
}
