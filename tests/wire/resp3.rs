//! Replies in the forms of RESP3.

use super::connected;
use crate::common::{Client, Server, escaped, reply};

fn connected3() -> (Server, Client) {
    let (server, mut client) = connected();
    client.call("HELLO 3");
    (server, client)
}

#[test]
fn nulls_maps_and_arrays() {
    let (_server, mut client) = connected3();
    client.talk(&[
        ("GET none", "_\r\n"),
        ("MGET none none", "*2\r\n_\r\n_\r\n"),
        ("SET k v NX GET", "_\r\n"),
        ("RANDOMKEY", "$1\r\nk\r\n"),
        ("GETDEL k", "$1\r\nv\r\n"),
        ("RANDOMKEY", "_\r\n"),
        ("CLIENT GETNAME", "_\r\n"),
        ("KEYS *", "*0\r\n"),
        ("PING", "+PONG\r\n"),
        ("CONFIG GET databases", "%1\r\n$9\r\ndatabases\r\n$2\r\n16\r\n"),
        ("CONFIG GET nothing", "%0\r\n"),
        ("MSET a ohmytext b mynewtext", "+OK\r\n"),
        ("LCS a b IDX MINMATCHLEN 9", "%2\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:6\r\n"),
        ("INCRBYFLOAT f 1.5", "$3\r\n1.5\r\n"),
    ]);
}

/// Texts for people come as verbatim strings, which redis-cli prints as they are.
#[test]
fn texts_are_verbatim() {
    let (_server, mut client) = connected3();
    for line in ["INFO", "CLIENT LIST", "CLIENT INFO"] {
        let reply = client.call(line);
        let header = format!("={}\r\ntxt:", reply::text(&reply).map_or(0, <[u8]>::len) + 4);
        assert!(reply.starts_with(header.as_bytes()), "{line}: {}", escaped(&reply));
    }
}

#[test]
fn command_docs_are_maps() {
    let (_server, mut client) = connected3();
    let docs = client.call("COMMAND DOCS get");
    assert!(docs.starts_with(b"%1\r\n"), "{}", escaped(&docs));
    let docs = reply::elements(&docs).expect("a map");
    assert_eq!(docs[0], b"$3\r\nget\r\n");
    assert_eq!(docs[1][0], b'%');
    let info = client.call("COMMAND INFO get");
    let info = reply::elements(&info).expect("an array");
    let fields = reply::elements(info[0]).expect("an array");
    assert_eq!(fields[..2], [&b"$3\r\nget\r\n"[..], b":2\r\n"]);
    assert!(fields[2].starts_with(b"~"), "flags are a set");
}

/// RESET returns to RESP2.
#[test]
fn reset_ends_it() {
    let (_server, mut client) = connected3();
    client.talk(&[("RESET", "+RESET\r\n"), ("GET none", "$-1\r\n")]);
}
