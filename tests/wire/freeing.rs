//! A large collection that goes leaves nothing behind, whichever way it goes. It is freed in the
//! background, so memory is watched for a while.

use super::{connected, wait_until};
use crate::common::Client;
use crate::common::client::encode;

const ELEMENTS: usize = 1_000_000;
/// Elements of one request.
const BATCH: usize = 10_000;
/// What a server allocates besides.
const NOISE: u64 = 1 << 20;

#[test]
fn list() {
    check("RPUSH", |number| vec![format!("element:{number}")]);
}

#[test]
fn set() {
    check("SADD", |number| vec![format!("member:{number}")]);
}

#[test]
fn sorted_set() {
    check("ZADD", |number| vec![number.to_string(), format!("member:{number}")]);
}

#[test]
fn hash() {
    check("HSET", |number| vec![format!("field:{number}"), "value".to_owned()]);
}

/// Fills a key with `command`, then lets copies of it go, and at last the key itself.
fn check(command: &str, element: fn(usize) -> Vec<String>) {
    let (_server, mut client) = connected();
    let empty = client.info("used_memory");
    for start in (0..ELEMENTS).step_by(BATCH) {
        let elements = (start..start + BATCH).flat_map(element);
        let words: Vec<_> =
            [command.to_owned(), "k".to_owned()].into_iter().chain(elements).collect();
        client.send(encode(&words));
        client.read_reply();
    }
    let filled = client.info("used_memory");
    assert!(filled > empty + 8 * NOISE, "{filled} bytes with all elements, {empty} without");
    for (way, reply) in
        [("DEL copy", ":1\r\n"), ("SET copy v", "+OK\r\n"), ("PEXPIRE copy 1", ":1\r\n")]
    {
        client.talk(&[("COPY k copy REPLACE", ":1\r\n")]);
        let doubled = client.info("used_memory");
        assert!(doubled > filled + 8 * NOISE, "{doubled} bytes with a copy, {filled} without");
        client.talk(&[(way, reply)]);
        await_memory(&mut client, filled, way);
    }
    client.talk(&[("FLUSHALL", "+OK\r\n")]);
    await_memory(&mut client, empty, "FLUSHALL");
}

/// Waits until no more memory is in use than `before`.
#[track_caller]
pub(super) fn await_memory(client: &mut Client, before: u64, way: &str) {
    wait_until(way, || client.info("used_memory") <= before + NOISE);
}
