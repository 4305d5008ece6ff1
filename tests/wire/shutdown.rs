//! How the server ends.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{backend, connected, with};
use crate::common::client::request;
use crate::common::{Client, PATIENCE, Server, Start};

#[test]
fn by_command() {
    let (mut server, mut client) = connected();
    let mut other = server.connect();
    other.talk(&[("PING", "+PONG\r\n")]);
    client.ask("SHUTDOWN NOSAVE");
    client.expect_closed();
    other.expect_closed();
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn by_signal() {
    for threads in [1, 2] {
        for signal in [Signal::TERM, Signal::INT] {
            let mut server = with().threads(threads).start();
            let mut client = server.connect();
            client.talk(&[("SET k v", "+OK\r\n")]);
            server.signal(signal);
            client.expect_closed();
            assert_eq!(server.ended().code(), Some(0));
        }
    }
}

#[test]
fn not_by_a_closed_terminal() {
    let (server, mut client) = connected();
    server.signal(Signal::HUP);
    // Whatever the signal does, it has done before a new connection is served.
    server.connect().talk(&[("SET k v", "+OK\r\n")]);
    client.talk(&[("GET k", "$1\r\nv\r\n")]);
}

/// Whoever reads the output may be gone, and so may any client.
#[test]
fn not_by_a_broken_pipe() {
    let (server, mut client) = connected();
    server.signal(Signal::PIPE);
    let mut gone = server.connect();
    gone.send(request("GET k").repeat(1000));
    drop(gone);
    server.connect().talk(&[("SET k v", "+OK\r\n")]);
    client.talk(&[("GET k", "$1\r\nv\r\n")]);
}

/// Bytes that clients of this port have sent and whose arrival the server's side has not confirmed.
fn on_their_way(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel shows its sockets");
    let remote = format!(":{port:04X}");
    let queue = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(2);
        let is_client = fields.next().is_some_and(|address| address.ends_with(&remote));
        let sent = fields.nth(1).and_then(|queues| queues.split(':').next()).unwrap_or("0");
        if is_client { usize::from_str_radix(sent, 16).expect("it is hexadecimal") } else { 0 }
    };
    table.lines().skip(1).map(queue).sum()
}

/// Waits until nobody listens at the server's port.
fn refused(server: &Server) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match TcpStream::connect(("127.0.0.1", server.port())) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return,
            _ => assert!(Instant::now() < deadline, "it still listens"),
        }
    }
}

/// All that the server's kernel has confirmed before the signal is answered, however much it is, and
/// nobody is let in meanwhile.
#[test]
fn answers_what_was_received_and_lets_nobody_in() {
    const REQUESTS: usize = 500;
    for threads in [1, 2] {
        for signal in [Signal::TERM, Signal::INT] {
            let start = Start::torc(backend()).threads(threads).flag("shutdown-timeout", "60");
            let mut server = start.start();
            let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
            let value = "v".repeat(1 << 20);
            clients[0].talk(&[(&format!("SET large {value}"), "+OK\r\n")]);
            // Does not read for now, and keeps the server from ending.
            let mut slow = server.connect();
            slow.send(request("GET large").repeat(16));
            for (number, client) in clients.iter_mut().enumerate() {
                client.send(request(&format!("INCR {number}")).repeat(REQUESTS));
            }
            let deadline = Instant::now() + PATIENCE;
            while on_their_way(server.port()) > 0 {
                assert!(Instant::now() < deadline, "the requests do not arrive");
            }
            server.signal(signal);
            refused(&server);
            for client in &mut clients {
                let replies: String = (1..=REQUESTS).map(|n| format!(":{n}\r\n")).collect();
                client.expect(replies);
                client.expect_closed();
            }
            slow.expect(format!("${}\r\n{value}\r\n", value.len()).repeat(16));
            slow.expect_closed();
            assert_eq!(server.ended().code(), Some(0));
        }
    }
}

/// Clients that do not stop asking, and one that never reads: the server does not wait for ever. Who
/// waits for its reply before it asks again has it, unless nothing of the request had arrived.
#[test]
fn ends_in_time_under_full_load() {
    for threads in [1, 2] {
        let start = Start::torc(backend()).threads(threads).flag("shutdown-timeout", "2");
        let server = start.start();
        let stopping = AtomicBool::new(false);
        let mut stalled = server.connect();
        stalled.talk(&[(&format!("SET large {}", "v".repeat(1 << 20)), "+OK\r\n")]);
        stalled.send(request("GET large").repeat(32));
        let port = server.port();
        std::thread::scope(|scope| {
            let mut server = server; // should this fail, the loads end with it
            let loads: Vec<_> =
                (0..6).map(|_| scope.spawn(|| ask_until_closed(port, &stopping))).collect();
            let mut client = server.connect();
            while client.integer("INCRBY asked 0") < 2000 {}
            stopping.store(true, Ordering::Release);
            let begun = Instant::now();
            server.signal(Signal::TERM);
            assert_eq!(server.ended().code(), Some(0));
            let took = begun.elapsed();
            assert!(took < Duration::from_secs(6), "took {took:?}");
            loads.into_iter().for_each(|load| load.join().expect("each reply was right"));
        });
    }
}

/// Sends pipelines and compares the replies, until the server closes, which it must not do before.
fn ask_until_closed(port: u16, stopping: &AtomicBool) {
    let mut client = Client::tcp(port);
    let pipeline = ["ECHO one", "INCR asked", "ECHO three"].map(request).concat();
    while client.try_send(&pipeline) {
        let Some(first) = client.next_reply() else { break };
        assert_eq!(first, b"$3\r\none\r\n");
        // Once the first of them was answered the others had arrived as well.
        let second = client.next_reply().expect("all of a pipeline is answered");
        assert!(second.starts_with(b":"));
        assert_eq!(client.next_reply().expect("all of it"), b"$5\r\nthree\r\n");
    }
    assert!(stopping.load(Ordering::Acquire), "closed before the signal");
}

/// A socket that a killed server has left behind does not keep the next one from starting.
#[test]
fn a_killed_server_leaves_no_trouble() {
    let mut server = Start::torc(backend()).unix_socket().start();
    server.connect_unix().talk(&[("SET k v", "+OK\r\n")]);
    server.kill();
    let path = server.unix().to_str().expect("temporary paths are UTF-8");
    assert!(server.unix().exists());
    let next = Start::torc(backend()).flag("unixsocket", path).start();
    Client::unix(server.unix()).talk(&[("GET k", "$-1\r\n"), ("SET k v", "+OK\r\n")]);
    drop(next);
}

#[test]
fn wrong_options() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("SHUTDOWN now please", "-ERR syntax error\r\n"),
        ("SHUTDOWN SAVE NOSAVE", "-ERR syntax error\r\n"),
        ("PING", "+PONG\r\n"),
    ]);
}

/// The socket's file goes with the server, so that the next one can bind it.
#[test]
fn removes_its_socket() {
    let mut server = with().unix_socket().start();
    let mut client: Client = server.connect_unix();
    client.ask("SHUTDOWN NOSAVE");
    client.expect_closed();
    assert_eq!(server.ended().code(), Some(0));
    assert!(!server.unix().exists(), "{} is still there", server.unix().display());
}
