//! Commands that work on keys of every type.

use super::connected;
use crate::common::{Client, reply};

#[test]
fn existence_and_removal() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("MSET a 1 b 2 c 3", "+OK\r\n"),
        ("EXISTS a b c d a", ":4\r\n"),
        ("TOUCH a d", ":1\r\n"),
        ("TYPE a", "+string\r\n"),
        ("TYPE d", "+none\r\n"),
        ("DEL a a d", ":1\r\n"),
        ("UNLINK b c", ":2\r\n"),
        ("DBSIZE", ":0\r\n"),
    ]);
}

#[test]
fn rename_and_copy() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("MSET a 1 b 2", "+OK\r\n"),
        ("EXPIREAT a 9999999999", ":1\r\n"),
        ("RENAME none a", "-ERR no such key\r\n"),
        ("RENAMENX a b", ":0\r\n"),
        ("RENAME a b", "+OK\r\n"),
        ("GET b", "$1\r\n1\r\n"),
        ("EXPIRETIME b", ":9999999999\r\n"),
        ("RENAME b b", "+OK\r\n"),
        ("COPY b c", ":1\r\n"),
        ("COPY b c", ":0\r\n"),
        ("COPY b c REPLACE", ":1\r\n"),
        ("EXPIRETIME c", ":9999999999\r\n"),
        ("COPY b b", "-ERR source and destination objects are the same\r\n"),
        ("COPY b b DB 1", ":1\r\n"),
        ("COPY b d DB 99", "-ERR DB index is out of range\r\n"),
    ]);
}

#[test]
fn keys_by_pattern() {
    let (_server, mut client) = connected();
    client.talk(&[("MSET one 1 two 2 three 3 four 4 t[o 5", "+OK\r\n")]);
    for (pattern, expected) in [
        ("*", "four one t[o three two"),
        ("*o*", "four one t[o two"),
        ("t??", "t[o two"),
        ("t[a-z]o", "two"),
        ("t[^w]*", "t[o three"),
        ("t\\[o", "t[o"),
        ("none", ""),
    ] {
        let reply = client.call(&format!("KEYS {pattern}"));
        assert_eq!(sorted(&reply), expected, "KEYS {pattern}");
    }
}

#[test]
fn scan_sees_every_key() {
    let (_server, mut client) = connected();
    for number in 0..1000 {
        client.talk(&[(&format!("SET key:{number} v"), "+OK\r\n")]);
    }
    for options in ["", "COUNT 1", "COUNT 7", "COUNT 100000", "MATCH * TYPE string"] {
        let keys = scan(&mut client, options);
        assert_eq!(keys.len(), 1000, "SCAN with {options:?}");
    }
    assert_eq!(scan(&mut client, "MATCH key:99*").len(), 11);
    assert_eq!(scan(&mut client, "TYPE list").len(), 0);
    client.talk(&[
        ("SCAN x", "-ERR invalid cursor\r\n"),
        ("SCAN 0 COUNT 0", "-ERR syntax error\r\n"),
        ("SCAN 0 COUNT x", "-ERR value is not an integer or out of range\r\n"),
        ("SCAN 0 MATCH", "-ERR syntax error\r\n"),
    ]);
}

#[test]
fn random_key() {
    let (_server, mut client) = connected();
    client.talk(&[("RANDOMKEY", "$-1\r\n"), ("MSET a 1 b 2", "+OK\r\n")]);
    let mut seen = [false; 2];
    for _ in 0..200 {
        match &client.call("RANDOMKEY")[..] {
            b"$1\r\na\r\n" => seen[0] = true,
            b"$1\r\nb\r\n" => seen[1] = true,
            other => panic!("{}", crate::common::escaped(other)),
        }
    }
    assert_eq!(seen, [true, true]);
}

fn sorted(reply: &[u8]) -> String {
    let keys = reply::elements(reply).expect("an array");
    let mut keys: Vec<_> = keys.iter().map(|key| text(key)).collect();
    keys.sort();
    keys.join(" ")
}

fn text(reply: &[u8]) -> String {
    String::from_utf8_lossy(reply::text(reply).expect("a string")).into_owned()
}

fn scan(client: &mut Client, options: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut cursor = scan_once(client, "0", options, &mut keys);
    while cursor != "0" {
        cursor = scan_once(client, &cursor, options, &mut keys);
    }
    keys.sort();
    keys.dedup();
    keys
}

fn scan_once(client: &mut Client, cursor: &str, options: &str, keys: &mut Vec<String>) -> String {
    let reply = client.call(&format!("SCAN {cursor} {options}"));
    let parts = reply::elements(&reply).expect("a cursor and keys");
    keys.extend(reply::elements(parts[1]).expect("an array").iter().map(|key| text(key)));
    text(parts[0])
}
