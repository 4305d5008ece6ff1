//! How the server ends.

use rustix::process::Signal;

use super::{connected, with};
use crate::common::Client;

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
