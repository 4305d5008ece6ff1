//! The unix socket.

use super::{backend, with};
use crate::common::{Certificates, Start};

#[test]
fn the_same_server() {
    let server = with().unix_socket().start();
    let mut unix = server.connect_unix();
    unix.talk(&[("SET k v", "+OK\r\n"), ("GET k", "$1\r\nv\r\n")]);
    server.connect().talk(&[("GET k", "$1\r\nv\r\n")]);
    let list = unix.text("CLIENT INFO");
    let path = server.unix().display();
    assert!(list.contains(&format!("addr={path}:0 ")), "{list}");
    unix.finish_sending();
    unix.expect_closed();
}

/// As Redis 7.2 shows them.
#[test]
fn all_listeners_are_named() {
    let certificates = Certificates::new();
    let server = Start::torc(backend()).tls(&certificates).unix_socket();
    let server = server.flag("bind", "127.0.0.1 -::1").start();
    let info = server.connect_unix().text("INFO server");
    let (path, port) = (server.unix().display(), server.port());
    let listeners = format!(
        "listener1:name=unix,bind={path}\r\nlistener2:name=tls,bind=127.0.0.1,bind=-::1,port={port}\r\n"
    );
    assert!(info.contains(&listeners), "{info}");
    let server = Start::torc(backend()).flag("bind", "127.0.0.1").start();
    let info = server.connect().text("INFO server");
    let listener = format!("\r\nlistener0:name=tcp,bind=127.0.0.1,port={}\r\n", server.port());
    assert!(info.contains(&listener) && !info.contains("listener1"), "{info}");
}

#[test]
fn with_two_reactors() {
    let server = with().unix_socket().threads(2).start();
    for number in 1..=20 {
        let mut client = server.connect_unix();
        client.talk(&[("INCR n", &format!(":{number}\r\n"))]);
    }
}
